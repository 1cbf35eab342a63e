//! What changed in a topic within one interval: collected as it happens, told as the difference of the two ends.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::mem;

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
    /// More users than that came, changed or went: who wants to know reads the list.
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
    /// They are seen, as before, with another info.
    Updated {
        /// Who.
        user: UserId,
        /// What others see of them.
        info: Info,
    },
    /// They were seen, and are not.
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

    /// The change between what was told of a user and what is so; `None` when there is none.
    fn between(user: UserId, before: Option<Info>, after: Option<&Info>) -> Option<Self> {
        match (before, after) {
            (None, None) => None,
            (None, Some(info)) => Some(Self::Joined { user, info: info.clone() }),
            (Some(_), None) => Some(Self::Left { user }),
            (Some(before), Some(info)) => {
                (before != *info).then(|| Self::Updated { user, info: info.clone() })
            }
        }
    }
}

/// A topic's batch.
#[derive(Debug, Default)]
pub(super) enum Pending {
    /// None is open: what was told is so.
    #[default]
    Quiet,
    /// The users who were touched, each as the last diff left them: `None` for not seen.
    Touched(BTreeMap<UserId, Option<Info>>),
    /// Too many were touched to tell of each.
    TooMany,
}

impl Pending {
    pub(super) fn is_quiet(&self) -> bool {
        matches!(self, Self::Quiet)
    }

    /// To be called before anything changes about a user, who is `before` so far.
    pub(super) fn touch(&mut self, user: &UserId, before: Option<&Info>, max_entries: usize) {
        if self.is_quiet() {
            *self = Self::Touched(BTreeMap::new());
        }
        let Self::Touched(users) = self else { return };
        if users.contains_key(user) {
            return;
        }
        if users.len() < max_entries {
            users.insert(user.clone(), before.cloned());
        } else {
            *self = Self::TooMany;
        }
    }

    /// Closes the batch; `None` when everything is as it was. `now` looks a user up as they are.
    pub(super) fn take<'a>(&mut self, now: impl Fn(&UserId) -> Option<&'a Info>) -> Option<Changes> {
        let users = match mem::take(self) {
            Self::Quiet => return None,
            Self::TooMany => return Some(Changes::TooMany),
            Self::Touched(users) => users,
        };
        let change = |(user, before): (UserId, Option<Info>)| {
            let after = now(&user);
            Change::between(user, before, after)
        };
        let changes: Vec<Change> = users.into_iter().filter_map(change).collect();
        (!changes.is_empty()).then_some(Changes::Listed(changes))
    }
}
