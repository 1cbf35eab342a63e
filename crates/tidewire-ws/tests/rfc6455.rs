//! Rules of RFC 6455 that exact bytes prove, a test each: what is written, what is read, what is refused.
#![allow(clippy::unwrap_used, missing_docs)]

use std::sync::Arc;
use tidewire_ws::Role;
use tidewire_ws::frame::{CloseCode, MaskingKey};
use tidewire_ws::handshake::client::Request;
use tidewire_ws::handshake::{HeadReader, InvalidField, Refusal, Response};
use tidewire_ws::message::{Config, Event, Fragment, MessageKind, Reader, Writer};

/// What a writer is told to send.
type Sent = fn(&mut Writer, &mut Vec<u8>);

/// A frame of each kind, without its key: the first two bytes of a server, and the payload.
const FRAMES: [(Sent, [u8; 2], &[u8]); 7] = [
    (|writer, output| writer.send_text("Hello", output).unwrap(), [0x81, 0x05], b"Hello"),
    (|writer, output| writer.send_binary(&[0, 255], output).unwrap(), [0x82, 0x02], &[0, 255]),
    (|writer, output| writer.send_ping(b"?", output).unwrap(), [0x89, 0x01], b"?"),
    (|writer, output| writer.send_pong(b"!", output).unwrap(), [0x8A, 0x01], b"!"),
    (|writer, output| writer.send_text_piece("He", Fragment::More, output).unwrap(), [0x01, 0x02], b"He"),
    (|writer, output| writer.close(None, output).unwrap(), [0x88, 0x00], b""),
    (
        |writer, output| writer.close(Some((CloseCode::GOING_AWAY, "bye")), output).unwrap(),
        [0x88, 0x05],
        b"\x03\xE9bye",
    ),
];

const KEY: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

fn server() -> (Writer, Vec<u8>) {
    (Writer::server(Arc::default()), Vec::new())
}

fn client() -> (Writer, Vec<u8>) {
    (Writer::client(Arc::default(), || MaskingKey(KEY)), Vec::new())
}

