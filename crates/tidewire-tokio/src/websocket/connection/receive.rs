//! What comes: the next message, and what reading does to the connection.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tidewire_connection::websocket::{Event, Transport};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::io::poll_read_buf;

use super::{Connection, Turn};
use crate::{
    pool::{READ_BUFFER_LEN, ReadBuffer},
    websocket::Message,
};

/// While so many bytes of output wait, nothing more is read: a peer that does not take answers asks no questions.
const MAX_OUTPUT_LEN: usize = 1024 * 1024;

/// Reads in one poll before other tasks get a turn.
pub(super) const MAX_READS_PER_POLL: usize = 16;

impl<IO: AsyncRead + AsyncWrite + Unpin> Connection<IO> {
    /// The next message; `None` when the connection is over.
    #[inline]
    pub(in crate::websocket) fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        match self.take_next() {
            Some(message) => Poll::Ready(Some(message)),
            None => self.poll_other_message(cx),
        }
    }

    /// The next message, where it was read already and is one of the common kind.
    #[inline]
    pub(in crate::websocket) fn take_next(&mut self) -> Option<Message> {
        if self.unread.is_none() || self.inbox.is_some() || self.alarm.may_have_come() {
            return None;
        }
        self.take_whole().map(Message::Binary)
    }

    /// The next message of any kind.
    #[inline(never)]
    pub(in crate::websocket) fn poll_other_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        if self.unread.is_some() && self.alarm.may_have_come() {
            self.poll_due(cx);
        }
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
            self.alarm.comes_sooner();
        }
        now
    }

    /// Whether so much waits to be sent that nothing more is read.
    pub(super) fn is_output_full(&self) -> bool {
        self.output.len() >= MAX_OUTPUT_LEN
    }

    /// The next message of what was read already.
    pub(super) fn take_message(&mut self) -> Option<Message> {
        self.take_whole().map(Message::Binary).or_else(|| self.take_other())
    }

    /// The payload of the next message, where it is binary and lies whole in what was read: in registers from here to who
    /// asked.
    #[inline]
    fn take_whole(&mut self) -> Option<Vec<u8>> {
        let unread = self.unread.as_mut()?;
        let whole = self.reader.receive_whole(self.looked_at, unread.unread(), &mut self.writer)?;
        let (payload, len) = (whole.to_vec(), whole.consumed());
        self.turn = Turn::Theirs;
        self.consume(len);
        Some(payload)
    }

    /// Another message.
    fn take_other(&mut self) -> Option<Message> {
        if self.unread.is_none() && !self.reader.has_frame_end() {
            return None;
        }
        let input = self.unread.as_mut().map(ReadBuffer::unread).unwrap_or_default();
        // A message that asks for no reply takes no room for one.
        let (mut message, mut rare) = (None, Vec::new());
        let replies = self.output.tail_in_use().unwrap_or(&mut rare);
        let mut events = self.reader.receive(input);
        while message.is_none() {
            message = match events.next(self.looked_at, &mut self.writer, replies) {
                Some(Event::Text(text)) => Some(Message::Text(text.into_owned())),
                Some(Event::Binary(payload)) => Some(Message::Binary(payload.into_owned())),
                Some(Event::Ping(_) | Event::Pong(_)) => None,
                // It is asked for when the transport was left as the protocol wants.
                Some(Event::Ended(_)) => {
                    let now = self.alarm.now();
                    self.writer.handle_closing_found(now);
                    break;
                }
                None => break,
            };
        }
        let consumed = events.consumed();
        if !rare.is_empty() {
            self.output.tail().append(&mut rare);
        }
        if message.is_none() {
            // All of it is looked at, or comes too late.
            self.unread.take().into_iter().for_each(ReadBuffer::give_back);
            return None;
        }
        self.consume(consumed);
        self.turn = Turn::Theirs;
        message
    }

    /// So much of what was read is done with. Of what is left the application may be in no hurry to take the next message.
    #[inline]
    fn consume(&mut self, len: usize) {
        let Some(unread) = &mut self.unread else { return };
        unread.consume(len);
        if unread.is_empty() {
            self.unread.take().into_iter().for_each(ReadBuffer::give_back);
        } else if !unread.is_settled() {
            self.unread = self.unread.take().map(ReadBuffer::settled);
        }
    }

    /// A peer that sends on and on does not outlive its deadlines. While what was read is worked off nothing more is: its
    /// silence, and the reply to a ping that goes out here, are not judged before the next read.
    #[cold]
    fn poll_due(&mut self, cx: &mut Context<'_>) {
        let now = self.alarm.now();
        match self.writer.poll_timeout() {
            Some((at, _)) if at <= now => {}
            Some((at, _)) => {
                // From here on the queue's task tells.
                let _ = self.alarm.poll_at(cx, now, at);
                return;
            }
            None => return,
        }
        let now = self.begin_turn(cx);
        self.writer.handle_read_paused(now);
        let _ = self.poll_output(cx, now);
        if self.poll_timers(cx, now).is_ready() {
            let _ = self.poll_output(cx, now);
        }
    }

    /// Reads once: `Ready` when something came of it.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, now: Duration) -> Poll<()> {
        if !self.writer.lifecycle().is_reading() {
            self.writer.handle_read_resumed(now);
        }
        let read = match self.writer.transport() {
            Transport::Discard => {
                let io = Pin::new(&mut self.io);
                ReadBuffer::poll_read(io, cx, READ_BUFFER_LEN).map_ok(ReadBuffer::discard)
            }
            Transport::Open | Transport::ShutDown | Transport::Finish | Transport::Closed => {
                self.poll_read_unread(cx)
            }
        };
        match ready!(read) {
            Err(_) => self.writer.handle_transport_error(now),
            Ok(0) => self.reader.handle_eof(now, &mut self.writer),
            Ok(len) if self.writer.transport() == Transport::Discard => {
                self.writer.handle_discarded(now, len)
            }
            Ok(len) => self.writer.handle_received(now, len),
        }
        Poll::Ready(())
    }

    /// In the middle of a long message straight to where it is joined; else what comes is unread.
    fn poll_read_unread(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Self { reader, io, .. } = self;
        if let Some((_, read)) = reader.receive_direct(|room| poll_read_buf(Pin::new(io), cx, room)) {
            return read;
        }
        let buffer = ready!(ReadBuffer::poll_read(Pin::new(io), cx, READ_BUFFER_LEN))?;
        let len = buffer.len();
        if len == 0 {
            buffer.give_back();
        } else {
            self.unread = Some(buffer);
        }
        Poll::Ready(Ok(len))
    }
}
