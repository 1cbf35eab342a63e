//! Plays bytes as operations on a hub and on the model beside it.

mod bytes;
mod cohorts;
mod taking;

use core::time::Duration;

use tidewire_hub::{
    Budget, Cohort, Config, ConnectionId, Cursor, Epoch, Hub, Incarnation, Position, Replay, Start,
    SubscriberId, TopicName,
};

use super::model::{Model, Note, Said};
use bytes::{NAMES, Tape};

const HUB: Incarnation = Incarnation::new(0x1234);
const PLACES: usize = 8;

/// The hub under test, the model, and what a caller would remember.
struct Pair {
    hub: Hub<Note>,
    model: Model,
    /// The subscribers by place, those that left too.
    places: [Option<SubscriberId>; PLACES],
    serials: [u64; PLACES],
    /// Cohorts of which somebody may be ready.
    unfinished: Vec<Cohort>,
    /// Places of cohorts that were put off.
    put_off: Vec<usize>,
    connected: u64,
    published: u64,
    now: Duration,
    /// A token that somebody kept.
    kept: String,
}

/// Plays all of `data`.
pub(super) fn play(data: &[u8]) {
    let mut tape = Tape(data);
    let mut pair = Pair::new(&mut tape);
    while !tape.0.is_empty() {
        pair.step(&mut tape);
        pair.model.agrees(pair.hub.usage());
    }
    pair.listing();
    pair.settle();
}

impl Pair {
    fn new(tape: &mut Tape<'_>) -> Self {
        let mut config = Config::default();
        config.max_topics = 1 + tape.below(6);
        config.max_subscribers = 1 + tape.below(PLACES);
        config.max_subscriptions = 1 + tape.below(16);
        config.max_topics_per_subscriber = 1 + tape.below(5);
        config.max_messages_per_topic = tape.below(12).max(1);
        config.max_bytes_per_topic = 64 + tape.below(200) * 8;
        config.max_bytes = 64 + tape.below(250) * 16;
        config.max_policies = 1 + tape.below(6);
        config.max_idempotency_keys = tape.below(5);
        config.idempotency_window = tape.span();
        config.max_inbox_messages = tape.below(5);
        config.max_inbox_bytes = 64 + tape.below(250);
        config.max_inboxes_bytes = 64 + tape.below(250) * 2;
        config.max_age = tape.span();
        config.topic_expiry = tape.span();
        config.max_turn_messages = tape.below(5);
        config.max_turn_bytes = tape.below(8) * 64;
        let seed = u64::from(tape.byte());
        Self {
            hub: Hub::new(config.clone(), HUB, seed),
            model: Model::new(config, HUB),
            places: [None; PLACES],
            serials: [u64::MAX; PLACES],
            unfinished: Vec::new(),
            put_off: Vec::new(),
            connected: 0,
            published: 0,
            now: Duration::ZERO,
            kept: String::new(),
        }
    }

    fn step(&mut self, tape: &mut Tape<'_>) {
        match tape.byte() % 16 {
            0..=4 => self.publish(tape),
            5 => self.connect(tape),
            6 => self.disconnect(tape),
            7 | 8 => self.subscribe(tape),
            9 => match tape.below(2) {
                0 => self.unsubscribe(tape),
                _ => self.pause(tape),
            },
            10 => match tape.below(10) {
                0 => self.wave(tape),
                1 => self.wait(tape),
                2 => self.send_to(tape),
                3 => self.take_gaps(tape),
                4 => self.forget(tape),
                5 => self.serve_with(tape.below(PLACES), cohorts::any(tape)),
                6 | 7 => self.wave_of(tape),
                _ => drop(self.poll_ready()),
            },
            11 | 12 => {
                let place = tape.below(PLACES);
                self.pull(place);
            }
            13 if tape.below(2) == 0 => self.wave_of(tape),
            13 => {
                let place = tape.below(PLACES);
                let budget = Budget { max_messages: tape.below(16), max_bytes: tape.below(8) * 128 };
                self.batch_in_part(place, budget, tape.below(16));
            }
            14 => self.keep(tape),
            _ => self.settle(),
        }
    }

