//! A naive hub: vectors, clones and scans, no cleverness. It forgets no message, so that it knows what a gap
//! hides.

mod coming;
mod message;
mod publishing;
mod reading;
mod topic;

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use tidewire_hub::{Config, ConnectionId, Epoch, GapReason, Incarnation, Policy, Position, Usage};

pub(super) use message::{Note, Said};
pub(super) use topic::Topic;

/// A publish that is remembered.
struct Once {
    id: (String, String, String),
    note: Note,
    event: String,
    position: Position,
    expires_at: Option<Duration>,
}

/// A cursor: everything up to `offset` was handed out.
#[derive(Clone, Debug)]
pub(super) struct Subscription {
    pub(super) offset: u64,
    pub(super) live_from: u64,
    pub(super) gap: Option<(GapReason, Option<Position>)>,
    pub(super) policy: Policy,
    pub(super) paused: bool,
    /// Tells older ones from newer ones.
    since: u64,
}

/// Whether a batch gave what was in the inbox, and nothing of a topic behind it: the next may begin with a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PutOff {
    Not,
    /// The batch that is being taken.
    Now,
    /// One before.
    Before,
}

#[derive(Clone, Debug)]
pub(super) struct Subscriber {
    pub(super) connection: ConnectionId,
    pub(super) topics: BTreeMap<String, Subscription>,
    /// Whether the ready list may name it.
    pub(super) idle: bool,
    /// It was told to go.
    pub(super) dismissed: bool,
    pub(super) inbox: VecDeque<Note>,
    pub(super) put_off: PutOff,
}

pub(super) struct Model {
    config: Config,
    incarnation: Incarnation,
    pub(super) topics: BTreeMap<String, Topic>,
    pub(super) subscribers: BTreeMap<u64, Subscriber>,
    pub(super) now: Duration,
    /// Numbers what happens, in order.
    clock: u64,
    life: u64,
    once: VecDeque<Once>,
}

impl Model {
    pub(super) fn new(config: Config, incarnation: Incarnation) -> Self {
        Self {
            config,
            incarnation,
            topics: BTreeMap::new(),
            subscribers: BTreeMap::new(),
            now: Duration::ZERO,
            clock: 0,
            life: 0,
            once: VecDeque::new(),
        }
    }

    /// A position in the life of a topic that exists, or that it would have.
    pub(super) fn at(&self, name: &str, offset: u64) -> Position {
        let life = self.topics.get(name).map_or(self.life, |topic| topic.life);
        Position { epoch: Epoch { incarnation: self.incarnation, life }, offset }
    }

    pub(super) fn life(&self, name: &str) -> u64 {
        self.at(name, 0).epoch.life
    }

    fn is_followed(&self, name: &str) -> bool {
        self.subscribers.values().any(|all| all.topics.contains_key(name))
    }

    /// Time passes: messages reach their age, topics that nobody uses are dropped.
    pub(super) fn tell(&mut self, now: Duration) {
        self.now = self.now.max(now);
        let max_age = self.config.max_age;
        let next = |topics: &BTreeMap<String, Topic>| {
            let all = topics.iter().filter_map(|(name, topic)| Some((topic.looked_at?, name.clone())));
            all.min()
        };
        while let Some((_, name)) = next(&self.topics).filter(|(at, _)| *at <= self.now) {
            while self.topics[&name].age_of_oldest(max_age).is_some_and(|at| at <= self.now) {
                self.evict_oldest(&name);
            }
            let topic = self.topics.get_mut(&name).expect("a topic that was looked at");
            topic.looked_at = topic.age_of_oldest(max_age);
            self.note_idle(&name);
        }
        self.once.retain(|known| known.expires_at.is_none_or(|at| at > now));
        while let Some((since, name)) = self.longest_idle() {
            if since.checked_add(self.config.topic_expiry).is_none_or(|at| at > self.now) {
                break;
            }
            self.drop_topic(&name);
        }
    }

    /// When time has something to do.
    pub(super) fn due(&self) -> Option<Duration> {
        let age = self.topics.values().filter_map(|topic| topic.looked_at).min();
        let idle = self.longest_idle().and_then(|(since, _)| since.checked_add(self.config.topic_expiry));
        let once = self.once.front().and_then(|known| known.expires_at);
        age.into_iter().chain(idle).chain(once).min()
    }

    fn longest_idle(&self) -> Option<(Duration, String)> {
        let idle = self.topics.iter().filter_map(|(name, topic)| topic.idle.map(|idle| (idle, name)));
        idle.min_by_key(|((_, order), _)| *order).map(|((since, _), name)| (since, name.clone()))
    }

    fn note_idle(&mut self, name: &str) {
        let followed = self.is_followed(name);
        self.clock += 1;
        let topic = self.topics.get_mut(name).expect("a topic");
        if topic.idle.is_none() && !followed && topic.len() == 0 {
            topic.idle = Some((self.now, self.clock));
        }
    }

    fn drop_topic(&mut self, name: &str) {
        let topic = self.topics.remove(name).expect("a topic");
        if !topic.notes.is_empty() && topic.life == self.life {
            self.life += 1;
        }
    }

    /// Whether the topic is there, made if need be, in use from here on.
    fn find_or_create(&mut self, name: &str) -> bool {
        if !self.topics.contains_key(name) {
            if self.topics.len() == self.config.max_topics {
                let Some((_, unused)) = self.longest_idle() else { return false };
                self.drop_topic(&unused);
            }
            self.topics.insert(name.to_owned(), Topic { life: self.life, ..Topic::default() });
        }
        self.topics.get_mut(name).expect("made above").idle = None;
        true
    }

    fn bytes(&self) -> usize {
        self.topics.values().map(Topic::bytes).sum()
    }

    fn subscriptions(&self) -> usize {
        self.subscribers.values().map(|subscriber| subscriber.topics.len()).sum()
    }

    pub(super) fn usage(&self) -> (usize, usize, usize, usize, usize) {
        let messages = self.topics.values().map(Topic::len).sum();
        (self.topics.len(), self.subscribers.len(), self.subscriptions(), messages, self.bytes())
    }

    pub(super) fn agrees(&self, usage: Usage) {
        let found = (usage.topics, usage.subscribers, usage.subscriptions, usage.messages, usage.bytes);
        assert_eq!(found, self.usage());
        assert_eq!(usage.inboxes_bytes, self.inboxes_bytes());
        assert!(usage.bytes <= self.config.max_bytes, "over the hub's budget");
        for topic in self.topics.values() {
            assert!(topic.bytes() <= self.config.max_bytes_per_topic, "over the topic's bytes");
            assert!(topic.len() <= self.config.max_messages_per_topic, "over its count");
        }
    }
}
