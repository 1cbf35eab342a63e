//! A topic's log: the newest messages in a ring, numbered from 1 for the topic's first.

mod sweep;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use core::time::Duration;

use crate::entry::{Draft, Entry, Standing};
use crate::filter::Filter;
use crate::policy::Reads;
use crate::slack;
use sweep::Special;
pub(crate) use sweep::Tally;

/// The ring. Dropping from it leaves the numbering as it is.
#[derive(Debug)]
pub(crate) struct Log<M> {
    /// By offset, with holes where something was swept out.
    entries: VecDeque<Entry<M>>,
    /// The offset of the newest message, held or not; 0 before the first.
    head: u64,
    /// What the log ever took but for what was swept out, in bytes.
    appended_bytes: u64,
    evicted_bytes: u64,
    /// See [`Log::lost`].
    lost: u64,
    /// From the first message on that is not for everybody. Few logs have any.
    special: Option<Box<Special>>,
}

impl<M> Log<M> {
    pub(crate) fn new() -> Self {
        Self {
            entries: VecDeque::new(),
            head: 0,
            appended_bytes: 0,
            evicted_bytes: 0,
            lost: 0,
            special: None,
        }
    }

    /// The offset of the newest message, held or not; 0 before the first.
    #[inline]
    pub(crate) fn head(&self) -> u64 {
        self.head
    }

    /// The offset before the earliest message held: the head when none is held.
    #[inline]
    pub(crate) fn before_earliest(&self) -> u64 {
        self.entries.front().map_or(self.head, |entry| entry.offset - 1)
    }

    /// The offset before the newest message held: the head when none is held.
    pub(crate) fn before_newest(&self) -> u64 {
        self.entries.back().map_or(self.head, |entry| entry.offset - 1)
    }

    /// Whether no reader skips anything of what is held.
    #[inline]
    pub(crate) fn is_for_everybody(&self) -> bool {
        self.special.is_none()
    }

    /// How many messages are held.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// What they count, in bytes.
    pub(crate) fn len_bytes(&self) -> usize {
        (self.appended_bytes - self.evicted_bytes) as usize
    }

    /// How many of the entries are at or before an offset. Where nothing was swept out, that takes one step,
    /// else the logarithm of their number.
    #[inline]
    fn place_after(&self, offset: u64) -> usize {
        let before = self.before_earliest();
        let distance = usize::try_from(offset.saturating_sub(before)).unwrap_or(usize::MAX);
        if self.head - before == self.entries.len() as u64 {
            return distance.min(self.entries.len());
        }
        self.entries.partition_point(|entry| entry.offset <= offset)
    }

    /// The ring, and the place in it of the first entry behind an offset.
    #[inline]
    pub(crate) fn after(&self, offset: u64) -> (&VecDeque<Entry<M>>, usize) {
        (&self.entries, self.place_after(offset))
    }

    /// The offset after which an entry stands that this reader does not skip, or the head: no reader at
    /// `offset` misses anything up to there. Goes no further where the looks are used up, of which each entry
    /// takes one.
    pub(crate) fn pass_skipped(&self, offset: u64, filter: &Filter, looks: &mut usize) -> u64 {
        let mut offset = offset;
        for entry in self.entries.range(self.place_after(offset)..) {
            if *looks == 0 || !filter.skips(entry, entry.offset) {
                return offset.max(entry.offset - 1);
            }
            *looks -= 1;
            offset = entry.offset;
        }
        self.head
    }

    /// Whether this reader would have been handed something behind `from` and up to `to`.
    pub(crate) fn has_for(&self, filter: &Filter, from: u64, to: u64) -> bool {
        let behind = self.entries.range(self.place_after(from)..);
        behind.take_while(|entry| entry.offset <= to).any(|entry| !filter.skips(entry, entry.offset))
    }

    /// The entries behind an offset, where nothing behind it is lost and they lie in one piece.
    pub(crate) fn run_after(&self, offset: u64) -> Option<&[Entry<M>]> {
        if offset < self.lost {
            return None;
        }
        let place = self.place_after(offset);
        let (front, back) = self.entries.as_slices();
        match place.checked_sub(front.len()) {
            Some(place) => back.get(place..),
            None if back.is_empty() => front.get(place..),
            None => None,
        }
    }

    /// The oldest entry held.
    pub(crate) fn oldest(&self) -> Option<&Entry<M>> {
        self.entries.front()
    }

