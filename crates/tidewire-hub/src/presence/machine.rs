//! Presence itself: what it owns, who comes and who goes. (Who may is in `admission`, what becomes of a
//! member in `standing`, what is told in `batch`, time in `time`, looking at it in `list`.)

use alloc::collections::{BTreeMap, BTreeSet};
use core::fmt;
use core::time::Duration;

use slab::Slab;

use super::batch::Batches;
use super::config::PresenceConfig;
use super::error::AdmissionError;
use super::record::{Standing, UserRecord};
use super::room::Room;
use super::user::{Info, UserId};
use crate::links::{Kind, Links, Node};
use crate::names::{ConnectionId, TopicName};

/// Who is in which topic. Single-threaded; the caller tells the time.
///
/// See the [module's page](super) for the whole picture and an example.
pub struct Presence {
    pub(super) config: PresenceConfig,
    /// The latest time that was told.
    pub(super) now: Duration,
    pub(super) rooms: Slab<Room>,
    pub(super) by_name: BTreeMap<TopicName, u32>,
    /// Those with members, a mere record or not.
    pub(super) rooms_with_members: usize,
    pub(super) members: Slab<UserRecord>,
    /// The members who were refreshed, and those who are not seen: both in the order of `refreshed_at`.
    pub(super) order: Links,
    pub(super) batches: Batches,
    /// The open connections, each with the members that it is one of.
    pub(super) connections: BTreeSet<(ConnectionId, u32)>,
    /// What the members count.
    pub(super) len_bytes: usize,
}

/// What a [`Presence`] holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PresenceUsage {
    /// Topics with members.
    pub topics: usize,
    /// Topics that nobody is in any more, and whose last diff is yet to be told or was told not long ago.
    pub empty_topics: usize,
    /// Members of all topics, those with a mere record too.
    pub members: usize,
    /// Their open connections.
    pub connections: usize,
    /// What the members and the diffs under way count, in bytes; at most [`PresenceConfig::max_bytes`].
    pub bytes: usize,
    /// What the diffs under way count of it: who has changed, and how they were.
    pub diffs_bytes: usize,
}

/// The members who were refreshed within `seen_ttl`.
pub(super) const REFRESHED: Node = Node::new(Kind::First, 0);
/// The members who are not seen.
pub(super) const UNSEEN: Node = Node::new(Kind::Second, 0);

impl Presence {
    /// Nobody is anywhere.
    #[must_use]
    pub fn new(config: PresenceConfig) -> Self {
        let mut order = Links::default();
        order.admit(REFRESHED);
        order.admit(UNSEEN);
        Self {
            config: config.normalized(),
            now: Duration::ZERO,
            rooms: Slab::new(),
            by_name: BTreeMap::new(),
            rooms_with_members: 0,
            members: Slab::new(),
            order,
            batches: Batches::new(),
            connections: BTreeSet::new(),
            len_bytes: 0,
        }
    }

    /// A user's connection is open in a topic: the user is seen until the last one is gone. A connection that
    /// is there already is not counted twice. The info given last is the one that others see.
    ///
    /// # Errors
    /// [`AdmissionError`]; nothing has changed then, but for what was due.
    pub fn join(
        &mut self,
        now: Duration,
        topic: &TopicName,
        user: &UserId,
        connection: ConnectionId,
        info: Info,
    ) -> Result<(), AdmissionError> {
        self.handle_timeout(now);
        self.admit(topic, user, Some(info), Some(connection)).map(drop)
    }

    /// A poll: the user is seen for [`PresenceConfig::seen_ttl`] from now on, with or without a connection.
    /// `None` leaves the info as the record has it; it is empty for somebody without a record.
    ///
    /// # Errors
    /// [`AdmissionError`]; nothing has changed then, but for what was due. Whoever has a record and gives no
    /// larger info is never refused.
    pub fn refresh(
        &mut self,
        now: Duration,
        topic: &TopicName,
        user: &UserId,
        info: Option<Info>,
    ) -> Result<(), AdmissionError> {
        self.handle_timeout(now);
        let key = self.admit(topic, user, info, None)?;
        self.mark_refreshed(key);
        Ok(())
    }

