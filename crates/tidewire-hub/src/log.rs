//! A topic's log: the newest messages in a ring, numbered from 1 for the topic's first.
//!
//! What is ephemeral, or has expired, must not push out what is kept, and may stand anywhere in the ring. It
//! is swept out, once there is enough of it to be worth a walk: so each message pays for a few steps of such
//! walks, and the ring needs no other order than that of its offsets.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use core::time::Duration;

use crate::entry::{Draft, Entry, Standing};
use crate::filter::Filter;
use crate::keyed::Keyed;
use crate::policy::Reads;
use crate::publish::Replay;
use crate::room;

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

/// What a log knows of its messages that are not for everybody.
#[derive(Debug, Default)]
struct Special {
    ephemeral: Tally,
    /// Those that expire some time or other.
    expiring: Tally,
    /// The head when the log was swept last.
    swept_at: u64,
    /// From the first message with a key on.
    keyed: Option<Keyed>,
}

/// Messages and what they count, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}

impl Tally {
    fn add(&mut self, bytes: usize) {
        self.messages += 1;
        self.bytes += bytes;
    }

    fn subtract(&mut self, bytes: usize) {
        self.messages -= 1;
        self.bytes -= bytes;
    }

    /// Whether it is a part of the whole that is worth a walk: an eighth, in messages or in bytes.
    fn is_much_of(self, messages: usize, bytes: usize) -> bool {
        self.messages * SWEPT_PART >= messages || self.bytes * SWEPT_PART >= bytes
    }
}

/// What is ephemeral or expired goes before anything that is kept once it is this part of a log: an eighth.
const SWEPT_PART: usize = 8;

impl Special {
    /// The tallies that an entry is in.
    fn tallies<M>(&mut self, entry: &Entry<M>) -> impl Iterator<Item = &mut Tally> {
        let ephemeral = (entry.replay == Replay::Ephemeral).then_some(&mut self.ephemeral);
        let expiring = entry.expires_at().map(|_| &mut self.expiring);
        ephemeral.into_iter().chain(expiring)
    }