    /// The offset of the newest entry that is held no more and is a loss to who reads so and has not taken
    /// it; 0 when there is none. What is swept out is none, so everything up to there is gone.
    #[inline]
    pub(crate) fn lost(&self, reads: Reads) -> u64 {
        match reads {
            Reads::Every => self.lost,
            Reads::Latest => self.special.as_ref().map_or(self.lost, |special| special.lost_latest),
        }
    }

    /// The messages held behind an offset.
    pub(crate) fn behind(&self, offset: u64) -> Tally {
        let place = self.place_after(offset);
        let before = place.checked_sub(1).map_or(self.evicted_bytes, |last| self.entries[last].end_bytes);
        Tally { messages: self.entries.len() - place, bytes: (self.appended_bytes - before) as usize }
    }

    /// The first offset behind which at most so many messages are held, that count at most so many bytes.
    pub(crate) fn before_last_few(&self, messages: u64, bytes: u64) -> u64 {
        let count = usize::try_from(messages).unwrap_or(usize::MAX);
        let by_count = self.entries.len().saturating_sub(count);
        let beyond = self.appended_bytes.saturating_sub(bytes);
        let by_bytes = match self.evicted_bytes >= beyond {
            true => 0,
            false => 1 + self.entries.partition_point(|entry| entry.end_bytes < beyond),
        };
        self.offset_before(by_count.max(by_bytes))
    }

    /// The offset behind so many of the entries.
    fn offset_before(&self, place: usize) -> u64 {
        let last = place.checked_sub(1).and_then(|last| self.entries.get(last));
        last.map_or(self.before_earliest(), |entry| entry.offset)
    }

    /// The offset from which on this reader gets `count` messages, or all that are held if they are fewer.
    /// Looks at each entry that it passes.
    pub(crate) fn before_last(&self, count: u64, filter: &Filter) -> u64 {
        let mut left = count;
        let mut before = self.head;
        for entry in self.entries.iter().rev() {
            if left == 0 {
                break;
            }
            left -= u64::from(!filter.skips(entry, entry.offset));
            before = entry.offset - 1;
        }
        before
    }

    /// Appends a message and gives its offset. The ring is not to grow beyond `max` messages.
    #[inline]
    pub(crate) fn append(&mut self, draft: Draft<M>, max: usize) -> u64 {
        let cost = draft.cost;
        self.head += 1;
        self.appended_bytes += cost as u64;
        let mut entry = draft.placed(self.head, self.appended_bytes);
        if !entry.is_for_everybody() {
            self.note_special(&mut entry, cost);
        }
        slack::push_back(&mut self.entries, entry, max);
        self.head
    }

    #[cold]
    fn note_special(&mut self, entry: &mut Entry<M>, cost: usize) {
        self.special.get_or_insert_with(|| Box::new(Special::new(self.lost))).note(
            &mut self.entries,
            entry,
            cost,
        );
    }

    /// Gives back the last of its room where it holds nothing. For one that holds nothing for a while.
    pub(crate) fn rest(&mut self) {
        if self.entries.is_empty() {
            self.entries = VecDeque::new();
            self.special = self.special.take().and_then(|special| special.at_rest(self.lost));
        }
    }

