//! The topics: each a name, an epoch and a log, found by name through a seeded table that is never walked.

use core::time::Duration;

use hashbrown::HashTable;
use slab::Slab;

use crate::cohort::Waits;
use crate::cursor::NameHash;
use crate::log::Log;
use crate::names::TopicName;
use crate::position::{Epoch, Position};
use crate::siphash::{Key, siphash};

/// One topic.
#[derive(Debug)]
pub(crate) struct Topic<M> {
    pub(crate) name: TopicName,
    /// The name's hash in cursor tokens.
    pub(crate) name_hash: NameHash,
    pub(crate) epoch: Epoch,
    pub(crate) log: Log<M>,
    pub(crate) subscribers: u32,
    /// The first of the lists in which the caught-up ones of cohorts wait.
    pub(crate) waits: Option<Waits>,
    /// When its messages are looked at for their age.
    pub(crate) looked_at: Option<Duration>,
    /// Since when it has neither followers nor messages, while it is so.
    pub(crate) idle_since: Duration,
}

impl<M> Topic<M> {
    pub(crate) fn at(&self, offset: u64) -> Position {
        Position { epoch: self.epoch, offset }
    }

    pub(crate) fn head(&self) -> Position {
        self.at(self.log.head())
    }

    pub(crate) fn info(&self) -> TopicInfo<'_> {
        TopicInfo {
            name: &self.name,
            head: self.head(),
            before_earliest: self.at(self.log.before_earliest()),
            messages: self.log.len(),
            bytes: self.log.len_bytes(),
            subscribers: self.subscribers as usize,
        }
    }
}

/// What can be seen of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TopicInfo<'a> {
    /// Its name.
    pub name: &'a TopicName,
    /// The position of its newest message; offset 0 before the first.
    pub head: Position,
    /// The position before the earliest message that it holds: a resume from there or later meets no gap.
    pub before_earliest: Position,
    /// How many messages it holds.
    pub messages: usize,
    /// What they count, in bytes, with what is counted beside each: see
    /// [`Config::max_bytes_per_topic`](crate::Config::max_bytes_per_topic).
    pub bytes: usize,
    /// How many subscribers follow it.
    pub subscribers: usize,
}

/// All topics.
#[derive(Debug)]
pub(crate) struct Topics<M> {
    slots: Slab<Topic<M>>,
    by_name: HashTable<u32>,
    key: Key,
    /// The one that was used last.
    recent: u32,
}

impl<M> Topics<M> {
    pub(crate) fn new(hash_seed: u64) -> Self {
        Self { slots: Slab::new(), by_name: HashTable::new(), key: Key::from_seed(hash_seed), recent: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn find(&self, name: &TopicName) -> Option<u32> {
        let hash = hash(self.key, name.as_str().as_bytes());
        self.by_name.find(hash, |key| self.slots[*key as usize].name == *name).copied()
    }

    /// The same for who uses it: what is published comes in bursts, so the one used last is tried first.
    #[inline]
    pub(crate) fn find_to_use(&mut self, name: &TopicName) -> Option<u32> {
        if self.slots.get(self.recent as usize).is_some_and(|topic| topic.name == *name) {
            return Some(self.recent);
        }
        let key = self.find(name)?;
        self.recent = key;
        Some(key)
    }

    /// A hash that nobody without the seed can choose.
    pub(crate) fn hash(&self, bytes: &[u8]) -> u64 {
        hash(self.key, bytes)
    }

    /// Adds a topic that is not there.
    pub(crate) fn insert(&mut self, name: &TopicName, epoch: Epoch) -> u32 {
        let topic = Topic {
            name: name.clone(),
            name_hash: NameHash::of(name),
            epoch,
            log: Log::new(),
            subscribers: 0,
            waits: None,
            looked_at: None,
            idle_since: Duration::ZERO,
        };
        let key = self.slots.insert(topic) as u32;
        let (slots, seed) = (&self.slots, self.key);
        let hash_of = |key: &u32| hash(seed, slots[*key as usize].name.as_str().as_bytes());
        self.by_name.insert_unique(hash(seed, name.as_str().as_bytes()), key, hash_of);
        key
    }

    pub(crate) fn remove(&mut self, key: u32) {
        let topic = self.slots.remove(key as usize);
        if let Ok(entry) =
            self.by_name.find_entry(hash(self.key, topic.name.as_str().as_bytes()), |found| *found == key)
        {
            entry.remove();
        }
    }

    /// In the order of their places: a new topic takes the place of one that was dropped, else the next.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Topic<M>> {
        self.slots.iter().map(|(_, topic)| topic)
    }
}

impl<M> core::ops::Index<u32> for Topics<M> {
    type Output = Topic<M>;

    #[inline]
    fn index(&self, key: u32) -> &Topic<M> {
        &self.slots[key as usize]
    }
}

impl<M> core::ops::IndexMut<u32> for Topics<M> {
    #[inline]
    fn index_mut(&mut self, key: u32) -> &mut Topic<M> {
        &mut self.slots[key as usize]
    }
}

fn hash(key: Key, bytes: &[u8]) -> u64 {
    siphash::<1, 3>(key, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::position::Incarnation;

    #[test]
    fn names_are_found_after_growth_removal_and_reuse() {
        let epoch = Epoch { incarnation: Incarnation::new(1), life: 0 };
        let mut topics = Topics::<()>::new(42);
        let names: alloc::vec::Vec<TopicName> =
            (0..500).map(|index| TopicName::new(&alloc::format!("t{index}")).unwrap()).collect();
        let keys: alloc::vec::Vec<u32> = names.iter().map(|name| topics.insert(name, epoch)).collect();
        for (name, key) in names.iter().zip(&keys) {
            assert_eq!(topics.find(name), Some(*key));
        }
        topics.remove(keys[7]);
        assert_eq!((topics.find(&names[7]), topics.len()), (None, 499));
        let again = topics.insert(&names[7], epoch);
        assert_eq!((again, topics.find(&names[7])), (keys[7], Some(keys[7])));
        for name in [&names[7], &names[7], &names[8], &names[7]] {
            assert_eq!(topics.find_to_use(name), topics.find(name));
        }
        topics.remove(keys[7]);
        assert_eq!(topics.find_to_use(&names[7]), None, "the one used last is gone");
    }

    #[test]
    fn a_topic_stays_within_its_share() {
        // Beside the record: 8 bytes of links in the ready lists, 8 in the size classes, 8 among the idle, a
        // table slot, the name, and a place among the deadlines in a tree that is half full.
        let record = size_of::<Topic<()>>() + 3 * 8 + 2 * (4 + 1) + 16 + TopicName::MAX_LEN + 2 * 24;
        assert!(record <= 512, "{record}");
    }
}
