//! What goes, from who owns the whole of it.

use std::{
    future::poll_fn,
    task::{Context, Poll},
};

use bytes::Bytes;
use tidewire_ws::{
    frame::{CloseCode, EncodedFrame},
    message::{MessageKind, SendError},
};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Message, WebSocket};

impl<IO: AsyncRead + AsyncWrite + Unpin> WebSocket<IO> {
    /// Queues a message that is given away: a large one goes out without being copied. It goes out when the input is drained,
    /// or with [`flush`](Self::flush).
    ///
    /// There is no limit on what is queued: whoever feeds what others say looks at [`output_len`](Self::output_len), or waits
    /// in [`send`](Self::send).
    ///
    /// # Errors
    /// Our close frame is out, or the connection is over.
    #[inline]
    pub fn feed(&mut self, message: impl Into<Message>) -> Result<(), SendError> {
        self.connection.feed(message.into())
    }

    /// Queues a text message.
    ///
    /// # Errors
    /// Our close frame is out, or the connection is over.
    pub fn feed_text(&mut self, text: &str) -> Result<(), SendError> {
        self.connection.feed_text(text)
    }

    /// Queues a binary message.
    ///
    /// # Errors
    /// Our close frame is out, or the connection is over.
    pub fn feed_binary(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.connection.feed_binary(payload)
    }

    /// Queues a frame that other connections share, from [`EncodedFrame::text`] or [`EncodedFrame::binary`]; a large one goes
    /// out without being copied.
    ///
    /// # Errors
    /// Our close frame is out, the connection is over, or this is a client.
    pub fn feed_encoded(&mut self, frame: &EncodedFrame) -> Result<(), SendError> {
        self.connection.feed_encoded(frame)
    }

    /// Queues one message whose payload is the `pieces` in order; large ones go out without being copied.
    ///
    /// # Errors
    /// Our close frame is out, the connection is over, or this is a client.
    pub fn feed_pieces(&mut self, kind: MessageKind, pieces: &[Bytes]) -> Result<(), SendError> {
        self.connection.feed_pieces(kind, pieces)
    }

    /// Bytes that were queued and that the transport has not taken.
    #[must_use]
    pub fn output_len(&self) -> usize {
        self.connection.output_len()
    }

    /// Queues a message and waits until the transport took all output. Cancel safe: once queued, with the first poll,
    /// the message goes out with later calls.
    ///
    /// # Errors
    /// Our close frame is out, or the connection is over: also when it ended before the transport took all.
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<(), SendError> {
        self.feed(message)?;
        poll_fn(|cx| self.connection.poll_sent(cx)).await
    }

    /// Waits until the transport took all output, or is gone: then [`ended`](Self::ended) says so. Deadlines run
    /// meanwhile, pings are answered and a close is echoed; the first message that comes is kept for
    /// [`next`](Self::next), and what comes behind it waits in the transport. Cancel safe.
    pub async fn flush(&mut self) {
        poll_fn(|cx| self.poll_flush(cx)).await;
    }

    /// Polls for the end of the output; see [`flush`](Self::flush).
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.connection.poll_flush(cx)
    }

    /// Queues our close frame; go on with [`next`](Self::next) until it is `None`.
    ///
    /// # Errors
    /// Our close frame is out already, the connection is over, or the reason is longer than 123 bytes.
    pub fn start_close(&mut self, code: CloseCode, reason: &str) -> Result<(), SendError> {
        self.connection.start_close(code, reason)
    }

    /// Closes: our close frame, the peer's, the end of its stream, each within its deadline. Messages that come
    /// meanwhile are dropped. When a close is under way already, it waits for its end. Cancel safe.
    ///
    /// # Errors
    /// The reason is longer than 123 bytes.
    pub async fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), SendError> {
        match self.start_close(code, reason) {
            Ok(()) | Err(SendError::NotOpen) => {}
            Err(error) => return Err(error),
        }
        poll_fn(|cx| self.connection.poll_closed(cx)).await;
        Ok(())
    }
}
