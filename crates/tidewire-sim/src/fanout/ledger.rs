//! What was really published: each topic's lives, and each life's posts. What the hub says is compared with it.

use std::collections::BTreeMap;

use tidewire_hub::{ConnectionId, Epoch, Incarnation, Position, Reads, Replay, TopicName};

use crate::invariants::{Breach, Checked, Invariant, check};
use crate::time::Nanos;

/// An index into the world's topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TopicId(pub(crate) u16);

/// One published message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) number: u64,
    /// What it counts in the hub's budget.
    pub(crate) cost: usize,
    pub(crate) at: Nanos,
    /// The connection that does not get it.
    pub(crate) exclude: Option<ConnectionId>,
    /// From when on nobody does.
    pub(crate) expires_at: Nanos,
    pub(crate) replay: Replay,
    pub(crate) event: Option<&'static str>,
    pub(crate) key: Option<&'static str>,
    /// Another was published with its key that takes its place.
    pub(crate) superseded: bool,
    pub(crate) gone: bool,
}

impl Entry {
    /// Whether its going is nobody's loss.
    fn is_unheard(&self, now: Nanos) -> bool {
        self.replay == Replay::Ephemeral || self.expires_at <= now
    }

    /// Which messages it is compared with: those of its key that are kept or not, for all or for all but one.
    fn row(&self) -> Option<Row> {
        Some((self.key?, self.replay == Replay::Kept, self.exclude.is_none()))
    }

    /// Whether all whom an older one is for are handed this one, for as long.
    fn takes_the_place_of(&self, older: &Entry) -> bool {
        let is_history = self.replay == Replay::Kept || older.replay == Replay::Ephemeral;
        let for_as_many = self.exclude.is_none() || self.exclude == older.exclude;
        is_history && for_as_many && self.expires_at >= older.expires_at
    }
}

type Row = (&'static str, bool, bool);

/// One reader of one topic at one time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Eyes {
    pub(crate) connection: ConnectionId,
    /// The head when it began to follow: what is ephemeral is for those who were there.
    pub(crate) live_from: u64,
    pub(crate) reads: Reads,
    pub(crate) now: Nanos,
}

/// One epoch of a topic.
#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) epoch: Epoch,
    pub(crate) entries: Vec<Entry>,
    /// How many of them are gone without one that is held before them. Of the rest, some may be gone.
    pub(crate) evicted: usize,
    /// The offset of the newest that is gone and was a loss to who reads every one; 0 when there is none.
    lost: u64,
    /// The same for who reads the latest of each key.
    lost_latest: u64,
    /// The offsets of those of each row whose place nothing has taken, as far as they are found from the newest on.
    rows: BTreeMap<Row, Vec<u64>>,
    /// How many are held, and what they count.
    held: usize,
    pub(crate) held_bytes: usize,
}

impl Life {
    pub(crate) fn head(&self) -> u64 {
        self.entries.len() as u64
    }

    /// Those that are held behind an offset.
    fn behind(&self, offset: u64) -> impl Iterator<Item = &Entry> {
        self.entries[(offset as usize).max(self.evicted).min(self.entries.len())..]
            .iter()
            .filter(|entry| !entry.gone)
    }

    pub(crate) fn held(&self) -> usize {
        self.held
    }

    /// How many are held behind an offset.
    pub(crate) fn held_after(&self, offset: u64) -> usize {
        self.behind(offset).count()
    }

    /// What the messages held count, from the oldest on.
    pub(crate) fn costs(&self) -> impl Iterator<Item = usize> {
        self.behind(0).map(|entry| entry.cost)
    }

    /// The offset before the newest that is held.
    pub(crate) fn before_newest(&self) -> u64 {
        self.entries.iter().rposition(|entry| !entry.gone).map_or(self.head(), |place| place as u64)
    }

    pub(crate) fn entry(&self, offset: u64) -> Option<&Entry> {
        self.entries.get(usize::try_from(offset).ok()?.checked_sub(1)?)
    }

    /// The offset of the newest that is gone and was a loss to who reads so; 0 when there is none.
    pub(crate) fn lost(&self, reads: Reads) -> u64 {
        match reads {
            Reads::Every => self.lost,
            Reads::Latest => self.lost_latest,
        }
    }

    /// What is held behind an offset, in bytes.
    pub(crate) fn bytes_after(&self, offset: u64) -> u64 {
        self.behind(offset).map(|entry| entry.cost as u64).sum()
    }

