//! Frames and messages by the letter of RFC 6455: its examples, every first byte, every close code, each limit.
#![allow(clippy::unwrap_used, missing_docs)]

use std::sync::Arc;
use tidewire_ws::Role;
use tidewire_ws::frame::{Header, MaskingKey, ProtocolError};
use tidewire_ws::message::{Config, Event, Reader, SendError, Writer};

/// What a server makes of a stream: events, then the answers.
fn serve(change: fn(&mut Config), stream: &[u8]) -> (Vec<Result<String, ProtocolError>>, Vec<u8>) {
    let mut config = Config::default();
    change(&mut config);
    let config = Arc::new(config);
    let mut reader = Reader::new(Role::Server, config.clone());
    let (mut writer, mut output, mut said) = (Writer::server(config), Vec::new(), Vec::new());
    let mut input = stream.to_vec();
    let mut events = reader.receive(&mut input);
    while let Some(event) = events.next(&mut writer, &mut output) {
        said.push(event.map(|event| format!("{event:?}")));
    }
    (said, output)
}

fn defaults(_: &mut Config) {}

fn masked(first_byte: u8, payload: &[u8]) -> Vec<u8> {
    assert!(payload.len() < 126);
    [&[first_byte, 0x80 | payload.len() as u8, 0, 0, 0, 0][..], payload].concat()
}