    fn publish(&mut self, tape: &mut Tape<'_>) {
        let topic = tape.topic();
        let mut note = Note { serial: self.published, len_bytes: tape.below(256) };
        let mut said = self.said(tape);
        self.published += 1;
        if tape.below(4) == 0 {
            // Few different ones, so that they come again.
            let which = tape.byte();
            said.once = Some((["p", "q"][usize::from(which & 1)].to_owned(), (which >> 1 & 1).to_string()));
            note = Note { serial: u64::from(which >> 2 & 1), len_bytes: 1 };
        }
        // Never twice at the same time: which of two topics comes first when both are due is the hub's to
        // say.
        let now = self.later(1 + tape.below(4));
        let expected = self.model.publish(topic.as_str(), note.clone(), said.clone());
        assert_eq!(self.hub.publish(now, &topic, note, &said.options()), expected);
    }

    /// Time passes, or what is due is done.
    fn wait(&mut self, tape: &mut Tape<'_>) {
        let due = self.hub.poll_timeout().map(|(at, _)| at);
        assert_eq!(due, self.model.due());
        match (tape.byte(), due) {
            (0..128, Some(at)) if at > self.now && at < Duration::MAX => self.now = at,
            (ms, _) => self.now += Duration::from_millis(u64::from(ms % 32)),
        }
        self.model.tell(self.now);
        self.hub.handle_timeout(self.now);
        assert!(self.hub.poll_timeout().is_none_or(|(at, _)| at > self.now), "due again at once");
    }

    fn said(&self, tape: &mut Tape<'_>) -> Said {
        let mut said = Said::default();
        if let place @ 0..PLACES = tape.below(PLACES * 2) {
            said.exclude = Some(ConnectionId::new(self.serials[place]));
        }
        let rare = tape.byte();
        if rare & 0x03 == 0 {
            said.replay = Replay::Ephemeral;
        }
        if rare & 0x0C == 0 {
            said.expires_in = Some(Duration::from_millis(tape.below(24) as u64));
        }
        if rare & 0x60 != 0 {
            said.key = [None, Some("k"), Some("l"), Some("m")][tape.below(4)].map(str::to_owned);
        }
        if rare & 0x70 == 0 {
            said.event = Some("e".repeat(usize::from(tape.byte()) + usize::from(rare >> 7)));
        }
        said
    }

    /// The time after so many milliseconds more; the model knows of it.
    fn later(&mut self, ms: usize) -> Duration {
        self.now += Duration::from_millis(ms as u64);
        self.model.tell(self.now);
        self.now
    }

    fn connect(&mut self, tape: &mut Tape<'_>) {
        let place = tape.below(PLACES);
        if self.model.subscribers.contains_key(&self.serials[place]) {
            return;
        }
        let connection = ConnectionId::new(self.connected);
        let admitted = self.hub.connect(connection);
        assert_eq!(admitted.map(drop), self.model.connect(self.connected, connection));
        if let Ok(id) = admitted {
            assert!(!self.places.contains(&Some(id)), "an id came back");
            self.places[place] = Some(id);
            self.serials[place] = self.connected;
            self.connected += 1;
            if tape.below(2) == 0 {
                self.serve_with(place, cohorts::FIRST);
            }
        }
    }

    /// Gone or not: a second time changes nothing.
    fn disconnect(&mut self, tape: &mut Tape<'_>) {
        let place = tape.below(PLACES);
        if let Some(id) = self.places[place] {
            self.model.tell(self.now);
            self.hub.disconnect(self.now, id);
            self.model.disconnect(self.serials[place]);
            assert_eq!(self.hub.cursor(id).topics(), 0);
        }
    }

