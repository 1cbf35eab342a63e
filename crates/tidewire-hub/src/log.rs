//! A topic's log: the newest messages in a ring, numbered from 1 for the topic's first.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use core::time::Duration;

use hashbrown::HashTable;

use crate::message::EXTRAS_OVERHEAD_BYTES;
use crate::names::ConnectionId;
use crate::policy::Reads;
use crate::publish::Replay;

/// One published message.
#[derive(Debug)]
pub(crate) struct Entry<M> {
    pub(crate) message: M,
    pub(crate) published_at: Duration,
    /// The one connection that does not get it.
    pub(crate) exclude: Option<ConnectionId>,
    pub(crate) extras: Option<Box<Extras>>,
    /// What the log ever took, up to and including this entry, in bytes.
    end_bytes: u64,
    /// The message's own length, at most `u32::MAX`.
    pub(crate) len_bytes: u32,
    pub(crate) replay: Replay,
    pub(crate) standing: Standing,
    audience: Audience,
}

/// Whether there may be readers that skip a message: one field to look at for nearly all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Audience {
    Everybody,
    /// The other fields tell who.
    Some,
}

/// How long a message is of use to those who come later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Lasting {
    /// Not at all.
    Ephemeral,
    /// For a while.
    Expiring,
    /// Until it makes room.
    Kept,
}

impl Lasting {
    const ALL: [Self; 3] = [Self::Ephemeral, Self::Expiring, Self::Kept];

    fn of(replay: Replay, extras: Option<&Extras>) -> Self {
        match (replay, extras.and_then(|extras| extras.expires_at)) {
            (Replay::Ephemeral, _) => Self::Ephemeral,
            (Replay::Kept, Some(_)) => Self::Expiring,
            (Replay::Kept, None) => Self::Kept,
        }
    }
}

/// Whether a message is the latest of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is, or has no key.
    Latest,
    /// Another was published with its key, and lasts as long at least.
    Superseded,
}

/// What few messages have.
#[derive(Debug)]
pub(crate) struct Extras {
    pub(crate) event: Option<Box<str>>,
    /// The conflation key, and its hash under the hub's seed.
    pub(crate) key: Option<(Box<str>, u64)>,
    /// From when on it is skipped.
    pub(crate) expires_at: Option<Duration>,
}

impl Extras {
    /// What it keeps in memory, in bytes.
    pub(crate) fn len_bytes(&self) -> usize {
        let key = self.key.as_ref().map_or(0, |(key, _)| key.len());
        EXTRAS_OVERHEAD_BYTES + self.event.as_ref().map_or(0, |event| event.len()) + key
    }
}

impl<M> Entry<M> {
    /// Whether no reader skips it.
    #[inline]
    pub(crate) fn is_for_everybody(&self) -> bool {
        self.audience == Audience::Everybody
    }

    /// Its conflation key.
    pub(crate) fn key(&self) -> Option<&str> {
        self.extras.as_ref()?.key.as_ref().map(|(key, _)| &**key)
    }

    fn lasting(&self) -> Lasting {
        Lasting::of(self.replay, self.extras.as_deref())
    }

    /// Whether it means nothing any more.
    #[inline]
    pub(crate) fn is_expired(&self, now: Duration) -> bool {
        self.extras.as_ref().and_then(|extras| extras.expires_at).is_some_and(|at| at <= now)
    }
}

/// A message on its way into a log.
pub(crate) struct Draft<M> {
    pub(crate) message: M,
    pub(crate) len_bytes: usize,
    /// What it counts with all that is kept beside it, in bytes.
    pub(crate) cost: usize,
    pub(crate) published_at: Duration,
    pub(crate) exclude: Option<ConnectionId>,
    pub(crate) replay: Replay,
    pub(crate) extras: Option<Box<Extras>>,
}

/// The ring. Evicting from it leaves the numbering as it is.
#[derive(Debug)]
pub(crate) struct Log<M> {
    entries: VecDeque<Entry<M>>,
    /// The offset of the newest message; 0 before the first.
    head: u64,
    appended_bytes: u64,
    evicted_bytes: u64,
    /// See [`Log::lost`].
    lost: u64,
    /// From the first message with a key on.
    keyed: Option<Box<Keyed>>,
}

/// What a log knows of keys. Few have any.
#[derive(Debug)]
struct Keyed {
    /// The latest of each key that is held, and of those that last longer than it: its hash and its offset.
    latest: HashTable<(u64, u64)>,
    /// See [`Log::lost`]: for those who read the latest.
    lost: u64,
}

/// A ring this small keeps its room.
const MIN_CAPACITY: usize = 16;

impl<M> Log<M> {
    pub(crate) fn new() -> Self {
        Self { entries: VecDeque::new(), head: 0, appended_bytes: 0, evicted_bytes: 0, lost: 0, keyed: None }
    }

    /// The offset of the newest message, held or not; 0 before the first.
    #[inline]
    pub(crate) fn head(&self) -> u64 {
        self.head
    }

    /// The offset before the earliest message held: the head when none is held.
    #[inline]
    pub(crate) fn before_earliest(&self) -> u64 {
        self.head - self.entries.len() as u64
    }

