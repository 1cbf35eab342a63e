//! The users of one topic, in the order of their ids: those who are seen, which lists and counts tell of, and
//! those of whom a record is left.

use alloc::collections::BTreeMap;

use super::batch::{Pending, Untold};
use super::user::UserId;
use crate::names::TopicName;

/// One topic's users. The numbers are places in the table of members.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) name: TopicName,
    pub(super) seen: BTreeMap<UserId, u32>,
    pub(super) unseen: BTreeMap<UserId, u32>,
    /// Open ones, of all users.
    pub(super) connections: usize,
    /// How many users were seen when the last diff was told.
    pub(super) told_users: usize,
    pub(super) pending: Pending,
}

impl Room {
    pub(super) fn new(name: TopicName) -> Self {
        Self {
            name,
            seen: BTreeMap::new(),
            unseen: BTreeMap::new(),
            connections: 0,
            told_users: 0,
            pending: Pending::Quiet,
        }
    }

    pub(super) fn find(&self, user: &UserId) -> Option<u32> {
        self.seen.get(user).or_else(|| self.unseen.get(user)).copied()
    }

    /// A user who is seen is no longer.
    pub(super) fn remove_seen(&mut self, user: &UserId) {
        remove(&mut self.seen, user);
    }

    /// A user of whom a record is left has none any more, or is seen.
    pub(super) fn remove_unseen(&mut self, user: &UserId) {
        remove(&mut self.unseen, user);
    }

    /// How many records there are.
    pub(super) fn len(&self) -> usize {
        self.seen.len() + self.unseen.len()
    }

    /// Whether nothing is to be remembered.
    pub(super) fn is_blank(&self) -> bool {
        self.len() == 0 && self.pending.is_quiet()
    }

    /// Whether there is something to be told, as far as can be known where too many changed to keep each:
    /// then whoever read the list is to read it again.
    pub(super) fn has_changed(&self) -> bool {
        match &self.pending {
            Pending::Quiet | Pending::Calming(_) => false,
            Pending::Open { untold: Untold::Listed(users), .. } => !users.is_empty(),
            Pending::Open { untold: Untold::TooMany, reads, .. } => {
                *reads > 0 || self.told_users > 0 || !self.seen.is_empty()
            }
        }
    }
}

/// What is empty gives its memory back.
fn remove(users: &mut BTreeMap<UserId, u32>, user: &UserId) {
    users.remove(user);
    if users.is_empty() {
        *users = BTreeMap::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    #[test]
    fn a_topic_stays_within_its_share() {
        // Beside the record: a place in the tree of names, one in a queue of batches, links, each doubled as
        // what it lies in grows; the doubled place itself, the header of the name. The rest is
        // for trees of one user, of which members and changes count their share alone.
        let record = 2 * size_of::<Room>() + 2 * (16 + 4) + 2 * size_of::<(Duration, u32)>() + 2 * 8 + 16;
        assert!(record <= 512, "{record}");
    }
}
