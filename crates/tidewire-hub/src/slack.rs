//! Rings that keep little more room than they use: an eighth when they grow, a quarter at most (a short one
//! four places). And tables that give room back.

use alloc::collections::VecDeque;

use hashbrown::HashTable;

/// What a ring of that length may keep free when it moves: an eighth, and a short one two places, or one.
fn spare(len: usize) -> usize {
    (len / 8).max((len / 2).clamp(1, 2))
}

/// Appends to a ring, which grows by an eighth at a time and to no more than `max`.
#[inline]
pub(crate) fn push_back<T>(ring: &mut VecDeque<T>, value: T, max: usize) {
    let len = ring.len();
    if len == ring.capacity() {
        ring.reserve_exact(spare(len).min(max.saturating_sub(len)).max(1));
    }
    ring.push_back(value);
}

/// Gives back what a ring keeps too much, at a cost that what was taken out before has paid.
#[inline]
pub(crate) fn give_back<T>(ring: &mut VecDeque<T>) {
    let (len, spare) = (ring.len(), spare(ring.len()));
    if ring.capacity() > len + 2 * spare {
        ring.shrink_to(len + spare);
    }
}

/// Halves a table that is used to less than a quarter, at a cost that what was taken out before has paid.
pub(crate) fn shrink<T>(table: &mut HashTable<T>, hash: impl Fn(&T) -> u64) {
    let (len, capacity) = (table.len(), table.capacity());
    if len < capacity / 4 {
        table.shrink_to(len * 2, hash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The most that a ring may keep.
    fn bound(len: usize) -> usize {
        len + 2 * spare(len)
    }

    #[test]
    fn a_ring_stays_within_its_bound_and_moves_seldom() {
        let mut ring = VecDeque::new();
        let mut moved = 0;
        for round in 0..3_u64 {
            for number in 0..10_000 {
                let before = ring.capacity();
                push_back(&mut ring, number, usize::MAX);
                moved += usize::from(ring.capacity() != before) * ring.len();
                assert!(ring.capacity() <= bound(ring.len()), "{} for {}", ring.capacity(), ring.len());
            }
            while ring.len() as u64 > round {
                let before = ring.capacity();
                ring.pop_front();
                give_back(&mut ring);
                moved += usize::from(ring.capacity() != before) * ring.len();
                assert!(ring.capacity() <= bound(ring.len()), "{} for {}", ring.capacity(), ring.len());
            }
        }
        assert!(moved <= 3 * 20_000 * 9, "{moved}");
        assert_eq!(ring, [9_998, 9_999]);
    }

    #[test]
    fn short_rings_keep_little() {
        let kept = [0, 1, 2, 3, 4, 8, 16, 24, 32, 64].map(|len| bound(len) - len);
        assert_eq!(kept, [2, 2, 2, 2, 4, 4, 4, 6, 8, 16]);
    }

    fn table_of(len: u64) -> HashTable<u64> {
        let mut table = HashTable::new();
        (0..len).for_each(|number| _ = table.insert_unique(number, number, |number| *number));
        table
    }

    fn remove(table: &mut HashTable<u64>, number: u64) {
        table.find_entry(number, |known| *known == number).expect("it was inserted").remove();
    }

    #[test]
    fn a_table_gives_room_back_when_less_than_a_quarter_is_in_use() {
        let mut table = table_of(1000);
        for number in 0..1000 {
            remove(&mut table, number);
            let before = table.capacity();
            shrink(&mut table, |number| *number);
            let (len, after) = (table.len(), table.capacity());
            if len < before / 4 {
                assert!(after < before && after >= 2 * len, "{before} to {after} for {len}");
            } else {
                assert_eq!(after, before, "for {len}");
            }
            assert!((number + 1..1000).all(|left| table.find(left, |known| *known == left).is_some()));
        }
    }

    #[test]
    fn a_table_gives_room_back_however_much_was_taken_out_at_once() {
        let mut table = table_of(1000);
        let full = table.capacity();
        (0..990).for_each(|number| remove(&mut table, number));
        shrink(&mut table, |number| *number);
        assert!(table.capacity() < full / 16, "{}", table.capacity());
    }

    #[test]
    fn a_ring_does_not_grow_beyond_what_it_may_hold() {
        let mut ring = VecDeque::new();
        (0..100).for_each(|number| push_back(&mut ring, number, 100));
        assert_eq!(ring.capacity(), 100);
        push_back(&mut ring, 100, 100);
        assert_eq!((ring.len(), ring.capacity()), (101, 101), "the limit is the caller's to keep");
    }
}
