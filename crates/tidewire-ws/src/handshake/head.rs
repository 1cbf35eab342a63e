//! Collects a head from pieces, in linear time and bounded memory (RFC 9112 §2), and the server's reader of request
//! heads (RFC 6455 §4.2.1).

use super::config::Config;
use super::refusal::Refusal;
use super::request::Request;
use alloc::sync::Arc;
use alloc::vec::Vec;

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
pub(super) struct TooLong;

/// The bytes of one head. Each is looked at once.
#[derive(Debug)]
pub(super) struct Collector {
    head: Vec<u8>,
    place: Place,
}

impl Collector {
    pub(super) fn new() -> Self {
        Self { head: Vec::new(), place: Place::Leading }
    }

    /// The whole head; `None` while it is not.
    pub(super) fn head(&self) -> Option<&[u8]> {
        (self.place == Place::Complete).then_some(&*self.head)
    }

    /// Begins the next head, with the memory of this one.
    pub(super) fn restart(&mut self) {
        self.head.clear();
        self.place = Place::Leading;
    }

    pub(super) fn receive(&mut self, input: &[u8], max_head_len: usize) -> Result<Progress, TooLong> {
        let room = max_head_len - self.head.len().min(max_head_len);
        for (index, byte) in input.iter().take(room).enumerate() {
            self.place = match (self.place, byte) {
                (Place::Complete, _) => return Ok(Progress::Complete { consumed: 0 }),
                (Place::TooLong, _) => return Err(TooLong),
                (Place::Leading, b'\r' | b'\n') => Place::Leading,
                (Place::LineEnd | Place::LineEndThenCr, b'\n') => Place::Complete,
                (Place::LineEnd, b'\r') => Place::LineEndThenCr,
                (Place::InLine, b'\n') => Place::LineEnd,
                (Place::Leading | Place::InLine | Place::LineEnd | Place::LineEndThenCr, _) => Place::InLine,
            };
            if self.place == Place::Complete {
                self.head.extend_from_slice(&input[..=index]);
                return Ok(Progress::Complete { consumed: index + 1 });
            }
        }
        match self.place {
            Place::Complete => return Ok(Progress::Complete { consumed: 0 }),
            Place::TooLong => return Err(TooLong),
            Place::Leading | Place::InLine | Place::LineEnd | Place::LineEndThenCr => {}
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

/// Collects the bytes of one request head.
///
/// Each byte is looked at once while it is collected, and the whole head is parsed once, so a client that sends it
/// byte by byte costs no more than one that does not.
#[derive(Debug)]
pub struct HeadReader {
    config: Arc<Config>,
    collector: Collector,
}

impl HeadReader {
    /// A reader that has seen nothing and owns no memory.
    #[must_use]
    pub fn new(config: Arc<Config>) -> Self {
        Self { config, collector: Collector::new() }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// A 431 when the head is longer than [`max_head_len`](Config::max_head_len). It is final: the same answer
    /// comes ever after.
    pub fn receive(&mut self, input: &[u8]) -> Result<Progress, Refusal> {
        self.collector
            .receive(input, self.config.max_head_len)
            .map_err(|TooLong| Refusal::head_too_large("the request head is too long"))
    }

    /// The request, parsed and judged by every rule of §4.2.1.
    ///
    /// # Errors
    /// What the client is to be answered: 400, 405, 426 or 431; also 400 when the head is not complete.
    pub fn request(&self) -> Result<Request<'_>, Refusal> {
        match (self.collector.head(), self.collector.place) {
            (Some(head), _) => Request::parse(head, self.config.max_headers),
            (None, Place::TooLong) => Err(Refusal::head_too_large("the request head is too long")),
            (None, _) => Err(Refusal::bad_request("the request is cut short")),
        }
    }
}
