//! What a connection used.

use core::time::Duration;

/// Counters of one connection, up to the time they were asked for, or to its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// From the start (opening included) to now, or to the end.
    pub open: Duration,
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
    /// Both together, as of connections that followed each other.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            open: self.open.saturating_add(other.open),
            received_bytes: self.received_bytes.saturating_add(other.received_bytes),
            sent_bytes: self.sent_bytes.saturating_add(other.sent_bytes),
            received_messages: self.received_messages.saturating_add(other.received_messages),
            sent_messages: self.sent_messages.saturating_add(other.sent_messages),
        }
    }
}
