//! What changed in a topic within one interval, as it is told: the difference of its two ends.

use alloc::vec::Vec;

use super::user::{Info, UserId};
use crate::names::TopicName;

/// What changed in one topic since its last diff. To be told to all who follow the topic, once each.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Diff {
    /// The topic.
    pub topic: TopicName,
    /// How many users are seen in it, after the changes.
    pub users: usize,
    /// How many connections they have open in it.
    pub connections: usize,
    /// Who came, changed and went.
    pub changes: Changes,
}

/// The changes of a [`Diff`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changes {
    /// One for each user, in the order of the ids; at least one and at most
    /// [`PresenceConfig::max_diff_entries`](super::PresenceConfig::max_diff_entries).
    Listed(Vec<Change>),
    /// More users than that came, changed or went, or more than there is room to keep: who wants to know
    /// reads the list, each after a random wait of some seconds, so that not all come at once. The topic's
    /// next diffs are further apart: see
    /// [`PresenceConfig::max_diff_interval`](super::PresenceConfig::max_diff_interval).
    TooMany,
}

/// What changed about one user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// They are seen, and were not.
    Joined {
        /// Who.
        user: UserId,
        /// What others see of them.
        info: Info,
    },
    /// They are seen, as when they were told last: with another info; or with the same, after a change in
    /// between that whoever read the list then would know alone.
    Updated {
        /// Who.
        user: UserId,
        /// What others see of them.
        info: Info,
    },
    /// They are not seen. They were, when they were told last; or only in between, when somebody read the
    /// list.
    Left {
        /// Who.
        user: UserId,
    },
}

impl Change {
    /// Whom it is about.
    #[must_use]
    pub fn user(&self) -> &UserId {
        match self {
            Self::Joined { user, .. } | Self::Updated { user, .. } | Self::Left { user } => user,
        }
    }

    /// The change that makes of what was told of a user, or of anything else, what is so; `None` is not seen.
    pub(super) fn between(user: UserId, told: Option<&Info>, is: Option<&Info>) -> Self {
        match (told, is) {
            (_, None) => Self::Left { user },
            (None, Some(info)) => Self::Joined { user, info: info.clone() },
            (Some(_), Some(info)) => Self::Updated { user, info: info.clone() },
        }
    }
}
