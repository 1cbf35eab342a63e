//! What connections cost in memory, counted (classes B, C, D and H; checks C5, C6 and C7). One test, because the
//! counters are those of the whole process.
#![allow(clippy::unwrap_used, missing_docs)]

use std::sync::Arc;
use tidewire_ws::Role;
use tidewire_ws::frame::{MaskingKey, ProtocolError};
use tidewire_ws::message::{Config, Event, Fragment, Piece, Reader, Writer};

#[global_allocator]
static ALLOC: dhat::Alloc = dhat::Alloc;

/// Allocations made and most bytes held while `work` runs; what it gives back is dropped behind the count.
fn count<T>(work: impl FnOnce() -> T) -> (u64, usize) {
    let profiler = dhat::Profiler::builder().testing().build();
    let result = work();
    let stats = dhat::HeapStats::get();
    drop(profiler);
    drop(result);
    (stats.total_blocks, stats.max_bytes)
}

fn halves(config: &Arc<Config>) -> (Reader, Writer) {
    (Reader::new(Role::Server, config.clone()), Writer::server(config.clone()))
}

/// Class B and C5: a header that declares much, and then nothing.
fn a_declared_length_allocates_nothing() {
    let mut config = Config::default();
    config.max_message_len = usize::MAX;
    let config = Arc::new(config);
    for length in [1 << 16, 1 << 20, (1 << 32) - 1, 1 << 32, 1 << 40, 1 << 62, (1 << 63) - 1u64] {
        let mut stream = [&[0x82, 0xFF][..], &length.to_be_bytes(), &[1, 2, 3, 4], &[0xAA; 100]].concat();
        let (mut reader, mut writer) = halves(&config);
        let (_, held) = count(|| {
            assert!(reader.receive(&mut stream).next(&mut writer, &mut Vec::new()).is_none());
        });
        assert!(held <= 256, "{length:#x} declared, 100 bytes came: {held} held");
    }
    let (mut reader, mut writer) = halves(&Arc::default());
    let mut output = Vec::with_capacity(64);
    let (_, held) = count(|| {
        let mut lie = [0x82, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3, 4];
        let message_len = u64::MAX >> 1;
        let error = Some(Err(ProtocolError::MessageTooLong { message_len }));
        assert_eq!(reader.receive(&mut lie).next(&mut writer, &mut output), error);
    });
    assert!(held <= 4 * 1024, "C5: {held}");
}

/// Class C and C6: fragments of nothing or of a byte, a million of them.
fn fragments_cost_what_they_carry() {
    for payload_len in [0, 1] {
        let frame = [&[0x00, 0x80 | payload_len as u8, 0, 0, 0, 0][..], &vec![b'a'; payload_len]].concat();
        let first = [&[0x01], &frame[1..]].concat();
        let feed = |config: Config| {
            let (mut reader, mut writer) = halves(&Arc::new(config));
            let mut output = Vec::new();
            let mut buffer = first.clone();
            let began = reader.receive(&mut buffer).next(&mut writer, &mut output).is_none();
            assert!(began);
            for fragment in 2..=1_000_000 {
                buffer.copy_from_slice(&frame);
                if let Some(event) = reader.receive(&mut buffer).next(&mut writer, &mut output) {
                    return Err((fragment, event.map(drop).unwrap_err()));
                }
            }
            Ok(())
        };
        assert_eq!(
            feed(Config::default()),
            Err((1_025, ProtocolError::TooManyFragments { max_fragments: 1_024 })),
            "by default"
        );
        let mut config = Config::default();
        (config.max_fragments, config.max_message_len) = (u32::MAX, usize::MAX);
        let (_, held) = count(|| assert_eq!(feed(config), Ok(())));
        let limit = 2 * 1_000_000 * payload_len + 64 * 1024;
        assert!(held <= limit, "C6: {held} bytes for a million fragments of {payload_len}");
    }
}

