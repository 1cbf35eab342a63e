//! The hub itself: what it owns, publishing, and making room. (Subscribing is in `subscribe`, delivery in `pull`.)

use core::fmt;
use core::time::Duration;

use slab::Slab;

use crate::budget::Sizes;
use crate::config::Config;
use crate::error::PublishError;
use crate::links::{Kind, Links, Node};
use crate::message::{ENTRY_OVERHEAD_BYTES, Message};
use crate::names::{ConnectionId, TopicName};
use crate::position::{Epoch, Incarnation, Position};
use crate::subscriber::{Subscriber, Subscription};
use crate::topic::{TopicInfo, Topics};

/// Topics as logs, subscriptions as cursors on them. Single-threaded; the caller tells the time.
///
/// See the [crate's page](crate) for the whole picture and an example.
pub struct Hub<M> {
    pub(crate) config: Config,
    pub(crate) incarnation: Incarnation,
    pub(crate) topics: Topics<M>,
    pub(crate) subscribers: Slab<Subscriber>,
    pub(crate) subscriptions: Slab<Subscription>,
    /// What waits and what is ready: the lists that [`Subscription`] tells of.
    pub(crate) turns: Links,
    /// The subscriptions of each subscriber, in the order in which they were made.
    pub(crate) siblings: Links,
    sizes: Sizes,
    len: usize,
    len_bytes: usize,
    /// How many subscribers ever connected.
    pub(crate) serial: u64,
}

/// What a hub holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// Topics.
    pub topics: usize,
    /// Subscribers.
    pub subscribers: usize,
    /// Subscriptions of all subscribers.
    pub subscriptions: usize,
    /// Messages in all topics.
    pub messages: usize,
    /// What they count, in bytes, each with its [`ENTRY_OVERHEAD_BYTES`]; at most [`Config::max_bytes`].
    pub bytes: usize,
}

/// The subscriptions that became ready and that `poll_ready` has yet to see.
pub(crate) const READY: Node = Node::new(Kind::Third, 0);

/// The caught-up subscriptions of a topic.
pub(crate) const fn waiting(topic: u32) -> Node {
    Node::new(Kind::First, topic)
}

/// Among the turns: the subscriptions of a subscriber that have something to pull. Among the siblings: all of them.
pub(crate) const fn of_subscriber(subscriber: u32) -> Node {
    Node::new(Kind::Second, subscriber)
}

impl<M: Message> Hub<M> {
    /// An empty hub.
    ///
    /// `incarnation` and `hash_seed` are drawn at random at each start: the first so that nobody takes a position
    /// of another run for one of this, the second, kept secret, so that nobody can choose topic names that fall
    /// together in the table.
    #[must_use]
    pub fn new(config: Config, incarnation: Incarnation, hash_seed: u64) -> Self {
        let mut turns = Links::default();
        turns.admit(READY);
        Self {
            config: config.normalized(),
            incarnation,
            topics: Topics::new(hash_seed),
            subscribers: Slab::new(),
            subscriptions: Slab::new(),
            turns,
            siblings: Links::default(),
            sizes: Sizes::new(),
            len: 0,
            len_bytes: 0,
            serial: 0,
        }
    }

    /// Appends a message to a topic, which is created if need be, and marks the topic's caught-up subscribers as
    /// ready. The cost is the same for any number of subscribers.
    ///
    /// `now` is kept with the message and handed out with it. The connection `exclude` does not get the message;
    /// it skips it without a gap. Answers with the message's position.
    ///
    /// Room is made first, so that no limit is ever exceeded: within the topic its oldest messages go; then, while
    /// the hub as a whole is full, the oldest of the topics that hold the most bytes, in turns. Nobody pays who
    /// holds less than seven eighths of a fair share, which is [`Config::max_bytes`] over the number of topics that
    /// hold messages; so one busy topic cannot push out the history of many quiet ones.
    ///
    /// # Errors
    /// [`PublishError::TooLarge`] and [`PublishError::TooManyTopics`]; nothing has changed then.
    pub fn publish(
        &mut self,
        now: Duration,
        topic: &TopicName,
        message: M,
        exclude: Option<ConnectionId>,
    ) -> Result<Position, PublishError> {
        let cost = message.len_bytes().saturating_add(ENTRY_OVERHEAD_BYTES);
        if cost > self.config.max_bytes_per_topic || cost > self.config.max_bytes {
            return Err(PublishError::TooLarge);
        }
        let key = self.find_or_create(topic).ok_or(PublishError::TooManyTopics)?;
        self.make_room(key, cost);
        let topic = &mut self.topics[key];
        let before = topic.log.len_bytes();
        let offset = topic.log.append(message, cost, now, exclude);
        let position = topic.at(offset);
        self.sizes.grown(key, before, before + cost);
        self.len += 1;
        self.len_bytes += cost;
        self.turns.splice(waiting(key), READY);
        Ok(position)
    }

    /// The topic, created if it does not exist; `None` when there is no room for another.
    pub(crate) fn find_or_create(&mut self, name: &TopicName) -> Option<u32> {
        if let Some(key) = self.topics.find(name) {
            return Some(key);
        }
        if self.topics.len() >= self.config.max_topics {
            return None;
        }
        // Only topics without a past are dropped, and those lose nothing by coming back in the same life.
        let key = self.topics.insert(name, Epoch { incarnation: self.incarnation, life: 0 });
        self.turns.admit(waiting(key));
        Some(key)
    }

    fn make_room(&mut self, key: u32, cost: usize) {
        loop {
            let log = &self.topics[key].log;
            if log.len() < self.config.max_messages_per_topic
                && log.len_bytes() + cost <= self.config.max_bytes_per_topic
            {
                break;
            }
            self.evict_oldest(key);
        }
        while self.len_bytes + cost > self.config.max_bytes {
            let Some(payer) = self.sizes.largest() else { break };
            self.evict_oldest(payer);
        }
    }

    fn evict_oldest(&mut self, key: u32) {
        let log = &mut self.topics[key].log;
        let before = log.len_bytes();
        let freed = log.evict_oldest();
        self.sizes.paid(key, before, before - freed);
        self.len -= 1;
        self.len_bytes -= freed;
    }
}

impl<M> Hub<M> {
    /// The run that this hub's positions belong to.
    #[must_use]
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// What the hub holds.
    #[must_use]
    pub fn usage(&self) -> Usage {
        Usage {
            topics: self.topics.len(),
            subscribers: self.subscribers.len(),
            subscriptions: self.subscriptions.len(),
            messages: self.len,
            bytes: self.len_bytes,
        }
    }

    /// A topic, if it exists.
    #[must_use]
    pub fn topic(&self, name: &TopicName) -> Option<TopicInfo<'_>> {
        self.topics.find(name).map(|key| self.topics[key].info())
    }

    /// All topics in the order of their places: a new topic takes the place of the one dropped last, else a new
    /// one behind all others. The same calls give the same order.
    pub fn topics(&self) -> impl Iterator<Item = TopicInfo<'_>> {
        self.topics.iter().map(|topic| topic.info())
    }
}

impl<M> fmt::Debug for Hub<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub")
            .field("incarnation", &self.incarnation)
            .field("usage", &self.usage())
            .finish_non_exhaustive()
    }
}
