//! Publishing the same once: what was published under an idempotency key, for a while.

use alloc::collections::VecDeque;
use core::hash::Hasher;
use core::time::Duration;

use hashbrown::HashTable;

use crate::names::TopicName;
use crate::position::{Epoch, Incarnation, Position};
use crate::siphash::{Key, SipHasher};
use crate::slack;

/// The name of one publish: two hashes of publisher, topic and key under a secret seed. Two that differ share
/// both by a chance of one in 2^128, which nobody can bring about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PublishId(u64, u64);

#[derive(Debug)]
struct Record {
    id: PublishId,
    /// The hash of what was published, under the seed.
    body: u64,
    /// The position, whose incarnation is the hub's.
    life: u64,
    offset: u64,
    /// `None` for never.
    expires_at: Option<Duration>,
}

/// What is remembered: a ring in the order of publishing, and a table over it.
#[derive(Debug)]
pub(crate) struct Idempotency {
    records: VecDeque<Record>,
    /// The number of the oldest record; they are numbered from 0.
    first: u64,
    /// The numbers of the records, their low halves.
    by_id: HashTable<u32>,
    incarnation: Incarnation,
    key: Key,
}

/// What is known of a publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// Nothing.
    New,
    /// The same was published there.
    Same(Position),
    /// Something else was published under its key.
    Other,
}

impl Idempotency {
    pub(crate) fn new(incarnation: Incarnation, hash_seed: u64) -> Self {
        // Another key than that of the topics' table.
        let key = Key::from_seed(hash_seed ^ 0x6964_656D_706F_7465);
        Self { records: VecDeque::new(), first: 0, by_id: HashTable::new(), incarnation, key }
    }

    /// The hasher for what is published.
    pub(crate) fn body_hasher(&self) -> SipHasher {
        SipHasher::new(self.key)
    }

    pub(crate) fn id(&self, publisher: &str, topic: &TopicName, key: &str) -> PublishId {
        let hash = |key_of: Key| {
            let mut hasher = SipHasher::new(key_of);
            for part in [publisher, topic.as_str(), key] {
                hasher.write_u64(part.len() as u64);
                hasher.write(part.as_bytes());
            }
            hasher.finish()
        };
        PublishId(hash(self.key), hash(Key(!self.key.0, !self.key.1)))
    }

    /// What is known at that time: what has expired and is yet to be forgotten is not, and another may stand
    /// behind it under its name.
    pub(crate) fn known(&self, id: PublishId, body: u64, now: Duration) -> Known {
        let (records, first) = (&self.records, self.first);
        let is_it = |record: &Record| record.id == id && record.expires_at.is_none_or(|at| at > now);
        let found = self.by_id.find(id.0, |number| record(records, first, *number).is_some_and(is_it));
        match found.and_then(|number| record(records, first, *number)) {
            None => Known::New,
            Some(record) if record.body == body => {
                let epoch = Epoch { incarnation: self.incarnation, life: record.life };
                Known::Same(Position { epoch, offset: record.offset })
            }
            Some(_) => Known::Other,
        }
    }

    /// Remembers what was not known. At most `max` are kept: the oldest makes room.
    pub(crate) fn insert(
        &mut self,
        id: PublishId,
        body: u64,
        position: Position,
        expires_at: Option<Duration>,
        max: usize,
    ) {
        while self.records.len() >= max.max(1) {
            self.pop();
        }
        let number = (self.first + self.records.len() as u64) as u32;
        let Position { epoch: Epoch { incarnation: _, life }, offset } = position;
        slack::push_back(&mut self.records, Record { id, body, life, offset, expires_at }, max);
        let (records, first) = (&self.records, self.first);
        self.by_id.insert_unique(id.0, number, |number| hash_of(records, first, *number));
    }

    /// When the oldest is forgotten.
    pub(crate) fn next_expiry(&self) -> Option<Duration> {
        self.records.front()?.expires_at
    }

    /// Forgets what is expired, that many at most.
    pub(crate) fn expire(&mut self, now: Duration, max: usize) {
        for _ in 0..max {
            if self.next_expiry().is_none_or(|at| at > now) {
                break;
            }
            self.pop();
            let (records, first) = (&self.records, self.first);
            slack::shrink(&mut self.by_id, |number| hash_of(records, first, *number));
            slack::give_back(&mut self.records);
        }
    }

    fn pop(&mut self) {
        let Some(record) = self.records.pop_front() else { return };
        let oldest = self.first as u32;
        self.first += 1;
        if let Ok(entry) = self.by_id.find_entry(record.id.0, |number| *number == oldest) {
            entry.remove();
        }
    }
}

