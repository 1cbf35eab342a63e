//! A few tasks a runtime that go from outlet to outlet: what is due to very many sockets wakes no task for each.

use std::{
    collections::{HashMap, VecDeque},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak},
};

use tokio::{
    runtime::{Handle, Id},
    sync::Notify,
    task::yield_now,
    time::Instant,
};

/// Outlets that are seen to before other tasks get a turn.
const MAX_PER_TURN: usize = 64;

/// Messages that are handed on before other tasks get a turn; the outlet that reaches it comes to its end.
const MAX_HANDS_PER_TURN: usize = 1024;

/// The couriers of the runtimes that have one.
static COURIERS: LazyLock<Mutex<HashMap<Id, Weak<Courier>>>> = LazyLock::new(Mutex::default);

/// What a courier is called for.
pub(crate) trait Deliver: Send + Sync {
    /// Hands on what is there at `now`; says how much that was.
    fn deliver(self: Arc<Self>, now: Instant) -> usize;
}

/// Those who called, the first first, and the tasks that see to them.
pub(crate) struct Courier {
    runtime: Id,
    called: Mutex<VecDeque<Arc<dyn Deliver>>>,
    /// Somebody called.
    changed: Notify,
}

impl Courier {
    /// The current runtime's; its tasks begin with the first that asks, one for each thread of the runtime.
    pub(crate) fn current() -> Arc<Self> {
        let handle = Handle::current();
        let runtime = handle.id();
        let mut couriers = COURIERS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(courier) = couriers.get(&runtime).and_then(Weak::upgrade) {
            return courier;
        }
        let courier = Arc::new(Self { runtime, called: Mutex::default(), changed: Notify::new() });
        couriers.insert(runtime, Arc::downgrade(&courier));
        for _ in 0..handle.metrics().num_workers() {
            handle.spawn(work(Arc::clone(&courier)));
        }
        courier
    }

    fn called(&self) -> MutexGuard<'_, VecDeque<Arc<dyn Deliver>>> {
        // Nothing under the lock is left half done by a panic.
        self.called.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It is seen to, once.
    pub(crate) fn call(&self, outlet: Arc<dyn Deliver>) {
        let mut called = self.called();
        called.push_back(outlet);
        let is_first = called.len() % MAX_PER_TURN == 1;
        drop(called);
        if is_first {
            // One more for each turn that is to be taken.
            self.changed.notify_one();
        }
    }
}

impl Drop for Courier {
    fn drop(&mut self) {
        let mut couriers = COURIERS.lock().unwrap_or_else(PoisonError::into_inner);
        // Another may stand in its place already.
        if couriers.get(&self.runtime).is_some_and(|courier| courier.strong_count() == 0) {
            couriers.remove(&self.runtime);
        }
    }
}

/// One of the tasks, for as long as its runtime runs.
async fn work(courier: Arc<Courier>) {
    let mut bag = Vec::new();
    loop {
        {
            let mut called = courier.called();
            let turn = called.len().min(MAX_PER_TURN);
            bag.extend(called.drain(..turn));
        }
        if bag.is_empty() {
            courier.changed.notified().await;
            continue;
        }
        // One look at the clock is enough for a turn.
        let (mut now, mut hands) = (Instant::now(), 0);
        for outlet in bag.drain(..) {
            if hands >= MAX_HANDS_PER_TURN {
                yield_now().await;
                (now, hands) = (Instant::now(), 0);
            }
            // A transport that panics, as none should, stops nobody else's delivery.
            hands += catch_unwind(AssertUnwindSafe(|| outlet.deliver(now))).unwrap_or(0);
        }
        yield_now().await;
    }
}
