//! Waking many tasks of another thread by one call of that thread.
//!
//! A runtime of one thread is woken by a system call for each of its tasks that another thread wakes: a publish to a
//! thousand readers would make as many. So each thread of [`Threads::Each`](super::Threads::Each) has a mailbox for wakers,
//! and a task that takes them out and wakes them where that costs nothing.

use std::{
    cell::Cell,
    mem,
    num::NonZeroU64,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    task::Waker,
};

use tokio::sync::Notify;

static MAILBOXES: RwLock<Mailboxes> = RwLock::new(Mailboxes { next: NonZeroU64::MIN, open: Vec::new() });

/// The mailboxes of all threads that have one.
#[derive(Debug)]
struct Mailboxes {
    /// The next thread's number. None is given out twice: who slept on a thread that is gone is no other's to wake.
    next: NonZeroU64,
    /// In ascending order of their numbers.
    open: Vec<(NonZeroU64, Arc<Mailbox>)>,
}

impl Mailboxes {
    fn place(&self, number: NonZeroU64) -> Option<usize> {
        self.open.binary_search_by_key(&number, |&(number, _)| number).ok()
    }
}

thread_local! {
    static HERE: Cell<Home> = const { Cell::new(Home(None)) };
}

/// The thread that a task is woken on, if that has a mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Home(Option<NonZeroU64>);

impl Home {
    /// The current thread's.
    pub(crate) fn here() -> Self {
        HERE.get()
    }

    fn mailbox(self) -> Option<Arc<Mailbox>> {
        let mailboxes = MAILBOXES.read().unwrap_or_else(PoisonError::into_inner);
        let place = mailboxes.place(self.0?)?;
        Some(Arc::clone(&mailboxes.open[place].1))
    }
}

/// Who waits, and where.
#[derive(Debug)]
pub(crate) struct Sleeper {
    waker: Waker,
    home: Home,
}

impl Sleeper {
    /// Whoever is polled on this thread.
    pub(crate) fn here(waker: &Waker) -> Self {
        Self { waker: waker.clone(), home: Home::here() }
    }

    pub(crate) fn will_wake(&self, waker: &Waker) -> bool {
        self.waker.will_wake(waker)
    }
}

/// Wakes them all, and leaves none.
pub(crate) fn wake_all(sleepers: &mut Vec<Sleeper>) {
    let here = Home::here();
    let mut elsewhere = Vec::new();
    for sleeper in sleepers.drain(..) {
        match sleeper.home {
            Home(None) => sleeper.waker.wake(),
            home if home == here => sleeper.waker.wake(),
            _ => elsewhere.push(sleeper),
        }
    }
    elsewhere.sort_unstable_by_key(|sleeper| sleeper.home);
    for house in elsewhere.chunk_by_mut(|one, next| one.home == next.home) {
        // For one alone the way through a mailbox is only longer.
        let mailbox = if house.len() > 1 { house[0].home.mailbox() } else { None };
        let wakers = house.iter_mut().map(|sleeper| mem::replace(&mut sleeper.waker, Waker::noop().clone()));
        match mailbox {
            Some(mailbox) => mailbox.post(wakers),
            None => wakers.for_each(Waker::wake),
        }
    }
}

/// Wakers on their way to their thread.
#[derive(Debug, Default)]
struct Mailbox {
    contents: Mutex<Contents>,
    came: Notify,
}

#[derive(Debug)]
enum Contents {
    Open(Vec<Waker>),
    /// Its thread is gone.
    Closed,
}

impl Default for Contents {
    fn default() -> Self {
        Self::Open(Vec::new())
    }
}

impl Mailbox {
    fn lock(&self) -> MutexGuard<'_, Contents> {
        // Nothing under the lock is left half done by a panic.
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn post(&self, wakers: impl Iterator<Item = Waker>) {
        let mut contents = self.lock();
        match &mut *contents {
            Contents::Open(waiting) => {
                let was_empty = waiting.is_empty();
                waiting.extend(wakers);
                drop(contents);
                if was_empty {
                    self.came.notify_one();
                }
            }
            Contents::Closed => {
                drop(contents);
                wakers.for_each(Waker::wake);
            }
        }
    }

