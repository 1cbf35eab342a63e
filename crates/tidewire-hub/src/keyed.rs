//! Which messages of each key are the latest: what a log knows of keys.

use alloc::collections::VecDeque;
use core::time::Duration;

use hashbrown::HashTable;

use crate::entry::{Entry, Standing};
use crate::publish::Replay;
use crate::slack;

/// The latest messages of each key, of those that are held.
#[derive(Debug, Default)]
pub(crate) struct Keyed {
    /// The newest of each [`Row`] of each key: its hash and its offset. The one before it stands in its entry.
    newest: HashTable<(u64, u64)>,
}

/// Messages of one key whose place nothing has taken, in the order of their offsets. A message finds those
/// whose place it takes from the newest on, in a look each and one more look a row.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Row {
    replay: Replay,
    leaves: Leaves,
}

/// Whom a message leaves out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leaves {
    Nobody,
    Somebody,
}

impl Row {
    fn of<M>(entry: &Entry<M>) -> Self {
        let leaves = if entry.exclude().is_some() { Leaves::Somebody } else { Leaves::Nobody };
        Self { replay: entry.replay, leaves }
    }

    fn all() -> impl Iterator<Item = Self> {
        [Replay::Ephemeral, Replay::Kept]
            .into_iter()
            .flat_map(|replay| [Leaves::Nobody, Leaves::Somebody].map(|leaves| Self { replay, leaves }))
    }
}

/// Whether all whom the older message is for are handed the newer, too, and for as long at least.
fn takes_the_place<M>(newer: &Entry<M>, older: &Entry<M>) -> bool {
    let ends = |entry: &Entry<M>| entry.expires_at().unwrap_or(Duration::MAX);
    let is_history = newer.replay == Replay::Kept || older.replay == Replay::Ephemeral;
    let for_as_many = newer.exclude().is_none_or(|left_out| older.exclude() == Some(left_out));
    is_history && ends(newer) >= ends(older) && for_as_many
}

/// Where an offset's entry stands, if it is held. (None has the offset 0.)
fn place<M>(entries: &VecDeque<Entry<M>>, offset: u64) -> Option<usize> {
    let found = || entries.binary_search_by_key(&offset, |entry| entry.offset).ok();
    found().filter(|_| offset > 0)
}

impl Keyed {
    /// A message with a key is about to be appended behind these: those whose place it takes are superseded,
    /// and it is the newest of its row.
    pub(crate) fn note<M>(&mut self, entries: &mut VecDeque<Entry<M>>, newer: &mut Entry<M>, hash: u64) {
        for row in Row::all() {
            let is_it = |at: u64| {
                let entry = place(entries, at).and_then(|place| entries.get(place));
                entry.is_some_and(|entry| entry.key() == newer.key() && Row::of(entry) == row)
            };
            let found = self.newest.find_entry(hash, |(known, at)| *known == hash && is_it(*at)).ok();
            let mut last = found.as_ref().map_or(0, |found| found.get().1);
            while let Some(older) = place(entries, last).and_then(|place| entries.get_mut(place)) {
                if !takes_the_place(newer, older) {
                    break;
                }
                older.standing = Standing::Superseded;
                last = older.before_in_row();
            }
            let left = place(entries, last).map(|_| last);
            let is_mine = row == Row::of(newer);
            match found {
                Some(mut found) if is_mine => found.get_mut().1 = newer.offset,
                Some(mut found) if left.is_some() => found.get_mut().1 = last,
                Some(found) => drop(found.remove()),
                None if is_mine => {
                    self.newest.insert_unique(hash, (hash, newer.offset), |(hash, _)| *hash);
                }
                None => {}
            }
            if let Some(extras) = newer.extras.as_mut().filter(|_| is_mine) {
                extras.before_in_row = left.unwrap_or(0);
            }
        }
    }

