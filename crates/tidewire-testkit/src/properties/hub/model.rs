//! A naive hub: vectors, clones and scans, no cleverness. It forgets no message, so that it knows what a gap hides.

use std::collections::BTreeMap;

use tidewire_hub::{
    Config, ConnectError, ConnectionId, ENTRY_OVERHEAD_BYTES, Epoch, Gap, GapReason, Incarnation, Position,
    PublishError, Start, SubscribeError, Usage,
};

/// A message of the model and of the hub under test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Note {
    pub(super) serial: u64,
    pub(super) len_bytes: usize,
}

impl tidewire_hub::Message for Note {
    fn len_bytes(&self) -> usize {
        self.len_bytes
    }
}

/// What a topic ever took, and how much of its beginning is gone.
#[derive(Clone, Debug, Default)]
pub(super) struct Topic {
    pub(super) notes: Vec<(Note, Option<ConnectionId>)>,
    pub(super) evicted: usize,
    /// When it last came to the end of the line of those that pay.
    in_line_since: u64,
}

impl Topic {
    pub(super) fn head(&self) -> u64 {
        self.notes.len() as u64
    }

    pub(super) fn before_earliest(&self) -> u64 {
        self.evicted as u64
    }

    pub(super) fn bytes(&self) -> usize {
        self.notes[self.evicted..].iter().map(|(note, _)| note.len_bytes + ENTRY_OVERHEAD_BYTES).sum()
    }

    /// Whether all messages behind `from`, up to `to`, exclude the connection.
    fn all_excluded(&self, from: u64, to: u64, connection: ConnectionId) -> bool {
        self.notes[from as usize..to as usize].iter().all(|(_, exclude)| *exclude == Some(connection))
    }
}

/// A cursor: everything up to `offset` was handed out.
#[derive(Clone, Debug)]
pub(super) struct Subscription {
    pub(super) offset: u64,
    pub(super) gap: Option<(GapReason, Option<Position>)>,
}

#[derive(Clone, Debug)]
pub(super) struct Subscriber {
    pub(super) connection: ConnectionId,
    pub(super) topics: BTreeMap<String, Subscription>,
    /// Whether the ready list may name it.
    pub(super) idle: bool,
}

pub(super) struct Model {
    config: Config,
    incarnation: Incarnation,
    pub(super) topics: BTreeMap<String, Topic>,
    pub(super) subscribers: BTreeMap<u64, Subscriber>,
    clock: u64,
}

/// Sizes within an eighth of a power of two count as equal when somebody must pay.
fn class(bytes: usize) -> usize {
    let mut step = 1;
    while bytes / step >= 16 {
        step *= 2;
    }
    bytes / step * step
}

impl Model {
    pub(super) fn new(config: Config, incarnation: Incarnation) -> Self {
        Self { config, incarnation, topics: BTreeMap::new(), subscribers: BTreeMap::new(), clock: 0 }
    }

    pub(super) fn at(&self, offset: u64) -> Position {
        Position { epoch: Epoch { incarnation: self.incarnation, life: 0 }, offset }
    }

    fn bytes(&self) -> usize {
        self.topics.values().map(Topic::bytes).sum()
    }

    fn subscriptions(&self) -> usize {
        self.subscribers.values().map(|subscriber| subscriber.topics.len()).sum()
    }

    pub(super) fn usage(&self) -> (usize, usize, usize, usize, usize) {
        let messages = self.topics.values().map(|topic| topic.notes.len() - topic.evicted).sum();
        (self.topics.len(), self.subscribers.len(), self.subscriptions(), messages, self.bytes())
    }

    pub(super) fn agrees(&self, usage: Usage) {
        let found = (usage.topics, usage.subscribers, usage.subscriptions, usage.messages, usage.bytes);
        assert_eq!(found, self.usage());
        assert!(usage.bytes <= self.config.max_bytes, "over the hub's budget");
        for topic in self.topics.values() {
            assert!(topic.bytes() <= self.config.max_bytes_per_topic, "over the topic's bytes");
            assert!(
                topic.notes.len() - topic.evicted <= self.config.max_messages_per_topic,
                "over its count"
            );
        }
    }

