//! What time does: messages grow too old, topics that nobody uses are dropped.

use alloc::collections::BTreeSet;
use core::time::Duration;

use crate::hub::Hub;
use crate::links::{Kind, Links, Node};
use crate::log::Log;
use crate::message::Message;

/// What a deadline is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Due {
    /// A message reaches [`Config::max_age`](crate::Config::max_age).
    MessageAge,
    /// A topic was unused for [`Config::topic_expiry`](crate::Config::topic_expiry).
    TopicExpiry,
    /// A publish was remembered for [`Config::idempotency_window`](crate::Config::idempotency_window).
    IdempotencyWindow,
}

/// What one call does of what is due, at most: messages dropped, topics looked at and forgotten, publishes
/// forgotten. What is left is due at once, and [`Hub::poll_timeout`] says so.
pub const MAX_TIMEOUT_WORK: usize = 1_024;

/// The topics by when time has something to do with them. Each step costs the logarithm of the number of
/// topics at most, and an append to a topic that holds messages nothing.
#[derive(Debug)]
pub(crate) struct Retention {
    /// When each topic that holds messages is looked at. Its oldest message may have gone meanwhile: a
    /// deadline that moves later is written down when the old one comes.
    ages: BTreeSet<(Duration, u32)>,
    /// The topics without followers and messages, in the order of becoming so.
    idle: Links,
    /// Nothing is due before.
    due: Duration,
}

const IDLE: Node = Node::new(Kind::First, 0);

impl Retention {
    pub(crate) fn new() -> Self {
        let mut idle = Links::default();
        idle.admit(IDLE);
        Self { ages: BTreeSet::new(), idle, due: Duration::MAX }
    }

    /// Makes room for a topic.
    pub(crate) fn admit(&mut self, topic: u32) {
        self.idle.admit(Node::element(topic));
    }

    /// Something is due then.
    pub(crate) fn due_by(&mut self, at: Duration) {
        self.due = self.due.min(at);
    }

    /// The topic that is without followers and messages for the longest time.
    pub(crate) fn longest_idle(&self) -> Option<u32> {
        self.idle.next(IDLE)
    }
}

impl<M: Message> Hub<M> {
    /// When time has something to do, and what; `None` while it has nothing. [`Hub::handle_timeout`] is for
    /// then, and any call that is told a time does as well. Where it turns out that there is nothing to do
    /// yet, the answer is a later time from then on.
    ///
    /// Publishing, comings and goings, and time may change the answer.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Duration, Due)> {
        let age = self.retention.ages.first().map(|(at, _)| (*at, Due::MessageAge));
        let expiry = self.next_expiry().map(|at| (at, Due::TopicExpiry));
        let window = self.idempotency.next_expiry().map(|at| (at, Due::IdempotencyWindow));
        [age, expiry, window].into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    /// Does what is due: drops the messages that reached [`Config::max_age`](crate::Config::max_age), and the
    /// topics that nobody has followed and that held no message for
    /// [`Config::topic_expiry`](crate::Config::topic_expiry); forgets publishes of before the window.
    ///
    /// One call does no more than [`MAX_TIMEOUT_WORK`], so that much that is due at once does not hold up
    /// everything else: [`Hub::poll_timeout`] names a time that has passed until all of it is done. The cost
    /// over time is constant for each message but for the order of deadlines, which costs a logarithm of the
    /// number of topics once in a topic's `max_age`.
    pub fn handle_timeout(&mut self, now: Duration) {
        self.tell(now);
    }

    /// Takes note of the time, and does some of what is due. Time does not go back: an earlier one counts as
    /// the latest.
    #[inline]
    pub(crate) fn tell(&mut self, now: Duration) {
        self.now = self.now.max(now);
        if self.now >= self.retention.due {
            self.expire();
        }
    }

    #[cold]
    fn expire(&mut self) {
        let mut left = MAX_TIMEOUT_WORK;
        while let Some(key) = self.due_for_age().filter(|_| left > 0) {
            left -= 1;
            while left > 0 && self.age_of_oldest(key).is_some_and(|at| at <= self.now) {
                self.give(key, Log::evict_oldest);
                left -= 1;
            }
            self.unwatch_age(key);
            self.watch_age(key);
            self.note_idle(key);
        }
        while left > 0 && self.next_expiry().is_some_and(|at| at <= self.now) {
            let Some(key) = self.retention.longest_idle() else { break };
            self.drop_topic(key);
            left -= 1;
        }
        self.idempotency.expire(self.now, left);
        self.retention.due = self.poll_timeout().map_or(Duration::MAX, |(at, _)| at);
    }

    /// The topic that is looked at first, if its time has come.
    fn due_for_age(&self) -> Option<u32> {
        self.retention.ages.first().filter(|(at, _)| *at <= self.now).map(|(_, key)| *key)
    }

    /// When a topic's oldest message reaches its age.
    fn age_of_oldest(&self, key: u32) -> Option<Duration> {
        self.topics[key].log.oldest()?.published_at.checked_add(self.config.max_age)
    }

    fn next_expiry(&self) -> Option<Duration> {
        let key = self.retention.longest_idle()?;
        self.topics[key].idle_since.checked_add(self.config.topic_expiry)
    }

    /// Sees to it that a topic is looked at when its oldest message reaches its age.
    #[inline]
    pub(crate) fn watch_age(&mut self, key: u32) {
        if self.topics[key].looked_at.is_some() {
            return;
        }
        let Some(at) = self.age_of_oldest(key) else { return };
        self.topics[key].looked_at = Some(at);
        self.retention.ages.insert((at, key));
        self.retention.due_by(at);
    }

    fn unwatch_age(&mut self, key: u32) {
        if let Some(at) = self.topics[key].looked_at.take() {
            self.retention.ages.remove(&(at, key));
        }
    }

    /// A topic is followed or published to.
    #[inline]
    pub(crate) fn note_use(&mut self, key: u32) {
        let node = Node::element(key);
        if !self.retention.idle.is_alone(node) {
            self.retention.idle.unlink(node);
        }
    }

    /// Looks whether a topic has lost its last follower or its last message, and neither is left.
    pub(crate) fn note_idle(&mut self, key: u32) {
        let topic = &mut self.topics[key];
        let node = Node::element(key);
        if topic.subscribers > 0 || topic.log.len() > 0 || !self.retention.idle.is_alone(node) {
            return;
        }
        topic.idle_since = self.now;
        self.retention.idle.push_back(IDLE, node);
        if let Some(at) = self.next_expiry() {
            self.retention.due_by(at);
        }
    }

    /// Forgets a topic without followers and messages. Who has a position in it from when it had messages
    /// must not find another topic there: those that are created from here on have a life that it did not
    /// have. (One that never had a message may come back in the same life: a cursor at its offset 0 is right
    /// about what it missed.)
    pub(crate) fn drop_topic(&mut self, key: u32) {
        self.note_use(key);
        self.unwatch_age(key);
        let topic = &self.topics[key];
        if topic.log.head() > 0 && topic.epoch.life == self.life {
            self.life += 1;
        }
        self.topics.remove(key);
    }
}
