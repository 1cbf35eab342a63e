//! What comes: the next message, and what reading does to the connection.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tidewire_connection::websocket::{Event, Transport};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Message, WebSocket};
use crate::{output::Output, pool::ReadBuffer};

/// While so many bytes of output wait, nothing more is read: a peer that does not take answers asks no questions.
const MAX_OUTPUT_LEN: usize = 1024 * 1024;

/// Reads in one poll before other tasks get a turn.
const MAX_READS_PER_POLL: usize = 16;

/// An application that is busy with a message for less than this reads on all the time.
const SHORT_BUSY: Duration = Duration::from_millis(1);

impl<IO: AsyncRead + AsyncWrite + Unpin> WebSocket<IO> {
    /// The next message; `None` once the connection is over and the transport was left as the protocol asks:
    /// [`ended`](Self::ended) then says why. Cancel safe: a message is taken only when it is returned.
    pub async fn next(&mut self) -> Option<Message> {
        poll_fn(|cx| self.poll_message(cx)).await
    }

    /// Polls for the next message; see [`next`](Self::next).
    pub fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        let polled = self.poll_next_message(cx);
        if self.writer.transport() == Transport::Closed {
            // There is nobody to take it.
            self.output = Output::default();
        }
        polled
    }

    fn poll_next_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.come_back();
        for _ in 0..MAX_READS_PER_POLL {
            if let Some(message) = self.take_message() {
                return Poll::Ready(Some(message));
            }
            let moved = match self.writer.transport() {
                Transport::Closed => return Poll::Ready(None),
                Transport::ShutDown | Transport::Finish => self.poll_last_output(cx),
                Transport::Open if self.output.len() >= MAX_OUTPUT_LEN => {
                    self.writer.handle_read_paused(self.alarm.now());
                    self.poll_output(cx)
                }
                Transport::Open | Transport::Discard => {
                    // Whether all of it goes out or not, reading goes on; but not on a transport that failed.
                    let _ = self.poll_output(cx);
                    match self.writer.transport() {
                        Transport::Closed => return Poll::Ready(None),
                        Transport::Open | Transport::ShutDown | Transport::Discard | Transport::Finish => {
                            self.poll_read(cx)
                        }
                    }
                }
            };
            // The transport has its say first: what it brings may be what a deadline waits for.
            if moved.is_pending() && self.poll_timers(cx).is_pending() {
                return Poll::Pending;
            }
        }
        // A peer that never pauses must not hold up the deadlines.
        let _ = self.poll_timers(cx);
        // Others want a turn; this task goes on behind them.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// The application asks again: while it was busy with a message nothing was read, and nobody was silent.
    fn come_back(&mut self) {
        let Some(since) = self.busy_since.take() else { return };
        let now = self.alarm.now();
        if now.saturating_sub(since) >= SHORT_BUSY {
            self.writer.handle_read_paused(since);
            self.writer.handle_read_resumed(now);
        }
    }

    /// The next message of what was read already.
    fn take_message(&mut self) -> Option<Message> {
        let unread = self.unread.as_mut()?;
        let now = self.alarm.now();
        let mut message = None;
        let mut events = self.reader.receive(unread.unread());
        while message.is_none() {
            message = match events.next(now, &mut self.writer, &mut self.output.tail) {
                Some(Event::Text(text)) => Some(Message::Text(text.into_owned())),
                Some(Event::Binary(payload)) => Some(Message::Binary(payload.into_owned())),
                Some(Event::Ping(_) | Event::Pong(_)) => None,
                // It is asked for when the transport was left as the protocol wants.
                Some(Event::Ended(_)) | None => break,
            };
        }
        let consumed = events.consumed();
        unread.consume(consumed);
        if message.is_none() || unread.is_empty() {
            self.unread = None;
        }
        if message.is_some() {
            // A peer that sends on and on does not outlive its deadlines.
            if self.writer.poll_timeout().is_some_and(|(at, _)| at <= now) {
                self.writer.handle_timeout(now, &mut self.output.tail);
            }
            self.busy_since = Some(now);
        }
        message
    }

    /// Reads once: `Ready` when something came of it.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.writer.lifecycle().is_reading() {
            self.writer.handle_read_resumed(self.alarm.now());
        }
        let mut buffer = ReadBuffer::take();
        let mut room = ReadBuf::new(buffer.room());
        let outcome = ready!(Pin::new(&mut self.io).poll_read(cx, &mut room));
        let len = room.filled().len();
        let now = self.alarm.now();
        match outcome {
            Err(_) => self.writer.handle_transport_error(now),
            Ok(()) if len == 0 => self.reader.handle_eof(now, &mut self.writer),
            Ok(()) if self.writer.transport() == Transport::Discard => self.writer.handle_discarded(now, len),
            Ok(()) => {
                self.writer.handle_received(now, len);
                buffer.filled(len);
                self.unread = Some(buffer);
            }
        }
        Poll::Ready(())
    }
}
