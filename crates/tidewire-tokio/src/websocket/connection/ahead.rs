//! Reading ahead: while nobody asks for messages pings are still answered, a close is still echoed, and a few messages
//! wait.

use std::{
    collections::VecDeque,
    task::{Context, Poll, ready},
    time::Duration,
};

use tidewire_connection::websocket::Transport;
use tokio::io::{AsyncRead, AsyncWrite};

use super::Connection;
use crate::websocket::Message;

/// How much may wait for an application that does not ask for it. When it is reached nothing more is read, which the
/// peer feels: what it sends then waits in the transport, its pings too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::websocket) struct Ahead {
    /// Messages; at least one.
    pub(in crate::websocket) messages: u32,
    /// Bytes of their payloads, beyond which none is added.
    pub(in crate::websocket) bytes: u32,
}

impl Ahead {
    /// One message: only reading it shows whether a ping or a close stands before it.
    pub(in crate::websocket) const ONE: Self = Self { messages: 1, bytes: 0 };
}

/// Messages that came while nobody asked for one.
#[derive(Debug, Default)]
pub(in crate::websocket) struct Inbox {
    pub(in crate::websocket) messages: VecDeque<Message>,
    bytes: usize,
}

impl Inbox {
    fn has_room(&self, ahead: Ahead) -> bool {
        self.messages.is_empty()
            || (self.messages.len() < ahead.messages as usize && self.bytes < ahead.bytes as usize)
    }
}

impl<IO> Connection<IO> {
    /// The oldest message that waits.
    pub(super) fn take_ahead(&mut self) -> Option<Message> {
        if self.inbox.is_some() { self.take_of_inbox() } else { None }
    }

    #[cold]
    fn take_of_inbox(&mut self) -> Option<Message> {
        let inbox = self.inbox.as_mut()?;
        let message = inbox.messages.pop_front();
        inbox.bytes -= message.as_ref().map_or(0, Message::len);
        if inbox.messages.is_empty() {
            self.inbox = None;
        }
        message
    }

    /// How many messages wait.
    pub(in crate::websocket) fn inbox_len(&self) -> usize {
        self.inbox.as_ref().map_or(0, |inbox| inbox.messages.len())
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Connection<IO> {
    /// Reads once, unless messages fill `ahead`; `Ready` when something came of it.
    pub(super) fn poll_ahead(&mut self, cx: &mut Context<'_>, now: Duration) -> Poll<()> {
        match self.writer.transport() {
            Transport::ShutDown | Transport::Finish | Transport::Closed => return Poll::Pending,
            Transport::Open | Transport::Discard => {}
        }
        if !self.fill() || self.is_output_full() {
            self.writer.handle_read_paused(now);
            return Poll::Pending;
        }
        ready!(self.poll_read(cx, now));
        self.fill();
        Poll::Ready(())
    }

    /// Takes messages of what was read until nothing is left of that, or `ahead` is full. Whether there is room for more.
    fn fill(&mut self) -> bool {
        let ahead = self.ahead;
        loop {
            if !self.inbox.as_ref().is_none_or(|inbox| inbox.has_room(ahead)) {
                return false;
            }
            let turn = self.turn;
            let Some(message) = self.take_message() else { return true };
            // The application was given nothing.
            self.turn = turn;
            let inbox = self.inbox.get_or_insert_default();
            inbox.bytes += message.len();
            inbox.messages.push_back(message);
        }
    }
}
