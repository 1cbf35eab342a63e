//! Deadlines of very many connections, without a timer of tokio's for each: one queue a runtime, and one task that asks it.

use std::{
    cell::RefCell,
    collections::HashMap,
    future::Future,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{
        Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU16, AtomicU64, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use tidewire_lifecycle::timer_queue::{TimerKey, TimerQueue};
use tokio::{
    runtime::{Handle, Id},
    sync::Notify,
    task::yield_now,
    time::{Instant, sleep_until},
};

use crate::clock::Clock;

/// The queues of the runtimes that have one.
static QUEUES: LazyLock<Mutex<HashMap<Id, Weak<Queue>>>> = LazyLock::new(Mutex::default);

thread_local! {
    /// The queue that this thread asked for last: mostly it is of the same runtime ever after.
    static LAST: RefCell<Weak<Queue>> = const { RefCell::new(Weak::new()) };
}

/// The deadline of one connection, and its clock.
///
/// It is 48 bytes and a place of 40 in its runtime's queue; a deadline that moves later is only a comparison. Made in one
/// runtime and polled in another it goes on, for as long as the first one runs.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// use std::{future::poll_fn, time::Duration};
/// use tidewire_tokio::alarm::Alarm;
///
/// let mut alarm = Alarm::new();
/// let at = alarm.clock().now() + Duration::from_secs(25);
/// poll_fn(|cx| alarm.poll(cx, at)).await;
/// assert!(alarm.clock().now() >= at);
/// # }
/// ```
#[derive(Debug)]
pub struct Alarm {
    queue: Arc<Queue>,
    /// Its place; `None` only while it is dropped.
    key: Option<TimerKey>,
    /// Whom it wakes.
    waker: Option<Waker>,
    /// The deadline that `waits` is about.
    at: Duration,
    waits: Waits,
}

/// What an alarm waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waits {
    Nothing,
    /// The deadline that the place in the queue is set for.
    Deadline,
    /// A deadline has come and was not told of. The runtime may not have looked at its sockets since a thread was blocked, and
    /// what makes the deadline void may wait there: it looks first. This is the turn of the runtime in which it was found,
    /// of several parties by the first.
    Look(u16),
}

impl Alarm {
    /// An alarm that is not set, in the queue of the current runtime.
    ///
    /// # Panics
    /// Outside a tokio runtime with time enabled.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it panics outside a runtime")]
    pub fn new() -> Self {
        let queue = Queue::current();
        let key = queue.lock().timers.insert(None, Waker::noop().clone());
        Self { queue, key: Some(key), waker: None, at: Duration::ZERO, waits: Waits::Nothing }
    }

    /// The clock that its deadlines are told by: the same for all of a runtime.
    #[must_use]
    #[inline]
    pub fn clock(&self) -> Clock {
        self.queue.clock
    }

    /// The time, by that clock.
    #[must_use]
    #[inline]
    pub fn now(&self) -> Duration {
        self.queue.clock.now()
    }

    /// Waits for `at`: `Ready` when it has come and the runtime has looked at its sockets since, else the task is woken
    /// then, or in vain before. So whoever asks its transport first, each time, never acts on a deadline while what makes it
    /// void waits in the kernel, not even where a thread was blocked. Cancel safe: whoever asks for another time gets that.
    pub fn poll(&mut self, cx: &mut Context<'_>, at: Duration) -> Poll<()> {
        self.poll_at(cx, self.now(), at)
    }

    /// The same for who looked at the clock already.
    #[inline]
    pub(crate) fn poll_at(&mut self, cx: &mut Context<'_>, now: Duration, at: Duration) -> Poll<()> {
        if now >= at {
            return self.poll_due(cx, at);
        }
        // A deadline that moved later needs no change: the old one wakes us, and we are asked again.
        if self.at > at || !self.stands(cx, now) {
            self.set(cx.waker(), at);
        }
        Poll::Pending
    }

    /// Whether it wakes this task at a time that is yet to come.
    #[inline]
    pub(crate) fn stands(&self, cx: &Context<'_>, now: Duration) -> bool {
        let is_set = self.waits == Waits::Deadline && self.at > now;
        is_set && self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()))
    }

    #[cold]
    fn poll_due(&mut self, cx: &mut Context<'_>, at: Duration) -> Poll<()> {
        let turn = self.queue.turn.load(Ordering::Acquire);
        match self.waits {
            Waits::Look(found) if self.at == at && found != turn => {
                self.waits = Waits::Nothing;
                return Poll::Ready(());
            }
            Waits::Look(_) if self.at == at => {}
            Waits::Look(_) | Waits::Nothing | Waits::Deadline => {
                (self.waits, self.at) = (Waits::Look(turn), at)
            }
        }
        // It wakes the task behind the next look, and needs not be kept for that.
        let behind =
            Waker::from(Arc::new(NextTurn { queue: Arc::clone(&self.queue), waker: cx.waker().clone() }));
        let _ = pin!(yield_now()).poll(&mut Context::from_waker(&behind));
        Poll::Pending
    }

    #[cold]
    fn set(&mut self, waker: &Waker, at: Duration) {
        let Some(key) = &self.key else { return };
        let mut state = self.queue.lock();
        state.timers.set(key, Some(at));
        // The waker before is dropped without the lock: it may be the last of its task.
        let before = mem::replace(state.timers.value_mut(key), waker.clone());
        let is_first = state.wakes_at.is_none_or(|wakes_at| at < wakes_at);
        drop(state);
        drop(before);
        if is_first {
            self.queue.changed.notify_one();
        }
        (self.waits, self.at, self.waker) = (Waits::Deadline, at, Some(waker.clone()));
    }

    /// Its next deadline may be before the one that it was last polled for.
    #[inline]
    pub(crate) fn comes_sooner(&mut self) {
        self.waits = Waits::Nothing;
    }

    /// Whether the deadline that it was last polled for may have come, without a look at the clock: surely not before the
    /// queue's task has looked and found it due.
    #[inline]
    pub(crate) fn may_have_come(&self) -> bool {
        match self.waits {
            Waits::Deadline => self.queue.looked_at.load(Ordering::Relaxed) >= nanos(self.at),
            Waits::Nothing | Waits::Look(_) => true,
        }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            let waker = self.queue.lock().timers.remove(key);
            drop(waker);
        }
    }
}