/// A stream of small messages, echoed, allocates nothing, in either role.
fn small_messages_allocate_nothing() {
    let mut config = Config::default();
    // No pong is kept back: all of the output is written in one go.
    config.pong_high_water = usize::MAX;
    let config = Arc::new(config);
    let client = || Writer::client(config.clone(), || MaskingKey([0x37, 0xFA, 0x21, 0x3D]));
    let server = || Writer::server(config.clone());
    for (role, mut peer, mut writer) in
        [(Role::Server, client(), server()), (Role::Client, server(), client())]
    {
        let mut stream = Vec::new();
        for _ in 0..100 {
            peer.send_text("a small message, as most are", &mut stream).unwrap();
            peer.send_binary(&[7; 125], &mut stream).unwrap();
            peer.send_binary(&[7; 1_000], &mut stream).unwrap();
            peer.send_ping(b"are you there?", &mut stream).unwrap();
            peer.send_pong(b"yes", &mut stream).unwrap();
        }
        let mut reader = Reader::new(role, config.clone());
        let mut output = Vec::with_capacity(2 * stream.len());
        let mut input = stream.clone();
        let mut messages = 0;
        let (allocations, _) = count(|| {
            for _ in 0..10 {
                input.copy_from_slice(&stream);
                output.clear();
                let mut events = reader.receive(&mut input);
                while let Some(event) = events.next(&mut writer, &mut output) {
                    match event.unwrap() {
                        Event::Text(text) => writer.send_text(&text, &mut output).unwrap(),
                        Event::Binary(payload) => writer.send_binary(&payload, &mut output).unwrap(),
                        Event::Ping(_) | Event::Pong(_) => {}
                        Event::Close(_) => panic!("nobody sent one"),
                    }
                    messages += 1;
                }
            }
        });
        assert_eq!((messages, allocations), (5_000, 0), "{role:?}");
    }
}

/// A message in pieces, out and in, allocates nothing, however long it is.
fn pieces_allocate_nothing() {
    let mut config = Config::default();
    (config.max_message_len, config.max_fragments) = (usize::MAX, u32::MAX);
    let config = Arc::new(config);
    let mut client = Writer::client(config.clone(), || MaskingKey([0x37, 0xFA, 0x21, 0x3D]));
    let (mut reader, mut writer) = halves(&config);
    let (mut wire, mut output) = (Vec::with_capacity(4_096), Vec::new());
    let mut received = 0;
    let (allocations, _) = count(|| {
        for index in 1..=10_000 {
            wire.clear();
            let fragment = if index == 10_000 { Fragment::Final } else { Fragment::More };
            client.send_binary_piece(&[7; 1_000], fragment, &mut wire).unwrap();
            for input in wire.chunks_mut(600) {
                let mut pieces = reader.receive_pieces(input);
                while let Some(piece) = pieces.next(&mut writer, &mut output) {
                    let Ok(Piece::Binary(bytes, _)) = piece else { panic!("{piece:?}") };
                    received += bytes.len();
                }
            }
        }
    });
    assert_eq!((received, allocations), (10_000_000, 0));
}

/// Class N: who breaks the rules, or goes away, leaves nothing held for him.
fn what_ends_a_connection_gives_everything_back() {
    let config = Arc::new(Config::default());
    let header = [0x01, 0xFE, 0xEA, 0x60, 0, 0, 0, 0];
    let begun = [&header[..], &vec![b'a'; 60_000]].concat();
    let violation = &[0x83, 0x80, 0, 0, 0, 0][..];
    let close = &[0x88, 0x80, 0, 0, 0, 0][..];
    for last in [violation, close, b""] {
        let mut stream = [&begun, last].concat();
        let (mut reader, mut writer) = halves(&config);
        let mut output = Vec::with_capacity(64);
        let profiler = dhat::Profiler::builder().testing().build();
        let most = stream.chunks_mut(1_000).fold(0, |most, piece| {
            while reader.receive(piece).next(&mut writer, &mut output).is_some() {}
            most.max(reader.held_len_bytes())
        });
        let eof = reader.handle_eof();
        let left = dhat::HeapStats::get().curr_bytes;
        drop(profiler);
        assert!((60_000..=120_000).contains(&most), "{most} held");
        assert_eq!((left, reader.held_len_bytes()), (0, 0), "{eof:?}");
    }
}

/// Class H: pings without end while the output does not drain.
fn pings_that_are_not_taken_cost_one_pong() {
    let config = Arc::new(Config::default());
    let (mut reader, mut writer) = halves(&config);
    let ping = [&[0x89, 0xFD, 0, 0, 0, 0][..], &[b'p'; 125]].concat();
    let mut output = Vec::new();
    let mut input = ping.clone();
    let (_, held) = count(|| {
        for _ in 0..100_000 {
            input.copy_from_slice(&ping);
            let mut events = reader.receive(&mut input);
            while let Some(event) = events.next(&mut writer, &mut output) {
                assert!(event.is_ok());
            }
        }
    });
    assert!(output.len() < config.pong_high_water + 127 && writer.has_kept_pong());
    assert!(held <= 4 * config.pong_high_water, "{held} bytes for 12 MB of pings");
    output.clear();
    assert!(writer.poll_pong(&mut output));
    assert_eq!(output[2..], [b'p'; 125]);
}

