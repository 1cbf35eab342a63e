//! Clients: they dial, are let in or not, and come back.

use std::sync::Arc;

use tidewire_lifecycle::reconnect::{self, Reconnect};
use tidewire_lifecycle::timer_queue::TimerKey;

use crate::connection::{ConnectionId, Kind};
use crate::event::{ClientId, Event, HostId, Refused};
use crate::flaw::Flaw;
use crate::host::State;
use crate::invariants::{Breach, Checked, Invariant, check};
use crate::settings;
use crate::source::Source;
use crate::time::{MILLI, Nanos, SECOND, nanos, shown};
use crate::world::{Stage, World};

/// Whether a client has a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    None,
    /// It waits for an answer.
    Dialing,
    Connected(ConnectionId),
}

/// Somebody who wants to be connected all the time.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) kind: Kind,
    pub(crate) host: HostId,
    pub(crate) link: Link,
    /// Of the attempts so far, the newest. What belongs to another comes too late.
    pub(crate) attempt: u32,
    pub(crate) dialed_at: Nanos,
    pub(crate) server: HostId,
    pub(crate) reconnect: Reconnect,
    /// What the schedule is of, and how often it was asked since a connection was of use.
    schedule: Arc<reconnect::Config>,
    asked: u32,
    /// The machine of an event stream's client.
    pub(crate) source: Option<Box<Source>>,
    pub(crate) timer: Option<TimerKey>,
    /// What its feed is drawn by, and the last event of it that there is.
    pub(crate) salt: u64,
    pub(crate) newest: u64,
}

/// A WebSocket's client waits so long for an answer.
const PATIENCE: Nanos = 6 * SECOND;

impl Client {
    pub(crate) fn new(kind: Kind, host: HostId, schedule: Arc<reconnect::Config>, salt: u64) -> Self {
        Self {
            kind,
            host,
            link: Link::None,
            attempt: 0,
            dialed_at: 0,
            server: HostId(0),
            reconnect: Reconnect::new(schedule.clone()),
            schedule,
            asked: 0,
            source: None,
            timer: None,
            salt,
            newest: 0,
        }
    }
}

impl Client {
    /// A connection was of use.
    pub(crate) fn progressed(&mut self) {
        self.reconnect.handle_progress();
        self.asked = 0;
    }

    /// Whether a delay lies in the window of its attempt, which doubles with each.
    fn is_on_schedule(&mut self, delay: Nanos) -> Checked {
        let first = nanos(self.schedule.reconnection_time);
        let window = first.saturating_mul(1 << self.asked.min(32)).min(nanos(self.schedule.max_delay));
        self.asked += 1;
        let least = nanos(self.schedule.min_delay);
        check((least..=window).contains(&delay) && self.reconnect.attempts() == self.asked, || {
            let expected = format!("attempt {} within {}", self.asked, shown(window));
            let got = format!("attempt {} within {}", self.reconnect.attempts(), shown(delay));
            Breach::new(Invariant::Deadline, expected, got)
        })
    }
}

impl World {
    pub(crate) fn client(&mut self, id: ClientId) -> &mut Client {
        &mut self.clients[id.0 as usize]
    }

    /// The client asks again then.
    pub(crate) fn dial_at(&mut self, id: ClientId, at: Nanos) {
        let client = self.client(id);
        client.attempt += 1;
        client.link = Link::None;
        let attempt = client.attempt;
        self.events.push(at, Event::Dial(id, attempt));
    }

    /// A WebSocket's client comes back when its schedule says.
    pub(crate) fn come_back(&mut self, id: ClientId) {
        let entropy = self.random.bits();
        match self.client(id).reconnect.next_delay(entropy) {
            Some(delay) => {
                if let Err(breach) = self.client(id).is_on_schedule(nanos(delay)) {
                    self.report.violated(self.now, format!("client {} (WebSocket)", id.0), *breach);
                }
                let at = self.now + nanos(delay);
                self.dial_at(id, at);
            }
            None => self.try_anew(id),
        }
    }

    /// The schedule has no next attempt; but somebody tries anew after a while.
    fn try_anew(&mut self, id: ClientId) {
        self.new_schedule(id);
        let at = self.random_within(8 * SECOND);
        self.dial_at(id, at);
    }