    /// Evicts, and sends the topic to the end of the line.
    fn evict_oldest(&mut self, name: &str) {
        self.clock += 1;
        let topic = self.topics.get_mut(name).expect("a topic that holds messages");
        topic.evicted += 1;
        topic.in_line_since = self.clock;
    }

    pub(super) fn publish(
        &mut self,
        name: &str,
        note: Note,
        exclude: Option<ConnectionId>,
    ) -> Result<Position, PublishError> {
        let cost = note.len_bytes + ENTRY_OVERHEAD_BYTES;
        if cost > self.config.max_bytes_per_topic || cost > self.config.max_bytes {
            return Err(PublishError::TooLarge);
        }
        if !self.topics.contains_key(name) && self.topics.len() == self.config.max_topics {
            return Err(PublishError::TooManyTopics);
        }
        loop {
            let topic = self.topics.entry(name.to_owned()).or_default();
            let full = topic.notes.len() - topic.evicted == self.config.max_messages_per_topic;
            if !full && topic.bytes() + cost <= self.config.max_bytes_per_topic {
                break;
            }
            self.evict_oldest(name);
        }
        while self.bytes() + cost > self.config.max_bytes {
            let holders = self.topics.iter().filter(|(_, topic)| topic.bytes() > 0);
            let order = |topic: &Topic| (class(topic.bytes()), u64::MAX - topic.in_line_since);
            let payer = holders.max_by_key(|(_, topic)| order(topic)).map(|(name, _)| name.clone());
            let payer = payer.expect("somebody holds what is too much");
            let (holders, mine) =
                (self.topics.values().filter(|topic| topic.bytes() > 0).count(), &self.topics[&payer]);
            assert!(mine.bytes() * holders * 8 >= self.bytes() * 7, "who holds little pays");
            self.evict_oldest(&payer);
        }
        self.clock += 1;
        let clock = self.clock;
        let topic = self.topics.get_mut(name).expect("created above");
        let before = class(topic.bytes());
        topic.notes.push((note, exclude));
        if class(topic.bytes()) != before {
            topic.in_line_since = clock;
        }
        let head = topic.head();
        Ok(self.at(head))
    }

    pub(super) fn connect(&mut self, serial: u64, connection: ConnectionId) -> Result<(), ConnectError> {
        if self.subscribers.len() == self.config.max_subscribers {
            return Err(ConnectError::TooManySubscribers);
        }
        self.subscribers.insert(serial, Subscriber { connection, topics: BTreeMap::new(), idle: true });
        Ok(())
    }

    fn forget_blank_topics(&mut self) {
        let followed = |name: &String| self.subscribers.values().any(|all| all.topics.contains_key(name));
        let blank: Vec<String> = self
            .topics
            .keys()
            .filter(|name| !followed(name) && self.topics[*name].notes.is_empty())
            .cloned()
            .collect();
        for name in blank {
            self.topics.remove(&name);
        }
    }

    pub(super) fn disconnect(&mut self, serial: u64) {
        self.subscribers.remove(&serial);
        self.forget_blank_topics();
    }

    pub(super) fn unsubscribe(&mut self, serial: u64, name: &str) -> bool {
        let found = self.subscribers.get_mut(&serial).is_some_and(|all| all.topics.remove(name).is_some());
        self.forget_blank_topics();
        found
    }

