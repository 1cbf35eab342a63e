//! Properties of tidewire-ws's frames and messages.

use std::sync::Arc;
use tidewire_ws::Role;
use tidewire_ws::frame::{CloseFrame, Decoder, Header, MaskingKey, Piece, ProtocolError};
use tidewire_ws::message::{Config, Eof, Event, Reader, Writer};

use crate::splits;

/// A header that decodes has one encoding, the bytes it was decoded from; no byte behind it is looked at, and with
/// any byte less it is not whole.
///
/// # Panics
/// When it does not hold.
pub fn header(data: &[u8]) {
    let Ok(Some((header, len))) = Header::decode(data) else { return };
    let mut encoded = [0; 14];
    assert_eq!(header.encode(&mut encoded), len);
    assert_eq!(encoded[..len], data[..len]);
    assert_eq!(header.header_len(), len);
    assert_eq!(Header::decode(&data[..len]), Ok(Some((header, len))));
    for short in 0..len {
        assert_eq!(Header::decode(&data[..short]), Ok(None));
    }
}

/// What a decoder said: headers, and the payload of each frame joined.
#[derive(Debug, Default, PartialEq)]
struct Frames {
    headers: Vec<Header>,
    payloads: Vec<Vec<u8>>,
    error: Option<ProtocolError>,
}

fn decode(pieces: &[&[u8]]) -> Frames {
    let mut decoder = Decoder::new();
    let mut frames = Frames::default();
    for piece in pieces {
        let mut piece = piece.to_vec();
        for found in decoder.receive(&mut piece) {
            match found {
                Ok(Piece::Header(header)) => {
                    assert!(frames.error.is_none(), "a frame after an error");
                    frames.headers.push(header);
                    frames.payloads.push(Vec::new());
                }
                Ok(Piece::Payload { bytes, .. }) => {
                    frames.payloads.last_mut().expect("a payload has a header").extend_from_slice(bytes);
                }
                Err(error) => {
                    assert!(frames.error.is_none(), "an error after an error");
                    frames.error = Some(error);
                }
            }
        }
    }
    frames
}

/// A stream decodes to the same frames in any pieces, unmasked as a byte-wise oracle does it.
///
/// # Panics
/// When it does not.
pub fn frames(data: &[u8]) {
    let whole = decode(&splits::whole(data));
    for pieces in [splits::bytewise(data), splits::random(data, data.len() as u64)] {
        assert_eq!(decode(&pieces), whole);
    }
    let mut rest = data;
    for (header, payload) in whole.headers.iter().zip(&whole.payloads) {
        rest = &rest[header.header_len()..];
        let key = header.masking_key.unwrap_or(MaskingKey([0; 4])).0;
        let oracle: Vec<u8> =
            rest.iter().take(payload.len()).enumerate().map(|(index, byte)| byte ^ key[index % 4]).collect();
        assert_eq!(*payload, oracle);
        rest = &rest[payload.len()..];
    }
}

/// A stream decodes to the same frames at `count` random splits.
///
/// # Panics
/// When it does not.
pub fn frames_at_splits(data: &[u8], count: u64) {
    let whole = decode(&splits::whole(data));
    for seed in 0..count {
        assert_eq!(decode(&splits::random(data, seed)), whole, "seed {seed}");
    }
}

/// What a reader said, owned.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Said {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<(u16, String)>),
    Failed(ProtocolError),
}

impl Said {
    pub(super) fn close(frame: Option<CloseFrame<'_>>) -> Self {
        Self::Close(frame.map(|frame| (frame.code().value(), frame.reason().to_owned())))
    }
}

/// Limits low enough to be met by small inputs.
pub(super) fn low_limits() -> Arc<Config> {
    let mut config = Config::default();
    config.max_message_len = 300;
    config.max_fragments = 4;
    Arc::new(config)
}

/// How events are asked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pace {
    /// All that an input has to give, one after the other.
    Steady,
    /// One at a time: what was not read is given again.
    Paused,
}

impl Said {
    fn new(event: Result<Event<'_>, ProtocolError>) -> Self {
        match event {
            Ok(Event::Text(text)) => Self::Text(text.into_owned()),
            Ok(Event::Binary(bytes)) => Self::Binary(bytes.into_owned()),
            Ok(Event::Ping(payload)) => Self::Ping(payload.to_vec()),
            Ok(Event::Pong(payload)) => Self::Pong(payload.to_vec()),
            Ok(Event::Close(frame)) => Self::close(frame),
            Err(error) => Self::Failed(error),
        }
    }
}

/// The two halves of the endpoint that `role` names.
pub(super) fn halves(role: Role, config: Arc<Config>) -> (Reader, Writer) {
    let reader = Reader::new(role, config.clone());
    let writer = match role {
        Role::Server => Writer::server(config),
        Role::Client => Writer::client(config, || MaskingKey([0; 4])),
    };
    (reader, writer)
}

