//! What a server writes: the 101 and the refusals, byte for byte, and what never gets into them (RFC 6455 §4.2.2).

use crate::table::request;
use std::sync::Arc;
use tidewire_ws::handshake::{Config, HeadReader, InvalidField, Refusal, Response};

//= https://www.rfc-editor.org/rfc/rfc6455#section-4.2.2
//= type=test
//# The value chosen MUST be derived
//# from the client's handshake, specifically by selecting one of
//# the values from the |Sec-WebSocket-Protocol| field that the
//# server is willing to use for this connection (if any).
//= https://www.rfc-editor.org/rfc/rfc6455#section-4.2.2
//= type=test
//# If the server chooses to accept the incoming connection, it MUST
//# reply with a valid HTTP response indicating the following.
#[test]
fn the_101_names_what_was_chosen_and_only_what_was_offered() {
    let mut head = HeadReader::new(Arc::new(Config::default()));
    let stream =
        request(&[("", "Sec-WebSocket-Protocol: chat, superchat"), ("", "Origin: http://example.com")]);
    head.receive(stream.as_bytes()).unwrap();
    let request = head.request().unwrap();
    assert_eq!(request.subprotocols(), ["chat", "superchat"]);
    assert_eq!(
        (request.host(), request.origin()),
        (&b"server.example.com"[..], Some(&b"http://example.com"[..]))
    );
    let mut output = Vec::new();
    let other = Response::new().subprotocol("other").unwrap();
    assert_eq!(request.accept(&other, &mut output), Err(InvalidField::NotOffered));
    assert!(output.is_empty());
    let chosen = Response::new().subprotocol("superchat").unwrap().header("X-Served-By", "a 1").unwrap();
    request.accept(&chosen, &mut output).unwrap();
    let expected = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: superchat\r\n\
        X-Served-By: a 1\r\n\r\n";
    assert_eq!(String::from_utf8(output).unwrap(), expected);
}

#[test]
fn a_refusal_of_the_callers_own_is_one_response_that_nothing_can_split() {
    for byte in 0..=255u8 {
        let text = String::from_utf8_lossy(&[b'a', byte]).into_owned();
        let fits = matches!(byte, b'\t' | 0x20..=0x7E);
        let refusal = Refusal::new(302, "elsewhere").header("Location", &text);
        assert_eq!(refusal.is_ok(), fits, "{byte:#04x}");
        let mut output = Vec::new();
        let Ok(refusal) = refusal else { continue };
        refusal.encode(&mut output);
        let mut headers = [httparse::EMPTY_HEADER; 8];
        let mut parsed = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(len) = parsed.parse(&output).unwrap() else { panic!("{output:?}") };
        assert_eq!((parsed.code, parsed.headers.len()), (Some(302), 4));
        assert_eq!(&output[len..], b"elsewhere\n");
    }
}

/// Class J: of all bytes in the two fields of a 101, those that fit leave it one head with the fields that were given.
#[test]
fn no_byte_in_a_response_makes_another_line() {
    for byte in 0..=255u8 {
        let text = String::from_utf8_lossy(&[b'a', byte, b'b']).into_owned();
        // Offered and chosen, given as a value, given as a name.
        let chosen = Response::new().choose_subprotocol([&text], |_| true);
        let as_value = Response::new().header("X-A", &text);
        let as_name = Response::new().header(&text, "v");
        assert_eq!(as_value.is_ok(), matches!(byte, b'\t' | 0x20..=0x7E), "{byte:#04x}");
        let is_token = byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        assert_eq!(as_name.is_ok(), is_token, "{byte:#04x}");
        let offer =
            request(&[("", &format!("Sec-WebSocket-Protocol: a{}b", char::from(byte.clamp(0x21, 0x7E))))]);
        let mut head = HeadReader::new(Arc::default());
        head.receive(offer.as_bytes()).unwrap();
        let Ok(accepted) = head.request() else { continue };
        for response in [Ok(chosen), as_value, as_name].into_iter().flatten() {
            let mut output = Vec::new();
            if accepted.accept(&response, &mut output).is_err() {
                assert!(output.is_empty());
                continue;
            }
            let mut headers = [httparse::EMPTY_HEADER; 8];
            let mut parsed = httparse::Response::new(&mut headers);
            assert_eq!(
                parsed.parse(&output).unwrap(),
                httparse::Status::Complete(output.len()),
                "{byte:#04x}"
            );
            assert!(matches!(parsed.headers.len(), 3 | 4), "{byte:#04x}");
        }
    }
}

#[test]
fn a_header_comes_as_often_as_it_was_given() {
    let cookies = Response::new().header("Set-Cookie", "a=1; Secure").unwrap();
    let cookies = cookies.header("Set-Cookie", "b=2").unwrap();
    let mut head = HeadReader::new(Arc::default());
    head.receive(request(&[]).as_bytes()).unwrap();
    let mut output = Vec::new();
    head.request().unwrap().accept(&cookies, &mut output).unwrap();
    assert!(output.ends_with(b"\r\nSet-Cookie: a=1; Secure\r\nSet-Cookie: b=2\r\n\r\n"));
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-4.4
//= type=test
//# If the server
//# doesn't support the requested version, it MUST respond with a
//# |Sec-WebSocket-Version| header field (or multiple
//# |Sec-WebSocket-Version| header fields) containing all versions it is
//# willing to use.
#[test]
fn another_version_is_told_ours() {
    let mut head = HeadReader::new(Arc::default());
    let stream = request(&[("Sec-WebSocket-Version", "Sec-WebSocket-Version: 25")]);
    head.receive(stream.as_bytes()).unwrap();
    let mut output = Vec::new();
    head.request().unwrap_err().encode(&mut output);
    let output = String::from_utf8(output).unwrap();
    assert!(output.starts_with("HTTP/1.1 426 "), "{output}");
    assert!(output.contains("\r\nSec-WebSocket-Version: 13\r\n"), "{output}");
    assert!(output.contains("\r\nUpgrade: websocket\r\n"), "{output}");
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-4.2.2
//= type=test
//# Extensions not listed by the client MUST NOT be
//# listed.
#[cfg(feature = "deflate")]
#[test]
fn the_101_says_what_was_agreed_to_about_compression() {
    let stream = request(&[
        ("", "Sec-WebSocket-Extensions: foo, permessage-deflate; server_max_window_bits=8"),
        ("", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"),
    ]);
    let mut head = HeadReader::new(Arc::new(Config::default()));
    head.receive(stream.as_bytes()).unwrap();
    let request = head.request().unwrap();
    let agreement = tidewire_ws::deflate::Pool::default().accept(request.extensions()).unwrap();
    let mut output = Vec::new();
    request.accept(&Response::new().deflate(&agreement), &mut output).unwrap();
    let mut without = HeadReader::new(Arc::default());
    without.receive(crate::table::request(&[("", "Sec-WebSocket-Extensions: foo")]).as_bytes()).unwrap();
    let refused = without.request().unwrap().accept(&Response::new().deflate(&agreement), &mut Vec::new());
    assert_eq!(refused, Err(InvalidField::NotOffered));
    let output = String::from_utf8(output).unwrap();
    assert!(output.ends_with(
        "\r\nSec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; \
         client_no_context_takeover\r\n\r\n"
    ));
}
