//! A WebSocket on a tokio transport: it moves bytes and tells the time; every rule is in `tidewire-connection`.
//!
//! | Who | polls what |
//! |---|---|
//! | one task, message by message | [`next`](WebSocket::next), [`feed`](WebSocket::feed), [`flush`](WebSocket::flush) or [`send`](WebSocket::send) |
//! | combinators | the [`Stream`](futures_core::Stream) and the [`Sink`](futures_sink::Sink) of whole messages; a method of the same name comes before one of `SinkExt` |
//! | one task that reads, another that writes | the two of [`split`](WebSocket::split); `examples/split.rs` |
//! | the hub, for what it has for this socket | [`deliver`](WriteHalf::deliver), beside one that reads |
//! | nobody, for long times | a driver: [`into_driven`](WebSocket::into_driven) |
//!
//! Any of these answers pings, echoes a close, sends heartbeats and keeps deadlines: who only reads, who only writes, and
//! the driver for those who do neither.

mod combinators;
mod connection;
mod driven;
#[cfg(feature = "json")]
pub(crate) mod json;
mod message;
mod outbox;
mod outlet;
mod receive;
mod send;
mod shared;
mod split;

use std::{fmt, time::Duration};

use tidewire_connection::websocket as sans_io;
use tidewire_lifecycle::{Lifecycle, Usage};
use tokio::io::{AsyncRead, AsyncWrite};

pub use self::driven::ReadAhead;
#[cfg(feature = "json")]
pub use self::json::JsonError;
pub use self::message::Message;
pub use self::outbox::Outbox;
pub use self::outlet::Delivering;
pub use self::split::{ReadHalf, Unrelated, WriteHalf};
pub use tidewire_connection::websocket::{Cause, ClosingHandshake, Config, Ended, Endpoint};

use self::connection::Connection;
use crate::{alarm::Alarm, clock::Clock, drain::Notice};

/// A WebSocket after its opening handshake.
///
/// Pings are answered, heartbeats sent and deadlines kept while any of its methods is polled. What is fed goes out when
/// the input is drained, or with [`flush`](Self::flush), all in one write (of 32 pieces: a message of 4 KiB or more is two).
/// While idle it owns neither a read nor a write buffer; it is one pointer wide.
pub struct WebSocket<IO> {
    connection: Box<Connection<IO>>,
}

/// What a WebSocket was made of, and what is on its way; see [`WebSocket::into_inner`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Inner<IO> {
    /// The transport.
    pub io: IO,
    /// Messages that came and were not asked for, the oldest first.
    pub messages: Vec<Message>,
    /// What was read behind them, from the beginning of a frame, or from within the one that is not whole.
    pub unread: Vec<u8>,
    /// What was fed and the transport has not taken, from within a frame perhaps.
    pub unwritten: Vec<u8>,
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
        let now = alarm.now();
        let halves = sans_io::server(config, now);
        Self::new(io, unread, alarm, now, halves)
    }

    /// Compresses messages and takes compressed ones, as it was agreed to in the opening handshake. Before the first
    /// message.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn with_deflate(self, agreement: &tidewire_ws::deflate::Agreement) -> Self {
        Self { connection: Box::new(self.connection.with_deflate(agreement)) }
    }

    /// Closes with 1001 when a [`Drain`](crate::drain::Drain) says so, whoever polls it then.
    #[must_use]
    pub fn with_notice(mut self, notice: Notice) -> Self {
        self.connection.notice = Some(notice);
        self
    }

    pub(crate) fn new(
        io: IO,
        unread: &[u8],
        alarm: Alarm,
        now: Duration,
        halves: (sans_io::Reader, sans_io::Writer),
    ) -> Self {
        Self { connection: Box::new(Connection::new(io, unread, alarm, now, halves)) }
    }

    // Questions.

    /// The transport.
    #[must_use]
    pub fn io(&self) -> &IO {
        self.connection.io()
    }

    /// How the connection ended, once it has.
    #[must_use]
    pub fn ended(&self) -> Option<&Ended> {
        self.connection.writer.ended()
    }

    /// What the connection has used.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.connection.writer.usage(self.connection.alarm.now())
    }

    /// Its life: since when it is quiet, when the peer was last seen, how far it is.
    #[must_use]
    pub fn lifecycle(&self) -> &Lifecycle {
        self.connection.writer.lifecycle()
    }

    /// The clock that its times are told by.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.connection.alarm.clock()
    }

    // What ends it.

    /// What proved who the peer is holds for so long from now, or for ever: then it is closed with 1008; see
    /// [`Lifecycle::set_credential_expiry`].
    pub fn set_credential_expiry(&mut self, expires_in: Option<Duration>) {
        self.connection.set_credential_expiry(expires_in);
    }

    /// The server goes away: it is closed with 1001, so long from now, whatever [`drain`](tidewire_lifecycle::drain) says for
    /// it.
    pub fn begin_drain(&mut self, told_in: Duration) {
        self.connection.begin_drain(told_in);
    }

    /// Gives the transport back as it is, with what is on its way: no close is said. What came of a message in
    /// fragments, or of a frame that is not whole, is lost with the WebSocket that waited for the rest.
    #[must_use]
    pub fn into_inner(self) -> Inner<IO> {
        let taken = self.connection.take();
        let messages = taken.inbox.map(|inbox| inbox.messages.into()).unwrap_or_default();
        Inner { io: taken.io, messages, unread: taken.unread, unwritten: taken.unwritten }
    }
}

impl<IO> fmt::Debug for WebSocket<IO> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket").field("writer", &self.connection.writer).finish_non_exhaustive()
    }
}
