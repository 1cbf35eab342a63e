//! The client's side: a request is written, and its response read (RFC 6455 §4.1).

use super::{Failed, Opening};
use crate::Transport;
use crate::websocket::{Config, Reader, Writer};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;
use tidewire_ws::frame::MaskingKey;
use tidewire_ws::handshake::{
    self,
    client::{Answer, Declined, InvalidResponse, Opened, Request, ResponseReader},
};
use tidewire_ws::{Role, message};

/// A connection whose server has not answered.
///
/// ```
/// use core::time::Duration;
/// use tidewire_connection::websocket::{Answered, Config, Connecting};
/// use tidewire_ws::{frame::MaskingKey, handshake::client::Request};
///
/// let response = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
///     Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
/// let request = Request::new("server.example.com", "/chat", *b"the sample nonce").unwrap();
/// let mut output = Vec::new();
/// let now = Duration::from_millis(1);
/// let mut connecting = Connecting::new(request, Default::default(), Config::default(), Duration::ZERO, &mut output);
/// assert!(output.starts_with(b"GET /chat HTTP/1.1\r\n"));
///
/// let Answered::Open { opened, consumed } = connecting.receive(now, response) else { panic!() };
/// assert_eq!((opened.subprotocol(), consumed), (None, response.len()));
/// let (reader, writer) = connecting.open(now, &opened, || MaskingKey([1, 2, 3, 4])).unwrap();
/// assert!(writer.is_open());
/// ```
pub type Connecting = Opening<Client>;

/// The client's side: what has come of the server's response.
#[derive(Debug)]
pub struct Client {
    response: ResponseReader,
}

/// What came of some bytes.
#[derive(Debug)]
pub enum Answered {
    /// Not enough yet; all of the input was taken.
    NeedMore,
    /// The server opened the connection: [`Connecting::open`] it.
    Open {
        /// What it chose.
        opened: Box<Opened>,
        /// Bytes of this input that belong to the response. What follows them are frames: not counted yet, and to be
        /// received as such.
        consumed: usize,
    },
    /// The server declined; the transport is to be closed.
    Declined(Box<Declined>),
    /// The server's answer is none; the transport is to be closed.
    Invalid(InvalidResponse),
}

impl Opening<Client> {
    /// A connection on which the request goes out, into `output`, at `now`; its opening deadline runs.
    #[must_use]
    pub fn new(
        request: Request,
        handshake: Arc<handshake::Config>,
        config: Config,
        now: Duration,
        output: &mut Vec<u8>,
    ) -> Self {
        request.encode(output);
        Self::begin(Client { response: request.into_reader(handshake) }, config, now)
    }

    /// Takes the next bytes off the transport.
    pub fn receive(&mut self, now: Duration, input: &[u8]) -> Answered {
        if self.course.transport != Transport::Open {
            return Answered::NeedMore;
        }
        let answer = self.side.response.receive(input);
        let len = match &answer {
            Ok(Answer::Open { consumed, .. }) => *consumed,
            Ok(Answer::NeedMore | Answer::Declined(_)) | Err(_) => input.len(),
        };
        self.course.lifecycle.handle_received(now, len);
        match answer {
            Ok(Answer::NeedMore) => Answered::NeedMore,
            Ok(Answer::Open { opened, consumed }) => Answered::Open { opened: Box::new(opened), consumed },
            Ok(Answer::Declined(declined)) => {
                self.fail(now, Failed::Refused, Transport::Finish);
                Answered::Declined(Box::new(declined))
            }
            Err(invalid) => {
                self.fail(now, Failed::Refused, Transport::Finish);
                Answered::Invalid(invalid)
            }
        }
    }

    /// Makes a connection of what the server opened. `keys` gives a masking key for each frame, from a strong source of
    /// entropy (RFC 6455 §5.3).
    ///
    /// # Errors
    /// It has failed in the meantime, by a deadline say.
    pub fn open(
        self,
        now: Duration,
        opened: &Opened,
        keys: impl FnMut() -> MaskingKey + Send + Sync + 'static,
    ) -> Result<(Reader, Writer), Box<Self>> {
        if self.course.transport != Transport::Open {
            return Err(Box::new(self));
        }
        let writer = message::Writer::client(self.config.messages.clone(), keys);
        let writer = Writer::opened(writer, self.course.lifecycle, now);
        let reader = Reader::new(Role::Client, &self.config);
        #[cfg(feature = "deflate")]
        if let Some(agreement) = opened.agreement() {
            return Ok((reader.with_deflate(agreement), writer.with_deflate(agreement)));
        }
        #[cfg(not(feature = "deflate"))]
        let _ = opened;
        Ok((reader, writer))
    }

    /// The response that declines, as far as its body came: for whoever waits no longer for the rest.
    #[must_use]
    pub fn declined(&self) -> Option<&Declined> {
        self.side.response.declined()
    }

    /// The server's stream ended: of a response that declines, what came of its body is all of it.
    pub fn handle_eof(&mut self, now: Duration) -> Answered {
        if self.course.transport != Transport::Open {
            self.end_of_stream(now);
            return Answered::NeedMore;
        }
        match self.side.response.handle_eof() {
            Ok(declined) => {
                self.end(now, Failed::Refused);
                Answered::Declined(Box::new(declined))
            }
            Err(invalid) => {
                self.end(now, Failed::Eof);
                Answered::Invalid(invalid)
            }
        }
    }
}
