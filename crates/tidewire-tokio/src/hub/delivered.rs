//! What a subscriber is handed.

use std::time::{Duration, SystemTime};

use tidewire_hub::{Delivery, Dismissal, Gap, Lent, Message, Position, TopicName};

/// What a subscriber was handed. [`Subscriber::cursor_after`](super::Subscriber::cursor_after) makes the token that
/// resumes behind it.
#[derive(Clone, Debug)]
pub enum Delivered<M> {
    /// A message.
    Message(Kept<M>),
    /// Messages are lost: which, and why.
    Gap(Gap),
    /// A message to this connection alone, from [`Address::send`](super::Address::send).
    Direct(M),
    /// It lags further behind than its policy allows (in which topic, and how far), and is to go: nothing more comes.
    Dismissed(Dismissal),
}

/// A message in its place, kept by the reader.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Kept<M> {
    /// Its topic.
    pub topic: TopicName,
    /// Where it stands in the topic.
    pub position: Position,
    /// The message, a clone of the log's: for the body to be shared, `M` is an `Arc`.
    pub message: M,
    /// The name of the event, if it was given one.
    pub event: Option<Box<str>>,
    /// The conflation key, if it was given one.
    pub key: Option<Box<str>>,
    /// When it was published, by the wall clock that the hub started with: within a hub it never goes back.
    pub published_at: SystemTime,
}

impl<M> Delivered<M> {
    /// The message, if it is one of a topic.
    #[must_use]
    pub fn message(&self) -> Option<&Kept<M>> {
        match self {
            Self::Message(kept) => Some(kept),
            Self::Gap(_) | Self::Direct(_) | Self::Dismissed(_) => None,
        }
    }

    /// The gap, if it is one.
    #[must_use]
    pub fn gap(&self) -> Option<&Gap> {
        match self {
            Self::Gap(gap) => Some(gap),
            Self::Message(_) | Self::Direct(_) | Self::Dismissed(_) => None,
        }
    }

    /// The topic, and up to where whoever was handed this has been told everything in it.
    pub(super) fn up_to(&self) -> Option<(&TopicName, Position)> {
        match self {
            Self::Message(kept) => Some((&kept.topic, kept.position)),
            Self::Gap(gap) => Some((&gap.topic, gap.to)),
            Self::Direct(_) | Self::Dismissed(_) => None,
        }
    }
}

impl<M: Message> Delivered<M> {
    /// What it counts in a budget, in bytes.
    pub(super) fn len_bytes(&self) -> usize {
        match self {
            Self::Message(Kept { message, .. }) | Self::Direct(message) => message.len_bytes(),
            Self::Gap(_) | Self::Dismissed(_) => 0,
        }
    }
}

impl<M: Clone> Delivered<M> {
    /// What the log lends, kept. `origin` is the wall time of the hub's zero.
    pub(super) fn keep(delivery: Delivery<'_, M>, origin: SystemTime) -> Self {
        match delivery {
            Delivery::Message(lent) => Self::Message(Kept::new(lent, origin)),
            Delivery::Gap(gap) => Self::Gap(*gap),
            Delivery::Direct(message) => Self::Direct(*message),
            Delivery::Dismissed(dismissal) => Self::Dismissed(*dismissal),
        }
    }
}

impl<M: Clone> Kept<M> {
    fn new(lent: Lent<'_, M>, origin: SystemTime) -> Self {
        Self {
            topic: lent.topic().clone(),
            position: lent.position(),
            message: lent.message().clone(),
            event: lent.event().map(Box::from),
            key: lent.key().map(Box::from),
            published_at: at(origin, lent.published_at()),
        }
    }
}

/// A wall clock that stands so late that it holds no more is as good as one that stands still.
fn at(origin: SystemTime, since: Duration) -> SystemTime {
    origin.checked_add(since).unwrap_or(origin)
}
