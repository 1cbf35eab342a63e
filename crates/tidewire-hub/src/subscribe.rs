//! Coming and going: subscribers, their subscriptions, and where each starts.

use alloc::boxed::Box;
use core::time::Duration;

use crate::error::{ConnectError, SubscribeError};
use crate::filter::Filter;
use crate::gap::{GapReason, PendingGap, Start};
use crate::hub::{Hub, of_subscriber};
use crate::links::Node;
use crate::message::Message;
use crate::names::{ConnectionId, TopicName};
use crate::policy::Policy;
use crate::position::Position;
use crate::subscriber::{Attention, First, Flow, Subscriber, SubscriberId, Subscription};
use crate::topic::Topic;

impl<M: Message> Hub<M> {
    /// Admits a subscriber, which follows nothing yet. `connection` is what publishers exclude it by: it need
    /// not be one's own, and who shares it with others is left out together with them. (The hub finds nobody
    /// by it; a caller that sends to connections keeps the [`SubscriberId`] of each.)
    ///
    /// # Errors
    /// [`ConnectError::TooManySubscribers`].
    pub fn connect(&mut self, connection: ConnectionId) -> Result<SubscriberId, ConnectError> {
        if self.subscribers.len() >= self.config.max_subscribers {
            return Err(ConnectError::TooManySubscribers);
        }
        let serial = self.serial;
        self.serial += 1;
        let subscriber = Subscriber {
            connection,
            serial,
            topics: 0,
            attention: Attention::Idle,
            first: First::Inbox,
            cohort: None,
            inbox: None,
        };
        let index = self.subscribers.insert(subscriber) as u32;
        self.turns.admit(of_subscriber(index));
        self.siblings.admit(of_subscriber(index));
        self.calls.admit(Node::element(index));
        Ok(SubscriberId { index, serial })
    }

    /// Lets a subscriber go, with all its subscriptions. Nothing happens when it has left already.
    ///
    /// # Cost
    /// A step for each topic that it followed.
    pub fn disconnect(&mut self, now: Duration, id: SubscriberId) {
        self.tell(now);
        if self.subscriber(id).is_none() {
            return;
        }
        while let Some(subscription) = self.siblings.next(of_subscriber(id.index)) {
            self.drop_subscription(subscription);
        }
        self.drop_inbox(id);
        self.subscribers.remove(id.index as usize);
    }

    /// Follows a topic, which is created if need be. Answers with the position after which it goes on; a gap
    /// before that is handed out by [`Hub::batch`] ahead of any message. A subscription that starts behind
    /// the newest message, or with a gap, makes its subscriber ready.
    ///
    /// For a token use [`Hub::cursor`], not the answer: it knows of a gap that is yet to be handed out.
    ///
    /// # Cost
    /// A step for each topic that the subscriber follows; besides, with [`Start::Last`], a look at each
    /// message that it passes where the topic has any that are not for everybody.
    ///
    /// # Errors
    /// [`SubscribeError`]; nothing has changed then, but what time has.
    pub fn subscribe(
        &mut self,
        now: Duration,
        id: SubscriberId,
        topic: &TopicName,
        start: Start,
    ) -> Result<Position, SubscribeError> {
        self.subscribe_with(now, id, topic, start, Policy::default())
    }

    /// As [`Hub::subscribe`], with what happens when the subscriber does not keep up.
    ///
    /// # Errors
    /// [`SubscribeError`]; nothing has changed then, but what time has.
    pub fn subscribe_with(
        &mut self,
        now: Duration,
        id: SubscriberId,
        topic: &TopicName,
        start: Start,
        policy: Policy,
    ) -> Result<Position, SubscribeError> {
        self.tell(now);
        let served = |found: &&Subscriber<M>| found.attention != Attention::Dismissed;
        let subscriber = self.subscriber(id).filter(served).ok_or(SubscribeError::UnknownSubscriber)?;
        let followed = subscriber.topics as usize;
        if self.subscription_to(id, topic).is_some() {
            return Err(SubscribeError::AlreadySubscribed);
        }
        if followed >= self.config.max_topics_per_subscriber {
            return Err(SubscribeError::TooManyTopicsOfSubscriber);
        }
        if self.subscriptions.len() >= self.config.max_subscriptions {
            return Err(SubscribeError::TooManySubscriptions);
        }
        let max_policies = self.config.max_policies;
        let policy_key =
            self.policies.key_of(&policy, max_policies).ok_or(SubscribeError::TooManyPolicies)?;
        let key = self.find_or_create(topic).ok_or(SubscribeError::TooManyTopics)?;
        self.policies.take(policy_key, policy);
        let connection = self.subscribers[id.index as usize].connection;
        let reads = policy.reads;
        let topic = &mut self.topics[key];
        let live_from = topic.log.head();
        let (offset, gap) = start_in(topic, start, &Filter { connection, live_from, now: self.now, reads });
        let caught_up = gap.is_none() && offset == topic.log.head();
        let after = topic.at(offset.max(topic.log.before_earliest()));
        topic.subscribers += 1;
        let subscriber = &mut self.subscribers[id.index as usize];
        subscriber.topics += 1;
        let cohort = subscriber.cohort;
        let waits = self.join_waits(key, cohort);
        let subscription = Subscription {
            topic: key,
            subscriber: id.index,
            offset,
            live_from,
            gap,
            policy: policy_key,
            flow: Flow::Open,
            waits,
        };
        let subscription = self.subscriptions.insert(subscription) as u32;
        let node = Node::element(subscription);
        self.siblings.admit(node);
        self.siblings.push_back(of_subscriber(id.index), node);
        self.turns.admit(node);
        if caught_up {
            self.turns.push_back(waits, node);
        } else {
            self.push_ready(subscription);
        }
        Ok(after)
    }

