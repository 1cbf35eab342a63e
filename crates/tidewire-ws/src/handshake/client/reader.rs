//! Reads the response to a client's request from raw bytes (RFC 6455 §4.1).

use super::answer::{Answer, Declined, Opened};
use super::body::{self, Body};
use super::verdict::{Expected, InvalidResponse};
use crate::handshake::config::Config;
use crate::handshake::fields::room_for_headers;
use crate::handshake::head::{Collected, Collector, Progress, TooLong};
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;

/// Reads the response to a [`Request`](super::Request) or a [`Tunnel`](super::Tunnel), each byte once. It knows no time: who waits no longer for the
/// body of a response that declines takes it from [`declined`](Self::declined).
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
    Head(Awaited),
    /// The server declines, and its body is not all there.
    Body(Declined, Body),
    /// The answer was given.
    Done,
    Failed(InvalidResponse),
}

/// What a response is the response to.
#[derive(Debug)]
pub(super) enum Awaited {
    WebSocket(Expected),
    Tunnel,
}

/// A parsed head.
pub(super) struct Head<'h> {
    pub(super) status: u16,
    pub(super) headers: Vec<httparse::Header<'h>>,
}

impl<'h> Head<'h> {
    fn parse(head: &'h [u8], max_headers: usize) -> Result<Self, InvalidResponse> {
        let mut headers = room_for_headers(head, max_headers);
        let mut parsed = httparse::Response::new(&mut headers);
        match parsed.parse(head) {
            Ok(httparse::Status::Complete(len)) if len == head.len() => {}
            Err(httparse::Error::TooManyHeaders) => return Err(InvalidResponse::TooManyHeaders),
            Ok(httparse::Status::Complete(_) | httparse::Status::Partial) | Err(_) => {
                return Err(InvalidResponse::Malformed);
            }
        }
        match (parsed.version, parsed.code) {
            // HTTP/1.0 has neither upgrades nor interim responses, but a server that speaks nothing else may decline.
            (Some(1), Some(status @ 100..)) | (Some(0), Some(status @ 200..)) => {
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
}

impl ResponseReader {
    pub(super) fn new(config: Arc<Config>, awaited: Awaited) -> Self {
        Self { config, collector: Collector::new(), interim_len: 0, state: State::Head(awaited) }
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
                State::Body(declined, body) => {
                    return Ok(match body.receive(input, declined.body_mut()) {
                        body::State::NeedMore => Answer::NeedMore,
                        end @ (body::State::Whole | body::State::Cut) => self.decline(end),
                    });
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
    /// It ended before the head did, the response failed before, or its answer was given already.
    pub fn handle_eof(&mut self) -> Result<Declined, InvalidResponse> {
        match mem::replace(&mut self.state, State::Done) {
            State::Body(declined, body) => Ok(declined.ended(body.at_eof())),
            State::Head(_) | State::Done => Err(self.fail(InvalidResponse::Truncated)),
            State::Failed(error) => Err(self.fail(error)),
        }
    }

    /// The response that declines, as far as its body came: for a client that will not wait for the rest.
    #[must_use]
    pub fn declined(&self) -> Option<&Declined> {
        match &self.state {
            State::Body(declined, _) => Some(declined),
            State::Head(_) | State::Done | State::Failed(_) => None,
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc6455#section-7.2.1
    //# To do so, the client MUST _Fail the WebSocket Connection_ as defined in
    //# Section 7.1.7.
    fn fail(&mut self, error: InvalidResponse) -> InvalidResponse {
        self.state = State::Failed(error);
        self.collector = Collector::new();
        error
    }

    fn decline(&mut self, end: body::State) -> Answer {
        match mem::replace(&mut self.state, State::Done) {
            State::Body(declined, _) => Answer::Declined(declined.ended(end)),
            State::Head(_) | State::Done | State::Failed(_) => Answer::NeedMore,
        }
    }

    /// Judges a complete head; `None` when it is that of an interim response or of one that declines.
    fn judge(&mut self) -> Result<Option<Opened>, InvalidResponse> {
        let Collected::Head(collected) = self.collector.collected() else { return Ok(None) };
        let head = Head::parse(collected, self.config.max_headers)?;
        let awaits_tunnel = matches!(self.state, State::Head(Awaited::Tunnel));
        match head.status {
            101 | 200..300 if (head.status == 101) != awaits_tunnel => {
                let opened = match mem::replace(&mut self.state, State::Done) {
                    State::Head(Awaited::WebSocket(expected)) => expected.judge(&*head.headers)?,
                    State::Head(Awaited::Tunnel) => Opened::default(),
                    State::Body(..) | State::Done | State::Failed(_) => return Ok(None),
                };
                let opened = Opened { headers: head.owned(), ..opened };
                self.collector = Collector::new();
                Ok(Some(opened))
            }
            // A tunnel is no upgrade that a proxy could agree to.
            101 => Err(InvalidResponse::Malformed),
            100..200 => {
                self.interim_len += collected.len();
                self.collector.restart();
                Ok(None)
            }
            //= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
            //# If the status code received from the server is not 101, the
            //# client handles the response per HTTP [RFC2616] procedures.
            status => {
                let body = Body::new(&head, self.config.max_body_len);
                let declined = Declined::new(status, head.owned());
                self.collector = Collector::new();
                self.state = State::Body(declined, body);
                Ok(None)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handshake::client::Request;
    use alloc::format;

    #[test]
    fn no_head_is_kept_behind_an_answer() {
        let accepted = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
        for answer in [accepted, "HTTP/1.1 503 Busy\r\n\r\n", "HTTP/1.1 101 Nothing\r\n\r\n"] {
            let request = Request::new("a", "/", *b"the sample nonce").unwrap();
            let mut reader = request.into_reader(Arc::default());
            let held = |reader: &ResponseReader| format!("{:?}", reader.collector);
            assert!(matches!(reader.receive(&answer.as_bytes()[..10]), Ok(Answer::NeedMore)));
            assert_eq!(held(&reader), "Collector { place: InLine, len_bytes: 10 }");
            let _ = reader.receive(&answer.as_bytes()[10..]);
            assert_eq!(held(&reader), "Collector { place: Leading, len_bytes: 0 }", "{answer}");
        }
    }
}