/// The deadlines of one runtime, and whom they wake.
#[derive(Debug)]
struct Queue {
    runtime: Id,
    clock: Clock,
    state: Mutex<State>,
    /// The time at which its task last took those who were due, in nanoseconds.
    looked_at: AtomicU64,
    /// Changes when the runtime has looked at its sockets, where somebody waits for that.
    turn: AtomicU16,
    /// Something is due before the task wakes.
    changed: Notify,
}

#[derive(Debug)]
struct State {
    timers: TimerQueue<Waker>,
    /// Until when the task sleeps.
    wakes_at: Option<Duration>,
}

impl Queue {
    /// The current runtime's; it is made, and its task begins, with the first that asks. Both last as long as the runtime.
    fn current() -> Arc<Self> {
        let runtime = Handle::current().id();
        let last = LAST.with_borrow(Weak::upgrade).filter(|queue| queue.runtime == runtime);
        last.unwrap_or_else(|| {
            let queue = Self::of(runtime);
            LAST.set(Arc::downgrade(&queue));
            queue
        })
    }

    #[cold]
    fn of(runtime: Id) -> Arc<Self> {
        // Where time is disabled this panics, here and now, and not in the task.
        drop(sleep_until(Instant::now()));
        let mut queues = QUEUES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = queues.get(&runtime).and_then(Weak::upgrade) {
            return queue;
        }
        let clock = Clock::start();
        let timers = TimerQueue::new(clock.now());
        let state = Mutex::new(State { timers, wakes_at: None });
        let looked_at = AtomicU64::new(0);
        let queue = Arc::new(Self {
            runtime,
            clock,
            state,
            looked_at,
            turn: AtomicU16::new(0),
            changed: Notify::new(),
        });
        queues.insert(runtime, Arc::downgrade(&queue));
        tokio::spawn(wake(Arc::clone(&queue)));
        queue
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing under the lock is left half done by a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes those whose time has come; answers when the next one's does.
    fn due(&self, wakers: &mut Vec<Waker>) -> Option<Duration> {
        let now = self.clock.now();
        let mut state = self.lock();
        while let Some(waker) = state.timers.pop(now) {
            wakers.push(mem::replace(waker, Waker::noop().clone()));
        }
        state.wakes_at = state.timers.poll_timeout();
        self.looked_at.store(nanos(now), Ordering::Relaxed);
        state.wakes_at
    }
}

/// Wakes a task behind the runtime's next look at its sockets, and says that there was one.
struct NextTurn {
    queue: Arc<Queue>,
    waker: Waker,
}

impl Wake for NextTurn {
    fn wake(self: Arc<Self>) {
        self.queue.turn.fetch_add(1, Ordering::Release);
        self.waker.wake_by_ref();
    }
}

/// In 584 years it stands still.
fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl Drop for Queue {
    fn drop(&mut self) {
        let mut queues = QUEUES.lock().unwrap_or_else(PoisonError::into_inner);
        // Another may stand in its place already.
        if queues.get(&self.runtime).is_some_and(|queue| queue.strong_count() == 0) {
            queues.remove(&self.runtime);
        }
    }
}

/// The task of a queue: it sleeps until a deadline and wakes whose it is, for as long as the runtime runs.
async fn wake(queue: Arc<Queue>) {
    let mut wakers = Vec::new();
    loop {
        let next = queue.due(&mut wakers);
        for waker in wakers.drain(..) {
            // One that panics, as no waker should, must not silence the others.
            let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
        }
        match next {
            Some(at) => tokio::select! {
                () = sleep_until(queue.clock.instant(at)) => {}
                () = queue.changed.notified() => {}
            },
            None => queue.changed.notified().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::sync::atomic::{AtomicUsize, Ordering};

    const fn second(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn held() -> usize {
        Queue::current().lock().timers.len()
    }

    #[tokio::test(start_paused = true)]
    async fn it_wakes_at_its_time_and_not_before() {
        let (mut alarm, start) = (Alarm::new(), Instant::now());
        let origin = alarm.clock().now();
        for seconds in [1, 2, 30, 3600, 90_000] {
            let before = start.elapsed();
            poll_fn(|cx| alarm.poll(cx, origin + before + second(seconds))).await;
            let slept = start.elapsed() - before;
            assert!(
                slept >= second(seconds) && slept <= second(seconds) + Duration::from_millis(2),
                "{slept:?}"
            );
        }
        poll_fn(|cx| alarm.poll(cx, origin)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn moved_later_and_earlier_it_keeps_to_the_last_time_that_was_asked_for() {
        let mut alarm = Alarm::new();
        let (origin, start) = (alarm.clock().now(), Instant::now());
        for (first, then) in [(10, 60), (60, 10), (10, 10)] {
            let (before, mut polls) = (start.elapsed(), 0);
            poll_fn(|cx| {
                polls += 1;
                assert!(polls < 6, "woken again and again");
                let seconds = if polls == 1 { first } else { then };
                if polls == 1 {
                    // The task is polled again for another reason.
                    cx.waker().wake_by_ref();
                }
                alarm.poll(cx, origin + before + second(seconds))
            })
            .await;
            assert_eq!((start.elapsed() - before).as_secs(), then, "{first} {then}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn each_deadline_has_a_look_of_its_own() {
        let mut alarm = Alarm::new();
        let (first, second) = (alarm.clock().now(), alarm.clock().now() + second(1));
        assert!(poll_fn(|cx| Poll::Ready(alarm.poll(cx, first))).await.is_pending());
        // The first was void. The second comes while nobody looks.
        tokio::time::advance(Duration::from_secs(2)).await;
        for _ in 0..2 {
            // Whoever asks in the same turn, and of several parties each: the runtime has not looked.
            assert!(poll_fn(|cx| Poll::Ready(alarm.poll(cx, second))).await.is_pending());
        }
        yield_now().await;
        assert!(poll_fn(|cx| Poll::Ready(alarm.poll(cx, second))).await.is_ready());
        assert!(poll_fn(|cx| Poll::Ready(alarm.poll(cx, second))).await.is_pending());
    }

    #[tokio::test(start_paused = true)]
    async fn another_task_may_take_it_over() {
        let mut alarm = Alarm::new();
        let at = alarm.clock().now() + second(10);
        assert!(poll_fn(|cx| Poll::Ready(alarm.poll(cx, at))).await.is_pending());
        let start = Instant::now();
        tokio::spawn(async move { poll_fn(|cx| alarm.poll(cx, at)).await }).await.unwrap();
        assert_eq!(start.elapsed().as_secs(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn ten_thousand_wake_each_at_its_time() {
        let woken = Arc::new(AtomicUsize::new(0));
        let start = Instant::now();
        let tasks: Vec<_> = (0..10_000u64)
            .map(|index| {
                let (mut alarm, woken) = (Alarm::new(), woken.clone());
                tokio::spawn(async move {
                    let after = Duration::from_millis(index * 7 % 30_000);
                    let at = alarm.clock().now() + after;
                    poll_fn(|cx| alarm.poll(cx, at)).await;
                    woken.fetch_add(1, Ordering::Relaxed);
                    start.elapsed() - after
                })
            })
            .collect();
        assert_eq!(held(), 10_000);
        for task in tasks {
            assert!(task.await.unwrap() <= Duration::from_millis(3));
        }
        assert_eq!((woken.load(Ordering::Relaxed), held()), (10_000, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn the_clock_of_a_runtime_is_one() {
        let clock = Alarm::new().clock();
        tokio::time::sleep(second(10)).await;
        assert_eq!((clock.now(), held()), (Alarm::new().now(), 0));
    }

    #[test]
    #[should_panic(expected = "timers are disabled")]
    fn without_time_there_are_no_alarms() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async { drop(Alarm::new()) });
    }

    #[tokio::test(start_paused = true)]
    async fn a_waker_that_panics_silences_no_other() {
        struct Panics;
        impl std::task::Wake for Panics {
            fn wake(self: Arc<Self>) {
                panic!("a waker that panics");
            }
        }
        let mut bad = Alarm::new();
        let at = bad.now() + second(1);
        let waker = Waker::from(Arc::new(Panics));
        assert!(bad.poll(&mut Context::from_waker(&waker), at).is_pending());
        let mut good = Alarm::new();
        for after in [1, 2] {
            let at = at + second(after);
            let wait = poll_fn(|cx| good.poll(cx, at));
            assert!(tokio::time::timeout(second(60), wait).await.is_ok());
        }
    }

    #[test]
    fn each_runtime_has_a_queue_of_its_own_and_none_when_it_is_gone() {
        let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (first, second) = (runtime(), runtime());
        let alarms = first.block_on(async { [Alarm::new(), Alarm::new()] });
        let other = second.block_on(async { Alarm::new() });
        assert!(Arc::ptr_eq(&alarms[0].queue, &alarms[1].queue));
        assert!(!Arc::ptr_eq(&alarms[0].queue, &other.queue));
        let ids = [first.handle().id(), second.handle().id()];
        let known = || {
            let queues = QUEUES.lock().unwrap();
            ids.map(|id| queues.contains_key(&id))
        };
        assert_eq!(known(), [true, true]);
        drop(alarms);
        assert_eq!(known(), [true, true], "as long as the runtime");
        drop(first);
        assert_eq!(known(), [false, true]);
        drop(second);
        // Its runtime is gone: it wakes nobody, and harms nobody.
        assert_eq!(known(), [false, true]);
        drop(other);
        assert_eq!(known(), [false, false]);
    }

    #[test]
    fn it_is_small() {
        assert!(size_of::<Alarm>() <= 48, "{}", size_of::<Alarm>());
    }
}
