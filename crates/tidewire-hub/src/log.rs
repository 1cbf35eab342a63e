//! A topic's log: the newest messages in a ring, numbered from 1 for the topic's first.

use alloc::collections::VecDeque;
use core::time::Duration;

use crate::message::ENTRY_OVERHEAD_BYTES;
use crate::names::ConnectionId;

/// One published message.
#[derive(Debug)]
pub(crate) struct Entry<M> {
    pub(crate) message: M,
    pub(crate) published_at: Duration,
    /// The one connection that does not get it.
    pub(crate) exclude: Option<ConnectionId>,
    /// What the log ever took, up to and including this entry, in bytes.
    end_bytes: u64,
    /// The message's own length, at most `u32::MAX`.
    pub(crate) len_bytes: u32,
}

/// The ring. Evicting from it leaves the numbering as it is.
#[derive(Debug)]
pub(crate) struct Log<M> {
    entries: VecDeque<Entry<M>>,
    /// The offset of the newest message; 0 before the first.
    head: u64,
    appended_bytes: u64,
    evicted_bytes: u64,
}

/// A ring this small keeps its room.
const MIN_CAPACITY: usize = 16;

impl<M> Log<M> {
    pub(crate) fn new() -> Self {
        Self { entries: VecDeque::new(), head: 0, appended_bytes: 0, evicted_bytes: 0 }
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

    /// Appends a message that counts `cost` bytes, and gives its offset.
    pub(crate) fn append(
        &mut self,
        message: M,
        cost: usize,
        published_at: Duration,
        exclude: Option<ConnectionId>,
    ) -> u64 {
        self.appended_bytes += cost as u64;
        self.head += 1;
        let len_bytes = u32::try_from(cost.saturating_sub(ENTRY_OVERHEAD_BYTES)).unwrap_or(u32::MAX);
        let end_bytes = self.appended_bytes;
        self.entries.push_back(Entry { message, published_at, exclude, end_bytes, len_bytes });
        self.head
    }

    /// Drops the oldest entry and gives what it counted, in bytes; 0 when none is held.
    pub(crate) fn evict_oldest(&mut self) -> usize {
        let Some(entry) = self.entries.pop_front() else { return 0 };
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

    fn log(costs: &[usize]) -> Log<usize> {
        let mut log = Log::new();
        for cost in costs {
            log.append(*cost, *cost, Duration::ZERO, None);
        }
        log
    }

    #[test]
    fn offsets_start_at_one_and_survive_eviction() {
        let mut log = log(&[10, 20, 30]);
        assert_eq!((log.head(), log.before_earliest(), log.len_bytes()), (3, 0, 60));
        assert_eq!(log.evict_oldest(), 10);
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
        assert_eq!([log.evict_oldest(), log.evict_oldest(), log.evict_oldest()], [5, 6, 0]);
        assert_eq!((log.head(), log.before_earliest(), log.len(), log.len_bytes()), (2, 2, 0, 0));
        assert_eq!(log.append(1, 1, Duration::ZERO, None), 3);
        assert_eq!(log.before_earliest(), 2);
    }

    #[test]
    fn an_emptied_ring_gives_its_room_back() {
        let mut log = log(&[1; 1000]);
        while log.len() > 1 {
            log.evict_oldest();
        }
        assert!(log.entries.capacity() <= MIN_CAPACITY, "{}", log.entries.capacity());
        assert_eq!(log.entry(1000).unwrap().message, 1);
    }

    #[test]
    fn the_overhead_covers_the_record() {
        assert!(size_of::<Entry<()>>() <= ENTRY_OVERHEAD_BYTES, "{}", size_of::<Entry<()>>());
    }
}
