//! Which places things take in a table that gives the last one left to the next that comes.

use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug)]
pub(super) struct Places<K> {
    taken: BTreeMap<K, usize>,
    free: Vec<usize>,
}

impl<K> Default for Places<K> {
    fn default() -> Self {
        Self { taken: BTreeMap::new(), free: Vec::new() }
    }
}

impl<K: Ord + Clone> Places<K> {
    /// These are there, at most one of them new, and at most one that was there is not.
    pub(super) fn settle(&mut self, there: &BTreeSet<K>) {
        let gone: Vec<K> = self.taken.keys().filter(|key| !there.contains(key)).cloned().collect();
        self.free.extend(gone.iter().filter_map(|key| self.taken.remove(key)));
        for key in there {
            if !self.taken.contains_key(key) {
                let place = self.free.pop().unwrap_or(self.taken.len());
                self.taken.insert(key.clone(), place);
            }
        }
        assert!(gone.len() <= 1, "one at a time goes");
    }

    pub(super) fn of(&self, key: &K) -> usize {
        self.taken[key]
    }
}
