//! Collects a head from pieces, in linear time and bounded memory (RFC 9112 §2).

use alloc::vec::Vec;
use core::fmt;

/// How far a head has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Its end has not come; all of the input was taken.
    NeedMore,
    /// It is complete.
    Complete {
        /// Bytes of this input that belong to the head. What follows them are frames, if the handshake succeeds;
        /// if a request is refused nobody may look at them.
        consumed: usize,
    },
}

/// Where in a head the next byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Nothing but line endings came: a recipient passes over empty lines before the first line (RFC 9112 §2.2). They
    /// count in the head's length all the same.
    Leading,
    /// The last byte ended no line.
    InLine,
    /// The last byte ended a line: an empty one now ends the head.
    LineEnd,
    /// As [`Place::LineEnd`], then a CR.
    LineEndThenCr,
    /// The head is whole.
    Complete,
    /// The head was longer than it may be.
    TooLong,
}

/// The head is longer than it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

/// What has come of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Collected<'h> {
    /// All of it.
    Head(&'h [u8]),
    /// A part, or nothing.
    Part,
    /// More than it may have.
    TooLong,
}

/// The bytes of one head. Each is looked at once.
pub(crate) struct Collector {
    head: Vec<u8>,
    place: Place,
    #[cfg(test)]
    looked_at: usize,
}

impl Collector {
    pub(crate) fn new() -> Self {
        Self {
            head: Vec::new(),
            place: Place::Leading,
            #[cfg(test)]
            looked_at: 0,
        }
    }

    pub(crate) fn collected(&self) -> Collected<'_> {
        match self.place {
            Place::Complete => Collected::Head(&self.head),
            Place::TooLong => Collected::TooLong,
            Place::Leading | Place::InLine | Place::LineEnd | Place::LineEndThenCr => Collected::Part,
        }
    }

    /// Begins the next head, with the memory of this one.
    pub(crate) fn restart(&mut self) {
        self.head.clear();
        self.place = Place::Leading;
    }

    pub(crate) fn receive(&mut self, input: &[u8], max_head_len: usize) -> Result<Progress, TooLong> {
        match self.place {
            Place::Complete => return Ok(Progress::Complete { consumed: 0 }),
            Place::TooLong => return Err(TooLong),
            Place::Leading | Place::InLine | Place::LineEnd | Place::LineEndThenCr => {}
        }
        let room = max_head_len.saturating_sub(self.head.len());
        let mut rest = &input[..input.len().min(room)];
        while !rest.is_empty() {
            let (part, behind) = rest.split_at(self.place.step(rest));
            #[cfg(test)]
            {
                self.looked_at += part.len();
            }
            rest = behind;
            self.place = part.last().map_or(self.place, |last| self.place.then(*last));
            if self.place == Place::Complete {
                let consumed = input.len().min(room) - rest.len();
                self.head.extend_from_slice(&input[..consumed]);
                return Ok(Progress::Complete { consumed });
            }
        }
        if input.len() > room {
            self.place = Place::TooLong;
            self.head = Vec::new();
            return Err(TooLong);
        }
        self.head.extend_from_slice(input);
        Ok(Progress::NeedMore)
    }
}

impl Place {
    /// How many bytes to go on by, at least one of them: within a line only its end matters.
    fn step(self, rest: &[u8]) -> usize {
        match self {
            Self::InLine => memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1),
            Self::Leading | Self::LineEnd | Self::LineEndThenCr | Self::Complete | Self::TooLong => 1,
        }
    }

    fn then(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::Complete | Self::TooLong, _) => self,
            (Self::Leading, b'\r' | b'\n') => Self::Leading,
            (Self::LineEnd | Self::LineEndThenCr, b'\n') => Self::Complete,
            (Self::LineEnd, b'\r') => Self::LineEndThenCr,
            (Self::InLine, b'\n') => Self::LineEnd,
            (Self::Leading | Self::InLine | Self::LineEnd | Self::LineEndThenCr, _) => Self::InLine,
        }
    }
}

/// Without the bytes: there are credentials among them.
impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (place, len_bytes) = (self.place, self.head.len());
        f.debug_struct("Collector").field("place", &place).field("len_bytes", &len_bytes).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    /// Bytes looked at, and bytes that growing copied, for a head of `len` that comes in pieces of `step`.
    fn work(len: usize, step: usize) -> (usize, usize) {
        let head = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(len - 23));
        assert_eq!(head.len(), len);
        let mut collector = Collector::new();
        let (mut copied, mut capacity) = (0, 0);
        for piece in head.as_bytes().chunks(step) {
            let held = collector.head.len();
            let progress = collector.receive(piece, len);
            if collector.head.capacity() != capacity {
                (copied, capacity) = (copied + held, collector.head.capacity());
            }
            let is_last = held + piece.len() == len;
            let expected =
                if is_last { Progress::Complete { consumed: piece.len() } } else { Progress::NeedMore };
            assert_eq!(progress, Ok(expected));
        }
        assert_eq!(collector.collected(), Collected::Head(head.as_bytes()));
        assert!(capacity <= 2 * len.max(step), "memory grows with what has arrived");
        (collector.looked_at, copied)
    }

    /// Class F: a drip costs what one piece costs, and twice the length costs twice as much.
    #[test]
    fn a_head_in_single_bytes_is_looked_at_once() {
        for len in [16 * 1024, 32 * 1024] {
            for step in [1, 2, 7, 1_000, len] {
                let (looked_at, copied) = work(len, step);
                assert_eq!(looked_at, len, "in pieces of {step}");
                assert!(copied <= 2 * len, "{copied} bytes copied in pieces of {step}");
            }
        }
    }

    #[test]
    fn what_follows_a_head_and_what_is_too_long_is_not_looked_at() {
        let mut collector = Collector::new();
        let stream = b"a\r\n\r\nGET / HTTP/1.1\r\n\r\n";
        assert_eq!(collector.receive(stream, 100), Ok(Progress::Complete { consumed: 5 }));
        assert_eq!(collector.receive(b"more\r\n\r\n", 100), Ok(Progress::Complete { consumed: 0 }));
        assert_eq!((collector.collected(), collector.looked_at), (Collected::Head(b"a\r\n\r\n"), 5));

        let mut collector = Collector::new();
        assert_eq!(collector.receive(&[b'x'; 10], 10), Ok(Progress::NeedMore));
        assert_eq!(collector.collected(), Collected::Part);
        assert_eq!(collector.receive(&[b'x'; 1_000], 10), Err(TooLong));
        assert_eq!(collector.receive(b"\r\n\r\n", 10), Err(TooLong));
        assert_eq!((collector.collected(), collector.looked_at), (Collected::TooLong, 10));
        assert_eq!(collector.head.capacity(), 0, "its memory is given back");
    }

    #[test]
    fn debug_says_nothing_that_came() {
        let mut collector = Collector::new();
        collector.receive(b"Authorization: secret", 100).unwrap();
        assert_eq!(format!("{collector:?}"), "Collector { place: InLine, len_bytes: 21 }");
    }
}
