//! Hearing of the drain: who waits is a waker in one table, and not a future with a list of its own.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use slab::Slab;
use tidewire_lifecycle::drain;
use tokio::time::Instant;

/// What all handles on one drain share.
#[derive(Debug)]
pub(super) struct Bell {
    config: drain::Config,
    rung: OnceLock<Rung>,
    /// Those who wait; nobody joins them once the bell was rung.
    waiting: Mutex<Slab<Waker>>,
    /// How many were told when they are to go.
    told: AtomicUsize,
}

/// What is known once the bell was rung.
#[derive(Debug)]
struct Rung {
    at: Instant,
    /// Who waited for it.
    count: usize,
    schedule: drain::Drain,
}

impl Bell {
    pub(super) fn new(config: drain::Config) -> Self {
        Self { config, rung: OnceLock::new(), waiting: Mutex::default(), told: AtomicUsize::new(0) }
    }

    /// Wakes everybody; the first time counts.
    pub(super) fn ring(&self) {
        let wakers: Vec<Waker> = {
            let mut waiting = self.lock();
            let count = waiting.len();
            let rung = || Rung {
                at: Instant::now(),
                count,
                schedule: drain::Drain::new(&self.config, Duration::ZERO),
            };
            self.rung.get_or_init(rung);
            waiting.drain().collect()
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    pub(super) fn was_rung(&self) -> bool {
        self.rung.get().is_some()
    }

    /// The time from now to the deadline, by which everything is to be over; the whole of it before the bell was rung.
    pub(super) fn left(&self) -> Duration {
        match self.rung.get() {
            Some(rung) => rung.schedule.deadline().saturating_sub(rung.at.elapsed()),
            None => self.config.deadline,
        }
    }

    /// In how long the next who asks is to go, once the bell was rung.
    fn told_in(&self) -> Option<Duration> {
        let rung = self.rung.get()?;
        // Whoever asks first goes first: it makes no difference who is the first, as long as they are spread.
        let index = self.told.fetch_add(1, Ordering::Relaxed);
        Some(rung.schedule.told_at(index, rung.count).saturating_sub(rung.at.elapsed()))
    }

    fn lock(&self) -> MutexGuard<'_, Slab<Waker>> {
        // Nothing under the lock is left half done by a panic.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a connection holds to hear of the drain: a future of the time in which it is to go, from when that is told.
///
/// The times of all who hold one are [spread](drain::Config::spread) evenly, in the order in which they ask; whoever comes
/// when the drain has begun is the last of them. It is 32 bytes, and a place of 16 in the drain's table while it waits.
/// Cancel safe. Once it is ready it is not to be polled again: it would be told another time.
#[derive(Debug)]
#[must_use = "it waits only when it is polled"]
pub struct Notice {
    bell: Arc<Bell>,
    /// Its place in the table, and whom that wakes.
    place: Option<(usize, Waker)>,
}

impl Notice {
    pub(super) fn new(bell: Arc<Bell>) -> Self {
        Self { bell, place: None }
    }

    /// Polls for the beginning of the drain: in how long this connection is to go, as
    /// [`WebSocket::begin_drain`](crate::websocket::WebSocket::begin_drain) takes it.
    pub fn poll_told(&mut self, cx: &mut Context<'_>) -> Poll<Duration> {
        if let Some(told_in) = self.bell.told_in() {
            self.place = None;
            return Poll::Ready(told_in);
        }
        if self.place.as_ref().is_some_and(|(_, waker)| waker.will_wake(cx.waker())) {
            return Poll::Pending;
        }
        self.wait(cx.waker())
    }

    #[cold]
    fn wait(&mut self, waker: &Waker) -> Poll<Duration> {
        let mut waiting = self.bell.lock();
        if let Some(told_in) = self.bell.told_in() {
            drop(waiting);
            self.place = None;
            return Poll::Ready(told_in);
        }
        let (key, before) = match self.place.take() {
            Some((key, before)) => (key, Some((std::mem::replace(&mut waiting[key], waker.clone()), before))),
            None => (waiting.insert(waker.clone()), None),
        };
        drop(waiting);
        // Without the lock: it may be the last of its task.
        drop(before);
        self.place = Some((key, waker.clone()));
        Poll::Pending
    }
}

impl Future for Notice {
    type Output = Duration;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Duration> {
        self.get_mut().poll_told(cx)
    }
}

impl Drop for Notice {
    fn drop(&mut self) {
        let Some((key, _)) = self.place else { return };
        let mut waiting = self.bell.lock();
        // Ringing empties the table, and nobody joins it behind that.
        let waker = (!self.bell.was_rung()).then(|| waiting.remove(key));
        drop(waiting);
        drop(waker);
    }
}
