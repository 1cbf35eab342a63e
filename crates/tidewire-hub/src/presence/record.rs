//! One user in one topic: what keeps them seen, and what their record costs.

use core::time::Duration;

use super::user::{Info, UserId};

/// What a member counts beside its id, its info and its connections: the record, its links, its place in the
/// topic's order, and the headers of what is shared.
pub const MEMBER_OVERHEAD_BYTES: usize = 256;

/// What each connection counts of a member: its place among all that are open.
pub const CONNECTION_OVERHEAD_BYTES: usize = 48;

/// A user's record in one topic.
#[derive(Debug)]
pub(super) struct UserRecord {
    pub(super) room: u32,
    pub(super) standing: Standing,
    pub(super) user: UserId,
    pub(super) info: Info,
    /// How many are open.
    pub(super) connections: u32,
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

impl UserRecord {
    /// What it counts of `max_bytes`.
    pub(super) fn cost(&self) -> usize {
        cost(&self.user, &self.info, self.connections)
    }
}

/// What such a member counts of `max_bytes`.
pub(super) fn cost(user: &UserId, info: &Info, connections: u32) -> usize {
    let own = user.as_str().len() + info.as_bytes().len() + MEMBER_OVERHEAD_BYTES;
    own.saturating_add((connections as usize).saturating_mul(CONNECTION_OVERHEAD_BYTES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_stays_small() {
        assert_eq!(size_of::<UserRecord>(), 64);
        assert_eq!(size_of::<Option<UserRecord>>(), 64, "a vacant place costs no more");
    }
}
