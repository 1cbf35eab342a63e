//! The hub itself: what it owns, and what can be seen of it. (Publishing is in `publish`, what time does in
//! `retention`, subscribing in `subscribe`, delivery in `ready`
//! and `batch`.)

use core::fmt;
use core::ops::AddAssign;
use core::time::Duration;

use slab::Slab;

use crate::cohort::Cohorts;
use crate::config::Config;
use crate::eviction::Sizes;
use crate::idempotency::Idempotency;
use crate::inbox::CALLED;
use crate::links::{Kind, Links, Node};
use crate::message::Message;
use crate::names::TopicName;
use crate::policy::Policies;
use crate::position::{Epoch, Incarnation};
use crate::retention::Retention;
use crate::subscriber::{Subscriber, Subscription};
use crate::topic::{TopicInfo, Topics};

/// Topics as logs, subscriptions as cursors on them. Single-threaded; the caller tells the time.
///
/// See the [crate's page](crate) for the whole picture and an example.
pub struct Hub<M> {
    pub(crate) config: Config,
    pub(crate) incarnation: Incarnation,
    pub(crate) topics: Topics<M>,
    pub(crate) subscribers: Slab<Subscriber<M>>,
    pub(crate) subscriptions: Slab<Subscription>,
    /// What waits and what is ready: the lists that [`Subscription`] tells of.
    pub(crate) turns: Links,
    /// The subscriptions of each subscriber, in the order in which they were made.
    pub(crate) siblings: Links,
    /// The subscribers that were sent something.
    pub(crate) calls: Links,
    pub(crate) cohorts: Cohorts,
    /// What all inboxes count, in bytes.
    pub(crate) inboxes_len_bytes: usize,
    pub(crate) sizes: Sizes,
    pub(crate) len: usize,
    pub(crate) len_bytes: usize,
    /// The latest time that the hub was told.
    pub(crate) now: Duration,
    pub(crate) retention: Retention,
    pub(crate) policies: Policies,
    pub(crate) idempotency: Idempotency,
    /// The life of topics that are created from here on: no topic that was dropped with a past had it.
    pub(crate) life: u64,
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
    /// What they count, in bytes, with what is counted beside each: see [`Config::max_bytes_per_topic`]. At
    /// most [`Config::max_bytes`].
    pub bytes: usize,
    /// What all inboxes count, in bytes; at most [`Config::max_inboxes_bytes`].
    pub inboxes_bytes: usize,
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        let Self { topics, subscribers, subscriptions, messages, bytes, inboxes_bytes } = other;
        self.topics += topics;
        self.subscribers += subscribers;
        self.subscriptions += subscriptions;
        self.messages += messages;
        self.bytes += bytes;
        self.inboxes_bytes += inboxes_bytes;
    }
}

/// The subscriptions of subscribers without a [`Cohort`](crate::Cohort) that became ready and that `poll_ready` has yet to see.
pub(crate) const READY: Node = Node::new(Kind::Third, 0);

/// The caught-up subscriptions of a topic, of subscribers without a [`Cohort`](crate::Cohort).
pub(crate) const fn waiting(topic: u32) -> Node {
    Node::new(Kind::First, topic)
}

/// Among the turns: the subscriptions of a subscriber that have something to take. Among the siblings: all of
/// them.
pub(crate) const fn of_subscriber(subscriber: u32) -> Node {
    Node::new(Kind::Second, subscriber)
}

impl<M: Message> Hub<M> {
    /// An empty hub.
    ///
    /// `incarnation` and `hash_seed` are drawn at random at each start: the first so that nobody takes a
    /// position of another run for one of this, the second, kept secret, so that nobody can choose topic
    /// names that fall together in the table.
    #[must_use]
    pub fn new(config: Config, incarnation: Incarnation, hash_seed: u64) -> Self {
        let mut turns = Links::default();
        turns.admit(READY);
        let mut calls = Links::default();
        calls.admit(CALLED);
        Self {
            config: config.normalized(),
            incarnation,
            topics: Topics::new(hash_seed),
            subscribers: Slab::new(),
            subscriptions: Slab::new(),
            turns,
            siblings: Links::default(),
            calls,
            cohorts: Cohorts::new(),
            inboxes_len_bytes: 0,
            sizes: Sizes::new(),
            len: 0,
            len_bytes: 0,
            now: Duration::ZERO,
            retention: Retention::new(),
            policies: Policies::new(),
            idempotency: Idempotency::new(incarnation, hash_seed),
            life: 0,
            serial: 0,
        }
    }

    /// The topic, created if it does not exist, and in use from here on. `None` when there is no room for
    /// another: the topic that nobody has used for the longest time makes room, if there is one without
    /// followers and messages.
    pub(crate) fn find_or_create(&mut self, name: &TopicName) -> Option<u32> {
        if let Some(key) = self.topics.find_to_use(name) {
            self.note_use(key);
            return Some(key);
        }
        if self.topics.len() >= self.config.max_topics {
            let unused = self.retention.longest_idle()?;
            self.drop_topic(unused);
        }
        let key = self.topics.insert(name, Epoch { incarnation: self.incarnation, life: self.life });
        self.turns.admit(waiting(key));
        self.retention.admit(key);
        Some(key)
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
            inboxes_bytes: self.inboxes_len_bytes,
        }
    }

    /// A topic, if it exists.
    #[must_use]
    pub fn topic(&self, name: &TopicName) -> Option<TopicInfo<'_>> {
        self.topics.find(name).map(|key| self.topics[key].info())
    }

    /// All topics in the order of their places: a new topic takes the place of the one dropped last, else a
    /// new one behind all others. The same calls give the same order.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_several_hubs_hold_adds_up() {
        let one =
            Usage { topics: 1, subscribers: 2, subscriptions: 3, messages: 4, bytes: 5, inboxes_bytes: 6 };
        let mut sum = Usage { topics: 10, subscribers: 20, subscriptions: 30, ..one };
        sum += one;
        let expected = Usage {
            topics: 11,
            subscribers: 22,
            subscriptions: 33,
            messages: 8,
            bytes: 10,
            inboxes_bytes: 12,
        };
        assert_eq!(sum, expected);
    }
}
