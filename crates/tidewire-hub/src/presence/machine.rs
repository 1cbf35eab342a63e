//! Presence itself: what it owns, who comes and who goes. (Time is in `time`, looking at it in `list`.)

use alloc::collections::{BTreeMap, VecDeque};
use core::fmt;
use core::time::Duration;

use slab::Slab;

use super::config::PresenceConfig;
use super::error::AdmissionError;
use super::member::{Connections, Member, Standing, cost};
use super::room::Room;
use super::time::Batch;
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
    pub(super) members: Slab<Member>,
    /// The members who were refreshed, and those who are not seen: both in the order of `refreshed_at`.
    pub(super) order: Links,
    /// One for each room that has a batch open, in the order in which they are due.
    pub(super) batches: VecDeque<Batch>,
    pub(super) connections: usize,
    pub(super) len_bytes: usize,
}

/// What a [`Presence`] holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PresenceUsage {
    /// Topics with members, or with a diff that is yet to be told.
    pub topics: usize,
    /// Members of all topics, those with a mere record too.
    pub members: usize,
    /// Their open connections.
    pub connections: usize,
    /// What the members count, in bytes; at most [`PresenceConfig::max_bytes`].
    pub bytes: usize,
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
            members: Slab::new(),
            order,
            batches: VecDeque::new(),
            connections: 0,
            len_bytes: 0,
        }
    }

    /// A user's connection is open in a topic: the user is seen until the last one is gone. A connection that is
    /// there already is not counted twice. The info given last is the one that others see.
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

    /// A poll: the user is seen for [`PresenceConfig::seen_ttl`] from now on, with or without a connection. `None` leaves
    /// the info as the record has it; it is empty for somebody without a record.
    ///
    /// # Errors
    /// [`AdmissionError`]; nothing has changed then, but for what was due. Whoever has a record and gives no larger
    /// info is never refused.
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

    /// A user's connection says goodbye to a topic: with the last one the user is gone, unless a poll or a lost
    /// connection keeps them seen. Answers whether the connection was there.
    pub fn leave(
        &mut self,
        now: Duration,
        topic: &TopicName,
        user: &UserId,
        connection: ConnectionId,
    ) -> bool {
        self.handle_timeout(now);
        match self.close(topic, user, connection) {
            None => false,
            Some(key) => {
                self.forget_if_gone(key);
                true
            }
        }
    }

    /// A user's connection broke, and may be back soon: the user is seen for [`PresenceConfig::seen_ttl`] more. Answers
    /// whether the connection was there; nothing has changed if not.
    pub fn lose(
        &mut self,
        now: Duration,
        topic: &TopicName,
        user: &UserId,
        connection: ConnectionId,
    ) -> bool {
        self.handle_timeout(now);
        match self.close(topic, user, connection) {
            None => false,
            Some(key) => {
                self.mark_refreshed(key);
                true
            }
        }
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
            topics: self.rooms.len(),
            members: self.members.len(),
            connections: self.connections,
            bytes: self.len_bytes,
        }
    }

    pub(super) fn find(&self, topic: &TopicName, user: &UserId) -> Option<u32> {
        self.by_name.get(topic).and_then(|room| self.rooms[*room as usize].find(user))
    }

    /// The member, seen, with that info and that connection.
    fn admit(
        &mut self,
        topic: &TopicName,
        user: &UserId,
        info: Option<Info>,
        connection: Option<ConnectionId>,
    ) -> Result<u32, AdmissionError> {
        let Some(key) = self.find(topic, user) else {
            return self.create(topic, user, info.unwrap_or_default(), connection);
        };
        let member = &self.members[key as usize];
        let opened = connection.filter(|connection| !member.connections.contains(*connection));
        let connections = member.connections.len() + usize::from(opened.is_some());
        if opened.is_some() && connections > self.config.max_connections_per_member {
            return Err(AdmissionError::TooManyConnections);
        }
        let before = member.cost();
        let after = cost(user, info.as_ref().unwrap_or(&member.info), connections);
        if self.len_bytes - before + after > self.config.max_bytes {
            return Err(AdmissionError::TooManyBytes);
        }
        self.len_bytes = self.len_bytes - before + after;
        self.show(key);
        self.inform(key, info);
        self.open(key, opened);
        Ok(key)
    }

    fn create(
        &mut self,
        topic: &TopicName,
        user: &UserId,
        info: Info,
        connection: Option<ConnectionId>,
    ) -> Result<u32, AdmissionError> {
        let found = self.by_name.get(topic).copied();
        if found.is_none() && self.rooms.len() >= self.config.max_topics {
            return Err(AdmissionError::TooManyTopics);
        }
        if found.map_or(0, |room| self.rooms[room as usize].len()) >= self.config.max_members_per_topic {
            return Err(AdmissionError::TooManyMembers);
        }
        if connection.is_some() && self.config.max_connections_per_member == 0 {
            return Err(AdmissionError::TooManyConnections);
        }
        let bytes = cost(user, &info, usize::from(connection.is_some()));
        if self.len_bytes.saturating_add(bytes) > self.config.max_bytes {
            return Err(AdmissionError::TooManyBytes);
        }
        self.len_bytes += bytes;
        let room = found.unwrap_or_else(|| {
            let room = self.rooms.insert(Room::new(topic.clone())) as u32;
            self.by_name.insert(topic.clone(), room);
            room
        });
        self.touch(room, user);
        let key = self.members.insert(Member {
            room,
            standing: Standing::Connected,
            user: user.clone(),
            info,
            connections: Connections::default(),
            refreshed_at: self.now,
        }) as u32;
        self.order.admit(Node::element(key));
        self.rooms[room as usize].seen.insert(user.clone(), key);
        self.open(key, connection);
        Ok(key)
    }

    /// Opens a batch if none is open, and keeps in it how the user was. To be called before a user changes.
    fn touch(&mut self, room: u32, user: &UserId) {
        let found = &mut self.rooms[room as usize];
        if found.pending.is_quiet() {
            let due = self.now.saturating_add(self.config.diff_interval);
            self.batches.push_back(Batch { due, room });
        }
        let before = found.seen.get(user).map(|key| &self.members[*key as usize].info);
        found.pending.touch(user, before, self.config.max_diff_entries);
    }

    /// Whoever was not seen is.
    fn show(&mut self, key: u32) {
        let Member { room, standing, user, .. } = &self.members[key as usize];
        if *standing != Standing::Unseen {
            return;
        }
        let (room, user) = (*room, user.clone());
        self.touch(room, &user);
        let found = &mut self.rooms[room as usize];
        found.unseen.remove(&user);
        found.seen.insert(user, key);
        self.mark_connected(key);
    }

    /// Whoever was seen is not, and has a record.
    pub(super) fn hide(&mut self, key: u32) {
        let Member { room, user, .. } = &self.members[key as usize];
        let (room, user) = (*room, user.clone());
        self.touch(room, &user);
        let found = &mut self.rooms[room as usize];
        found.seen.remove(&user);
        found.unseen.insert(user, key);
        self.members[key as usize].standing = Standing::Unseen;
        self.order.move_back(UNSEEN, Node::element(key));
    }

    fn inform(&mut self, key: u32, info: Option<Info>) {
        let Member { room, user, info: known, .. } = &self.members[key as usize];
        let Some(info) = info.filter(|info| info != known) else { return };
        let (room, user) = (*room, user.clone());
        self.touch(room, &user);
        self.members[key as usize].info = info;
    }

    fn open(&mut self, key: u32, connection: Option<ConnectionId>) {
        let Some(connection) = connection else { return };
        let member = &mut self.members[key as usize];
        member.connections.insert(connection);
        self.rooms[member.room as usize].connections += 1;
        self.connections += 1;
    }

    /// Takes a connection from its member; `None` when it was not there.
    fn close(&mut self, topic: &TopicName, user: &UserId, connection: ConnectionId) -> Option<u32> {
        let key = self.find(topic, user)?;
        let member = &mut self.members[key as usize];
        let before = member.cost();
        if !member.connections.remove(connection) {
            return None;
        }
        self.len_bytes = self.len_bytes - before + member.cost();
        self.rooms[member.room as usize].connections -= 1;
        self.connections -= 1;
        Some(key)
    }

    fn mark_refreshed(&mut self, key: u32) {
        let member = &mut self.members[key as usize];
        member.standing = Standing::Refreshed;
        member.refreshed_at = self.now;
        self.order.move_back(REFRESHED, Node::element(key));
    }

    pub(super) fn mark_connected(&mut self, key: u32) {
        self.members[key as usize].standing = Standing::Connected;
        self.order.unlink(Node::element(key));
    }

    fn forget_if_gone(&mut self, key: u32) {
        let member = &self.members[key as usize];
        if member.standing == Standing::Connected && member.connections.len() == 0 {
            self.forget(key);
        }
    }

    /// Removes a member without connections, record and all.
    pub(super) fn forget(&mut self, key: u32) {
        let Member { room, standing, user, .. } = &self.members[key as usize];
        let (room, standing, user) = (*room, *standing, user.clone());
        if standing == Standing::Unseen {
            self.rooms[room as usize].unseen.remove(&user);
        } else {
            self.touch(room, &user);
            self.rooms[room as usize].seen.remove(&user);
        }
        self.order.unlink(Node::element(key));
        self.len_bytes -= self.members.remove(key as usize).cost();
        self.drop_if_blank(room);
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
