//! Publishers: at their rates, in bursts and once more, to topics of which some are loud.

use std::time::Duration;

use tidewire_hub::{
    ConnectionId, ENTRY_OVERHEAD_BYTES, EXTRAS_OVERHEAD_BYTES, Message as _, Position, PublishError,
    PublishOptions, Published, Replay, SendError,
};

use super::desk::State;
use super::ledger::{Entry, TopicId};
use super::link::{Link, clock};
use super::post::Post;
use super::world::{Calm, Event, World, topic_of};
use crate::flaw::Flaw;
use crate::invariants::{Breach, Checked, Invariant, check};
use crate::time::{NEVER, Nanos, SECOND, nanos};

/// The numbers of messages to one connection begin here.
const DIRECT: u64 = 1 << 31;

/// Who publishes once.
const PUBLISHER: &str = "p";

/// A publish whose answer was lost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Repeat {
    topic: TopicId,
    number: u64,
    event: Option<&'static str>,
}

/// Names of events, and keys.
const EVENTS: [&str; 3] = ["joined", "é", "price"];

/// An entry as it is told to the hub.
fn options<'a>(entry: &Entry, now: Nanos) -> PublishOptions<'a> {
    let mut options = PublishOptions::new().replay(entry.replay);
    if let Some(event) = entry.event {
        options = options.event(event);
    }
    if let Some(key) = entry.key {
        options = options.key(key);
    }
    if let Some(connection) = entry.exclude {
        options = options.exclude(connection);
    }
    if entry.expires_at < NEVER {
        options = options.expires_in(Duration::from_nanos(entry.expires_at - now));
    }
    options
}

impl World {
    /// A publisher has something to say.
    pub(crate) fn publish(&mut self, publisher: u16) {
        if let State::Suspended { until } = self.desk.state {
            return self.events.push(until, Event::Publish(publisher));
        }
        let every = self.publishers[publisher as usize];
        let next = self.now + self.random.between(every / 2, every * 3 / 2);
        self.events.push(next, Event::Publish(publisher));
        if self.calm == Calm::Still || !self.desk.runs() {
            return;
        }
        if self.random.once_in(8) {
            return self.send_direct();
        }
        // The first topics are the loud ones.
        let topics = self.ledger.books.len();
        let topic = TopicId(topic_of(&mut self.random, topics));
        self.post(topic);
    }

    /// Many messages at once, to one topic or to all.
    pub(crate) fn burst(&mut self) {
        if !self.desk.runs() {
            return;
        }
        let topics = self.ledger.books.len();
        let one = self.random.once_in(2).then(|| self.random.index(topics));
        for _ in 0..self.random.between(10, 300) {
            let topic = one.unwrap_or_else(|| self.random.index(topics / 2));
            self.post(TopicId(topic as u16));
        }
    }

    fn post(&mut self, topic: TopicId) {
        let number = self.placed.len() as u64;
        let post = Post::new(number, &self.desk.tally);
        let entry = self.entry(number, post.len_bytes());
        let once = self.random.once_in(6);
        let key = number.to_string();
        let mut options = options(&entry, self.now);
        if once {
            options = options.idempotency(PUBLISHER, &key);
        }
        let name = self.ledger.book(topic).name.clone();
        let published = self.desk.hub.publish(clock(self.now), &name, post, &options);
        let checked = match published {
            Ok(Published::New(position)) => self.was_published(topic, position, entry),
            other => Err(Breach::new(Invariant::Budget, "room for what fits", format!("{other:?}"))),
        };
        if let Err(breach) = checked {
            self.breach(format!("topic {name}"), *breach);
        }
        if once {
            let repeat = Repeat { topic, number, event: entry.event };
            self.remember(repeat);
            let wait = self.random.between(1, 2 * nanos(self.desk.config.idempotency_window));
            self.events.push(self.now + wait, Event::Again(repeat));
        }
        self.hear_ready();
    }

    /// A message to one connection: taken if its inbox, and all inboxes together, have room.
    fn send_direct(&mut self) {
        let id = self.live.get(self.random.index(self.live.len())).copied();
        if let Some(id) = id {
            for _ in 0..self.random.between(1, 4) {
                self.with(id, World::send_to);
            }
            self.hear_ready();
        }
    }

    fn send_to(&mut self, link: &mut Link) {
        let Some(subscriber) = link.server.subscriber else { return };
        let number = DIRECT + self.directs;
        self.directs += 1;
        let post = Post::new(number, &self.desk.tally);
        let cost = post.len_bytes() + ENTRY_OVERHEAD_BYTES;
        let config = &self.desk.config;
        let waits: usize = link.server.inbox.iter().map(|(_, cost)| cost).sum();
        let full =
            link.server.inbox.len() >= config.max_inbox_messages || waits + cost > config.max_inbox_bytes;
        let expected = match () {
            () if cost > config.max_inbox_bytes => Err(SendError::TooLarge),
            () if full => Err(SendError::InboxFull),
            () if self.desk.hub.usage().inboxes_bytes + cost > config.max_inboxes_bytes => {
                Err(SendError::InboxesFull)
            }
            () => Ok(()),
        };
        let sent = self.desk.hub.send_to(subscriber, post);
        if sent.is_ok() {
            link.server.inbox.push_back((number, cost));
        }
        let checked = check(sent == expected, || {
            Breach::new(Invariant::Budget, format!("{expected:?} for {cost} bytes"), format!("{sent:?}"))
        });
        self.checked(link, checked);
    }

