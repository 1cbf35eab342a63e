//! Flaws that a run can be given on purpose: each breaks what one check looks after, so that no check is one that
//! cannot fail.

use clap::ValueEnum;

use crate::invariants::Invariant;

/// What is wrong, and nobody in the simulated world knows of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Flaw {
    /// A pipe swaps two bytes now and then.
    SwappedBytes,
    /// A pipe loses a byte now and then.
    LostByte,
    /// A pipe delivers a byte twice now and then.
    DoubledByte,
    /// A message is sent now and then that nobody counts on the way: it never gets into the pipe.
    LostMessage,
    /// A message is handed to the application once more, behind the end.
    LateMessage,
    /// A host never tells a connection that its peer's stream has ended.
    ForgottenEnd,
    /// A host forgets a deadline now and then.
    ForgottenDeadline,
    /// A deadline is told of behind the end.
    LateDeadline,
    /// The record of an end changes.
    ChangedEnd,
    /// A host tells of one byte too many that was sent.
    WrongCount,
    /// A connection's share of its server's time is lost.
    LostShare,
    /// An application sends whatever waits already.
    EndlessOutput,
    /// A host never lets go of a timer.
    KeptTimers,
    /// A host acts on a deadline long before it has come.
    EarlyDeadline,
    /// A host tells of a transport that failed, and it did not.
    ImaginedFailure,
    /// A host answers no ping.
    NoPongs,
    /// A server says nothing to who dials.
    UnansweredCall,
    /// A host reads no more, and tells nobody.
    DeafHost,
    /// A host tells that it reads no more, and it reads.
    PretendedPause,
}

impl Flaw {
    /// What notices it.
    #[must_use]
    pub fn invariant(self) -> Invariant {
        match self {
            Self::SwappedBytes
            | Self::LostByte
            | Self::DoubledByte
            | Self::LostMessage
            | Self::ForgottenEnd
            | Self::DeafHost => Invariant::Delivery,
            Self::ForgottenDeadline => Invariant::Deadline,
            Self::LateMessage | Self::LateDeadline | Self::ChangedEnd => Invariant::End,
            Self::WrongCount | Self::LostShare => Invariant::Usage,
            Self::EndlessOutput | Self::KeptTimers => Invariant::Memory,
            Self::EarlyDeadline | Self::ImaginedFailure | Self::NoPongs | Self::UnansweredCall => {
                Invariant::Reason
            }
            Self::PretendedPause => Invariant::HalfOpen,
        }
    }

    /// As on the command line.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// What it does to a pipe, if anything.
    pub(crate) fn damage(self) -> Option<Damage> {
        match self {
            Self::SwappedBytes => Some(Damage::Swap),
            Self::LostByte => Some(Damage::Lose),
            Self::DoubledByte => Some(Damage::Double),
            Self::LostMessage
            | Self::LateMessage
            | Self::ForgottenEnd
            | Self::ForgottenDeadline
            | Self::LateDeadline
            | Self::ChangedEnd
            | Self::WrongCount
            | Self::LostShare
            | Self::EndlessOutput
            | Self::KeptTimers
            | Self::EarlyDeadline
            | Self::ImaginedFailure
            | Self::NoPongs
            | Self::UnansweredCall
            | Self::DeafHost
            | Self::PretendedPause => None,
        }
    }
}

/// What a pipe does to bytes on their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Damage {
    Swap,
    Lose,
    Double,
}

impl Damage {
    /// Spoils what was put behind `start`.
    pub(crate) fn apply(self, bytes: &mut Vec<u8>, start: usize) {
        let last = bytes.len() - 1;
        match self {
            Self::Swap if last > start => bytes.swap(last - 1, last),
            Self::Swap => bytes[last] ^= 1,
            Self::Lose => bytes.truncate(last),
            Self::Double => bytes.push(bytes[last]),
        }
    }
}