    pub(super) fn subscribe(
        &mut self,
        serial: u64,
        name: &str,
        start: Start,
    ) -> Result<Position, SubscribeError> {
        let subscriptions = self.subscriptions();
        let (topics, known) = (self.topics.len(), self.topics.contains_key(name));
        let epoch = self.at(0).epoch;
        let subscriber = self.subscribers.get_mut(&serial).ok_or(SubscribeError::UnknownSubscriber)?;
        if subscriber.topics.contains_key(name) {
            return Err(SubscribeError::AlreadySubscribed);
        }
        if subscriber.topics.len() == self.config.max_topics_per_subscriber {
            return Err(SubscribeError::TooManyTopicsOfSubscriber);
        }
        if subscriptions == self.config.max_subscriptions {
            return Err(SubscribeError::TooManySubscriptions);
        }
        if !known && topics == self.config.max_topics {
            return Err(SubscribeError::TooManyTopics);
        }
        let topic = self.topics.entry(name.to_owned()).or_default();
        let earliest = topic.before_earliest();
        let (offset, gap) = match start {
            Start::Live => (topic.head(), None),
            Start::Earliest => (earliest, None),
            Start::Unknown => (earliest, Some((GapReason::Unknown, None))),
            Start::After(from) if from.epoch != epoch => (earliest, Some((GapReason::Epoch, Some(from)))),
            Start::After(from) if from.offset > topic.head() => {
                (earliest, Some((GapReason::Unknown, Some(from))))
            }
            Start::After(from) => (from.offset, None),
        };
        let after = offset.max(earliest);
        subscriber.topics.insert(name.to_owned(), Subscription { offset, gap });
        Ok(self.at(after))
    }

    /// Whether a pull must find something, and whether it may: what was skipped before it was evicted is no gap,
    /// what was evicted before it could be skipped is one, and the model does not know which came first.
    pub(super) fn has_something(&self, serial: u64) -> (bool, bool) {
        let Some(subscriber) = self.subscribers.get(&serial) else { return (false, false) };
        let (mut must, mut may) = (false, false);
        for (name, cursor) in &subscriber.topics {
            let topic = &self.topics[name];
            let more = !topic.all_excluded(cursor.offset, topic.head(), subscriber.connection);
            must |= more || cursor.gap.is_some();
            may |= must || cursor.offset < topic.before_earliest();
        }
        (must, may)
    }

    /// Whether the hub may say that `offset` was reached: no message before it is missing.
    pub(super) fn may_stand_at(&self, serial: u64, name: &str, offset: u64) -> bool {
        let (subscriber, topic) = (&self.subscribers[&serial], &self.topics[name]);
        let from = subscriber.topics[name].offset;
        (from..=topic.head()).contains(&offset) && topic.all_excluded(from, offset, subscriber.connection)
    }

    /// A message was handed out: it is held, it is not excluded, and nothing between was left out.
    pub(super) fn delivered(&mut self, serial: u64, name: &str, position: Position, note: &Note) {
        let offset = position.offset;
        assert_eq!(position, self.at(offset));
        assert!(self.subscribers[&serial].topics[name].gap.is_none(), "a message before its gap");
        assert!(self.may_stand_at(serial, name, offset - 1), "a message was lost or repeated in silence");
        assert!(!self.may_stand_at(serial, name, offset), "an excluded message was handed out");
        let topic = &self.topics[name];
        assert!(offset > topic.before_earliest());
        assert_eq!(topic.notes[offset as usize - 1].0, *note);
        self.moved(serial, name, offset);
    }

    /// A gap was handed out: it is the one that was pending, or messages are gone indeed.
    pub(super) fn told(&mut self, serial: u64, gap: &Gap) {
        let name = gap.topic.as_str();
        let earliest = self.topics[name].before_earliest();
        assert_eq!(gap.to, self.at(earliest));
        match self.subscribers[&serial].topics[name].gap {
            Some(pending) => assert_eq!((gap.reason, gap.from), pending),
            None => {
                let from = gap.from.expect("an eviction has a beginning");
                assert_eq!((gap.reason, from.epoch), (GapReason::Evicted, gap.to.epoch));
                assert!(from.offset < earliest, "a gap without a loss");
                assert!(self.may_stand_at(serial, name, from.offset));
            }
        }
        self.moved(serial, name, earliest);
    }

    fn moved(&mut self, serial: u64, name: &str, offset: u64) {
        let subscriber = self.subscribers.get_mut(&serial).expect("a subscriber");
        subscriber.idle = false;
        subscriber.topics.insert(name.to_owned(), Subscription { offset, gap: None });
    }
}