    fn subscribe(&mut self, tape: &mut Tape<'_>) {
        let (place, topic) = (tape.below(PLACES), tape.topic());
        let start = match tape.below(9) {
            0 | 1 => Start::Live,
            2 => Start::Earliest,
            8 => Start::Last(tape.below(6) as u64),
            3 => Start::Unknown,
            4 => Cursor::parse(&self.kept).map_or(Start::Unknown, |cursor| cursor.start(&topic)),
            kind => {
                let incarnation = Incarnation::new(HUB.as_u64() + u64::from(kind == 5));
                let epoch = Epoch {
                    incarnation,
                    life: self.model.life(topic.as_str()) ^ u64::from(tape.below(8) == 0),
                };
                Start::After(Position { epoch, offset: tape.below(32) as u64 })
            }
        };
        if let Some(id) = self.places[place] {
            let policy = tape.policy();
            self.model.tell(self.now);
            let expected = self.model.subscribe(self.serials[place], topic.as_str(), start, policy);
            assert_eq!(self.hub.subscribe_with(self.now, id, &topic, start, policy), expected);
        }
    }

    fn unsubscribe(&mut self, tape: &mut Tape<'_>) {
        let (place, topic) = (tape.below(PLACES), tape.topic());
        if let Some(id) = self.places[place] {
            self.model.tell(self.now);
            let expected = self.model.unsubscribe(self.serials[place], topic.as_str());
            assert_eq!(self.hub.unsubscribe(self.now, id, &topic), expected);
        }
    }

    fn send_to(&mut self, tape: &mut Tape<'_>) {
        let place = tape.below(PLACES);
        let Some(id) = self.places[place] else { return };
        self.published += 1;
        let note = Note { serial: self.published, len_bytes: tape.below(64) };
        let expected = self.model.send_to(self.serials[place], note.clone());
        assert_eq!(self.hub.send_to(id, note), expected);
    }

    fn pause(&mut self, tape: &mut Tape<'_>) {
        let (place, topic) = (tape.below(PLACES), tape.topic());
        let Some(id) = self.places[place] else { return };
        let pauses = tape.below(3) == 0;
        let expected = self.model.pause(self.serials[place], topic.as_str(), pauses);
        let found = if pauses { self.hub.pause(id, &topic) } else { self.hub.resume(id, &topic) };
        assert_eq!(found, expected);
    }

    /// Keeps a subscriber's token, and checks that it says where the subscriber stands.
    fn keep(&mut self, tape: &mut Tape<'_>) {
        let place = tape.below(PLACES);
        let Some(id) = self.places[place] else { return };
        let cursor = self.hub.cursor(id);
        self.kept = cursor.encode();
        assert_eq!(Cursor::parse(&self.kept).as_ref(), Ok(&cursor));
        assert_eq!(cursor.topics(), self.hub.topics_of(id));
        let Some(subscriber) = self.model.subscribers.get(&self.serials[place]) else { return };
        assert_eq!(cursor.topics(), subscriber.topics.len());
        for name in NAMES {
            let topic = TopicName::new(name).or_else(|_| TopicName::reserved(name)).expect("a valid name");
            match (subscriber.topics.get(name), cursor.start(&topic)) {
                (None, start) => assert_eq!(start, Start::Live),
                (Some(found), Start::Unknown) => assert!(found.gap.is_some()),
                (Some(found), Start::After(position)) => {
                    assert!(found.gap.is_none());
                    assert_eq!(position, self.model.at(name, position.offset));
                    assert!(self.model.may_stand_at(self.serials[place], name, position.offset));
                }
                (Some(_), start) => panic!("{name} starts at {start:?}"),
            }
        }
    }

    fn listing(&self) {
        let mut found: Vec<_> = self.hub.topics().collect();
        found.sort_by_key(|info| info.name.as_str());
        assert_eq!(found.len(), self.model.topics.len());
        for (info, (name, topic)) in found.iter().zip(&self.model.topics) {
            let followers =
                self.model.subscribers.values().filter(|all| all.topics.contains_key(name)).count();
            assert_eq!(info.name.as_str(), name);
            assert_eq!(info.head, self.model.at(name, topic.head()));
            assert_eq!(info.before_earliest, self.model.at(name, topic.before_earliest()));
            assert_eq!((info.messages, info.bytes), (topic.len(), topic.bytes()));
            assert_eq!(info.subscribers, followers);
            assert_eq!(self.hub.topic(info.name), Some(*info));
        }
    }
}
