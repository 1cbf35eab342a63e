//! The client's opening handshake on a transport: one request, one response, all under one deadline.

use std::{
    future::poll_fn,
    io, mem,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tidewire_connection::websocket::{Answered, Connecting, Transport};
use tidewire_ws::{
    frame::MaskingKey,
    handshake::client::{Declined, Opened, Request},
};
use tokio::io::{AsyncRead, AsyncWrite};

use super::connector::{Connector, Redirects};
use super::deadline::{DECLINED_BODY_TIMEOUT, Deadline};
use super::error::{ConnectError, Stage};
use crate::{alarm::Alarm, pool::ReadBuffer, websocket::WebSocket};

/// Bytes taken off the transport at a time while there is no response.
const READ_LEN: usize = 2048;

/// Sends the request, judges the response, and hands out the connection.
pub(super) async fn open<IO>(
    io: IO,
    request: Request,
    connector: &Connector,
    deadline: &Deadline,
) -> Result<(WebSocket<IO>, Opened), ConnectError>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let mut opening = Opening::new(io, request, connector, deadline);
    let answer = match opening.write_request().await {
        Ok(()) => opening.read_response(connector.redirects).await,
        Err(error) => Err(error),
    };
    let (opened, unread) = match answer {
        Ok(answer) => answer,
        Err(error) => {
            opening.leave().await;
            return Err(error);
        }
    };
    let Opening { io, connecting, alarm, .. } = opening;
    let now = alarm.now();
    match connecting.open(now, &opened, masking_key) {
        Ok(halves) => Ok((WebSocket::new(io, &unread, alarm, now, halves), *opened)),
        Err(_) => Err(ConnectError::Timeout(Stage::Handshake)),
    }
}

/// A key from the generator of the thread: ChaCha, seeded by the operating system and again and again, so that no key
/// tells of the next. A connection has none of its own: that would cost more than all else an idle one keeps.
//= https://www.rfc-editor.org/rfc/rfc6455#section-5.3
//# The masking key needs to be unpredictable; thus, the masking key MUST
//# be derived from a strong source of entropy, and the masking key for a
//# given frame MUST NOT make it simple for a server/proxy to predict the
//# masking key for a subsequent frame.
fn masking_key() -> MaskingKey {
    MaskingKey(rand::random::<u32>().to_ne_bytes())
}

/// A transport and the opening handshake on it.
struct Opening<IO> {
    io: IO,
    connecting: Connecting,
    output: Vec<u8>,
    alarm: Alarm,
    /// Until when the body of a response that declines is waited for.
    body_until: Option<Duration>,
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Opening<IO> {
    fn new(io: IO, request: Request, connector: &Connector, deadline: &Deadline) -> Self {
        let (handshake, websocket) = (connector.handshake.clone(), connector.websocket.clone());
        let mut output = Vec::new();
        // It counts from the beginning of the whole, so the time that dialling took is gone.
        let connecting = Connecting::new(request, handshake, websocket, deadline.started_at, &mut output);
        Self { io, connecting, output, alarm: Alarm::new(), body_until: None }
    }

    /// Writes the request, and flushes the transport.
    async fn write_request(&mut self) -> Result<(), ConnectError> {
        let mut output = mem::take(&mut self.output);
        while !output.is_empty() {
            self.connecting.handle_sent(self.alarm.now(), 0, output.len());
            let len = self.within(|io, cx| Pin::new(io).poll_write(cx, &output)).await?;
            if len == 0 {
                return Err(ConnectError::Io(io::ErrorKind::WriteZero.into()));
            }
            output.drain(..len);
            self.connecting.handle_sent(self.alarm.now(), len, output.len());
        }
        self.within(|io, cx| Pin::new(io).poll_flush(cx)).await
    }

    /// Reads the response; what the server chose, and what came behind it.
    async fn read_response(&mut self, redirects: Redirects) -> Result<(Box<Opened>, Vec<u8>), ConnectError> {
        loop {
            // What came of a body is enough to know why.
            let mut piece = self.read().await.map_err(|error| self.declined().unwrap_or(error))?;
            let now = self.alarm.now();
            let answered = match piece.unread() {
                [] => self.connecting.handle_eof(now),
                input => self.connecting.receive(now, input),
            };
            let unread = match answered {
                Answered::Open { consumed, .. } => piece.unread()[consumed..].to_vec(),
                Answered::NeedMore | Answered::Declined(_) | Answered::Invalid(_) => Vec::new(),
            };
            piece.give_back();
            match answered {
                Answered::NeedMore => self.wait_for_body(now, redirects),
                Answered::Open { opened, .. } => return Ok((opened, unread)),
                Answered::Declined(declined) => return Err(ConnectError::Declined(declined)),
                Answered::Invalid(invalid) => return Err(ConnectError::Response(invalid)),
            }
        }
    }

    /// Whoever follows a redirect does not need to hear what else it says.
    fn wait_for_body(&mut self, now: Duration, redirects: Redirects) {
        let Some(declined) = self.connecting.declined() else { return };
        let patience = match (redirects, declined.location()) {
            (Redirects::Follow { .. }, Some(_)) => Duration::ZERO,
            (Redirects::Follow { .. }, None) | (Redirects::Refuse, _) => DECLINED_BODY_TIMEOUT,
        };
        self.body_until.get_or_insert(now.saturating_add(patience));
    }

    /// The response that declines, as far as its body came.
    fn declined(&self) -> Option<ConnectError> {
        let declined: &Declined = self.connecting.declined()?;
        Some(ConnectError::Declined(Box::new(declined.clone())))
    }

    /// Leaves a transport of which nothing came: whoever takes a goodbye at once gets it, and nobody is waited for.
    async fn leave(mut self) {
        poll_fn(|cx| {
            let _ = Pin::new(&mut self.io).poll_shutdown(cx);
            Poll::Ready(())
        })
        .await;
    }

    async fn read(&mut self) -> Result<ReadBuffer, ConnectError> {
        self.within(|io, cx| ReadBuffer::poll_read(Pin::new(io), cx, READ_LEN)).await
    }

    /// Takes a step while the deadlines run.
    async fn within<T>(
        &mut self,
        mut step: impl FnMut(&mut IO, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Result<T, ConnectError> {
        poll_fn(|cx| {
            loop {
                if let Poll::Ready(done) = step(&mut self.io, cx) {
                    return Poll::Ready(done.map_err(ConnectError::Io));
                }
                let opening = self.connecting.poll_timeout().map(|(at, _)| at);
                let Some(at) = opening.into_iter().chain(self.body_until).min() else { return Poll::Pending };
                ready!(self.alarm.poll(cx, at));
                let now = self.alarm.now();
                self.connecting.handle_timeout(now);
                let is_over = self.connecting.transport() == Transport::Closed;
                if is_over || self.body_until.is_some_and(|until| until <= now) {
                    return Poll::Ready(Err(ConnectError::Timeout(Stage::Handshake)));
                }
            }
        })
        .await
    }
}
