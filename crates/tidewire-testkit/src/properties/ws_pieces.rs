//! Messages received in pieces are those received whole (tidewire-ws, `Reader::receive_pieces`).

use super::ws::{Said, halves, low_limits, read};
use crate::splits::{self, Seeded};
use tidewire_ws::Role;
use tidewire_ws::frame::ProtocolError;
use tidewire_ws::message::{Event, Fragment, Piece, Reader, Writer};

/// How an input is received.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    Pieces,
    /// Whole or in pieces, as a seed decides for each input.
    Mixed(u64),
}

/// Joins the pieces of messages again.
#[derive(Default)]
struct Joiner {
    said: Vec<Said>,
    text: String,
    binary: Vec<u8>,
}

impl Joiner {
    fn text(&mut self, piece: &str, fragment: Fragment) {
        assert!(!piece.is_empty() || fragment == Fragment::Final, "an empty piece");
        self.text.push_str(piece);
        if fragment == Fragment::Final {
            self.said.push(Said::Text(std::mem::take(&mut self.text)));
        }
    }

    fn binary(&mut self, piece: &[u8], fragment: Fragment) {
        assert!(!piece.is_empty() || fragment == Fragment::Final, "an empty piece");
        self.binary.extend_from_slice(piece);
        if fragment == Fragment::Final {
            self.said.push(Said::Binary(std::mem::take(&mut self.binary)));
        }
    }

    fn whole(&mut self, event: Result<Event<'_>, ProtocolError>) {
        match event {
            Ok(Event::Text(text)) => self.text(&text, Fragment::Final),
            Ok(Event::Binary(bytes)) => self.binary(&bytes, Fragment::Final),
            Ok(Event::Ping(payload)) => self.said.push(Said::Ping(payload.to_vec())),
            Ok(Event::Pong(payload)) => self.said.push(Said::Pong(payload.to_vec())),
            Ok(Event::Close(frame)) => self.said.push(Said::close(frame)),
            Err(error) => self.said.push(Said::Failed(error)),
        }
    }

    fn piece(&mut self, piece: Result<Piece<'_>, ProtocolError>) {
        match piece {
            Ok(Piece::Text(text, fragment)) => self.text(&text, fragment),
            Ok(Piece::Binary(bytes, fragment)) => self.binary(&bytes, fragment),
            Ok(Piece::Ping(payload)) => self.said.push(Said::Ping(payload.to_vec())),
            Ok(Piece::Pong(payload)) => self.said.push(Said::Pong(payload.to_vec())),
            Ok(Piece::Close(frame)) => self.said.push(Said::close(frame)),
            Err(error) => self.said.push(Said::Failed(error)),
        }
    }
}

/// Gives `inputs` to an endpoint that lends messages as they come; where all of them are lent it may hold `max_held`
/// bytes. Now and then what was not read is given again.
pub(super) fn read_in_pieces(
    (mut reader, mut writer): (Reader, Writer),
    inputs: &[&[u8]],
    way: Way,
    max_held: usize,
) -> (Vec<Said>, Vec<u8>) {
    let mut source = match way {
        Way::Pieces => None,
        Way::Mixed(seed) => Some(Seeded::new(seed)),
    };
    let (mut joiner, mut output) = (Joiner::default(), Vec::new());
    for original in inputs {
        let (mut input, mut from) = (original.to_vec(), 0);
        while from < input.len() {
            let is_paused = source.as_mut().is_some_and(|source| source.below(2) == 0);
            if source.as_mut().is_some_and(|source| source.below(2) == 0) {
                let mut events = reader.receive(&mut input[from..]);
                while let Some(event) = events.next(&mut writer, &mut output) {
                    joiner.whole(event);
                    if is_paused {
                        break;
                    }
                }
                from += events.consumed();
            } else {
                let mut pieces = reader.receive_pieces(&mut input[from..]);
                while let Some(piece) = pieces.next(&mut writer, &mut output) {
                    joiner.piece(piece);
                    if is_paused {
                        break;
                    }
                }
                from += pieces.consumed();
            }
            assert_eq!(input[from..], original[from..], "what was not read is as it was");
        }
        if source.is_none() {
            assert!(reader.held_len_bytes() <= max_held, "{} bytes held", reader.held_len_bytes());
        }
    }
    (joiner.said, output)
}

/// Joined again, the pieces of a stream are the messages of [`ws::stream`](super::ws::stream), however it is cut, and
/// also when whole and in pieces take turns.
///
/// # Panics
/// When they are not.
pub fn pieces(data: &[u8]) {
    let seed = data.len() as u64;
    for role in [Role::Server, Role::Client] {
        let whole = read(role, &splits::whole(data));
        for inputs in [splits::whole(data), splits::bytewise(data), splits::random(data, seed)] {
            for way in [Way::Pieces, Way::Mixed(seed), Way::Mixed(!seed)] {
                // Nothing but a cut control frame is held.
                let read = read_in_pieces(halves(role, low_limits()), &inputs, way, 2 * 125);
                assert_eq!(read, whole, "{role:?} {way:?}");
            }
        }
    }
}