/// After any message the connection holds nothing.
fn an_idle_connection_holds_nothing() {
    let config = Arc::new(Config::default());
    let mut client = Writer::client(config.clone(), || MaskingKey([1, 2, 3, 4]));
    let mut stream = Vec::new();
    client.send_binary(&vec![1; 60_000], &mut stream).unwrap();
    client.send_ping(b"ping", &mut stream).unwrap();
    let (mut reader, mut writer) = halves(&config);
    let mut output = Vec::with_capacity(100);
    let profiler = dhat::Profiler::builder().testing().build();
    for piece in stream.chunks_mut(1_000) {
        let mut events = reader.receive(piece);
        while let Some(event) = events.next(&mut writer, &mut output) {
            drop(event.unwrap());
        }
    }
    let left = dhat::HeapStats::get().curr_bytes;
    drop(profiler);
    assert_eq!((left, reader.held_len_bytes()), (0, 0));
}

/// 64 MiB of zeros as a client sends them compressed, in some fragments; masked with a key of zeros.
#[cfg(feature = "deflate")]
fn bomb(fragments: usize) -> Vec<u8> {
    use tidewire_ws::deflate::{Config, Pool};
    let mut config = Config::default();
    config.level = 9;
    let agreement = Pool::new(config).accept([&b"permessage-deflate"[..]]).unwrap();
    let mut writer = Writer::server(Arc::default()).with_deflate(&agreement);
    let piece = vec![0; (64 << 20) / fragments];
    let mut bomb = Vec::new();
    for index in 0..fragments {
        let fragment = if index + 1 == fragments { Fragment::Final } else { Fragment::More };
        let mut frame = Vec::new();
        writer.send_binary_piece(&piece, fragment, &mut frame).unwrap();
        frame[1] |= 0x80;
        let header_len = if frame[1] == 0xFF { 10 } else { 4 };
        bomb.extend_from_slice(&frame[..header_len]);
        bomb.extend_from_slice(&[0; 4]);
        bomb.extend_from_slice(&frame[header_len..]);
    }
    assert!(bomb.len() < 70_000, "{}", bomb.len());
    bomb
}

/// Class D and C7: 64 KiB on the wire that want to be 64 MiB.
#[cfg(feature = "deflate")]
fn a_bomb_costs_no_more_than_the_limit() {
    use tidewire_ws::deflate::{self, ContextTakeover, Pool};
    const LIMIT: usize = 64 * 1024;
    for bomb in [bomb(1), bomb(16)] {
        for takeover in [ContextTakeover::Off, ContextTakeover::On] {
            for piece_len in [bomb.len(), 1_460, 1] {
                let (mut limits, mut config) = (Config::default(), deflate::Config::default());
                limits.max_message_len = LIMIT;
                config.receive_takeover = takeover;
                let agreement = Pool::new(config).accept([&b"permessage-deflate"[..]]).unwrap();
                let (reader, mut writer) = halves(&Arc::new(limits));
                let mut reader = reader.with_deflate(&agreement);
                let mut input = bomb.clone();
                let (mut output, mut error) = (Vec::with_capacity(64), None);
                let (_, held) = count(|| {
                    for piece in input.chunks_mut(piece_len) {
                        if let Some(event) = reader.receive(piece).next(&mut writer, &mut output) {
                            error = event.map(drop).err();
                        }
                    }
                });
                let message_len = LIMIT as u64 + 1;
                assert_eq!(error, Some(ProtocolError::MessageTooLong { message_len }));
                assert_eq!(output, [0x88, 0x02, 0x03, 0xF1]);
                assert!(held <= LIMIT + 64 * 1024, "C7: {held} in pieces of {piece_len}");
                println!("C7: {held} bytes held, {takeover:?}, in pieces of {piece_len}");
            }
        }
    }
}

#[test]
fn memory_grows_with_what_arrived_and_is_given_back() {
    a_declared_length_allocates_nothing();
    fragments_cost_what_they_carry();
    small_messages_allocate_nothing();
    pieces_allocate_nothing();
    what_ends_a_connection_gives_everything_back();
    pings_that_are_not_taken_cost_one_pong();
    an_idle_connection_holds_nothing();
    #[cfg(feature = "deflate")]
    a_bomb_costs_no_more_than_the_limit();
}
