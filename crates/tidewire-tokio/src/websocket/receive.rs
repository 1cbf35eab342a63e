//! What comes to who owns the whole of it.

use std::{
    future::poll_fn,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite};

use super::{Message, WebSocket};

impl<IO: AsyncRead + AsyncWrite + Unpin> WebSocket<IO> {
    /// The next message; `None` once the connection is over and the transport was left as the protocol asks:
    /// [`ended`](Self::ended) then says why. Cancel safe: a message is taken only when it is returned.
    #[inline]
    pub async fn next(&mut self) -> Option<Message> {
        // What was read already goes from here in registers.
        match self.connection.take_next() {
            Some(message) => Some(message),
            None => poll_fn(|cx| self.connection.poll_other_message(cx)).await,
        }
    }

    /// Polls for the next message; see [`next`](Self::next).
    #[inline]
    pub fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.connection.poll_message(cx)
    }
}