    /// An entry is held no more.
    fn forget<M>(&mut self, entry: &Entry<M>, cost: usize) {
        self.tallies(entry).for_each(|tally| tally.subtract(cost));
        if let Some(keyed) = &mut self.keyed {
            keyed.forget(entry);
        }
    }
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
            Reads::Latest => {
                let keyed = self.special.as_ref().and_then(|special| special.keyed.as_ref());
                keyed.map_or(self.lost, |keyed| keyed.lost)
            }
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
        let entry = draft.placed(self.head, self.appended_bytes);
        if !entry.is_for_everybody() {
            self.note_special(&entry, cost);
        }
        room::push_back(&mut self.entries, entry, max);
        self.head
    }

    #[cold]
    fn note_special(&mut self, entry: &Entry<M>, cost: usize) {
        let special = self.special.get_or_insert_default();
        special.tallies(entry).for_each(|tally| tally.add(cost));
        if let Some((_, hash)) = entry.extras.as_ref().and_then(|extras| extras.key.as_ref()) {
            let keyed = special.keyed.get_or_insert_with(|| Keyed::new(self.lost));
            keyed.note(&mut self.entries, entry, *hash);
        }
    }

    /// Makes room, one step of it: what is ephemeral or expired goes where it is much, else the oldest
    /// message. Gives what has gone.
    #[inline]
    pub(crate) fn make_room(&mut self, now: Duration) -> Tally {
        let swept = if self.is_sweep_due() { self.sweep(now) } else { Tally::default() };
        if swept.messages > 0 { swept } else { self.evict_oldest(now) }
    }

    #[inline]
    fn is_sweep_due(&self) -> bool {
        let Some(special) = &self.special else { return false };
        let (len, len_bytes) = (self.entries.len(), self.len_bytes());
        // Of two that are ephemeral one goes in any case. What is expired is found by the walk, so some time
        // lies between two.
        let is_new = |messages: u64| messages * SWEPT_PART as u64 >= len as u64;
        special.ephemeral.messages > 1 && special.ephemeral.is_much_of(len, len_bytes)
            || special.expiring.is_much_of(len, len_bytes) && is_new(self.head - special.swept_at)
    }

    /// Drops what is expired, and of what is ephemeral the older half, rounded down: so the newest stays for
    /// those who are about to take it. Nobody is told of a loss on its account.
    #[cold]
    fn sweep(&mut self, now: Duration) -> Tally {
        let mut swept = Tally::default();
        let Some(special) = &mut self.special else { return swept };
        let mut older_half = special.ephemeral.messages / 2;
        let (mut stood_at, mut end) = (self.evicted_bytes, self.evicted_bytes);
        self.entries.retain_mut(|entry| {
            let cost = entry.end_bytes - stood_at;
            stood_at = entry.end_bytes;
            let is_older = entry.replay == Replay::Ephemeral && older_half > 0;
            older_half -= usize::from(is_older);
            if is_older || entry.is_expired(now) {
                special.forget(entry, cost as usize);
                swept.add(cost as usize);
                return false;
            }
            end += cost;
            entry.end_bytes = end;
            true
        });
        self.appended_bytes = end;
        special.swept_at = self.head;
        room::give_back(&mut self.entries);
        swept
    }

    /// Gives back the last of its room where it holds nothing. For one that holds nothing for a while.
    pub(crate) fn rest(&mut self) {
        if self.entries.is_empty() {
            self.entries = VecDeque::new();
        }
    }

    /// Drops the oldest entry and gives what has gone: nothing when none is held.
    #[inline]
    pub(crate) fn evict_oldest(&mut self, now: Duration) -> Tally {
        let Some(entry) = self.entries.front() else { return Tally::default() };
        let (offset, end_bytes, standing) = (entry.offset, entry.end_bytes, entry.standing);
        let freed = (end_bytes - self.evicted_bytes) as usize;
        self.evicted_bytes = end_bytes;
        let keyed = self.special.as_mut().and_then(|special| special.keyed.as_mut());
        if entry.is_a_loss(now) {
            self.lost = offset;
            if let (Some(keyed), Standing::Latest) = (keyed, standing) {
                keyed.lost = offset;
            }
        }
        if let Some(special) = self.special.as_mut().filter(|_| !entry.is_for_everybody()) {
            special.forget(entry, freed);
        }
        // In place: an entry is long to copy.
        drop(self.entries.pop_front());
        room::give_back(&mut self.entries);
        Tally { messages: 1, bytes: freed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::Extras;
    use crate::names::ConnectionId;
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
            log.append(draft(*cost), usize::MAX);
        }
        log
    }

    fn append(log: &mut Log<usize>, draft: Draft<usize>) -> u64 {
        log.append(draft, usize::MAX)
    }

    /// Somebody who reads every message, for the first time.
    fn newcomer() -> Filter {
        Filter { connection: ConnectionId::new(1), live_from: u64::MAX, now: NOW, reads: Reads::Every }
    }

    fn held(log: &Log<usize>) -> Vec<u64> {
        log.after(0).0.iter().map(|entry| entry.offset).collect()
    }

    #[test]
    fn what_nobody_would_have_been_handed_is_no_loss() {
        let expiring = |at| Some(Box::new(Extras { event: None, key: None, expires_at: Some(at) }));
        let mut log = log(&[1]);
        append(&mut log, Draft { replay: Replay::Ephemeral, ..draft(1) });
        append(&mut log, Draft { extras: expiring(NOW), ..draft(1) });
        append(&mut log, Draft { extras: expiring(NOW + Duration::from_nanos(1)), ..draft(1) });
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
    fn the_older_half_of_what_is_ephemeral_makes_room_before_what_is_kept() {
        let mut log = log(&[1; 3]);
        for _ in 0..3 {
            append(&mut log, Draft { replay: Replay::Ephemeral, ..draft(10) });
            append(&mut log, draft(2));
        }
        append(&mut log, Draft { replay: Replay::Ephemeral, ..draft(30) });
        assert_eq!(log.len_bytes(), 69);
        assert_eq!(log.make_room(NOW), Tally { messages: 2, bytes: 20 });
        assert_eq!((held(&log), log.len_bytes()), (alloc::vec![1, 2, 3, 5, 7, 8, 9, 10], 49));
        // Everything is found in its place, holes or not.
        let places: Vec<usize> = (0..12).map(|offset| log.after(offset).1).collect();
        assert_eq!(places, [0, 1, 2, 3, 3, 4, 4, 5, 6, 7, 8, 8]);
        let bytes: Vec<usize> = (0..12).map(|offset| log.behind(offset).bytes).collect();
        assert_eq!(bytes, [49, 48, 47, 46, 46, 44, 44, 42, 32, 30, 0, 0]);
        assert_eq!((log.before_last_few(3, 999), log.before_last_few(999, 32)), (7, 8));
        assert_eq!(log.make_room(NOW), Tally { messages: 1, bytes: 10 });
        assert_eq!((log.head(), log.before_newest()), (10, 9));
        assert_eq!([0, 1, 2].map(|count| log.before_last(count, &newcomer())), [10, 8, 6]);
        assert_eq!(log.make_room(NOW), Tally { messages: 1, bytes: 1 }, "the newest of them stays");
        assert_eq!((held(&log), log.lost(Reads::Every)), (alloc::vec![2, 3, 5, 7, 9, 10], 1));
    }

    #[test]
    fn a_part_below_an_eighth_is_left_where_it_is() {
        for (kept, first) in [(14, 15), (15, 1)] {
            let mut log = log(&alloc::vec![1; kept]);
            append(&mut log, Draft { replay: Replay::Ephemeral, ..draft(1) });
            append(&mut log, Draft { replay: Replay::Ephemeral, ..draft(1) });
            log.make_room(NOW);
            assert!(!held(&log).contains(&first), "{kept}");
        }
    }

    #[test]
    fn a_part_counts_by_its_bytes_too_and_no_more_when_it_is_gone() {
        let ephemeral = |cost| Draft { replay: Replay::Ephemeral, ..draft(cost) };
        let mut log = log(&[7; 99]);
        append(&mut log, ephemeral(50));
        append(&mut log, ephemeral(49));
        assert_eq!(log.make_room(NOW), Tally { messages: 1, bytes: 50 });
        append(&mut log, ephemeral(49));
        append(&mut log, draft(7));
        assert_eq!(
            (log.make_room(NOW), log.oldest().map(|entry| entry.offset)),
            (Tally { messages: 1, bytes: 7 }, Some(2))
        );
        while log.len() > 0 {
            log.evict_oldest(NOW);
        }
        for _ in 0..99 {
            append(&mut log, draft(7));
        }
        append(&mut log, ephemeral(1));
        append(&mut log, ephemeral(1));
        assert_eq!(log.make_room(NOW), Tally { messages: 1, bytes: 7 }, "two of a hundred");
    }

    #[test]
    fn a_lone_ephemeral_one_stays_until_it_is_the_oldest_or_expired() {
        let expires = |at| Some(Box::new(Extras { event: None, key: None, expires_at: Some(at) }));
        let ephemeral = |at| Draft { replay: Replay::Ephemeral, extras: expires(at), ..draft(99) };
        for (at, gone) in [(NOW, 99), (NOW + Duration::from_nanos(1), 1)] {
            let mut log = log(&[1]);
            append(&mut log, ephemeral(at));
            assert_eq!(log.make_room(NOW), Tally { messages: 1, bytes: gone });
            assert_eq!((log.len(), log.lost(Reads::Every)), (1, u64::from(gone == 1)));
        }
    }

    #[test]
    fn what_is_expired_is_looked_for_once_an_eighth_is_new() {
        let expires = |at| Some(Box::new(Extras { event: None, key: None, expires_at: Some(at) }));
        let mut log = log(&[]);
        for at in 1..=16 {
            append(&mut log, Draft { extras: expires(Duration::from_secs(at)), ..draft(1) });
        }
        assert_eq!(log.make_room(NOW).messages, 9);
        append(&mut log, draft(1));
        assert_eq!(log.make_room(Duration::from_secs(12)).messages, 3, "one of eight is new");
        append(&mut log, draft(1));
        assert_eq!(log.make_room(Duration::from_secs(12)).messages, 1, "nothing is expired: the oldest");
        assert_eq!(log.make_room(Duration::from_secs(20)).messages, 1, "nothing is new: the oldest");
        assert_eq!((log.lost(Reads::Every), held(&log)), (13, alloc::vec![15, 16, 17, 18]));
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