    /// A process that has just begun knows nothing of attempts before.
    pub(crate) fn new_schedule(&mut self, id: ClientId) {
        let schedule = settings::reconnect(&mut self.random);
        let client = self.client(id);
        client.reconnect = Reconnect::new(schedule.clone());
        (client.schedule, client.asked) = (schedule, 0);
    }

    /// The client's process is no more, and with it its machine.
    pub(crate) fn retire(&mut self, id: ClientId) {
        let client = self.client(id);
        client.source = None;
        let (host, key) = (client.host, client.timer.take());
        if let Some(key) = key {
            self.hosts[host.0 as usize].timers.remove(key);
        }
    }

    pub(crate) fn dial(&mut self, id: ClientId, attempt: u32) {
        let (now, stage) = (self.now, self.stage);
        let client = self.client(id);
        if client.attempt != attempt || client.link != Link::None {
            return;
        }
        let host = client.host;
        if stage == Stage::Epilogue {
            return self.retire(id);
        }
        match self.hosts[host.0 as usize].state {
            State::Running => {}
            State::Suspended { until } => return self.events.push(until, Event::Dial(id, attempt)),
            // Whoever boots the host dials again.
            State::Down { .. } => return,
        }
        if self.client(id).kind == Kind::EventStream && self.client(id).source.is_none() {
            // Its machine asks for itself.
            return self.begin_source(id);
        }
        let server = HostId(self.random.below(u64::from(settings::SERVERS)) as u16);
        let client = self.client(id);
        (client.link, client.dialed_at, client.server) = (Link::Dialing, now, server);
        if client.kind == Kind::WebSocket {
            self.events.push(now + PATIENCE, Event::GiveUp(id, attempt));
        }
        let travel = self.random.between(MILLI, 100 * MILLI);
        self.events.push(now + travel, Event::Ring(id, attempt));
    }

    pub(crate) fn ring(&mut self, id: ClientId, attempt: u32) {
        if self.client(id).attempt != attempt || self.client(id).link != Link::Dialing {
            return;
        }
        let server = self.client(id).server;
        let travel = self.random.between(MILLI, 100 * MILLI);
        let host = &self.hosts[server.0 as usize];
        let refused = match host.state {
            State::Suspended { until } => return self.events.push(until, Event::Ring(id, attempt)),
            State::Down { .. } if self.random.once_in(2) => return,
            State::Down { .. } => Refused::Nobody,
            State::Running if self.flaw == Some(Flaw::UnansweredCall) => return,
            State::Running if host.drain.is_some() => Refused::Busy,
            State::Running => return self.accept(id, attempt),
        };
        self.events.push(self.now + travel, Event::Refusal(id, attempt, refused));
    }

    /// Whether a client that gave up had a reason to: something was not there for it.
    pub(crate) fn was_kept_waiting(&self, id: ClientId) -> bool {
        let client = &self.clients[id.0 as usize];
        [client.host, client.server].iter().any(|host| {
            let host = &self.hosts[host.0 as usize];
            !host.runs() || host.resumed_at > client.dialed_at
        })
    }

    pub(crate) fn refusal(&mut self, id: ClientId, attempt: u32, refused: Refused) {
        if self.client(id).attempt != attempt || self.client(id).link != Link::Dialing {
            return;
        }
        let host = self.client(id).host;
        if let Some(until) = self.suspended_until(host) {
            return self.events.push(until, Event::Refusal(id, attempt, refused));
        }
        self.report.digest(u64::from(id.0) << 8 | refused as u64);
        match self.client(id).kind {
            Kind::WebSocket => self.come_back(id),
            Kind::EventStream => self.source_refused(id, refused),
        }
    }

    pub(crate) fn give_up(&mut self, id: ClientId, attempt: u32) {
        if self.client(id).attempt != attempt || self.client(id).link != Link::Dialing {
            return;
        }
        let host = self.client(id).host;
        if let Some(until) = self.suspended_until(host) {
            return self.events.push(until, Event::GiveUp(id, attempt));
        }
        self.come_back(id);
    }
}
