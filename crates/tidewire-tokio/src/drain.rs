//! Draining: one signal that tells every task to finish, and a count of those that have not.

use std::{future::Future, time::Duration};
use tokio::task::JoinHandle;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// A handle on the server's end: begins it, hears of it, and tracks the tasks that must be over by then.
///
/// Clones share one state.
#[derive(Clone, Debug, Default)]
pub struct Drain {
    begun: CancellationToken,
    tasks: TaskTracker,
}

impl Drain {
    /// A server that is not draining and has no tasks.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Tells everyone to finish. Calling it again changes nothing.
    pub fn begin(&self) {
        self.begun.cancel();
    }

    /// Whether [`Drain::begin`] was called.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.begun.is_cancelled()
    }

    /// Waits for [`Drain::begin`]; returns at once after it. Cancel safe. Pin it once per task: each call
    /// registers a waiter of its own.
    pub fn begun(&self) -> impl Future<Output = ()> + Send + use<> {
        self.begun.clone().cancelled_owned()
    }

    /// Spawns a task that the drain waits for.
    pub fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.tasks.spawn(task)
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
}

/// Waits for the operating system to ask for the end: SIGTERM or SIGINT (Ctrl-C). Cancel safe; a signal that
/// comes between two calls is not lost to the later one as long as the [`ShutdownSignals`] lives.
#[derive(Debug)]
pub struct ShutdownSignals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

impl ShutdownSignals {
    /// Takes over the handling of both signals.
    ///
    /// # Errors
    /// When the operating system refuses a handler.
    pub fn listen() -> std::io::Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            Ok(Self {
                terminate: signal(SignalKind::terminate())?,
                interrupt: signal(SignalKind::interrupt())?,
            })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// Waits for the next of the two and gives its name.
    pub async fn next(&mut self) -> &'static str {
        #[cfg(unix)]
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
        #[cfg(not(unix))]
        {
            // Without a handler to wait for, the process ends by its default way.
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
            "Ctrl-C"
        }
    }
}

#[cfg(test)]
mod tests {
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
}
