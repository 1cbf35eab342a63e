//! Delivery: who is ready, and what comes next for them.

use crate::gap::{Delivery, Gap, GapReason};
use crate::hub::{Hub, READY, of_subscriber, waiting};
use crate::links::Node;
use crate::log::Message;
use crate::subscriber::{Attention, SubscriberId};

/// What a subscription has for its subscriber.
enum Turn {
    Message {
        offset: u64,
    },
    Gap(Gap),
    /// Nothing, or nothing but what it is excluded from.
    Nothing,
}

impl<M: Message> Hub<M> {
    /// The next subscriber that became ready, in the order of becoming so. [`Hub::pull`] has something for it.
    ///
    /// A subscriber is named once, until a pull for it has answered `None`: a burst of messages is one wake-up. One
    /// that is being pulled is not named at all. Poll until `None` after publishing and subscribing.
    ///
    /// [`Hub::publish`] and [`Hub::subscribe`] may change the answer from `None`. The work over time is constant
    /// per delivery.
    pub fn poll_ready(&mut self) -> Option<SubscriberId> {
        while let Some(key) = self.turns.next(READY) {
            self.skip_excluded(key);
            self.take_place(key);
            let index = self.subscriptions[key as usize].subscriber;
            if self.turns.is_alone(of_subscriber(index)) {
                continue;
            }
            let subscriber = &mut self.subscribers[index as usize];
            if subscriber.attention == Attention::Idle {
                subscriber.attention = Attention::Announced;
                return Some(SubscriberId { index, serial: subscriber.serial });
            }
        }
        None
    }

    /// The next message or gap for a subscriber; its cursor has moved past it when this returns. The topics that it
    /// follows take turns, a message each; within a topic the order is the log's. Messages that exclude the
    /// subscriber's connection are skipped.
    ///
    /// `None` when it is caught up everywhere, and when it has left: then [`Hub::poll_ready`] names it again when
    /// there is more. Until `None` it is for the caller to come back. A subscriber that is not pulled costs its
    /// cursors and nothing else; what it misses by that is told by a gap.
    pub fn pull(&mut self, id: SubscriberId) -> Option<Delivery<'_, M>> {
        self.subscriber(id)?;
        self.subscribers[id.index as usize].attention = Attention::Announced;
        while let Some(key) = self.next_in_ring(id) {
            let turn = self.turn(key);
            self.take_place(key);
            match turn {
                Turn::Nothing => {}
                Turn::Gap(gap) => return Some(Delivery::Gap(gap)),
                Turn::Message { offset } => return self.delivery(key, offset),
            }
        }
        self.subscribers[id.index as usize].attention = Attention::Idle;
        None
    }

    /// Whose turn it is among a subscriber's subscriptions. When its ring is empty, those that `poll_ready` has yet
    /// to see are gathered first, so that `None` means that nothing is left.
    fn next_in_ring(&mut self, id: SubscriberId) -> Option<u32> {
        let ring = of_subscriber(id.index);
        if self.turns.is_alone(ring) && !self.turns.is_alone(READY) {
            let mut next = self.siblings.next(ring);
            while let Some(key) = next {
                next = self.siblings.next(Node::element(key));
                self.take_place(key);
            }
        }
        self.turns.next(ring)
    }

    fn turn(&mut self, key: u32) -> Turn {
        let subscription = &mut self.subscriptions[key as usize];
        let topic = &self.topics[subscription.topic];
        let earliest = topic.log.before_earliest();
        let (reason, from) = match subscription.gap.take() {
            Some(gap) => (gap.reason, gap.from),
            None if subscription.offset < earliest => {
                (GapReason::Evicted, Some(topic.at(subscription.offset)))
            }
            None => {
                self.skip_excluded(key);
                return self.next_message(key);
            }
        };
        subscription.offset = earliest;
        Turn::Gap(Gap { topic: topic.name.clone(), reason, from, to: topic.at(earliest) })
    }

    fn next_message(&mut self, key: u32) -> Turn {
        let subscription = &mut self.subscriptions[key as usize];
        if subscription.offset == self.topics[subscription.topic].log.head() {
            return Turn::Nothing;
        }
        subscription.offset += 1;
        Turn::Message { offset: subscription.offset }
    }

    /// Moves a cursor over the messages next to it that exclude its connection. One that lags out of the log stays;
    /// for one that has a gap to tell it makes no difference, since the gap decides where it goes on.
    fn skip_excluded(&mut self, key: u32) {
        let subscription = &mut self.subscriptions[key as usize];
        let log = &self.topics[subscription.topic].log;
        let connection = self.subscribers[subscription.subscriber as usize].connection;
        while log.entry(subscription.offset + 1).is_some_and(|entry| entry.exclude == Some(connection)) {
            subscription.offset += 1;
        }
    }

    /// Puts a subscription where it belongs: the end of its topic's waiting ones when it is caught up, else the end
    /// of its subscriber's ring.
    fn take_place(&mut self, key: u32) {
        let subscription = &self.subscriptions[key as usize];
        let topic = &self.topics[subscription.topic];
        let caught_up = subscription.gap.is_none() && subscription.offset == topic.log.head();
        let place =
            if caught_up { waiting(subscription.topic) } else { of_subscriber(subscription.subscriber) };
        self.turns.move_back(place, Node::element(key));
    }

    fn delivery(&self, key: u32, offset: u64) -> Option<Delivery<'_, M>> {
        let topic = &self.topics[self.subscriptions[key as usize].topic];
        let entry = topic.log.entry(offset)?;
        Some(Delivery::Message {
            topic: &topic.name,
            position: topic.at(offset),
            message: &entry.message,
            published_at: entry.published_at,
        })
    }
}
