//! What becomes of a member: seen, not seen, gone; with another info, with a connection more or less. Each tells the
//! topic's batch.

use super::machine::{Presence, REFRESHED, UNSEEN};
use super::member::{Member, Standing};
use super::user::{Info, UserId};
use crate::links::Node;
use crate::names::{ConnectionId, TopicName};

impl Presence {
    /// Whoever was not seen is.
    pub(super) fn show(&mut self, key: u32) {
        let Member { room, standing, user, .. } = &self.members[key as usize];
        if *standing != Standing::Unseen {
            return;
        }
        let (room, user) = (*room, user.clone());
        let found = &mut self.rooms[room as usize];
        found.unseen.remove(&user);
        found.seen.insert(user.clone(), key);
        self.mark_connected(key);
        self.note(room, &user, None, Some(key));
    }

    /// Whoever was seen is not, and has a record.
    pub(super) fn hide(&mut self, key: u32) {
        let member = &mut self.members[key as usize];
        member.standing = Standing::Unseen;
        let (room, user, info) = (member.room, member.user.clone(), member.info.clone());
        self.order.move_back(UNSEEN, Node::element(key));
        let found = &mut self.rooms[room as usize];
        found.seen.remove(&user);
        found.unseen.insert(user.clone(), key);
        self.note(room, &user, Some(info), None);
    }

    /// Others see another info, if there is one.
    pub(super) fn inform(&mut self, key: u32, info: Option<Info>) {
        let member = &mut self.members[key as usize];
        let Some(info) = info.filter(|info| *info != member.info) else { return };
        let before = core::mem::replace(&mut member.info, info);
        let (room, user) = (member.room, member.user.clone());
        self.note(room, &user, Some(before), Some(key));
    }

    pub(super) fn open(&mut self, key: u32, connection: Option<ConnectionId>) {
        let Some(connection) = connection else { return };
        let member = &mut self.members[key as usize];
        member.connections.insert(connection);
        self.rooms[member.room as usize].connections += 1;
        self.connections += 1;
    }

    /// Takes a connection from its member; `None` when it was not there.
    pub(super) fn close(
        &mut self,
        topic: &TopicName,
        user: &UserId,
        connection: ConnectionId,
    ) -> Option<u32> {
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

    pub(super) fn mark_refreshed(&mut self, key: u32) {
        let member = &mut self.members[key as usize];
        member.standing = Standing::Refreshed;
        member.refreshed_at = self.now;
        self.order.move_back(REFRESHED, Node::element(key));
    }

    pub(super) fn mark_connected(&mut self, key: u32) {
        self.members[key as usize].standing = Standing::Connected;
        self.order.unlink(Node::element(key));
    }

    pub(super) fn forget_if_gone(&mut self, key: u32) {
        let member = &self.members[key as usize];
        if member.standing == Standing::Connected && member.connections.len() == 0 {
            self.forget(key);
        }
    }

    /// Removes a member without connections, record and all.
    pub(super) fn forget(&mut self, key: u32) {
        self.order.unlink(Node::element(key));
        let member = self.members.remove(key as usize);
        self.len_bytes -= member.cost();
        let Member { room, standing, user, info, .. } = member;
        let found = &mut self.rooms[room as usize];
        match standing {
            Standing::Unseen => {
                found.unseen.remove(&user);
            }
            Standing::Connected | Standing::Refreshed => {
                found.seen.remove(&user);
                self.note(room, &user, Some(info), None);
            }
        }
        self.rooms_with_members -= usize::from(self.rooms[room as usize].len() == 0);
        self.drop_if_blank(room);
    }
}