/// What an endpoint makes of a stream that breaks no rule, and what it answers.
fn events(role: Role, stream: &[u8]) -> (Vec<String>, Vec<u8>) {
    let mut reader = Reader::new(role, Arc::new(Config::default()));
    let (mut writer, mut output) = match role {
        Role::Server => server(),
        Role::Client => client(),
    };
    let (mut input, mut seen) = (stream.to_vec(), Vec::new());
    let mut events = reader.receive(&mut input);
    while let Some(event) = events.next(&mut writer, &mut output) {
        seen.push(match event.unwrap() {
            Event::Text(text) => format!("text {text}"),
            Event::Binary(payload) => format!("binary {payload:?}"),
            Event::Ping(payload) => format!("ping {payload:?}"),
            Event::Pong(payload) => format!("pong {payload:?}"),
            Event::Close(_) => "close".to_owned(),
        });
    }
    (seen, output)
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-5.1
//= type=test
//# A server MUST NOT mask any frames that it sends to the client.
//= https://www.rfc-editor.org/rfc/rfc6455#section-6.1
//= type=test
//# An endpoint MUST encapsulate the /data/ in a WebSocket frame as
//# defined in Section 5.2.
#[test]
fn a_server_sends_frames_unmasked() {
    for (send, header, payload) in FRAMES {
        let (mut writer, mut output) = server();
        send(&mut writer, &mut output);
        assert_eq!(output, [&header, payload].concat());
    }
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-5.1
//= type=test
//# To avoid confusing network intermediaries (such as
//# intercepting proxies) and for security reasons that are further
//# discussed in Section 10.3, a client MUST mask all frames that it
//# sends to the server (see Section 5.3 for further details).
//= https://www.rfc-editor.org/rfc/rfc6455#section-5.3
//= type=test
//# A masked frame MUST have the field frame-masked set to 1, as defined
//# in Section 5.2.
//= https://www.rfc-editor.org/rfc/rfc6455#section-6.1
//= type=test
//# If the data is being sent by the client, the frame(s) MUST be
//# masked as defined in Section 5.3.
#[test]
fn a_client_masks_every_frame_a_control_frame_too() {
    for (send, [first, len], payload) in FRAMES {
        let (mut writer, mut output) = client();
        send(&mut writer, &mut output);
        let masked: Vec<u8> =
            payload.iter().zip(KEY.iter().cycle()).map(|(octet, key)| octet ^ key).collect();
        assert_eq!(output, [&[first, 0x80 | len], &KEY[..], &masked].concat());
    }
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-5.2
//= type=test
//# frame-rsv1              = %x0 / %x1
//#                           ; 1 bit in length, MUST be 0 unless
//#                           ; negotiated otherwise
//= https://www.rfc-editor.org/rfc/rfc6455#section-5.2
//= type=test
//# frame-rsv2              = %x0 / %x1
//#                           ; 1 bit in length, MUST be 0 unless
//#                           ; negotiated otherwise
//= https://www.rfc-editor.org/rfc/rfc6455#section-5.2
//= type=test
//# frame-rsv3              = %x0 / %x1
//#                           ; 1 bit in length, MUST be 0 unless
//#                           ; negotiated otherwise
#[test]
fn no_frame_is_sent_with_a_reserved_bit() {
    for (send, [first, _], _) in FRAMES {
        for (mut writer, mut output) in [server(), client()] {
            send(&mut writer, &mut output);
            assert_eq!((output[0], output[0] & 0x70), (first, 0));
        }
    }
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-5.2
//= type=test
//# Note that
//# in all cases, the minimal number of bytes MUST be used to encode
//# the length, for example, the length of a 124-byte-long string
//# can't be encoded as the sequence 126, 0, 124.
#[test]
fn a_length_is_written_in_as_few_bytes_as_it_needs() {
    let rows: [(usize, &[u8]); 7] = [
        (0, &[0x82, 0]),
        (124, &[0x82, 124]),
        (125, &[0x82, 125]),
        (126, &[0x82, 126, 0, 126]),
        (0xFFFF, &[0x82, 126, 0xFF, 0xFF]),
        (0x1_0000, &[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        (0x1_0001, &[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 1]),
    ];
    for (len, header) in rows {
        let (mut writer, mut output) = server();
        writer.send_binary(&vec![7; len], &mut output).unwrap();
        assert_eq!((&output[..header.len()], output.len()), (header, header.len() + len));
        assert_eq!(writer.admit_payload(MessageKind::Binary, len).unwrap().as_bytes(), header);
        let (mut writer, mut output) = client();
        writer.send_binary(&vec![7; len], &mut output).unwrap();
        let masked = [&[0x82, 0x80 | header[1]], &header[2..], &KEY].concat();
        assert_eq!((&output[..masked.len()], output.len()), (&masked[..], masked.len() + len));
    }
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-5.4
//= type=test
//# An endpoint MUST be capable of handling control frames in the
//# middle of a fragmented message.
#[test]
fn control_frames_in_the_middle_of_a_message_are_handled_at_once() {
    let stream = [
        &[0x01, 0x83, 0, 0, 0, 0, b'H', b'e', b'l'][..],
        &[0x89, 0x81, 0, 0, 0, 0, b'?'],
        &[0x00, 0x80, 0, 0, 0, 0],
        &[0x8A, 0x80, 0, 0, 0, 0],
        &[0x80, 0x82, 0, 0, 0, 0, b'l', b'o'],
    ]
    .concat();
    let seen = ["ping [63]", "pong []", "text Hello"].map(str::to_owned);
    assert_eq!(events(Role::Server, &stream), (seen.to_vec(), vec![0x8A, 0x01, b'?']));
    // A close, too: what was begun is not finished.
    let stream = [0x01, 0x81, 0, 0, 0, 0, b'H', 0x88, 0x80, 0, 0, 0, 0, 0x80, 0x80, 0, 0, 0, 0];
    assert_eq!(events(Role::Server, &stream), (vec!["close".to_owned()], vec![0x88, 0x00]));
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-6.1
//= type=test
//# The opcode (frame-opcode) of the first frame containing the
//# data MUST be set to the appropriate value from Section 5.2 for
//# data that is to be interpreted by the recipient as text or binary
//# data.
//= https://www.rfc-editor.org/rfc/rfc6455#section-6.1
//= type=test
//# The FIN bit (frame-fin) of the last frame containing the data
//# MUST be set to 1 as defined in Section 5.2.
#[test]
fn the_first_frame_has_the_opcode_and_the_last_one_fin() {
    let (mut writer, mut output) = server();
    for fragment in [Fragment::More, Fragment::More, Fragment::Final] {
        writer.send_text_piece("a", fragment, &mut output).unwrap();
    }
    assert_eq!(output, [0x01, 0x01, b'a', 0x00, 0x01, b'a', 0x80, 0x01, b'a']);
    output.clear();
    for fragment in [Fragment::More, Fragment::More, Fragment::Final, Fragment::Final] {
        writer.send_binary_piece(b"b", fragment, &mut output).unwrap();
    }
    assert_eq!(output, [0x02, 0x01, b'b', 0x00, 0x01, b'b', 0x80, 0x01, b'b', 0x82, 0x01, b'b']);
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-6.2
//= type=test
//# Subsequent data frames MUST be interpreted as belonging to a new
//# WebSocket message.
#[test]
fn what_follows_a_final_frame_is_another_message() {
    let stream = [0x81, 0x01, b'a', 0x01, 0x01, b'b', 0x80, 0x01, b'c', 0x82, 0x01, 7, 0x81, 0x00];
    let seen = ["text a", "text bc", "binary [7]", "text "].map(str::to_owned);
    assert_eq!(events(Role::Client, &stream), (seen.to_vec(), Vec::new()));
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-7.1.2
//= type=test
//# To _Start the WebSocket Closing Handshake_ with a status code
//# (Section 7.4) /code/ and an optional close reason (Section 7.1.6)
//# /reason/, an endpoint MUST send a Close control frame, as described
//# in Section 5.5.1, whose status code is set to /code/ and whose close
//# reason is set to /reason/.
#[test]
fn a_close_frame_carries_the_code_and_the_reason_given() {
    let rows: [(u16, &str, &[u8]); 3] = [
        (1000, "", &[0x88, 0x02, 0x03, 0xE8]),
        (1001, "bye", &[0x88, 0x05, 0x03, 0xE9, b'b', b'y', b'e']),
        (4999, "\u{e9}", &[0x88, 0x04, 0x13, 0x87, 0xC3, 0xA9]),
    ];
    for (code, reason, frame) in rows {
        let (mut writer, mut output) = server();
        writer.close(Some((CloseCode::new(code).unwrap(), reason)), &mut output).unwrap();
        assert_eq!(output, frame);
    }
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1
//= type=test
//# 1005 is a reserved value and MUST NOT be set as a status code in a
//# Close control frame by an endpoint.
//= https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1
//= type=test
//# 1006 is a reserved value and MUST NOT be set as a status code in a
//# Close control frame by an endpoint.
//= https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1
//= type=test
//# 1015 is a reserved value and MUST NOT be set as a status code in a
//# Close control frame by an endpoint.
#[test]
fn no_close_frame_can_have_a_reserved_code_and_none_is_echoed() {
    for code in [1005u16, 1006, 1015] {
        assert!(CloseCode::new(code).is_err(), "{code}");
        let [high, low] = code.to_be_bytes();
        let mut reader = Reader::new(Role::Server, Arc::default());
        let (mut writer, mut output) = server();
        let mut input = [0x88, 0x82, 0, 0, 0, 0, high, low];
        assert!(reader.receive(&mut input).next(&mut writer, &mut output).unwrap().is_err());
        assert_eq!(output, [0x88, 0x02, 0x03, 0xEA], "{code} is answered with 1002");
    }
}

/// A request as it goes out.
fn written(request: &Request) -> String {
    let mut output = Vec::new();
    request.encode(&mut output);
    String::from_utf8(output).unwrap()
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
//= type=test
//# The request MUST contain a |Host| header field whose value
//# contains /host/ plus optionally ":" followed by /port/ (when not
//# using the default port).
//= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
//= type=test
//# The "Request-URI" part of the request MUST match the /resource
//# name/ defined in Section 3 (a relative URI) or be an absolute
//# http/https URI that, when parsed, has a /resource name/, /host/,
//# and /port/ that match the corresponding ws/wss URI.
#[test]
fn a_request_names_the_host_with_its_port_and_the_resource() {
    for (authority, target) in
        [("server.example.com", "/chat"), ("server.example.com:8080", "/"), ("[::1]:443", "/a?b=%20&c")]
    {
        let request = Request::new(authority, target, [0; 16]).unwrap();
        let start = format!("GET {target} HTTP/1.1\r\nHost: {authority}\r\nUpgrade: websocket\r\n");
        assert!(written(&request).starts_with(&start), "{request:?}");
    }
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
//= type=test
//# The elements that comprise this value
//# MUST be non-empty strings with characters in the range U+0021 to
//# U+007E not including separator characters as defined in
//# [RFC2616] and MUST all be unique strings.
#[test]
fn a_subprotocol_on_offer_is_a_token_and_unlike_the_others() {
    let request = || Request::new("a", "/", [0; 16]).unwrap();
    assert_eq!(request().subprotocol("").unwrap_err(), InvalidField::Subprotocol);
    for byte in 0..=0x7Fu8 {
        let name = format!("a{}", char::from(byte));
        let is_separator = b"()<>@,;:\\\"/[]?={} \t".contains(&byte);
        let fits = matches!(byte, 0x21..=0x7E) && !is_separator;
        assert_eq!(request().subprotocol(&name).is_ok(), fits, "{byte:#04x}");
    }
    assert!(request().subprotocol("\u{e9}").is_err());
    let offered = request().subprotocol("a").unwrap().subprotocol("A").unwrap();
    assert!(written(&offered).contains("\r\nSec-WebSocket-Protocol: a, A\r\n"));
    assert_eq!(offered.subprotocol("a").unwrap_err(), InvalidField::Subprotocol);
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-4.2.2
//= type=test
//# The absence
//# of such a field is equivalent to the null value (meaning that
//# if the server does not wish to agree to one of the suggested
//# subprotocols, it MUST NOT send back a |Sec-WebSocket-Protocol|
//# header field in its response).
#[test]
fn a_server_that_wants_none_of_the_subprotocols_names_none() {
    let mut head = HeadReader::new(Arc::default());
    let offering = Request::new("a", "/", *b"the sample nonce").unwrap().subprotocol("chat").unwrap();
    head.receive(written(&offering).as_bytes()).unwrap();
    let request = head.request().unwrap();
    assert_eq!(request.subprotocols(), ["chat"]);
    let response = Response::new().choose_subprotocol(request.subprotocols(), |_| false);
    let mut output = Vec::new();
    request.accept(&response, &mut output).unwrap();
    let expected = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    assert_eq!(String::from_utf8(output).unwrap(), expected);
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-4.2.2
//= type=test
//# If the server does not wish to accept this
//# connection, it MUST return an appropriate HTTP error code
//# (e.g., 403 Forbidden) and abort the WebSocket handshake
//# described in this section.
//= https://www.rfc-editor.org/rfc/rfc6455#section-4.2.2
//= type=test
//# If the
//# requested service is not available, the server MUST send an
//# appropriate HTTP error code (such as 404 Not Found) and abort
//# the WebSocket handshake.
#[test]
fn whoever_is_not_wanted_gets_a_status_that_says_so() {
    for (status, line) in [(403, "403 Forbidden"), (404, "404 Not Found"), (503, "503 Service Unavailable")] {
        let mut output = Vec::new();
        Refusal::new(status, "no").encode(&mut output);
        let expected = format!(
            "HTTP/1.1 {line}\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Content-Length: 3\r\n\r\nno\n"
        );
        assert_eq!(String::from_utf8(output).unwrap(), expected);
    }
}
