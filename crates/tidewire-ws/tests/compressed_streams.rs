//! Compressed messages among others, whole, cut and damaged: any split gives the same, and what cannot be right fails
//! the connection once (RFC 7692 §6.2; classes D, E and N, check C2).
#![cfg(feature = "deflate")]
#![allow(clippy::unwrap_used, missing_docs)]

use std::sync::Arc;
use tidewire_testkit::properties::ws_deflate;
use tidewire_testkit::splits::Seeded;
use tidewire_ws::Role;
use tidewire_ws::deflate::{Agreement, Config, ContextTakeover, Pool};
use tidewire_ws::frame::MaskingKey;
use tidewire_ws::message::{Event, Fragment, Piece, Reader, Writer};

/// What a client says that compresses, in a conversation that keeps the rules; masked with a key of zeros.
fn conversation(source: &mut Seeded, agreement: &Agreement) -> Vec<u8> {
    let mut writer = Writer::client(Arc::default(), || MaskingKey([0; 4])).with_deflate(agreement);
    let mut stream = Vec::new();
    for _ in 0..=source.below(5) {
        let len = [0, 1, 40, 500, 3_000, 9_000][source.below(6)];
        let alphabet = 1 + source.below(60);
        let text: String =
            (0..len).map(|_| char::from_u32(0x20 + source.below(alphabet) as u32 * 97).unwrap()).collect();
        match source.below(6) {
            0 => writer.send_text(&text, &mut stream).unwrap(),
            1 => writer.send_binary(text.as_bytes(), &mut stream).unwrap(),
            2 => writer.send_ping(b"ping", &mut stream).unwrap(),
            _ => {
                let mut rest = text.as_bytes();
                while source.below(5) > 0 {
                    let (piece, tail) = rest.split_at(source.below(rest.len() + 1));
                    writer.send_binary_piece(piece, Fragment::More, &mut stream).unwrap();
                    if source.below(3) == 0 {
                        writer.send_ping(b"between", &mut stream).unwrap();
                    }
                    rest = tail;
                }
                writer.send_binary_piece(rest, Fragment::Final, &mut stream).unwrap();
            }
        }
    }
    stream
}

fn damage(source: &mut Seeded, stream: &mut Vec<u8>) {
    for _ in 0..source.below(4) {
        if stream.is_empty() {
            return;
        }
        let at = source.below(stream.len());
        match source.below(5) {
            0 => stream[at] = source.next_u64() as u8,
            1 => stream[at] ^= 1 << source.below(8),
            2 => drop(stream.remove(at)),
            3 => stream.insert(at, source.next_u64() as u8),
            _ => stream.truncate(at),
        }
    }
}

#[test]
fn compressed_streams_whole_and_damaged_give_the_same_in_any_pieces() {
    for seed in 0..120u64 {
        let mut source = Seeded::new(seed);
        let settings = seed as u8;
        // Both directions take over where the endpoint of the property agrees to both.
        let takeover = if settings & 0b11 == 0b11 { ContextTakeover::On } else { ContextTakeover::Off };
        let mut config = Config::default();
        config.min_len = 10;
        (config.send_takeover, config.receive_takeover) = (takeover, takeover);
        let pool = Pool::new(config);
        let offer = pool.offer();
        let accepted = pool.accept([offer.header_value().as_bytes()]).unwrap();
        let agreement = offer.agree([accepted.header_value().as_bytes()]).unwrap().unwrap();
        let mut stream = conversation(&mut source, &agreement);
        if seed >> 2 & 3 != 0 {
            damage(&mut source, &mut stream);
        }
        let data = [&[settings][..], &stream].concat();
        let outcome = std::panic::catch_unwind(|| ws_deflate::stream(&data));
        assert!(outcome.is_ok(), "seed {seed}");
    }
}

/// A compressed message of one kind is begun in pieces and ended whole; the next is of the other kind.
#[test]
fn a_message_that_was_lent_in_part_leaves_nothing_to_the_next() {
    let pool = Pool::default();
    let offer = pool.offer();
    let of_server = pool.accept([offer.header_value().as_bytes()]).unwrap();
    let of_client = offer.agree([of_server.header_value().as_bytes()]).unwrap().unwrap();
    for compressed_next in [true, false] {
        for binary_first in [true, false] {
            let mut server = Writer::server(Arc::default()).with_deflate(&of_server);
            let (mut first, mut rest) = (Vec::new(), Vec::new());
            let mut plain = Writer::server(Arc::default());
            if binary_first {
                server.send_binary_piece(b"\xFF one", Fragment::More, &mut first).unwrap();
                server.send_binary_piece(b" two", Fragment::Final, &mut rest).unwrap();
            } else {
                server.send_text_piece("one", Fragment::More, &mut first).unwrap();
                server.send_text_piece(" two", Fragment::Final, &mut rest).unwrap();
            }
            let next = if compressed_next { &mut server } else { &mut plain };
            if binary_first {
                next.send_text_piece("thr", Fragment::More, &mut rest).unwrap();
                next.send_text_piece("ee", Fragment::Final, &mut rest).unwrap();
            } else {
                next.send_binary_piece(b"\xFF thr", Fragment::More, &mut rest).unwrap();
                next.send_binary_piece(b"ee", Fragment::Final, &mut rest).unwrap();
            }
            let mut reader = Reader::new(Role::Client, Arc::default()).with_deflate(&of_client);
            let mut writer = Writer::client(Arc::default(), || MaskingKey([0; 4]));
            let mut output = Vec::new();
            let mut pieces = reader.receive_pieces(&mut first);
            let lent = pieces.next(&mut writer, &mut output).unwrap().unwrap();
            assert!(matches!(lent, Piece::Binary(..)) == binary_first);
            let mut events = reader.receive(&mut rest);
            let mut said = Vec::new();
            while let Some(event) = events.next(&mut writer, &mut output) {
                said.push(match event.unwrap() {
                    Event::Text(text) => format!("text {text}"),
                    Event::Binary(bytes) => format!("binary of {}", bytes.len()),
                    event @ (Event::Ping(_) | Event::Pong(_) | Event::Close(_)) => panic!("{event:?}"),
                });
            }
            let expected =
                if binary_first { ["binary of 4", "text three"] } else { ["text  two", "binary of 7"] };
            assert_eq!(said, expected, "next compressed: {compressed_next}");
        }
    }
}
