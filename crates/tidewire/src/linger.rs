//! A socket that lingers when it is shut down: what the peer still sends is read and thrown away for a while.
//!
//! To close a socket that has unread bytes makes the kernel send a reset, and a reset can destroy the answer that
//! the peer has not read yet: a refused upgrade, or a 413.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// How long the peer may take to close after us.
const LINGER_TIMEOUT: Duration = Duration::from_secs(2);

/// How many bytes of it are thrown away meanwhile.
const LINGER_MAX_BYTES: usize = 256 * 1024;

/// A socket that lingers.
#[derive(Debug)]
pub(crate) struct Lingering<IO> {
    io: IO,
    state: State,
}

#[derive(Debug)]
enum State {
    Open,
    /// Our side is shut down.
    Draining {
        left_bytes: usize,
        deadline: Pin<Box<Sleep>>,
    },
    Done,
}

impl<IO> Lingering<IO> {
    /// A socket that is open.
    pub(crate) fn new(io: IO) -> Self {
        Self { io, state: State::Open }
    }

    /// The socket itself.
    pub(crate) fn into_inner(self) -> IO {
        self.io
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Lingering<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Lingering<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { io, state } = &mut *self;
        loop {
            match state {
                State::Open => {
                    ready!(Pin::new(&mut *io).poll_shutdown(cx))?;
                    let deadline = Box::pin(tokio::time::sleep(LINGER_TIMEOUT));
                    *state = State::Draining { left_bytes: LINGER_MAX_BYTES, deadline };
                }
                State::Draining { left_bytes, deadline } => {
                    let mut room = [0; 4096];
                    let mut buffer = ReadBuf::new(&mut room);
                    let late = deadline.as_mut().poll(cx).is_ready();
                    match Pin::new(&mut *io).poll_read(cx, &mut buffer) {
                        Poll::Ready(Ok(())) if !late => {
                            let len = buffer.filled().len();
                            *left_bytes = left_bytes.saturating_sub(len);
                            if len == 0 || *left_bytes == 0 {
                                *state = State::Done;
                            }
                        }
                        Poll::Pending if !late => return Poll::Pending,
                        // The peer is gone, or too slow.
                        Poll::Ready(_) | Poll::Pending => *state = State::Done,
                    }
                }
                State::Done => return Poll::Ready(Ok(())),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn the_shutdown_waits_for_the_peer_within_bounds() {
        let start = Instant::now();
        let (near, far) = tokio::io::duplex(64);
        let mut lingering = Lingering::new(near);
        lingering.shutdown().await.unwrap();
        assert_eq!(start.elapsed(), LINGER_TIMEOUT);
        drop(far);

        let (near, mut far) = tokio::io::duplex(64);
        let mut lingering = Lingering::new(near);
        let sending = tokio::spawn(async move {
            far.write_all(&[0; 1000]).await.unwrap();
        });
        lingering.shutdown().await.unwrap();
        sending.await.unwrap();
        assert_eq!(start.elapsed(), LINGER_TIMEOUT);

        let (near, mut far) = tokio::io::duplex(64);
        let mut lingering = Lingering::new(near);
        let sending = tokio::spawn(async move { far.write_all(&vec![0; LINGER_MAX_BYTES + 8192]).await });
        lingering.shutdown().await.unwrap();
        drop(lingering);
        assert!(sending.await.unwrap().is_err());
        assert_eq!(start.elapsed(), LINGER_TIMEOUT);
    }
}
