//! What comes of a client's request: an open connection, or a response that declines (RFC 6455 §4.1).

use super::verdict::{Expected, InvalidResponse};
#[cfg(feature = "deflate")]
use crate::deflate::Agreement;
use crate::handshake::Config;
use crate::handshake::head::{Collector, Progress, TooLong};
use crate::handshake::rules::{Fields, only};
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;

/// What a server said.
#[derive(Debug)]
pub enum Answer {
    /// Not enough yet; all of the input was taken.
    NeedMore,
    /// The connection is open.
    Open {
        /// What the server chose.
        opened: Opened,
        /// Bytes of this input that belong to the response. What follows them are frames.
        consumed: usize,
    },
    /// The server declined. The connection is to be closed.
    Declined(Declined),
}

/// What a server chose when it opened the connection.
#[derive(Clone, Debug, Default)]
pub struct Opened {
    subprotocol: Option<String>,
    #[cfg(feature = "deflate")]
    agreement: Option<Agreement>,
    headers: Vec<(String, Vec<u8>)>,
}

impl Opened {
    pub(super) fn new(
        subprotocol: Option<String>,
        #[cfg(feature = "deflate")] agreement: Option<Agreement>,
    ) -> Self {
        Self {
            subprotocol,
            #[cfg(feature = "deflate")]
            agreement,
            headers: Vec::new(),
        }
    }

    /// The subprotocol, one of those on offer. `None` when the server chose none, even of several: whether that will
    /// do is the caller's to say.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// What was agreed to about compression; `None` when it was not offered or not accepted.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn agreement(&self) -> Option<&Agreement> {
        self.agreement.as_ref()
    }

    /// The header fields in order, with names as they were sent.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.headers.iter().map(|(name, value)| (&**name, &**value))
    }
}

/// A response that is no 101: a redirect, a demand for credentials, an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declined {
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Declined {
    /// The HTTP status, 200 to 999.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The header fields in order, with names as they were sent.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.headers.iter().map(|(name, value)| (&**name, &**value))
    }

    /// The first value of a header, its name in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Where a redirect points to. Whoever follows it to another origin leaves `Authorization` and `Cookie` behind, for
    /// they are not for that server, and follows only so many.
    #[must_use]
    pub fn location(&self) -> Option<&[u8]> {
        match self.status {
            301..=303 | 307..=308 => self.header("location"),
            _ => None,
        }
    }

    /// The beginning of the body as it came, at most [`max_body_len`](Config::max_body_len) bytes; of a chunked one the
    /// sizes of the chunks are among them.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }
}

/// Reads the response to a [`Request`](super::Request), each byte once.
#[derive(Debug)]
pub struct ResponseReader {
    config: Arc<Config>,
    collector: Collector,
    /// Bytes of interim responses so far; they count in the head's length.
    interim_len: usize,
    state: State,
}

#[derive(Debug)]
enum State {
    Head(Expected),
    /// The server declines, and so many bytes of its body are missing.
    Body(Declined, usize),
    /// The answer was given.
    Done,
    Failed(InvalidResponse),
}

/// A parsed head.
struct Head<'h> {
    status: u16,
    headers: Vec<httparse::Header<'h>>,
}

impl Fields for Head<'_> {
    fn values<'f>(&'f self, name: &'static str) -> impl Iterator<Item = &'f [u8]> {
        self.headers
            .iter()
            .filter(move |header| header.name.eq_ignore_ascii_case(name))
            .map(|header| header.value)
    }
}

impl<'h> Head<'h> {
    fn parse(head: &'h [u8], max_headers: usize) -> Result<Self, InvalidResponse> {
        let mut headers = alloc::vec![httparse::EMPTY_HEADER; max_headers];
        let mut parsed = httparse::Response::new(&mut headers);
        match parsed.parse(head) {
            Ok(httparse::Status::Complete(_)) => {}
            Err(httparse::Error::TooManyHeaders) => return Err(InvalidResponse::TooManyHeaders),
            Ok(httparse::Status::Partial) | Err(_) => return Err(InvalidResponse::Malformed),
        }
        match (parsed.version, parsed.code) {
            (Some(1), Some(status @ 100..)) => {
                let used = parsed.headers.len();
                headers.truncate(used);
                Ok(Self { status, headers })
            }
            _ => Err(InvalidResponse::Malformed),
        }
    }

