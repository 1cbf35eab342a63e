//! What goes: messages, shared frames, and the close.

use std::{
    future::poll_fn,
    task::{Context, Poll, ready},
};

use tidewire_connection::websocket::Transport;
use tidewire_ws::{
    frame::{CloseCode, EncodedFrame},
    message::{MessageKind, SendError},
};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Message, WebSocket};
use crate::output::Output;

/// Messages dropped in one poll while closing.
const MAX_DROPPED_PER_POLL: usize = 64;

impl<IO: AsyncRead + AsyncWrite + Unpin> WebSocket<IO> {
    /// Queues a text message.
    ///
    /// # Errors
    /// Our close frame is out, or the connection is over.
    pub fn feed_text(&mut self, text: &str) -> Result<(), SendError> {
        self.writer.send_text(self.alarm.now(), text, &mut self.output.tail)
    }

    /// Queues a binary message.
    ///
    /// # Errors
    /// Our close frame is out, or the connection is over.
    pub fn feed_binary(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.writer.send_binary(self.alarm.now(), payload, &mut self.output.tail)
    }

    /// Queues a frame that other connections share; a large one goes out without being copied.
    ///
    /// # Errors
    /// Our close frame is out, the connection is over, or this is a client.
    pub fn feed_encoded(&mut self, frame: &EncodedFrame) -> Result<(), SendError> {
        self.writer.admit_encoded(self.alarm.now())?;
        self.output.push_shared(frame.bytes());
        Ok(())
    }

    /// Queues one message whose payload is the `pieces` in order; large ones go out without being copied.
    ///
    /// # Errors
    /// Our close frame is out, the connection is over, or this is a client.
    pub fn feed_pieces(&mut self, kind: MessageKind, pieces: &[bytes::Bytes]) -> Result<(), SendError> {
        let payload_len = pieces.iter().map(bytes::Bytes::len).sum();
        let header = self.writer.admit_payload(self.alarm.now(), kind, payload_len)?;
        self.output.tail.extend_from_slice(header.as_bytes());
        pieces.iter().for_each(|piece| self.output.push_shared(piece));
        Ok(())
    }

    /// Bytes that were queued and that the transport has not taken.
    #[must_use]
    pub fn output_len(&self) -> usize {
        self.output.len()
    }

    /// Queues a message and waits until the transport took all output. Cancel safe: once queued, the message goes
    /// out with later calls.
    ///
    /// # Errors
    /// Our close frame is out, or the connection is over.
    pub async fn send(&mut self, message: &Message) -> Result<(), SendError> {
        match message {
            Message::Text(text) => self.feed_text(text)?,
            Message::Binary(payload) => self.feed_binary(payload)?,
        }
        self.flush().await;
        Ok(())
    }

    /// Waits until the transport took all output, or is gone: then [`ended`](Self::ended) says so. Deadlines run
    /// meanwhile. Cancel safe.
    pub async fn flush(&mut self) {
        poll_fn(|cx| self.poll_flush(cx)).await;
    }

    /// Polls for the end of the output; see [`flush`](Self::flush).
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let written = match self.writer.transport() {
                Transport::Closed => {
                    // There is nobody to take it.
                    self.output = Output::default();
                    return Poll::Ready(());
                }
                Transport::Open | Transport::ShutDown | Transport::Discard | Transport::Finish => {
                    self.poll_output(cx)
                }
            };
            if written.is_ready() || self.poll_timers(cx).is_pending() {
                return written;
            }
        }
    }

    /// Queues our close frame; go on with [`next`](Self::next) until it is `None`.
    ///
    /// # Errors
    /// Our close frame is out already, the connection is over, or the reason is longer than 123 bytes.
    pub fn start_close(&mut self, code: CloseCode, reason: &str) -> Result<(), SendError> {
        self.writer.close(self.alarm.now(), Some((code, reason)), &mut self.output.tail)
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
        poll_fn(|cx| self.poll_closed(cx)).await;
        Ok(())
    }

    /// Drops messages until the end.
    fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..MAX_DROPPED_PER_POLL {
            if ready!(self.poll_message(cx)).is_none() {
                return Poll::Ready(());
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
