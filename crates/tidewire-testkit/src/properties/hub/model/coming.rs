//! Who comes to the naive hub and goes, and where they start.

use std::collections::{BTreeMap, VecDeque};

use tidewire_hub::{ConnectError, ConnectionId, GapReason, Policy, Position, Start, SubscribeError};

use super::{Model, PutOff, Subscriber, Subscription};

impl Model {
    pub(in super::super) fn connect(
        &mut self,
        serial: u64,
        connection: ConnectionId,
    ) -> Result<(), ConnectError> {
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
                put_off: PutOff::Not,
            },
        );
        Ok(())
    }

    pub(in super::super) fn disconnect(&mut self, serial: u64) {
        let Some(gone) = self.subscribers.remove(&serial) else { return };
        let mut left: Vec<_> = gone.topics.into_iter().map(|(name, cursor)| (cursor.since, name)).collect();
        left.sort();
        left.iter().for_each(|(_, name)| self.note_idle(name));
    }

    pub(in super::super) fn unsubscribe(&mut self, serial: u64, name: &str) -> bool {
        let found = self.subscribers.get_mut(&serial).is_some_and(|all| all.topics.remove(name).is_some());
        if found {
            self.note_idle(name);
        }
        found
    }

    pub(in super::super) fn subscribe(
        &mut self,
        serial: u64,
        name: &str,
        start: Start,
        policy: Policy,
    ) -> Result<Position, SubscribeError> {
        let subscriptions = self.subscriptions();
        let served = |found: &&Subscriber| !found.dismissed;
        let subscriber =
            self.subscribers.get(&serial).filter(served).ok_or(SubscribeError::UnknownSubscriber)?;
        let connection = subscriber.connection;
        if subscriber.topics.contains_key(name) {
            return Err(SubscribeError::AlreadySubscribed);
        }
        if subscriber.topics.len() == self.config.max_topics_per_subscriber {
            return Err(SubscribeError::TooManyTopicsOfSubscriber);
        }
        if subscriptions == self.config.max_subscriptions {
            return Err(SubscribeError::TooManySubscriptions);
        }
        let mut policies = vec![Policy::default(), policy];
        let cursors = self.subscribers.values().flat_map(|all| all.topics.values());
        policies.extend(cursors.map(|cursor| cursor.policy));
        let different =
            (1..policies.len()).filter(|at| !policies[..*at].contains(&policies[*at])).count() + 1;
        let is_new = !policies[2..].contains(&policy) && policy != Policy::default();
        if is_new && different > self.config.max_policies {
            return Err(SubscribeError::TooManyPolicies);
        }
        if !self.find_or_create(name) {
            return Err(SubscribeError::TooManyTopics);
        }
        let epoch = self.at(name, 0).epoch;
        let topic = &self.topics[name];
        let earliest = topic.before_earliest();
        self.clock += 1;
        let live_from = topic.head();
        let mut cursor =
            Subscription { offset: 0, live_from, gap: None, policy, paused: false, since: self.clock };
        let (offset, gap) = match start {
            Start::Live => (topic.head(), None),
            Start::Earliest => (earliest, None),
            Start::Last(count) => (topic.before_last(count, &cursor, connection, self.now), None),
            Start::Unknown => (earliest, Some((GapReason::Unknown, None))),
            Start::After(from) if from.epoch != epoch => (earliest, Some((GapReason::Epoch, Some(from)))),
            Start::After(from) if from.offset > topic.head() => {
                (earliest, Some((GapReason::Unknown, Some(from))))
            }
            Start::After(from) => (from.offset, None),
        };
        let after = offset.max(earliest);
        (cursor.offset, cursor.gap) = (offset, gap);
        let subscriber = self.subscribers.get_mut(&serial).expect("found above");
        subscriber.topics.insert(name.to_owned(), cursor);
        Ok(self.at(name, after))
    }
}
