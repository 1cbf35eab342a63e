//! Intrusive circular doubly linked lists with sentinels, in arrays beside the records that they order.
//!
//! A node is named by its kind and index, so a record is linked, unlinked or moved without any allocation,
//! without knowing which list it is in, and a whole list is spliced onto another by writing four numbers. A
//! fresh or unlinked node is a ring of itself.

use alloc::vec::Vec;

/// What a node stands for: an element of lists, or the head (sentinel) of one of three families of lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Kind {
    /// An element.
    Element = 0,
    /// Heads of the first family.
    First = 1,
    /// Heads of the second family.
    Second = 2,
    /// Heads of the third family.
    Third = 3,
}

const INDEX_BITS: u32 = 30;
const INDEX_MASK: u32 = (1 << INDEX_BITS) - 1;

/// A node's name: two bits of kind, thirty of index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Node(u32);

impl Node {
    pub(crate) const fn new(kind: Kind, index: u32) -> Self {
        Self((kind as u32) << INDEX_BITS | index)
    }

    /// The element with that index.
    pub(crate) const fn element(index: u32) -> Self {
        Self::new(Kind::Element, index)
    }

    #[inline]
    const fn family(self) -> usize {
        (self.0 >> INDEX_BITS) as usize
    }

    #[inline]
    pub(crate) const fn index(self) -> usize {
        (self.0 & INDEX_MASK) as usize
    }

    #[inline]
    const fn is_element(self) -> bool {
        self.family() == Kind::Element as usize
    }
}

#[derive(Clone, Copy, Debug)]
struct Link {
    previous: Node,
    next: Node,
}

/// The links of every node of one set of lists; an element is in at most one list of the set.
#[derive(Debug, Default)]
pub(crate) struct Links {
    links: [Vec<Link>; 4],
    #[cfg(test)]
    pub(crate) writes: usize,
}

impl Links {
    /// Makes room for a node. It is a ring of itself from then on, until it is linked.
    pub(crate) fn admit(&mut self, node: Node) {
        let family = &mut self.links[node.family()];
        while family.len() <= node.index() {
            let fresh = Node(node.0 & !INDEX_MASK | family.len() as u32);
            family.push(Link { previous: fresh, next: fresh });
        }
    }

    #[inline]
    fn link(&self, node: Node) -> Link {
        self.links[node.family()][node.index()]
    }

    #[inline]
    fn join(&mut self, left: Node, right: Node) {
        #[cfg(test)]
        {
            self.writes += 2;
        }
        self.links[left.family()][left.index()].next = right;
        self.links[right.family()][right.index()].previous = left;
    }

    /// Whether a list has no element, or an element is in no list.
    #[inline]
    pub(crate) fn is_alone(&self, node: Node) -> bool {
        self.link(node).next == node
    }

    /// The index of the element behind `node` (a head or an element), if there is one.
    #[inline]
    pub(crate) fn next(&self, node: Node) -> Option<u32> {
        let next = self.link(node).next;
        next.is_element().then_some(next.0)
    }

    /// Appends an element that is in no list.
    #[inline]
    pub(crate) fn push_back(&mut self, head: Node, element: Node) {
        debug_assert!(self.is_alone(element), "an element is in one list at a time");
        let last = self.link(head).previous;
        self.join(last, element);
        self.join(element, head);
    }

    /// Takes the first element out of a list.
    #[inline]
    pub(crate) fn pop_front(&mut self, head: Node) -> Option<u32> {
        let first = self.next(head)?;
        let next = self.link(Node::element(first)).next;
        self.join(head, next);
        self.join(Node::element(first), Node::element(first));
        Some(first)
    }

    /// Takes an element out of whatever list it is in; nothing happens when it is in none.
    #[inline]
    pub(crate) fn unlink(&mut self, element: Node) {
        let Link { previous, next } = self.link(element);
        self.join(previous, next);
        self.join(element, element);
    }

    /// Moves an element from whatever list it is in to the end of another.
    #[inline]
    pub(crate) fn move_back(&mut self, head: Node, element: Node) {
        self.unlink(element);
        self.push_back(head, element);
    }

    /// Moves an element from whatever list it is in to the beginning of another.
    pub(crate) fn move_front(&mut self, head: Node, element: Node) {
        self.unlink(element);
        let first = self.link(head).next;
        self.join(head, element);
        self.join(element, first);
    }

