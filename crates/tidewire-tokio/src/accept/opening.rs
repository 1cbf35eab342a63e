//! The steps of a server's opening handshake, under its deadline.

use std::{
    future::poll_fn,
    io, mem,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
};

use tidewire_connection::websocket::{Accepting, Received, Transport};
use tidewire_ws::handshake::{Refusal, Request, Response};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{AcceptError, Acceptor};
use crate::{alarm::Alarm, pool::ReadBuffer, websocket::WebSocket};

/// Bytes taken off the transport at a time while the head is incomplete.
const READ_LEN: usize = 2048;

/// An opening handshake; the transport is lent to each of its steps.
pub(super) struct Opening {
    accepting: Accepting,
    output: Vec<u8>,
    alarm: Alarm,
}

impl Opening {
    pub(super) fn new(acceptor: &Acceptor) -> Self {
        let alarm = Alarm::new();
        let handshake = Arc::clone(&acceptor.handshake);
        let accepting = Accepting::new(handshake, acceptor.websocket.clone(), alarm.now());
        Self { accepting, output: Vec::new(), alarm }
    }

    /// Waits for a transport that has an opening of its own.
    pub(super) async fn secure<IO>(
        &mut self,
        transport: impl Future<Output = io::Result<IO>>,
    ) -> Result<IO, AcceptError> {
        let mut transport = pin!(transport);
        self.within(|cx| transport.as_mut().poll(cx)).await
    }

    /// Reads the request; what came behind it, or why it is refused.
    pub(super) async fn read_request(
        &mut self,
        io: &mut (impl AsyncRead + Unpin),
    ) -> Result<Result<Vec<u8>, Refusal>, AcceptError> {
        loop {
            let mut piece = self.read(io).await?;
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

    /// Answers the request that was read: with a 101, or with why it is refused.
    pub(super) fn answer(
        &mut self,
        acceptor: &Acceptor,
        respond: impl FnOnce(&Request<'_>) -> Result<Response, Refusal>,
    ) -> Result<(), Refusal> {
        let now = self.alarm.now();
        let answer = match self.accepting.request() {
            Some(request) => respond(&request).map(|response| acceptor.compressing(&request, response)),
            None => unreachable!("a request was received"),
        };
        match answer {
            Ok(response) => self.accepting.accept(now, &response, &mut self.output),
            Err(refusal) => {
                self.accepting.refuse(now, &refusal, &mut self.output);
                Err(refusal)
            }
        }
    }

    /// Hands out the connection, whose 101 is written and whose client sent this behind its request.
    pub(super) fn finish<IO>(self, io: IO, unread: &[u8]) -> Result<WebSocket<IO>, AcceptError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let now = self.alarm.now();
        match self.accepting.open(now) {
            Ok(halves) => Ok(WebSocket::new(io, unread, self.alarm, now, halves)),
            Err(_) => Err(AcceptError::Timeout),
        }
    }

    /// Writes why it is refused, and leaves the transport as it should be: to close it with unread input would destroy the
    /// answer on its way.
    pub(super) async fn refused(
        &mut self,
        io: &mut (impl AsyncRead + AsyncWrite + Unpin),
        refusal: Refusal,
    ) -> AcceptError {
        loop {
            let step = match self.accepting.transport() {
                Transport::ShutDown | Transport::Finish => self.shut_down(io).await,
                Transport::Discard => self.discard(io).await,
                Transport::Open | Transport::Closed => return AcceptError::Refused(refusal),
            };
            match step {
                // A deadline, or a peer that is gone: it had its chance to hear the answer.
                Ok(()) | Err(AcceptError::Timeout) => {}
                Err(error) => return error,
            }
        }
    }

    async fn shut_down(&mut self, io: &mut (impl AsyncWrite + Unpin)) -> Result<(), AcceptError> {
        self.write_output(io).await?;
        self.within(|cx| Pin::new(&mut *io).poll_shutdown(cx)).await?;
        self.accepting.handle_shut_down(self.alarm.now());
        Ok(())
    }

    async fn discard(&mut self, io: &mut (impl AsyncRead + Unpin)) -> Result<(), AcceptError> {
        match self.read(io).await.map(ReadBuffer::discard) {
            Ok(0) | Err(AcceptError::Io(_)) => self.accepting.handle_eof(self.alarm.now()),
            Ok(len) => self.accepting.handle_discarded(self.alarm.now(), len),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    async fn read(&mut self, io: &mut (impl AsyncRead + Unpin)) -> Result<ReadBuffer, AcceptError> {
        self.within(|cx| ReadBuffer::poll_read(Pin::new(&mut *io), cx, READ_LEN)).await
    }

    /// Writes what waits, and flushes the transport.
    pub(super) async fn write_output(
        &mut self,
        io: &mut (impl AsyncWrite + Unpin),
    ) -> Result<(), AcceptError> {
        let mut now = self.alarm.now();
        let mut output = mem::take(&mut self.output);
        while !output.is_empty() {
            self.accepting.handle_sent(now, 0, output.len());
            let len = self.within(|cx| Pin::new(&mut *io).poll_write(cx, &output)).await?;
            now = self.alarm.now();
            if len == 0 {
                return Err(io::Error::from(io::ErrorKind::WriteZero).into());
            }
            output.drain(..len);
            self.accepting.handle_sent(now, len, output.len());
        }
        self.within(|cx| Pin::new(&mut *io).poll_flush(cx)).await
    }

    /// Takes a step while the deadlines run.
    async fn within<T>(
        &mut self,
        mut step: impl FnMut(&mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Result<T, AcceptError> {
        poll_fn(|cx| {
            loop {
                if let Poll::Ready(done) = step(cx) {
                    return Poll::Ready(done.map_err(AcceptError::Io));
                }
                let Some((at, _)) = self.accepting.poll_timeout() else { return Poll::Pending };
                ready!(self.alarm.poll(cx, at));
                self.accepting.handle_timeout(self.alarm.now());
                if self.accepting.transport() == Transport::Closed {
                    return Poll::Ready(Err(AcceptError::Timeout));
                }
            }
        })
        .await
    }
}
