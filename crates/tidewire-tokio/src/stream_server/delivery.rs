//! The task of an event stream that an outlet writes: it hears the client's end and keeps the time, and writes where the
//! socket was full.

use std::{
    future::Future,
    ops::ControlFlow,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::response::Parts;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    Limits,
    head::Framing,
    pump::{BrokenOff, MAX_TURNS_PER_POLL, poll_client},
    stall::Stall,
    wire::{Course, Shared, State},
};
use crate::{
    alarm::Alarm,
    drain::Notice,
    linger::Lingering,
    sse::{Delivering, Live, hear_of_drain},
};

/// The stream. It is ready with its transport, to be closed, when it has ended and all of it is written; with `None` when
/// the client is gone, or the hand failed: then it breaks off.
#[derive(Debug)]
pub(super) struct Delivery<IO> {
    shared: Arc<Shared<IO>>,
    /// `None` when nothing is delivered any more.
    delivering: Option<Delivering>,
    alarm: Alarm,
    /// Until it has heard of the drain.
    notice: Option<Notice>,
    stall: Stall,
    limits: Arc<Limits>,
}

/// What a turn leaves.
struct Left {
    goes_on: ControlFlow<Poll<()>>,
    outlet: ToOutlet,
}

/// What the outlet is told.
enum ToOutlet {
    Nothing,
    GoOn,
    Over,
}

impl<IO> Delivery<IO>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    /// A stream whose head is yet to be written; `None` if what `live` is about was taken by somebody else.
    pub(super) fn new(
        io: IO,
        head: &Parts,
        live: Live,
        framing: Framing,
        limits: Arc<Limits>,
    ) -> Option<Self> {
        let alarm = Alarm::new();
        let (stream, notice) = live.timing.begin(alarm.now());
        let shared = Arc::new(Shared::new(io, head, framing, stream, alarm.clock()));
        let delivering = Some(live.source.open(Arc::clone(&shared) as _)?);
        Some(Self { shared, delivering, alarm, notice, stall: Stall::default(), limits })
    }

    /// One turn; the outlet is told without the lock.
    fn turn(&mut self, cx: &mut Context<'_>) -> Result<ControlFlow<Poll<()>>, BrokenOff> {
        let left = {
            let shared = Arc::clone(&self.shared);
            let mut state = shared.lock();
            self.turn_of(&mut state, cx)?
        };
        match left.outlet {
            ToOutlet::Nothing => {}
            ToOutlet::GoOn => self.delivering.iter().for_each(Delivering::go_on),
            ToOutlet::Over => self.delivering = None,
        }
        Ok(left.goes_on)
    }

    fn turn_of(&mut self, state: &mut State<IO>, cx: &mut Context<'_>) -> Result<Left, BrokenOff> {
        state.wake_by(cx.waker());
        let was = state.course;
        self.pass_time(state, cx);
        let written = self.poll_output(state, cx)?;
        let heard = poll_client(state.io.as_mut().ok_or(BrokenOff)?, cx)?;
        let outlet = match (was, state.course) {
            (Course::Full, Course::Flowing) => ToOutlet::GoOn,
            (_, Course::Ending) => ToOutlet::Over,
            (_, Course::Flowing | Course::Full | Course::BrokenOff) => ToOutlet::Nothing,
        };
        let goes_on = match (state.course, written) {
            (Course::Ending, Poll::Ready(())) => ControlFlow::Break(Poll::Ready(())),
            _ if heard.is_pending() && self.poll_deadline(state, cx).is_pending() => {
                ControlFlow::Break(Poll::Pending)
            }
            (Course::Flowing | Course::Full | Course::Ending | Course::BrokenOff, _) => {
                ControlFlow::Continue(())
            }
        };
        Ok(Left { goes_on, outlet })
    }

    /// Does what is due by now.
    fn pass_time(&mut self, state: &mut State<IO>, cx: &mut Context<'_>) {
        match state.course {
            Course::Flowing | Course::Full => {}
            Course::Ending | Course::BrokenOff => return,
        }
        let now = self.alarm.now();
        hear_of_drain(&mut self.notice, &mut state.stream, cx, now);
        let mut keep_alive = Vec::new();
        state.stream.handle_timeout(now, &mut keep_alive);
        // What waits breaks the silence as well.
        if !keep_alive.is_empty() && state.output.len() == 0 {
            state.framing.piece(&keep_alive.into(), &mut state.output);
        }
        if state.stream.ended().is_some() {
            state.end();
        }
    }

    /// Waits for what is due next.
    fn poll_deadline(&mut self, state: &State<IO>, cx: &mut Context<'_>) -> Poll<()> {
        match (state.course, state.stream.poll_timeout()) {
            (Course::Flowing | Course::Full, Some((deadline, _))) => self.alarm.poll(cx, deadline),
            (Course::Flowing | Course::Full | Course::Ending | Course::BrokenOff, _) => Poll::Pending,
        }
    }

    /// Writes what waits: `Ready` when nothing does. A client that takes none of it for too long is gone.
    fn poll_output(&mut self, state: &mut State<IO>, cx: &mut Context<'_>) -> Result<Poll<()>, BrokenOff> {
        let written = match state.course {
            Course::BrokenOff => return Err(BrokenOff),
            _ if state.output.is_done() => 0,
            Course::Flowing | Course::Full | Course::Ending => state.write(self.alarm.now()),
        };
        if state.course == Course::BrokenOff {
            return Err(BrokenOff);
        }
        if state.output.is_done() {
            self.stall.end();
            return Ok(Poll::Ready(()));
        }
        match self.stall.poll(cx, self.limits.write_stall_timeout, written) {
            Poll::Ready(()) => Err(BrokenOff),
            Poll::Pending => Ok(Poll::Pending),
        }
    }
}

impl<IO> Drop for Delivery<IO> {
    fn drop(&mut self) {
        // A courier may hold the rest a little longer.
        let io = self.shared.lock().io.take();
        drop(io);
    }
}

impl<IO> Future for Delivery<IO>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Output = Option<Lingering<IO>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        for _ in 0..MAX_TURNS_PER_POLL {
            match self.turn(cx) {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(Poll::Pending)) => return Poll::Pending,
                Ok(ControlFlow::Break(Poll::Ready(()))) => {
                    let linger = self.limits.linger;
                    let io = self.shared.lock().io.take();
                    return Poll::Ready(io.map(|io| Lingering::new(io, linger)));
                }
                Err(BrokenOff) => return Poll::Ready(None),
            }
        }
        // Others want a turn; this task goes on behind them.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
