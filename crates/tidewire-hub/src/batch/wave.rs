//! A wave: the batches of all who are ready, one after another.

use core::fmt;

use super::budget::{Budget, Quantum};
use super::parts::Parts;
use super::turn::Seat;
use super::whole::Rest;
use super::{Batch, InboxTurn, MAX_LOOKS, Ring};
use crate::hub::{READY, waiting};
use crate::inbox::CALLED;
use crate::links::Node;
use crate::subscriber::{Attention, First};

/// The first of those that were ready, up to `last`: they had their batches and are caught up on one topic.
/// They go back to that topic's waiting ones together, so that a wave of batches costs one splice and not one
/// move each.
#[derive(Clone, Copy)]
pub(super) struct Run {
    topic: u32,
    last: Node,
}

impl<M> Batch<'_, M> {
    /// Another batch begins.
    #[inline]
    pub(super) fn renew(&mut self, first: First) {
        (self.left, self.looks) = (self.budget, MAX_LOOKS);
        (self.first, self.inbox, self.ring) = (first, InboxTurn::from(first), Ring::Unknown);
    }

    /// The first behind the run is caught up as well.
    #[inline]
    pub(super) fn extend_run(&mut self, topic: u32, last: Node) {
        if self.run.is_some_and(|run| run.topic != topic) {
            self.end_run();
        }
        self.run = Some(Run { topic, last });
    }

    pub(super) fn end_run(&mut self) {
        if let Some(Run { topic, last }) = self.run.take() {
            self.parts.turns.splice_up_to(READY, last, waiting(topic));
        }
    }
}

/// One batch after another for those who are ready, from [`Hub::ready_batches`](crate::Hub::ready_batches).
#[must_use = "nobody is given anything unless it is asked for batches"]
pub struct ReadyBatches<'a, M> {
    batch: Batch<'a, M>,
    /// Where the last of them stood, which is where most of them stand.
    rest: Option<Rest<'a, M>>,
}

impl<'a, M> ReadyBatches<'a, M> {
    pub(crate) fn new(parts: Parts<'a, M>, budget: Budget, quantum: Quantum) -> Self {
        Self { batch: Batch::new(parts, None, budget, quantum), rest: None }
    }

    /// The batch of the next subscriber that became ready, in the order of becoming so; `None` when nobody is
    /// left. The one before has ended then, as if it were dropped. A batch may be empty, when all that is
    /// there is skipped.
    ///
    /// (It is lent, and so this is no [`Iterator`].)
    #[expect(clippy::should_implement_trait, reason = "what it gives is lent by itself")]
    #[inline]
    pub fn next(&mut self) -> Option<&mut Batch<'a, M>> {
        self.batch.finish();
        if !self.batch.parts.calls.is_alone(CALLED) && self.next_called() {
            return Some(&mut self.batch);
        }
        let batch = &mut self.batch;
        loop {
            let done = batch.run.map_or(READY, |run| run.last);
            let key = batch.parts.turns.next(done)?;
            let subscription = &batch.parts.subscriptions[key as usize];
            let index = subscription.subscriber;
            if batch.parts.subscribers[index as usize].attention != Attention::Idle {
                // Announced and not yet taken.
                batch.parts.turns.unlink(Node::element(key));
                let mut looks = MAX_LOOKS;
                batch.parts.take_place(key, &mut looks);
                continue;
            }
            batch.reader = Some(index);
            if !self.rest.as_ref().is_some_and(|rest| rest.is_of(subscription)) {
                self.rest = Some(Rest::new(&batch.parts, subscription, batch.budget, batch.quantum));
            }
            batch.whole = self.rest.as_ref().and_then(|rest| rest.whole(key, subscription, Seat::Ready));
            if batch.whole.is_none() {
                batch.renew(First::Inbox);
                (batch.inbox, batch.ring) = (InboxTurn::Over, Ring::Empty);
                batch.begin_turn(key, Seat::Ready);
            }
            return Some(batch);
        }
    }

    /// Whether there is one that was sent something; then the batch is its.
    #[cold]
    fn next_called(&mut self) -> bool {
        let batch = &mut self.batch;
        while let Some(index) = batch.parts.calls.pop_front(CALLED) {
            let subscriber = &mut batch.parts.subscribers[index as usize];
            if subscriber.attention == Attention::Idle {
                subscriber.attention = Attention::Announced;
                let first = subscriber.first;
                batch.reader = Some(index);
                batch.renew(first);
                return true;
            }
        }
        false
    }
}

impl<M> fmt::Debug for ReadyBatches<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadyBatches").finish_non_exhaustive()
    }
}
