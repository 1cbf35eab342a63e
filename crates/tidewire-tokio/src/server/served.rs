//! A WebSocket that a server opened: one that hears of the drain.

use std::{
    future::poll_fn,
    ops::{Deref, DerefMut},
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::Stream;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    drain::Notice,
    websocket::{Message, WebSocket},
};

/// A [`WebSocket`] that goes when the drain says so: it is closed with 1001 in its turn, and [`next`](Self::next) then
/// gives `None`. It hears of that while `next` (or [`poll_message`](Self::poll_message), or the stream) is polled; all
/// else it does is the WebSocket's.
#[derive(Debug)]
pub struct Served<IO> {
    websocket: WebSocket<IO>,
    /// Until it has heard.
    notice: Option<Notice>,
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Served<IO> {
    /// A WebSocket that hears of the drain by this notice.
    pub fn new(websocket: WebSocket<IO>, notice: Notice) -> Self {
        Self { websocket, notice: Some(notice) }
    }

    /// The next message; as [`WebSocket::next`]. Cancel safe.
    pub async fn next(&mut self) -> Option<Message> {
        poll_fn(|cx| self.poll_message(cx)).await
    }

    /// Polls for the next message; see [`next`](Self::next).
    pub fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        if let Some(notice) = &mut self.notice {
            if let Poll::Ready(told_in) = notice.poll_told(cx) {
                self.notice = None;
                self.websocket.begin_drain(told_in);
            }
        }
        self.websocket.poll_message(cx)
    }

    /// The WebSocket, and what it would hear of the drain by, unless it has.
    #[must_use]
    pub fn into_parts(self) -> (WebSocket<IO>, Option<Notice>) {
        (self.websocket, self.notice)
    }
}

impl<IO> Deref for Served<IO> {
    type Target = WebSocket<IO>;

    fn deref(&self) -> &WebSocket<IO> {
        &self.websocket
    }
}

impl<IO> DerefMut for Served<IO> {
    fn deref_mut(&mut self) -> &mut WebSocket<IO> {
        &mut self.websocket
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Stream for Served<IO> {
    type Item = Message;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.get_mut().poll_message(cx)
    }
}
