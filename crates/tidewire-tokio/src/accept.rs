//! The server's opening handshake on a raw transport: one head, one answer, all under one deadline.

use std::{
    future::{self, poll_fn},
    io, mem,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tidewire_connection::websocket::{Accepting, Received, Transport};
#[cfg(feature = "deflate")]
use tidewire_ws::deflate;
use tidewire_ws::handshake::{self, Refusal, Request, Response};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    alarm::Alarm,
    pool::ReadBuffer,
    websocket::{Config, WebSocket},
};

/// Bytes taken off the transport at a time while the head is incomplete.
const READ_LEN: usize = 2048;

/// What an opening handshake may cost, and what the connection behind it may.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Acceptor {
    /// The limits of the request head.
    pub handshake: Arc<handshake::Config>,
    /// The settings of the connection; the opening deadline is among them.
    pub websocket: Config,
    /// Compresses with whoever offers it, unless `None`, which is the default.
    #[cfg(feature = "deflate")]
    pub deflate: Option<deflate::Pool>,
}

/// Why no connection came of a transport. The transport is closed.
#[derive(Debug)]
#[non_exhaustive]
pub enum AcceptError {
    /// The request was refused; the client was told.
    Refused(Refusal),
    /// The head was not complete, or its answer not taken, within the opening deadline.
    Timeout,
    /// The transport failed or ended.
    Io(io::Error),
}

impl std::fmt::Display for AcceptError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(refusal) => write!(f, "refused: {refusal}"),
            Self::Timeout => f.write_str("no complete opening handshake within its deadline"),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for AcceptError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::Timeout => None,
            Self::Io(error) => Some(error),
        }
    }
}

impl From<io::Error> for AcceptError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Acceptor {
    /// An acceptor with these settings for its connections.
    #[must_use]
    pub fn new(websocket: Config) -> Self {
        Self { websocket, ..Self::default() }
    }

    /// Reads a request, answers it with a bare 101, and hands out the connection. Not cancel safe: dropped half way, it drops
    /// the transport with it.
    ///
    /// # Errors
    /// [`AcceptError`]; a refused client was answered with the status that fits.
    ///
    /// # Panics
    /// Outside a tokio runtime with time enabled.
    pub async fn accept<IO>(&self, io: IO) -> Result<WebSocket<IO>, AcceptError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        self.accept_with(io, |_| Ok(Response::new())).await
    }

    /// Reads a request, lets `respond` choose the subprotocol and headers or refuse, and hands out the connection.
    /// Not cancel safe: dropped half way, it drops the transport with it.
    ///
    /// # Errors
    /// [`AcceptError`]; a refused client was answered with the status that fits.
    ///
    /// # Panics
    /// Outside a tokio runtime with time enabled.
    pub async fn accept_with<IO>(
        &self,
        io: IO,
        respond: impl FnOnce(&Request<'_>) -> Result<Response, Refusal>,
    ) -> Result<WebSocket<IO>, AcceptError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        self.accept_secured(future::ready(Ok(io)), respond).await
    }

    /// The same on a transport that has an opening of its own, as TLS does: the deadline of the opening handshake is that of
    /// both together. Not cancel safe: dropped half way, it drops the transport with it.
    ///
    /// ```
    /// # use tidewire_tokio::accept::{AcceptError, Acceptor};
    /// # use tidewire_ws::handshake::Response;
    /// # use tokio::io::{AsyncRead, AsyncWrite};
    /// # struct TlsAcceptor;
    /// # impl TlsAcceptor { async fn accept<IO>(&self, io: IO) -> std::io::Result<IO> { Ok(io) } }
    /// # async fn example<IO: AsyncRead + AsyncWrite + Unpin>(tcp: IO, tls: TlsAcceptor) -> Result<(), AcceptError> {
    /// let websocket = Acceptor::default().accept_secured(tls.accept(tcp), |_| Ok(Response::new())).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`AcceptError`]; a refused client was answered with the status that fits.
    ///
    /// # Panics
    /// Outside a tokio runtime with time enabled.
    pub async fn accept_secured<IO>(
        &self,
        transport: impl Future<Output = io::Result<IO>>,
        respond: impl FnOnce(&Request<'_>) -> Result<Response, Refusal>,
    ) -> Result<WebSocket<IO>, AcceptError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        // The handshake lives on the heap, so that the task of an open connection does not carry its state.
        Box::pin(self.open(transport, respond)).await
    }

    /// As [`accept_secured`](Self::accept_secured), and all of its state in the future.
    pub(crate) async fn open<IO>(
        &self,
        transport: impl Future<Output = io::Result<IO>>,
        respond: impl FnOnce(&Request<'_>) -> Result<Response, Refusal>,
    ) -> Result<WebSocket<IO>, AcceptError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let mut opening = Opening::new(transport, self).await?;
        let unread = match opening.read_request().await? {
            Ok(unread) => unread,
            Err(refusal) => return Err(opening.refused(refusal).await),
        };
        let now = opening.alarm.now();
        let answer = match opening.accepting.request() {
            Some(request) => respond(&request).map(|response| self.compressing(&request, response)),
            None => unreachable!("a request was received"),
        };
        let accepted = match answer {
            Ok(response) => opening.accepting.accept(now, &response, &mut opening.output),
            Err(refusal) => {
                opening.accepting.refuse(now, &refusal, &mut opening.output);
                Err(refusal)
            }
        };
        if let Err(refusal) = accepted {
            return Err(opening.refused(refusal).await);
        }
        opening.write_output(now).await?;
        let Opening { io, accepting, alarm, .. } = opening;
        let now = alarm.now();
        match accepting.open(now) {
            Ok(halves) => Ok(WebSocket::new(io, &unread, alarm, now, halves)),
            Err(_) => Err(AcceptError::Timeout),
        }
    }

    #[cfg(feature = "deflate")]
    fn compressing(&self, request: &Request<'_>, response: Response) -> Response {
        match &self.deflate {
            // The caller may have agreed to something by itself.
            Some(pool) if response.agreement().is_none() => {
                pool.accept(request.extensions()).iter().fold(response, Response::deflate)
            }
            Some(_) | None => response,
        }
    }

    #[cfg(not(feature = "deflate"))]
    #[expect(clippy::unused_self, reason = "there is nothing to compress with")]
    fn compressing(&self, _: &Request<'_>, response: Response) -> Response {
        response
    }
}