    /// Drops the oldest entry and gives what has gone: nothing when none is held.
    #[inline]
    pub(crate) fn evict_oldest(&mut self, now: Duration) -> Tally {
        let Some(entry) = self.entries.front() else { return Tally::default() };
        let freed = (entry.end_bytes - self.evicted_bytes) as usize;
        self.evicted_bytes = entry.end_bytes;
        if entry.is_a_loss(now) {
            self.lost = entry.offset;
            if let (Some(special), Standing::Latest) = (&mut self.special, entry.standing) {
                special.lost_latest = entry.offset;
            }
        }
        if let Some(special) = self.special.as_mut().filter(|_| !entry.is_for_everybody()) {
            special.forget(&self.entries, entry, freed);
        }
        // In place: an entry is long to copy.
        drop(self.entries.pop_front());
        slack::give_back(&mut self.entries);
        Tally { messages: 1, bytes: freed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::Extras;
    use crate::names::ConnectionId;
    use crate::publish::Replay;
    use alloc::vec::Vec;

    pub(super) const NOW: Duration = Duration::from_secs(9);

    pub(super) fn draft(cost: usize) -> Draft<usize> {
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

    pub(super) fn expires(at: Duration) -> Option<Box<Extras>> {
        Some(Box::new(Extras { event: None, key: None, expires_at: Some(at), before_in_row: 0 }))
    }

    pub(super) fn log(costs: &[usize]) -> Log<usize> {
        let mut log = Log::new();
        for cost in costs {
            log.append(draft(*cost), usize::MAX);
        }
        log
    }

    pub(super) fn append(log: &mut Log<usize>, draft: Draft<usize>) -> u64 {
        log.append(draft, usize::MAX)
    }

    /// Somebody who reads every message, for the first time.
    pub(super) fn newcomer() -> Filter {
        Filter { connection: ConnectionId::new(1), live_from: u64::MAX, now: NOW, reads: Reads::Every }
    }

    pub(super) fn held(log: &Log<usize>) -> Vec<u64> {
        log.after(0).0.iter().map(|entry| entry.offset).collect()
    }

    #[test]
    fn what_nobody_would_have_been_handed_is_no_loss() {
        let mut log = log(&[1]);
        append(&mut log, Draft { replay: Replay::Ephemeral, ..draft(1) });
        append(&mut log, Draft { extras: expires(NOW), ..draft(1) });
        append(&mut log, Draft { extras: expires(NOW + Duration::from_nanos(1)), ..draft(1) });
        append(&mut log, draft(1));
        let lost: Vec<u64> = (0..4).map(|_| (log.evict_oldest(NOW), log.lost(Reads::Every)).1).collect();
        assert_eq!(lost, [1, 1, 1, 4]);
        let last: Vec<u64> =
            [0, 1, 2, u64::MAX].iter().map(|count| log.before_last(*count, &newcomer())).collect();
        assert_eq!(last, [5, 4, 4, 4]);
    }

    #[test]
    fn the_last_few_are_counted_without_what_a_resume_skips() {
        let mut log = log(&[1, 1]);
        append(&mut log, Draft { replay: Replay::Ephemeral, ..draft(1) });
        append(&mut log, draft(1));
        append(&mut log, Draft { replay: Replay::Ephemeral, ..draft(1) });
        let last: Vec<u64> = (0..5).map(|count| log.before_last(count, &newcomer())).collect();
        assert_eq!(last, [5, 3, 1, 0, 0]);
    }

    #[test]
    fn offsets_start_at_one_and_survive_eviction() {
        let mut log = log(&[10, 20, 30]);
        assert_eq!((log.head(), log.before_earliest(), log.len_bytes()), (3, 0, 60));
        assert_eq!(log.evict_oldest(NOW), Tally { messages: 1, bytes: 10 });
        assert_eq!((log.head(), log.before_earliest(), log.len_bytes()), (3, 1, 50));
        assert_eq!(held(&log), [2, 3]);
        let places: Vec<usize> = (0..5).map(|offset| log.after(offset).1).collect();
        assert_eq!(places, [0, 0, 1, 2, 2]);
        assert_eq!(log.behind(2), Tally { messages: 1, bytes: 30 });
        assert_eq!(log.before_last_few(1, 30), 2);
        assert_eq!([log.before_last_few(9, 49), log.before_last_few(9, 50)], [2, 1]);
    }

    #[test]
    fn an_emptied_log_keeps_its_head() {
        let mut log = log(&[5, 6]);
        let freed = [log.evict_oldest(NOW), log.evict_oldest(NOW), log.evict_oldest(NOW)];
        assert_eq!(freed.map(|gone| (gone.messages, gone.bytes)), [(1, 5), (1, 6), (0, 0)]);
        assert_eq!((log.head(), log.before_earliest(), log.len(), log.len_bytes()), (2, 2, 0, 0));
        assert_eq!((log.before_newest(), log.behind(0)), (2, Tally::default()));
        assert_eq!(append(&mut log, draft(1)), 3);
        assert_eq!((log.before_earliest(), log.before_newest()), (2, 2));
    }

    #[test]
    fn an_emptied_ring_gives_its_room_back() {
        let mut log = log(&[1; 1000]);
        while log.len() > 1 {
            log.evict_oldest(NOW);
        }
        assert!(log.entries.capacity() <= 16, "{}", log.entries.capacity());
        assert_eq!(held(&log), [1000]);
        log.rest();
        assert_eq!(held(&log), [1000]);
        log.evict_oldest(NOW);
        assert!(log.entries.capacity() > 0);
        log.rest();
        assert_eq!((log.entries.capacity(), log.head()), (0, 1000));
    }
}
