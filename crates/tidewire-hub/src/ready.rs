//! Delivery as it is called: who is ready, and a batch for them. (What a batch does is in `batch`.)

use alloc::vec::Vec;
use core::time::Duration;

use crate::batch::{Batch, Batches, Budget, CohortBatches, MAX_LOOKS, Parts, ReadyBatches};
use crate::cohort::Cohort;
use crate::delivery::Delivery;
use crate::gap::Gap;
use crate::hub::{Hub, READY, of_subscriber};
use crate::inbox::CALLED;
use crate::message::Message;
use crate::subscriber::{Attention, SubscriberId};

impl<M: Message> Hub<M> {
    /// The next subscriber that became ready, in the order of becoming so. [`Hub::batch`] has something for
    /// it.
    ///
    /// A subscriber is named once, until a batch has left nothing: a burst of messages is one wake-up. Poll
    /// until `None` after publishing and subscribing, whoever is served next: who is yet to be named is not
    /// one that [`Hub::wants_batch`] knows of. (All that there was for it may have expired when the batch is
    /// taken.)
    ///
    /// [`Hub::publish`], [`Hub::send_to`], [`Hub::subscribe`] and [`Hub::resume`] may change the answer from
    /// `None`.
    ///
    /// # Cost
    /// Constant for each delivery, over time. But one call passes all who are ready and were named before:
    /// who holds a lock meanwhile calls [`Hub::poll_ready_within`].
    #[must_use = "a subscriber is named once"]
    pub fn poll_ready(&mut self) -> Option<SubscriberId> {
        loop {
            let mut looks = MAX_LOOKS;
            let named = self.poll_ready_within(&mut looks);
            if named.is_some() || looks > 0 {
                return named;
            }
        }
    }

    /// As [`Hub::poll_ready`], in a bounded number of steps: each subscription that was looked at takes one
    /// of the `looks`, and each message next to it that its reader skips. `None` says that nobody is left if
    /// some looks are; at 0 there may be others, and the next call goes on where this one ended.
    ///
    /// ```
    /// # use tidewire_hub::{Config, Hub, Incarnation, MAX_LOOKS};
    /// # let mut hub: Hub<&str> = Hub::new(Config::default(), Incarnation::new(1), 2);
    /// # let wake = |_| {};
    /// loop {
    ///     let mut looks = MAX_LOOKS;
    ///     while let Some(id) = hub.poll_ready_within(&mut looks) {
    ///         wake(id);
    ///     }
    ///     if looks > 0 {
    ///         break; // nobody is left
    ///     }
    ///     // Here others may have the hub for a while.
    /// }
    /// ```
    #[must_use = "a subscriber is named once"]
    pub fn poll_ready_within(&mut self, looks: &mut usize) -> Option<SubscriberId> {
        while *looks > 0 {
            let Some(index) = self.calls.pop_front(CALLED) else { break };
            *looks -= 1;
            let subscriber = &mut self.subscribers[index as usize];
            if subscriber.attention == Attention::Idle && subscriber.inbox.is_some() {
                subscriber.attention = Attention::Announced;
                return Some(SubscriberId { index, serial: subscriber.serial });
            }
        }
        while *looks > 0 {
            let key = self.turns.next(READY)?;
            *looks -= 1;
            self.parts().take_place(key, looks);
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
    /// subscriber that became ready, or several, up to one for each of its topics. Who has to look first
    /// whether a socket has room uses those two. A subscriber that is not given everything is to be come back
    /// for, as with [`Hub::batch`]. Who was named by `poll_ready` before, and wants a batch still, is given
    /// none here.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use tidewire_hub::{Budget, Config, ConnectionId, Delivery, Hub, Incarnation, PublishOptions, Start};
    /// # use tidewire_hub::TopicName;
    /// # let mut hub: Hub<&str> = Hub::new(Config::default(), Incarnation::new(1), 2);
    /// # let (now, topic) = (Duration::ZERO, TopicName::new("chat")?);
    /// # for connection in 0..3 {
    /// #     let reader = hub.connect(ConnectionId::new(connection))?;
    /// #     hub.subscribe(now, reader, &topic, Start::Live)?;
    /// # }
    /// hub.publish(now, &topic, "hello", &PublishOptions::new())?;
    /// let mut given = Vec::new();
    /// let mut batches = hub.ready_batches(now, Budget::default());
    /// while let Some(batch) = batches.next() {
    ///     let reader = batch.subscriber();
    ///     given.extend(batch.map(|delivery| (reader, format!("{delivery:?}"))));
    /// }
    /// assert_eq!(given.len(), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cost
    /// Those who stand at one place of a topic and want all that is behind it cost the least: a few
    /// nanoseconds each beside what is done with the messages.
    pub fn ready_batches(&mut self, now: Duration, budget: Budget) -> ReadyBatches<'_, M> {
        self.tell(now);
        let quantum = self.config.quantum();
        ReadyBatches::new(self.parts(), budget, quantum)
    }

    /// The same for those of a cohort who became ready, but for what they were sent alone. None where the hub does not know the
    /// cohort. Once nobody is left [`Hub::poll_cohort`] names it again when others become ready.
    pub fn ready_batches_of(
        &mut self,
        now: Duration,
        budget: Budget,
        cohort: Cohort,
    ) -> Option<CohortBatches<'_, M>> {
        self.tell(now);
        let quantum = self.config.quantum();
        self.cohorts.has(cohort).then(|| CohortBatches::new(self.parts(), budget, quantum, cohort))
    }

