//! The world of a hub: its time, its host, its links, and what happens next in it.

use std::io::Write as _;

use tidewire_hub::{Policy, Position};

use super::desk::Desk;
use super::ledger::{Ledger, TopicId};
use super::link::{Link, LinkId};
use super::publish::Repeat;
use super::reader::{Reader, ReaderId};
use super::settings;
use crate::connection::{Side, Trust};
use crate::event::Events;
use crate::flaw::Flaw;
use crate::invariants::{Breach, Checked};
use crate::random::{Random, mix};
use crate::report::{Outcome, Report};
use crate::time::{NEVER, Nanos, SECOND, shown};
use crate::world::{Follow, Options};

/// Something that happens at its time. What has become pointless by then does nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    /// A publisher has something to say.
    Publish(u16),
    /// The same is published once more, for its answer was lost.
    Again(Repeat),
    /// A topic of a link goes on that was paused.
    GoOn(LinkId, TopicId),
    /// A reader asks.
    Dial(ReaderId, u32),
    /// A reader's request reaches the hub's host.
    Ring(ReaderId, u32),
    /// What this side sent arrives, or some of it.
    Arrive(LinkId, Side),
    /// The pipe out of this side takes more.
    Writable(LinkId, Side),
    /// The transport of this side fails.
    Fail(LinkId, Side),
    /// A deadline of this side may have come.
    Due(LinkId, Side),
    /// This reader's application reads again.
    ReadAgain(LinkId),
    /// The next fault of the schedule.
    Fault,
    /// The hub's process runs again.
    Resume,
    /// Another process runs in its place.
    Boot,
    /// The faults pause, then the publishers; then everybody is looked at; then it all goes on.
    Calm(Calm),
    /// Everything is looked over.
    Sweep,
}

/// How far a time without faults is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Calm {
    /// There are faults.
    Over,
    /// None begins, and those that last are ended.
    Settling,
    /// Nothing is published any more.
    Still,
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) now: Nanos,
    pub(crate) random: Random,
    pub(crate) events: Events<Event>,
    pub(crate) desk: Desk,
    pub(crate) ledger: Ledger,
    pub(crate) readers: Vec<Reader>,
    /// How many messages were sent to one connection.
    pub(crate) directs: u64,
    /// What subscriptions draw from.
    pub(crate) policies: Vec<Policy>,
    /// How long each publisher waits between two messages.
    pub(crate) publishers: Vec<Nanos>,
    /// By their ids; one that is over is `None`.
    pub(crate) links: Vec<Option<Box<Link>>>,
    /// Those that are not over, in the order in which they began.
    pub(crate) live: Vec<LinkId>,
    pub(crate) calm: Calm,
    /// Where each message was published, by its number.
    pub(crate) placed: Vec<(TopicId, Position)>,
    pub(crate) flaw: Option<Flaw>,
    follow: Option<Follow>,
    pub(crate) report: Report,
}

/// A topic that somebody follows or publishes to: the first are the most popular.
pub(crate) fn topic_of(random: &mut Random, topics: usize) -> u16 {
    random.index(topics).min(random.index(topics)) as u16
}

/// Simulates one seed.
pub(crate) fn run(seed: u64, options: &Options) -> Outcome {
    let mut world = World::new(seed, options);
    let end = u64::try_from(options.length.as_nanos()).unwrap_or(NEVER);
    world.populate();
    world.run_until(end);
    // What is left comes to its end, with everybody caught up.
    world.begin_calm();
    world.run_until(end + settings::CALM_SETTLES + settings::CALM_LASTS);
    world.report.outcome.figures.events = world.events.count();
    world.report.outcome
}

impl World {
    fn new(seed: u64, options: &Options) -> Self {
        // Another sequence than that of the connections of this seed.
        let mut random = Random::new(mix(seed));
        let desk = Desk::new(&mut random, options.flaw);
        let policies = settings::policies(&mut random);
        Self {
            now: 0,
            desk,
            random,
            events: Events::default(),
            ledger: Ledger::new(settings::names()),
            readers: Vec::new(),
            directs: 0,
            policies,
            publishers: Vec::new(),
            links: Vec::new(),
            live: Vec::new(),
            calm: Calm::Over,
            placed: Vec::new(),
            flaw: options.flaw,
            follow: options.follow,
            report: Report::new(seed, options),
        }
    }

