//! Properties of tidewire-ws's compression.

use std::sync::Arc;
use tidewire_ws::Role;
use tidewire_ws::deflate::{Agreement, Config, ContextTakeover, Pool, WindowBits};
use tidewire_ws::frame::{Header, MaskingKey, Opcode, ProtocolError, Rsv};
use tidewire_ws::message::{self, Event, Fragment, Reader, Writer};

use super::ws::{Pace, Said, drive, halves};
use super::ws_pieces::{Way, read_in_pieces};
use crate::inflate::{Fault, Inflater};
use crate::splits::{self, Seeded};

const LIMIT: usize = 20_000;

fn takeover(seed: u64) -> ContextTakeover {
    if seed % 2 == 0 { ContextTakeover::Off } else { ContextTakeover::On }
}

fn limits() -> Arc<message::Config> {
    let mut config = message::Config::default();
    config.max_message_len = LIMIT;
    Arc::new(config)
}

/// Any bytes as the payload of a compressed message that comes twice: the same messages or the same error in any pieces,
/// never longer than the limit, and what RFC 1951 makes of them.
///
/// # Panics
/// When it is not.
pub fn inflate(data: &[u8]) {
    let seed = data.len() as u64;
    let mut header = [0; 14];
    let fields = Header::new(Opcode::Binary, data.len() as u64);
    let masking_key = Some(MaskingKey([0; 4]));
    let header_len = Header { rsv: Rsv::RSV1, masking_key, ..fields }.encode(&mut header);
    let stream = [&header[..header_len], data].concat().repeat(2);
    for takeover in [ContextTakeover::Off, ContextTakeover::On] {
        let whole = read_binary(takeover, &splits::whole(&stream));
        assert!(whole.iter().all(|message| message.as_ref().map_or(0, Vec::len) <= LIMIT));
        for pieces in [splits::bytewise(&stream), splits::random(&stream, seed)] {
            assert!(read_binary(takeover, &pieces) == whole, "{takeover:?}, in {} pieces", pieces.len());
        }
        if data.len() <= LIMIT {
            assert_standard(takeover, data, &whole);
        }
    }
}

/// What a server makes of binary messages.
fn read_binary(takeover: ContextTakeover, pieces: &[&[u8]]) -> Vec<Result<Vec<u8>, ProtocolError>> {
    let mut config = Config::default();
    config.receive_takeover = takeover;
    let agreement = Pool::new(config).accept([&b"permessage-deflate"[..]]).expect("a fair offer");
    let mut reader = Reader::new(Role::Server, limits()).with_deflate(&agreement);
    let (mut writer, mut output) = (Writer::server(limits()), Vec::new());
    let mut said = Vec::new();
    for piece in pieces {
        let mut input = piece.to_vec();
        let mut events = reader.receive(&mut input);
        while let Some(event) = events.next(&mut writer, &mut output) {
            said.push(event.map(|event| match event {
                Event::Binary(bytes) => bytes.into_owned(),
                event @ (Event::Text(_) | Event::Ping(_) | Event::Pong(_) | Event::Close(_)) => {
                    panic!("{event:?}")
                }
            }));
        }
    }
    said
}

/// `said` is what the standard makes of two messages with this payload.
fn assert_standard(takeover: ContextTakeover, payload: &[u8], mut said: &[Result<Vec<u8>, ProtocolError>]) {
    let mut oracle = Inflater::new(15);
    for _ in 0..2 {
        let (first, rest) = said.split_first().expect("each message is answered");
        match (oracle.message(payload, LIMIT), first) {
            (Ok(expected), Ok(message)) => assert!(expected == *message, "{takeover:?}"),
            (Err(Fault::TooLong), Err(ProtocolError::MessageTooLong { .. }))
            | (Err(Fault::Invalid | Fault::Cut), Err(ProtocolError::InvalidDeflate)) => break,
            // With a context that is kept, not every cut shows.
            (Err(Fault::Cut), Ok(_)) if takeover == ContextTakeover::On => return,
            (expected, message) => {
                panic!(
                    "{takeover:?}: {:?}, expected {:?}",
                    message.as_ref().map(Vec::len),
                    expected.map(|message| message.len())
                )
            }
        }
        said = rest;
        if takeover == ContextTakeover::Off {
            oracle.reset();
        }
    }
    assert!(said.len() <= 1, "nothing comes after an error");
}

