//! The hub's host: its hub, who is to be woken, whose turn it is, and what happens to its process.

use std::collections::VecDeque;

use tidewire_hub::{Config, Hub, Incarnation};

use super::link::{Link, LinkId, Server, Standing};
use super::post::{Post, Tally};
use super::settings;
use super::world::{Event, World};
use crate::connection::Side;
use crate::flaw::Flaw;
use crate::invariants::{Breach, Invariant, check};
use crate::pipe::Route;
use crate::random::Random;
use crate::time::{Nanos, SECOND};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Running,
    /// The process does nothing; the operating system goes on.
    Suspended {
        until: Nanos,
    },
    /// There is no process.
    Down,
}

#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) state: State,
    pub(crate) hub: Hub<Post>,
    /// What its readers may count on.
    pub(crate) config: Config,
    /// By [`SubscriberId::index`](tidewire_hub::SubscriberId::index).
    pub(crate) by_subscriber: Vec<Option<LinkId>>,
    /// Who has something to take, and room for it.
    queue: VecDeque<LinkId>,
    /// How many turns there were.
    pub(crate) turn: u64,
    pub(crate) tally: Tally,
    /// The publishes that the hub is to know by their idempotency keys, and when each was.
    pub(crate) remembered: VecDeque<(u64, Nanos)>,
    /// What a flaw keeps.
    pub(crate) kept: Vec<Tally>,
}

/// A hub with what a flaw does to its limits.
fn hub(config: &Config, incarnation: Incarnation, seed: u64, flaw: Option<Flaw>) -> Hub<Post> {
    let mut config = config.clone();
    if flaw == Some(Flaw::LargerBudget) {
        config.max_bytes *= 2;
        config.max_messages_per_topic *= 2;
    }
    if flaw == Some(Flaw::LongMemory) {
        config.max_age *= 2;
    }
    if flaw == Some(Flaw::ShortMemory) {
        config.topic_expiry /= 8;
    }
    if flaw == Some(Flaw::GreedyTopic) {
        (config.max_turn_messages, config.max_turn_bytes) = (1000, usize::MAX);
    }
    Hub::new(config, incarnation, seed)
}

impl Desk {
    pub(crate) fn new(random: &mut Random, flaw: Option<Flaw>) -> Self {
        let config = settings::hub(random);
        let hub = hub(&config, Incarnation::new(random.bits()), random.bits(), flaw);
        Self {
            state: State::Running,
            hub,
            config,
            by_subscriber: Vec::new(),
            queue: VecDeque::new(),
            turn: 0,
            tally: Tally::default(),
            remembered: VecDeque::new(),
            kept: Vec::new(),
        }
    }

    pub(crate) fn runs(&self) -> bool {
        self.state == State::Running
    }
}

impl World {
    /// Asks the hub whom to wake.
    pub(crate) fn hear_ready(&mut self) {
        while let Some(subscriber) = self.desk.hub.poll_ready() {
            if self.errs(Flaw::LostWakeUp, 50) {
                continue;
            }
            let Some(id) = self.desk.by_subscriber.get(subscriber.index()).copied().flatten() else {
                continue;
            };
            self.with(id, |world, link| {
                link.server.announced = true;
                world.enqueue(link);
            });
        }
    }

    /// Somebody who has something to take, and room for it, waits for a turn.
    pub(crate) fn enqueue(&mut self, link: &mut Link) {
        let end = &mut link.server;
        let waits = end.standing == Standing::Alive && end.announced && end.queued.is_none();
        let room = end.output.is_empty() || self.flaw == Some(Flaw::EagerPulls);
        if waits && room {
            end.queued = Some((self.desk.turn, self.desk.queue.len()));
            self.desk.queue.push_back(link.id);
        }
    }

    /// Everybody who waits for a turn has one, until nobody does.
    pub(crate) fn turns(&mut self) {
        if !self.desk.runs() {
            return;
        }
        self.hear_ready();
        let newest_first = self.flaw == Some(Flaw::FavouredReader);
        let next = |world: &mut Self| {
            if newest_first { world.desk.queue.pop_back() } else { world.desk.queue.pop_front() }
        };
        while let Some(id) = next(self) {
            self.desk.turn += 1;
            self.with(id, World::turn);
        }
    }

