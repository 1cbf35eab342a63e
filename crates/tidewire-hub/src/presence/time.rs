//! What time does: users who are no longer seen, records that go, batches that are told. Each of the three queues is
//! in the order of its deadlines, because each deadline is a time that was told plus one and the same span.

use core::time::Duration;

use super::diff::Diff;
use super::machine::{Presence, REFRESHED, UNSEEN};

/// A batch that is open.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) due: Duration,
    pub(super) room: u32,
}

/// What a deadline of [`Presence::poll_timeout`] is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PresenceDue {
    /// A user's last poll or lost connection is [`PresenceConfig::seen_ttl`](super::PresenceConfig::seen_ttl) ago.
    Unseen,
    /// A record is [`PresenceConfig::record_ttl`](super::PresenceConfig::record_ttl) old.
    Record,
    /// A diff can be had from [`Presence::poll_diff`] then.
    Diff,
}

impl Presence {
    /// When to call [`Presence::handle_timeout`] next, and what for; `None` when nothing is to come.
    ///
    /// Any call that is told the time may change the answer, and so may [`Presence::poll_diff`]: a diff that is due
    /// keeps the answer in the past until it is taken. The cost is the same for any number of members.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Duration, PresenceDue)> {
        let unseen = self.next_unseen().map(|(at, _)| (at, PresenceDue::Unseen));
        let record = self.next_record().map(|(at, _)| (at, PresenceDue::Record));
        let diff = self.batches.front().map(|batch| (batch.due, PresenceDue::Diff));
        [unseen, record, diff].into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    /// Tells the time: whoever is no longer seen leaves, and records that are over go. The cost is in proportion to
    /// those, and each of them was refreshed once before.
    pub fn handle_timeout(&mut self, now: Duration) {
        self.now = self.now.max(now);
        while let Some((at, key)) = self.next_unseen() {
            if at > self.now {
                break;
            }
            if self.members[key as usize].connections.len() > 0 {
                self.mark_connected(key);
            } else {
                self.hide(key);
            }
        }
        while let Some((at, key)) = self.next_record() {
            if at > self.now {
                break;
            }
            self.forget(key);
        }
    }

    /// The next diff that is due by the time told last, the one longest due first; `None` when there is none.
    ///
    /// It tells of everything up to this call. Any call that is told the time may change the answer.
    pub fn poll_diff(&mut self) -> Option<Diff> {
        while self.batches.front().is_some_and(|batch| batch.due <= self.now) {
            let batch = self.batches.pop_front()?;
            let diff = self.rooms[batch.room as usize].take_diff(&self.members);
            self.drop_if_blank(batch.room);
            if diff.is_some() {
                return diff;
            }
        }
        None
    }

    fn next_unseen(&self) -> Option<(Duration, u32)> {
        let key = self.order.next(REFRESHED)?;
        Some((self.members[key as usize].refreshed_at.saturating_add(self.config.seen_ttl), key))
    }

    fn next_record(&self) -> Option<(Duration, u32)> {
        let key = self.order.next(UNSEEN)?;
        Some((self.members[key as usize].refreshed_at.saturating_add(self.config.record_ttl), key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::{ConnectionId, TopicName};
    use crate::presence::{Info, PresenceConfig, UserId};

    /// Link writes for one deadline that is asked for, one that is not over, and one that is over for one user.
    fn writes(users: usize) -> [usize; 3] {
        let at = Duration::from_secs;
        let mut presence = Presence::new(PresenceConfig::default());
        let (topic, late) = (TopicName::new("chat").unwrap(), UserId::new("late").unwrap());
        presence.refresh(at(0), &topic, &late, None).unwrap();
        for index in 0..users {
            let user = UserId::new(&alloc::format!("u{index}")).unwrap();
            match index % 2 {
                0 => presence.refresh(at(1), &topic, &user, None).unwrap(),
                _ => presence.join(at(1), &topic, &user, ConnectionId::new(1), Info::default()).unwrap(),
            }
        }
        let mut work = [0; 3];
        for (work, now) in work.iter_mut().zip([29, 29, 30]) {
            let before = presence.order.writes;
            presence.handle_timeout(at(now));
            assert!(presence.poll_timeout().is_some());
            *work = presence.order.writes - before;
        }
        assert_eq!(presence.count(&topic).users, users);
        work
    }

    #[test]
    fn a_deadline_costs_the_same_for_any_number_of_members() {
        let work = writes(2);
        assert_eq!(work[..2], [0, 0]);
        assert!(work[2] > 0);
        assert_eq!(writes(10_000), work);
    }
}
