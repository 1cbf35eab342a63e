//! What we compress and what we inflate, beside a decoder that reads RFC 1951 bit by bit (RFC 7692 §7.2; classes D and E).
#![cfg(feature = "deflate")]
#![allow(clippy::unwrap_used, missing_docs)]

use std::sync::Arc;
use tidewire_testkit::inflate::Inflater;
use tidewire_testkit::properties::ws_deflate;
use tidewire_testkit::splits::Seeded;
use tidewire_ws::Role;
use tidewire_ws::deflate::{Broadcast, Config, ContextTakeover, Pool, WindowBits};
use tidewire_ws::frame::{Header, ProtocolError, Rsv};
use tidewire_ws::message::{Event, Fragment, Reader, Writer};

/// Bytes that repeat what is near and what is far, or nothing.
fn payload(source: &mut Seeded, max_len: usize) -> Vec<u8> {
    let len = source.below(max_len + 1);
    let mut bytes = Vec::with_capacity(len);
    let alphabet = 1 + source.below(256);
    while bytes.len() < len {
        let copied = source.below(400).min(bytes.len());
        match source.below(3) {
            0 => bytes.extend((0..source.below(100)).map(|_| source.below(alphabet) as u8)),
            1 => bytes.extend(vec![source.below(alphabet) as u8; source.below(600)]),
            _ => {
                let from = source.below(bytes.len() - copied + 1);
                bytes.extend_from_within(from..from + copied);
            }
        }
    }
    bytes.truncate(len);
    bytes
}

/// The first message in a stream without masks, as it was written, and what follows it.
fn split_message(stream: &[u8]) -> (Rsv, Vec<u8>, &[u8]) {
    let (mut rest, mut joined, mut rsv) = (stream, Vec::new(), None);
    loop {
        let (header, header_len) = Header::decode(rest).unwrap().unwrap();
        let (frame, tail) = rest.split_at(header_len + header.payload_len as usize);
        joined.extend_from_slice(&frame[header_len..]);
        rest = tail;
        let rsv = *rsv.get_or_insert(header.rsv);
        if header.fin {
            return (rsv, joined, rest);
        }
    }
}

fn config(takeover: ContextTakeover, bits: u8, level: u8) -> Config {
    let mut config = Config::default();
    config.min_len = 0;
    config.level = level;
    config.send_takeover = takeover;
    config.send_max_window_bits = WindowBits::new(bits).unwrap();
    config
}

#[test]
fn what_we_compress_keeps_to_the_window_and_the_context_that_were_agreed_to() {
    let mut compressed = 0;
    for bits in 9..=15 {
        for level in 1..=9 {
            for takeover in [ContextTakeover::Off, ContextTakeover::On] {
                let mut source = Seeded::new(u64::from(bits) << 8 | u64::from(level));
                let pool = Pool::new(config(takeover, bits, level));
                let agreement = pool.accept([&b"permessage-deflate"[..]]).unwrap();
                let mut writer = Writer::server(Arc::default()).with_deflate(&agreement);
                let mut oracle = Inflater::new(bits);
                for _ in 0..6 {
                    let message = payload(&mut source, 20_000);
                    let mut stream = Vec::new();
                    if source.below(2) == 0 {
                        writer.send_binary(&message, &mut stream).unwrap();
                    } else {
                        let (head, tail) = message.split_at(source.below(message.len() + 1));
                        writer.send_binary_piece(head, Fragment::More, &mut stream).unwrap();
                        writer.send_binary_piece(tail, Fragment::Final, &mut stream).unwrap();
                    }
                    let (rsv, sent, rest) = split_message(&stream);
                    assert!(rest.is_empty());
                    if rsv == Rsv::NONE {
                        assert!(sent == message);
                        continue;
                    }
                    compressed += 1;
                    let read = oracle.message(&sent, message.len());
                    assert!(
                        read.as_ref() == Ok(&message),
                        "{bits} bits, level {level}, {takeover:?}: {:?}",
                        read.err()
                    );
                    if takeover == ContextTakeover::Off {
                        oracle.reset();
                    }
                }
            }
        }
    }
    assert!(compressed > 500, "{compressed}");
}

#[test]
fn a_broadcast_refers_to_nothing_but_itself() {
    let pool = Pool::new(config(ContextTakeover::Off, 15, 6));
    let mut source = Seeded::new(4);
    for bits in 9..=15 {
        let offer = format!("permessage-deflate; server_max_window_bits={bits}");
        let writer = Writer::server(Arc::default()).with_deflate(&pool.accept([offer.as_bytes()]).unwrap());
        for _ in 0..20 {
            let message = payload(&mut source, 5_000);
            let frame = Broadcast::binary(&message, &pool).frame_for(&writer).unwrap().bytes().clone();
            let (rsv, sent, _) = split_message(&frame);
            match rsv {
                Rsv::NONE => assert!(sent == message),
                _ => assert!(Inflater::new(bits).message(&sent, message.len()) == Ok(message), "{bits} bits"),
            }
        }
    }
}

