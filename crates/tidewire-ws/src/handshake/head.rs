//! Collects a request head from pieces, in linear time and bounded memory (RFC 6455 §4.2.1, RFC 9112 §2.2).

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
        /// Bytes of this input that belong to the head. What follows them are frames, if the request is accepted;
        /// if it is refused nobody may look at them.
        consumed: usize,
    },
}

/// Where the reader is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing but line endings came: a server passes over empty lines before the request line (RFC 9112 §2.2). They
    /// count in the head's length all the same.
    Leading,
    /// The last byte ended no line.
    InLine,
    /// The last byte ended a line: an empty one now ends the head.
    LineEnd,
    /// As [`State::LineEnd`], then a CR.
    LineEndThenCr,
    /// The head is whole.
    Complete,
    /// The head was refused.
    Refused(Refusal),
}

/// Collects the bytes of one request head.
///
/// Each byte is looked at once while it is collected, and the whole head is parsed once, so a client that sends it
/// byte by byte costs no more than one that does not.
#[derive(Debug)]
pub struct HeadReader {
    config: Arc<Config>,
    head: Vec<u8>,
    state: State,
}

impl HeadReader {
    /// A reader that has seen nothing and owns no memory.
    #[must_use]
    pub fn new(config: Arc<Config>) -> Self {
        Self { config, head: Vec::new(), state: State::Leading }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// A 431 when the head is longer than [`max_head_len`](Config::max_head_len). It is final: the same answer
    /// comes ever after.
    pub fn receive(&mut self, input: &[u8]) -> Result<Progress, Refusal> {
        let room = self.config.max_head_len - self.head.len().min(self.config.max_head_len);
        for (index, byte) in input.iter().take(room).enumerate() {
            self.state = match (self.state, byte) {
                (State::Complete, _) => return Ok(Progress::Complete { consumed: 0 }),
                (State::Refused(refusal), _) => return Err(refusal),
                (State::Leading, b'\r' | b'\n') => State::Leading,
                (State::LineEnd | State::LineEndThenCr, b'\n') => State::Complete,
                (State::LineEnd, b'\r') => State::LineEndThenCr,
                (State::InLine, b'\n') => State::LineEnd,
                (State::Leading | State::InLine | State::LineEnd | State::LineEndThenCr, _) => State::InLine,
            };
            if self.state == State::Complete {
                self.head.extend_from_slice(&input[..=index]);
                return Ok(Progress::Complete { consumed: index + 1 });
            }
        }
        match self.state {
            State::Complete => return Ok(Progress::Complete { consumed: 0 }),
            State::Refused(refusal) => return Err(refusal),
            State::Leading | State::InLine | State::LineEnd | State::LineEndThenCr => {}
        }
        if input.len() > room {
            let refusal = Refusal::head_too_large("the request head is too long");
            self.state = State::Refused(refusal);
            self.head = Vec::new();
            return Err(refusal);
        }
        self.head.extend_from_slice(input);
        Ok(Progress::NeedMore)
    }

    /// The request, parsed and judged by every rule of §4.2.1.
    ///
    /// # Errors
    /// What the client is to be answered: 400, 405, 426 or 431; also 400 when the head is not complete.
    pub fn request(&self) -> Result<Request<'_>, Refusal> {
        match self.state {
            State::Complete => Request::parse(&self.head, self.config.max_headers),
            State::Refused(refusal) => Err(refusal),
            State::Leading | State::InLine | State::LineEnd | State::LineEndThenCr => {
                Err(Refusal::bad_request("the request is cut short"))
            }
        }
    }
}
