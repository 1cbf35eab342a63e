//! Hard lengths (class A) and violations (class N) at every cut; input given back and given again.
#![allow(clippy::unwrap_used, missing_docs)]

use std::sync::Arc;
use tidewire_ws::Role;
use tidewire_ws::frame::{MaskingKey, ProtocolError};
use tidewire_ws::message::{Config, Event, MessageKind, Reader, SendError, Writer};

fn server(max_message_len: usize) -> (Reader, Writer, Vec<u8>) {
    let mut config = Config::default();
    config.max_message_len = max_message_len;
    let config = Arc::new(config);
    (Reader::new(Role::Server, config.clone()), Writer::server(config), Vec::new())
}

/// A masked binary header in the 64-bit form.
fn header_64(payload_len: u64) -> Vec<u8> {
    [&[0x82, 0xFF][..], &payload_len.to_be_bytes(), &[0; 4]].concat()
}

/// Class A.
#[test]
fn lengths_at_the_edges_get_the_same_answer_at_every_cut() {
    let above =
        |payload_len| (payload_len, Some(ProtocolError::MessageTooLong { message_len: payload_len }), 1009);
    let cases = [
        (u64::MAX, Some(ProtocolError::LengthTopBit), 1002),
        (1 << 63, Some(ProtocolError::LengthTopBit), 1002),
        above((1 << 63) - 1),
        above(1 << 40),
        above((1 << 32) + 1),
        above(1 << 32),
        above((1 << 32) - 1),
        above((1 << 20) + 1),
        (1 << 20, None, 0),
        (0xFFFF, Some(ProtocolError::LengthNotMinimal { payload_len: 0xFFFF }), 1002),
    ];
    for (payload_len, expected, code) in cases {
        let stream = header_64(payload_len);
        for first in 0..=stream.len() {
            for second in first..=stream.len() {
                let (mut reader, mut writer, mut output) = server(1 << 20);
                let mut errors = Vec::new();
                for piece in
                    [&stream[..first], &stream[first..second], &stream[second..], &[0x82, 0x80, 0, 0, 0, 0]]
                {
                    let mut piece = piece.to_vec();
                    let mut events = reader.receive(&mut piece);
                    while let Some(next) = events.next(&mut writer, &mut output) {
                        errors.push(next.unwrap_err());
                    }
                }
                assert_eq!(errors, Vec::from_iter(expected), "{payload_len:#x} cut at {first} and {second}");
                assert!(reader.held_len_bytes() <= 16);
                match expected {
                    Some(_) => assert_eq!(output, [&[0x88, 0x02][..], &u16::to_be_bytes(code)].concat()),
                    None => assert!(output.is_empty()),
                }
            }
        }
    }
}

/// Class A.
#[test]
fn a_sum_of_fragments_that_overflows_is_above_the_limit() {
    let (mut reader, mut writer, mut output) = server(usize::MAX);
    let mut stream = [&[0x02, 0x81, 0, 0, 0, 0, 7][..], &[0x80, 0xFF, 0x7F], &[0xFF; 7], &[0; 4]].concat();
    // 1 + (2^63 − 1) is no overflow and below usize::MAX: it is waited for, without memory.
    assert!(reader.receive(&mut stream).next(&mut writer, &mut output).is_none());
    assert!(reader.wants_read() && reader.held_len_bytes() <= 8);
}

/// Class N.
#[test]
fn after_any_violation_a_good_frame_is_not_looked_at() {
    let bad: [(&[u8], u16); 14] = [
        (&[0x83, 0x80, 0, 0, 0, 0], 1002),
        (&[0x8F, 0x80, 0, 0, 0, 0], 1002),
        (&[0xC1, 0x80, 0, 0, 0, 0], 1002),
        (&[0x81, 0x00], 1002),
        (&[0x09, 0x80, 0, 0, 0, 0], 1002),
        (&[0x89, 0xFE, 0, 126, 0, 0, 0, 0], 1002),
        (&[0x80, 0x80, 0, 0, 0, 0], 1002),
        (&[0x01, 0x80, 0, 0, 0, 0, 0x81, 0x80, 0, 0, 0, 0], 1002),
        (&[0x82, 0xFE, 0, 1, 0, 0, 0, 0, 0], 1002),
        (&[0x88, 0x81, 0, 0, 0, 0, 3], 1002),
        (&[0x88, 0x82, 0, 0, 0, 0, 3, 0xED], 1002),
        (&[0x88, 0x83, 0, 0, 0, 0, 3, 0xE8, 0xFF], 1007),
        (&[0x81, 0x81, 0, 0, 0, 0, 0xFF], 1007),
        (&[0x82, 0x8B, 0, 0, 0, 0], 1009),
    ];
    let good = [0x81, 0x81, 0, 0, 0, 0, b'a'];
    for (bytes, code) in bad {
        let stream = [bytes, &good, &good].concat();
        for step in 1..=stream.len() {
            let (mut reader, mut writer, mut output) = server(10);
            let mut seen = 0;
            for piece in stream.clone().chunks_mut(step) {
                let len = piece.len();
                let mut events = reader.receive(piece);
                while let Some(next) = events.next(&mut writer, &mut output) {
                    assert_eq!(next.unwrap_err().close_code().value(), code, "{bytes:02X?}");
                    seen += 1;
                }
                assert_eq!(events.consumed(), len, "all of it is read, or discarded");
            }
            assert_eq!(seen, 1, "{bytes:02X?} in steps of {step}");
            assert_eq!(output, [&[0x88, 0x02][..], &code.to_be_bytes()].concat());
            assert!(writer.close_sent() && !reader.wants_read() && !reader.close_received());
        }
    }
}