    /// Takes out what is in it, and leaves it `open` or closed.
    fn empty(&self, left: Contents) -> Vec<Waker> {
        match mem::replace(&mut *self.lock(), left) {
            Contents::Open(waiting) => waiting,
            Contents::Closed => Vec::new(),
        }
    }
}

/// The current thread's mailbox, for as long as this lives; it stays on its thread.
#[derive(Debug)]
pub(super) struct Tenancy {
    mailbox: Arc<Mailbox>,
    home: Home,
    before: Home,
}

impl Tenancy {
    pub(super) fn begin() -> Self {
        let mailbox = Arc::new(Mailbox::default());
        let mut mailboxes = MAILBOXES.write().unwrap_or_else(PoisonError::into_inner);
        let number = mailboxes.next;
        mailboxes.next = number.saturating_add(1);
        mailboxes.open.push((number, Arc::clone(&mailbox)));
        let home = Home(Some(number));
        Self { mailbox, home, before: HERE.replace(home) }
    }

    /// The task that wakes whoever is in the mailbox, for the thread's runtime.
    pub(super) fn task(&self) -> impl Future<Output = ()> + Send + use<> {
        let mailbox = Arc::clone(&self.mailbox);
        async move {
            loop {
                mailbox.came.notified().await;
                for waker in mailbox.empty(Contents::default()) {
                    // One that panics, as no waker should, must not silence the others.
                    let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
                }
            }
        }
    }
}

impl Drop for Tenancy {
    fn drop(&mut self) {
        HERE.set(self.before);
        if let Some(number) = self.home.0 {
            let mut mailboxes = MAILBOXES.write().unwrap_or_else(PoisonError::into_inner);
            if let Some(place) = mailboxes.place(number) {
                mailboxes.open.remove(place);
            }
        }
        // Who polls a reader without the thread's runtime may wait on.
        self.mailbox.empty(Contents::Closed).into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        task::Wake,
        thread,
    };

    use super::*;

    #[derive(Default)]
    struct Counted(AtomicUsize);

    impl Wake for Counted {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn sleepers(count: usize) -> (Arc<Counted>, Vec<Sleeper>) {
        let counted = Arc::new(Counted::default());
        let waker = Waker::from(counted.clone());
        (counted, (0..count).map(|_| Sleeper::here(&waker)).collect())
    }

    fn woken(counted: &Counted) -> usize {
        counted.0.load(Ordering::Relaxed)
    }

    #[test]
    fn whoever_sleeps_here_or_nowhere_is_woken_at_once() {
        let (nowhere, mut first) = sleepers(3);
        let _tenancy = Tenancy::begin();
        let (here, second) = sleepers(2);
        first.extend(second);
        wake_all(&mut first);
        assert_eq!((woken(&nowhere), woken(&here), first.len()), (3, 2, 0));
    }

    #[test]
    fn many_of_another_thread_are_posted_and_one_is_not() {
        let tenancy = Tenancy::begin();
        let ((one, mut alone), (many, mut crowd)) = (sleepers(1), sleepers(100));
        thread::spawn(move || {
            wake_all(&mut alone);
            wake_all(&mut crowd);
        })
        .join()
        .unwrap();
        assert_eq!((woken(&one), woken(&many)), (1, 0));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.spawn(tenancy.task());
        runtime.block_on(async {
            while woken(&many) < 100 {
                tokio::task::yield_now().await;
            }
        });
    }

    #[test]
    fn a_thread_that_ends_wakes_whom_it_has_left_and_takes_nobody_more() {
        let tenancy = Tenancy::begin();
        let ((left, mut before), (late, mut after)) = (sleepers(2), sleepers(2));
        let mailbox = Arc::clone(&tenancy.mailbox);
        thread::scope(|threads| threads.spawn(|| wake_all(&mut before)).join().unwrap());
        drop(tenancy);
        assert_eq!(woken(&left), 2);
        assert_eq!(Home::here(), Home(None));
        // A thread that begins behind it is another one.
        let _next = Tenancy::begin();
        thread::scope(|threads| threads.spawn(|| wake_all(&mut after)).join().unwrap());
        assert_eq!(woken(&late), 2);
        // One that was found before it was closed.
        let (last, waker) = (late, Waker::noop().clone());
        mailbox.post([waker, Waker::from(last.clone())].into_iter());
        assert_eq!(woken(&last), 3);
    }
}
