//! A wave: the batches of all who are ready, one after another.

use core::fmt;

use super::budget::{Budget, Quantum};
use super::parts::Parts;
use super::turn::Seat;
use super::whole::{Lent, Likeness, Rest};
use super::{Batch, InboxTurn, MAX_LOOKS, Ring};
use crate::cohort::Cohort;
use crate::hub::{READY, of_subscriber};
use crate::inbox::CALLED;
use crate::links::Node;
use crate::subscriber::{Attention, First, SubscriberId};

/// The first of those that were ready, up to `last`: they had their batches and are caught up on one topic.
/// They go back to that topic's waiting ones together, so that a wave of batches costs one splice and not one
/// move each.
#[derive(Clone, Copy)]
pub(super) struct Run {
    /// The list of those who wait.
    waits: Node,
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
    pub(super) fn extend_run(&mut self, waits: Node, last: Node) {
        if self.run.is_some_and(|run| run.waits != waits) {
            self.end_run();
        }
        self.run = Some(Run { waits, last });
    }

    pub(super) fn end_run(&mut self) {
        if let Some(Run { waits, last }) = self.run.take() {
            self.parts.turns.splice_up_to(self.ready, last, waits);
        }
    }
}

/// Batches for those who are in a list of ready ones, one after another.
struct Wave<'a, M> {
    batch: Batch<'a, M>,
    /// Where the last of them stood, which is where most of them stand.
    rest: Option<Rest<'a, M>>,
    lent: Lent,
    /// How many may be put off yet, and messages be looked at for them.
    looks: usize,
}

impl<'a, M> Wave<'a, M> {
    fn new(parts: Parts<'a, M>, budget: Budget, quantum: Quantum, ready: Node) -> Self {
        let mut batch = Batch::new(parts, None, budget, quantum);
        batch.ready = ready;
        Self { batch, rest: None, lent: Lent::Other, looks: usize::MAX }
    }

    /// Begins the batch of the next who is ready and served; who is not is put off.
    #[inline]
    fn next(&mut self, mut serves: impl FnMut(SubscriberId) -> bool) -> Option<&mut Batch<'a, M>> {
        loop {
            let batch = &mut self.batch;
            let done = batch.run.map_or(batch.ready, |run| run.last);
            let key = batch.parts.turns.next(done)?;
            let index = batch.parts.subscriptions[key as usize].subscriber;
            let subscriber = &batch.parts.subscribers[index as usize];
            let id = SubscriberId { index, serial: subscriber.serial };
            // One that is announced has what it has yet to take in hand elsewhere.
            if subscriber.attention != Attention::Idle || !serves(id) {
                self.put_off(key, index);
                if self.looks == 0 {
                    return None;
                }
                continue;
            }
            if subscriber.inbox.is_some() {
                self.begin_with_inbox(key, index);
            } else {
                self.begin(key, index);
            }
            return Some(&mut self.batch);
        }
    }

    #[inline]
    fn begin(&mut self, key: u32, index: u32) {
        let before = core::mem::replace(&mut self.lent, Lent::Other);
        let batch = &mut self.batch;
        batch.reader = Some(index);
        let subscription = &batch.parts.subscriptions[key as usize];
        let is_known = self.rest.as_ref().is_some_and(|rest| rest.is_of(subscription));
        if !is_known {
            self.rest = Some(Rest::new(&batch.parts, subscription, batch.budget, batch.quantum));
        }
        batch.whole = self.rest.as_ref().and_then(|rest| rest.whole(key, subscription, Seat::Ready));
        match &mut batch.whole {
            Some(whole) => {
                if is_known && before == Lent::Rest {
                    whole.likeness = Likeness::AsBefore;
                }
                self.lent = Lent::Rest;
            }
            None => {
                batch.renew(First::Inbox);
                (batch.inbox, batch.ring) = (InboxTurn::Over, Ring::Empty);
                batch.begin_turn(key, Seat::Ready);
            }
        }
    }

    /// What was sent to it alone comes before what is ready.
    #[cold]
    fn begin_with_inbox(&mut self, key: u32, index: u32) {
        self.lent = Lent::Other;
        let batch = &mut self.batch;
        batch.parts.take_place(key, &mut { MAX_LOOKS });
        let subscriber = &mut batch.parts.subscribers[index as usize];
        subscriber.attention = Attention::Announced;
        let first = subscriber.first;
        batch.reader = Some(index);
        batch.renew(first);
    }

    /// It stays for who comes back for it.
    #[cold]
    fn put_off(&mut self, key: u32, index: u32) {
        let parts = &mut self.batch.parts;
        let looks = self.looks.min(MAX_LOOKS);
        let mut left = looks;
        parts.take_place(key, &mut left);
        self.looks = self.looks.saturating_sub(1 + looks - left);
        let attention = &mut parts.subscribers[index as usize].attention;
        if *attention == Attention::Idle && !parts.turns.is_alone(of_subscriber(index)) {
            *attention = Attention::Announced;
        }
    }
}

