//! A connection that several parties poll: a lock that is held for one poll, and a waker that wakes them all.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Wake, Waker},
};

use slab::Slab;
use tidewire_connection::websocket::Transport;

use super::connection::Connection;

/// A connection and those who poll it.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Shared<IO> {
    /// Wakes all: the transport remembers one waker for reading and one for writing, and each party does both.
    waker: Waker,
    wakers: Arc<Wakers>,
    /// Behind the others, so that they come from memory with its lock.
    connection: Mutex<Connection<IO>>,
}

/// One of those who poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Party {
    Reader,
    Writer,
    Driver,
    /// One of any number, each of which has a place of its own while the socket is full.
    Outlet,
}

impl Party {
    /// The place of its waker, unless outlets have one.
    fn place(self) -> Option<usize> {
        match self {
            Self::Reader => Some(0),
            Self::Writer => Some(1),
            Self::Driver => Some(2),
            Self::Outlet => None,
        }
    }
}

/// What may let another party go on.
#[derive(PartialEq, Eq)]
struct Mark {
    transport: Transport,
    /// A close that begins has a deadline, which is the others' to keep.
    is_open: bool,
    output_len: usize,
    inbox_len: usize,
}

impl Mark {
    fn of<IO>(connection: &Connection<IO>) -> Self {
        Self {
            transport: connection.writer.transport(),
            is_open: connection.writer.is_open(),
            output_len: connection.output_len(),
            inbox_len: connection.inbox_len(),
        }
    }
}

impl<IO> Shared<IO> {
    pub(super) fn new(connection: Connection<IO>) -> Arc<Self> {
        let wakers = Arc::new(Wakers::default());
        let waker = Waker::from(Arc::clone(&wakers));
        Arc::new(Self { waker, wakers, connection: Mutex::new(connection) })
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

    /// An outlet is woken from here on, whenever somebody can go on; answers with its key.
    pub(super) fn register_outlet(&self, waker: Waker) -> usize {
        self.wakers.places().outlets.insert(waker)
    }

    /// It is woken no longer.
    pub(super) fn forget_outlet(&self, key: usize) {
        let before = self.wakers.places().outlets.try_remove(key);
        // It may be the last of its outlet, which is not to be dropped under the lock.
        drop(before);
    }

    /// Wakes everybody.
    pub(super) fn wake(&self) {
        self.wakers.wake_others(None);
    }
}

/// Whom to wake.
#[derive(Debug, Default)]
struct Wakers {
    places: Mutex<Places>,
}

#[derive(Debug, Default)]
struct Places {
    parties: [Option<Waker>; 3],
    /// Those that wait for a socket that is full.
    outlets: Slab<Waker>,
}

impl Wakers {
    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn register(&self, party: Party, waker: &Waker) {
        let Some(place) = party.place() else { return };
        let mut places = self.places();
        let place = &mut places.parties[place];
        if place.as_ref().is_some_and(|known| known.will_wake(waker)) {
            return;
        }
        let before = place.replace(waker.clone());
        // It may be the last of its task, which is not to be dropped under the lock.
        drop(places);
        drop(before);
    }

    fn forget(&self, party: Party) {
        let before = party.place().and_then(|place| self.places().parties[place].take());
        drop(before);
    }

    /// Wakes all but one party, each without the lock: whoever wakes may want it. Outlets do not wait for themselves.
    fn wake_others(&self, but: Option<Party>) {
        let but = but.and_then(Party::place);
        for place in (0..3).filter(|place| but != Some(*place)) {
            let waker = self.places().parties[place].clone();
            waker.into_iter().for_each(Waker::wake);
        }
        let mut next = 0;
        loop {
            let outlet = self
                .places()
                .outlets
                .iter()
                .find(|(key, _)| *key >= next)
                .map(|(key, waker)| (key, waker.clone()));
            let Some((key, waker)) = outlet else { return };
            waker.wake();
            next = key + 1;
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
