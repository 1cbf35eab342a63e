//! Two halves, for a task that reads and another that writes.

use std::{
    fmt,
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tidewire_lifecycle::Usage;
use tidewire_ws::{
    frame::{CloseCode, EncodedFrame},
    message::{MessageKind, SendError},
};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    Ended, Message, WebSocket,
    connection::Connection,
    driven::Handle,
    shared::{Party, Shared},
};

/// The half that receives; see [`WebSocket::split`].
pub struct ReadHalf<IO> {
    pub(super) shared: Arc<Shared<IO>>,
    /// Of a connection that is driven.
    handle: Option<Arc<Handle<IO>>>,
}

/// The half that sends; see [`WebSocket::split`].
pub struct WriteHalf<IO> {
    pub(super) shared: Arc<Shared<IO>>,
    _handle: Option<Arc<Handle<IO>>>,
}

/// Two halves that are not of one WebSocket, or of one that is driven.
#[derive(Debug)]
pub struct Unrelated<IO>(pub ReadHalf<IO>, pub WriteHalf<IO>);

impl<IO> fmt::Display for Unrelated<IO> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected the two halves of one WebSocket that nobody drives")
    }
}

impl<IO> std::error::Error for Unrelated<IO> where IO: fmt::Debug {}

impl<IO: AsyncRead + AsyncWrite + Unpin> WebSocket<IO> {
    /// Two halves, each of which answers pings, echoes a close and keeps the deadlines while it is polled. They share the
    /// connection behind a lock that is held for one poll and never across an await. The transport is dropped with
    /// the second of them.
    #[must_use]
    pub fn split(self) -> (ReadHalf<IO>, WriteHalf<IO>) {
        halves(&Shared::new(*self.connection), None)
    }
}

pub(super) fn halves<IO>(
    shared: &Arc<Shared<IO>>,
    handle: Option<Arc<Handle<IO>>>,
) -> (ReadHalf<IO>, WriteHalf<IO>) {
    let read = ReadHalf { shared: Arc::clone(shared), handle: handle.clone() };
    (read, WriteHalf { shared: Arc::clone(shared), _handle: handle })
}

impl<IO: AsyncRead + AsyncWrite + Unpin> ReadHalf<IO> {
    /// As [`WebSocket::next`]. Cancel safe.
    pub async fn next(&mut self) -> Option<Message> {
        poll_fn(|cx| self.poll_message(cx)).await
    }