    /// One of these is about to go. Of several that go together the newest is first.
    pub(crate) fn forget<M>(&mut self, entries: &VecDeque<Entry<M>>, gone: &Entry<M>) {
        let Some((_, hash)) = gone.extras.as_ref().and_then(|extras| extras.key.as_ref()) else { return };
        let Ok(mut found) = self.newest.find_entry(*hash, |(_, offset)| *offset == gone.offset) else {
            return;
        };
        let before = gone.before_in_row();
        if place(entries, before).is_some() {
            found.get_mut().1 = before;
            return;
        }
        found.remove();
        slack::shrink(&mut self.newest, |(hash, _)| *hash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{Draft, Extras};
    use crate::names::ConnectionId;
    use alloc::boxed::Box;
    use alloc::format;
    use alloc::vec::Vec;

    /// A message of that key, that leaves out a connection and expires some time, or neither.
    fn entry(offset: u64, key: &str, exclude: Option<u64>, expires_at: Option<u64>) -> Entry<()> {
        let hash = key.len() as u64;
        let expires_at = expires_at.map(Duration::from_secs);
        let extras = Extras { event: None, key: Some((Box::from(key), hash)), expires_at, before_in_row: 0 };
        let draft = Draft {
            message: (),
            len_bytes: 0,
            cost: 0,
            published_at: Duration::ZERO,
            exclude: exclude.map(ConnectionId::new),
            replay: Replay::Kept,
            extras: Some(Box::new(extras)),
        };
        draft.placed(offset, 0)
    }

    #[derive(Default)]
    struct Held {
        keyed: Keyed,
        entries: VecDeque<Entry<()>>,
    }

    impl Held {
        fn note(&mut self, mut newer: Entry<()>) {
            let hash = newer.key().unwrap_or_default().len() as u64;
            self.keyed.note(&mut self.entries, &mut newer, hash);
            self.entries.push_back(newer);
        }

        /// Those go, as a sweep drops them.
        fn go(&mut self, gone: &[u64]) {
            for entry in self.entries.iter().rev().filter(|entry| gone.contains(&entry.offset)) {
                self.keyed.forget(&self.entries, entry);
            }
            self.entries.retain(|entry| !gone.contains(&entry.offset));
        }

        /// Those whose place nothing has taken.
        fn latest(&self) -> Vec<u64> {
            let latest = self.entries.iter().filter(|entry| entry.standing == Standing::Latest);
            latest.map(|entry| entry.offset).collect()
        }
    }

    #[test]
    fn a_row_is_as_long_as_what_nothing_has_taken_the_place_of() {
        let mut held = Held::default();
        for (offset, expires_at) in [(1, 9), (2, 7), (3, 5), (4, 3)] {
            held.note(entry(offset, "k", None, Some(expires_at)));
        }
        assert_eq!((held.latest(), held.keyed.newest.len()), (alloc::vec![1, 2, 3, 4], 1));
        held.note(entry(5, "k", None, Some(5)));
        assert_eq!(held.latest(), [1, 2, 5]);
        held.note(entry(6, "k", Some(1), None));
        assert_eq!((held.latest(), held.keyed.newest.len()), (alloc::vec![1, 2, 5, 6], 2));
        held.go(&[5]);
        held.note(entry(7, "k", None, Some(8)));
        assert_eq!(held.latest(), [1, 6, 7], "the one before is found again");
        held.go(&[1, 7]);
        assert_eq!(held.keyed.newest.len(), 1, "both went");
        held.note(entry(8, "k", None, None));
        assert_eq!((held.latest(), held.keyed.newest.len()), (alloc::vec![8], 1));
    }

    #[test]
    fn a_row_ends_where_one_of_it_has_gone() {
        let mut held = Held::default();
        for (offset, left_out, expires_at) in [(1, 1, 9), (2, 2, 3), (3, 3, 9)] {
            held.note(entry(offset, "k", Some(left_out), Some(expires_at)));
        }
        held.go(&[2]);
        held.note(entry(4, "k", None, None));
        assert_eq!((held.latest(), held.keyed.newest.len()), (alloc::vec![1, 4], 1));
    }

    #[test]
    fn of_each_row_of_a_key_the_newest_is_known_and_what_is_gone_is_not() {
        let mut held = Held::default();
        // Keys that share a hash are told apart.
        for offset in 1..=1_000 {
            let key = ["k", "l"][offset as usize % 2];
            let (exclude, expires_at) =
                ((offset % 3 == 0).then_some(offset), (offset % 5 == 0).then_some(offset));
            held.note(entry(offset, key, exclude, expires_at));
            assert!(held.keyed.newest.len() <= 2 * 2, "{}", held.keyed.newest.len());
        }
        for offset in 1_001..=2_000 {
            held.note(entry(offset, &format!("{:>1$}", "k", offset as usize), None, None));
        }
        assert!(held.keyed.newest.len() >= 1_000);
        while let Some(oldest) = held.entries.front().map(|entry| entry.offset) {
            held.go(&[oldest]);
            assert!(held.keyed.newest.len() <= held.entries.len());
        }
        assert_eq!(held.keyed.newest.len(), 0);
        assert!(held.keyed.newest.capacity() <= 7, "{}", held.keyed.newest.capacity());
    }
}