/// Gives `pieces` to an endpoint; what it says, and what it answers. Of `arrived` bytes it may hold as many as
/// `max_held` says.
pub(super) fn drive(
    (mut reader, mut writer): (Reader, Writer),
    pieces: &[&[u8]],
    pace: Pace,
    max_held: fn(arrived: usize) -> usize,
) -> (Vec<Said>, Vec<u8>) {
    let (mut said, mut output, mut arrived) = (Vec::new(), Vec::new(), 0);
    for piece in pieces {
        arrived += piece.len();
        let (mut input, mut from) = (piece.to_vec(), 0);
        loop {
            let mut events = reader.receive(&mut input[from..]);
            let before = said.len();
            while let Some(event) = events.next(&mut writer, &mut output) {
                assert!(
                    !matches!(said.last(), Some(Said::Failed(_) | Said::Close(_))),
                    "an event after the end"
                );
                said.push(Said::new(event));
                if let Pace::Paused = pace {
                    break;
                }
            }
            from += events.consumed();
            assert_eq!(input[from..], piece[from..], "what was not read is as it was");
            if said.len() == before || from == input.len() {
                break;
            }
        }
        assert_eq!(from, input.len(), "all of it is read");
        assert!(reader.held_len_bytes() <= max_held(arrived), "{} bytes held", reader.held_len_bytes());
    }
    match said.last() {
        Some(Said::Failed(_) | Said::Close(_)) => assert!(!reader.wants_read() && writer.close_sent()),
        Some(Said::Text(_) | Said::Binary(_) | Said::Ping(_) | Said::Pong(_)) | None => {
            assert!(reader.wants_read() && !writer.close_sent());
        }
    }
    (said, output)
}

/// Gives `pieces` to an endpoint, then the end of the stream, and then bytes that come too late for it.
pub(super) fn drive_to_end(
    (mut reader, mut writer): (Reader, Writer),
    pieces: &[&[u8]],
    late: &[u8],
) -> (Vec<Said>, Eof) {
    let (mut said, mut output) = (Vec::new(), Vec::new());
    for piece in pieces {
        let mut input = piece.to_vec();
        let mut events = reader.receive(&mut input);
        while let Some(event) = events.next(&mut writer, &mut output) {
            said.push(Said::new(event));
        }
    }
    let eof = reader.handle_eof();
    assert_eq!((reader.held_len_bytes(), reader.wants_read()), (0, false));
    let mut input = late.to_vec();
    let mut events = reader.receive(&mut input);
    assert_eq!(events.next(&mut writer, &mut output), None, "an event after the end");
    assert_eq!(events.consumed(), late.len());
    assert_eq!(reader.handle_eof(), eof, "asked again");
    (said, eof)
}

pub(super) fn read(role: Role, pieces: &[&[u8]]) -> (Vec<Said>, Vec<u8>) {
    read_at(Pace::Steady, role, pieces)
}

/// Twice what arrived is held at the most.
fn read_at(pace: Pace, role: Role, pieces: &[&[u8]]) -> (Vec<Said>, Vec<u8>) {
    drive(halves(role, low_limits()), pieces, pace, |arrived| 2 * arrived + 64)
}

/// A stream gives the same events, the same end and the same answers in any pieces, to a server and to a client, also
/// when what was not read is given again; after a violation or a close nothing more comes; what is held is bounded by
/// what arrived.
///
/// # Panics
/// When it does not.
pub fn stream(data: &[u8]) {
    for role in [Role::Server, Role::Client] {
        let whole = read(role, &splits::whole(data));
        for pieces in [splits::bytewise(data), splits::random(data, data.len() as u64)] {
            assert_eq!(read(role, &pieces), whole, "{role:?}");
        }
        for pieces in [splits::whole(data), splits::random(data, !(data.len() as u64))] {
            assert_eq!(read_at(Pace::Paused, role, &pieces), whole, "{role:?}, one event at a time");
        }
        for said in &whole.0 {
            match said {
                Said::Text(text) => assert!(text.len() <= 300),
                Said::Binary(bytes) => assert!(bytes.len() <= 300),
                Said::Ping(payload) | Said::Pong(payload) => assert!(payload.len() <= 125),
                Said::Close(_) | Said::Failed(_) => {}
            }
        }
    }
}

/// A stream gives the same events, the same end and the same answers at `count` random splits.
///
/// # Panics
/// When it does not.
pub fn stream_at_splits(data: &[u8], count: u64) {
    for role in [Role::Server, Role::Client] {
        let whole = read(role, &splits::whole(data));
        for seed in 0..count {
            assert_eq!(read(role, &splits::random(data, seed)), whole, "{role:?}, seed {seed}");
        }
    }
}