    fn turn(&mut self, link: &mut Link) {
        let Some((since, behind)) = link.server.queued.take() else { return };
        let waited = (self.desk.turn - since) as usize;
        let in_turn = check(waited <= behind + 1, || {
            Breach::new(
                Invariant::Fairness,
                format!("a turn behind {behind} others"),
                format!("behind {waited}"),
            )
        });
        self.checked(link, in_turn);
        let eager = self.flaw == Some(Flaw::EagerPulls);
        if link.server.standing == Standing::Alive && (link.server.output.is_empty() || eager) {
            self.take(link);
            self.serve(link);
        }
    }

    // What happens to the process.

    pub(crate) fn suspend(&mut self, until: Nanos) {
        self.desk.state = State::Suspended { until };
        self.events.push(until, Event::Resume);
    }

    pub(crate) fn resume(&mut self) {
        if let State::Suspended { until } = self.desk.state {
            if until <= self.now {
                self.desk.state = State::Running;
                self.tick();
                for id in self.live.clone() {
                    self.with(id, World::serve);
                }
            }
        }
    }

    /// The process is killed, or ends: its operating system closes what it had.
    pub(crate) fn crash(&mut self) {
        self.desk.state = State::Down;
        self.desk.queue.clear();
        self.desk.by_subscriber.clear();
        for id in self.live.clone() {
            self.with(id, |world, link| {
                link.server.queued = None;
                world.abandon(link);
            });
        }
        let at = self.random_within(8 * SECOND);
        self.events.push(at, Event::Boot);
    }

    /// Another process begins, with an empty hub.
    pub(crate) fn boot(&mut self) {
        let before = self.desk.hub.incarnation();
        let drawn = Incarnation::new(self.random.bits());
        let incarnation = if self.flaw == Some(Flaw::SameIncarnation) { before } else { drawn };
        self.desk.hub = hub(&self.desk.config, incarnation, self.random.bits(), self.flaw);
        self.desk.kept.clear();
        self.desk.remembered.clear();
        self.desk.state = State::Running;
    }

    /// The server's side of a link is no more, and the reader's is told by its operating system, if anything gets
    /// through.
    pub(crate) fn abandon(&mut self, link: &mut Link) {
        if link.server.standing == Standing::Gone {
            return;
        }
        self.leave(link);
        if link.pipes.server.route() == Route::Through {
            let at = self.now.max(link.pipes.server.stalled_until()) + link.path.latency;
            link.pipes.server.tear(&mut self.random);
            self.events.push(at, Event::Fail(link.id, Side::Client));
            self.hear(link);
        }
    }

    /// The hub's subscriber goes, and the link's end with it.
    pub(crate) fn leave(&mut self, link: &mut Link) {
        let end = &mut link.server;
        end.standing = Standing::Gone;
        end.output = Vec::new();
        self.forget_subscriber(link);
        if link.pipes.client.route() == Route::Through {
            link.pipes.client.reroute(Route::Refused);
        }
    }

    /// The hub's subscriber goes; what waits for the transport is still sent.
    pub(crate) fn forget_subscriber(&mut self, link: &mut Link) {
        link.server.announced = false;
        link.server.inbox.clear();
        if let Some(subscriber) = link.server.subscriber.take() {
            for shadow in &link.server.shadows {
                self.ledger.books[shadow.topic.0 as usize].used = self.now;
            }
            if let Some(place) = self.desk.by_subscriber.get_mut(subscriber.index()) {
                *place = None;
                self.desk.hub.disconnect(super::link::clock(self.now), subscriber);
            }
        }
    }

    /// Whether a poll has waited as long as it may.
    pub(crate) fn has_waited(&self, link: &Link) -> bool {
        matches!(link.server.machine, Server::Poll { until } if until <= self.now)
    }
}
