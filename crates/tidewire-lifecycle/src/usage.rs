//! What a connection used.

use core::time::Duration;

/// Counters of one connection, up to the time they were asked for, or to its end. None of them ever goes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// Requests: one for each connection.
    pub requests: u64,
    /// From the start (opening included) to now, or to the end, in whole microseconds.
    pub open: Duration,
    /// The part of it in which it was idle for its application: beyond
    /// [`active_window`](crate::Config::active_window) behind the last message.
    pub quiet: Duration,
    /// Bytes that came off the transport, thrown-away ones included.
    pub received_bytes: u64,
    /// Bytes that the transport took.
    pub sent_bytes: u64,
    /// Application messages received.
    pub received_messages: u64,
    /// Application messages handed to the output.
    pub sent_messages: u64,
}

impl Usage {
    /// The part of [`open`](Self::open) that was not quiet: both add up to it exactly.
    #[must_use]
    pub fn active(&self) -> Duration {
        self.open.saturating_sub(self.quiet)
    }

    /// Gigabyte-hours of a memory of so many bytes, held for as long as the connection was open: 10⁹ bytes for an hour
    /// are 1. A connection's share of a whole server is [`Deployment`](crate::Deployment)'s to say.
    #[must_use]
    pub fn gigabyte_hours(&self, memory_bytes: u64) -> f64 {
        memory_bytes as f64 / 1e9 * (self.open.as_secs_f64() / 3600.0)
    }

    /// Both together, as of connections that followed each other.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            requests: self.requests.saturating_add(other.requests),
            open: self.open.saturating_add(other.open),
            quiet: self.quiet.saturating_add(other.quiet),
            received_bytes: self.received_bytes.saturating_add(other.received_bytes),
            sent_bytes: self.sent_bytes.saturating_add(other.sent_bytes),
            received_messages: self.received_messages.saturating_add(other.received_messages),
            sent_messages: self.sent_messages.saturating_add(other.sent_messages),
        }
    }
}