    /// Polls for the next message; see [`next`](Self::next).
    pub fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.shared.poll(Party::Reader, cx, Connection::poll_message)
    }

    /// How the connection ended, once it has.
    #[must_use]
    pub fn ended(&self) -> Option<Ended> {
        self.shared.lock().writer.ended().cloned()
    }

    /// What the connection has used.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let connection = self.shared.lock();
        connection.writer.usage(connection.alarm.now())
    }

    /// The WebSocket again. A delivery that is not dropped before finds the connection gone, and ends.
    ///
    /// # Errors
    /// The halves are of two, or it is [driven](WebSocket::into_driven): they come back.
    pub fn reunite(self, write: WriteHalf<IO>) -> Result<WebSocket<IO>, Unrelated<IO>> {
        if !Arc::ptr_eq(&self.shared, &write.shared) || self.handle.is_some() {
            return Err(Unrelated(self, write));
        }
        drop(write);
        let mut shared = self.shared;
        loop {
            match Arc::try_unwrap(shared) {
                Ok(shared) => return Ok(WebSocket { connection: shared.into_connection() }),
                // A delivery is at it, on another thread, and soon done.
                Err(held) => shared = held,
            }
            std::thread::yield_now();
        }
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> WriteHalf<IO> {
    fn change<T>(&self, change: impl FnOnce(&mut Connection<IO>) -> T) -> T {
        self.shared.change(Party::Writer, change)
    }

    /// As [`WebSocket::feed`].
    ///
    /// # Errors
    /// Our close frame is out, or the connection is over.
    pub fn feed(&mut self, message: impl Into<Message>) -> Result<(), SendError> {
        self.change(|connection| connection.feed(message.into()))
    }

    /// As [`WebSocket::feed_text`].
    ///
    /// # Errors
    /// Our close frame is out, or the connection is over.
    pub fn feed_text(&mut self, text: &str) -> Result<(), SendError> {
        self.change(|connection| connection.feed_text(text))
    }

    /// As [`WebSocket::feed_binary`].
    ///
    /// # Errors
    /// Our close frame is out, or the connection is over.
    pub fn feed_binary(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.change(|connection| connection.feed_binary(payload))
    }

    /// As [`WebSocket::feed_encoded`].
    ///
    /// # Errors
    /// Our close frame is out, the connection is over, or this is a client.
    pub fn feed_encoded(&mut self, frame: &EncodedFrame) -> Result<(), SendError> {
        self.change(|connection| connection.feed_encoded(frame))
    }

    /// As [`WebSocket::feed_pieces`].
    ///
    /// # Errors
    /// Our close frame is out, the connection is over, or this is a client.
    pub fn feed_pieces(&mut self, kind: MessageKind, pieces: &[bytes::Bytes]) -> Result<(), SendError> {
        self.change(|connection| connection.feed_pieces(kind, pieces))
    }

    /// How the connection ended, once it has.
    #[must_use]
    pub fn ended(&self) -> Option<Ended> {
        self.shared.lock().writer.ended().cloned()
    }

    /// What the connection has used.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let connection = self.shared.lock();
        connection.writer.usage(connection.alarm.now())
    }

    /// Bytes that were queued and that the transport has not taken.
    #[must_use]
    pub fn output_len(&self) -> usize {
        self.shared.lock().output_len()
    }

    /// As [`WebSocket::send`]. Cancel safe: once queued, with the first poll, the message goes out with later calls of
    /// either half.
    ///
    /// # Errors
    /// Our close frame is out, or the connection is over.
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<(), SendError> {
        self.feed(message)?;
        poll_fn(|cx| self.shared.poll(Party::Writer, cx, Connection::poll_sent)).await
    }

    /// As [`WebSocket::flush`]. Cancel safe.
    pub async fn flush(&mut self) {
        poll_fn(|cx| self.poll_flush(cx)).await;
    }

    /// Polls for the end of the output; see [`flush`](Self::flush).
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.shared.poll(Party::Writer, cx, Connection::poll_flush)
    }

    /// As [`WebSocket::start_close`]; what reads goes on until its end.
    ///
    /// # Errors
    /// Our close frame is out already, the connection is over, or the reason is longer than 123 bytes.
    pub fn start_close(&mut self, code: CloseCode, reason: &str) -> Result<(), SendError> {
        self.change(|connection| connection.start_close(code, reason))
    }

    /// As [`WebSocket::close`]: messages that the other half does not take meanwhile are dropped. Cancel safe.
    ///
    /// # Errors
    /// The reason is longer than 123 bytes.
    pub async fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), SendError> {
        match self.start_close(code, reason) {
            Ok(()) | Err(SendError::NotOpen) => {}
            Err(error) => return Err(error),
        }
        poll_fn(|cx| self.shared.poll(Party::Writer, cx, Connection::poll_closed)).await;
        Ok(())
    }

    /// As [`WebSocket::set_credential_expiry`].
    pub fn set_credential_expiry(&mut self, expires_in: Option<Duration>) {
        self.change(|connection| connection.set_credential_expiry(expires_in));
        self.shared.wake();
    }

    /// As [`WebSocket::begin_drain`].
    pub fn begin_drain(&mut self, told_in: Duration) {
        self.change(|connection| connection.begin_drain(told_in));
        self.shared.wake();
    }
}

impl<IO> fmt::Debug for ReadHalf<IO> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadHalf").finish_non_exhaustive()
    }
}

impl<IO> fmt::Debug for WriteHalf<IO> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteHalf").finish_non_exhaustive()
    }
}