/// One batch after another for those who are ready, from [`Hub::ready_batches`](crate::Hub::ready_batches).
#[must_use = "nobody is given anything unless it is asked for batches"]
pub struct ReadyBatches<'a, M> {
    wave: Wave<'a, M>,
}

impl<'a, M> ReadyBatches<'a, M> {
    pub(crate) fn new(parts: Parts<'a, M>, budget: Budget, quantum: Quantum) -> Self {
        Self { wave: Wave::new(parts, budget, quantum, READY) }
    }

    /// The batch of the next subscriber that became ready, in the order of becoming so; `None` when nobody is
    /// left. The one before has ended then, as if it were dropped. A batch may be empty, when all that is
    /// there is skipped.
    ///
    /// (It is lent, and so this is no [`Iterator`].)
    #[expect(clippy::should_implement_trait, reason = "what it gives is lent by itself")]
    #[inline]
    pub fn next(&mut self) -> Option<&mut Batch<'a, M>> {
        self.wave.batch.finish();
        if !self.wave.batch.parts.calls.is_alone(CALLED) && self.next_called() {
            return Some(&mut self.wave.batch);
        }
        self.wave.next(|_| true)
    }

    /// Whether there is one that was sent something; then the batch is its.
    #[cold]
    fn next_called(&mut self) -> bool {
        self.wave.lent = Lent::Other;
        let batch = &mut self.wave.batch;
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

/// One batch after another for those of a cohort who are ready, from [`Hub::ready_batches_of`](crate::Hub::ready_batches_of).
#[must_use = "nobody is given anything unless it is asked for batches"]
pub struct CohortBatches<'a, M> {
    wave: Wave<'a, M>,
    cohort: Cohort,
}

impl<'a, M> CohortBatches<'a, M> {
    pub(crate) fn new(parts: Parts<'a, M>, budget: Budget, quantum: Quantum, cohort: Cohort) -> Self {
        let ready = parts.cohorts.ready(Some(cohort));
        let mut wave = Wave::new(parts, budget, quantum, ready);
        wave.looks = MAX_LOOKS;
        Self { wave, cohort }
    }

    /// As [`ReadyBatches::next`], of those whom the caller `serves` now. Who is not is to be come back for, as one that was
    /// named: with [`Hub::batches`](crate::Hub::batches), once its socket has room. `None`, too, when [`MAX_LOOKS`] were put off
    /// so.
    #[inline]
    pub fn next_if(&mut self, serves: impl FnMut(SubscriberId) -> bool) -> Option<&mut Batch<'a, M>> {
        self.wave.batch.finish();
        self.wave.next(serves)
    }
}

impl<M> CohortBatches<'_, M> {
    /// Lets those take all of it who come next, whom the caller `serves`, and whose batch would be the same as the one before,
    /// message for message: it ends with the first of whom that is not so, and who is not served is not put off by it.
    #[inline]
    pub fn take_as_before_while(&mut self, mut serves: impl FnMut(SubscriberId) -> bool) {
        let Wave { batch, rest, lent, .. } = &mut self.wave;
        batch.finish();
        let Some(rest) = rest.as_ref().filter(|_| *lent == Lent::Rest) else { return };
        while let Some(key) = batch.parts.turns.next(batch.run.map_or(batch.ready, |run| run.last)) {
            let subscription = &mut batch.parts.subscriptions[key as usize];
            let index = subscription.subscriber;
            let subscriber = &batch.parts.subscribers[index as usize];
            let is_alike = rest.is_of(subscription)
                && rest.is_for(subscription)
                && subscriber.attention == Attention::Idle
                && subscriber.inbox.is_none();
            if !is_alike || !serves(SubscriberId { index, serial: subscriber.serial }) {
                return;
            }
            subscription.offset = rest.head();
            let waits = subscription.waits;
            batch.extend_run(waits, Node::element(key));
        }
    }

    /// Whether nobody is left. Else the caller comes back for them by itself.
    #[must_use]
    pub fn is_over(&mut self) -> bool {
        let batch = &mut self.wave.batch;
        batch.finish();
        batch.parts.turns.next(batch.run.map_or(batch.ready, |run| run.last)).is_none()
    }
}

impl<M> Drop for CohortBatches<'_, M> {
    fn drop(&mut self) {
        if self.is_over() {
            self.wave.batch.parts.cohorts.rest(self.cohort);
        }
    }
}

impl<M> fmt::Debug for CohortBatches<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CohortBatches").finish_non_exhaustive()
    }
}
