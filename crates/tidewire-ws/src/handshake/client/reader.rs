//! Reads the response to a client's request from raw bytes (RFC 6455 §4.1).

use super::answer::{Answer, Declined, Opened};
use super::verdict::{Expected, InvalidResponse};
use crate::handshake::config::Config;
use crate::handshake::fields::Fields;
use crate::handshake::head::{Collected, Collector, Progress, TooLong};
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;

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

impl<'h> Head<'h> {
    fn parse(head: &'h [u8], max_headers: usize) -> Result<Self, InvalidResponse> {
        let mut headers = alloc::vec![httparse::EMPTY_HEADER; max_headers];
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

    /// Bytes of the body to wait for (RFC 9112 §6.3).
    fn body_len(&self, max_body_len: usize) -> usize {
        if matches!(self.status, 204 | 304) {
            return 0;
        }
        // The coding decides where a body ends, whatever its length is said to be.
        if self.headers.values("transfer-encoding").next().is_some() {
            return max_body_len;
        }
        self.headers
            .only("content-length")
            .and_then(decimal)
            .map_or(max_body_len, |len| len.min(max_body_len))
    }
}

/// A number of digits alone; what is too large for a `usize` is the largest one.
fn decimal(digits: &[u8]) -> Option<usize> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number =
        |number: usize, digit: &u8| number.saturating_mul(10).saturating_add(usize::from(digit - b'0'));
    Some(digits.iter().fold(0, number))
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

    //= https://www.rfc-editor.org/rfc/rfc6455#section-7.2.1
    //# To do so, the client MUST _Fail the WebSocket Connection_ as defined in
    //# Section 7.1.7.
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

    /// Judges a complete head; `None` when it is that of an interim response or of one that declines.
    fn judge(&mut self) -> Result<Option<Opened>, InvalidResponse> {
        let Collected::Head(collected) = self.collector.collected() else { return Ok(None) };
        let head = Head::parse(collected, self.config.max_headers)?;
        match head.status {
            101 => match mem::replace(&mut self.state, State::Done) {
                State::Head(expected) => {
                    let opened = Opened { headers: head.owned(), ..expected.judge(&*head.headers)? };
                    self.collector = Collector::new();
                    Ok(Some(opened))
                }
                State::Body(..) | State::Done | State::Failed(_) => Ok(None),
            },
            100..200 => {
                self.interim_len += collected.len();
                self.collector.restart();
                Ok(None)
            }
            //= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
            //# If the status code received from the server is not 101, the
            //# client handles the response per HTTP [RFC2616] procedures.
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

    #[test]
    fn a_length_is_digits_alone() {
        for (digits, number) in [("0", Some(0)), ("010", Some(10)), ("4096", Some(4096))] {
            assert_eq!(decimal(digits.as_bytes()), number, "{digits}");
        }
        for digits in ["", "+5", "-1", "5 ", "0x5", "5,5"] {
            assert_eq!(decimal(digits.as_bytes()), None, "{digits}");
        }
        assert_eq!(decimal(&[b'9'; 60]), Some(usize::MAX));
    }
}
