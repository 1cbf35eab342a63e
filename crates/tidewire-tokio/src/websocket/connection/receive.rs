//! What comes: the next message, and what reading does to the connection.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tidewire_connection::websocket::{Event, Transport};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Connection, Turn};
use crate::{pool::ReadBuffer, websocket::Message};

/// While so many bytes of output wait, nothing more is read: a peer that does not take answers asks no questions.
const MAX_OUTPUT_LEN: usize = 1024 * 1024;

/// Reads in one poll before other tasks get a turn.
pub(super) const MAX_READS_PER_POLL: usize = 16;

impl<IO: AsyncRead + AsyncWrite + Unpin> Connection<IO> {
    /// The next message; `None` when the connection is over.
    pub(in crate::websocket) fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        if let Some(message) = self.take_ahead().or_else(|| self.take_message()) {
            return Poll::Ready(Some(message));
        }
        let polled = self.poll_next_message(cx);
        if self.writer.transport() == Transport::Closed {
            self.drop_output();
        }
        self.output.rest();
        polled
    }

    fn poll_next_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        let now = self.begin_turn(cx);
        for _ in 0..MAX_READS_PER_POLL {
            let moved = match self.writer.transport() {
                Transport::Closed => return Poll::Ready(None),
                Transport::ShutDown | Transport::Finish => self.poll_last_output(cx, now),
                Transport::Open if self.is_output_full() => {
                    self.writer.handle_read_paused(now);
                    self.poll_output(cx, now)
                }
                Transport::Open | Transport::Discard => {
                    // Whether all of it goes out or not, reading goes on; but not on a transport that failed.
                    let _ = self.poll_output(cx, now);
                    match self.writer.transport() {
                        Transport::Closed => return Poll::Ready(None),
                        Transport::Open | Transport::ShutDown | Transport::Discard | Transport::Finish => {
                            self.poll_read(cx, now)
                        }
                    }
                }
            };
            // The transport has its say first: what it brings may be what a deadline waits for.
            if moved.is_pending() && self.poll_timers(cx, now).is_pending() {
                return Poll::Pending;
            }
            if let Some(message) = self.take_message() {
                return Poll::Ready(Some(message));
            }
        }
        // A peer that never pauses must not hold up the deadlines.
        let _ = self.poll_timers(cx, now);
        // Others want a turn; this task goes on behind them.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// The application gives way to the transport, and to a drain.
    pub(super) fn begin_turn(&mut self, cx: &mut Context<'_>) -> Duration {
        let now = self.look();
        self.turn = Turn::Ours;
        if let Some(Poll::Ready(told_in)) = self.notice.as_mut().map(|notice| notice.poll_told(cx)) {
            self.notice = None;
            self.writer.begin_drain(now, now.saturating_add(told_in));
        }
        now
    }

    /// Whether so much waits to be sent that nothing more is read.
    pub(super) fn is_output_full(&self) -> bool {
        self.output.len() >= MAX_OUTPUT_LEN
    }

    /// The next message of what was read already.
    pub(super) fn take_message(&mut self) -> Option<Message> {
        let unread = self.unread.as_mut()?;
        let now = self.looked_at;
        let mut message = None;
        let mut events = self.reader.receive(unread.unread());
        while message.is_none() {
            message = match events.next(now, &mut self.writer, self.output.tail()) {
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
            self.unread.take().into_iter().for_each(ReadBuffer::give_back);
        } else if self.turn == Turn::Ours {
            // The first of several: the application may take its time with each.
            self.unread = self.unread.take().map(ReadBuffer::settled);
        }
        if message.is_some() {
            self.turn = Turn::Theirs;
            if self.alarm.may_have_come() {
                self.act_if_due();
            }
        }
        message
    }

    /// A peer that sends on and on does not outlive its deadlines.
    #[cold]
    fn act_if_due(&mut self) {
        let now = self.look();
        if self.writer.poll_timeout().is_some_and(|(at, _)| at <= now) {
            self.writer.handle_timeout(now, self.output.tail());
        }
    }

    /// Reads once: `Ready` when something came of it.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, now: Duration) -> Poll<()> {
        if !self.writer.lifecycle().is_reading() {
            self.writer.handle_read_resumed(now);
        }
        let mut buffer = ReadBuffer::take();
        let mut room = ReadBuf::new(buffer.room());
        let outcome = Pin::new(&mut self.io).poll_read(cx, &mut room);
        let len = room.filled().len();
        if outcome.is_pending() || len == 0 || self.writer.transport() == Transport::Discard {
            buffer.give_back();
        } else {
            buffer.filled(len);
            self.unread = Some(buffer);
        }
        match ready!(outcome) {
            Err(_) => self.writer.handle_transport_error(now),
            Ok(()) if len == 0 => self.reader.handle_eof(now, &mut self.writer),
            Ok(()) if self.writer.transport() == Transport::Discard => self.writer.handle_discarded(now, len),
            Ok(()) => self.writer.handle_received(now, len),
        }
        Poll::Ready(())
    }
}