    pub(crate) fn parts(&mut self) -> Parts<'_, M> {
        Parts {
            topics: &self.topics,
            subscribers: &mut self.subscribers,
            calls: &mut self.calls,
            cohorts: &mut self.cohorts,
            inboxes_len_bytes: &mut self.inboxes_len_bytes,
            subscriptions: &mut self.subscriptions,
            turns: &mut self.turns,
            siblings: &self.siblings,
            policies: &self.policies,
            now: self.now,
        }
    }

    /// What a subscriber may take at a time: the messages and gaps that are next for it, within a budget,
    /// lent by the logs. Its cursors move as the batch is iterated over.
    ///
    /// The topics that it follows take turns of at most [`Config::max_turn_messages`] and
    /// [`Config::max_turn_bytes`]; within a topic the order is the log's. So a topic with a backlog of any
    /// size keeps another waiting for no more than its turn. What was [sent to](Hub::send_to) the subscriber
    /// alone comes first; but a batch that had that alone, and no room for a topic, has a topic's message
    /// come first in the next.
    ///
    /// Skipped without a gap: messages that exclude the subscriber's connection, that expired by `now`,
    /// ephemeral ones of before its subscription, and, where its policy [reads the
    /// latest](crate::Reads::Latest), what another with its key has taken the place of.
    ///
    /// A batch that leaves nothing makes the subscriber one that [`Hub::poll_ready`] names again when there
    /// is more; after one that leaves something it is for the caller to come back, which [`Hub::wants_batch`]
    /// tells. Empty when nothing is there, when the subscriber has left, and when [`MAX_LOOKS`] messages that
    /// are skipped stand before the first that is not: then, too, the subscriber wants another batch. A
    /// subscriber that takes nothing costs its cursors and nothing else; what it misses by that is told by a
    /// gap.
    ///
    /// # Cost
    /// Constant for each message that is given or skipped; where nothing else is there, a step for each topic
    /// that the subscriber follows.
    ///
    /// [`Config::max_turn_messages`]: crate::Config::max_turn_messages
    /// [`Config::max_turn_bytes`]: crate::Config::max_turn_bytes
    pub fn batch(&mut self, now: Duration, id: SubscriberId, budget: Budget) -> Batch<'_, M> {
        self.tell(now);
        let served = |attention| attention != Attention::Dismissed;
        let reader = self.subscriber(id).filter(|found| served(found.attention)).map(|_| id);
        let quantum = self.config.quantum();
        Batch::new(self.parts(), reader, budget, quantum)
    }

    /// A [`Hub::batch`] for one subscriber after another, as they are named: for who looks after many at a time. Those who
    /// stand at one place of a topic and want all that is behind it cost the least.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use tidewire_hub::{Budget, Config, ConnectionId, Hub, Incarnation, PublishOptions, Start, TopicName};
    /// # let mut hub: Hub<&str> = Hub::new(Config::default(), Incarnation::new(1), 2);
    /// # let (now, topic) = (Duration::ZERO, TopicName::new("chat")?);
    /// # for connection in 0..3 {
    /// #     let reader = hub.connect(ConnectionId::new(connection))?;
    /// #     hub.subscribe(now, reader, &topic, Start::Live)?;
    /// # }
    /// hub.publish(now, &topic, "hello", &PublishOptions::new())?;
    /// let named: Vec<_> = std::iter::from_fn(|| hub.poll_ready()).collect();
    /// let mut batches = hub.batches(now, Budget::default());
    /// let given: usize = named.iter().map(|id| batches.of(*id).count()).sum();
    /// assert_eq!(given, 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn batches(&mut self, now: Duration, budget: Budget) -> Batches<'_, M> {
        self.tell(now);
        let quantum = self.config.quantum();
        Batches::new(self.parts(), budget, quantum)
    }

    /// The next message or gap for a subscriber, as a [`Hub::batch`] of one; its topics take turns of one
    /// message. For tests, and for who hands out one at a time; many at a time are what a batch is for.
    ///
    /// # Cost
    /// As [`Hub::batch`], but that it passes any number of messages that are skipped: `None` when nothing is
    /// there.
    #[must_use = "what is pulled does not come again"]
    pub fn pull(&mut self, now: Duration, id: SubscriberId) -> Option<Delivery<'_, M>> {
        let mut batch = self.batch(now, id, Budget::ONE);
        batch.looks = usize::MAX;
        batch.next()
    }

    /// The gaps that a subscriber has in all its topics, told ahead of every message: what follows has none,
    /// unless more is evicted, or a policy finds that the subscriber lags too far. For a reader that has to
    /// hear of all of them at once. Who is named by [`Hub::poll_ready`], and who wants a batch, stays the same.
    /// None of topics that [pause](Hub::pause), and none to who was told to go.
    ///
    /// # Cost
    /// A step for each topic that the subscriber follows.
    #[must_use = "a gap is told once"]
    pub fn take_gaps(&mut self, now: Duration, id: SubscriberId) -> Vec<Gap> {
        self.batch(now, id, Budget::ONE).take_gaps().collect()
    }

    /// Whether a batch left something, so that [`Hub::poll_ready`] will not name the subscriber again: the
    /// caller is to come back. True from the naming until a batch has left nothing; false before the naming,
    /// though something is there. (So a batch may be taken of anybody at any time, but only who polls until
    /// `None` hears of everybody.)
    #[must_use]
    pub fn wants_batch(&self, id: SubscriberId) -> bool {
        self.subscriber(id).is_some_and(|subscriber| subscriber.attention == Attention::Announced)
    }
}
