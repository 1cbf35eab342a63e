//! Where a delivery puts what it makes of what it is handed.

use tidewire_ws::{
    frame::{CloseCode, EncodedFrame},
    message::{MessageKind, SendError},
};

use super::{Message, connection::Connection};

/// Where a delivery puts what it makes of what it is handed. It goes out behind the last of them.
#[derive(Debug)]
pub struct Outbox<'a, IO> {
    pub(super) connection: &'a mut Connection<IO>,
}

impl<IO> Outbox<'_, IO> {
    /// As [`WebSocket::feed`](super::WebSocket::feed).
    ///
    /// # Errors
    /// Our close frame is out, or the connection is over.
    pub fn feed(&mut self, message: impl Into<Message>) -> Result<(), SendError> {
        self.connection.feed(message.into())
    }

    /// As [`WebSocket::feed_text`](super::WebSocket::feed_text).
    ///
    /// # Errors
    /// Our close frame is out, or the connection is over.
    pub fn feed_text(&mut self, text: &str) -> Result<(), SendError> {
        self.connection.feed_text(text)
    }

    /// As [`WebSocket::feed_binary`](super::WebSocket::feed_binary).
    ///
    /// # Errors
    /// Our close frame is out, or the connection is over.
    pub fn feed_binary(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.connection.feed_binary(payload)
    }

    /// As [`WebSocket::feed_encoded`](super::WebSocket::feed_encoded).
    ///
    /// # Errors
    /// Our close frame is out, the connection is over, or this is a client.
    pub fn feed_encoded(&mut self, frame: &EncodedFrame) -> Result<(), SendError> {
        self.connection.feed_encoded(frame)
    }

    /// As [`WebSocket::feed_pieces`](super::WebSocket::feed_pieces).
    ///
    /// # Errors
    /// Our close frame is out, the connection is over, or this is a client.
    pub fn feed_pieces(&mut self, kind: MessageKind, pieces: &[bytes::Bytes]) -> Result<(), SendError> {
        self.connection.feed_pieces(kind, pieces)
    }

    /// Bytes that were fed and that the transport has not taken.
    #[must_use]
    pub fn output_len(&self) -> usize {
        self.connection.output_len()
    }

    /// As [`WebSocket::start_close`](super::WebSocket::start_close): the rest is the reading half's.
    ///
    /// # Errors
    /// Our close frame is out already, the connection is over, or the reason is longer than 123 bytes.
    pub fn start_close(&mut self, code: CloseCode, reason: &str) -> Result<(), SendError> {
        self.connection.start_close(code, reason)
    }
}
