//! A host: a process with many connections, one queue of timers for all of them, and a clock of its own.

use std::time::Duration;

use tidewire_lifecycle::Deployment;
use tidewire_lifecycle::drain::Drain;
use tidewire_lifecycle::timer_queue::{TimerKey, TimerQueue};

use crate::connection::{ConnectionId, Side};
use crate::event::ClientId;
use crate::time::{Nanos, nanos};

/// What a timer of a host is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timed {
    End(ConnectionId, Side),
    /// An event stream's client, connected or not.
    Client(ClientId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Running,
    /// The process does nothing; the operating system goes on.
    Suspended {
        until: Nanos,
    },
    /// There is no host.
    Down {
        until: Nanos,
    },
}

/// What a process that runs again does first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    ReadsFirst,
    TimersFirst,
}

#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) state: State,
    pub(crate) order: Order,
    /// The host's clock at the beginning of the world. It never jumps: what does is the clock on the wall, which
    /// nothing here reads.
    offset: Nanos,
    pub(crate) timers: TimerQueue<Timed>,
    /// The most that there were at once.
    pub(crate) most_timers: usize,
    /// When the next [`Wake`](crate::event::Event::Wake) is due, if one is.
    pub(crate) alarm: Option<Nanos>,
    /// When it was last resumed.
    pub(crate) resumed_at: Nanos,
    /// It goes away, and takes no new connections.
    pub(crate) drain: Option<Drain>,
    pub(crate) deployment: Deployment,
    /// What its connections were charged that are closed.
    pub(crate) charged: Duration,
}

impl Host {
    pub(crate) fn new(now: Nanos, offset: Nanos, order: Order) -> Self {
        Self {
            state: State::Running,
            order,
            offset,
            timers: TimerQueue::new(Duration::from_nanos(offset + now)),
            most_timers: 0,
            alarm: None,
            resumed_at: now,
            drain: None,
            deployment: Deployment::default(),
            charged: Duration::ZERO,
        }
    }

    pub(crate) fn new_timer(&mut self, timed: Timed) -> TimerKey {
        let key = self.timers.insert(None, timed);
        self.most_timers = self.most_timers.max(self.timers.len());
        key
    }

    pub(crate) fn runs(&self) -> bool {
        self.state == State::Running
    }

    /// What its clock shows.
    pub(crate) fn clock(&self, now: Nanos) -> Duration {
        Duration::from_nanos(self.offset + now)
    }

    /// When its clock shows this.
    pub(crate) fn moment(&self, clock: Duration) -> Nanos {
        nanos(clock).saturating_sub(self.offset)
    }
}
