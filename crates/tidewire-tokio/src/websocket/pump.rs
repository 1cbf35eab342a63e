//! What moves by itself: output, the end of the writing side, and the deadlines.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite};

use super::WebSocket;
use crate::output::Output;

impl<IO: AsyncRead + AsyncWrite + Unpin> WebSocket<IO> {
    /// Writes what waits, and flushes the transport; `Ready` when nothing waits.
    pub(super) fn poll_output(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.output.pending_len() == 0 {
                return Poll::Ready(());
            }
            let mut written = 0;
            let outcome = self.output.poll_write(&mut self.io, cx, &mut written);
            let now = self.alarm.now();
            let left = self.output.pending_len();
            self.writer.handle_sent(now, written, left, &mut self.output.tail);
            match outcome {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => {
                    self.writer.handle_transport_error(now);
                    self.output = Output::default();
                    return Poll::Ready(());
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Writes what waits and shuts down the writing side.
    pub(super) fn poll_last_output(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        ready!(self.poll_output(cx));
        self.poll_shut_down(cx)
    }

    fn poll_shut_down(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let outcome: io::Result<()> = ready!(Pin::new(&mut self.io).poll_shutdown(cx));
        let now = self.alarm.now();
        match outcome {
            Ok(()) => self.writer.handle_shut_down(now),
            Err(_) => self.writer.handle_transport_error(now),
        }
        Poll::Ready(())
    }

    /// Lets the lifecycle act; `Ready` when a deadline passed, else the task is woken at the next one.
    pub(super) fn poll_timers(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some((at, _)) = self.writer.poll_timeout() else { return Poll::Pending };
        ready!(self.alarm.poll(cx, at));
        self.writer.handle_timeout(self.alarm.now(), &mut self.output.tail);
        Poll::Ready(())
    }
}
