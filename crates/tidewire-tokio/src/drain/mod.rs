//! Draining: one signal that tells every task to finish, over a time, and a count of those that have not.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
//! use std::time::Duration;
//! use tidewire_tokio::drain::{Config, Drain};
//!
//! let mut config = Config::default();
//! config.spread = Duration::from_secs(4);
//! let drain = Drain::with_config(config);
//! for _ in 0..4 {
//!     // A connection hears in how long it is to go; it would hand that to `WebSocket::begin_drain`.
//!     let notice = drain.notice();
//!     drain.spawn(async move { tokio::time::sleep(notice.await).await });
//! }
//! tokio::task::yield_now().await;
//! drain.begin();
//! // One after the other, a second between them.
//! assert_eq!(drain.finished(Duration::from_millis(2500)).await, 1);
//! assert_eq!(drain.wind_up().await, 0);
//! # }
//! ```

mod notice;
mod signals;

use std::{future::Future, sync::Arc, time::Duration};

use tokio::{runtime::Handle, task::JoinHandle};
use tokio_util::task::TaskTracker;

pub use notice::Notice;
pub use signals::ShutdownSignals;
pub use tidewire_lifecycle::drain::Config;

use notice::Bell;

/// A handle on the server's end: begins it, hears of it, and tracks the tasks that must be over by then.
///
/// Clones share one state, over runtimes, too.
#[derive(Clone, Debug)]
pub struct Drain {
    bell: Arc<Bell>,
    tasks: TaskTracker,
}

impl Default for Drain {
    fn default() -> Self {
        Self::with_config(Config::default())
    }
}

impl Drain {
    /// A server that is not draining and has no tasks. It will tell its connections over 10 s, and give up on them after 30.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with other times.
    #[must_use]
    pub fn with_config(config: Config) -> Self {
        Self { bell: Arc::new(Bell::new(config)), tasks: TaskTracker::new() }
    }

    /// Tells everyone to finish. Calling it again changes nothing.
    pub fn begin(&self) {
        self.bell.ring();
    }

    /// Whether [`Drain::begin`] was called.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.bell.was_rung()
    }

    /// Waits for [`Drain::begin`]; returns at once after it. Cancel safe. Make it once per task: each call registers
    /// a waiter of its own.
    pub fn begun(&self) -> impl Future<Output = ()> + Send + Sync + use<> {
        let notice = self.notice();
        async move {
            notice.await;
        }
    }

    /// What a connection holds to hear of the drain and of the time in which it is to go.
    pub fn notice(&self) -> Notice {
        Notice::new(Arc::clone(&self.bell))
    }

    /// Spawns a task that the drain waits for.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.tasks.spawn(task)
    }

    /// Spawns a task that the drain waits for in another runtime.
    pub fn spawn_on<F>(&self, task: F, runtime: &Handle) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.tasks.spawn_on(task, runtime)
    }

    /// How many spawned tasks are still running.
    #[must_use]
    pub fn running(&self) -> usize {
        self.tasks.len()
    }

    /// Waits until every spawned task is over, for `within` at most, and says how many are not. Cancel safe.
    pub async fn finished(&self, within: Duration) -> usize {
        self.tasks.close();
        match tokio::time::timeout(within, self.tasks.wait()).await {
            Ok(()) => 0,
            Err(_) => self.tasks.len(),
        }
    }

    /// Begins the drain, if nobody has, and waits until every spawned task is over, up to the drain's
    /// [deadline](Config::deadline); says how many are not: they end with their runtime. Cancel safe.
    pub async fn wind_up(&self) -> usize {
        self.begin();
        self.finished(self.bell.left()).await
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        sync::atomic::{AtomicUsize, Ordering},
        task::{Context, Poll, Wake, Waker},
    };

    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn tasks_hear_of_the_drain_and_are_counted() {
        let drain = Drain::new();
        let heard = drain.begun();
        let obedient = drain.spawn(heard);
        let deaf = drain.spawn(std::future::pending::<()>());
        assert_eq!(drain.running(), 2);
        assert!(!drain.has_begun());
        drain.begin();
        drain.begin();
        assert!(drain.has_begun());
        assert_eq!(drain.finished(Duration::from_secs(3)).await, 1);
        obedient.await.unwrap();
        deaf.abort();
        assert_eq!(drain.finished(Duration::from_secs(3)).await, 0);
        drain.begun().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_thousand_go_one_after_the_other_and_the_late_with_the_last() {
        let drain = Drain::new();
        let start = Instant::now();
        let tasks: Vec<_> = (0..1000)
            .map(|_| {
                let notice = drain.notice();
                drain.spawn(async move {
                    tokio::time::sleep(notice.await).await;
                    start.elapsed().as_millis()
                })
            })
            .collect();
        tokio::task::yield_now().await;
        tokio::time::sleep(Duration::from_secs(100)).await;
        drain.begin();
        let late = drain.notice();
        let mut went = Vec::new();
        for task in tasks {
            went.push(task.await.unwrap() - 100_000);
        }
        went.sort_unstable();
        let expected: Vec<u128> = (0..1000).map(|index| index * 10).collect();
        assert!(went.iter().zip(&expected).all(|(went, at)| (*at..at + 2).contains(went)), "{went:?}");
        assert!(start.elapsed() < Duration::from_secs(110));
        let told_in = late.await;
        assert_eq!((start.elapsed() + told_in).as_secs(), 110);
        assert_eq!(drain.wind_up().await, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_is_deaf_is_waited_for_until_the_deadline() {
        let mut config = Config::default();
        config.deadline = Duration::from_secs(7);
        let drain = Drain::with_config(config);
        drain.spawn(std::future::pending::<()>());
        drain.begin();
        tokio::time::sleep(Duration::from_secs(3)).await;
        let start = Instant::now();
        assert_eq!(drain.wind_up().await, 1);
        assert_eq!(start.elapsed(), Duration::from_secs(4));
        assert_eq!(drain.wind_up().await, 1, "the deadline is past");
    }

    #[derive(Default)]
    struct Counted(AtomicUsize);

    impl Wake for Counted {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn the_last_who_polled_is_woken_and_whoever_left_is_not() {
        let (drain, first, second) =
            (Drain::new(), Arc::new(Counted::default()), Arc::new(Counted::default()));
        let wakers = [Waker::from(first.clone()), Waker::from(second.clone())];
        let (mut moved, mut left) = (drain.notice(), drain.notice());
        for waker in &wakers {
            for _ in 0..2 {
                assert!(moved.poll_told(&mut Context::from_waker(waker)).is_pending());
            }
        }
        assert!(left.poll_told(&mut Context::from_waker(&wakers[0])).is_pending());
        drop(left);
        drain.begin();
        drain.begin();
        assert_eq!((first.0.load(Ordering::Relaxed), second.0.load(Ordering::Relaxed)), (0, 1));
        let mut context = Context::from_waker(&wakers[0]);
        assert_eq!(moved.poll_told(&mut context), Poll::Ready(Duration::ZERO));
        drop(moved);
        assert!(pin!(drain.begun()).poll(&mut context).is_ready());
        drop(wakers);
        assert_eq!((Arc::strong_count(&first), Arc::strong_count(&second)), (1, 1), "a waker was kept");
    }

    #[test]
    fn it_is_small() {
        assert_eq!(size_of::<Notice>(), 32);
    }
}