    /// Follows a topic no longer. Answers whether it was followed. Costs as [`Hub::subscribe`].
    pub fn unsubscribe(&mut self, now: Duration, id: SubscriberId, topic: &TopicName) -> bool {
        self.tell(now);
        let found = self.subscription_to(id, topic);
        if let Some(subscription) = found {
            self.drop_subscription(subscription);
        }
        found.is_some()
    }

    /// Hands out nothing more of a topic until [`Hub::resume`], while the subscriber's other topics go on:
    /// its cursor stays where it is, and nothing is lost that the log still holds then. Answers whether the
    /// topic is followed. Costs as [`Hub::subscribe`].
    pub fn pause(&mut self, id: SubscriberId, topic: &TopicName) -> bool {
        let Some(key) = self.subscription_to(id, topic) else { return false };
        self.subscriptions[key as usize].flow = Flow::Paused;
        self.turns.unlink(Node::element(key));
        true
    }

    /// Goes on after [`Hub::pause`], where the cursor is; makes the subscriber ready if there is something.
    /// Answers whether the topic is followed. Costs as [`Hub::subscribe`].
    pub fn resume(&mut self, id: SubscriberId, topic: &TopicName) -> bool {
        let Some(key) = self.subscription_to(id, topic) else { return false };
        let subscription = &mut self.subscriptions[key as usize];
        if subscription.flow == Flow::Paused {
            subscription.flow = Flow::Open;
            self.push_ready(key);
        }
        true
    }

    fn drop_subscription(&mut self, subscription: u32) {
        self.turns.unlink(Node::element(subscription));
        self.siblings.unlink(Node::element(subscription));
        let Subscription { topic, subscriber, policy, .. } = self.subscriptions.remove(subscription as usize);
        self.policies.release(policy);
        let subscriber = &mut self.subscribers[subscriber as usize];
        subscriber.topics -= 1;
        let cohort = subscriber.cohort;
        self.leave_waits(topic, cohort);
        self.topics[topic].subscribers -= 1;
        self.note_idle(topic);
    }
}

impl<M> Hub<M> {
    /// How many topics a subscriber follows; 0 when it has left.
    #[must_use]
    pub fn topics_of(&self, id: SubscriberId) -> usize {
        self.subscriber(id).map_or(0, |subscriber| subscriber.topics as usize)
    }

    pub(crate) fn subscriber(&self, id: SubscriberId) -> Option<&Subscriber<M>> {
        self.subscribers.get(id.index as usize).filter(|subscriber| subscriber.serial == id.serial)
    }

    /// A subscriber's subscriptions, oldest first; none when it has left.
    pub(crate) fn subscriptions_of(&self, id: SubscriberId) -> impl Iterator<Item = u32> {
        let first = self.subscriber(id).and_then(|_| self.siblings.next(of_subscriber(id.index)));
        core::iter::successors(first, |key| self.siblings.next(Node::element(*key)))
    }

    pub(crate) fn subscription_to(&self, id: SubscriberId, topic: &TopicName) -> Option<u32> {
        let topic = self.topics.find(topic)?;
        self.subscriptions_of(id).find(|key| self.subscriptions[*key as usize].topic == topic)
    }
}

/// The offset that a subscription starts after, and the gap to tell first.
fn start_in<M>(topic: &Topic<M>, start: Start, filter: &Filter) -> (u64, Option<Box<PendingGap>>) {
    let earliest = topic.log.before_earliest();
    match start {
        Start::Live => (topic.log.head(), None),
        Start::Earliest => (earliest, None),
        Start::Last(count) => (topic.log.before_last(count, filter), None),
        Start::Unknown => (earliest, PendingGap::boxed(GapReason::Unknown, None)),
        Start::After(from) if from.epoch != topic.epoch => {
            (earliest, PendingGap::boxed(GapReason::Epoch, Some(from)))
        }
        Start::After(from) if from.offset > topic.log.head() => {
            (earliest, PendingGap::boxed(GapReason::Unknown, Some(from)))
        }
        // Whether it was evicted is found by the first batch, like any lag.
        Start::After(from) => (from.offset, None),
    }
}
