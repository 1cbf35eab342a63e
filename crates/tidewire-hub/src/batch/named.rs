//! Batches for some who are named, one after another.

use core::fmt;

use super::Batch;
use super::budget::{Budget, Quantum};
use super::parts::Parts;
use super::turn::Seat;
use super::whole::{Lent, Likeness, Rest};
use crate::hub::of_subscriber;
use crate::links::Node;
use crate::subscriber::{Attention, First, SubscriberId};

/// One batch after another for those who are named, from [`Hub::batches`](crate::Hub::batches).
#[must_use = "nobody is given anything unless it is asked for batches"]
pub struct Batches<'a, M> {
    batch: Batch<'a, M>,
    /// Where the last of them stood, which is where most of them stand.
    rest: Option<Rest<'a, M>>,
    lent: Lent,
}

impl<'a, M> Batches<'a, M> {
    pub(crate) fn new(parts: Parts<'a, M>, budget: Budget, quantum: Quantum) -> Self {
        Self { batch: Batch::new(parts, None, budget, quantum), rest: None, lent: Lent::Other }
    }

    /// What [`Hub::batch`](crate::Hub::batch) would lend; the batch before has ended then, as if it were dropped.
    #[inline]
    pub fn of(&mut self, id: SubscriberId) -> &mut Batch<'a, M> {
        self.batch.finish();
        self.begin(id);
        &mut self.batch
    }

    #[inline]
    fn begin(&mut self, id: SubscriberId) {
        let before = core::mem::replace(&mut self.lent, Lent::Other);
        let batch = &mut self.batch;
        let subscriber = batch.parts.subscribers.get(id.index as usize);
        let served =
            subscriber.filter(|found| found.serial == id.serial && found.attention != Attention::Dismissed);
        let Some(subscriber) = served else {
            batch.renew(First::Inbox);
            return;
        };
        let (first, has_inbox) = (subscriber.first, subscriber.inbox.is_some());
        batch.reader = Some(id.index);
        if first == First::Topic || has_inbox || !self.begin_whole(id.index, before) {
            self.batch.renew(first);
        }
    }

    /// Whether one topic has something, and its reader is given all of it.
    #[inline]
    fn begin_whole(&mut self, reader: u32, before: Lent) -> bool {
        let batch = &mut self.batch;
        let turns = &batch.parts.turns;
        let Some(key) = turns.next(of_subscriber(reader)) else { return false };
        if turns.next(Node::element(key)).is_some() {
            return false;
        }
        let subscription = &batch.parts.subscriptions[key as usize];
        let is_known = self.rest.as_ref().is_some_and(|rest| rest.is_of(subscription));
        if !is_known {
            self.rest = Some(Rest::new(&batch.parts, subscription, batch.budget, batch.quantum));
        }
        let whole = self.rest.as_ref().and_then(|rest| rest.whole(key, subscription, Seat::Ring));
        // Where nothing is behind it, its other topics are looked at before it is said to have nothing.
        batch.whole = whole.filter(|whole| !whole.left.is_empty());
        let Some(whole) = &mut batch.whole else { return false };
        if is_known && before == Lent::Rest {
            whole.likeness = Likeness::AsBefore;
        }
        self.lent = Lent::Rest;
        true
    }
}

impl<M> fmt::Debug for Batches<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batches").finish_non_exhaustive()
    }
}
