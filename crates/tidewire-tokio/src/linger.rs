//! A transport that lingers when it is shut down: what the peer still sends is read and thrown away for a while.
//!
//! To close a socket that has unread bytes makes the kernel send a reset, and a reset can destroy the answer that the peer
//! has not read yet: a refused upgrade, or a 413. An HTTP server of a library's, which closes behind such an answer, is
//! given its sockets in a [`Lingering`]. The acceptor and the WebSocket of this crate linger by themselves.

use std::{
    io, mem,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::alarm::Alarm;

/// Bytes thrown away at a time.
const PIECE_LEN: usize = 4096;

/// What lingering may cost.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// How long the peer may take to close after us. Default 2 s.
    pub timeout: Duration,
    /// Bytes of it that are thrown away meanwhile; as many end it. Default 256 KiB.
    pub max_bytes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(2), max_bytes: 256 * 1024 }
    }
}

/// A transport that lingers.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> std::io::Result<()> {
/// use tidewire_tokio::linger::{Limits, Lingering};
/// use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
///
/// let (mut client, server) = duplex(64);
/// client.write_all(b"more than the server wants to know").await?;
/// let mut server = Lingering::new(server, Limits::default());
/// server.write_all(b"no").await?;
/// // The client reads this in peace, for it closes first.
/// let closing = tokio::spawn(async move { server.shutdown().await });
/// let mut answer = String::new();
/// client.read_to_string(&mut answer).await?;
/// assert_eq!(answer, "no");
/// drop(client);
/// closing.await?
/// # }
/// ```
#[derive(Debug)]
pub struct Lingering<IO> {
    io: IO,
    limits: Limits,
    state: State,
}

#[derive(Debug)]
enum State {
    Open,
    /// Our side is shut down.
    /// The transport's own end is under way, under the same deadline.
    ShuttingDown(Box<Discarding>),
    Discarding(Box<Discarding>),
    Done,
}

#[derive(Debug)]
struct Discarding {
    left_bytes: u32,
    alarm: Alarm,
    deadline: Duration,
}

impl<IO> Lingering<IO> {
    /// A transport that is open.
    pub fn new(io: IO, limits: Limits) -> Self {
        Self { io, limits, state: State::Open }
    }

    /// The transport: its addresses, say.
    pub fn io(&self) -> &IO {
        &self.io
    }

    /// The transport itself.
    pub fn into_inner(self) -> IO {
        self.io
    }
}

impl Discarding {
    fn begin(limits: Limits) -> Box<Self> {
        let alarm = Alarm::new();
        let deadline = alarm.now().saturating_add(limits.timeout);
        Box::new(Self { left_bytes: limits.max_bytes, alarm, deadline })
    }

    /// Throws away what comes; `Ready` when nothing more will, or may.
    fn poll_end<IO: AsyncRead + Unpin>(&mut self, io: &mut IO, cx: &mut Context<'_>) -> Poll<()> {
        let mut room = [0; PIECE_LEN];
        while self.left_bytes > 0 {
            let mut piece = ReadBuf::new(&mut room);
            match Pin::new(&mut *io).poll_read(cx, &mut piece) {
                Poll::Ready(Ok(())) if !piece.filled().is_empty() => {
                    let len = u32::try_from(piece.filled().len()).unwrap_or(u32::MAX);
                    self.left_bytes = self.left_bytes.saturating_sub(len);
                }
                // The peer has closed, or is gone.
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return self.poll_deadline(cx),
            }
        }
        Poll::Ready(())
    }

    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = self.deadline;
        self.alarm.poll(cx, deadline)
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

    /// Shuts down the writing side, and is ready when the peer has closed, or a limit is reached.
    ///
    /// # Panics
    /// Outside a tokio runtime with time enabled.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { io, limits, state } = &mut *self;
        loop {
            *state = match state {
                State::Open => State::ShuttingDown(Discarding::begin(*limits)),
                State::ShuttingDown(discarding) => match Pin::new(&mut *io).poll_shutdown(cx) {
                    Poll::Ready(Ok(())) => match mem::replace(state, State::Done) {
                        State::ShuttingDown(discarding) => State::Discarding(discarding),
                        State::Open | State::Discarding(_) | State::Done => State::Done,
                    },
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    // That of TLS has something to write, and a peer may take nothing.
                    Poll::Pending => {
                        ready!(discarding.poll_deadline(cx));
                        State::Done
                    }
                },
                State::Discarding(discarding) => {
                    ready!(discarding.poll_end(io, cx));
                    State::Done
                }
                State::Done => return Poll::Ready(Ok(())),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, duplex},
        time::Instant,
    };

    fn limits() -> Limits {
        Limits { max_bytes: 10_000, ..Limits::default() }
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_does_not_close_is_waited_for_until_the_timeout() {
        let start = Instant::now();
        let (near, _far) = duplex(64);
        let mut lingering = Lingering::new(near, limits());
        lingering.shutdown().await.unwrap();
        assert_eq!(start.elapsed(), limits().timeout);
        // Once is enough.
        lingering.shutdown().await.unwrap();
        assert_eq!(start.elapsed(), limits().timeout);
    }

    /// A transport whose own end wants to be written, to a peer that takes nothing.
    struct Stuck(tokio::io::DuplexStream);

    impl AsyncRead for Stuck {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            room: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_read(cx, room)
        }
    }

    impl AsyncWrite for Stuck {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Pending
        }
        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_end_that_cannot_be_written_has_the_same_deadline() {
        let start = Instant::now();
        let (near, _far) = duplex(64);
        Lingering::new(Stuck(near), limits()).shutdown().await.unwrap();
        assert_eq!(start.elapsed(), limits().timeout);
    }

    #[tokio::test(start_paused = true)]
    async fn it_ends_with_the_peer_and_with_the_last_byte_that_may_come() {
        for (len, is_heard) in [(9_999, true), (10_000, false)] {
            let start = Instant::now();
            let (near, mut far) = duplex(64);
            let sending = tokio::spawn(async move {
                far.write_all(&vec![0; len]).await.unwrap();
                // Whoever lingers on reads this, too.
                tokio::time::sleep(Duration::from_secs(1)).await;
                far.write_all(&[0]).await.is_ok()
            });
            let mut lingering = Lingering::new(near, limits());
            lingering.shutdown().await.unwrap();
            drop(lingering);
            assert_eq!(start.elapsed() >= Duration::from_secs(1), is_heard, "{len}");
            assert_eq!(sending.await.unwrap(), is_heard, "{len}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn until_then_it_is_the_transport() {
        let (near, mut far) = duplex(64);
        let mut lingering = Lingering::new(near, limits());
        lingering.write_all(b"hello").await.unwrap();
        lingering.flush().await.unwrap();
        far.write_all(b"hi").await.unwrap();
        let mut heard = [0; 5];
        far.read_exact(&mut heard).await.unwrap();
        assert_eq!(heard, *b"hello");
        lingering.read_exact(&mut heard[..2]).await.unwrap();
        assert_eq!(heard[..2], *b"hi");
        drop(far);
        assert!(lingering.into_inner().write_all(b"x").await.is_err());
    }
}
