//! What a subscriber is handed.

use tidewire_hub::{Cursor, Delivery, Dismissal, Gap, Message, Position, Progress, TopicName};

/// What a subscriber was handed, with the cursor that resumes after it.
#[derive(Clone, Debug)]
pub enum Delivered<M> {
    /// A message.
    Message {
        /// Its topic.
        topic: TopicName,
        /// Where it stands in the topic.
        position: Position,
        /// The message itself, shared with the log.
        message: M,
        /// The subscriber's cursor after it, over all its topics.
        cursor: Cursor,
    },
    /// Messages are lost.
    Gap {
        /// Which, and why.
        gap: Gap,
        /// The subscriber's cursor after it.
        cursor: Cursor,
    },
    /// A message to this connection alone, from [`Address::send`](super::Address::send).
    Direct {
        /// The message.
        message: M,
    },
    /// It lags further behind than its policy allows, and is to go: nothing more comes.
    Dismissed {
        /// In which topic, and how far.
        dismissal: Dismissal,
        /// The subscriber's cursor, to come back with.
        cursor: Cursor,
    },
}

impl<M> Delivered<M> {
    /// The gap, if it is one.
    #[must_use]
    pub fn gap(&self) -> Option<&Gap> {
        match self {
            Self::Message { .. } | Self::Direct { .. } | Self::Dismissed { .. } => None,
            Self::Gap { gap, .. } => Some(gap),
        }
    }
}

impl<M: Message> Delivered<M> {
    /// What it counts in a budget, in bytes.
    pub(super) fn len_bytes(&self) -> usize {
        match self {
            Self::Message { message, .. } | Self::Direct { message } => message.len_bytes(),
            Self::Gap { .. } | Self::Dismissed { .. } => 0,
        }
    }
}

impl<M: Clone> Delivered<M> {
    /// What the log lends, kept; the reader has got so far by it.
    pub(super) fn keep(delivery: Delivery<'_, M>, progress: &mut Progress) -> Self {
        match delivery {
            Delivery::Message(lent) => {
                progress.reach(lent.topic(), lent.position());
                Self::Message {
                    topic: lent.topic().clone(),
                    position: lent.position(),
                    message: lent.message().clone(),
                    cursor: progress.cursor(),
                }
            }
            Delivery::Gap(gap) => {
                progress.reach(&gap.topic, gap.to);
                Self::Gap { gap: *gap, cursor: progress.cursor() }
            }
            Delivery::Direct(message) => Self::Direct { message: *message },
            Delivery::Dismissed(dismissal) => {
                Self::Dismissed { dismissal: *dismissal, cursor: progress.cursor() }
            }
        }
    }
}