    /// How many messages are held.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// What they count, in bytes.
    pub(crate) fn len_bytes(&self) -> usize {
        (self.appended_bytes - self.evicted_bytes) as usize
    }

    /// The entry with that offset, while it is held.
    #[inline]
    pub(crate) fn entry(&self, offset: u64) -> Option<&Entry<M>> {
        let index = offset.checked_sub(self.before_earliest() + 1)?;
        self.entries.get(usize::try_from(index).ok()?)
    }

    /// The ring, and the place in it of the entry behind an offset that is held or right before the earliest.
    #[inline]
    pub(crate) fn after(&self, offset: u64) -> (&VecDeque<Entry<M>>, usize) {
        (&self.entries, usize::try_from(offset - self.before_earliest()).unwrap_or(usize::MAX))
    }

    /// The oldest entry held.
    pub(crate) fn oldest(&self) -> Option<&Entry<M>> {
        self.entries.front()
    }

    /// The offset of the newest entry that is held no more and is a loss to who reads so and has not taken it; 0 when
    /// there is none.
    #[inline]
    pub(crate) fn lost(&self, reads: Reads) -> u64 {
        match reads {
            Reads::Every => self.lost,
            Reads::Latest => self.keyed.as_ref().map_or(self.lost, |keyed| keyed.lost),
        }
    }

    /// What the messages behind an offset count, in bytes, which is held or right before the earliest.
    pub(crate) fn bytes_after(&self, offset: u64) -> u64 {
        self.appended_bytes - self.entry(offset).map_or(self.evicted_bytes, |entry| entry.end_bytes)
    }

    /// The first offset behind which at most so many bytes are held.
    pub(crate) fn before_last_bytes(&self, bytes: u64) -> u64 {
        let beyond = self.appended_bytes.saturating_sub(bytes);
        if self.evicted_bytes >= beyond {
            return self.before_earliest();
        }
        self.before_earliest() + 1 + self.entries.partition_point(|entry| entry.end_bytes < beyond) as u64
    }

    /// The offset from which on a resume gets `count` messages, or all that are held if they are fewer. Takes a look at
    /// each entry that it passes.
    pub(crate) fn before_last(&self, count: u64, now: Duration) -> u64 {
        let mut left = count;
        let behind = self.entries.iter().rev().take_while(|entry| {
            let counts = entry.replay == Replay::Kept && !entry.is_expired(now);
            let wanted = left > 0;
            left -= u64::from(counts && wanted);
            wanted
        });
        self.head - behind.count() as u64
    }

    /// Appends a message and gives its offset.
    pub(crate) fn append(&mut self, draft: Draft<M>) -> u64 {
        let Draft { message, len_bytes, cost, published_at, exclude, replay, extras } = draft;
        self.appended_bytes += cost as u64;
        self.head += 1;
        let len_bytes = u32::try_from(len_bytes).unwrap_or(u32::MAX);
        let end_bytes = self.appended_bytes;
        if let Some((key, hash)) = extras.as_ref().and_then(|extras| extras.key.as_ref()) {
            self.supersede(key, *hash, Lasting::of(replay, extras.as_deref()));
        }
        let for_all = exclude.is_none() && extras.is_none() && replay == Replay::Kept;
        let entry = Entry {
            message,
            published_at,
            exclude,
            extras,
            end_bytes,
            len_bytes,
            replay,
            standing: Standing::Latest,
            audience: if for_all { Audience::Everybody } else { Audience::Some },
        };
        self.entries.push_back(entry);
        self.head
    }

    /// The message that is about to be appended as the head is the latest of its key, and of those that last no longer
    /// than it.
    fn supersede(&mut self, key: &str, hash: u64, lasting: Lasting) {
        let before = self.head - 1 - self.entries.len() as u64;
        let entries = &mut self.entries;
        let place = |offset: u64| usize::try_from(offset - before - 1).unwrap_or(usize::MAX);
        let lost = self.lost;
        let keyed = self.keyed.get_or_insert_with(|| Box::new(Keyed { latest: HashTable::new(), lost }));
        for lasts in Lasting::ALL.into_iter().filter(|lasts| *lasts <= lasting) {
            let found = keyed.latest.find_entry(hash, |(_, offset)| {
                let entry = entries.get(place(*offset));
                entry.is_some_and(|entry| entry.key() == Some(key) && entry.lasting() == lasts)
            });
            if let Ok(found) = found {
                let ((_, offset), _) = found.remove();
                if let Some(entry) = entries.get_mut(place(offset)) {
                    entry.standing = Standing::Superseded;
                }
            }
        }
        keyed.latest.insert_unique(hash, (hash, self.head), |(hash, _)| *hash);
    }

    /// Forgets the latest of a key, which stood at that offset.
    fn forget_latest(&mut self, hash: u64, offset: u64) {
        let Some(keyed) = &mut self.keyed else { return };
        if let Ok(entry) = keyed.latest.find_entry(hash, |(_, found)| *found == offset) {
            entry.remove();
        }
        // A table that emptied out gives its room back, like the ring.
        let (len, capacity) = (keyed.latest.len(), keyed.latest.capacity());
        if capacity > MIN_CAPACITY && len < capacity / 4 {
            keyed.latest.shrink_to(len * 2, |(hash, _)| *hash);
        }
    }

