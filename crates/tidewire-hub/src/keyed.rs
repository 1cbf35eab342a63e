//! Which message of each key is the latest: what a log knows of keys.

use alloc::collections::VecDeque;

use hashbrown::HashTable;

use crate::entry::{Entry, Lasting, Standing};
use crate::room;

/// The latest messages of each key, of those that are held.
#[derive(Debug)]
pub(crate) struct Keyed {
    /// The newest of each [`Kind`] of each key: its hash and its offset.
    latest: HashTable<(u64, u64)>,
    /// See [`Log::lost`](crate::log::Log::lost): for those who read the latest.
    pub(crate) lost: u64,
}

/// Of each kind of a key the newest is known. So a message finds those whose place it takes in a few looks,
/// however many have its key.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Kind {
    lasting: Lasting,
    audience: Audience,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Audience {
    All,
    AllButOne,
}

impl Kind {
    fn of<M>(entry: &Entry<M>) -> Self {
        let audience = if entry.exclude().is_some() { Audience::AllButOne } else { Audience::All };
        Self { lasting: entry.lasting(), audience }
    }

    fn all() -> impl Iterator<Item = Self> {
        [Lasting::Ephemeral, Lasting::Expiring, Lasting::Kept].into_iter().flat_map(|lasting| {
            [Audience::All, Audience::AllButOne].map(|audience| Self { lasting, audience })
        })
    }
}

/// Whether all whom the older message is for are handed the newer, too, and for as long at least.
fn takes_the_place<M>(newer: &Entry<M>, older: &Entry<M>) -> bool {
    let lasts = match (newer.lasting(), older.lasting()) {
        (Lasting::Expiring, Lasting::Expiring) => newer.expires_at() >= older.expires_at(),
        (newer, older) => newer >= older,
    };
    lasts && newer.exclude().is_none_or(|left_out| older.exclude() == Some(left_out))
}

impl Keyed {
    pub(crate) fn new(lost: u64) -> Self {
        Self { latest: HashTable::new(), lost }
    }

    /// A message with a key is about to be appended behind these: those whose place it takes are superseded,
    /// and of its kind it is the newest.
    pub(crate) fn note<M>(&mut self, entries: &mut VecDeque<Entry<M>>, newer: &Entry<M>, hash: u64) {
        let place = |entries: &VecDeque<Entry<M>>, offset: u64| {
            entries.binary_search_by_key(&offset, |entry| entry.offset).ok()
        };
        for kind in Kind::all() {
            let is_it = |at: u64| {
                let entry = place(entries, at).and_then(|place| entries.get(place));
                entry.is_some_and(|entry| entry.key() == newer.key() && Kind::of(entry) == kind)
            };
            let Ok(found) = self.latest.find_entry(hash, |(known, at)| *known == hash && is_it(*at)) else {
                continue;
            };
            let older = place(entries, found.get().1).and_then(|place| entries.get_mut(place));
            let superseded = older.as_ref().is_some_and(|older| takes_the_place(newer, older));
            if superseded || kind == Kind::of(newer) {
                found.remove();
            }
            if let Some(older) = older.filter(|_| superseded) {
                older.standing = Standing::Superseded;
            }
        }
        self.latest.insert_unique(hash, (hash, newer.offset), |(hash, _)| *hash);
    }

    /// A message is held no more.
    pub(crate) fn forget<M>(&mut self, entry: &Entry<M>) {
        let Some((_, hash)) = entry.extras.as_ref().and_then(|extras| extras.key.as_ref()) else { return };
        if let Ok(found) = self.latest.find_entry(*hash, |(_, offset)| *offset == entry.offset) {
            found.remove();
        }
        room::shrink(&mut self.latest, |(hash, _)| *hash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{Draft, Extras};
    use crate::names::ConnectionId;
    use crate::publish::Replay;
    use alloc::boxed::Box;
    use alloc::format;
    use core::time::Duration;

    fn entry(offset: u64, key: &str, exclude: Option<u64>, expires_in: Option<u64>) -> Entry<()> {
        let hash = key.len() as u64;
        let expires_at = expires_in.map(Duration::from_secs);
        let extras = Extras { event: None, key: Some((Box::from(key), hash)), expires_at };
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

    fn note(keyed: &mut Keyed, entries: &mut VecDeque<Entry<()>>, newer: Entry<()>) {
        let hash = newer.key().unwrap_or_default().len() as u64;
        keyed.note(entries, &newer, hash);
        entries.push_back(newer);
    }

    #[test]
    fn of_each_kind_of_a_key_one_is_known_and_what_is_gone_is_not() {
        let (mut keyed, mut entries) = (Keyed::new(0), VecDeque::new());
        // Keys that share a hash are told apart.
        for offset in 1..=1_000 {
            let key = ["k", "l"][offset as usize % 2];
            let (exclude, expires_in) =
                ((offset % 3 == 0).then_some(offset), (offset % 5 == 0).then_some(offset));
            note(&mut keyed, &mut entries, entry(offset, key, exclude, expires_in));
            assert!(keyed.latest.len() <= 2 * 4, "{}", keyed.latest.len());
        }
        for offset in 1_001..=2_000 {
            note(
                &mut keyed,
                &mut entries,
                entry(offset, &format!("{:>1$}", "k", offset as usize), None, None),
            );
        }
        assert!(keyed.latest.len() >= 1_000);
        while let Some(gone) = entries.pop_front() {
            keyed.forget(&gone);
            assert!(keyed.latest.len() <= entries.len());
        }
        assert_eq!(keyed.latest.len(), 0);
        assert!(keyed.latest.capacity() <= 16, "{}", keyed.latest.capacity());
    }
}