    /// Whether a reader is not handed a message, without that being a loss.
    pub(crate) fn skips_one(&self, offset: u64, eyes: &Eyes) -> bool {
        let Some(entry) = self.entry(offset) else { return false };
        let missed = match entry.replay {
            Replay::Kept => entry.gone && offset > self.lost(eyes.reads),
            Replay::Ephemeral => entry.gone || offset <= eyes.live_from,
        };
        let conflated = eyes.reads == Reads::Latest && entry.superseded;
        missed || conflated || entry.exclude == Some(eyes.connection) || entry.expires_at <= eyes.now
    }

    /// Whether nothing between two offsets, the second included, is for a reader.
    pub(crate) fn skips(&self, after: u64, up_to: u64, eyes: &Eyes) -> bool {
        up_to <= self.head() && (after + 1..=up_to).all(|offset| self.skips_one(offset, eyes))
    }

    /// Behind what somebody stands who is to get the last so many of what is for these eyes.
    pub(crate) fn before_last(&self, count: u64, eyes: &Eyes) -> u64 {
        let (mut at, mut left) = (self.head(), count);
        for offset in
            (1..=self.head()).rev().filter(|offset| self.entry(*offset).is_some_and(|entry| !entry.gone))
        {
            if left == 0 {
                break;
            }
            left -= u64::from(!self.skips_one(offset, eyes));
            at = offset - 1;
        }
        at
    }

    /// One is gone: in its row those before it are found no more, unless it was the newest.
    fn leave_row(&mut self, offset: u64) {
        let row = self.entry(offset).and_then(Entry::row).and_then(|row| self.rows.get_mut(&row));
        let Some(row) = row else { return };
        match row.iter().position(|found| *found == offset) {
            Some(found) if found + 1 == row.len() => row.truncate(found),
            Some(found) => drop(row.drain(..=found)),
            None => {}
        }
    }

    /// Those whose place a message takes are superseded, and it is the newest of its row.
    fn take_places(&mut self, entry: &Entry) {
        let Some(mine) = entry.row() else { return };
        for (kept, for_all) in [(false, false), (false, true), (true, false), (true, true)] {
            let Some(row) = self.rows.get_mut(&(mine.0, kept, for_all)) else { continue };
            while let Some(older) = row.last().and_then(|last| self.entries.get_mut(*last as usize - 1)) {
                if !entry.takes_the_place_of(older) {
                    break;
                }
                older.superseded = true;
                row.pop();
            }
        }
        self.rows.entry(mine).or_default().push(self.entries.len() as u64 + 1);
    }

    /// The oldest went; answers what they counted.
    pub(crate) fn evict(&mut self, up_to: u64, now: Nanos) -> usize {
        let mut freed = 0;
        for offset in self.evicted as u64 + 1..=up_to {
            let Some(entry) = self.entries.get_mut(offset as usize - 1) else { break };
            if core::mem::replace(&mut entry.gone, true) {
                continue;
            }
            freed += entry.cost;
            self.held -= 1;
            if !entry.is_unheard(now) {
                self.lost = offset;
                if !entry.superseded {
                    self.lost_latest = offset;
                }
            }
            self.leave_row(offset);
        }
        self.evicted = self.evicted.max(up_to as usize);
        self.held_bytes -= freed;
        freed
    }

    /// The newest that is held up to there.
    pub(crate) fn last_held(&self, up_to: u64) -> Option<&Entry> {
        self.entries.iter().take(up_to as usize).rfind(|entry| !entry.gone)
    }

    /// Whether something up to there is held that nobody would miss.
    pub(crate) fn has_unheard(&self, up_to: u64, now: Nanos) -> bool {
        let oldest = self.entries.iter().take(up_to as usize);
        oldest.skip(self.evicted).any(|entry| !entry.gone && entry.is_unheard(now))
    }

    /// Those went that are not among the living; answers what they counted. What goes before what is older is nobody's
    /// loss.
    pub(crate) fn sweep(&mut self, now: Nanos, lives: impl Fn(u64) -> bool) -> Result<usize, Box<Breach>> {
        let mut freed = 0;
        // The newest first.
        for offset in (self.evicted as u64 + 1..=self.head()).rev() {
            let entry = &mut self.entries[offset as usize - 1];
            if entry.gone || lives(entry.number) {
                continue;
            }
            check(entry.is_unheard(now), || {
                Breach::new(
                    Invariant::Loss,
                    "what is kept to go when it is the oldest",
                    format!("{entry:?} gone"),
                )
            })?;
            entry.gone = true;
            self.held -= 1;
            freed += entry.cost;
            self.leave_row(offset);
        }
        self.held_bytes -= freed;
        Ok(freed)
    }
}

/// One topic.
#[derive(Debug)]
pub(crate) struct Book {
    pub(crate) name: TopicName,
    lives: Vec<Life>,
    /// When somebody followed it, left it, published to it, or something of it went.
    pub(crate) used: Nanos,
}