    /// Drops the oldest entry and gives what it counted, in bytes; 0 when none is held.
    pub(crate) fn evict_oldest(&mut self, now: Duration) -> usize {
        let offset = self.before_earliest() + 1;
        let Some(entry) = self.entries.pop_front() else { return 0 };
        if entry.replay == Replay::Kept && !entry.is_expired(now) {
            self.lost = offset;
            if let (Some(keyed), Standing::Latest) = (&mut self.keyed, entry.standing) {
                keyed.lost = offset;
            }
        }
        if let (Some(extras), Standing::Latest) = (&entry.extras, entry.standing) {
            if let Some((_, hash)) = &extras.key {
                self.forget_latest(*hash, offset);
            }
        }
        let freed = entry.end_bytes - self.evicted_bytes;
        self.evicted_bytes = entry.end_bytes;
        // A ring that emptied out gives its room back, at a cost that the evictions before it have paid.
        if self.entries.capacity() > MIN_CAPACITY && self.entries.len() < self.entries.capacity() / 4 {
            self.entries.shrink_to(self.entries.len() * 2);
        }
        freed as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::ENTRY_OVERHEAD_BYTES;
    use alloc::vec::Vec;

    const NOW: Duration = Duration::from_secs(9);

    fn draft(cost: usize) -> Draft<usize> {
        Draft {
            message: cost,
            len_bytes: cost,
            cost,
            published_at: Duration::ZERO,
            exclude: None,
            replay: Replay::Kept,
            extras: None,
        }
    }

    fn log(costs: &[usize]) -> Log<usize> {
        let mut log = Log::new();
        for cost in costs {
            log.append(draft(*cost));
        }
        log
    }

    #[test]
    fn what_nobody_would_have_been_handed_is_no_loss() {
        let expiring = |at| Some(Box::new(Extras { event: None, key: None, expires_at: Some(at) }));
        let mut log = log(&[1]);
        log.append(Draft { replay: Replay::Ephemeral, ..draft(1) });
        log.append(Draft { extras: expiring(NOW), ..draft(1) });
        log.append(Draft { extras: expiring(NOW + Duration::from_nanos(1)), ..draft(1) });
        log.append(draft(1));
        let lost: Vec<u64> = (0..4).map(|_| (log.evict_oldest(NOW), log.lost(Reads::Every)).1).collect();
        assert_eq!(lost, [1, 1, 1, 4]);
        let last: Vec<u64> = [0, 1, 2, u64::MAX].iter().map(|count| log.before_last(*count, NOW)).collect();
        assert_eq!(last, [5, 4, 4, 4]);
    }

    #[test]
    fn the_last_few_are_counted_without_what_a_resume_skips() {
        let mut log = log(&[1, 1]);
        log.append(Draft { replay: Replay::Ephemeral, ..draft(1) });
        log.append(draft(1));
        log.append(Draft { replay: Replay::Ephemeral, ..draft(1) });
        let last: Vec<u64> = (0..5).map(|count| log.before_last(count, NOW)).collect();
        assert_eq!(last, [5, 3, 1, 0, 0]);
    }

    #[test]
    fn offsets_start_at_one_and_survive_eviction() {
        let mut log = log(&[10, 20, 30]);
        assert_eq!((log.head(), log.before_earliest(), log.len_bytes()), (3, 0, 60));
        assert_eq!(log.evict_oldest(NOW), 10);
        assert_eq!((log.head(), log.before_earliest(), log.len_bytes()), (3, 1, 50));
        assert!(log.entry(1).is_none());
        assert_eq!(log.entry(2).unwrap().message, 20);
        assert_eq!(log.entry(3).unwrap().message, 30);
        assert!(log.entry(4).is_none());
        assert!(log.entry(0).is_none());
    }

    #[test]
    fn an_emptied_log_keeps_its_head() {
        let mut log = log(&[5, 6]);
        assert_eq!([log.evict_oldest(NOW), log.evict_oldest(NOW), log.evict_oldest(NOW)], [5, 6, 0]);
        assert_eq!((log.head(), log.before_earliest(), log.len(), log.len_bytes()), (2, 2, 0, 0));
        assert_eq!(log.append(draft(1)), 3);
        assert_eq!(log.before_earliest(), 2);
    }

    #[test]
    fn an_emptied_ring_gives_its_room_back() {
        let mut log = log(&[1; 1000]);
        while log.len() > 1 {
            log.evict_oldest(NOW);
        }
        assert!(log.entries.capacity() <= MIN_CAPACITY, "{}", log.entries.capacity());
        assert_eq!(log.entry(1000).unwrap().message, 1);
    }

    #[test]
    fn the_overhead_covers_the_record() {
        assert!(size_of::<Entry<()>>() <= ENTRY_OVERHEAD_BYTES, "{}", size_of::<Entry<()>>());
        assert!(size_of::<Extras>() <= EXTRAS_OVERHEAD_BYTES, "{}", size_of::<Extras>());
    }
}