#[test]
//= https://www.rfc-editor.org/rfc/rfc6455#section-5.1
//= type=test
//# A client MUST close a connection if it detects a masked
//# frame.
fn a_client_takes_no_masked_frame_and_masks_its_own_close() {
    let config = Arc::new(Config::default());
    let mut reader = Reader::new(Role::Client, config.clone());
    let mut writer = Writer::client(config, || MaskingKey([1, 2, 3, 4]));
    let mut output = Vec::new();
    let mut input = [0x81, 0x80, 0, 0, 0, 0];
    let next = reader.receive(&mut input).next(&mut writer, &mut output).map(Result::unwrap_err);
    assert_eq!(next, Some(ProtocolError::Masked));
    assert_eq!(output, [0x88, 0x82, 1, 2, 3, 4, 0x03 ^ 1, 0xEA ^ 2]);
    assert_eq!(writer.admit_encoded(), Err(SendError::NotOpen));
}

#[test]
fn a_shared_frame_is_for_open_servers_alone() {
    let config = Arc::new(Config::default());
    let client = Writer::client(config.clone(), || MaskingKey([0; 4]));
    assert_eq!(client.admit_encoded(), Err(SendError::MustMask));
    let mut writer = Writer::server(config);
    assert_eq!(writer.admit_encoded(), Ok(()));
    let header = writer.admit_payload(MessageKind::Text, 70_000).unwrap();
    assert_eq!(header.as_bytes(), [0x81, 0x7F, 0, 0, 0, 0, 0, 1, 0x11, 0x70]);
    writer.close(None, &mut Vec::new()).unwrap();
    assert_eq!(writer.admit_encoded(), Err(SendError::NotOpen));
    assert!(writer.admit_payload(MessageKind::Binary, 1).is_err());
}

#[test]
fn what_was_not_consumed_is_untouched_and_may_be_given_again() {
    let frame = |text: &[u8]| {
        let mut stream = Vec::new();
        let mut client = Writer::client(Arc::default(), || MaskingKey([9, 8, 7, 6]));
        client.send_binary(text, &mut stream).unwrap();
        stream
    };
    let frames: Vec<Vec<u8>> = (0..20u8).map(|n| frame(&[n; 30])).collect();
    let mut stream = frames.concat();
    let original = stream.clone();
    let (mut reader, mut writer, mut output) = server(100);
    let mut from = 0;
    for n in 0..20u8 {
        // One event, then backpressure.
        let mut events = reader.receive(&mut stream[from..]);
        match events.next(&mut writer, &mut output) {
            Some(Ok(Event::Binary(bytes))) => assert_eq!(*bytes, [n; 30]),
            other => panic!("{other:?}"),
        }
        from += events.consumed();
        assert_eq!(stream[from..], original[from..], "frame {n}");
    }
    assert_eq!(from, stream.len());
}

#[test]
fn a_whole_message_is_lent_and_a_joined_one_owned_with_its_buffer() {
    use std::borrow::Cow;
    let (mut reader, mut writer, mut output) = server(100);
    let mut whole = [0x81, 0x82, 1, 2, 3, 4, b'h' ^ 1, b'i' ^ 2];
    let range = whole.as_ptr_range();
    match reader.receive(&mut whole).next(&mut writer, &mut output) {
        Some(Ok(Event::Text(Cow::Borrowed(text)))) => assert!(text == "hi" && range.contains(&text.as_ptr())),
        other => panic!("{other:?}"),
    }
    let mut pieces = [[0x81, 0x82, 1, 2, 3, 4, b'h' ^ 1], [b'i' ^ 2, 0x89, 0x80, 1, 2, 3, 4]];
    let [first, second] = &mut pieces;
    assert!(reader.receive(first).next(&mut writer, &mut output).is_none());
    assert!(reader.held_len_bytes() > 0);
    let mut events = reader.receive(second);
    match events.next(&mut writer, &mut output) {
        Some(Ok(Event::Text(Cow::Owned(text)))) => assert_eq!(text, "hi"),
        other => panic!("{other:?}"),
    }
    assert_eq!(events.next(&mut writer, &mut output), Some(Ok(Event::Ping(b""))));
    assert_eq!(reader.held_len_bytes(), 0);
}

#[test]
fn a_control_frame_in_pieces_keeps_no_memory_once_it_was_seen() {
    for first in [0x88, 0x89, 0x8A] {
        let (mut reader, mut writer, mut output) = server(100);
        let stream = [&[first, 0xFD, 0, 0, 0, 0][..], b"\x03\xE8", &[b'p'; 123]].concat();
        let mut seen = 0;
        for piece in stream.clone().chunks_mut(10) {
            let mut events = reader.receive(piece);
            while let Some(next) = events.next(&mut writer, &mut output) {
                match next.unwrap() {
                    Event::Ping(payload) | Event::Pong(payload) => assert_eq!(payload, &stream[6..]),
                    Event::Close(frame) => assert_eq!(frame.unwrap().reason().len(), 123),
                    Event::Text(_) | Event::Binary(_) => panic!(),
                }
                seen += 1;
            }
        }
        assert_eq!((seen, reader.held_len_bytes()), (1, 0));
    }
}
