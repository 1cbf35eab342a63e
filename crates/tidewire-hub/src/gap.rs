//! Losses: why there is one, and from where to where; and where a subscription starts.

use alloc::boxed::Box;

use crate::cursor::Cursor;
use crate::names::TopicName;
use crate::position::Position;

/// Why messages are lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GapReason {
    /// They were dropped from the log to keep within its limits.
    Evicted,
    /// The subscription's [`Policy`](crate::Policy) skipped them because it lagged too far behind. A resume
    /// from where it was may still get them.
    Lagged,
    /// The position is of another epoch: another run of the hub, or an earlier life of the topic.
    Epoch,
    /// The position is not one that was handed out, or could not be read.
    Unknown,
}

impl GapReason {
    /// The word that stands for it on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Evicted => "evicted",
            Self::Lagged => "lagged",
            Self::Epoch => "epoch",
            Self::Unknown => "unknown",
        }
    }
}

impl core::fmt::Display for GapReason {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The notice that messages are lost, and which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The topic.
    pub topic: TopicName,
    /// Why.
    pub reason: GapReason,
    /// The position that the subscriber had; `None` when it could not be read.
    pub from: Option<Position>,
    /// The position that it has from here on: everything up to there was handed out or is lost, and the next
    /// message is the first behind it. Where a [`Policy`](crate::Policy) decided how far it goes, the topic
    /// may still hold some of what is between.
    pub to: Position,
}

/// Where a subscription starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Start {
    /// After the newest message.
    Live,
    /// At the earliest message held; never a gap.
    Earliest,
    /// At the newest messages, that many of them; at the earliest held if there are fewer. Never a gap.
    /// Messages that this reader skips are not counted; each message that is passed costs a look.
    Last(u64),
    /// After a position that was reached before, with a gap if that cannot be done without loss.
    After(Position),
    /// After a position that nobody can read any more (a broken or foreign cursor): with a gap in any case.
    /// What [`Cursor::parse`] refuses is to start here; see [`Start::resume`].
    Unknown,
}

impl Start {
    /// Where somebody starts who came with a token, or with none: as [`Cursor::start`] tells; with a gap when
    /// the token cannot be read, so that nothing is lost in silence; and [live](Self::Live) without one.
    #[must_use]
    pub fn resume(token: Option<&str>, topic: &TopicName) -> Self {
        match token.map(Cursor::parse) {
            Some(Ok(cursor)) => cursor.start(topic),
            Some(Err(_)) => Self::Unknown,
            None => Self::Live,
        }
    }
}

/// A gap that was found when the subscription was made, and is told by the first batch.
#[derive(Debug)]
pub(crate) struct PendingGap {
    pub(crate) reason: GapReason,
    pub(crate) from: Option<Position>,
}

impl PendingGap {
    pub(crate) fn boxed(reason: GapReason, from: Option<Position>) -> Option<Box<Self>> {
        Some(Box::new(Self { reason, from }))
    }
}
