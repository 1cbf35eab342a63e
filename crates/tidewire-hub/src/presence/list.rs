//! Looking at who is there: counts, pages of a list, one member. All as of the time that was told last.

use alloc::vec::Vec;
use core::ops::Bound;
use core::time::Duration;

use super::machine::Presence;
use super::record::{Standing, UserRecord};
use super::user::{Info, UserId};
use crate::names::TopicName;

/// How many are in a topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Count {
    /// Users who are seen.
    pub users: usize,
    /// Their open connections; somebody who polls has none.
    pub connections: usize,
}

/// What can be seen of a user in a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Member<'a> {
    /// Who.
    pub user: &'a UserId,
    /// What others see of them.
    pub info: &'a Info,
    /// How many connections they have open in the topic.
    pub connections: usize,
    /// Why they are seen, or that they are not.
    pub status: Status,
}

/// Whether a user is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Seen: a connection is open.
    Connected,
    /// Seen: no connection is open, but a poll came or a connection was lost not long ago.
    Refreshed {
        /// When that was.
        at: Duration,
    },
    /// Not seen: that is too long ago. Neither listed nor counted.
    Unseen {
        /// When that was.
        at: Duration,
    },
}

/// A page of the users who are seen in a topic, in the order of their ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page<'a> {
    /// The members.
    pub members: Vec<Member<'a>>,
    /// What to list after for the next page; `None` when this is the last.
    pub next: Option<&'a UserId>,
}

impl Presence {
    /// How many are in a topic. The cost is the same for any number of members.
    #[must_use]
    pub fn count(&self, topic: &TopicName) -> Count {
        self.by_name.get(topic).map_or_else(Count::default, |room| {
            let room = &self.rooms[*room as usize];
            Count { users: room.seen.len(), connections: room.connections }
        })
    }

    /// The users of a topic who are seen, from the first one behind `after` in the order of the ids; `after`
    /// need not be there itself. At most `limit` of them, which counts as 1 at least and as
    /// [`PresenceConfig::max_page_len`] at most.
    ///
    /// It shows what is so, told or not: whoever changed since the last diff is therefore told of in the next
    /// one, whatever they are by then. Pages are no snapshot: who comes or goes between two of them may be
    /// missed or not, and diffs tell of it. The cost is in proportion to the page, whatever else there is.
    ///
    /// [`PresenceConfig::max_page_len`]: super::PresenceConfig::max_page_len
    #[must_use]
    pub fn list(&mut self, topic: &TopicName, after: Option<&UserId>, limit: usize) -> Page<'_> {
        let Some(room) = self.by_name.get(topic).copied() else { return Page::default() };
        self.note_read(room);
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let limit = limit.clamp(1, self.config.max_page_len);
        let mut rest = self.rooms[room as usize].seen.range((start, Bound::Unbounded));
        let members: Vec<Member<'_>> =
            rest.by_ref().take(limit).map(|(_, key)| view(&self.members[*key as usize])).collect();
        let next = rest.next().and_then(|_| members.last()).map(|member| member.user);
        Page { members, next }
    }

    /// A user in a topic, seen or not; `None` when there is no record.
    #[must_use]
    pub fn member(&self, topic: &TopicName, user: &UserId) -> Option<Member<'_>> {
        self.find(topic, user).map(|key| view(&self.members[key as usize]))
    }
}

fn view(member: &UserRecord) -> Member<'_> {
    let connections = member.connections as usize;
    let status = match member.standing {
        Standing::Connected => Status::Connected,
        Standing::Refreshed if connections > 0 => Status::Connected,
        Standing::Refreshed => Status::Refreshed { at: member.refreshed_at },
        Standing::Unseen => Status::Unseen { at: member.refreshed_at },
    };
    Member { user: &member.user, info: &member.info, connections, status }
}
