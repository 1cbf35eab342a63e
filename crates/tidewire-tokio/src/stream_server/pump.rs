//! A stream that goes on alone: what its body gives is written, several pieces in one write, and the client's end is heard.

use std::{
    error::Error,
    future::Future,
    mem::MaybeUninit,
    ops::ControlFlow,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::response::Parts;
use http_body::Body;
use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Limits, head::Framing, stall::Stall};
use crate::{linger::Lingering, output::Output};

/// Turns in one poll before other tasks get one.
pub(super) const MAX_TURNS_PER_POLL: usize = 16;

/// Bytes of the client's that are thrown away at a time: it has nothing to say.
const PIECE_LEN: usize = 512;

pin_project! {
    /// The stream. It is ready with its transport, to be closed, when its body has ended and all of it is written; with
    /// `None` when the client is gone, or the body failed: then it breaks off.
    pub(super) struct Pump<IO, B> {
        // `None` when it is over.
        io: Option<IO>,
        // `None` behind its end.
        #[pin]
        body: Option<B>,
        framing: Framing,
        output: Output,
        stall: Stall,
        limits: Arc<Limits>,
    }
}

/// What there is of the body.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    /// More than may wait.
    Plenty,
    /// No more for now.
    Dry,
    /// No more ever.
    Ended,
}

/// The client is gone, or the body has failed: nothing more is written.
pub(super) struct BrokenOff;

/// Throws away what the client says, a piece a call.
pub(super) fn poll_client<IO: AsyncRead + Unpin>(
    io: &mut IO,
    cx: &mut Context<'_>,
) -> Result<Poll<()>, BrokenOff> {
    let mut room = [MaybeUninit::uninit(); PIECE_LEN];
    let mut piece = ReadBuf::uninit(&mut room);
    match Pin::new(io).poll_read(cx, &mut piece) {
        Poll::Ready(Ok(())) if !piece.filled().is_empty() => Ok(Poll::Ready(())),
        Poll::Ready(_) => Err(BrokenOff),
        Poll::Pending => Ok(Poll::Pending),
    }
}

impl<IO, B> Pump<IO, B>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    /// A stream whose head is yet to be written.
    pub(super) fn new(io: IO, head: &Parts, body: B, framing: Framing, limits: Arc<Limits>) -> Self {
        let mut output = Output::default();
        framing.begin(head, &mut output);
        Self { io: Some(io), body: Some(body), framing, output, stall: Stall::default(), limits }
    }

    /// Takes what the body gives, until it gives nothing or enough waits.
    fn poll_body(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Result<Source, BrokenOff> {
        let mut this = self.project();
        // Whatever the limit is, nothing but what waits holds the body up.
        while this.output.len() == 0 || this.output.len() < this.limits.max_output_len {
            let Some(body) = this.body.as_mut().as_pin_mut() else { return Ok(Source::Ended) };
            match body.poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    // Nobody reads trailers behind a stream.
                    if let Ok(piece) = frame.into_data() {
                        this.framing.piece(&piece, this.output);
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    let error: Box<dyn Error + Send + Sync> = error.into();
                    tracing::debug!(error = &*error as &dyn Error, "a stream breaks off");
                    return Err(BrokenOff);
                }
                Poll::Ready(None) => {
                    this.framing.end(this.output);
                    this.body.set(None);
                }
                Poll::Pending => return Ok(Source::Dry),
            }
        }
        Ok(Source::Plenty)
    }

    /// Writes what waits: `Ready` when nothing does. A client that takes none of it for too long is gone.
    fn poll_output(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Result<Poll<()>, BrokenOff> {
        let this = self.project();
        let io = this.io.as_mut().ok_or(BrokenOff)?;
        let mut written = 0;
        match this.output.poll_write(io, cx, &mut written) {
            Poll::Ready(Ok(())) => {
                this.output.rest();
                this.stall.end();
                Ok(Poll::Ready(()))
            }
            Poll::Ready(Err(_)) => Err(BrokenOff),
            Poll::Pending => match this.stall.poll(cx, this.limits.write_stall_timeout, written) {
                Poll::Ready(()) => Err(BrokenOff),
                Poll::Pending => Ok(Poll::Pending),
            },
        }
    }

    /// One turn: `Ready` when the stream is over, `Pending` when whatever is next wakes the task, or neither.
    fn turn(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Result<ControlFlow<Poll<()>>, BrokenOff> {
        let source = self.as_mut().poll_body(cx)?;
        let written = self.as_mut().poll_output(cx)?;
        let heard = poll_client(self.as_mut().project().io.as_mut().ok_or(BrokenOff)?, cx)?;
        Ok(match (source, written) {
            (Source::Ended, Poll::Ready(())) => ControlFlow::Break(Poll::Ready(())),
            (Source::Dry, _) | (_, Poll::Pending) if heard.is_pending() => ControlFlow::Break(Poll::Pending),
            (Source::Plenty | Source::Dry | Source::Ended, _) => ControlFlow::Continue(()),
        })
    }
}

impl<IO, B> Future for Pump<IO, B>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Output = Option<Lingering<IO>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        for _ in 0..MAX_TURNS_PER_POLL {
            match self.as_mut().turn(cx) {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(Poll::Pending)) => return Poll::Pending,
                Ok(ControlFlow::Break(Poll::Ready(()))) => {
                    let this = self.project();
                    let linger = this.limits.linger;
                    return Poll::Ready(this.io.take().map(|io| Lingering::new(io, linger)));
                }
                Err(BrokenOff) => return Poll::Ready(None),
            }
        }
        // Others want a turn; this task goes on behind them.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
