//! Running a program on one thread, on one runtime of several, or on a runtime for each.
//!
//! ```no_run
//! use std::net::SocketAddr;
//! use tidewire_tokio::{accept::Acceptor, drain::{Drain, ShutdownSignals}, hub::{Config, SharedHub}};
//! use tidewire_tokio::{listener::{Limits, Listener}, runtime::{self, Threads}, server::Server};
//!
//! let threads: Threads = "each".parse()?;
//! runtime::run(threads, |workers| async move {
//!     let listener = Listener::bind(SocketAddr::from(([127, 0, 0, 1], 9001)), Limits::default())?;
//!     let mut signals = ShutdownSignals::listen()?;
//!     let drain = Drain::new();
//!     // What is published in one runtime reaches the readers in all.
//!     let hub = SharedHub::<bytes::Bytes>::new(Config::default());
//!     let server = Server::new(Acceptor::default()).on(workers);
//!     let serving = server.run(listener, &drain, move |mut websocket, _| {
//!         let hub = hub.clone();
//!         async move { while let Some(message) = websocket.next().await { /* … */ } }
//!     });
//!     tokio::select! {
//!         () = serving => {}
//!         _ = signals.next() => {}
//!     }
//!     // Whoever is connected is told to go, and waited for; who does not go in time ends with the runtimes.
//!     drain.wind_up().await;
//!     Ok::<_, std::io::Error>(())
//! })??;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! With a runtime for each thread one of them accepts, and hands each connection to the runtime that has the fewest tasks:
//! so all have the same number, however connections come and go. (With sockets that share a port the kernel would choose
//! by a hash, which leaves some threads with more; it would leave those waiting whose thread is busy; and a second program
//! could listen on the same port unnoticed.) A publish wakes the readers of another thread by one call of that thread. So a
//! task there must not wait for a reader of a hub by blocking its thread, which would block the other tasks as well.

mod mailbox;
mod threads;

use std::{
    io,
    num::NonZeroUsize,
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use tokio::{
    runtime::{Builder, Handle, Runtime},
    sync::oneshot,
};

pub use threads::{InvalidThreads, Threads};

pub(crate) use mailbox::{Sleeper, wake_all};

use mailbox::Tenancy;

/// How long threads that are blocked may take to end, behind the end of the program's own future.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// The runtimes that serve.
#[derive(Clone, Debug)]
pub struct Workers {
    handles: Arc<[Handle]>,
}

impl Workers {
    /// The runtime that has the fewest tasks, unless that is the current one, or was chosen first among equals: then `None`.
    pub(crate) fn least_busy(&self) -> Option<&Handle> {
        let [_, _, ..] = *self.handles else { return None };
        let least = self.handles.iter().min_by_key(|handle| handle.metrics().num_alive_tasks())?;
        (least.id() != Handle::current().id()).then_some(least)
    }

    /// The runtimes, that of [`run`]'s future first.
    #[must_use]
    pub fn handles(&self) -> &[Handle] {
        &self.handles
    }
}

/// Runs what `main` makes until that is over, on these threads: on the current one, and where there are more, on others
/// besides. What else is running then is dropped.
///
/// # Errors
/// The operating system refuses a thread, or what a runtime needs.
///
/// # Panics
/// Within a runtime; and where `main` does.
pub fn run<M, F>(threads: Threads, main: M) -> io::Result<F::Output>
where
    M: FnOnce(Workers) -> F,
    F: Future,
{
    let mut tenancy = None;
    let (runtime, others) = match threads {
        Threads::One => (of_one_thread()?, Others::default()),
        Threads::Shared(count) => {
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(count.get()).thread_name("tidewire").enable_all();
            (builder.build()?, Others::default())
        }
        Threads::Each(count) => {
            let runtime = of_one_thread()?;
            runtime.spawn(tenancy.insert(Tenancy::begin()).task());
            (runtime, Others::start(count)?)
        }
    };
    let handles = std::iter::once(runtime.handle()).chain(others.0.iter().map(|other| &other.handle));
    let workers = Workers { handles: handles.cloned().collect() };
    let output = runtime.block_on(async { main(workers).await });
    drop(others);
    drop(tenancy);
    runtime.shutdown_timeout(SHUTDOWN_TIMEOUT);
    Ok(output)
}

fn of_one_thread() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// A runtime on a thread of its own.
struct Other {
    handle: Handle,
    /// Its thread goes when this is dropped.
    stop: oneshot::Sender<()>,
    /// Ends when its thread does.
    over: mpsc::Receiver<()>,
}

impl Other {
    fn start(number: usize) -> io::Result<Self> {
        let runtime = of_one_thread()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let (alive, over) = mpsc::channel();
        thread::Builder::new().name(format!("tidewire-{number}")).spawn(move || {
            let tenancy = Tenancy::begin();
            runtime.spawn(tenancy.task());
            // It is never sent to: it ends when the other end is dropped.
            let _ = runtime.block_on(stopped);
            drop(tenancy);
            runtime.shutdown_timeout(SHUTDOWN_TIMEOUT);
            drop(alive);
        })?;
        Ok(Self { handle, stop, over })
    }
}

/// All runtimes but the first; dropped, they end within a bound, also where `main` panics.
#[derive(Default)]
struct Others(Vec<Other>);

impl Others {
    fn start(count: NonZeroUsize) -> io::Result<Self> {
        let mut others = Self::default();
        for number in 1..count.get() {
            others.0.push(Other::start(number)?);
        }
        Ok(others)
    }
}

impl Drop for Others {
    fn drop(&mut self) {
        let ends: Vec<_> = self
            .0
            .drain(..)
            .map(|other| {
                drop(other.stop);
                other.over
            })
            .collect();
        let deadline = Instant::now() + SHUTDOWN_TIMEOUT;
        for end in ends {
            let left = deadline.saturating_duration_since(Instant::now());
            if end.recv_timeout(left) == Err(mpsc::RecvTimeoutError::Timeout) {
                tracing::warn!("a thread is blocked, and left behind");
            }
        }
    }
}
