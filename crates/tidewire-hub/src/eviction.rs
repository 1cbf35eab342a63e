//! Which topic pays when the hub is full: the topics that hold messages, in classes by the bytes that they
//! hold.
//!
//! A class spans an eighth of a power of two, so the topics in the highest one hold within an eighth as much
//! as the largest topic. The largest holds at least the average, hence nobody pays who holds less than seven
//! eighths of a fair share. Within a class turns go round. Every step takes constant time, however many
//! topics there are.

use crate::links::{Kind, Links, Node};

/// Enough for every `usize` of 64 bits.
const CLASSES: usize = 496;
const WORDS: usize = CLASSES.div_ceil(64);

/// The topics that hold messages, by size.
#[derive(Debug)]
pub(crate) struct Sizes {
    lists: Links,
    /// A bit for each class that has topics.
    occupied: [u64; WORDS],
}

/// The class of a size: its highest four bits, and where they stand.
fn class(len_bytes: usize) -> usize {
    let len = len_bytes as u64;
    if len < 8 {
        return len as usize;
    }
    let exponent = len.ilog2() as usize;
    (exponent - 2) * 8 + (len >> (exponent - 3) & 7) as usize
}

fn head(class: usize) -> Node {
    Node::new(Kind::First, class as u32)
}

impl Sizes {
    pub(crate) fn new() -> Self {
        let mut lists = Links::default();
        lists.admit(head(CLASSES - 1));
        Self { lists, occupied: [0; WORDS] }
    }

    /// A topic's place in line: it holds `after` bytes, and held `before`.
    #[inline]
    pub(crate) fn moved(&mut self, topic: u32, before: usize, after: usize) {
        if before != after && class(before) != class(after) {
            self.relink(topic, before, after);
        }
    }

    /// The same after it paid: it goes to the end of the line.
    pub(crate) fn paid(&mut self, topic: u32, before: usize, after: usize) {
        self.relink(topic, before, after);
    }

    #[cold]
    fn relink(&mut self, topic: u32, before: usize, after: usize) {
        self.lists.admit(Node::element(topic));
        self.lists.unlink(Node::element(topic));
        let (from, to) = (class(before), class(after));
        if self.lists.is_alone(head(from)) {
            self.occupied[from / 64] &= !(1 << (from % 64));
        }
        if after > 0 {
            self.lists.push_back(head(to), Node::element(topic));
            self.occupied[to / 64] |= 1 << (to % 64);
        }
    }

    /// The topic whose turn it is among the largest; `None` when no topic holds a byte.
    pub(crate) fn largest(&self) -> Option<u32> {
        let word = self.occupied.iter().rposition(|word| *word != 0)?;
        let class = word * 64 + self.occupied[word].ilog2() as usize;
        self.lists.next(head(class))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_rise_with_the_size_and_span_an_eighth() {
        assert_eq!([class(0), class(1), class(7), class(8), class(15), class(16)], [0, 1, 7, 8, 15, 16]);
        assert!(class(usize::MAX) < CLASSES);
        let mut size = 8_usize;
        while size < usize::MAX / 2 {
            assert!(class(size) <= class(size + 1));
            assert_ne!(class(size), class(size + size / 8 + 1), "{size}");
            size += size / 64 + 1;
        }
    }

    #[test]
    fn the_largest_pays_and_equals_take_turns() {
        let mut sizes = Sizes::new();
        assert_eq!(sizes.largest(), None);
        sizes.moved(0, 0, 100);
        sizes.moved(1, 0, 5000);
        sizes.moved(2, 0, 5000);
        assert_eq!(sizes.largest(), Some(1));
        sizes.paid(1, 5000, 4999);
        assert_eq!(sizes.largest(), Some(2));
        sizes.paid(2, 5000, 4999);
        assert_eq!(sizes.largest(), Some(1));
        sizes.paid(1, 4999, 50);
        sizes.paid(2, 4999, 0);
        assert_eq!(sizes.largest(), Some(0));
        sizes.paid(0, 100, 0);
        assert_eq!(sizes.largest(), Some(1));
        sizes.paid(1, 50, 0);
        assert_eq!(sizes.largest(), None);
    }

    #[test]
    fn growing_within_a_class_keeps_the_turn() {
        let mut sizes = Sizes::new();
        sizes.moved(0, 0, 1024);
        sizes.moved(1, 0, 1024);
        sizes.moved(0, 1024, 1030);
        assert_eq!(sizes.largest(), Some(0));
    }
}