#[test]
fn damaged_messages_are_taken_and_refused_as_the_standard_has_it() {
    let pools: Vec<Pool> = (1..=9).map(|level| Pool::new(config(ContextTakeover::Off, 15, level))).collect();
    for seed in 0..400 {
        let mut source = Seeded::new(seed);
        let agreement = pools[source.below(9)].accept([&b"permessage-deflate"[..]]).unwrap();
        let mut writer = Writer::server(Arc::default()).with_deflate(&agreement);
        let mut stream = Vec::new();
        for _ in 0..=source.below(3) {
            let max_len = [3, 30, 300, 3_000][source.below(4)];
            writer.send_binary_piece(&payload(&mut source, max_len), Fragment::More, &mut stream).unwrap();
        }
        writer.send_binary_piece(b"", Fragment::Final, &mut stream).unwrap();
        let (_, mut sent, _) = split_message(&stream);
        for _ in 0..source.below(4) {
            let at = source.below(sent.len());
            match source.below(6) {
                0 => sent[at] = source.next_u64() as u8,
                1 => sent[at] ^= 1 << source.below(8),
                2 => drop(sent.remove(at)),
                3 => sent.insert(at, source.next_u64() as u8),
                // The first bit of a block may be BFINAL.
                4 => sent[0] ^= 1,
                _ => sent.truncate(at.max(1)),
            }
            if sent.is_empty() {
                break;
            }
        }
        let outcome = std::panic::catch_unwind(|| ws_deflate::inflate(&sent));
        assert!(outcome.is_ok(), "seed {seed}: {sent:02X?}");
    }
}

/// The server's answers to messages whose contexts are taken over.
fn messages(payloads: &[&[u8]]) -> Vec<Result<Vec<u8>, ProtocolError>> {
    let mut config = Config::default();
    config.receive_takeover = ContextTakeover::On;
    let agreement = Pool::new(config).accept([&b"permessage-deflate"[..]]).unwrap();
    let mut reader = Reader::new(Role::Server, Arc::default()).with_deflate(&agreement);
    let mut writer = Writer::server(Arc::default());
    let mut received = Vec::new();
    for payload in payloads {
        let mut stream = [&[0xC2, 0x80 | payload.len() as u8, 0, 0, 0, 0], *payload].concat();
        let mut events = reader.receive(&mut stream);
        while let Some(event) = events.next(&mut writer, &mut Vec::new()) {
            received.push(event.map(|event| match event {
                Event::Binary(bytes) => bytes.into_owned(),
                Event::Text(_) | Event::Ping(_) | Event::Pong(_) | Event::Close(_) => panic!("{event:?}"),
            }));
        }
    }
    received
}

const HELLO: &[u8] = &[0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00];
const HELLO_AGAIN: &[u8] = &[0xF2, 0x00, 0x11, 0x00, 0x00];

#[test]
fn a_context_survives_messages_of_nothing() {
    let hello = || Ok(b"Hello".to_vec());
    for nothing in [&[0x00][..], &[], &[0x02, 0x00], &[0x00, 0x00, 0x00, 0xFF, 0xFF, 0x00]] {
        let received = messages(&[HELLO, nothing, HELLO_AGAIN, nothing, nothing, HELLO_AGAIN]);
        assert_eq!(
            received,
            [hello(), Ok(vec![]), hello(), Ok(vec![]), Ok(vec![]), hello()],
            "{nothing:02X?}"
        );
    }
}

#[test]
fn a_message_cut_in_a_block_without_codes_of_its_own_is_refused_whatever_is_taken_over() {
    for cut in [
        &[0xF2, 0x48, 0xCD, 0xC9][..],
        &[0x00, 0x05, 0x00, 0xFA, 0xFF, 0x48, 0x65],
        &[0x00, 0x05],
        &[0x00, 0x00, 0x00, 0xFF, 0xFF],
        &[0xF3, 0x48, 0xCD, 0xC9],
        &[0x02],
    ] {
        assert_eq!(messages(&[cut, HELLO]), [Err(ProtocolError::InvalidDeflate)], "{cut:02X?}");
        let received = messages(&[HELLO, cut, HELLO]);
        assert_eq!(received, [Ok(b"Hello".to_vec()), Err(ProtocolError::InvalidDeflate)], "{cut:02X?}");
    }
}

/// zlib's streams end with a final block, and so their window does: nobody's decoder keeps it.
#[test]
fn a_final_block_ends_the_window() {
    let last: &[u8] = &[0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00];
    let hello = || Ok(b"Hello".to_vec());
    assert_eq!(messages(&[last, HELLO, HELLO_AGAIN]), [hello(), hello(), hello()]);
    assert_eq!(messages(&[last, last, HELLO]), [hello(), hello(), hello()]);
    let refused = Err(ProtocolError::InvalidDeflate);
    assert_eq!(messages(&[HELLO, last, HELLO_AGAIN, HELLO]), [hello(), hello(), refused]);
}
