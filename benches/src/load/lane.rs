//! One connection of a load: what it expects next, and the pongs that it owes.

use std::io;

use super::incoming::{Came, Incoming};
use crate::frames::{KEY, frame};

/// One connection that expects the same messages over and over.
#[derive(Clone, Debug)]
pub struct Lane {
    incoming: Incoming,
    /// Which of the messages comes next, and how much of it has.
    next: usize,
    at: usize,
    /// Bytes of what is being sent that have not gone out.
    pub unsent: usize,
    /// Messages of this turn that have not come.
    pub missing: usize,
    pongs: Vec<u8>,
}

impl Lane {
    /// A lane whose messages begin with this byte; see [`Incoming::new`].
    #[must_use]
    pub fn new(message: u8) -> Self {
        let incoming = Incoming::new(message);
        Self { incoming, next: 0, at: 0, unsent: 0, missing: 0, pongs: Vec::new() }
    }

    /// Looks whether bytes are what is due: each of `payloads` in its turn.
    ///
    /// # Errors
    /// They are not.
    pub fn receive(&mut self, bytes: &[u8], payloads: &[Vec<u8>]) -> io::Result<()> {
        let Self { incoming, next, at, missing, pongs, .. } = self;
        incoming.receive(bytes, |came| {
            let due = &payloads[*next];
            let is_right = match came {
                Came::Payload(piece) => {
                    let is_right = due.get(*at..*at + piece.len()) == Some(piece);
                    *at += piece.len();
                    is_right
                }
                Came::MessageEnd => {
                    let is_right = *at == due.len() && *missing > 0;
                    (*next, *at) = ((*next + 1) % payloads.len(), 0);
                    *missing = missing.saturating_sub(1);
                    is_right
                }
                Came::Ping(payload) => {
                    pongs.extend_from_slice(&frame(10, payload, Some(KEY)));
                    true
                }
            };
            if is_right { Ok(()) } else { Err(io::Error::other("a message is not what was sent")) }
        })
    }

    /// The pongs that are due, unless a message is half sent.
    pub fn take_pongs(&mut self) -> Option<Vec<u8>> {
        (self.unsent == 0 && !self.pongs.is_empty()).then(|| std::mem::take(&mut self.pongs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_expects_each_message_in_its_turn() {
        let payloads = [b"one".to_vec(), b"three".to_vec()];
        let bytes: Vec<u8> = payloads.iter().flat_map(|payload| frame(2, payload, None)).collect();
        let mut lane = Lane::new(2);
        lane.missing = 4;
        lane.receive(&bytes, &payloads).unwrap();
        lane.receive(&bytes, &payloads).unwrap();
        assert_eq!(lane.missing, 0);
        assert!(lane.clone().receive(&bytes, &payloads).is_err(), "more than was asked for");
        lane.missing = 2;
        assert!(lane.clone().receive(&frame(2, b"onf", None), &payloads).is_err());
        assert!(lane.clone().receive(&frame(2, b"on", None), &payloads).is_err());
        assert!(lane.clone().receive(&frame(2, b"ones", None), &payloads).is_err());
    }

    #[test]
    fn a_pong_waits_until_a_message_is_sent() {
        let mut lane = Lane::new(2);
        lane.unsent = 1;
        lane.receive(&frame(9, b"hi", None), &[Vec::new()]).unwrap();
        assert_eq!(lane.take_pongs(), None);
        lane.unsent = 0;
        assert_eq!(lane.take_pongs(), Some(frame(10, b"hi", Some(KEY))));
        assert_eq!(lane.take_pongs(), None);
    }
}
