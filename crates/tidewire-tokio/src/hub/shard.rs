//! One shard: a hub under a lock, and whom it wakes.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    task::Waker,
    time::Duration,
};

use tidewire_hub::{ConnectError, ConnectionId, Hub, Message, SubscriberId};

pub(super) struct Shard<M> {
    state: Mutex<State<M>>,
}

pub(super) struct State<M> {
    pub(super) hub: Hub<M>,
    /// By [`SubscriberId::index`]: who to wake when the subscriber is ready.
    wakers: Vec<Option<Waker>>,
}

impl<M: Message> Shard<M> {
    pub(super) fn new(hub: Hub<M>) -> Self {
        Self { state: Mutex::new(State { hub, wakers: Vec::new() }) }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State<M>> {
        // A panic under the lock is a bug in the hub; its invariants are checked by its own tests, and to go on
        // serving the other topics is better than to poison every connection.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the hub, and wakes who is ready by that.
    pub(super) fn change<R>(&self, change: impl FnOnce(&mut Hub<M>) -> R) -> R {
        let mut ready = Vec::new();
        let result = {
            let mut state = self.lock();
            let result = change(&mut state.hub);
            while let Some(subscriber) = state.hub.poll_ready() {
                ready.extend(state.wakers.get_mut(subscriber.index()).and_then(Option::take));
            }
            result
        };
        // Outside the lock: whoever wakes wants it.
        ready.into_iter().for_each(Waker::wake);
        result
    }
}

impl<M: Message> State<M> {
    pub(super) fn connect(&mut self, connection: ConnectionId) -> Result<SubscriberId, ConnectError> {
        let id = self.hub.connect(connection)?;
        if self.wakers.len() <= id.index() {
            self.wakers.resize_with(id.index() + 1, || None);
        }
        Ok(id)
    }

    /// The waker that was there is to be dropped without the lock: it may be the last of its task.
    #[must_use]
    pub(super) fn disconnect(&mut self, now: Duration, id: SubscriberId) -> Option<Waker> {
        self.hub.disconnect(now, id);
        self.wakers.get_mut(id.index()).and_then(Option::take)
    }

    /// Whom to wake when the subscriber is ready; the one before is to be dropped without the lock, too.
    #[must_use]
    pub(super) fn wake_by(&mut self, id: SubscriberId, waker: &Waker) -> Option<Waker> {
        let slot = &mut self.wakers[id.index()];
        match slot {
            Some(known) if known.will_wake(waker) => None,
            known => known.replace(waker.clone()),
        }
    }
}

impl<M> fmt::Debug for Shard<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shard").finish_non_exhaustive()
    }
}
