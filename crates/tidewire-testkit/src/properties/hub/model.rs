//! A naive hub: vectors, clones and scans, no cleverness. It forgets no message, so that it knows what a gap hides.

mod reading;

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use tidewire_hub::{
    Config, ConnectError, ConnectionId, ENTRY_OVERHEAD_BYTES, EXTRAS_OVERHEAD_BYTES, Epoch, GapReason,
    Incarnation, OnLag, Policy, Position, PublishError, PublishOptions, Published, Reads, Replay, Start,
    SubscribeError, Usage,
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

    fn hash_body(&self, hasher: &mut dyn std::hash::Hasher) {
        hasher.write_u64(self.serial);
        hasher.write_usize(self.len_bytes);
    }
}

/// A message that was published, with all that was said about it.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) note: Note,
    pub(super) said: Said,
    pub(super) at: Duration,
    /// It is gone, and nobody would have been handed it.
    unheard: bool,
    /// Another has its key.
    superseded: bool,
}

/// What was said about a message.
#[derive(Clone, Debug, Default)]
pub(super) struct Said {
    pub(super) event: Option<String>,
    pub(super) key: Option<String>,
    pub(super) exclude: Option<ConnectionId>,
    pub(super) expires_in: Option<Duration>,
    pub(super) replay: Replay,
    /// Publisher and key.
    pub(super) once: Option<(String, String)>,
}

/// A publish that is remembered.
struct Once {
    id: (String, String, String),
    note: Note,
    event: String,
    position: Position,
    expires_at: Option<Duration>,
}

impl Said {
    /// How long it is of use: not to those who come later, for a while, or for good.
    fn lasting(&self) -> u8 {
        match (self.replay, self.expires_in) {
            (Replay::Ephemeral, _) => 0,
            (Replay::Kept, Some(_)) => 1,
            (Replay::Kept, None) => 2,
        }
    }

    pub(super) fn options(&self) -> PublishOptions<'_> {
        let mut options = PublishOptions::new().replay(self.replay);
        if let Some(event) = &self.event {
            options = options.event(event);
        }
        if let Some((publisher, key)) = &self.once {
            options = options.idempotency(publisher, key);
        }
        if let Some(key) = &self.key {
            options = options.key(key);
        }
        if let Some(connection) = self.exclude {
            options = options.exclude(connection);
        }
        if let Some(time) = self.expires_in {
            options = options.expires_in(time);
        }
        options
    }
}

impl Kept {
    fn cost(note: &Note, said: &Said) -> usize {
        let event = said.event.as_ref().map_or(0, String::len);
        let event = event + said.key.as_ref().map_or(0, String::len);
        let has_extras = said.event.is_some() || said.key.is_some() || said.expires_in.is_some();
        note.len_bytes + ENTRY_OVERHEAD_BYTES + if has_extras { EXTRAS_OVERHEAD_BYTES + event } else { 0 }
    }

    fn is_expired(&self, now: Duration) -> bool {
        self.said.expires_in.is_some_and(|time| self.at + time <= now)
    }
}

/// What a topic ever took, and how much of its beginning is gone.
#[derive(Clone, Debug, Default)]
pub(super) struct Topic {
    pub(super) life: u64,
    pub(super) notes: Vec<Kept>,
    pub(super) evicted: usize,
    /// The newest of those that are gone and that who reads everything, or the latest, would have been handed.
    lost: u64,
    lost_latest: u64,
    /// When it last came to the end of the line of those that pay.
    in_line_since: u64,
    /// When the hub looks at its oldest message.
    looked_at: Option<Duration>,
    /// Since when it has neither followers nor messages, and the order of becoming so.
    idle: Option<(Duration, u64)>,
}

impl Topic {
    pub(super) fn head(&self) -> u64 {
        self.notes.len() as u64
    }

    pub(super) fn before_earliest(&self) -> u64 {
        self.evicted as u64
    }

    pub(super) fn bytes(&self) -> usize {
        self.notes[self.evicted..].iter().map(|kept| Kept::cost(&kept.note, &kept.said)).sum()
    }

    fn lost_for(&self, cursor: &Subscription) -> u64 {
        if cursor.policy.reads == Reads::Latest { self.lost_latest } else { self.lost }
    }

    /// What is behind an offset, since the subscription was made: messages and bytes.
    fn lag(&self, offset: u64, cursor: &Subscription) -> (u64, u64) {
        let since = (offset.max(cursor.live_from) as usize).max(self.evicted);
        let behind = &self.notes[since..];
        (behind.len() as u64, behind.iter().map(|kept| Kept::cost(&kept.note, &kept.said) as u64).sum())
    }

