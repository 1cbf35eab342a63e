//! Who may come: the limits, and what a call makes of somebody within them.

use alloc::collections::btree_map::Entry;
use core::time::Duration;

use super::error::AdmissionError;
use super::machine::Presence;
use super::record::{Standing, UserRecord, cost};
use super::room::Room;
use super::user::{Info, UserId};
use crate::links::Node;
use crate::names::{ConnectionId, TopicName};

impl Presence {
    /// The member, seen, with that info and that connection.
    pub(super) fn admit(
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
        let opened = connection.filter(|connection| !self.connections.contains(&(*connection, key)));
        let connections = member.connections + u32::from(opened.is_some());
        if opened.is_some() && connections as usize > self.config.max_connections_per_member {
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
        self.fit();
        Ok(key)
    }

    fn create(
        &mut self,
        topic: &TopicName,
        user: &UserId,
        info: Info,
        connection: Option<ConnectionId>,
    ) -> Result<u32, AdmissionError> {
        let bytes = cost(user, &info, u32::from(connection.is_some()));
        self.check(topic, bytes, connection)?;
        self.len_bytes += bytes;
        let room = self.room(topic);
        let key = self.members.insert(UserRecord {
            room,
            standing: Standing::Connected,
            user: user.clone(),
            info,
            connections: 0,
            refreshed_at: Duration::ZERO,
        }) as u32;
        self.order.admit(Node::element(key));
        let found = &mut self.rooms[room as usize];
        self.rooms_with_members += usize::from(found.len() == 0);
        found.seen.insert(user.clone(), key);
        self.open(key, connection);
        self.note(room, user, None, Some(key));
        Ok(key)
    }

    /// Whether one more member may be in a topic.
    fn check(
        &self,
        topic: &TopicName,
        bytes: usize,
        connection: Option<ConnectionId>,
    ) -> Result<(), AdmissionError> {
        let config = &self.config;
        let room = self.by_name.get(topic).map(|room| &self.rooms[*room as usize]);
        let members = room.map_or(0, Room::len);
        if members == 0 && self.rooms_with_members >= config.max_topics {
            return Err(AdmissionError::TooManyTopics);
        }
        if room.is_none() && self.rooms.len() >= config.max_topics + config.max_empty_topics {
            return Err(AdmissionError::TooManyEmptyTopics);
        }
        if members >= config.max_members_per_topic {
            return Err(AdmissionError::TooManyMembers);
        }
        if connection.is_some() && config.max_connections_per_member == 0 {
            return Err(AdmissionError::TooManyConnections);
        }
        if self.len_bytes.saturating_add(bytes) > config.max_bytes {
            return Err(AdmissionError::TooManyBytes);
        }
        Ok(())
    }

    /// The topic's room, made where there is none.
    fn room(&mut self, topic: &TopicName) -> u32 {
        match self.by_name.entry(topic.clone()) {
            Entry::Occupied(found) => *found.get(),
            Entry::Vacant(place) => {
                let room = self.rooms.insert(Room::new(topic.clone())) as u32;
                self.batches.admit(room);
                *place.insert(room)
            }
        }
    }
}
