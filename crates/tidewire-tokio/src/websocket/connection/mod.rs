//! A connection and its transport, whoever polls it: an owner alone, two halves, or a driver.

mod ahead;
mod pump;
mod receive;
mod send;

use std::time::Duration;

use tidewire_connection::websocket as sans_io;

use self::ahead::Inbox;
use crate::{alarm::Alarm, clock::Moment, drain::Notice, output::Output, pool::ReadBuffer};

pub(super) use self::ahead::Ahead;

/// Bytes move, and time is told; every rule is in `tidewire-connection`.
#[derive(Debug)]
pub(super) struct Connection<IO> {
    io: IO,
    reader: sans_io::Reader,
    pub(super) writer: sans_io::Writer,
    output: Output,
    /// Bytes that were read and hold more events.
    unread: Option<ReadBuffer>,
    /// Messages that came while nobody asked for one.
    inbox: Option<Box<Inbox>>,
    /// How many may: for all who poll it, so that none says that nothing is read while another reads.
    pub(super) ahead: Ahead,
    pub(super) alarm: Alarm,
    /// The last look at the clock: a look costs more than a small message.
    looked_at: Duration,
    turn: Turn,
    lost: Lost,
    /// By which it hears of a drain, until it has.
    pub(super) notice: Option<Notice>,
}

/// Whose turn it has been since the last look at the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// The transport's.
    Ours,
    /// The application's: it was given a message, and nothing was read since.
    Theirs,
    /// An outlet's, which looked at the clock.
    Outlet,
}

/// Whether something was fed that nobody will get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lost {
    Nothing,
    Something,
}

/// What is left of a connection for who takes its transport.
pub(super) struct Taken<IO> {
    pub(super) io: IO,
    pub(super) inbox: Option<Box<Inbox>>,
    pub(super) unread: Vec<u8>,
    pub(super) unwritten: Vec<u8>,
}

impl<IO> Connection<IO> {
    pub(super) fn new(
        io: IO,
        unread: &[u8],
        alarm: Alarm,
        now: Duration,
        (reader, mut writer): (sans_io::Reader, sans_io::Writer),
    ) -> Self {
        let unread = (!unread.is_empty()).then(|| {
            writer.handle_received(now, unread.len());
            ReadBuffer::from(unread)
        });
        let output = Output::default();
        Self {
            io,
            reader,
            writer,
            output,
            unread,
            inbox: None,
            ahead: Ahead::ONE,
            alarm,
            looked_at: now,
            turn: Turn::Ours,
            lost: Lost::Nothing,
            notice: None,
        }
    }

    #[cfg(feature = "deflate")]
    pub(super) fn with_deflate(self, agreement: &tidewire_ws::deflate::Agreement) -> Self {
        let reader = self.reader.with_deflate(agreement);
        let writer = self.writer.with_deflate(agreement);
        Self { reader, writer, ..self }
    }

    pub(super) fn io(&self) -> &IO {
        &self.io
    }

    pub(super) fn take(self) -> Taken<IO> {
        let unread = self.unread.map(|mut unread| unread.unread().to_vec()).unwrap_or_default();
        Taken { io: self.io, inbox: self.inbox, unread, unwritten: self.output.into_bytes() }
    }

    /// Looks at the clock. While the application was busy with a message nothing was read, and nobody was silent.
    fn look(&mut self) -> Duration {
        self.look_at(self.alarm.now())
    }

    #[inline]
    fn look_at(&mut self, now: Duration) -> Duration {
        /// An application that is busy for less than this reads on all the time.
        const SHORT_BUSY: Duration = Duration::from_millis(1);
        if self.turn == Turn::Theirs && now.saturating_sub(self.looked_at) >= SHORT_BUSY {
            self.writer.handle_read_paused(self.looked_at);
            self.writer.handle_read_resumed(now);
            self.writer.handle_active(now);
        }
        self.looked_at = now;
        now
    }

    /// The time for what the application does. While it deals with what it was given, that of the last look: what it feeds
    /// counts from there until it gives way, which is told then.
    #[inline]
    fn now(&mut self) -> Duration {
        match self.turn {
            Turn::Theirs | Turn::Outlet => self.looked_at,
            Turn::Ours => self.look(),
        }
    }

    /// An outlet feeds and writes, at a time that it knows.
    pub(super) fn outlet_turn<R>(&mut self, now: &Moment, turn: impl FnOnce(&mut Self) -> R) -> R {
        // Others may have looked at the clock since.
        let now = now.by(self.alarm.clock());
        if now > self.looked_at {
            self.look_at(now);
        }
        let whose = self.turn;
        if whose == Turn::Ours {
            self.turn = Turn::Outlet;
        }
        let outcome = turn(self);
        self.turn = whose;
        outcome
    }

    pub(super) fn set_credential_expiry(&mut self, expires_in: Option<Duration>) {
        let now = self.look();
        let expiry = expires_in.map(|after| now.saturating_add(after));
        self.writer.set_credential_expiry(now, expiry);
        self.alarm.comes_sooner();
    }

    pub(super) fn begin_drain(&mut self, told_in: Duration) {
        let now = self.look();
        self.writer.begin_drain(now, now.saturating_add(told_in));
        self.alarm.comes_sooner();
    }

    /// There is nobody to take what waits.
    fn drop_output(&mut self) {
        if self.output.len() > 0 {
            self.lost = Lost::Something;
        }
        self.output.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_small() {
        let len = size_of::<Connection<tokio::net::TcpStream>>();
        assert!(len <= 456, "{len}");
    }
}
