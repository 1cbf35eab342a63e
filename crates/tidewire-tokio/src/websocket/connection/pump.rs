//! What moves by itself: output, the end of the writing side, and the deadlines.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};

use super::Connection;

impl<IO: AsyncRead + AsyncWrite + Unpin> Connection<IO> {
    /// Writes what waits, and flushes the transport; `Ready` when nothing waits.
    pub(super) fn poll_output(&mut self, cx: &mut Context<'_>, now: Duration) -> Poll<()> {
        loop {
            if self.output.is_done() {
                self.output.rest();
                return Poll::Ready(());
            }
            let mut written = 0;
            let outcome = self.output.poll_write(&mut self.io, cx, &mut written);
            ready!(self.note_written(now, written, outcome));
        }
    }

    /// A write has been. `Ready` when the next may follow; where the transport failed nothing waits for it.
    #[inline]
    fn note_written(&mut self, now: Duration, written: usize, outcome: Poll<io::Result<()>>) -> Poll<()> {
        let left = self.output.len();
        match self.output.tail_in_use() {
            Some(tail) => self.writer.handle_sent(now, written, left, tail),
            None => {
                // It is seldom that anything comes behind what is gone.
                let mut behind = Vec::new();
                self.writer.handle_sent(now, written, left, &mut behind);
                if !behind.is_empty() {
                    self.output.push(Bytes::from(behind));
                }
            }
        }
        outcome.map(|outcome| {
            if outcome.is_err() {
                self.writer.handle_transport_error(now);
                self.drop_output();
            }
        })
    }

    /// The same for an outlet, whose turn is not the connection's: the deadlines are those of who reads.
    pub(in crate::websocket) fn poll_written(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let polled = self.poll_output(cx, self.looked_at);
        self.output.rest();
        polled
    }

    /// The same of a frame that nothing waits before, from where it lies.
    pub(in crate::websocket) fn poll_lone_written(
        &mut self,
        cx: &mut Context<'_>,
        frame: &Bytes,
    ) -> Poll<()> {
        let (now, mut written) = (self.looked_at, 0);
        let outcome = self.output.poll_write_lone(&mut self.io, cx, frame, &mut written);
        ready!(self.note_written(now, written, outcome));
        if self.output.is_done() { Poll::Ready(()) } else { self.poll_written(cx) }
    }

    /// Writes what waits and shuts down the writing side.
    pub(super) fn poll_last_output(&mut self, cx: &mut Context<'_>, now: Duration) -> Poll<()> {
        ready!(self.poll_output(cx, now));
        let outcome: io::Result<()> = ready!(Pin::new(&mut self.io).poll_shutdown(cx));
        match outcome {
            Ok(()) => self.writer.handle_shut_down(now),
            Err(_) => self.writer.handle_transport_error(now),
        }
        Poll::Ready(())
    }

    /// Lets the lifecycle act; `Ready` when a deadline passed, else the task is woken at the next one.
    pub(super) fn poll_timers(&mut self, cx: &mut Context<'_>, now: Duration) -> Poll<()> {
        // Most of what happens moves deadlines later: the alarm wakes us in time.
        if !self.writer.take_sooner() && self.alarm.stands(cx, now) {
            return Poll::Pending;
        }
        let Some((at, _)) = self.writer.poll_timeout() else { return Poll::Pending };
        ready!(self.alarm.poll_at(cx, now, at));
        self.writer.handle_timeout(now, self.output.tail());
        Poll::Ready(())
    }
}
