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
    /// A message is taken from the hub and not sent.
    SkippedMessage,
    /// A message is sent twice.
    DoubledMessage,
    /// A publish whose answer was lost comes again without its idempotency key.
    ForgottenKey,
    /// A gap is not told.
    SilentGap,
    /// A gap is told where nothing is lost.
    InventedGap,
    /// A token is that of before the message that it comes with.
    StaleToken,
    /// A token is another subscriber's.
    ForeignToken,
    /// A subscription starts live, whatever the token says.
    MisreadToken,
    /// Another run of the hub says that it is the one before.
    SameIncarnation,
    /// A hub takes more than its budget.
    LargerBudget,
    /// A hub keeps messages beyond their age.
    LongMemory,
    /// A hub forgets a topic that was just used.
    ShortMemory,
    /// Something of a message stays when the hub has dropped it.
    KeptMessages,
    /// A server takes from the hub though what it took before waits.
    EagerPulls,
    /// Whom the hub tells to be ready is not heard now and then.
    LostWakeUp,
    /// Whoever becomes ready last is served first.
    FavouredReader,
    /// A topic keeps its turn while it has something.
    GreedyTopic,
    /// A server is not told that there is room again.
    LostRoom,
}

/// Which kind of run a flaw shows in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Connections alone.
    Connections,
    /// A hub and its readers.
    Fanout,
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
            Self::SkippedMessage | Self::SilentGap => Invariant::Loss,
            Self::DoubledMessage | Self::ForgottenKey => Invariant::Order,
            Self::InventedGap => Invariant::Gap,
            Self::StaleToken | Self::ForeignToken | Self::MisreadToken | Self::SameIncarnation => {
                Invariant::Token
            }
            Self::LargerBudget | Self::LongMemory | Self::ShortMemory => Invariant::Budget,
            Self::KeptMessages | Self::EagerPulls => Invariant::Lag,
            Self::LostWakeUp | Self::FavouredReader | Self::GreedyTopic => Invariant::Fairness,
            Self::LostRoom => Invariant::CaughtUp,
        }
    }

    /// Where it shows.
    pub(crate) fn kind(self) -> Kind {
        match self.invariant() {
            Invariant::Delivery
            | Invariant::Deadline
            | Invariant::End
            | Invariant::Usage
            | Invariant::Memory
            | Invariant::Reason
            | Invariant::HalfOpen => Kind::Connections,
            Invariant::Loss
            | Invariant::Order
            | Invariant::Gap
            | Invariant::Token
            | Invariant::Budget
            | Invariant::Lag
            | Invariant::Fairness
            | Invariant::CaughtUp => Kind::Fanout,
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
            | Self::PretendedPause
            | Self::SkippedMessage
            | Self::DoubledMessage
            | Self::ForgottenKey
            | Self::SilentGap
            | Self::InventedGap
            | Self::StaleToken
            | Self::ForeignToken
            | Self::MisreadToken
            | Self::SameIncarnation
            | Self::LargerBudget
            | Self::LongMemory
            | Self::ShortMemory
            | Self::KeptMessages
            | Self::EagerPulls
            | Self::LostWakeUp
            | Self::FavouredReader
            | Self::GreedyTopic
            | Self::LostRoom => None,
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