    fn exceeds(&self, offset: u64, cursor: &Subscription) -> bool {
        let (messages, bytes) = self.lag(offset, cursor);
        messages > 1 && (messages > cursor.policy.max_lag_messages || bytes > cursor.policy.max_lag_bytes)
    }

    /// Where who was too slow goes on.
    fn goes_on_after(&self, from: u64, policy: &Policy) -> u64 {
        let newest = self.head().saturating_sub(1);
        let fits = |offset: u64| {
            let behind = &self.notes[offset as usize..];
            let bytes: u64 = behind.iter().map(|kept| Kept::cost(&kept.note, &kept.said) as u64).sum();
            behind.len() as u64 <= policy.max_lag_messages && bytes <= policy.max_lag_bytes
        };
        let from = from.max(self.before_earliest());
        match policy.on_lag {
            OnLag::SkipToNewest => newest.max(from),
            OnLag::SkipToLimit | OnLag::Disconnect => {
                (from..=newest).find(|offset| fits(*offset)).unwrap_or(newest.max(from))
            }
        }
    }

    fn age_of_oldest(&self, max_age: Duration) -> Option<Duration> {
        self.notes.get(self.evicted)?.at.checked_add(max_age)
    }

    /// Whether that reader is not handed the message at `offset`, without a loss.
    fn is_skipped(
        &self,
        offset: u64,
        cursor: &Subscription,
        connection: ConnectionId,
        now: Duration,
    ) -> bool {
        let kept = &self.notes[offset as usize - 1];
        let missed = kept.said.replay == Replay::Ephemeral && offset <= cursor.live_from;
        let conflated = cursor.policy.reads == Reads::Latest && kept.superseded;
        missed || conflated || kept.said.exclude == Some(connection) || kept.is_expired(now)
    }
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

#[derive(Clone, Debug)]
pub(super) struct Subscriber {
    pub(super) connection: ConnectionId,
    pub(super) topics: BTreeMap<String, Subscription>,
    /// Whether the ready list may name it.
    pub(super) idle: bool,
    /// It was told to go.
    pub(super) dismissed: bool,
    pub(super) inbox: VecDeque<Note>,
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
    policies: Vec<Policy>,
    once: VecDeque<Once>,
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
        Self {
            config,
            incarnation,
            topics: BTreeMap::new(),
            subscribers: BTreeMap::new(),
            now: Duration::ZERO,
            clock: 0,
            life: 0,
            policies: vec![Policy::default()],
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
        if topic.idle.is_none() && !followed && topic.evicted == topic.notes.len() {
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
        let messages = self.topics.values().map(|topic| topic.notes.len() - topic.evicted).sum();
        (self.topics.len(), self.subscribers.len(), self.subscriptions(), messages, self.bytes())
    }

    pub(super) fn agrees(&self, usage: Usage) {
        let found = (usage.topics, usage.subscribers, usage.subscriptions, usage.messages, usage.bytes);
        assert_eq!(found, self.usage());
        assert_eq!(usage.inboxes_bytes, self.inboxes_bytes());
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
        let now = self.now;
        let topic = self.topics.get_mut(name).expect("a topic that holds messages");
        topic.evicted += 1;
        let oldest = &mut topic.notes[topic.evicted - 1];
        oldest.unheard = oldest.said.replay == Replay::Ephemeral || oldest.is_expired(now);
        if !oldest.unheard {
            topic.lost = topic.evicted as u64;
            if !oldest.superseded {
                topic.lost_latest = topic.lost;
            }
        }
        topic.in_line_since = self.clock;
    }

    pub(super) fn publish(&mut self, name: &str, note: Note, said: Said) -> Result<Published, PublishError> {
        if said.key.as_ref().is_some_and(|key| key.len() > PublishOptions::MAX_KEY_LEN) {
            return Err(PublishError::KeyTooLong);
        }
        if said.event.as_ref().is_some_and(|event| event.len() > PublishOptions::MAX_EVENT_LEN) {
            return Err(PublishError::EventTooLong);
        }
        let event = said.event.clone().unwrap_or_default();
        let once = said.once.clone().filter(|_| self.config.max_idempotency_keys > 0);
        let once = once.map(|(publisher, key)| (publisher, name.to_owned(), key));
        if let Some(known) = self.once.iter().find(|known| Some(&known.id) == once.as_ref()) {
            let same = known.note == note && known.event == event;
            return if same { Ok(Published::Repeated(known.position)) } else { Err(PublishError::Conflict) };
        }
        let cost = Kept::cost(&note, &said);
        if cost > self.config.max_bytes_per_topic || cost > self.config.max_bytes {
            return Err(PublishError::TooLarge);
        }
        if !self.find_or_create(name) {
            return Err(PublishError::TooManyTopics);
        }
        loop {
            let topic = &self.topics[name];
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
            if payer != name {
                self.note_idle(&payer);
            }
        }
        self.clock += 1;
        let clock = self.clock;
        let topic = self.topics.get_mut(name).expect("created above");
        let before = class(topic.bytes());
        if said.key.is_some() {
            let held = topic.notes[topic.evicted..].iter_mut();
            held.filter(|kept| kept.said.key == said.key && kept.said.lasting() <= said.lasting())
                .for_each(|kept| kept.superseded = true);
        }
        let (remembered, window) = (note.clone(), self.config.idempotency_window);
        topic.notes.push(Kept { note, said, at: self.now, unheard: false, superseded: false });
        topic.looked_at = topic.looked_at.or_else(|| topic.age_of_oldest(self.config.max_age));
        if class(topic.bytes()) != before {
            topic.in_line_since = clock;
        }
        let head = topic.head();
        let position = self.at(name, head);
        if let Some(id) = once {
            if self.once.len() == self.config.max_idempotency_keys {
                self.once.pop_front();
            }
            let expires_at = self.now.checked_add(window);
            self.once.push_back(Once { id, note: remembered, event, position, expires_at });
        }
        Ok(Published::New(position))
    }

    pub(super) fn connect(&mut self, serial: u64, connection: ConnectionId) -> Result<(), ConnectError> {
        if self.subscribers.len() == self.config.max_subscribers {
            return Err(ConnectError::TooManySubscribers);
        }
        self.subscribers.insert(
            serial,
            Subscriber {
                connection,
                topics: BTreeMap::new(),
                idle: true,
                dismissed: false,
                inbox: VecDeque::new(),
            },
        );
        Ok(())
    }

    pub(super) fn disconnect(&mut self, serial: u64) {
        let Some(gone) = self.subscribers.remove(&serial) else { return };
        let mut left: Vec<_> = gone.topics.into_iter().map(|(name, cursor)| (cursor.since, name)).collect();
        left.sort();
        left.iter().for_each(|(_, name)| self.note_idle(name));
    }

    pub(super) fn unsubscribe(&mut self, serial: u64, name: &str) -> bool {
        let found = self.subscribers.get_mut(&serial).is_some_and(|all| all.topics.remove(name).is_some());
        if found {
            self.note_idle(name);
        }
        found
    }

    pub(super) fn subscribe(
        &mut self,
        serial: u64,
        name: &str,
        start: Start,
        policy: Policy,
    ) -> Result<Position, SubscribeError> {
        let subscriptions = self.subscriptions();
        let subscriber = self.subscribers.get(&serial).ok_or(SubscribeError::UnknownSubscriber)?;
        if subscriber.topics.contains_key(name) {
            return Err(SubscribeError::AlreadySubscribed);
        }
        if subscriber.topics.len() == self.config.max_topics_per_subscriber {
            return Err(SubscribeError::TooManyTopicsOfSubscriber);
        }
        if subscriptions == self.config.max_subscriptions {
            return Err(SubscribeError::TooManySubscriptions);
        }
        if !self.policies.contains(&policy) {
            if self.policies.len() == self.config.max_policies {
                return Err(SubscribeError::TooManyPolicies);
            }
            self.policies.push(policy);
        }
        if !self.find_or_create(name) {
            return Err(SubscribeError::TooManyTopics);
        }
        let epoch = self.at(name, 0).epoch;
        let topic = &self.topics[name];
        let earliest = topic.before_earliest();
        let (offset, gap) = match start {
            Start::Live => (topic.head(), None),
            Start::Earliest => (earliest, None),
            Start::Last(count) => (self.before_last(topic, count), None),
            Start::Unknown => (earliest, Some((GapReason::Unknown, None))),
            Start::After(from) if from.epoch != epoch => (earliest, Some((GapReason::Epoch, Some(from)))),
            Start::After(from) if from.offset > topic.head() => {
                (earliest, Some((GapReason::Unknown, Some(from))))
            }
            Start::After(from) => (from.offset, None),
        };
        let after = offset.max(earliest);
        self.clock += 1;
        let cursor =
            Subscription { offset, live_from: topic.head(), gap, policy, paused: false, since: self.clock };
        let subscriber = self.subscribers.get_mut(&serial).expect("found above");
        subscriber.topics.insert(name.to_owned(), cursor);
        Ok(self.at(name, after))
    }

    fn before_last(&self, topic: &Topic, count: u64) -> u64 {
        let mut offset = topic.head();
        let mut found = 0;
        while found < count && offset > topic.before_earliest() {
            let kept = &topic.notes[offset as usize - 1];
            found += u64::from(kept.said.replay == Replay::Kept && !kept.is_expired(self.now));
            offset -= 1;
        }
        offset
    }
}