/// What is compressed at any setting, whole and in pieces, arrives as it was.
///
/// # Panics
/// When it does not.
pub fn round_trip(data: &[u8]) {
    let Some((settings, payload)) = data.split_first() else { return };
    let mut source = Seeded::new(u64::from(*settings));
    let mut config = Config::default();
    config.min_len = source.below(20);
    config.level = 1 + source.below(9) as u8;
    config.send_max_window_bits = WindowBits::new(8 + source.below(8) as u8).expect("8 to 15");
    (config.send_takeover, config.receive_takeover) =
        (takeover(source.next_u64()), takeover(source.next_u64()));
    let pool = Pool::new(config);
    let offer = pool.offer();
    let server = pool.accept([offer.header_value().as_bytes()]).expect("our own offer");
    let client =
        offer.agree([server.header_value().as_bytes()]).expect("our own response").expect("an agreement");
    let mut writer = Writer::server(limits()).with_deflate(&server);
    let mut reader = Reader::new(Role::Client, limits()).with_deflate(&client);
    let (mut answers, mut stream, mut sent) =
        (Writer::client(limits(), || MaskingKey([0; 4])), Vec::new(), Vec::new());
    for message in payload.chunks(1 + source.below(500)) {
        if source.below(2) == 0 {
            writer.send_binary(message, &mut stream).expect("it is open");
        } else {
            let (head, tail) = message.split_at(source.below(message.len() + 1));
            writer.send_binary_piece(head, Fragment::More, &mut stream).expect("it is open");
            writer.send_binary_piece(tail, Fragment::Final, &mut stream).expect("it is open");
        }
        sent.push(message);
    }
    let (mut received, mut output) = (Vec::new(), Vec::new());
    for piece in splits::random(&stream, u64::from(*settings)) {
        let mut input = piece.to_vec();
        let mut events = reader.receive(&mut input);
        while let Some(event) = events.next(&mut answers, &mut output) {
            match event.expect("what we send is right") {
                Event::Binary(bytes) => received.push(bytes.into_owned()),
                event @ (Event::Text(_) | Event::Ping(_) | Event::Pong(_) | Event::Close(_)) => {
                    panic!("{event:?}")
                }
            }
        }
    }
    assert_eq!(received, sent);
    assert_eq!(reader.held_len_bytes(), 0);
}

/// An agreement as a client and a server see it, of the settings that `seed` stands for.
fn agreement(role: Role, seed: u64) -> Agreement {
    let mut config = Config::default();
    (config.send_takeover, config.receive_takeover) = (takeover(seed), takeover(seed >> 1));
    let pool = Pool::new(config);
    let offer = pool.offer();
    let server = pool.accept([offer.header_value().as_bytes()]).expect("our own offer");
    match role {
        Role::Server => server,
        Role::Client => {
            let agreed = offer.agree([server.header_value().as_bytes()]).expect("our own response");
            agreed.expect("an agreement")
        }
    }
}

/// Any stream, behind a byte of settings, to an endpoint that takes compressed messages: the same events, end and
/// answers in any pieces; of the same messages those that it takes in pieces are a beginning, for they fail at once.
///
/// # Panics
/// When it is not so.
pub fn stream(data: &[u8]) {
    let Some((settings, data)) = data.split_first() else { return };
    let seed = u64::from(*settings);
    for role in [Role::Server, Role::Client] {
        let endpoint = || endpoint(role, &agreement(role, seed));
        let read = |pieces: &[&[u8]], pace| drive(endpoint(), pieces, pace, max_held);
        let whole = read(&splits::whole(data), Pace::Steady);
        // The messages may be long: they are not printed.
        for pieces in [splits::bytewise(data), splits::random(data, data.len() as u64)] {
            assert!(read(&pieces, Pace::Steady) == whole, "{role:?}, in {} pieces", pieces.len());
        }
        for pieces in [splits::whole(data), splits::random(data, !(data.len() as u64))] {
            assert!(read(&pieces, Pace::Paused) == whole, "{role:?}, one event at a time");
        }
        for pieces in [splits::whole(data), splits::bytewise(data), splits::random(data, seed)] {
            for way in [Way::Pieces, Way::Mixed(seed), Way::Mixed(!seed)] {
                let (said, _) = read_in_pieces(endpoint(), &pieces, way, 4 * LIMIT);
                assert!(agrees(&said, &whole.0), "{role:?} {way:?}, in {} pieces", pieces.len());
            }
        }
    }
}

/// Any stream, as [`stream`] has it, gives the same events, end and answers at `count` random splits.
///
/// # Panics
/// When it does not.
pub fn stream_at_splits(data: &[u8], count: u64) {
    let Some((settings, data)) = data.split_first() else { return };
    for role in [Role::Server, Role::Client] {
        let agreement = agreement(role, u64::from(*settings));
        let read = |pieces: &[&[u8]]| drive(endpoint(role, &agreement), pieces, Pace::Steady, max_held);
        let whole = read(&splits::whole(data));
        for seed in 0..count {
            assert!(read(&splits::random(data, seed)) == whole, "{role:?}, seed {seed}");
        }
    }
}

fn endpoint(role: Role, agreement: &Agreement) -> (Reader, Writer) {
    let (reader, writer) = halves(role, limits());
    (reader.with_deflate(agreement), writer)
}

/// What waits compressed, what is inflated and what it is copied from: all of it under the limit.
fn max_held(_arrived: usize) -> usize {
    4 * LIMIT
}

/// A compressed message that is not right fails in pieces as soon as that is seen, and joined when it is whole.
fn agrees(in_pieces: &[Said], whole: &[Said]) -> bool {
    match in_pieces.split_last() {
        Some((Said::Failed(_), before)) => match whole.last() {
            Some(Said::Text(_) | Said::Binary(_)) => before == whole,
            Some(Said::Ping(_) | Said::Pong(_) | Said::Close(_) | Said::Failed(_)) | None => {
                whole.starts_with(before)
            }
        },
        Some(_) | None => in_pieces == whole,
    }
}