/// The record of a number. (There are fewer than a `u32` tells apart: see the limit's upper bound.)
fn record(records: &VecDeque<Record>, first: u64, number: u32) -> Option<&Record> {
    records.get(number.wrapping_sub(first as u32) as usize)
}

fn hash_of(records: &VecDeque<Record>, first: u64, number: u32) -> u64 {
    record(records, first, number).map_or(0, |record| record.id.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HUB: Incarnation = Incarnation::new(1);

    #[test]
    fn a_record_is_as_small_as_its_limit_says() {
        // An eighth of the ring is free while it grows; the table has under five slots for each record at
        // worst, with a byte beside each.
        assert!(size_of::<Record>() * 9 / 8 + 5 * (4 + 1) <= 96, "{}", size_of::<Record>());
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        let known = Idempotency::new(HUB, 1);
        let topic = |name| TopicName::new(name).unwrap();
        assert_ne!(known.id("ab", &topic("c"), "d"), known.id("a", &topic("bc"), "d"));
        assert_ne!(known.id("a", &topic("b"), "cd"), known.id("a", &topic("bc"), "d"));
        assert_eq!(known.id("a", &topic("b"), "c"), known.id("a", &topic("b"), "c"));
    }

    #[test]
    fn the_table_follows_the_ring_through_growth_and_expiry() {
        let mut known = Idempotency::new(HUB, 7);
        let epoch = Epoch { incarnation: HUB, life: 3 };
        for number in 0..1000_u64 {
            let id = PublishId(number % 7, number);
            let position = Position { epoch, offset: number };
            known.insert(id, number, position, Some(Duration::from_secs(number + 1)), 100);
            assert_eq!(known.known(id, number, Duration::ZERO), Known::Same(position));
            assert_eq!(known.known(id, number + 1, Duration::ZERO), Known::Other);
        }
        assert_eq!((known.records.len(), known.by_id.len()), (100, 100));
        let known_as = |number| known.known(PublishId(number % 7, number), number, Duration::ZERO);
        assert!(
            (900..1000).all(|number| known_as(number) == Known::Same(Position { epoch, offset: number }))
        );
        assert_eq!(known.known(PublishId(899 % 7, 899), 899, Duration::ZERO), Known::New);
        known.expire(Duration::from_secs(950), 10);
        assert_eq!((known.records.len(), known.next_expiry()), (90, Some(Duration::from_secs(911))));
        known.expire(Duration::from_secs(950), usize::MAX);
        assert_eq!((known.records.len(), known.by_id.len()), (50, 50));
        known.expire(Duration::MAX, usize::MAX);
        assert_eq!((known.records.len(), known.by_id.len(), known.next_expiry()), (0, 0, None));
        assert!(known.by_id.capacity() <= 16 && known.records.capacity() <= 16);
    }

    #[test]
    fn what_has_expired_is_not_known_though_it_is_yet_to_be_forgotten() {
        let mut known = Idempotency::new(HUB, 7);
        let at = |offset| Position { epoch: Epoch { incarnation: HUB, life: 3 }, offset };
        let (id, second) = (PublishId(1, 1), Duration::from_secs);
        known.insert(id, 1, at(1), Some(second(10)), 4);
        assert_eq!(known.known(id, 1, second(10) - Duration::from_nanos(1)), Known::Same(at(1)));
        assert_eq!(known.known(id, 1, second(10)), Known::New);
        known.insert(id, 2, at(2), Some(second(20)), 4);
        assert_eq!(known.known(id, 2, second(10)), Known::Same(at(2)));
        known.expire(second(10), 1);
        assert_eq!((known.known(id, 2, second(10)), known.by_id.len()), (Known::Same(at(2)), 1));
    }

    #[test]
    fn numbers_go_round() {
        let mut known = Idempotency::new(HUB, 7);
        known.first = u64::from(u32::MAX) - 2;
        let at = |offset| Position { epoch: Epoch { incarnation: HUB, life: 3 }, offset };
        for number in 0..10 {
            known.insert(PublishId(number, number), number, at(number), None, 4);
            for known_still in number.saturating_sub(3)..=number {
                let found = known.known(PublishId(known_still, known_still), known_still, Duration::MAX);
                assert_eq!(found, Known::Same(at(known_still)));
            }
        }
        assert_eq!((known.known(PublishId(5, 5), 5, Duration::MAX), known.by_id.len()), (Known::New, 4));
    }
}