impl Book {
    pub(crate) fn life(&self, epoch: Epoch) -> Option<&Life> {
        self.lives.iter().rev().find(|life| life.epoch == epoch)
    }

    pub(crate) fn newest(&self) -> Option<&Life> {
        self.lives.last()
    }

    pub(crate) fn newest_mut(&mut self) -> Option<&mut Life> {
        self.lives.last_mut()
    }

    /// The life that runs in this run of the hub.
    pub(crate) fn current(&self, incarnation: Incarnation) -> Option<&Life> {
        self.newest().filter(|life| life.epoch.incarnation == incarnation)
    }
}

/// All topics.
#[derive(Debug)]
pub(crate) struct Ledger {
    pub(crate) books: Vec<Book>,
}

impl Ledger {
    pub(crate) fn new(names: impl IntoIterator<Item = TopicName>) -> Self {
        Self { books: names.into_iter().map(|name| Book { name, lives: Vec::new(), used: 0 }).collect() }
    }

    pub(crate) fn book(&self, topic: TopicId) -> &Book {
        &self.books[topic.0 as usize]
    }

    pub(crate) fn find(&self, name: &str) -> Option<TopicId> {
        let index = self.books.iter().position(|book| book.name.as_str() == name)?;
        Some(TopicId(index as u16))
    }

    pub(crate) fn life(&self, topic: TopicId, epoch: Epoch) -> Option<&Life> {
        self.book(topic).life(epoch)
    }

    /// The hub has named this epoch of a topic: it is the one that runs, or a new one that never was.
    pub(crate) fn meets(&mut self, topic: TopicId, epoch: Epoch) -> Checked {
        let book = &mut self.books[topic.0 as usize];
        if book.newest().is_some_and(|life| life.epoch == epoch) {
            return Ok(());
        }
        check(book.life(epoch).is_none(), || {
            Breach::new(
                Invariant::Token,
                "an epoch that never was",
                format!("{epoch} of {} again", book.name),
            )
        })?;
        book.lives.push(Life {
            epoch,
            entries: Vec::new(),
            evicted: 0,
            lost: 0,
            lost_latest: 0,
            rows: BTreeMap::new(),
            held: 0,
            held_bytes: 0,
        });
        Ok(())
    }

    /// The hub has published it there: next to the last, and nowhere else.
    pub(crate) fn published(&mut self, topic: TopicId, position: Position, entry: Entry) -> Checked {
        self.meets(topic, position.epoch)?;
        let Some(life) = self.books[topic.0 as usize].newest_mut() else { return Ok(()) };
        let next = life.head() + 1;
        check(position.offset == next, || {
            Breach::new(
                Invariant::Token,
                format!("offset {next} for the next message"),
                position.offset.to_string(),
            )
        })?;
        life.take_places(&entry);
        life.held += 1;
        life.held_bytes += entry.cost;
        life.entries.push(entry);
        Ok(())
    }

