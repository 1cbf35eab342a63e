//! What time does: users who are no longer seen, records that go, topics that are calmer again, batches that
//! are told. Users and records are in the order of their deadlines without being sorted, because each
//! deadline is a time that was told plus one and the same span.

use core::time::Duration;

use super::machine::{Presence, REFRESHED, UNSEEN};

/// What a deadline of [`Presence::poll_timeout`] is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PresenceDue {
    /// A user's last poll or lost connection is [`PresenceConfig::seen_ttl`](super::PresenceConfig::seen_ttl)
    /// ago.
    Unseen,
    /// A record is [`PresenceConfig::record_ttl`](super::PresenceConfig::record_ttl) old.
    Record,
    /// A topic in which too many changed is calmer: its diffs may be closer together again.
    Calm,
    /// A diff can be had from [`Presence::poll_diff`] then.
    Diff,
}

/// Something whose time is over, or will be.
#[derive(Clone, Copy, Debug)]
enum Expiry {
    Unseen(u32),
    Record(u32),
    Calm(u32),
}

impl Presence {
    /// When to call [`Presence::handle_timeout`] next, and what for; `None` when nothing is to come.
    ///
    /// Any call that is told the time may change the answer, and so may [`Presence::poll_diff`]: a diff that
    /// is due keeps the answer in the past until it is taken, and so does what one call left to the next. The
    /// cost is the same for any number of members.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Duration, PresenceDue)> {
        let expiry = self.next_expiry().map(|(at, expiry)| match expiry {
            Expiry::Unseen(_) => (at, PresenceDue::Unseen),
            Expiry::Record(_) => (at, PresenceDue::Record),
            Expiry::Calm(_) => (at, PresenceDue::Calm),
        });
        let diff = self.batches.next_due().map(|(at, _)| (at, PresenceDue::Diff));
        expiry.into_iter().chain(diff).min_by_key(|(at, _)| *at)
    }

    /// Tells the time: whoever is no longer seen leaves, and records that are over go, the longest due first;
    /// of both at most [`PresenceConfig::max_expiries_per_call`]. What is left is as it was until the next
    /// call that is told the time, and [`Presence::poll_timeout`] stays in the past. Each of them was paid
    /// for by a call before.
    ///
    /// [`PresenceConfig::max_expiries_per_call`]: super::PresenceConfig::max_expiries_per_call
    pub fn handle_timeout(&mut self, now: Duration) {
        self.now = self.now.max(now);
        for _ in 0..self.config.max_expiries_per_call {
            let Some((_, expiry)) = self.next_expiry().filter(|(at, _)| *at <= self.now) else { return };
            match expiry {
                Expiry::Unseen(key) if self.members[key as usize].connections > 0 => {
                    self.mark_connected(key);
                }
                Expiry::Unseen(key) => self.hide(key),
                Expiry::Record(key) => self.forget(key),
                Expiry::Calm(room) => self.calm(room),
            }
        }
    }

    fn next_expiry(&self) -> Option<(Duration, Expiry)> {
        let after = |head, ttl| {
            let key = self.order.next(head)?;
            Some((self.members[key as usize].refreshed_at.saturating_add(ttl), key))
        };
        let unseen = after(REFRESHED, self.config.seen_ttl).map(|(at, key)| (at, Expiry::Unseen(key)));
        let record = after(UNSEEN, self.config.record_ttl).map(|(at, key)| (at, Expiry::Record(key)));
        let calm = self.batches.next_calm().map(|(at, room)| (at, Expiry::Calm(room)));
        [unseen, record, calm].into_iter().flatten().min_by_key(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::{ConnectionId, TopicName};
    use crate::presence::{Info, PresenceConfig, UserId};

    /// Link writes for one deadline that is asked for, one that is not over, and one that is over for one
    /// user.
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
