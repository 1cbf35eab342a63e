//! The queue: entries that are linked into the wheel's slots.

use alloc::vec::Vec;
use core::num::NonZeroU32;
use core::time::Duration;

use super::moment::{deadline, reached};
use super::wheel::{Ends, NONE, Slot, Wheel};

/// A timer's place in its [`TimerQueue`], to be given back with [`TimerQueue::remove`].
#[derive(Debug, PartialEq, Eq, Hash)]
#[must_use = "without its key a timer cannot be moved or removed"]
pub struct TimerKey(NonZeroU32);

impl TimerKey {
    fn new(index: u32) -> Self {
        // The last index names no timer.
        Self(NonZeroU32::MIN.saturating_add(index))
    }

    fn index(&self) -> u32 {
        self.0.get() - 1
    }
}

/// Deadlines, each with a value that says whose it is: the index of a connection in its owner's table, or a waker.
///
/// Time is the owner's: a [`Duration`] since an origin of its choice, up to 34 years behind that of the queue; whatever lies
/// beyond counts as that. Deadlines are kept in milliseconds, rounded up:
/// none is early, and none later than one millisecond, if [`pop`](Self::pop) is called in time. What is due together
/// comes in an order that depends on nothing but the calls before.
///
/// A key belongs to the queue that made it. With another queue's key the methods that take one panic, or act on another
/// timer.
#[derive(Clone, Debug)]
pub struct TimerQueue<T> {
    origin: Duration,
    wheel: Wheel,
    entries: Vec<Entry<T>>,
    /// The first entry without a value; each names the next.
    free: u32,
    len: usize,
}

#[derive(Clone, Debug)]
struct Entry<T> {
    /// When it is due; [`OFF`] when it is not.
    at: u64,
    previous: u32,
    next: u32,
    /// Where it is linked: never behind `at`.
    slot: Option<Slot>,
    value: Option<T>,
}

/// Later than any moment.
const OFF: u64 = u64::MAX;

impl<T> TimerQueue<T> {
    /// A queue without timers. No deadline and no time before `origin` is told from it.
    #[must_use]
    pub fn new(origin: Duration) -> Self {
        Self { origin, wheel: Wheel::new(), entries: Vec::new(), free: NONE, len: 0 }
    }

    /// How many timers there are, those without a deadline included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of memory it holds.
    #[must_use]
    pub fn held_len_bytes(&self) -> usize {
        self.entries.capacity() * size_of::<Entry<T>>() + Wheel::LEN_BYTES
    }

    /// A new timer, due at `at`, or not at all until [`set`](Self::set) says so. It allocates when there are more than
    /// there ever were.
    ///
    /// # Panics
    /// Beyond `u32::MAX - 1` timers.
    pub fn insert(&mut self, at: Option<Duration>, value: T) -> TimerKey {
        let entry = Entry { at: OFF, previous: NONE, next: NONE, slot: None, value: Some(value) };
        let index = self.free;
        let key = if index == NONE {
            let index = u32::try_from(self.entries.len()).ok().filter(|index| *index != NONE);
            self.entries.push(entry);
            TimerKey::new(index.expect("fewer than 2^32 - 1 timers"))
        } else {
            let place = &mut self.entries[index as usize];
            self.free = place.next;
            *place = entry;
            TimerKey::new(index)
        };
        self.len += 1;
        self.set(&key, at);
        key
    }

    /// Moves a deadline; `None` takes it away, and the timer stays.
    pub fn set(&mut self, key: &TimerKey, at: Option<Duration>) {
        let at = at.map_or(OFF, |at| deadline(at.saturating_sub(self.origin)));
        let entry = &mut self.entries[key.index() as usize];
        entry.at = at;
        match entry.slot {
            // It is found where it is linked when its slot begins, and linked again where it belongs then.
            Some(slot) if at >= self.wheel.start(slot) => {}
            Some(_) => {
                self.unlink(key.index());
                self.link(key.index());
            }
            None => self.link(key.index()),
        }
    }

    /// When a timer is due.
    #[must_use]
    pub fn deadline(&self, key: &TimerKey) -> Option<Duration> {
        let at = self.entries[key.index() as usize].at;
        (at != OFF).then(|| self.time(at))
    }

    /// What a timer was made with.
    ///
    /// # Panics
    /// With another queue's key, perhaps.
    #[must_use]
    pub fn value_mut(&mut self, key: &TimerKey) -> &mut T {
        self.entries[key.index() as usize].value.as_mut().expect("a key of this queue")
    }

    /// Removes a timer; the last one's removal gives the memory of all back.
    ///
    /// # Panics
    /// With another queue's key, perhaps.
    pub fn remove(&mut self, key: TimerKey) -> T {
        self.unlink(key.index());
        let entry = &mut self.entries[key.index() as usize];
        let value = entry.value.take().expect("a key of this queue");
        (entry.at, entry.next) = (OFF, self.free);
        self.free = key.index();
        self.len -= 1;
        if self.len == 0 {
            // Nothing is linked: the memory of many may go with the last.
            (self.entries, self.free) = (Vec::new(), NONE);
        }
        value
    }

    /// When to call [`pop`](Self::pop): no timer is due before. There may be none then, either, and another time.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.wheel.next().map(|(at, _)| self.time(at))
    }

    /// The next timer that is due at `now`; it stays, without a deadline. Call it until it answers `None`.
    pub fn pop(&mut self, now: Duration) -> Option<&mut T> {
        let now = reached(now.saturating_sub(self.origin)).max(self.wheel.now());
        while let Some((start, slot)) = self.wheel.next().filter(|(start, _)| *start <= now) {
            self.wheel.advance(start);
            let index = self.wheel.ends(slot).first;
            self.unlink(index);
            if self.entries[index as usize].at <= start {
                let entry = &mut self.entries[index as usize];
                entry.at = OFF;
                return entry.value.as_mut();
            }
            // It was moved later, or its span has begun: it belongs nearer now.
            self.link(index);
        }
        self.wheel.advance(now);
        None
    }

    fn time(&self, at: u64) -> Duration {
        self.origin.saturating_add(Duration::from_millis(at))
    }

    /// Appends an entry to the slot where it belongs; to none if it is off.
    fn link(&mut self, index: u32) {
        let at = self.entries[index as usize].at;
        if at == OFF {
            self.entries[index as usize].slot = None;
            return;
        }
        let slot = self.wheel.slot(at);
        let ends = self.wheel.ends(slot);
        let entry = &mut self.entries[index as usize];
        (entry.slot, entry.previous, entry.next) = (Some(slot), ends.last, NONE);
        if ends.last == NONE {
            self.wheel.set_ends(slot, Ends { first: index, last: index });
        } else {
            self.entries[ends.last as usize].next = index;
            self.wheel.set_ends(slot, Ends { last: index, ..ends });
        }
    }

    fn unlink(&mut self, index: u32) {
        let entry = &mut self.entries[index as usize];
        let Some(slot) = entry.slot.take() else { return };
        let (previous, next) = (entry.previous, entry.next);
        let mut ends = self.wheel.ends(slot);
        match previous {
            NONE => ends.first = next,
            previous => self.entries[previous as usize].next = next,
        }
        match next {
            NONE => ends.last = previous,
            next => self.entries[next as usize].previous = previous,
        }
        if previous == NONE || next == NONE {
            self.wheel.set_ends(slot, ends);
        }
    }
}
