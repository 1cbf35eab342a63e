//! The standard traits: a stream of messages that came, a sink for those that go.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_core::Stream;
use futures_sink::Sink;
use tidewire_ws::{frame::CloseCode, message::SendError};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Message, ReadHalf, WebSocket, WriteHalf, connection::Connection, shared::Party};

/// A sink that holds so many bytes takes another message only when they are written.
const SINK_HIGH_WATER: usize = 64 * 1024;

impl<IO: AsyncRead + AsyncWrite + Unpin> Connection<IO> {
    /// Whether there is room for another message.
    pub(super) fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        if !self.writer.is_open() {
            return Poll::Ready(Err(SendError::NotOpen));
        }
        if self.output_len() >= SINK_HIGH_WATER {
            ready!(self.poll_flush(cx));
        }
        Poll::Ready(Ok(()))
    }

    /// Closes with 1000, and waits for the end.
    pub(super) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        if self.writer.is_open() {
            // It is open, and there is no reason that could be too long.
            let _ = self.start_close(CloseCode::NORMAL, "");
        }
        ready!(self.poll_closed(cx));
        // Whether all went out that was fed.
        self.poll_sent(cx)
    }
}

/// The messages that come, until the connection is over.
impl<IO: AsyncRead + AsyncWrite + Unpin> Stream for WebSocket<IO> {
    type Item = Message;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.get_mut().poll_message(cx)
    }
}

/// Messages that go. It takes 64 KiB before it wants to be flushed; closed, it says 1000, drops what comes meanwhile and
/// waits for the end. It fails when the connection ended before all was taken.
impl<IO: AsyncRead + AsyncWrite + Unpin> Sink<Message> for WebSocket<IO> {
    type Error = SendError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.get_mut().connection.poll_room(cx)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), SendError> {
        self.get_mut().feed(message)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.get_mut().connection.poll_sent(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.get_mut().connection.poll_close(cx)
    }
}

/// The messages that come, until the connection is over.
impl<IO: AsyncRead + AsyncWrite + Unpin> Stream for ReadHalf<IO> {
    type Item = Message;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.get_mut().poll_message(cx)
    }
}

/// As that of a whole [`WebSocket`].
impl<IO: AsyncRead + AsyncWrite + Unpin> Sink<Message> for WriteHalf<IO> {
    type Error = SendError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.shared.poll(Party::Writer, cx, Connection::poll_room)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), SendError> {
        self.get_mut().feed(message)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.shared.poll(Party::Writer, cx, Connection::poll_sent)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.shared.poll(Party::Writer, cx, Connection::poll_close)
    }
}