    fn populate(&mut self) {
        for publisher in 0..settings::PUBLISHERS {
            self.publishers.push(settings::publishes_every(&mut self.random));
            let at = self.random_within(5 * SECOND);
            self.events.push(at, Event::Publish(publisher));
        }
        for index in 0..settings::READERS {
            let topics = self.ledger.books.len();
            let mut reader = Reader::new();
            for _ in 0..self.random.between(1, settings::MAX_FOLLOWED as u64) {
                reader.follow(TopicId(topic_of(&mut self.random, topics)));
            }
            self.readers.push(reader);
            let at = self.random_within(5 * SECOND);
            self.dial_at(ReaderId(index), at);
        }
        self.events.push(10 * SECOND, Event::Fault);
        self.events.push(SECOND, Event::Sweep);
        self.events.push(settings::CALM_EVERY, Event::Calm(Calm::Settling));
    }

    fn run_until(&mut self, end: Nanos) {
        while let Some((at, event)) = self.events.pop(end) {
            if self.report.is_full() {
                return;
            }
            self.now = at;
            self.step(event);
        }
        self.now = end;
    }

    fn step(&mut self, event: Event) {
        self.tick();
        match event {
            Event::Publish(publisher) => self.publish(publisher),
            Event::Again(repeat) => self.again(repeat),
            Event::GoOn(id, topic) => self.with(id, |world, link| world.go_on(link, topic)),
            Event::Dial(reader, attempt) => self.dial(reader, attempt),
            Event::Ring(reader, attempt) => self.ring(reader, attempt),
            Event::Arrive(id, from) => self.with(id, |world, link| world.arrive(link, from)),
            Event::Writable(id, side) => self.with(id, |world, link| world.writable(link, side)),
            Event::Fail(id, side) => self.with(id, |world, link| world.fail(link, side)),
            Event::Due(id, side) => self.with(id, |world, link| world.due(link, side)),
            Event::ReadAgain(id) => self.with(id, World::read_again),
            Event::Fault => self.fault(),
            Event::Resume => self.resume(),
            Event::Boot => self.boot(),
            Event::Calm(calm) => self.calm(calm),
            Event::Sweep => {
                self.sweep();
                self.events.push(self.now + SECOND, Event::Sweep);
            }
        }
        self.turns();
    }

    /// Something with a link, if it is not over; it is out of its place meanwhile.
    pub(crate) fn with(&mut self, id: LinkId, act: impl FnOnce(&mut Self, &mut Link)) {
        let Some(mut link) = self.links[id.0 as usize].take() else { return };
        act(self, &mut link);
        if link.is_over() {
            self.live.retain(|live| *live != id);
        } else {
            self.links[id.0 as usize] = Some(link);
        }
    }

    pub(crate) fn random_within(&mut self, span: Nanos) -> Nanos {
        self.now + self.random.below(span)
    }

    /// What is wrong with a link, once: what follows from it says nothing new.
    pub(crate) fn checked(&mut self, link: &mut Link, checked: Checked) {
        if let Err(breach) = checked {
            if link.trust == Trust::Sound {
                link.trust = Trust::Broken;
                let place = link.place();
                self.breach(place, *breach);
            }
        }
    }

    pub(crate) fn breach(&mut self, place: String, breach: Breach) {
        self.report.violated(self.now, place, breach);
    }

    /// Prints a step, if that was asked for.
    pub(crate) fn told(&self, reader: ReaderId, what: impl FnOnce() -> String) {
        if self.follow == Some(Follow::Reader(u32::from(reader.0))) {
            // Whoever reads the beginning alone, as `head` does, may go.
            let _ = writeln!(std::io::stdout(), "{} reader {}: {}", shown(self.now), reader.0, what());
        }
    }

    /// Whether something is to go wrong here and now that should not, once in so many times.
    pub(crate) fn errs(&mut self, flaw: Flaw, once_in: u64) -> bool {
        self.flaw == Some(flaw) && self.random.once_in(once_in)
    }
}
