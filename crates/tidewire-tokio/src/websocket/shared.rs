//! A connection that several parties poll: a lock that is held for one poll, and a waker that wakes them all.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Wake, Waker},
};

use tidewire_connection::websocket::Transport;

use super::connection::Connection;

/// A connection and those who poll it.
#[derive(Debug)]
pub(super) struct Shared<IO> {
    connection: Mutex<Connection<IO>>,
    wakers: Arc<Wakers>,
    /// Wakes all: the transport remembers one waker for reading and one for writing, and each party does both.
    waker: Waker,
}

/// One of those who poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Party {
    Reader,
    Writer,
    Driver,
    Outlet,
}

/// What may let another party go on.
#[derive(PartialEq, Eq)]
struct Mark {
    transport: Transport,
    output_len: usize,
    inbox_len: usize,
}

impl Mark {
    fn of<IO>(connection: &Connection<IO>) -> Self {
        Self {
            transport: connection.writer.transport(),
            output_len: connection.output_len(),
            inbox_len: connection.inbox_len(),
        }
    }
}

impl<IO> Shared<IO> {
    pub(super) fn new(connection: Connection<IO>) -> Arc<Self> {
        let wakers = Arc::new(Wakers::default());
        let waker = Waker::from(Arc::clone(&wakers));
        Arc::new(Self { connection: Mutex::new(connection), wakers, waker })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Connection<IO>> {
        // A poll that panicked, in the transport say, leaves a connection that can be asked and closed.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn into_connection(self) -> Box<Connection<IO>> {
        Box::new(self.connection.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// Polls for a party, which is woken when it can go on, and wakes those who can by what it did.
    pub(super) fn poll<T>(
        &self,
        party: Party,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Connection<IO>, &mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        self.wakers.register(party, cx.waker());
        let polled = self.change(party, |connection| poll(connection, &mut Context::from_waker(&self.waker)));
        if polled.is_ready() {
            self.wakers.forget(party);
        }
        polled
    }

    /// Lets a party change something, and wakes those who can go on by it.
    pub(super) fn change<T>(&self, party: Party, change: impl FnOnce(&mut Connection<IO>) -> T) -> T {
        let mut connection = self.lock();
        let before = Mark::of(&connection);
        let changed = change(&mut connection);
        let is_same = before == Mark::of(&connection);
        drop(connection);
        if !is_same {
            self.wakers.wake_others(Some(party));
        }
        changed
    }

    /// Who wakes all parties.
    pub(super) fn waker(&self) -> &Waker {
        &self.waker
    }

    /// A party that is woken by this from here on, whenever another can go on.
    pub(super) fn register(&self, party: Party, waker: &Waker) {
        self.wakers.register(party, waker);
    }

    /// A party that is woken no longer.
    pub(super) fn forget(&self, party: Party) {
        self.wakers.forget(party);
    }

    /// Wakes everybody.
    pub(super) fn wake(&self) {
        self.wakers.wake_others(None);
    }
}

/// Whom to wake: a place for each party.
#[derive(Debug, Default)]
struct Wakers {
    places: Mutex<[Option<Waker>; 4]>,
}

impl Wakers {
    fn places(&self) -> MutexGuard<'_, [Option<Waker>; 4]> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn register(&self, party: Party, waker: &Waker) {
        let mut places = self.places();
        let place = &mut places[party as usize];
        if place.as_ref().is_some_and(|known| known.will_wake(waker)) {
            return;
        }
        let before = place.replace(waker.clone());
        // It may be the last of its task, which is not to be dropped under the lock.
        drop(places);
        drop(before);
    }

    fn forget(&self, party: Party) {
        let before = self.places()[party as usize].take();
        drop(before);
    }

    fn wake_others(&self, but: Option<Party>) {
        for party in [Party::Reader, Party::Writer, Party::Driver, Party::Outlet] {
            if but == Some(party) {
                continue;
            }
            let waker = self.places()[party as usize].clone();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.wake_others(None);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wake_others(None);
    }
}