    /// What all topics hold in this run of the hub: topics that hold anything, messages and bytes.
    pub(crate) fn held(&self, incarnation: Incarnation) -> (usize, usize, usize) {
        let lives = self.books.iter().filter_map(|book| book.current(incarnation));
        lives.fold((0, 0, 0), |(topics, messages, bytes), life| {
            (topics + usize::from(life.held() > 0), messages + life.held(), bytes + life.held_bytes)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EPOCH: Epoch = Epoch { incarnation: Incarnation::new(1), life: 0 };
    const TOPIC: TopicId = TopicId(0);

    const ENTRY: Entry = Entry {
        number: 0,
        cost: 10,
        at: 0,
        exclude: None,
        expires_at: Nanos::MAX,
        replay: Replay::Kept,
        event: None,
        key: None,
        superseded: false,
        gone: false,
    };

    fn ledger(entries: &[Entry]) -> Ledger {
        let mut ledger = Ledger::new([TopicName::new("a").unwrap()]);
        for (index, entry) in entries.iter().enumerate() {
            ledger.published(TOPIC, Position { epoch: EPOCH, offset: index as u64 + 1 }, *entry).unwrap();
        }
        ledger
    }

    fn eyes(connection: u64, live_from: u64, now: Nanos) -> Eyes {
        Eyes { connection: ConnectionId::new(connection), live_from, reads: Reads::Every, now }
    }

    #[test]
    fn a_life_is_numbered_without_a_hole_and_never_comes_back() {
        let mut ledger = ledger(&[ENTRY, ENTRY]);
        assert!(ledger.published(TOPIC, Position { epoch: EPOCH, offset: 2 }, ENTRY).is_err());
        assert!(ledger.published(TOPIC, Position { epoch: EPOCH, offset: 4 }, ENTRY).is_err());
        ledger.meets(TOPIC, Epoch { life: 1, ..EPOCH }).unwrap();
        assert!(ledger.meets(TOPIC, EPOCH).is_err());
    }

    #[test]
    fn what_excludes_has_expired_or_is_not_for_newcomers_is_skipped() {
        let excluding = Entry { exclude: Some(ConnectionId::new(5)), ..ENTRY };
        let expiring = Entry { expires_at: 100, ..ENTRY };
        let ephemeral = Entry { replay: Replay::Ephemeral, ..ENTRY };
        let mut ledger = ledger(&[excluding, expiring, ephemeral, ENTRY]);
        let life = ledger.books[0].newest_mut().unwrap();
        assert!(life.skips(0, 3, &eyes(5, 3, 100)) && life.skips(3, 3, &eyes(6, 0, 0)));
        for other in [eyes(6, 3, 100), eyes(5, 2, 100), eyes(5, 3, 99)] {
            assert!(!life.skips(0, 3, &other), "{other:?}");
        }
        assert!(!life.skips(0, 4, &eyes(5, 4, 100)) && !life.skips(0, 9, &eyes(5, 9, 100)));
        let last = |count, now| life.before_last(count, &eyes(6, 4, now));
        assert_eq!([last(1, 0), last(2, 0), last(2, 100)], [3, 1, 0]);
    }

    #[test]
    fn who_reads_the_latest_skips_what_is_superseded() {
        let keyed = Entry { key: Some("k"), ..ENTRY };
        let mut ledger = ledger(&[keyed, ENTRY, keyed]);
        let life = ledger.books[0].newest_mut().unwrap();
        let latest = Eyes { reads: Reads::Latest, ..eyes(1, 0, 0) };
        assert!(life.skips(0, 1, &latest) && !life.skips(0, 1, &eyes(1, 0, 0)));
        assert!(!life.skips(0, 2, &latest) && !life.skips(2, 3, &latest));
        assert_eq!((life.evict(1, 0), life.lost(Reads::Every), life.lost(Reads::Latest)), (10, 1, 0));
        assert_eq!((life.bytes_after(0), life.bytes_after(2), life.bytes_after(3)), (20, 10, 0));
    }

    #[test]
    fn what_was_evicted_is_not_held_and_is_lost_if_it_meant_something() {
        let ephemeral = Entry { replay: Replay::Ephemeral, ..ENTRY };
        let mut ledger = ledger(&[ENTRY, ephemeral, Entry { expires_at: 100, ..ENTRY }, ENTRY]);
        let life = ledger.books[0].newest_mut().unwrap();
        assert_eq!((life.evict(1, 100), life.lost, life.evict(1, 100)), (10, 1, 0));
        assert_eq!((life.evict(3, 100), life.lost, life.held(), life.held_bytes), (20, 1, 1, 10));
        assert!(life.skips(1, 3, &eyes(1, 0, 0)) && !life.skips(0, 3, &eyes(1, 0, 0)));
        assert_eq!(ledger.held(EPOCH.incarnation), (1, 1, 10));
        assert_eq!(ledger.held(Incarnation::new(2)), (0, 0, 0));
    }

    #[test]
    fn what_goes_before_what_is_older_is_ephemeral_or_expired() {
        let ephemeral = Entry { number: 2, replay: Replay::Ephemeral, ..ENTRY };
        let expiring = Entry { number: 3, expires_at: 100, ..ENTRY };
        let mut ledger = ledger(&[ENTRY, ephemeral, expiring, Entry { number: 4, ..ENTRY }]);
        let life = ledger.books[0].newest_mut().unwrap();
        assert!(life.sweep(99, |number| number != 3).is_err());
        assert!(life.sweep(100, |number| number != 4).is_err());
        assert_eq!(life.sweep(100, |number| ![2, 3].contains(&number)), Ok(20));
        assert_eq!((life.held(), life.held_bytes, life.before_newest(), life.evicted), (2, 20, 3, 0));
        assert_eq!((life.held_after(1), life.bytes_after(2), life.evict(3, 100), life.lost), (1, 10, 10, 1));
    }

    #[test]
    fn a_message_takes_the_place_of_one_that_is_for_the_same() {
        let to_all = Entry { key: Some("k"), ..ENTRY };
        let but = |connection| Entry { exclude: Some(ConnectionId::new(connection)), ..to_all };
        let until = |expires_at| Entry { expires_at, ..to_all };
        let mut ledger = ledger(&[until(9), until(5), to_all, but(1), but(1), but(2), until(7)]);
        let life = ledger.books[0].newest_mut().unwrap();
        let superseded: Vec<bool> = life.entries.iter().map(|entry| entry.superseded).collect();
        assert_eq!(superseded, [true, true, false, true, false, false, false]);
    }
}
