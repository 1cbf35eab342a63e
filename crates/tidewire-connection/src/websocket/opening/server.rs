//! The server's side: a request is read, and answered with a 101 or a refusal (RFC 6455 §4.2).

use super::{Failed, Opening};
use crate::Transport;
use crate::websocket::{Config, Reader, Writer};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;
use tidewire_ws::handshake::{self, HeadReader, Progress, Refusal, Request, Response};
use tidewire_ws::{Role, message};

/// A connection whose client's request has not been answered.
///
/// ```
/// use core::time::Duration;
/// use tidewire_connection::websocket::{Accepting, Config, Received};
/// use tidewire_ws::handshake::Response;
///
/// let request = b"GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n\
///     Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
/// let mut output = Vec::new();
/// let now = Duration::from_millis(1);
/// let mut accepting = Accepting::new(Default::default(), Config::default(), Duration::ZERO);
/// let Received::Request { consumed } = accepting.receive(now, request, &mut output) else { panic!() };
/// assert_eq!((consumed, accepting.request().unwrap().path()), (request.len(), "/chat"));
///
/// accepting.accept(now, &Response::new(), &mut output).unwrap();
/// assert!(output.starts_with(b"HTTP/1.1 101 "));
/// accepting.handle_sent(now, output.len(), 0);
/// let (reader, writer) = accepting.open(now).unwrap();
/// assert!(writer.is_open());
/// assert_eq!(writer.usage(now).received_bytes, request.len() as u64);
/// ```
pub type Accepting = Opening<Server>;

/// The server's side: what has come of the client's request.
#[derive(Debug)]
pub struct Server {
    head: HeadReader,
    /// `None` before it was accepted.
    accepted: Option<Accepted>,
}

/// What the 101 agreed to.
#[derive(Debug)]
struct Accepted {
    #[cfg(feature = "deflate")]
    agreement: Option<tidewire_ws::deflate::Agreement>,
}

#[cfg(feature = "deflate")]
impl Accepted {
    fn of(response: &Response) -> Self {
        Self { agreement: response.agreement().cloned() }
    }

    fn apply(&self, reader: Reader, writer: Writer) -> (Reader, Writer) {
        match &self.agreement {
            Some(agreement) => (reader.with_deflate(agreement), writer.with_deflate(agreement)),
            None => (reader, writer),
        }
    }
}

#[cfg(not(feature = "deflate"))]
impl Accepted {
    fn of(_: &Response) -> Self {
        Self {}
    }

    fn apply(&self, reader: Reader, writer: Writer) -> (Reader, Writer) {
        (reader, writer)
    }
}

/// What came of some bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// Not enough yet; all of the input was taken.
    NeedMore,
    /// A request that may be accepted: [`Accepting::request`].
    Request {
        /// Bytes of this input that belong to it. What follows them are frames, if it is accepted: not counted yet, and to
        /// be received as such. If it is not, nothing of that is ever looked at.
        consumed: usize,
    },
    /// A request that was refused: the answer is in the output. Of what comes behind it, nothing is looked at.
    Refused(Refusal),
    /// It was answered, or has failed: none of the input was taken. What comes before [`Accepting::open`] is the
    /// connection's; leave it in the transport.
    Over,
}

impl Opening<Server> {
    /// A connection that was accepted at `now`; its opening deadline runs.
    #[must_use]
    pub fn new(handshake: Arc<handshake::Config>, config: Config, now: Duration) -> Self {
        Self::begin(Server { head: HeadReader::new(handshake), accepted: None }, config, now)
    }

    /// Takes the next bytes off the transport. A request that breaks a rule is refused in `output`.
    pub fn receive(&mut self, now: Duration, input: &[u8], output: &mut Vec<u8>) -> Received {
        if self.course.transport != Transport::Open || self.side.accepted.is_some() {
            return Received::Over;
        }
        let received = self.side.head.receive(input);
        let len = match received {
            Ok(Progress::Complete { consumed }) => consumed,
            Ok(Progress::NeedMore) | Err(_) => input.len(),
        };
        self.course.lifecycle.handle_received(now, len);
        let consumed = match received {
            Ok(Progress::NeedMore) => return Received::NeedMore,
            Ok(Progress::Complete { consumed }) => consumed,
            Err(refusal) => return self.refused(now, refusal, output),
        };
        match self.side.head.request().err() {
            None => Received::Request { consumed },
            Some(refusal) => self.refused(now, refusal, output),
        }
    }

    /// The request, once it has come whole and breaks no rule.
    #[must_use]
    pub fn request(&self) -> Option<Request<'_>> {
        self.side.head.request().ok()
    }

    /// Answers with a 101, which is appended to `output`; [`open`](Self::open) when the transport has taken it, and read
    /// nothing before. Without a request, and where one was answered already, it does nothing.
    ///
    /// # Errors
    /// The response names what was not offered: the client is not to blame, and was refused with this 500.
    pub fn accept(
        &mut self,
        now: Duration,
        response: &Response,
        output: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        let accepted = match (self.course.transport, &self.side.accepted, self.side.head.request()) {
            (Transport::Open, None, Ok(request)) => request.accept(response, output),
            _ => return Ok(()),
        };
        if accepted.is_err() {
            let refusal = Refusal::new(500, "the server chose what was not offered");
            self.refuse(now, &refusal, output);
            return Err(refusal);
        }
        self.side.accepted = Some(Accepted::of(response));
        Ok(())
    }

    /// Makes a connection of what was accepted. Until then the opening deadline runs, for a client that does not take its
    /// 101, too; what the connection has to say may be behind it in the output already.
    ///
    /// # Errors
    /// It was not accepted, or has failed in the meantime: [`failed`](Self::failed) says why.
    pub fn open(self, now: Duration) -> Result<(Reader, Writer), Box<Self>> {
        let (Transport::Open, Some(accepted)) = (self.course.transport, &self.side.accepted) else {
            return Err(Box::new(self));
        };
        let writer = message::Writer::server(self.config.messages.clone());
        let writer = Writer::opened(writer, self.course.lifecycle, now);
        let reader = Reader::new(Role::Server, &self.config);
        Ok(accepted.apply(reader, writer))
    }

    /// Refuses: the answer is appended to `output`, and nothing that follows is looked at.
    pub fn refuse(&mut self, now: Duration, refusal: &Refusal, output: &mut Vec<u8>) {
        if self.course.transport == Transport::Open {
            refusal.encode(output);
            self.fail(now, Failed::Refused, Transport::ShutDown);
        }
    }

    /// The client's stream ended.
    pub fn handle_eof(&mut self, now: Duration) {
        self.end_of_stream(now);
    }

    fn refused(&mut self, now: Duration, refusal: Refusal, output: &mut Vec<u8>) -> Received {
        self.refuse(now, &refusal, output);
        Received::Refused(refusal)
    }
}