    fn was_published(&mut self, topic: TopicId, position: Position, entry: Entry) -> Checked {
        self.placed.push((topic, position));
        self.report.outcome.figures.fanout.published += 1;
        if self.errs(Flaw::KeptMessages, 200) {
            self.desk.kept.push(self.desk.tally.clone());
        }
        self.room(topic, entry.cost)?;
        self.meets(topic, position.epoch)?;
        self.ledger.published(topic, position, entry)
    }

    /// The hub knows a publish from here on, for its window and unless too many come.
    fn remember(&mut self, repeat: Repeat) {
        self.desk.remembered.push_back((repeat.number, self.now));
        if self.desk.remembered.len() > self.desk.config.max_idempotency_keys {
            self.desk.remembered.pop_front();
        }
    }

    /// The answer to a publish was lost: the publisher says the same again, or something else by mistake; behind the
    /// window that is another message.
    pub(crate) fn again(&mut self, repeat: Repeat) {
        if let State::Suspended { until } = self.desk.state {
            return self.events.push(until, Event::Again(repeat));
        }
        if !self.desk.runs() || self.calm == Calm::Still {
            return;
        }
        let window = nanos(self.desk.config.idempotency_window);
        let is_it =
            |(number, at): &(u64, Nanos)| *number == repeat.number && at.saturating_add(window) > self.now;
        let known = self.desk.remembered.iter().any(is_it);
        let number = self.placed.len() as u64;
        let same = known && !self.random.once_in(4);
        let post = Post::new(if same { repeat.number } else { number }, &self.desk.tally);
        let mut entry = self.entry(number, post.len_bytes());
        (entry.event, entry.key, entry.expires_at) = (repeat.event, None, NEVER);
        let extras = repeat.event.map_or(0, |event| EXTRAS_OVERHEAD_BYTES + event.len());
        entry.cost = post.len_bytes() + ENTRY_OVERHEAD_BYTES + extras;
        let key = repeat.number.to_string();
        let options = options(&entry, self.now);
        let options =
            if self.errs(Flaw::ForgottenKey, 2) { options } else { options.idempotency(PUBLISHER, &key) };
        let name = self.ledger.book(repeat.topic).name.clone();
        let published = self.desk.hub.publish(clock(self.now), &name, post, &options);
        self.report.outcome.figures.fanout.repeated += 1;
        let first = self.placed[repeat.number as usize].1;
        let checked = match published {
            Ok(Published::Repeated(position)) if same && position == first => Ok(()),
            Err(PublishError::Conflict) if known && !same => Ok(()),
            Ok(Published::New(position)) if !known => {
                self.remember(repeat);
                self.was_published(repeat.topic, position, entry)
            }
            other => {
                let expected = format!("known: {known}, the same: {same}, at {first:?}");
                Err(Breach::new(Invariant::Order, expected, format!("{other:?}")))
            }
        };
        if let Err(breach) = checked {
            self.breach(format!("topic {name}"), *breach);
        }
        self.hear_ready();
    }

    /// What is said about a message.
    fn entry(&mut self, number: u64, len: usize) -> Entry {
        let lasts =
            if self.random.once_in(10) { self.random.between(SECOND / 10, 30 * SECOND) } else { NEVER };
        let event = self.random.once_in(10).then(|| EVENTS[self.random.index(EVENTS.len())]);
        let key = self.random.once_in(4).then(|| EVENTS[self.random.index(EVENTS.len())]);
        let extras = match (event, key, lasts) {
            (None, None, NEVER) => 0,
            (event, key, _) => EXTRAS_OVERHEAD_BYTES + event.map_or(0, str::len) + key.map_or(0, str::len),
        };
        Entry {
            number,
            cost: len + ENTRY_OVERHEAD_BYTES + extras,
            at: self.now,
            exclude: self.random.once_in(8).then(|| self.somebody()).flatten(),
            expires_at: self.now.saturating_add(lasts),
            replay: if self.random.once_in(8) { Replay::Ephemeral } else { Replay::Kept },
            event,
            key,
            superseded: false,
            gone: false,
        }
    }

    /// The connection of some reader.
    fn somebody(&mut self) -> Option<ConnectionId> {
        let id = *self.live.get(self.random.index(self.live.len()))?;
        self.links[id.0 as usize].as_ref().map(|link| link.connection)
    }
}
