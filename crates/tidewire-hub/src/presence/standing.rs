//! What becomes of a member: seen, not seen, gone; with another info, with a connection more or less. Each
//! tells the topic's batch.

use super::machine::{Presence, REFRESHED, UNSEEN};
use super::record::{Standing, UserRecord};
use super::user::Info;
use crate::links::Node;
use crate::names::ConnectionId;

impl Presence {
    /// Whoever was not seen is.
    pub(super) fn show(&mut self, key: u32) {
        let UserRecord { room, standing, user, .. } = &self.members[key as usize];
        if *standing != Standing::Unseen {
            return;
        }
        let (room, user) = (*room, user.clone());
        let found = &mut self.rooms[room as usize];
        found.remove_unseen(&user);
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
        found.remove_seen(&user);
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

    /// Adds a connection that the member does not have.
    pub(super) fn open(&mut self, key: u32, connection: Option<ConnectionId>) {
        let Some(connection) = connection else { return };
        self.connections.insert((connection, key));
        let member = &mut self.members[key as usize];
        member.connections += 1;
        self.rooms[member.room as usize].connections += 1;
    }

    /// Takes a connection from its member; answers whether it was there.
    pub(super) fn close(&mut self, key: u32, connection: ConnectionId) -> bool {
        let was_there = self.connections.remove(&(connection, key));
        if was_there {
            let member = &mut self.members[key as usize];
            self.len_bytes -= member.cost();
            member.connections -= 1;
            self.len_bytes += member.cost();
            self.rooms[member.room as usize].connections -= 1;
        }
        was_there
    }

    /// Takes a connection from all of its members, and does so with each; answers how many there were.
    pub(super) fn close_all(&mut self, connection: ConnectionId, then: fn(&mut Self, u32)) -> usize {
        let mut closed = 0;
        let all = (connection, 0)..=(connection, u32::MAX);
        while let Some((_, key)) = self.connections.range(all.clone()).next().copied() {
            self.close(key, connection);
            then(self, key);
            closed += 1;
        }
        closed
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
        if member.standing == Standing::Connected && member.connections == 0 {
            self.forget(key);
        }
    }

    /// Removes a member without connections, record and all.
    pub(super) fn forget(&mut self, key: u32) {
        self.order.unlink(Node::element(key));
        let member = self.members.remove(key as usize);
        self.len_bytes -= member.cost();
        let UserRecord { room, standing, user, info, .. } = member;
        let found = &mut self.rooms[room as usize];
        match standing {
            Standing::Unseen => {
                found.remove_unseen(&user);
            }
            Standing::Connected | Standing::Refreshed => {
                found.remove_seen(&user);
                self.note(room, &user, Some(info), None);
            }
        }
        self.rooms_with_members -= usize::from(self.rooms[room as usize].len() == 0);
        self.drop_if_blank(room);
    }
}
