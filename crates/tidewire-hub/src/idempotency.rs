//! Publishing the same once: what was published under an idempotency key, for a while.

use alloc::collections::VecDeque;
use core::hash::Hasher;
use core::time::Duration;

use hashbrown::HashTable;

use crate::names::TopicName;
use crate::position::Position;
use crate::siphash::{Key, SipHasher};

/// The name of one publish: two hashes of publisher, topic and key under a secret seed. Two that differ share both by a
/// chance of one in 2^128, which nobody can bring about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PublishId(u64, u64);

#[derive(Debug)]
struct Record {
    id: PublishId,
    /// The hash of what was published, under the seed.
    body: u64,
    position: Position,
    /// `None` for never.
    expires_at: Option<Duration>,
}

/// What is remembered: a ring in the order of publishing, and a table over it.
#[derive(Debug)]
pub(crate) struct Idempotency {
    records: VecDeque<Record>,
    /// The number of the oldest record; they are numbered from 0.
    first: u64,
    /// The numbers of the records.
    by_id: HashTable<u64>,
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
    pub(crate) fn new(hash_seed: u64) -> Self {
        // Another key than that of the topics' table.
        let key = Key::from_seed(hash_seed ^ 0x6964_656D_706F_7465);
        Self { records: VecDeque::new(), first: 0, by_id: HashTable::new(), key }
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

    pub(crate) fn known(&self, id: PublishId, body: u64) -> Known {
        let (records, first) = (&self.records, self.first);
        let record = |number: u64| records.get(usize::try_from(number - first).unwrap_or(usize::MAX));
        let found = self.by_id.find(id.0, |number| record(*number).is_some_and(|record| record.id == id));
        match found.and_then(|number| record(*number)) {
            None => Known::New,
            Some(record) if record.body == body => Known::Same(record.position),
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
        let number = self.first + self.records.len() as u64;
        self.records.push_back(Record { id, body, position, expires_at });
        let (records, first) = (&self.records, self.first);
        self.by_id.insert_unique(id.0, number, |number| {
            records.get(usize::try_from(number - first).unwrap_or(usize::MAX)).map_or(0, |record| record.id.0)
        });
    }

    /// When the oldest is forgotten.
    pub(crate) fn next_expiry(&self) -> Option<Duration> {
        self.records.front()?.expires_at
    }

    /// Forgets what is expired.
    pub(crate) fn expire(&mut self, now: Duration) {
        while self.next_expiry().is_some_and(|at| at <= now) {
            self.pop();
        }
        if self.records.is_empty() && self.by_id.capacity() > 0 {
            self.records = VecDeque::new();
            self.by_id = HashTable::new();
        }
    }

    fn pop(&mut self) {
        let Some(record) = self.records.pop_front() else { return };
        let oldest = self.first;
        self.first += 1;
        if let Ok(entry) = self.by_id.find_entry(record.id.0, |number| *number == oldest) {
            entry.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::position::{Epoch, Incarnation};

    #[test]
    fn a_record_is_as_small_as_its_limit_says() {
        // With two slots of the table, which is half full at worst.
        assert!(size_of::<Record>() + 2 * (8 + 1) <= 96, "{}", size_of::<Record>());
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        let known = Idempotency::new(1);
        let topic = |name| TopicName::new(name).unwrap();
        assert_ne!(known.id("ab", &topic("c"), "d"), known.id("a", &topic("bc"), "d"));
        assert_ne!(known.id("a", &topic("b"), "cd"), known.id("a", &topic("bc"), "d"));
        assert_eq!(known.id("a", &topic("b"), "c"), known.id("a", &topic("b"), "c"));
    }

    #[test]
    fn the_table_follows_the_ring_through_growth_and_expiry() {
        let mut known = Idempotency::new(7);
        let epoch = Epoch { incarnation: Incarnation::new(1), life: 0 };
        for number in 0..1000_u64 {
            let id = PublishId(number % 7, number);
            let position = Position { epoch, offset: number };
            known.insert(id, number, position, Some(Duration::from_secs(number)), 100);
            assert_eq!(known.known(id, number), Known::Same(position));
            assert_eq!(known.known(id, number + 1), Known::Other);
        }
        assert_eq!((known.records.len(), known.by_id.len()), (100, 100));
        assert_eq!(known.known(PublishId(899 % 7, 899), 899), Known::New);
        known.expire(Duration::from_secs(949));
        assert_eq!((known.records.len(), known.by_id.len()), (50, 50));
        known.expire(Duration::MAX);
        assert_eq!((known.by_id.capacity(), known.next_expiry()), (0, None));
    }
}
