//! Plays bytes as operations on a hub and on the model beside it.

use core::time::Duration;
use std::collections::BTreeMap;

use tidewire_hub::{
    Batch, Budget, Config, ConnectionId, Cursor, Delivery, Epoch, Hub, Incarnation, OnLag, Policy, Position,
    Reads, Replay, Start, SubscriberId, TopicName,
};

use super::model::{Model, Note, Said, Subscriber};

/// More than the limit on topics, so that it is met.
const NAMES: [&str; 7] = ["a", "b", "chat/1", "chat/2", "$user:1", "\u{e9}", "long name with spaces in it"];
const HUB: Incarnation = Incarnation::new(0x1234);
const PLACES: usize = 8;

struct Tape<'a>(&'a [u8]);

impl Tape<'_> {
    /// The next byte, 0 behind the end.
    fn byte(&mut self) -> u8 {
        let Some((byte, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *byte
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::from(self.byte()) % bound
    }

    /// Some milliseconds, or for ever.
    fn span(&mut self) -> Duration {
        match self.byte() {
            0..64 => Duration::MAX,
            ms => Duration::from_millis(u64::from(ms - 64)),
        }
    }

    fn policy(&mut self) -> Policy {
        let mut policy = Policy::default();
        let kind = self.byte();
        if kind & 1 == 0 {
            return policy;
        }
        policy.on_lag = [OnLag::SkipToLimit, OnLag::SkipToNewest, OnLag::Disconnect][self.below(3)];
        policy.reads = if kind & 2 == 0 { Reads::Every } else { Reads::Latest };
        if kind & 4 == 0 {
            policy.max_lag_messages = self.below(6) as u64;
        }
        if kind & 8 == 0 {
            policy.max_lag_bytes = self.below(16) as u64 * 32;
        }
        policy
    }

    fn topic(&mut self) -> TopicName {
        let name = NAMES[self.below(NAMES.len())];
        let made = if name.starts_with('$') { TopicName::reserved(name) } else { TopicName::new(name) };
        made.expect("a valid name")
    }
}

/// The hub under test, the model, and what a caller would remember.
struct Pair {
    hub: Hub<Note>,
    model: Model,
    /// The subscribers by place, those that left too.
    places: [Option<SubscriberId>; PLACES],
    serials: [u64; PLACES],
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
            10 => match tape.below(7) {
                0 => self.wave(tape),
                1 => self.wait(tape),
                2 => self.send_to(tape),
                3 => self.take_gaps(tape),
                4 => self.forget(tape),
                _ => drop(self.poll_ready()),
            },
            11 | 12 => {
                let place = tape.below(PLACES);
                self.pull(place);
            }
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
            (0..128, Some(at)) if at > self.now => self.now = at,
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

    /// The place of who was named: somebody who has something and was not named since.
    fn poll_ready(&mut self) -> Option<usize> {
        let Some(id) = self.hub.poll_ready() else {
            for (serial, subscriber) in &self.model.subscribers {
                let (must, _) = self.model.has_something(*serial);
                assert!(!(subscriber.idle && must), "somebody was forgotten");
            }
            return None;
        };
        let place = self.places.iter().position(|known| *known == Some(id)).expect("somebody who is here");
        let (_, may) = self.model.has_something(self.serials[place]);
        let subscriber = self.model.subscribers.get_mut(&self.serials[place]).expect("somebody who is here");
        assert!(may, "named for nothing");
        assert!(subscriber.idle, "named twice");
        subscriber.idle = false;
        Some(place)
    }

    /// Whether there was something.
    fn pull(&mut self, place: usize) -> bool {
        let (Some(id), serial) = (self.places[place], self.serials[place]) else { return false };
        let taken = self.batch(place, Budget::ONE);
        if taken == 0 {
            let (must, _) = self.model.has_something(serial);
            assert!(!must, "nothing came though something is there");
            assert!(!self.hub.wants_batch(id), "an empty batch left something");
        }
        taken > 0
    }

    /// Takes at most that many of a batch, drops the rest, and says how many it took.
    fn batch(&mut self, place: usize, budget: Budget) -> usize {
        self.batch_in_part(place, budget, usize::MAX)
    }

    fn batch_in_part(&mut self, place: usize, budget: Budget, most: usize) -> usize {
        let (Some(id), serial) = (self.places[place], self.serials[place]) else { return 0 };
        self.model.tell(self.now);
        let taken = take(&mut self.model, serial, &mut self.hub.batch(self.now, id, budget), budget, most);
        self.left(place);
        let (must, _) = self.model.has_something(serial);
        let used_up = taken > 0 || most == 0;
        assert!(used_up || !must, "nothing came though something is there");
        taken
    }

    /// All gaps ahead of the messages; nobody's turn to be named is lost by it.
    fn take_gaps(&mut self, tape: &mut Tape<'_>) {
        let place = tape.below(PLACES);
        let Some(id) = self.places[place] else { return };
        self.model.tell(self.now);
        for gap in self.hub.take_gaps(self.now, id) {
            self.model.told_ahead(self.serials[place], &gap);
        }
        self.model.told_all(self.serials[place]);
    }

    /// A batch, or some of a wave, is given in part and never dropped.
    fn forget(&mut self, tape: &mut Tape<'_>) {
        let (place, budget) =
            (tape.below(PLACES), Budget { max_messages: 1 + tape.below(8), max_bytes: 512 });
        let Some(mut id) = self.places[place] else { return };
        let (all, most) = (tape.below(4), tape.below(8));
        self.model.tell(self.now);
        let before = self.model.subscribers.clone();
        let place_of =
            |places: &[Option<SubscriberId>], id| places.iter().position(|known| *known == Some(id));
        if all > 0 {
            let mut batches = self.hub.ready_batches(self.now, budget);
            for _ in 0..all {
                let Some(batch) = batches.next() else { break };
                id = batch.subscriber().expect("somebody who is here");
                let place = place_of(&self.places, id).expect("somebody who is here");
                take(&mut self.model, self.serials[place], batch, budget, most);
            }
            core::mem::forget(batches);
        } else {
            let mut batch = self.hub.batch(self.now, id, budget);
            take(&mut self.model, self.serials[place], &mut batch, budget, most);
            core::mem::forget(batch);
        }
        for place in 0..PLACES {
            self.goes_back(place, &before);
            self.left(place);
        }
    }

    /// Where the hub's cursors are is where the model goes on.
    fn goes_back(&mut self, place: usize, before: &BTreeMap<u64, Subscriber>) {
        let (Some(id), serial) = (self.places[place], self.serials[place]) else { return };
        let (cursor, Some(before)) = (self.hub.cursor(id), before.get(&serial)) else { return };
        for (name, stood) in &before.topics {
            let topic = TopicName::new(name).or_else(|_| TopicName::reserved(name)).expect("a valid name");
            if let Start::After(position) = cursor.start(&topic) {
                self.model.forgotten(serial, name, stood.offset, position.offset);
            }
        }
    }

    /// Who is named next follows from what a batch has left. (That may have expired since.)
    fn left(&mut self, place: usize) {
        let (Some(id), serial) = (self.places[place], self.serials[place]) else { return };
        let wants = self.hub.wants_batch(id);
        if let Some(subscriber) = self.model.subscribers.get_mut(&serial) {
            // What the ready list has yet to see may be left all the same: then it names the subscriber.
            subscriber.idle = !wants;
        }
    }

    /// Batches for those who are ready, of which some are given in part and some not at all.
    fn wave(&mut self, tape: &mut Tape<'_>) {
        let budget = Budget { max_messages: tape.below(4), max_bytes: tape.below(8) * 128 };
        let mut given = Vec::new();
        self.model.tell(self.now);
        let mut batches = self.hub.ready_batches(self.now, budget);
        for _ in 0..tape.below(2 * PLACES) {
            let Some(batch) = batches.next() else { break };
            let id = batch.subscriber().expect("somebody who is here");
            let place =
                self.places.iter().position(|known| *known == Some(id)).expect("somebody who is here");
            let subscriber = &self.model.subscribers[&self.serials[place]];
            assert!(subscriber.idle || given.contains(&place), "somebody else has it in hand");
            take(&mut self.model, self.serials[place], batch, budget, tape.below(4));
            given.push(place);
        }
        drop(batches);
        given.into_iter().for_each(|place| self.left(place));
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

    /// Everybody who is named takes everything; then nobody has anything left but those who never finished.
    fn settle(&mut self) {
        while let Some(place) = self.poll_ready() {
            while self.pull(place) {}
        }
        for place in 0..PLACES {
            while self.pull(place) {}
        }
        assert_eq!(self.poll_ready(), None, "everybody has everything");
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

/// Takes at most that many of a batch, under the eyes of the model, and says how many it took.
fn take(model: &mut Model, serial: u64, batch: &mut Batch<'_, Note>, budget: Budget, most: usize) -> usize {
    let (mut taken, mut bytes) = (0, 0);
    for delivery in batch.take(most) {
        taken += 1;
        match delivery {
            Delivery::Message(lent) => {
                let note = lent.message();
                bytes += note.len_bytes;
                let adds = taken > 1 && note.len_bytes > 0;
                assert!(bytes <= budget.max_bytes || !adds, "over the budget's bytes");
                model.delivered(serial, &lent);
            }
            Delivery::Gap(gap) => model.told(serial, &gap),
            Delivery::Direct(note) => {
                bytes += note.len_bytes;
                let adds = taken > 1 && note.len_bytes > 0;
                assert!(bytes <= budget.max_bytes || !adds, "over the budget's bytes");
                model.direct(serial, &note);
            }
            Delivery::Dismissed(dismissal) => model.dismissed(serial, &dismissal),
        }
    }
    assert!(taken <= budget.max_messages.max(1), "over the budget's count");
    taken
}
