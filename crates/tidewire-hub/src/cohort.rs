//! Cohorts: subscribers whom one caller serves, who is called once for all of them.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::num::{NonZeroU16, NonZeroU32};

use slab::Slab;

use crate::batch::MAX_LOOKS;
use crate::hub::{Hub, READY, of_subscriber, waiting};
use crate::links::{Kind, Node};
use crate::message::Message;
use crate::subscriber::{Attention, Flow, SubscriberId};

/// Subscribers whom one caller serves, by a number of its own. They are not named one by one: their cohort is, by
/// [`Hub::poll_cohort`], and [`Hub::ready_batches_of`] has the batches of those of it who are ready. So what is published for
/// very many of them costs next to nothing until they are served.
///
/// Numbers are to be small: the hub keeps 36 bytes for each up to the largest that it has seen. (And 24 for each topic that
/// some of a cohort follow.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cohort(NonZeroU16);

impl Cohort {
    /// The cohort of that number.
    #[must_use]
    pub const fn new(number: NonZeroU16) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> NonZeroU16 {
        self.0
    }

    const fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// The list in which those of a cohort wait who are caught up on a topic: the index of its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Waits(NonZeroU32);

impl Waits {
    const fn node(self) -> Node {
        Node::new(Kind::Third, self.0.get())
    }
}

/// What is known of a list by its head.
#[derive(Debug, Default)]
struct Head {
    cohort: Option<Cohort>,
    /// Subscriptions that wait there whenever they are caught up.
    members: u32,
    /// The next list of its topic.
    next: Option<Waits>,
}

/// All cohorts.
#[derive(Debug)]
pub(crate) struct Cohorts {
    /// By number.
    known: Vec<Known>,
    /// Those that are yet to be named.
    called: VecDeque<Cohort>,
    /// By index among the nodes of the third family, those heads of lists that are in use: where a cohort's are ready, and where
    /// they wait.
    heads: Slab<Head>,
}

#[derive(Debug)]
struct Known {
    /// The head of those subscriptions that became ready.
    ready: Node,
    calls: Calls,
}

/// Whether the caller knows that some of a cohort are ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Calls {
    /// None are, as far as it was told.
    None,
    /// It is to be named.
    Waiting,
    /// It was, and has yet to serve the last of them.
    Named,
}

impl Cohorts {
    pub(crate) fn new() -> Self {
        let mut cohorts = Self { known: Vec::new(), called: VecDeque::new(), heads: Slab::new() };
        // Of those who are in none.
        let ready = cohorts.insert(Head::default());
        debug_assert_eq!(ready, READY.index() as u32);
        cohorts
    }

    fn insert(&mut self, head: Head) -> u32 {
        self.heads.insert(head) as u32
    }

    fn head(&mut self, waits: Waits) -> &mut Head {
        &mut self.heads[waits.0.get() as usize]
    }

    /// Where subscriptions become ready.
    #[inline]
    pub(crate) fn ready(&self, cohort: Option<Cohort>) -> Node {
        cohort.map_or(READY, |cohort| self.known[cohort.index()].ready)
    }

    /// Whether it is known.
    pub(crate) fn has(&self, cohort: Cohort) -> bool {
        cohort.index() < self.known.len()
    }

    /// Nobody of it is left who is ready: it is called again when others are.
    pub(crate) fn rest(&mut self, cohort: Cohort) {
        let calls = &mut self.known[cohort.index()].calls;
        if *calls == Calls::Named {
            *calls = Calls::None;
        }
    }

    /// Some of it are ready.
    fn call(&mut self, cohort: Cohort) {
        let calls = &mut self.known[cohort.index()].calls;
        if *calls == Calls::None {
            *calls = Calls::Waiting;
            self.called.push_back(cohort);
        }
    }
}