    fn owned(&self) -> Vec<(String, Vec<u8>)> {
        self.headers.iter().map(|header| (header.name.to_owned(), header.value.to_vec())).collect()
    }

    /// Bytes of the body to wait for.
    fn body_len(&self, max_body_len: usize) -> usize {
        let announced = only(self, "content-length").and_then(|value| core::str::from_utf8(value).ok());
        match announced.and_then(|len| len.parse::<usize>().ok()) {
            Some(len) => len.min(max_body_len),
            None if self.status == 204 || self.status == 304 => 0,
            None => max_body_len,
        }
    }
}

impl ResponseReader {
    pub(super) fn new(config: Arc<Config>, expected: Expected) -> Self {
        Self { config, collector: Collector::new(), interim_len: 0, state: State::Head(expected) }
    }

    /// Takes the next bytes. Interim responses are passed over. After an answer that is not
    /// [`NeedMore`](Answer::NeedMore) nothing more is looked at.
    ///
    /// # Errors
    /// The response is not what a server may send; the same error comes ever after.
    pub fn receive(&mut self, mut input: &[u8]) -> Result<Answer, InvalidResponse> {
        let mut taken = 0;
        loop {
            match &mut self.state {
                State::Failed(error) => return Err(*error),
                State::Done => return Ok(Answer::NeedMore),
                State::Body(declined, missing) => {
                    let len = input.len().min(*missing);
                    declined.body.extend_from_slice(&input[..len]);
                    *missing -= len;
                    return Ok(if *missing == 0 { self.decline() } else { Answer::NeedMore });
                }
                State::Head(_) => {
                    let max_len = self.config.max_head_len - self.interim_len.min(self.config.max_head_len);
                    let consumed = match self.collector.receive(input, max_len) {
                        Ok(Progress::NeedMore) => return Ok(Answer::NeedMore),
                        Ok(Progress::Complete { consumed }) => consumed,
                        Err(TooLong) => return Err(self.fail(InvalidResponse::HeadTooLong)),
                    };
                    taken += consumed;
                    input = &input[consumed..];
                    match self.judge() {
                        Ok(Some(opened)) => return Ok(Answer::Open { opened, consumed: taken }),
                        // An interim response, or the body of one that declines.
                        Ok(None) => {}
                        Err(error) => return Err(self.fail(error)),
                    }
                }
            }
        }
    }

    /// The server's stream ended: what came of a body is all of it.
    ///
    /// # Errors
    /// It ended before the head did, or the response failed before.
    pub fn handle_eof(&mut self) -> Result<Answer, InvalidResponse> {
        match &self.state {
            State::Body(..) => Ok(self.decline()),
            State::Done => Ok(Answer::NeedMore),
            State::Failed(error) => Err(*error),
            State::Head(_) => Err(self.fail(InvalidResponse::Truncated)),
        }
    }

    fn fail(&mut self, error: InvalidResponse) -> InvalidResponse {
        self.state = State::Failed(error);
        self.collector = Collector::new();
        error
    }

    fn decline(&mut self) -> Answer {
        match mem::replace(&mut self.state, State::Done) {
            State::Body(declined, _) => Answer::Declined(declined),
            State::Head(_) | State::Done | State::Failed(_) => Answer::NeedMore,
        }
    }

    /// Judges a complete head.
    fn judge(&mut self) -> Result<Option<Opened>, InvalidResponse> {
        let collected = self.collector.head().unwrap_or_default();
        let head = Head::parse(collected, self.config.max_headers)?;
        match head.status {
            101 => match mem::replace(&mut self.state, State::Done) {
                State::Head(expected) => {
                    let mut opened = expected.judge(&head)?;
                    opened.headers = head.owned();
                    self.collector = Collector::new();
                    Ok(Some(opened))
                }
                State::Body(..) | State::Done | State::Failed(_) => Ok(None),
            },
            //= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
            //# If the status code received from the server is not 101, the
            //# client handles the response per HTTP [RFC2616] procedures.
            100..200 => {
                self.interim_len += collected.len();
                self.collector.restart();
                Ok(None)
            }
            status => {
                let missing = head.body_len(self.config.max_body_len);
                let declined = Declined { status, headers: head.owned(), body: Vec::new() };
                self.collector = Collector::new();
                self.state = State::Body(declined, missing);
                Ok(None)
            }
        }
    }
}
