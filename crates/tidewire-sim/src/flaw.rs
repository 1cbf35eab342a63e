//! Flaws that a run can be given on purpose: each breaks what one check looks after, so that no check is one that
//! cannot fail.

use clap::ValueEnum;

/// What is wrong, and nobody in the simulated world knows of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Flaw {
    /// A pipe swaps two bytes now and then.
    SwappedBytes,
    /// A pipe loses a byte now and then.
    LostByte,
    /// A pipe delivers a byte twice now and then.
    DoubledByte,
    /// A host forgets a deadline now and then.
    ForgottenDeadline,
    /// A host tells of one byte too many that was sent.
    WrongCount,
    /// A host acts on a deadline long before it has come.
    EarlyDeadline,
    /// A host never tells a connection that its peer's stream has ended.
    ForgottenEnd,
    /// A host takes silence for life: it tells a connection of bytes that never came.
    ImaginedBytes,
    /// An application sends whatever waits already.
    EndlessOutput,
    /// A message is handed to the application once more, behind the end.
    LateMessage,
    /// The record of an end changes.
    ChangedEnd,
    /// A deadline is told of behind the end.
    LateDeadline,
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

impl Flaw {
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
            Self::ForgottenDeadline
            | Self::WrongCount
            | Self::EarlyDeadline
            | Self::ForgottenEnd
            | Self::ImaginedBytes
            | Self::EndlessOutput
            | Self::LateMessage
            | Self::ChangedEnd
            | Self::LateDeadline => None,
        }
    }
}
