//! The timers of a connection, by what they watch, and what they ask for.

use core::fmt;

/// A deadline, by what it watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Timer {
    /// The opening handshake takes too long.
    Opening,
    /// The transport takes no output.
    WriteStall,
    /// The close takes too long.
    Closing,
    /// The peer does not end its stream.
    Linger,
    /// What proved who the peer is holds no longer.
    CredentialExpiry,
    /// The server is going away.
    Drain,
    /// The connection is as old as one may be.
    MaxAge,
    /// The reply to a probe is missing.
    HeartbeatReply,
    /// Nothing was sent or received.
    Idle,
    /// No application message was sent or received.
    Quiet,
    /// A heartbeat is due.
    Heartbeat,
}

impl Timer {
    /// Every timer; of two that are due together the earlier one here acts first.
    pub const ALL: [Self; 11] = [
        Self::Opening,
        Self::WriteStall,
        Self::Closing,
        Self::Linger,
        Self::CredentialExpiry,
        Self::Drain,
        Self::MaxAge,
        Self::HeartbeatReply,
        Self::Idle,
        Self::Quiet,
        Self::Heartbeat,
    ];
}

impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Opening => "opening handshake",
            Self::WriteStall => "write stalled",
            Self::Closing => "closing handshake",
            Self::Linger => "linger",
            Self::CredentialExpiry => "credentials expired",
            Self::Drain => "going away",
            Self::MaxAge => "maximum age",
            Self::HeartbeatReply => "no reply to a heartbeat",
            Self::Idle => "idle",
            Self::Quiet => "no messages",
            Self::Heartbeat => "heartbeat",
        })
    }
}

/// What the owner of a connection is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send a heartbeat.
    SendHeartbeat,
    /// Close in the protocol's own way. The phase is [`Phase::Closing`](crate::Phase::Closing) already, and its deadline
    /// runs.
    Close(Timer),
    /// Drop the transport. The phase is [`Phase::Closed`](crate::Phase::Closed) already.
    Abort(Timer),
}
