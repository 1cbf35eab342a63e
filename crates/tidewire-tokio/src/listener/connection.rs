//! A connection and its place, as one: for those who serve it in more than one task.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Permit, Stream};

/// A connection that keeps its place among a [`Listener`](super::Listener)'s for as long as it is open, whoever it is handed
/// on to: an HTTP server gives it away behind an upgrade, and its own task is over then.
///
/// ```
/// # use tidewire_tokio::listener::{Connection, Listener};
/// # async fn example(listener: Listener) {
/// let (stream, _peer, permit) = listener.accept().await;
/// let io = Connection::new(stream, permit);
/// # }
/// ```
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    // Behind the stream: a place is given back when the socket is closed.
    permit: Permit,
}

impl Connection {
    /// Both as one.
    #[must_use]
    pub fn new(stream: Stream, permit: Permit) -> Self {
        Self { stream, permit }
    }

    /// The socket: its addresses and options.
    #[must_use]
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// The socket, and the place to be kept as long as that.
    #[must_use]
    pub fn into_parts(self) -> (Stream, Permit) {
        (self.stream, self.permit)
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
