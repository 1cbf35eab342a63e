//! The wheel: slots for spans of time, the wider the further away they are.
//!
//! ```text
//!   level 0: 256 slots of     1 ms    the quarter of a second that runs
//!   level 1: 256 slots of 0.256 s     the minute that runs (65.5 s)
//!   level 2: 256 slots of  65.5 s     4 h 40 min
//!   level 3: 256 slots of  4.7 h      49.7 days
//!   level 4: 256 slots of 49.7 days   34.8 years
//! ```
//!
//! A moment is in the level of the highest digit, to base 256, in which it differs from now: so a slot of level 0 holds
//! one moment, and any other slot lies ahead of now as a whole. When time comes to its beginning its timers move down.

use super::moment::BITS;

/// Bits of a digit.
const DIGIT: u32 = 8;
const SLOTS: usize = 1 << DIGIT;
const LEVELS: usize = (BITS / DIGIT) as usize;

/// The index of no entry.
pub(super) const NONE: u32 = u32::MAX;

/// A slot's index among all of all levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot(u16);

/// The first and the last entry of a slot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    pub(super) first: u32,
    pub(super) last: u32,
}

#[derive(Clone, Debug)]
pub(super) struct Wheel {
    now: u64,
    /// A bit for each slot that is not empty.
    occupied: [[u64; SLOTS / 64]; LEVELS],
    slots: alloc::boxed::Box<[Ends]>,
}

impl Slot {
    fn level(self) -> usize {
        usize::from(self.0) / SLOTS
    }

    fn digit(self) -> usize {
        usize::from(self.0) % SLOTS
    }
}

impl Wheel {
    /// What its slots take.
    pub(super) const LEN_BYTES: usize = SLOTS * LEVELS * size_of::<Ends>();

    pub(super) fn new() -> Self {
        let empty = Ends { first: NONE, last: NONE };
        Self {
            now: 0,
            occupied: [[0; SLOTS / 64]; LEVELS],
            slots: alloc::vec![empty; SLOTS * LEVELS].into_boxed_slice(),
        }
    }

    pub(super) fn now(&self) -> u64 {
        self.now
    }

    /// Time has come to `now`: to the beginning of the next slot, or to where nothing is before it.
    pub(super) fn advance(&mut self, now: u64) {
        self.now = self.now.max(now);
    }

    /// Where a moment belongs; what has passed, to now.
    pub(super) fn slot(&self, moment: u64) -> Slot {
        let moment = moment.max(self.now);
        let highest = u64::BITS - 1 - ((moment ^ self.now) | 1).leading_zeros();
        let level = highest / DIGIT;
        let digit = (moment >> (level * DIGIT)) as usize % SLOTS;
        Slot((level as usize * SLOTS + digit) as u16)
    }

    /// The moment at which a slot begins that is not empty.
    pub(super) fn start(&self, slot: Slot) -> u64 {
        let shift = slot.level() as u32 * DIGIT;
        let above = self.now >> shift >> DIGIT << DIGIT;
        (above + slot.digit() as u64) << shift
    }

    /// The first slot that is not empty, and where it begins. A span comes before the moment that begins with it: its
    /// timers may be due then, too.
    pub(super) fn next(&self) -> Option<(u64, Slot)> {
        let mut next: Option<(u64, Slot)> = None;
        for (level, words) in self.occupied.iter().enumerate() {
            let Some((index, word)) = words.iter().enumerate().find(|(_, word)| **word != 0) else {
                continue;
            };
            let digit = index * 64 + word.trailing_zeros() as usize;
            let slot = Slot((level * SLOTS + digit) as u16);
            let start = self.start(slot);
            if next.is_none_or(|(earliest, _)| start <= earliest) {
                next = Some((start, slot));
            }
        }
        next
    }

    pub(super) fn ends(&self, slot: Slot) -> Ends {
        self.slots[usize::from(slot.0)]
    }

    pub(super) fn set_ends(&mut self, slot: Slot, ends: Ends) {
        self.slots[usize::from(slot.0)] = ends;
        let word = &mut self.occupied[slot.level()][slot.digit() / 64];
        let bit = 1 << (slot.digit() % 64);
        if ends.first == NONE {
            *word &= !bit;
        } else {
            *word |= bit;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timer_queue::moment::LAST;

    fn place(now: u64, moment: u64) -> (usize, usize, u64) {
        let mut wheel = Wheel::new();
        wheel.advance(now);
        let slot = wheel.slot(moment);
        (slot.level(), slot.digit(), wheel.start(slot))
    }

    #[test]
    fn a_moment_belongs_where_it_first_differs_from_now() {
        assert_eq!(place(0, 0), (0, 0, 0));
        assert_eq!(place(0, 255), (0, 255, 255));
        assert_eq!(place(0, 256), (1, 1, 256));
        assert_eq!(place(0, 511), (1, 1, 256));
        assert_eq!(place(255, 256), (1, 1, 256));
        assert_eq!(place(256, 511), (0, 255, 511));
        assert_eq!(place(0x1_23FF, 0x1_2400), (1, 0x24, 0x1_2400));
        assert_eq!(place(0xFFFF, 0x1_0000), (2, 1, 0x1_0000));
        assert_eq!(place(0, LAST), (4, 255, 255 << 32));
        assert_eq!(place(LAST, LAST), (0, 255, LAST));
        assert_eq!(place(1000, 3), (0, 1000 % 256, 1000), "what has passed is due now");
    }

    #[test]
    fn every_slot_begins_within_its_moments_digit() {
        for now in [0, 1, 255, 256, 0xFFFF, 0x12_3456, LAST - 1] {
            for bit in 0..BITS {
                let moment = (now ^ (1 << bit)).max(now);
                let (level, _, start) = place(now, moment);
                assert!(start <= moment && moment - start < 1 << (level as u32 * DIGIT), "{now} {moment}");
                assert!(start > now || level == 0, "{now} {moment}");
            }
        }
    }

    #[test]
    fn of_two_that_begin_together_the_span_is_next() {
        let mut wheel = Wheel::new();
        let one = Ends { first: 0, last: 0 };
        let span = wheel.slot(256);
        wheel.set_ends(span, one);
        wheel.advance(256);
        wheel.set_ends(wheel.slot(256), one);
        assert_eq!(wheel.next(), Some((256, span)));
        wheel.set_ends(span, Ends { first: NONE, last: NONE });
        assert_eq!(wheel.next(), Some((256, wheel.slot(256))));
    }
}
