//! Where a delivery puts what it makes of what it is handed.

use std::task::{Context, Poll};

use bytes::Bytes;
use tidewire_ws::{
    frame::{CloseCode, EncodedFrame},
    message::{MessageKind, SendError},
};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Message, connection::Connection};

/// Where a delivery puts what it makes of what it is handed. It goes out behind the last of them.
#[derive(Debug)]
pub struct Outbox<'a, IO> {
    connection: &'a mut Connection<IO>,
    /// The frame that nothing waits before, for as long as none comes behind it: it can be written from where it lies.
    lone: Option<Bytes>,
}

impl<'a, IO> Outbox<'a, IO> {
    pub(super) fn new(connection: &'a mut Connection<IO>) -> Self {
        Self { connection, lone: None }
    }

    /// The connection, whose output something follows.
    fn behind(&mut self) -> &mut Connection<IO> {
        if let Some(lone) = self.lone.take() {
            self.connection.push_shared(&lone);
        }
        self.connection
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Outbox<'_, IO> {
    /// Writes what was fed, and flushes the transport; `Ready` when nothing waits.
    pub(super) fn poll_written(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.lone.take() {
            Some(lone) => self.connection.poll_lone_written(cx, &lone),
            None => self.connection.poll_written(cx),
        }
    }
}

impl<IO> Drop for Outbox<'_, IO> {
    /// What was fed goes out, though its hand panicked.
    fn drop(&mut self) {
        self.behind();
    }
}

impl<IO> Outbox<'_, IO> {
    /// As [`WebSocket::feed`](super::WebSocket::feed).
    ///
    /// # Errors
    /// Our close frame is out, or the connection is over.
    pub fn feed(&mut self, message: impl Into<Message>) -> Result<(), SendError> {
        self.behind().feed(message.into())
    }

    /// As [`WebSocket::feed_text`](super::WebSocket::feed_text).
    ///
    /// # Errors
    /// Our close frame is out, or the connection is over.
    pub fn feed_text(&mut self, text: &str) -> Result<(), SendError> {
        self.behind().feed_text(text)
    }

    /// As [`WebSocket::feed_binary`](super::WebSocket::feed_binary).
    ///
    /// # Errors
    /// Our close frame is out, or the connection is over.
    pub fn feed_binary(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.behind().feed_binary(payload)
    }

    /// As [`WebSocket::feed_encoded`](super::WebSocket::feed_encoded).
    ///
    /// # Errors
    /// Our close frame is out, the connection is over, or this is a client.
    pub fn feed_encoded(&mut self, frame: &EncodedFrame) -> Result<(), SendError> {
        if self.lone.is_some() || !self.connection.is_output_done() {
            return self.behind().feed_encoded(frame);
        }
        self.connection.admit_encoded()?;
        self.lone = Some(frame.bytes().clone());
        Ok(())
    }

    /// As [`WebSocket::feed_pieces`](super::WebSocket::feed_pieces).
    ///
    /// # Errors
    /// Our close frame is out, the connection is over, or this is a client.
    pub fn feed_pieces(&mut self, kind: MessageKind, pieces: &[Bytes]) -> Result<(), SendError> {
        self.behind().feed_pieces(kind, pieces)
    }

    /// Bytes that were fed and that the transport has not taken.
    #[must_use]
    pub fn output_len(&self) -> usize {
        self.connection.output_len() + self.lone.as_ref().map_or(0, Bytes::len)
    }

    /// As [`WebSocket::start_close`](super::WebSocket::start_close): the rest is the reading half's.
    ///
    /// # Errors
    /// Our close frame is out already, the connection is over, or the reason is longer than 123 bytes.
    pub fn start_close(&mut self, code: CloseCode, reason: &str) -> Result<(), SendError> {
        self.behind().start_close(code, reason)
    }
}