    /// Appends the elements of one list, from its first to `last`, to another, in order, in constant time.
    #[inline]
    pub(crate) fn splice_up_to(&mut self, from: Node, last: Node, to: Node) {
        let first = self.link(from).next;
        let rest = self.link(last).next;
        let end = self.link(to).previous;
        self.join(end, first);
        self.join(last, to);
        self.join(from, rest);
    }

    /// Appends all elements of one list to another, in order, in constant time.
    #[inline]
    pub(crate) fn splice(&mut self, from: Node, to: Node) {
        if self.is_alone(from) {
            return;
        }
        let Link { previous: last, next: first } = self.link(from);
        let end = self.link(to).previous;
        self.join(end, first);
        self.join(last, to);
        self.join(from, from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Node = Node::new(Kind::First, 0);
    const B: Node = Node::new(Kind::Second, 7);

    fn links(elements: u32) -> Links {
        let mut links = Links::default();
        links.admit(A);
        links.admit(B);
        for index in 0..elements {
            links.admit(Node::element(index));
        }
        links
    }

    fn list(links: &Links, head: Node) -> Vec<u32> {
        let mut found = Vec::new();
        let mut node = head;
        while let Some(index) = links.next(node) {
            found.push(index);
            node = Node::element(index);
        }
        found
    }

    #[test]
    fn elements_come_in_the_order_they_were_pushed() {
        let mut links = links(3);
        for index in [2, 0, 1] {
            links.push_back(A, Node::element(index));
        }
        assert_eq!(list(&links, A), [2, 0, 1]);
        links.move_back(A, Node::element(2));
        assert_eq!(list(&links, A), [0, 1, 2]);
        links.move_front(A, Node::element(1));
        assert_eq!(list(&links, A), [1, 0, 2]);
        links.move_front(B, Node::element(0));
        assert_eq!((list(&links, A), list(&links, B)), (alloc::vec![1, 2], alloc::vec![0]));
    }

    #[test]
    fn unlinking_needs_no_list_and_may_be_repeated() {
        let mut links = links(3);
        for index in 0..3 {
            links.push_back(B, Node::element(index));
        }
        links.unlink(Node::element(1));
        links.unlink(Node::element(1));
        assert_eq!(list(&links, B), [0, 2]);
        assert_eq!(links.pop_front(B), Some(0));
        assert!(links.is_alone(Node::element(0)));
        assert_eq!((links.pop_front(B), links.pop_front(B)), (Some(2), None));
        assert!(links.is_alone(B));
    }

    #[test]
    fn a_splice_keeps_both_orders_and_writes_the_same_for_any_length() {
        let mut work = [0; 2];
        for (round, count) in [2_u32, 1000].into_iter().enumerate() {
            let mut links = links(count + 1);
            for index in 0..count {
                links.push_back(A, Node::element(index));
            }
            links.push_back(B, Node::element(count));
            let before = links.writes;
            links.splice(A, B);
            work[round] = links.writes - before;
            assert!(links.is_alone(A));
            let mut expected: Vec<u32> = alloc::vec![count];
            expected.extend(0..count);
            assert_eq!(list(&links, B), expected);
        }
        assert_eq!(work[0], work[1]);
    }

    #[test]
    fn a_splice_of_the_first_few_leaves_the_rest() {
        for (last, moved, left) in [(0, 1, 4), (2, 3, 2), (4, 5, 0)] {
            let mut links = links(6);
            (0..5).for_each(|index| links.push_back(A, Node::element(index)));
            links.push_back(B, Node::element(5));
            links.splice_up_to(A, Node::element(last), B);
            assert_eq!(list(&links, A), (5 - left..5).collect::<Vec<u32>>());
            let expected: Vec<u32> = core::iter::once(5).chain(0..moved).collect();
            assert_eq!(list(&links, B), expected);
            links.splice(B, A);
            assert_eq!(list(&links, A).len(), 6);
        }
    }

    #[test]
    fn splicing_an_empty_list_changes_nothing() {
        let mut links = links(1);
        links.push_back(B, Node::element(0));
        links.splice(A, B);
        assert_eq!(list(&links, B), [0]);
        links.splice(B, A);
        links.splice(B, A);
        assert_eq!(list(&links, A), [0]);
    }
}
