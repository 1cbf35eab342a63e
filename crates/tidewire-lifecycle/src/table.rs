//! The one table of the machine: what each input does in each phase.

use crate::{Phase, Timer};

/// What can happen to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    Opened,
    Received,
    Sent,
    Message,
    Blocked,
    Unblocked,
    ReadPaused,
    ReadResumed,
    HeartbeatReply,
    Expiry,
    Drain,
    Close,
    Linger,
    Discarded,
    Closed,
    Due(Timer),
}

/// What it comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing at all.
    Nothing,
    /// Times and counters change, the phase does not.
    Noted,
    /// The phase changes.
    Enters(Phase),
    /// A heartbeat is to be sent.
    SendsHeartbeat,
    /// A close is to begin, because of the timer.
    Closes,
    /// The transport is to be dropped, because of the timer.
    Aborts,
}

impl Input {
    /// The table.
    #[inline]
    pub(crate) const fn effect(self, phase: Phase) -> Effect {
        use Phase::{Closed, Closing, Open, Opening};
        match (self, phase) {
            (_, Closed) => Effect::Nothing,

            (Self::Opened, Opening) => Effect::Enters(Open),
            (Self::Opened, Open | Closing) => Effect::Nothing,
            (Self::Close | Self::Linger, Opening | Open) => Effect::Enters(Closing),
            (Self::Close, Closing) => Effect::Nothing,
            (Self::Linger, Closing) => Effect::Noted,
            (Self::Closed, Opening | Open | Closing) => Effect::Enters(Closed),

            (
                Self::Received
                | Self::Sent
                | Self::Message
                | Self::Discarded
                | Self::Blocked
                | Self::Unblocked
                | Self::ReadPaused
                | Self::ReadResumed,
                Opening | Open | Closing,
            ) => Effect::Noted,
            (Self::HeartbeatReply | Self::Expiry | Self::Drain, Open) => Effect::Noted,
            (Self::HeartbeatReply | Self::Expiry | Self::Drain, Opening | Closing) => Effect::Nothing,

            // A peer that stops reading must not hold a connection in any phase.
            (Self::Due(Timer::WriteStall), Opening | Open | Closing) => Effect::Aborts,
            // Whatever we would say could not be sent, or was said already.
            (Self::Due(Timer::Opening), Opening) => Effect::Aborts,
            (Self::Due(Timer::Closing | Timer::Linger), Closing) => Effect::Aborts,
            // The peer may still hear us: it is told why.
            (
                Self::Due(
                    Timer::CredentialExpiry
                    | Timer::Drain
                    | Timer::MaxAge
                    | Timer::HeartbeatReply
                    | Timer::Idle
                    | Timer::Quiet,
                ),
                Open,
            ) => Effect::Closes,
            (Self::Due(Timer::Heartbeat), Open) => Effect::SendsHeartbeat,
            (Self::Due(Timer::Opening), Open | Closing) => Effect::Nothing,
            (Self::Due(Timer::Closing | Timer::Linger), Opening | Open) => Effect::Nothing,
            (
                Self::Due(
                    Timer::CredentialExpiry
                    | Timer::Drain
                    | Timer::MaxAge
                    | Timer::HeartbeatReply
                    | Timer::Idle
                    | Timer::Quiet
                    | Timer::Heartbeat,
                ),
                Opening | Closing,
            ) => Effect::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::{fmt::Write, format, string::String};

    const HAPPENS: [Input; 15] = [
        Input::Opened,
        Input::Received,
        Input::Sent,
        Input::Message,
        Input::Blocked,
        Input::Unblocked,
        Input::ReadPaused,
        Input::ReadResumed,
        Input::HeartbeatReply,
        Input::Expiry,
        Input::Drain,
        Input::Close,
        Input::Linger,
        Input::Discarded,
        Input::Closed,
    ];

    fn table() -> String {
        let mut text = String::new();
        let row = |text: &mut String, name: &str, cells: [String; 4]| {
            let cells = cells.map(|cell| format!("{cell:<10}")).join(" | ");
            writeln!(text, "{name:<20} | {}", cells.trim_end()).unwrap();
        };
        row(&mut text, "", Phase::ALL.map(|phase| format!("{phase:?}")));
        for input in HAPPENS.into_iter().chain(Timer::ALL.map(Input::Due)) {
            let name =
                if let Input::Due(timer) = input { format!("{timer:?} due") } else { format!("{input:?}") };
            let cells = Phase::ALL.map(|phase| match input.effect(phase) {
                Effect::Nothing => "-".into(),
                Effect::Noted => "noted".into(),
                Effect::Enters(phase) => format!("> {phase:?}"),
                Effect::SendsHeartbeat => "heartbeat".into(),
                Effect::Closes => "close".into(),
                Effect::Aborts => "abort".into(),
            });
            row(&mut text, &name, cells);
        }
        text
    }

    #[test]
    fn the_table_is_the_committed_one() {
        let table = table();
        assert_eq!(table, include_str!("../tests/table.txt"), "the table now reads:\n{table}");
    }
}
