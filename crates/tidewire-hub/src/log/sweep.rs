//! What is ephemeral, or has expired, must not push out what is kept, and may stand anywhere in the ring. It is
//! swept out, once there is enough of it to be worth a walk: so each message pays for a few steps of such
//! walks, and the ring needs no other order than that of its offsets.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use core::time::Duration;

use super::Log;
use crate::entry::Entry;
use crate::keyed::Keyed;
use crate::publish::Replay;
use crate::slack;

/// What a log knows of its messages that are not for everybody.
#[derive(Debug, Default)]
pub(super) struct Special {
    ephemeral: Tally,
    /// Those that expire some time or other.
    expiring: Tally,
    /// The head when the log was swept last.
    swept_at: u64,
    /// See [`Log::lost`].
    pub(super) lost_latest: u64,
    keyed: Keyed,
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
    pub(super) fn new(lost: u64) -> Self {
        Self { lost_latest: lost, ..Self::default() }
    }

    /// What is left of it where nothing is held.
    pub(super) fn at_rest(mut self: Box<Self>, lost: u64) -> Option<Box<Self>> {
        self.keyed = Keyed::default();
        Some(self).filter(|special| special.lost_latest != lost)
    }

    /// The tallies that an entry is in.
    fn tallies<M>(&mut self, entry: &Entry<M>) -> impl Iterator<Item = &mut Tally> + use<'_, M> {
        let ephemeral = (entry.replay == Replay::Ephemeral).then_some(&mut self.ephemeral);
        let expiring = entry.expires_at().map(|_| &mut self.expiring);
        ephemeral.into_iter().chain(expiring)
    }

    /// An entry is about to be appended behind these.
    pub(super) fn note<M>(&mut self, entries: &mut VecDeque<Entry<M>>, entry: &mut Entry<M>, cost: usize) {
        self.tallies(entry).for_each(|tally| tally.add(cost));
        if let Some((_, hash)) = entry.extras.as_ref().and_then(|extras| extras.key.as_ref()) {
            let hash = *hash;
            self.keyed.note(entries, entry, hash);
        }
    }

    /// One of these entries is about to go.
    pub(super) fn forget<M>(&mut self, entries: &VecDeque<Entry<M>>, entry: &Entry<M>, cost: usize) {
        self.tallies(entry).for_each(|tally| tally.subtract(cost));
        self.keyed.forget(entries, entry);
    }

    /// Up to which offset the older half of what is ephemeral stands, rounded down: so the newest stays for
    /// those who are about to take it.
    fn older_half<M>(&self, entries: &VecDeque<Entry<M>>) -> u64 {
        let Some(last) = (self.ephemeral.messages / 2).checked_sub(1) else { return 0 };
        let mut ephemeral = entries.iter().filter(|entry| entry.replay == Replay::Ephemeral);
        ephemeral.nth(last).map_or(0, |entry| entry.offset)
    }
}

impl<M> Log<M> {
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

    /// Drops what is expired, and the older half of what is ephemeral. Nobody is told of a loss on its
    /// account.
    #[cold]
    fn sweep(&mut self, now: Duration) -> Tally {
        let mut swept = Tally::default();
        let Some(special) = &mut self.special else { return swept };
        let older_half = special.older_half(&self.entries);
        let goes = |entry: &Entry<M>| {
            entry.replay == Replay::Ephemeral && entry.offset <= older_half || entry.is_expired(now)
        };
        for entry in self.entries.iter().rev().filter(|entry| goes(entry)) {
            special.keyed.forget(&self.entries, entry);
        }
        let (mut stood_at, mut end) = (self.evicted_bytes, self.evicted_bytes);
        self.entries.retain_mut(|entry| {
            let cost = entry.end_bytes - stood_at;
            stood_at = entry.end_bytes;
            if goes(entry) {
                special.tallies(entry).for_each(|tally| tally.subtract(cost as usize));
                swept.add(cost as usize);
                return false;
            }
            end += cost;
            entry.end_bytes = end;
            true
        });
        self.appended_bytes = end;
        special.swept_at = self.head;
        slack::give_back(&mut self.entries);
        swept
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::Draft;
    use crate::log::tests::{NOW, append, draft, expires, held, log, newcomer};
    use crate::policy::Reads;
    use alloc::vec::Vec;

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
}