    /// A user's connection says goodbye to a topic: with the last one the user is gone, unless a poll or a
    /// lost connection keeps them seen. Answers whether the connection was there.
    pub fn leave(
        &mut self,
        now: Duration,
        topic: &TopicName,
        user: &UserId,
        connection: ConnectionId,
    ) -> bool {
        self.part(now, topic, user, connection, Self::forget_if_gone)
    }

    /// A user's connection broke, and may be back soon: the user is seen for [`PresenceConfig::seen_ttl`]
    /// more. Answers whether the connection was there; nothing has changed if not.
    pub fn lose(
        &mut self,
        now: Duration,
        topic: &TopicName,
        user: &UserId,
        connection: ConnectionId,
    ) -> bool {
        self.part(now, topic, user, connection, Self::mark_refreshed)
    }

    fn part(
        &mut self,
        now: Duration,
        topic: &TopicName,
        user: &UserId,
        connection: ConnectionId,
        then: fn(&mut Self, u32),
    ) -> bool {
        self.handle_timeout(now);
        let closed = self.find(topic, user).filter(|key| self.close(*key, connection));
        closed.inspect(|key| then(self, *key)).is_some()
    }

    /// A connection says goodbye to all topics that it is in: [`Presence::leave`] for each. Answers how many
    /// there were.
    ///
    /// The cost is in proportion to those; each of them was joined before.
    pub fn leave_all(&mut self, now: Duration, connection: ConnectionId) -> usize {
        self.handle_timeout(now);
        self.close_all(connection, Self::forget_if_gone)
    }

    /// A connection broke: [`Presence::lose`] for each topic that it is in. Answers how many there were.
    ///
    /// The cost is in proportion to those; each of them was joined before.
    pub fn lose_all(&mut self, now: Duration, connection: ConnectionId) -> usize {
        self.handle_timeout(now);
        self.close_all(connection, Self::mark_refreshed)
    }

    /// Takes back what polls and lost connections did: a user without an open connection is gone, with their
    /// record. Answers whether there was anything to take back.
    pub fn withdraw(&mut self, now: Duration, topic: &TopicName, user: &UserId) -> bool {
        self.handle_timeout(now);
        let Some(key) = self.find(topic, user) else { return false };
        match self.members[key as usize].standing {
            Standing::Connected => false,
            Standing::Refreshed => {
                self.mark_connected(key);
                self.forget_if_gone(key);
                true
            }
            Standing::Unseen => {
                self.forget(key);
                true
            }
        }
    }

    /// What it holds. The cost is the same for any number of members.
    #[must_use]
    pub fn usage(&self) -> PresenceUsage {
        PresenceUsage {
            topics: self.rooms_with_members,
            empty_topics: self.rooms.len() - self.rooms_with_members,
            members: self.members.len(),
            connections: self.connections.len(),
            bytes: self.len_bytes + self.batches.len_bytes,
            diffs_bytes: self.batches.len_bytes,
        }
    }

    pub(super) fn find(&self, topic: &TopicName, user: &UserId) -> Option<u32> {
        self.by_name.get(topic).and_then(|room| self.rooms[*room as usize].find(user))
    }

    pub(super) fn drop_if_blank(&mut self, room: u32) {
        if self.rooms[room as usize].is_blank() {
            let room = self.rooms.remove(room as usize);
            self.by_name.remove(&room.name);
        }
    }
}

impl Default for Presence {
    /// With the usual times and limits.
    fn default() -> Self {
        Self::new(PresenceConfig::default())
    }
}

impl fmt::Debug for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presence").field("usage", &self.usage()).finish_non_exhaustive()
    }
}
