//! Tasks that go from outlet to outlet: what comes for very many subscribers wakes no task for each.
//!
//! ```text
//!  publish ─ a call for all that are ready ─────┐
//!  a socket takes more ─────────────────────────┼─ errands ─ courier: a round of 64 ─ one lock of each shard: batches
//!  outlets come and go ─────────────────────────┘                                   └ from outlet to outlet: hand, write
//! ```
//!
//! An outlet has one courier, of the runtime that it was made in, so what is taken for it is handed on in the order in which
//! it was taken. A courier never waits: it skips those whose socket is full, and takes nothing for them.

mod bag;
mod call;
mod round;
mod tools;

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::Wake,
};

use tidewire_hub::{Cohort, Message};
use tokio::{
    runtime::{Handle, Id},
    sync::Notify,
    task::yield_now,
};

pub(super) use bag::{Bag, Errand};
use call::cohort_of;
pub(super) use call::{Call, Stop};
use round::Round;
pub(crate) use tools::Tools;

pub(crate) use super::subscriber::Place;
use super::{Delivered, Shared};
use crate::clock::Moment;

/// What stands between a subscriber and its socket.
pub(crate) trait Outlet<M>: Send + Sync {
    /// Whether its socket is still there. Asked of many before the first has its turn, so that what they are made of comes
    /// from memory at a time.
    fn is_alive(&self) -> bool;

    /// Hands on what was `taken` from this place, and writes what waits.
    fn hand_on(&self, now: &Moment, place: Place, taken: &[Delivered<M>]) -> Socket;

    /// Writes what waits, if that goes: the socket may have room again.
    fn write(&self, now: &Moment) -> Socket;
}

/// Whether a socket took everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Socket {
    Free,
    /// It calls when it takes more.
    Full,
}

thread_local! {
    /// Whether this thread holds a round.
    static HOLDS_ROUND: Cell<bool> = const { Cell::new(false) };
}

/// A round, held by this thread.
struct Held<'a> {
    _round: MutexGuard<'a, ()>,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        HOLDS_ROUND.set(false);
    }
}

/// One task, and who called for it.
pub(crate) struct Courier<M> {
    index: u32,
    runtime: Id,
    bag: Mutex<Bag<M>>,
    /// The bag is empty no more, or closed.
    changed: Notify,
    /// Held while something is taken and not handed on yet.
    round: Mutex<()>,
}

impl<M> Courier<M> {
    fn bag(&self) -> MutexGuard<'_, Bag<M>> {
        // Nothing under the lock is left half done by a panic.
        self.bag.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whom it serves together, unless it has none.
    fn cohort(&self) -> Option<Cohort> {
        cohort_of(self.index)
    }

    /// Lets it do these.
    fn send(&self, errands: impl Iterator<Item = Errand<M>>) {
        let mut bag = self.bag();
        let was_empty = bag.is_empty();
        bag.extend(errands);
        let comes_first = was_empty && !bag.is_empty();
        drop(bag);
        if comes_first {
            self.changed.notify_one();
        }
    }

    /// Nothing else is taken, or handed on, until this is dropped.
    fn hold_round(&self) -> Held<'_> {
        // Nothing under the lock is left half done by a panic.
        let round = self.round.lock().unwrap_or_else(PoisonError::into_inner);
        HOLDS_ROUND.set(true);
        Held { _round: round }
    }

    /// Nothing is taken and not handed on while this does something; unless it is done by a hand, or within such a change.
    fn between_rounds<R>(&self, change: impl FnOnce() -> R) -> R {
        let _held = (!HOLDS_ROUND.get()).then(|| self.hold_round());
        change()
    }

    fn close(&self) {
        let left = self.bag().close();
        // They may be the last of their outlets.
        drop(left);
        self.changed.notify_one();
    }
}

/// All that a hub has.
pub(super) struct Couriers<M> {
    /// By number; none is given again, so that nobody is called by another's name.
    all: RwLock<Vec<Weak<Courier<M>>>>,
    next: AtomicUsize,
}

impl<M> Default for Couriers<M> {
    fn default() -> Self {
        Self { all: RwLock::default(), next: AtomicUsize::new(0) }
    }
}

impl<M> Couriers<M> {
    /// Passes calls on, and leaves none.
    pub(super) fn call(&self, calls: &mut Vec<Call>) {
        if calls.is_empty() {
            return;
        }
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        // Mostly there is one.
        for (index, courier) in all.iter().enumerate() {
            let its = calls.iter().filter(|call| call.courier() as usize == index);
            let mut errands = its.map(|call| call.errand()).peekable();
            if errands.peek().is_some() {
                courier.upgrade().into_iter().for_each(|courier| courier.send(errands.by_ref()));
            }
        }
        calls.clear();
    }
}

impl<M> Drop for Couriers<M> {
    fn drop(&mut self) {
        let all = self.all.get_mut().unwrap_or_else(PoisonError::into_inner);
        all.iter().filter_map(Weak::upgrade).for_each(|courier| courier.close());
    }
}

