//! Memory that one event leaves to the next, for as long as they need it.

use alloc::vec::Vec;

/// Scratch of this size is always kept.
const SMALL_LEN: usize = 4 * 1024;

/// After so many events in a row that needed less than a quarter of it, larger scratch is given back.
const MAX_SPARE_EVENTS: u8 = 16;

/// A buffer that is filled and emptied again and again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scratch {
    bytes: Vec<u8>,
    /// The most that this event needed.
    needed: usize,
    /// Events in a row that needed little.
    spare_events: u8,
}

impl Scratch {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    #[inline]
    pub(crate) fn append(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Appends a line and its LF.
    #[inline]
    pub(crate) fn append_line(&mut self, line: &[u8]) {
        self.bytes.reserve(line.len() + 1);
        self.bytes.extend_from_slice(line);
        self.bytes.push(b'\n');
    }

    #[inline]
    pub(crate) fn append_byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    /// Empties it.
    #[inline]
    pub(crate) fn clear(&mut self) {
        self.needed = self.needed.max(self.bytes.len());
        self.bytes.clear();
    }

    /// Empties it at the end of an event.
    #[inline]
    pub(crate) fn end_event(&mut self) {
        if self.bytes.capacity() > SMALL_LEN {
            self.weigh();
        }
        self.bytes.clear();
    }

    /// Gives large scratch back that has become too large.
    fn weigh(&mut self) {
        self.clear();
        if core::mem::take(&mut self.needed) > self.bytes.capacity() / 4 {
            self.spare_events = 0;
            return;
        }
        self.spare_events += 1;
        if self.spare_events == MAX_SPARE_EVENTS {
            *self = Self::default();
        }
    }

    /// Gives it back, whatever is in it.
    pub(crate) fn free(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(scratch: &mut Scratch, needed: usize) {
        for _ in 0..needed {
            scratch.append_byte(b'x');
        }
        scratch.end_event();
    }

    #[test]
    fn large_scratch_is_kept_while_it_is_needed() {
        let mut scratch = Scratch::default();
        event(&mut scratch, 100_000);
        let capacity = scratch.capacity();
        for _ in 0..10 {
            (0..MAX_SPARE_EVENTS - 1).for_each(|_| event(&mut scratch, capacity / 4));
            assert_eq!(scratch.capacity(), capacity);
            event(&mut scratch, capacity / 4 + 1);
        }
        (0..MAX_SPARE_EVENTS).for_each(|_| event(&mut scratch, capacity / 4));
        assert_eq!(scratch.capacity(), 0);
    }

    #[test]
    fn what_an_event_needed_in_between_counts() {
        let mut scratch = Scratch::default();
        for _ in 0..100 {
            scratch.append(&[b'x'; 50_000]);
            scratch.clear();
            event(&mut scratch, 0);
            assert!(scratch.capacity() >= 50_000);
        }
    }

    #[test]
    fn small_scratch_is_always_kept() {
        for (len, kept) in [(4096, 4096), (4097, 0)] {
            let mut scratch = Scratch { bytes: Vec::with_capacity(len), ..Scratch::default() };
            (0..100).for_each(|_| event(&mut scratch, 0));
            assert_eq!(scratch.capacity(), kept, "{len}");
        }
    }

    #[test]
    fn a_line_and_its_ending_grow_it_once() {
        let mut scratch = Scratch::default();
        scratch.append_line(&[b'x'; 1_000]);
        assert_eq!(scratch.len(), 1_001);
        assert!(scratch.capacity() < 2_000, "{}", scratch.capacity());
    }
}
