//! The phases of a connection, and the one table of how they change.

use core::fmt;

/// Where in its life a connection is.
///
/// ```text
///   Opening ──opened──▶ Open ──close──▶ Closing ──closed──▶ Closed
///      └──────────────── close ─────────────▲                 ▲
///      └──────────────── closed (from any phase) ─────────────┘
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The opening handshake is under way.
    Opening,
    /// Messages flow.
    Open,
    /// The end has begun; deadlines bound it.
    Closing,
    /// Over. Nothing happens any more.
    Closed,
}

/// What can change the phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    Opened,
    Close,
    Closed,
}

impl Phase {
    /// Every phase, in the order of a life.
    pub const ALL: [Self; 4] = [Self::Opening, Self::Open, Self::Closing, Self::Closed];

    /// The table: the phase after a step, or `None` where the step says nothing new.
    pub(crate) const fn after(self, step: Step) -> Option<Self> {
        match (self, step) {
            (Self::Opening, Step::Opened) => Some(Self::Open),
            (Self::Opening | Self::Open, Step::Close) => Some(Self::Closing),
            (Self::Opening | Self::Open | Self::Closing, Step::Closed) => Some(Self::Closed),
            (Self::Open | Self::Closing, Step::Opened) => None,
            (Self::Closing, Step::Close) => None,
            (Self::Closed, Step::Opened | Step::Close | Step::Closed) => None,
        }
    }
}

/// A deadline, by what it watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Timer {
    /// The opening handshake takes too long.
    Opening,
    /// The transport takes no output.
    WriteStall,
    /// The reply to a probe is missing.
    HeartbeatReply,
    /// Nothing was sent or received.
    Idle,
    /// A heartbeat is due.
    Heartbeat,
    /// The close takes too long.
    Closing,
    /// The peer does not end its stream.
    Linger,
}

impl Timer {
    /// Every timer; of two that are due together the earlier one here acts first.
    pub const ALL: [Self; 7] = [
        Self::Opening,
        Self::WriteStall,
        Self::HeartbeatReply,
        Self::Idle,
        Self::Heartbeat,
        Self::Closing,
        Self::Linger,
    ];

    /// Whether the timer can run in a phase. A write stall counts in every phase: a peer that stops reading must
    /// not hold a closing connection either.
    pub(crate) const fn runs_in(self, phase: Phase) -> bool {
        match (self, phase) {
            (_, Phase::Closed) => false,
            (Self::Opening, Phase::Opening) => true,
            (Self::WriteStall, Phase::Opening | Phase::Open | Phase::Closing) => true,
            (Self::HeartbeatReply | Self::Idle | Self::Heartbeat, Phase::Open) => true,
            (Self::Closing | Self::Linger, Phase::Closing) => true,
            (Self::Opening, Phase::Open | Phase::Closing) => false,
            (Self::HeartbeatReply | Self::Idle | Self::Heartbeat, Phase::Opening | Phase::Closing) => false,
            (Self::Closing | Self::Linger, Phase::Opening | Phase::Open) => false,
        }
    }

    /// What the timer asks for when it fires.
    pub(crate) const fn action(self) -> Action {
        match self {
            Self::Heartbeat => Action::SendHeartbeat,
            // The peer may still hear us: it is told why.
            Self::Idle | Self::HeartbeatReply => Action::Close(self),
            // Whatever we would say could not be sent, or was said already.
            Self::Opening | Self::WriteStall | Self::Closing | Self::Linger => Action::Abort(self),
        }
    }
}

impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Opening => "opening handshake",
            Self::WriteStall => "write stalled",
            Self::HeartbeatReply => "no reply to a heartbeat",
            Self::Idle => "idle",
            Self::Heartbeat => "heartbeat",
            Self::Closing => "closing handshake",
            Self::Linger => "linger",
        })
    }
}

/// What the owner of a connection is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send a heartbeat.
    SendHeartbeat,
    /// Close in the protocol's own way. The phase is [`Phase::Closing`] already, and its deadline runs.
    Close(Timer),
    /// Drop the transport. The phase is [`Phase::Closed`] already.
    Abort(Timer),
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::{fmt::Write, string::String};

    fn table() -> String {
        let mut text = String::new();
        writeln!(text, "{:<8} | {:<8} | {:<8} | {:<8}", "phase", "opened", "close", "closed").unwrap();
        for phase in Phase::ALL {
            write!(text, "{:<8}", std::format!("{phase:?}")).unwrap();
            for step in [Step::Opened, Step::Close, Step::Closed] {
                let after = phase.after(step).map_or(String::from("-"), |next| std::format!("{next:?}"));
                write!(text, " | {after:<8}").unwrap();
            }
            text.push('\n');
        }
        text.push('\n');
        writeln!(text, "{:<14} | {:<19} | runs in", "timer", "asks for").unwrap();
        for timer in Timer::ALL {
            let phases: std::vec::Vec<String> = Phase::ALL
                .into_iter()
                .filter(|phase| timer.runs_in(*phase))
                .map(|phase| std::format!("{phase:?}"))
                .collect();
            let action = match timer.action() {
                Action::SendHeartbeat => "send a heartbeat",
                Action::Close(_) => "close",
                Action::Abort(_) => "abort",
            };
            writeln!(text, "{:<14} | {action:<19} | {}", std::format!("{timer:?}"), phases.join(", "))
                .unwrap();
        }
        text
    }

    #[test]
    fn the_table_is_the_committed_one() {
        let table = table();
        assert_eq!(table, include_str!("../tests/table.txt"), "the table now reads:\n{table}");
    }
}