fn close_code_of(output: &[u8]) -> Option<u16> {
    match output {
        [0x88, 0x02, high, low] => Some(u16::from_be_bytes([*high, *low])),
        _ => None,
    }
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-5.4
//= type=test
//# Clients and servers MUST support receiving both fragmented and
//# unfragmented messages.
//= https://www.rfc-editor.org/rfc/rfc6455#section-6.2
//= type=test
//# Incoming data MUST be parsed as WebSocket frames as defined in Section
//# 5.2.
//= https://www.rfc-editor.org/rfc/rfc6455#section-6.2
//= type=test
//# Upon receiving a data frame (Section 5.6), the endpoint MUST note the
//# /type/ of the data as defined by the opcode (frame-opcode) from Section
//# 5.2.
//= https://www.rfc-editor.org/rfc/rfc6455#section-6.2
//= type=test
//# A server MUST remove masking for data frames received from a client as
//# described in Section 5.3.
#[test]
fn the_examples_of_the_standard() {
    let unmasked: [&[u8]; 5] = [
        &[0x81, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F],
        &[0x01, 0x03, 0x48, 0x65, 0x6C, 0x80, 0x02, 0x6C, 0x6F],
        &[0x89, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F],
        &[[0x82, 0x7E, 0x01, 0x00].as_slice(), &[7; 256]].concat(),
        &[[0x82, 0x7F, 0, 0, 0, 0, 0, 1, 0, 0].as_slice(), &[7; 65_536]].concat(),
    ];
    for (stream, expected) in unmasked.iter().zip(["Hello", "Hello", "ping", "256", "65536"]) {
        let config = Arc::new(Config::default());
        let mut reader = Reader::new(Role::Client, config.clone());
        let mut writer = Writer::client(config, || MaskingKey([1, 2, 3, 4]));
        let mut input = stream.to_vec();
        let mut output = Vec::new();
        let mut events = reader.receive(&mut input);
        let said = match events.next(&mut writer, &mut output).unwrap().unwrap() {
            Event::Text(text) => text.into_owned(),
            Event::Binary(bytes) => bytes.len().to_string(),
            Event::Ping(payload) => {
                assert_eq!(payload, b"Hello");
                "ping".to_owned()
            }
            Event::Pong(_) | Event::Close(_) => panic!(),
        };
        assert_eq!(said, expected);
    }
    let (said, _) = serve(defaults, &[0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58]);
    assert_eq!(said, [Ok("Text(\"Hello\")".to_owned())]);
}

#[test]
fn of_all_first_bytes_only_the_defined_ones_open_a_frame() {
    for first in 0..=255u8 {
        let (said, output) = serve(defaults, &masked(first, b""));
        let rsv = first & 0x70 != 0;
        let opcode = first & 0x0F;
        let fin = first & 0x80 != 0;
        // 0x88 alone is a close without a body; a continuation has nothing to continue.
        let fine = !rsv && matches!((fin, opcode), (true, 0x1 | 0x2 | 0x8 | 0x9 | 0xA) | (false, 0x1 | 0x2));
        assert_eq!(said.iter().any(Result::is_err), !fine, "{first:#04x}: {said:?}");
        if !fine {
            assert_eq!(close_code_of(&output), Some(1002), "{first:#04x}");
        }
    }
}

#[test]
fn of_all_close_codes_only_those_for_the_wire_are_echoed() {
    for code in 0..=u16::MAX {
        let (said, output) = serve(defaults, &masked(0x88, &code.to_be_bytes()));
        let fine = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
        assert_eq!(said.len(), 1);
        assert_eq!(said[0].is_ok(), fine, "{code}");
        assert_eq!(close_code_of(&output), Some(if fine { code } else { 1002 }), "{code}");
    }
}

#[test]
fn a_close_has_no_body_or_a_code_and_utf_8() {
    assert_eq!(serve(defaults, &masked(0x88, b"")).1, [0x88, 0x00]);
    assert_eq!(close_code_of(&serve(defaults, &masked(0x88, b"x")).1), Some(1002));
    assert_eq!(close_code_of(&serve(defaults, &masked(0x88, b"\x03\xE8\xFF")).1), Some(1007));
    let longest = [&b"\x03\xE8"[..], &[b'r'; 123]].concat();
    assert_eq!(close_code_of(&serve(defaults, &masked(0x88, &longest)).1), Some(1000));
}

/// Class A.
#[test]
fn lengths_at_the_edges_are_compared_before_anything_is_kept() {
    let cases: [(&[u8], u16); 8] = [
        (&[0x82, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], 1002),
        (&[0x82, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0], 1002),
        (&[0x82, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0], 1009),
        (&[0x82, 0xFF, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0], 1009),
        (&[0x82, 0xFF, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0], 1009),
        (&[0x82, 0xFF, 0, 0, 0, 0, 0, 0x10, 0, 1, 0, 0, 0, 0], 1009),
        (&[0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0, 0, 0], 1002),
        (&[0x82, 0xFE, 0, 125, 0, 0, 0, 0], 1002),
    ];
    for (stream, code) in cases {
        let (said, output) = serve(defaults, stream);
        assert!(matches!(said[..], [Err(_)]), "{stream:x?}: {said:?}");
        assert_eq!(close_code_of(&output), Some(code), "{stream:x?}");
    }
    // At the limit the frame is waited for, and nothing is kept for it yet.
    let config = Arc::new(Config::default());
    let mut reader = Reader::new(Role::Server, config.clone());
    let mut input = [0x82, 0xFF, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0];
    let mut writer = Writer::server(config);
    assert!(reader.receive(&mut input).next(&mut writer, &mut Vec::new()).is_none());
    assert!(reader.wants_read() && reader.held_len_bytes() <= 64, "{}", reader.held_len_bytes());
}

/// Class C.
#[test]
fn fragments_are_counted_and_the_limit_is_the_last_that_is_taken() {
    let fragments = |count: usize| {
        let mut stream = masked(0x02, b"");
        for _ in 2..count {
            stream.extend_from_slice(&masked(0x00, b""));
        }
        stream.extend_from_slice(&masked(0x80, b"x"));
        stream
    };
    let (said, _) = serve(defaults, &fragments(1024));
    assert_eq!(said, [Ok("Binary([120])".to_owned())]);
    let (said, output) = serve(defaults, &fragments(1025));
    assert_eq!(said, [Err(ProtocolError::TooManyFragments { max_fragments: 1024 })]);
    assert_eq!(close_code_of(&output), Some(1008));
}

/// Class C, check C6.
#[test]
fn a_million_tiny_fragments_cost_what_they_bring() {
    for payload in [&b""[..], b"x"] {
        let mut config = Config::default();
        config.max_fragments = u32::MAX;
        let config = Arc::new(config);
        let mut reader = Reader::new(Role::Server, config.clone());
        let mut writer = Writer::server(config);
        let mut stream = masked(0x02, b"");
        stream.extend_from_slice(&masked(0x00, payload).repeat(1_000_000));
        for piece in stream.chunks_mut(64 * 1024) {
            assert!(reader.receive(piece).next(&mut writer, &mut Vec::new()).is_none());
        }
        let kept = 1_000_000 * payload.len();
        assert!(reader.held_len_bytes() <= 2 * kept + 64 * 1024, "{}", reader.held_len_bytes());
    }
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-10.4
//= type=test
//# Implementations that have implementation- and/or platform-specific
//# limitations regarding the frame size or total message size after
//# reassembly from multiple frames MUST protect themselves against
//# exceeding those limits.
//= https://www.rfc-editor.org/rfc/rfc6455#section-10.4
//= type=test
//# Such an implementation SHOULD impose a limit on frame sizes and the
//# total message size after reassembly from multiple frames.
#[test]
fn a_message_at_the_limit_arrives_and_one_byte_more_is_1009() {
    let low: fn(&mut Config) = |config| config.max_message_len = 10;
    assert_eq!(serve(low, &masked(0x81, b"1234567890")).0, [Ok("Text(\"1234567890\")".to_owned())]);
    let joined = |last: &[u8]| [masked(0x01, b"12345"), masked(0x80, last)].concat();
    assert_eq!(serve(low, &joined(b"67890")).0.len(), 1);
    for stream in [masked(0x81, b"12345678901"), joined(b"678901")] {
        let (said, output) = serve(low, &stream);
        assert_eq!(said, [Err(ProtocolError::MessageTooLong { message_len: 11 })]);
        assert_eq!(close_code_of(&output), Some(1009));
    }
}

#[test]
fn text_fails_at_the_first_bad_byte_even_of_a_frame_that_is_not_whole() {
    let bad: [&[u8]; 8] =
        [b"\xFF", b"\x80", b"\xC0", b"\xC1", b"\xED\xA0", b"\xE0\x80", b"\xF0\x80", b"\xF4\x90"];
    for bytes in bad {
        // The header promises more than has come.
        let stream = [&[0x81, 0x80 | 100, 0, 0, 0, 0][..], "κόσμε".as_bytes(), bytes].concat();
        let (said, output) = serve(defaults, &stream);
        assert_eq!(said, [Err(ProtocolError::InvalidUtf8)], "{bytes:x?}");
        assert_eq!(close_code_of(&output), Some(1007));
    }
    let cut = [masked(0x01, b"\xF0\x9F"), masked(0x80, b"\x98\x80")].concat();
    assert_eq!(serve(defaults, &cut).0, [Ok("Text(\"😀\")".to_owned())]);
    assert_eq!(serve(defaults, &masked(0x81, b"\xF0\x9F")).0, [Err(ProtocolError::InvalidUtf8)]);
}

/// Class H.
//= https://www.rfc-editor.org/rfc/rfc6455#section-5.5.2
//= type=test
//# Upon receipt of a Ping frame, an endpoint MUST send a Pong frame in
//# response, unless it already received a Close frame.
#[test]
fn while_output_is_blocked_only_the_newest_pong_is_kept() {
    let config = Arc::new(Config::default());
    let mut reader = Reader::new(Role::Server, config.clone());
    let mut writer = Writer::server(config);
    let mut output = vec![0; 4096];
    for number in 0..=255u8 {
        let mut ping = masked(0x89, &[number; 100]);
        assert!(reader.receive(&mut ping).next(&mut writer, &mut output).is_some());
    }
    assert_eq!(output.len(), 4096);
    output.clear();
    assert!(writer.poll_pong(&mut output));
    assert_eq!(output, [&[0x8A, 100][..], &[255; 100]].concat());
    assert!(!writer.poll_pong(&mut output));
    // One byte less waits than the limit: pings are answered at once.
    let mut output = vec![0; 4095];
    let mut ping = masked(0x89, b"now");
    assert!(reader.receive(&mut ping).next(&mut writer, &mut output).is_some());
    assert!(output.ends_with(b"\x8A\x03now"));
}

#[test]
fn control_frames_and_reasons_have_their_limits_when_sent_too() {
    let config = Arc::new(Config::default());
    let (mut writer, mut output) = (Writer::server(config), Vec::new());
    assert_eq!(writer.send_ping(&[0; 126], &mut output), Err(SendError::ControlTooLong { payload_len: 126 }));
    let reason = "r".repeat(124);
    let code = tidewire_ws::frame::CloseCode::NORMAL;
    let refused = writer.close(Some((code, &reason)), &mut output);
    assert_eq!(refused, Err(SendError::ReasonTooLong { reason_len: 124 }));
    assert!(output.is_empty() && !writer.close_sent());
    writer.send_ping(&[0; 125], &mut output).unwrap();
    writer.close(Some((code, &reason[..123])), &mut output).unwrap();
    assert_eq!(output.len(), 2 + 125 + 2 + 125);
    assert!(writer.send_text("x", &mut output).is_err() && writer.close(None, &mut output).is_err());
    assert_eq!(output.len(), 2 + 125 + 2 + 125);
}

#[test]
fn an_idle_connection_and_an_error_are_small() {
    let idle = size_of::<Reader>() + size_of::<Writer>();
    assert!(idle <= 200, "{idle} bytes");
    assert!(size_of::<ProtocolError>() <= 16);
    assert_eq!(size_of::<Option<Header>>(), size_of::<Header>());
}
