//! Delivery: who is ready, and what comes next for them.

use crate::batch::{Batch, Budget, Parts, ReadyBatches, skips};
use crate::delivery::Delivery;
use crate::hub::{Hub, READY, of_subscriber, waiting};
use crate::links::Node;
use crate::message::Message;
use crate::subscriber::{Attention, SubscriberId};

impl<M: Message> Hub<M> {
    /// The next subscriber that became ready, in the order of becoming so. [`Hub::batch`] has something for it.
    ///
    /// A subscriber is named once, until a batch has left nothing: a burst of messages is one wake-up. Poll until
    /// `None` after publishing and subscribing.
    ///
    /// [`Hub::publish`] and [`Hub::subscribe`] may change the answer from `None`. The work over time is constant
    /// per delivery.
    pub fn poll_ready(&mut self) -> Option<SubscriberId> {
        while let Some(key) = self.turns.next(READY) {
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

    /// What [`Hub::poll_ready`] and [`Hub::batch`] do together, for who can deliver at once: a batch for each
    /// subscriber that became ready, or several, up to one for each of its topics. One that is not given everything is to be come back for, as with
    /// [`Hub::batch`]; one that was announced by `poll_ready` and has not taken everything has no part in it.
    pub fn ready_batches(&mut self, budget: Budget) -> ReadyBatches<'_, M> {
        let quantum = self.config.quantum();
        ReadyBatches::new(self.parts(), budget, quantum)
    }

    fn parts(&mut self) -> Parts<'_, M> {
        Parts {
            topics: &self.topics,
            subscribers: &mut self.subscribers,
            subscriptions: &mut self.subscriptions,
            turns: &mut self.turns,
        }
    }

    /// What a subscriber may take at a time: the messages and gaps that are next for it, within a budget, lent by the
    /// logs. Its cursors move as the batch is iterated over.
    ///
    /// The topics that it follows take turns of at most [`Config::max_turn_messages`] and
    /// [`Config::max_turn_bytes`]; within a topic the order is the log's. So a topic with a backlog of any size keeps
    /// another waiting for no more than its turn. Messages that exclude the subscriber's connection are skipped.
    ///
    /// A batch that leaves nothing makes the subscriber one that [`Hub::poll_ready`] names again when there is more;
    /// after one that leaves something it is for the caller to come back, which [`Hub::wants_batch`] tells. Empty
    /// when nothing is there or the subscriber has left. A subscriber that takes nothing costs its cursors and
    /// nothing else; what it misses by that is told by a gap.
    ///
    /// [`Config::max_turn_messages`]: crate::Config::max_turn_messages
    /// [`Config::max_turn_bytes`]: crate::Config::max_turn_bytes
    pub fn batch(&mut self, id: SubscriberId, budget: Budget) -> Batch<'_, M> {
        self.gather(id);
        let reader = self.subscriber(id).map(|_| id);
        let quantum = self.config.quantum();
        Batch::new(self.parts(), reader, budget, quantum)
    }

    /// The next message or gap for a subscriber, as a [`Hub::batch`] of one; its topics take turns of one message.
    pub fn pull(&mut self, id: SubscriberId) -> Option<Delivery<'_, M>> {
        self.batch(id, Budget::ONE).next()
    }

    /// Whether a batch left something, so that [`Hub::poll_ready`] will not name the subscriber again: the caller
    /// is to come back. True from the naming until a batch has left nothing.
    #[must_use]
    pub fn wants_batch(&self, id: SubscriberId) -> bool {
        self.subscriber(id).is_some_and(|subscriber| subscriber.attention == Attention::Announced)
    }

    /// Looks after those subscriptions of a subscriber that `poll_ready` has yet to see, when no other has anything:
    /// so that an empty batch means that nothing is left.
    fn gather(&mut self, id: SubscriberId) {
        let ring = of_subscriber(id.index);
        if self.turns.is_alone(READY) || self.subscriber(id).is_none() || !self.turns.is_alone(ring) {
            return;
        }
        let mut next = self.siblings.next(ring);
        while let Some(key) = next {
            next = self.siblings.next(Node::element(key));
            self.take_place(key);
        }
    }

    /// Moves a cursor over the messages next to it that its reader skips, and puts the subscription where it belongs:
    /// the end of its topic's waiting ones when it is caught up, else the end of its subscriber's ring.
    fn take_place(&mut self, key: u32) {
        let subscription = &mut self.subscriptions[key as usize];
        let log = &self.topics[subscription.topic].log;
        let connection = self.subscribers[subscription.subscriber as usize].connection;
        // One that lags out of the log stays; for one with a gap to tell the gap decides where it goes on.
        while log.entry(subscription.offset + 1).is_some_and(|entry| skips(entry, connection)) {
            subscription.offset += 1;
        }
        let caught_up = subscription.gap.is_none() && subscription.offset == log.head();
        let place =
            if caught_up { waiting(subscription.topic) } else { of_subscriber(subscription.subscriber) };
        self.turns.move_back(place, Node::element(key));
    }
}
