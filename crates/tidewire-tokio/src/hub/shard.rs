//! One shard: a hub under a lock, and whom it wakes.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Waker,
    time::Duration,
};

use tidewire_hub::{
    Budget, Cohort, CohortBatches, ConnectError, ConnectionId, Hub, MAX_LOOKS, Message, SubscriberId,
};

use super::{
    courier::{Call, Couriers, Stop},
    subscriber::Place,
};
use crate::runtime::{Sleeper, wake_all};

/// How many are looked up in one lock hold: a message for a hundred thousand keeps the shard's other topics waiting
/// for no more than this.
const MAX_WOKEN_AT_ONCE: usize = 256;

pub(super) struct Shard<M> {
    index: usize,
    state: Mutex<State<M>>,
    couriers: Arc<Couriers<M>>,
}

pub(super) struct State<M> {
    pub(super) hub: Hub<M>,
    /// By [`SubscriberId::index`]: who to wake when the subscriber is ready.
    wakers: Vec<Wakes>,
}

/// Whom a subscriber that is ready wakes.
#[derive(Debug)]
enum Wakes {
    Nobody,
    /// The task that waits: it asks again when it waits again.
    Once(Sleeper),
    /// The courier of an outlet, whenever there is something again.
    Courier(Stop),
}

impl Wakes {
    /// Nobody is woken any more; gives who would have been.
    fn leave(&mut self) -> Option<Sleeper> {
        match std::mem::replace(self, Self::Nobody) {
            Self::Nobody | Self::Courier(_) => None,
            Self::Once(sleeper) => Some(sleeper),
        }
    }
}

/// The outlets of a shard's subscribers.
pub(super) struct Outlets<'a> {
    wakers: &'a [Wakes],
}

impl Outlets<'_> {
    /// The key, at its courier, of the one that hands on what comes for a subscriber.
    #[inline]
    pub(super) fn of(&self, id: SubscriberId) -> Option<u32> {
        match self.wakers.get(id.index())? {
            Wakes::Courier(stop) => Some(stop.key()),
            Wakes::Nobody | Wakes::Once(_) => None,
        }
    }
}

impl<M: Message> Shard<M> {
    pub(super) fn new(index: usize, hub: Hub<M>, couriers: Arc<Couriers<M>>) -> Self {
        Self { index, state: Mutex::new(State { hub, wakers: Vec::new() }), couriers }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State<M>> {
        // A panic under the lock is a bug in the hub; its invariants are checked by its own tests, and to go on
        // serving the other topics is better than to poison every connection.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the hub, and wakes who is ready by that.
    pub(super) fn change<R>(&self, change: impl FnOnce(&mut Hub<M>) -> R) -> R {
        let (mut sleepers, mut calls) = (Vec::new(), Vec::new());
        let mut state = self.lock();
        let result = change(&mut state.hub);
        loop {
            let looked_at_all = state.take_ready(self.index, &mut sleepers, &mut calls);
            drop(state);
            // Outside the lock: whoever wakes wants it.
            self.couriers.call(&mut calls);
            wake_all(&mut sleepers);
            if looked_at_all {
                return result;
            }
            // The hub keeps the place. Others come between, and may find and wake the rest.
            state = self.lock();
        }
    }

    /// Does some of what is due, and says whether that was anything.
    pub(super) fn look_after(&self, now: Duration) -> bool {
        let mut state = self.lock();
        let is_due = state.hub.poll_timeout().is_some_and(|(at, _)| at <= now);
        if is_due {
            state.hub.handle_timeout(now);
        }
        is_due
    }
}

impl<M: Message> State<M> {
    /// Takes those who are ready, of so many that the lock is not held for long, and says whether that
    /// was everybody.
    fn take_ready(&mut self, shard: usize, sleepers: &mut Vec<Sleeper>, calls: &mut Vec<Call>) -> bool {
        while let Some(cohort) = self.hub.poll_cohort() {
            calls.push(Call::Wave(cohort, shard));
        }
        let mut looks = MAX_LOOKS;
        for _ in 0..MAX_WOKEN_AT_ONCE {
            let Some(id) = self.hub.poll_ready_within(&mut looks) else { return looks > 0 };
            match self.wakers.get_mut(id.index()) {
                Some(Wakes::Courier(stop)) => {
                    calls.push(Call::Take(*stop, Place { shard, id }));
                }
                Some(wakes) => sleepers.extend(wakes.leave()),
                None => {}
            }
        }
        false
    }

    pub(super) fn connect(&mut self, connection: ConnectionId) -> Result<SubscriberId, ConnectError> {
        let id = self.hub.connect(connection)?;
        if self.wakers.len() <= id.index() {
            self.wakers.resize_with(id.index() + 1, || Wakes::Nobody);
        }
        Ok(id)
    }

    /// The waker that was there is to be dropped without the lock: it may be the last of its task.
    #[must_use]
    pub(super) fn disconnect(&mut self, now: Duration, id: SubscriberId) -> Option<Sleeper> {
        self.hub.disconnect(now, id);
        self.wakers.get_mut(id.index()).and_then(Wakes::leave)
    }

    /// Whom to wake when the subscriber is ready; the one before is to be dropped without the lock, too.
    #[must_use]
    pub(super) fn wake_by(&mut self, id: SubscriberId, waker: &Waker) -> Option<Sleeper> {
        let wakes = &mut self.wakers[id.index()];
        match wakes {
            Wakes::Once(known) if known.will_wake(waker) => None,
            // An outlet reads it, whoever asks besides.
            Wakes::Courier(_) => None,
            Wakes::Nobody | Wakes::Once(_) => {
                let before = wakes.leave();
                *wakes = Wakes::Once(Sleeper::here(waker));
                before
            }
        }
    }

    /// The courier of whose outlet is called whenever the subscriber is ready; the waker is to be dropped without the lock.
    #[must_use]
    pub(super) fn call_by(&mut self, id: SubscriberId, outlet: Stop) -> Option<Sleeper> {
        let wakes = &mut self.wakers[id.index()];
        let before = wakes.leave();
        *wakes = Wakes::Courier(outlet);
        outlet.cohort().into_iter().for_each(|cohort| self.hub.serve_with(id, cohort));
        before
    }

    /// Batches for those whom a courier serves together, and who they are.
    #[inline]
    pub(super) fn wave(
        &mut self,
        now: Duration,
        budget: Budget,
        cohort: Cohort,
    ) -> Option<(CohortBatches<'_, M>, Outlets<'_>)> {
        let batches = self.hub.ready_batches_of(now, budget, cohort)?;
        Some((batches, Outlets { wakers: &self.wakers }))
    }
}

impl<M> fmt::Debug for Shard<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shard").finish_non_exhaustive()
    }
}
