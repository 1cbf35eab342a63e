//! A WebSocket on a tokio transport: it moves bytes and tells the time; every rule is in `tidewire-connection`.

mod pump;
mod receive;
mod send;

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures_core::Stream;
use tidewire_connection::websocket as sans_io;
use tidewire_lifecycle::{Lifecycle, Usage};
use tokio::io::{AsyncRead, AsyncWrite};

pub use tidewire_connection::websocket::{Cause, ClosingHandshake, Config, Ended, Endpoint};

use crate::{alarm::Alarm, clock::Clock, output::Output, pool::ReadBuffer};

/// A message that the peer sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// UTF-8 text.
    Text(String),
    /// Any bytes.
    Binary(Vec<u8>),
}

/// A WebSocket after its opening handshake, as a [`Stream`] of messages.
///
/// Pings are answered, heartbeats sent and deadlines kept while [`next`](Self::next) (or the stream) is polled. What
/// is fed goes out, all in one write, when the input is drained, or with [`flush`](Self::flush). While idle it owns
/// neither a read nor a write buffer.
#[derive(Debug)]
pub struct WebSocket<IO> {
    io: IO,
    reader: sans_io::Reader,
    writer: sans_io::Writer,
    output: Output,
    /// Bytes that were read and hold more events.
    unread: Option<ReadBuffer>,
    alarm: Alarm,
    /// When the application was given a message, before it asked for the next.
    busy_since: Option<Duration>,
}

impl<IO: AsyncRead + AsyncWrite + Unpin> WebSocket<IO> {
    /// A server's connection on a transport that the 101 has been written to. `unread` is what the client sent
    /// behind its request.
    ///
    /// # Panics
    /// Outside a tokio runtime with time enabled.
    #[must_use]
    pub fn accepted(io: IO, unread: &[u8], config: &Config) -> Self {
        let alarm = Alarm::new();
        let halves = sans_io::server(config, alarm.now());
        Self::new(io, unread, alarm, halves)
    }

    /// Compresses messages and takes compressed ones, as it was agreed to in the opening handshake. Before the first
    /// message.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn with_deflate(self, agreement: &tidewire_ws::deflate::Agreement) -> Self {
        let reader = self.reader.with_deflate(agreement);
        let writer = self.writer.with_deflate(agreement);
        Self { reader, writer, ..self }
    }

    pub(crate) fn new(
        io: IO,
        unread: &[u8],
        alarm: Alarm,
        halves: (sans_io::Reader, sans_io::Writer),
    ) -> Self {
        let (reader, mut writer) = halves;
        let unread = (!unread.is_empty()).then(|| ReadBuffer::from(unread));
        if let Some(unread) = &unread {
            writer.handle_received(alarm.now(), unread.len());
        }
        Self { io, reader, writer, output: Output::default(), unread, alarm, busy_since: None }
    }

    // Questions.

    /// How the connection ended, once it has.
    #[must_use]
    pub fn ended(&self) -> Option<&Ended> {
        self.writer.ended()
    }

    /// What the connection has used.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.writer.usage(self.alarm.now())
    }

    /// Its life: since when it is quiet, when the peer was last seen, how far it is.
    #[must_use]
    pub fn lifecycle(&self) -> &Lifecycle {
        self.writer.lifecycle()
    }

    /// The clock that its times are told by.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.alarm.clock()
    }

    // What ends it.

    /// What proved who the peer is holds for so long from now, or for ever: then it is closed with 1008; see
    /// [`Lifecycle::set_credential_expiry`].
    pub fn set_credential_expiry(&mut self, expires_in: Option<Duration>) {
        let now = self.alarm.now();
        self.writer.set_credential_expiry(now, expires_in.map(|after| now.saturating_add(after)));
    }

    /// The server goes away: it is closed with 1001, so long from now, whatever [`drain`](tidewire_lifecycle::drain) says for
    /// it.
    pub fn begin_drain(&mut self, told_in: Duration) {
        let now = self.alarm.now();
        self.writer.begin_drain(now, now.saturating_add(told_in));
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Stream for WebSocket<IO> {
    type Item = Message;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.get_mut().poll_message(cx)
    }
}