impl<M: Message> Hub<M> {
    /// From here on a subscriber is served with a cohort, and with no other. What is there for it already the caller comes for:
    /// it may count as named. (What it is [sent](Hub::send_to) alone, [`Hub::poll_ready`] names it for all the same.)
    ///
    /// # Cost
    /// A step for each topic that it follows.
    pub fn serve_with(&mut self, id: SubscriberId, cohort: Cohort) {
        let Some(before) = self.subscriber(id).map(|subscriber| subscriber.cohort) else { return };
        while self.cohorts.known.len() <= cohort.index() {
            let ready = Node::new(Kind::Third, self.cohorts.insert(Head::default()));
            self.turns.admit(ready);
            self.cohorts.known.push(Known { ready, calls: Calls::None });
        }
        self.subscribers[id.index as usize].cohort = Some(cohort);
        let mut next = self.siblings.next(of_subscriber(id.index));
        while let Some(key) = next {
            next = self.siblings.next(Node::element(key));
            let topic = self.subscriptions[key as usize].topic;
            let waits = self.join_waits(topic, Some(cohort));
            let subscription = &mut self.subscriptions[key as usize];
            subscription.waits = waits;
            if subscription.flow == Flow::Open {
                self.parts().take_place(key, &mut { MAX_LOOKS });
            }
            // None of its own waits there any more.
            self.leave_waits(topic, before);
        }
        let attention = &mut self.subscribers[id.index as usize].attention;
        if *attention == Attention::Idle && !self.turns.is_alone(of_subscriber(id.index)) {
            *attention = Attention::Announced;
        }
    }

    /// The next cohort of which some became ready. It is named once, until nobody is left in [`Hub::ready_batches_of`] it: who
    /// leaves some comes back by itself. [`Hub::publish`], [`Hub::subscribe`] and [`Hub::resume`] may change the answer from
    /// `None`.
    #[must_use = "a cohort is named once"]
    pub fn poll_cohort(&mut self) -> Option<Cohort> {
        let cohort = self.cohorts.called.pop_front()?;
        self.cohorts.known[cohort.index()].calls = Calls::Named;
        Some(cohort)
    }

    /// Whoever waits for a topic is ready.
    #[inline]
    pub(crate) fn wake(&mut self, topic: u32) {
        self.turns.splice(waiting(topic), READY);
        let mut next = self.topics[topic].waits;
        while let Some(waits) = next {
            let Head { cohort, next: behind, .. } = *self.cohorts.head(waits);
            next = behind;
            if !self.turns.is_alone(waits.node()) {
                self.turns.splice(waits.node(), self.cohorts.ready(cohort));
                cohort.into_iter().for_each(|cohort| self.cohorts.call(cohort));
            }
        }
    }

    /// A subscription that is in no list is ready.
    pub(crate) fn push_ready(&mut self, key: u32) {
        let cohort = self.subscribers[self.subscriptions[key as usize].subscriber as usize].cohort;
        self.turns.push_back(self.cohorts.ready(cohort), Node::element(key));
        cohort.into_iter().for_each(|cohort| self.cohorts.call(cohort));
    }

    /// Where a subscription to a topic waits whose subscriber is of that cohort.
    pub(crate) fn join_waits(&mut self, topic: u32, cohort: Option<Cohort>) -> Node {
        if cohort.is_none() {
            return waiting(topic);
        }
        if let Some((waits, _)) = self.find_waits(topic, cohort) {
            self.cohorts.head(waits).members += 1;
            return waits.node();
        }
        let next = self.topics[topic].waits;
        let index = self.cohorts.insert(Head { cohort, members: 1, next });
        let waits = NonZeroU32::new(index).map(Waits);
        self.topics[topic].waits = waits;
        let node = Node::new(Kind::Third, index);
        self.turns.admit(node);
        node
    }

    /// One that may have waited there, and does not, is gone.
    pub(crate) fn leave_waits(&mut self, topic: u32, cohort: Option<Cohort>) {
        let Some((waits, before)) = self.find_waits(topic, cohort) else { return };
        let head = self.cohorts.head(waits);
        head.members -= 1;
        if head.members > 0 {
            return;
        }
        debug_assert!(self.turns.is_alone(waits.node()), "nobody is left behind");
        let next = self.cohorts.heads.remove(waits.0.get() as usize).next;
        match before {
            Some(before) => self.cohorts.head(before).next = next,
            None => self.topics[topic].waits = next,
        }
    }

    /// The list of a cohort among those of a topic, and the one before it.
    fn find_waits(&mut self, topic: u32, cohort: Option<Cohort>) -> Option<(Waits, Option<Waits>)> {
        let (mut before, mut next) = (None, self.topics[topic].waits);
        while let Some(waits) = next {
            let head = self.cohorts.head(waits);
            if head.cohort == cohort {
                return Some((waits, before));
            }
            (before, next) = (next, head.next);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_records_stay_small() {
        // A slab marks a vacant place with at most one word, and a head has two links.
        let known = size_of::<Known>() + size_of::<Head>() + 8 + 8;
        assert!(known <= 36, "{known}");
    }
}
