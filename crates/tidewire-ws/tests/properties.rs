//! Random streams, splits and round trips; the properties themselves are the testkit's.
#![allow(clippy::unwrap_used, missing_docs)]

use proptest::prelude::*;
use std::sync::Arc;
use tidewire_testkit::properties::{ws, ws_eof, ws_handshake, ws_pair, ws_parts};
use tidewire_ws::Role;
use tidewire_ws::frame::{CloseCode, MaskingKey, mask};
use tidewire_ws::message::{Config, Event, Reader, Writer};

/// Bytes that look like frames more often than chance would have it.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let first = prop::sample::select(vec![
        0x00u8, 0x01, 0x02, 0x80, 0x81, 0x82, 0x88, 0x89, 0x8A, 0x08, 0x83, 0xC1, 0x09,
    ]);
    let frame = (first, any::<bool>(), prop::collection::vec(any::<u8>(), 0..140), any::<[u8; 4]>())
        .prop_map(|(first, masked, payload, key)| {
            let mut frame = vec![first];
            let flag = if masked { 0x80 } else { 0 };
            match payload.len() {
                len @ 0..=125 => frame.push(flag | len as u8),
                len => {
                    frame.push(flag | 126);
                    frame.extend_from_slice(&(len as u16).to_be_bytes());
                }
            }
            if masked {
                frame.extend_from_slice(&key);
            }
            frame.extend_from_slice(&payload);
            frame
        });
    let piece = prop_oneof![8 => frame, 1 => prop::collection::vec(any::<u8>(), 0..20)];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

#[derive(Clone, Debug)]
enum Sent {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
}

fn sent() -> impl Strategy<Value = Vec<Sent>> {
    let one = prop_oneof![
        "(?s).{0,80}".prop_map(Sent::Text),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(Sent::Binary),
        prop::collection::vec(any::<u8>(), 0..=125).prop_map(Sent::Ping),
    ];
    prop::collection::vec(one, 0..12)
}

/// Sends everything from one role to the other in pieces of `step`; gives what arrived.
fn carry(from: Role, sent: &[Sent], step: usize) -> Vec<String> {
    let config = Arc::new(Config::default());
    let client = || Writer::client(config.clone(), || MaskingKey([0xA5, 0x3C, 0x00, 0xFF]));
    let server = || Writer::server(config.clone());
    let (mut writer, mut answers, to) = match from {
        Role::Client => (client(), server(), Role::Server),
        Role::Server => (server(), client(), Role::Client),
    };
    let mut stream = Vec::new();
    for one in sent {
        match one {
            Sent::Text(text) => writer.send_text(text, &mut stream).unwrap(),
            Sent::Binary(bytes) => writer.send_binary(bytes, &mut stream).unwrap(),
            Sent::Ping(payload) => writer.send_ping(payload, &mut stream).unwrap(),
        }
    }
    writer.close(Some((CloseCode::NORMAL, "done")), &mut stream).unwrap();
    let mut reader = Reader::new(to, config);
    let (mut arrived, mut output) = (Vec::new(), Vec::new());
    for piece in stream.chunks_mut(step) {
        let mut events = reader.receive(piece);
        while let Some(event) = events.next(&mut answers, &mut output) {
            arrived.push(match event.unwrap() {
                Event::Text(text) => format!("text {text}"),
                Event::Binary(bytes) => format!("binary {bytes:?}"),
                Event::Ping(payload) => format!("ping {payload:?}"),
                Event::Pong(payload) => format!("pong {payload:?}"),
                Event::Close(frame) => format!("close {}", frame.unwrap().reason()),
            });
        }
    }
    assert!(reader.close_received() && answers.close_sent());
    assert_eq!(reader.held_len_bytes(), 0);
    arrived
}

proptest! {
    #[test]
    fn any_stream_gives_the_same_events_in_any_pieces(stream in stream()) {
        ws::stream(&stream);
        ws::frames(&stream);
        ws::header(&stream);
    }

    #[test]
    fn any_head_gets_the_same_answer_in_any_pieces(head in "(?s)(GET / HTTP/1.1\r\n)?(Host: a\r\n)?(Upgrade: websocket\r\n)?(Connection: [a-zA-Z, ]{0,9}(Upgrade)?\r\n)?(Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n)?(Sec-WebSocket-Version: 13\r\n)?.{0,9}(\r\n)?\r?\n.{0,9}") {
        ws_handshake::head(head.as_bytes());
    }

    #[test]
    fn a_text_is_what_the_standard_library_says_it_is(
        text in "(?s).{0,80}",
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
    ) {
        let mut bytes = text.into_bytes();
        for (index, byte) in damage {
            if !bytes.is_empty() {
                *index.get_mut(&mut bytes[..]) = byte;
            }
        }
        ws_parts::utf8(&bytes);
    }

    #[test]
    fn a_close_frame_is_judged_by_the_tables(
        code in prop_oneof![990u16..1030, 2990u16..3010, 4990u16..5010, any::<u16>()],
        reason in "(?s).{0,60}",
        bad in prop::option::weighted(0.2, any::<u8>()),
    ) {
        let payload = [&code.to_be_bytes(), reason.as_bytes(), bad.as_slice()].concat();
        for len in [0, 1, 2, payload.len()] {
            ws_parts::close(&payload[..len.min(payload.len())]);
        }
    }

    #[test]
    fn every_end_of_a_stream_is_told_for_what_it_is(operations in prop::collection::vec(any::<u8>(), 0..24)) {
        ws_eof::every_end(&operations);
    }

    #[test]
    fn two_sides_lose_nothing_however_they_take_what_arrives(
        operations in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        ws_pair::operations(&operations);
    }

    #[test]
    fn what_is_sent_arrives_in_both_directions(sent in sent(), step in 1usize..400) {
        let expected: Vec<String> = sent.iter().map(|one| match one {
            Sent::Text(text) => format!("text {text}"),
            Sent::Binary(bytes) => format!("binary {bytes:?}"),
            Sent::Ping(payload) => format!("ping {payload:?}"),
        }).chain(["close done".to_owned()]).collect();
        for from in [Role::Client, Role::Server] {
            prop_assert_eq!(carry(from, &sent, step), expected.clone());
        }
    }

    #[test]
    fn masking_is_what_a_loop_over_bytes_does(payload in prop::collection::vec(any::<u8>(), 0..600), key in any::<[u8; 4]>(), offset in 0usize..9) {
        let mut masked = payload.clone();
        mask(&mut masked, MaskingKey(key), offset);
        let oracle: Vec<u8> =
            payload.iter().enumerate().map(|(index, byte)| byte ^ key[(index + offset) % 4]).collect();
        prop_assert_eq!(masked, oracle);
    }
}
