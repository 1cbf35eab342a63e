//! What goes: messages, shared frames, and the close.

use std::{
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use tidewire_connection::websocket::Transport;
use tidewire_ws::{
    frame::{CloseCode, EncodedFrame},
    message::{MessageKind, SendError},
};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Connection, Lost, receive::MAX_READS_PER_POLL};
use crate::websocket::Message;

/// A message that is given away goes out without being copied from this length on; a shorter one is copied behind the
/// others, which costs less than a slot in the vectored write.
const OWNED_MIN_LEN: usize = 4096;

/// Messages dropped in one poll while closing.
const MAX_DROPPED_PER_POLL: usize = 64;

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Until {
    /// What was fed is written.
    Written,
    /// The connection is over.
    Over,
}

impl<IO> Connection<IO> {
    #[inline]
    pub(in crate::websocket) fn feed(&mut self, message: Message) -> Result<(), SendError> {
        if message.len() >= OWNED_MIN_LEN && !self.writer.is_compressing() {
            return self.feed_owned(message.kind(), message.into_payload());
        }
        match &message {
            Message::Text(text) => self.feed_text(text),
            Message::Binary(payload) => self.feed_binary(payload),
        }
    }

    fn feed_owned(&mut self, kind: MessageKind, mut payload: Vec<u8>) -> Result<(), SendError> {
        let now = self.now();
        let header = self.writer.admit_owned(now, kind, &mut payload)?;
        self.output.tail().extend_from_slice(header.as_bytes());
        self.output.push(Bytes::from(payload));
        Ok(())
    }

    #[inline]
    pub(in crate::websocket) fn feed_text(&mut self, text: &str) -> Result<(), SendError> {
        let now = self.now();
        self.writer.send_text(now, text, self.output.tail())
    }

    #[inline]
    pub(in crate::websocket) fn feed_binary(&mut self, payload: &[u8]) -> Result<(), SendError> {
        let now = self.now();
        self.writer.send_binary(now, payload, self.output.tail())
    }

    pub(in crate::websocket) fn feed_encoded(&mut self, frame: &EncodedFrame) -> Result<(), SendError> {
        self.admit_encoded()?;
        self.push_shared(frame.bytes());
        Ok(())
    }

    /// Says that a shared frame comes next behind the output.
    #[inline]
    pub(in crate::websocket) fn admit_encoded(&mut self) -> Result<(), SendError> {
        let now = self.now();
        self.writer.admit_encoded(now)
    }

    /// Puts what was admitted there.
    pub(in crate::websocket) fn push_shared(&mut self, frame: &Bytes) {
        self.output.push_shared(frame);
    }

    /// Whether nothing waits.
    #[inline]
    pub(in crate::websocket) fn is_output_done(&self) -> bool {
        self.output.is_done()
    }

    pub(in crate::websocket) fn feed_pieces(
        &mut self,
        kind: MessageKind,
        pieces: &[Bytes],
    ) -> Result<(), SendError> {
        let (now, payload_len) = (self.now(), pieces.iter().map(Bytes::len).sum());
        let header = self.writer.admit_payload(now, kind, payload_len)?;
        self.output.tail().extend_from_slice(header.as_bytes());
        pieces.iter().for_each(|piece| self.output.push_shared(piece));
        Ok(())
    }

    pub(in crate::websocket) fn start_close(
        &mut self,
        code: CloseCode,
        reason: &str,
    ) -> Result<(), SendError> {
        let now = self.look();
        self.alarm.comes_sooner();
        self.writer.close(now, Some((code, reason)), self.output.tail())
    }

    pub(in crate::websocket) fn output_len(&self) -> usize {
        self.output.len()
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Connection<IO> {
    /// `Ready` when all output is taken, or nobody is there to take it. What the peer sends meanwhile is read, as far as one
    /// message.
    pub(in crate::websocket) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let polled = self.poll_until(cx, Until::Written);
        self.output.rest();
        polled
    }

    /// The same for who wants to know whether all of it was taken.
    pub(in crate::websocket) fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.poll_flush(cx).map(|()| match self.lost {
            Lost::Nothing => Ok(()),
            Lost::Something => Err(SendError::NotOpen),
        })
    }

    /// `Ready` when the connection is over. What the peer sends meanwhile is read, as far as `ahead` goes.
    pub(in crate::websocket) fn poll_driven(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let polled = self.poll_until(cx, Until::Over);
        self.output.rest();
        polled
    }

    /// Does all that is due while nobody asks for messages.
    fn poll_until(&mut self, cx: &mut Context<'_>, until: Until) -> Poll<()> {
        let now = self.begin_turn(cx);
        for _ in 0..MAX_READS_PER_POLL {
            let transport = self.writer.transport();
            if transport == Transport::Closed {
                self.drop_output();
                return Poll::Ready(());
            }
            let written = self.poll_due_output(cx, now);
            let read = self.poll_ahead(cx, now);
            if self.writer.transport() != transport {
                continue;
            }
            match until {
                Until::Written if written.is_ready() => {
                    // Who never waits does not outlive its deadlines.
                    let _ = self.poll_timers(cx, now);
                    // What was read is answered at once, but a peer that asks on and on is not waited for.
                    let _ = self.poll_due_output(cx, now);
                    return Poll::Ready(());
                }
                Until::Over if written.is_ready() && !self.output.is_done() => continue,
                Until::Written | Until::Over => {}
            }
            if read.is_pending() && self.poll_timers(cx, now).is_pending() {
                return Poll::Pending;
            }
        }
        // A peer that never pauses must not hold up the deadlines, nor other tasks.
        let _ = self.poll_timers(cx, now);
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Writes what waits, and then shuts down where that is due.
    fn poll_due_output(&mut self, cx: &mut Context<'_>, now: Duration) -> Poll<()> {
        match self.writer.transport() {
            Transport::ShutDown | Transport::Finish => self.poll_last_output(cx, now),
            Transport::Open | Transport::Discard => self.poll_output(cx, now),
            Transport::Closed => Poll::Ready(()),
        }
    }

    /// Drops messages until the end.
    pub(in crate::websocket) fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..MAX_DROPPED_PER_POLL {
            match self.poll_message(cx) {
                Poll::Ready(Some(_)) => {}
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