/// A transport and the opening handshake on it.
struct Opening<IO> {
    io: IO,
    accepting: Accepting,
    output: Vec<u8>,
    alarm: Alarm,
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Opening<IO> {
    async fn new(
        transport: impl Future<Output = io::Result<IO>>,
        acceptor: &Acceptor,
    ) -> Result<Self, AcceptError> {
        let mut alarm = Alarm::new();
        let handshake = Arc::clone(&acceptor.handshake);
        let mut accepting = Accepting::new(handshake, acceptor.websocket.clone(), alarm.now());
        let mut transport = pin!(transport);
        let io = poll_fn(|cx| poll_within(&mut accepting, &mut alarm, cx, |cx| transport.as_mut().poll(cx)));
        Ok(Self { io: io.await?, accepting, output: Vec::new(), alarm })
    }

    /// Reads the request; what came behind it, or why it is refused.
    async fn read_request(&mut self) -> Result<Result<Vec<u8>, Refusal>, AcceptError> {
        loop {
            let mut piece = self.read().await?;
            let now = self.alarm.now();
            if piece.is_empty() {
                self.accepting.handle_eof(now);
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            let received = self.accepting.receive(now, piece.unread(), &mut self.output);
            let unread = match received {
                Received::Request { consumed } => piece.unread()[consumed..].to_vec(),
                Received::NeedMore | Received::Refused(_) | Received::Over => Vec::new(),
            };
            piece.give_back();
            match received {
                Received::NeedMore => {}
                Received::Request { .. } => return Ok(Ok(unread)),
                Received::Refused(refusal) => return Ok(Err(refusal)),
                Received::Over => return Err(AcceptError::Timeout),
            }
        }
    }

    /// Answers, and leaves the transport as it should be: to close it with unread input would destroy the answer on its way.
    async fn refused(mut self, refusal: Refusal) -> AcceptError {
        loop {
            let step = match self.accepting.transport() {
                Transport::ShutDown | Transport::Finish => self.shut_down().await,
                Transport::Discard => self.discard().await,
                Transport::Open | Transport::Closed => return AcceptError::Refused(refusal),
            };
            match step {
                // A deadline, or a peer that is gone: it had its chance to hear the answer.
                Ok(()) | Err(AcceptError::Timeout) => {}
                Err(error) => return error,
            }
        }
    }

    async fn shut_down(&mut self) -> Result<(), AcceptError> {
        self.write_output(self.alarm.now()).await?;
        self.within(|io, cx| Pin::new(io).poll_shutdown(cx)).await?;
        self.accepting.handle_shut_down(self.alarm.now());
        Ok(())
    }

    async fn discard(&mut self) -> Result<(), AcceptError> {
        match self.read().await.map(ReadBuffer::discard) {
            Ok(0) | Err(AcceptError::Io(_)) => self.accepting.handle_eof(self.alarm.now()),
            Ok(len) => self.accepting.handle_discarded(self.alarm.now(), len),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    async fn read(&mut self) -> Result<ReadBuffer, AcceptError> {
        self.within(|io, cx| ReadBuffer::poll_read(Pin::new(io), cx, READ_LEN)).await
    }

    /// Writes what waits, from `now` on, and flushes the transport.
    async fn write_output(&mut self, mut now: Duration) -> Result<(), AcceptError> {
        let mut output = mem::take(&mut self.output);
        while !output.is_empty() {
            self.accepting.handle_sent(now, 0, output.len());
            let len = self.within(|io, cx| Pin::new(io).poll_write(cx, &output)).await?;
            now = self.alarm.now();
            if len == 0 {
                return Err(io::Error::from(io::ErrorKind::WriteZero).into());
            }
            output.drain(..len);
            self.accepting.handle_sent(now, len, output.len());
        }
        self.within(|io, cx| Pin::new(io).poll_flush(cx)).await
    }

    /// Takes a step while the deadlines run.
    async fn within<T>(
        &mut self,
        mut step: impl FnMut(&mut IO, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Result<T, AcceptError> {
        let Self { io, accepting, alarm, .. } = self;
        poll_fn(|cx| poll_within(accepting, alarm, cx, |cx| step(io, cx))).await
    }
}

/// Polls a step while the deadlines run.
fn poll_within<T>(
    accepting: &mut Accepting,
    alarm: &mut Alarm,
    cx: &mut Context<'_>,
    mut step: impl FnMut(&mut Context<'_>) -> Poll<io::Result<T>>,
) -> Poll<Result<T, AcceptError>> {
    loop {
        if let Poll::Ready(done) = step(cx) {
            return Poll::Ready(done.map_err(AcceptError::Io));
        }
        let Some((at, _)) = accepting.poll_timeout() else { return Poll::Pending };
        ready!(alarm.poll(cx, at));
        accepting.handle_timeout(alarm.now());
        if accepting.transport() == Transport::Closed {
            return Poll::Ready(Err(AcceptError::Timeout));
        }
    }
}
