//! One user in one topic: what keeps them seen, and what their record costs.

use alloc::boxed::Box;
use core::mem;
use core::time::Duration;

use super::user::{Info, UserId};
use crate::names::ConnectionId;

/// What a member counts beside its id, its info and its connections: the record, its links, its place in the topic's
/// order, and the headers of what is shared.
pub const MEMBER_OVERHEAD_BYTES: usize = 256;

/// What each connection counts of a member.
pub const CONNECTION_OVERHEAD_BYTES: usize = 16;

/// A user's record in one topic.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) room: u32,
    pub(super) standing: Standing,
    pub(super) user: UserId,
    pub(super) info: Info,
    pub(super) connections: Connections,
    /// When the user last polled or lost a connection. Means nothing while connections alone hold them.
    pub(super) refreshed_at: Duration,
}

/// The columns of the table on the module's page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Seen by open connections alone; in no list.
    Connected,
    /// Seen for a while even without a connection; in the list of the refreshed.
    Refreshed,
    /// Not seen; in the list of the unseen. There are no connections.
    Unseen,
}

impl Member {
    /// What it counts of `max_bytes`.
    pub(super) fn cost(&self) -> usize {
        cost(&self.user, &self.info, self.connections.len())
    }
}

/// What such a member counts of `max_bytes`.
pub(super) fn cost(user: &UserId, info: &Info, connections: usize) -> usize {
    let own = user.as_str().len() + info.as_bytes().len() + MEMBER_OVERHEAD_BYTES;
    own.saturating_add(connections.saturating_mul(CONNECTION_OVERHEAD_BYTES))
}

/// The open connections of a user, each once. They are few, so that the exact size matters more than growth.
#[derive(Debug, Default)]
pub(super) struct Connections(Box<[ConnectionId]>);

impl Connections {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn contains(&self, connection: ConnectionId) -> bool {
        self.0.contains(&connection)
    }

    /// Adds one that is not there.
    pub(super) fn insert(&mut self, connection: ConnectionId) {
        let mut all = mem::take(&mut self.0).into_vec();
        all.reserve_exact(1);
        all.push(connection);
        self.0 = all.into_boxed_slice();
    }

    /// Answers whether it was there.
    pub(super) fn remove(&mut self, connection: ConnectionId) -> bool {
        let Some(place) = self.0.iter().position(|open| *open == connection) else { return false };
        let mut all = mem::take(&mut self.0).into_vec();
        all.swap_remove(place);
        self.0 = all.into_boxed_slice();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_stays_small() {
        assert_eq!(size_of::<Member>(), 72);
        assert_eq!(size_of::<Option<Member>>(), 72, "a vacant place costs no more");
    }
}
