//! What moves by itself: output, the end of the writing side, and the deadlines.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

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
            let left = self.output.len();
            self.writer.handle_sent(now, written, left, self.output.tail());
            match outcome {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => {
                    self.writer.handle_transport_error(now);
                    self.drop_output();
                    return Poll::Ready(());
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// The same for an outlet, whose turn is not the connection's: the deadlines are those of who reads.
    pub(in crate::websocket) fn poll_written(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let polled = self.poll_output(cx, self.looked_at);
        self.output.rest();
        polled
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
        let Some((at, _)) = self.writer.poll_timeout() else { return Poll::Pending };
        ready!(self.alarm.poll_at(cx, now, at));
        self.writer.handle_timeout(now, self.output.tail());
        Poll::Ready(())
    }
}
