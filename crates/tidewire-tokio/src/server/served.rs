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
///
/// It is a pointer: an `async fn` that takes an argument keeps two of it.
#[derive(Debug)]
pub struct Served<IO> {
    inner: Box<Inner<IO>>,
}

#[derive(Debug)]
struct Inner<IO> {
    websocket: WebSocket<IO>,
    /// Until it has heard.
    notice: Option<Notice>,
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Served<IO> {
    /// A WebSocket that hears of the drain by this notice.
    #[must_use]
    pub fn new(websocket: WebSocket<IO>, notice: Notice) -> Self {
        Self { inner: Box::new(Inner { websocket, notice: Some(notice) }) }
    }

    /// The next message; as [`WebSocket::next`]. Cancel safe.
    pub async fn next(&mut self) -> Option<Message> {
        poll_fn(|cx| self.poll_message(cx)).await
    }

    /// Polls for the next message; see [`next`](Self::next).
    pub fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        let Inner { websocket, notice } = &mut *self.inner;
        if let Some(Poll::Ready(told_in)) = notice.as_mut().map(|notice| notice.poll_told(cx)) {
            *notice = None;
            websocket.begin_drain(told_in);
        }
        websocket.poll_message(cx)
    }

    /// The WebSocket, and what it would hear of the drain by, unless it has.
    #[must_use]
    pub fn into_parts(self) -> (WebSocket<IO>, Option<Notice>) {
        let Inner { websocket, notice } = *self.inner;
        (websocket, notice)
    }
}

impl<IO> Deref for Served<IO> {
    type Target = WebSocket<IO>;

    fn deref(&self) -> &WebSocket<IO> {
        &self.inner.websocket
    }
}

impl<IO> DerefMut for Served<IO> {
    fn deref_mut(&mut self) -> &mut WebSocket<IO> {
        &mut self.inner.websocket
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Stream for Served<IO> {
    type Item = Message;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.get_mut().poll_message(cx)
    }
}