impl<M: Message + Clone + Send + 'static> Shared<M> {
    /// A courier of the current runtime, which has one for each of its threads.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub(super) fn courier(self: &Arc<Self>) -> Arc<Courier<M>> {
        let handle = Handle::current();
        let (runtime, threads) = (handle.id(), handle.metrics().num_workers());
        let mut all = self.couriers.all.write().unwrap_or_else(PoisonError::into_inner);
        // One whose runtime is gone leaves its number, and nothing else.
        all.iter_mut().filter(|courier| courier.strong_count() == 0).for_each(|gone| *gone = Weak::new());
        let is_at_work = |courier: &Arc<Courier<M>>| courier.runtime == runtime && courier.bag().is_open();
        let of_runtime: Vec<_> = all.iter().filter_map(Weak::upgrade).filter(is_at_work).collect();
        if of_runtime.len() >= threads {
            let next = self.couriers.next.fetch_add(1, Ordering::Relaxed);
            return Arc::clone(&of_runtime[next % of_runtime.len()]);
        }
        let index = u32::try_from(all.len()).unwrap_or(u32::MAX);
        let courier = Arc::new(Courier {
            index,
            runtime,
            bag: Mutex::default(),
            changed: Notify::new(),
            round: Mutex::default(),
        });
        all.push(Arc::downgrade(&courier));
        handle.spawn(work(Working(Arc::clone(&courier)), Arc::downgrade(self)));
        courier
    }
}

/// A place at a courier, until it is given up.
pub(crate) struct Stand<M> {
    courier: Arc<Courier<M>>,
    key: u32,
}

impl<M> Stand<M> {
    /// A place for an outlet that is yet to come.
    pub(super) fn at(courier: Arc<Courier<M>>) -> Self {
        let key = courier.bag().admit();
        Self { courier, key }
    }

    pub(super) fn stop(&self) -> Stop {
        Stop { courier: self.courier.index, key: self.key }
    }

    /// The outlet is here, and something may be there for it at these places.
    pub(crate) fn open(&self, outlet: Arc<dyn Outlet<M>>, places: &[Place]) {
        self.courier.send([Errand::Join(self.key, outlet)].into_iter());
        self.look_at(places);
    }

    /// Something may be there at these places.
    pub(crate) fn look_at(&self, places: &[Place]) {
        self.courier.send(places.iter().map(|place| Errand::Take(self.key, *place)));
    }

    /// Nothing is taken and not handed on meanwhile, unless a hand does this.
    pub(crate) fn between_rounds<R>(&self, change: impl FnOnce() -> R) -> R {
        self.courier.between_rounds(change)
    }

    /// The outlet goes: nothing is taken for it any more. Once.
    fn give_up(&self) {
        self.courier.send([Errand::Leave(self.key)].into_iter());
    }
}

impl<M: Send + 'static> Stand<M> {
    /// Who is to be woken when the socket takes more.
    pub(crate) fn caller(&self) -> Arc<Caller<M>> {
        Arc::new(Caller { courier: Arc::clone(&self.courier), key: self.key, called: AtomicBool::new(false) })
    }
}

/// Calls the courier to an outlet whose socket was full.
pub(crate) struct Caller<M> {
    courier: Arc<Courier<M>>,
    key: u32,
    /// Whether it has, since it was heard last.
    called: AtomicBool,
}

impl<M> Caller<M> {
    /// The courier has come: who wakes it from here on calls it again.
    pub(crate) fn hear(&self) {
        self.called.store(false, Ordering::Release);
    }
}

impl<M: Send + 'static> Wake for Caller<M> {
    fn wake(self: Arc<Self>) {
        if !self.called.swap(true, Ordering::AcqRel) {
            self.courier.send([Errand::Write(self.key)].into_iter());
        }
    }
}

/// A courier's task has it: it ends with the task.
struct Working<M>(Arc<Courier<M>>);

impl<M> Drop for Working<M> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// The task, for as long as its runtime and its hub live.
async fn work<M: Message + Clone + Send + 'static>(courier: Working<M>, hub: Weak<Shared<M>>) {
    let mut round = Round::default();
    loop {
        if !round.has_errands() {
            if round.refill(&mut courier.0.bag()).is_break() {
                return;
            }
            if !round.has_errands() {
                courier.0.changed.notified().await;
                continue;
            }
        }
        {
            let Some(hub) = hub.upgrade() else { return };
            let _held = courier.0.hold_round();
            // A message that panics where it is dropped, as none should, ends nobody's delivery.
            if catch_unwind(AssertUnwindSafe(|| round.go(&hub, &courier.0))).is_err() {
                // A wave that it broke off goes on.
                courier.0.send((0..hub.shards.len()).map(Errand::Wave));
            }
        }
        yield_now().await;
    }
}
