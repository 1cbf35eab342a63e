//! The users of one topic, in the order of their ids: those who are seen, which lists and counts tell of, and those
//! of whom a record is left.

use alloc::collections::BTreeMap;

use slab::Slab;

use super::diff::{Diff, Pending};
use super::member::Member;
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
    pub(super) pending: Pending,
}

impl Room {
    pub(super) fn new(name: TopicName) -> Self {
        Self { name, seen: BTreeMap::new(), unseen: BTreeMap::new(), connections: 0, pending: Pending::Quiet }
    }

    pub(super) fn find(&self, user: &UserId) -> Option<u32> {
        self.seen.get(user).or_else(|| self.unseen.get(user)).copied()
    }

    /// How many records there are.
    pub(super) fn len(&self) -> usize {
        self.seen.len() + self.unseen.len()
    }

    /// Whether nothing is to be remembered.
    pub(super) fn is_blank(&self) -> bool {
        self.len() == 0 && self.pending.is_quiet()
    }

    /// Closes the batch; `None` when everything is as it was.
    pub(super) fn take_diff(&mut self, members: &Slab<Member>) -> Option<Diff> {
        let seen = &self.seen;
        let changes = self.pending.take(|user| seen.get(user).map(|key| &members[*key as usize].info))?;
        Some(Diff {
            topic: self.name.clone(),
            users: self.seen.len(),
            connections: self.connections,
            changes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_stays_within_its_share() {
        // Beside the record: a place in the tree of names, one in the queue of batches (doubled, as a queue grows),
        // the doubled place itself, the header of the name.
        let record = 2 * size_of::<Room>() + 2 * (16 + 4) + 2 * 24 + 16;
        assert!(record <= 384, "{record}");
    }
}
