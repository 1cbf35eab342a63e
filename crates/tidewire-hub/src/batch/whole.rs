//! What many subscribers take alike: all that is there behind one place of a topic.

use super::budget::{Budget, Quantum};
use super::parts::Parts;
use super::turn::Seat;
use crate::entry::Entry;
use crate::policy::PolicyKey;
use crate::subscriber::Subscription;
use crate::topic::Topic;

/// What a topic holds behind an offset, looked at once for all subscriptions that stand there: whether
/// everybody gets all of it, within one turn and one batch.
pub(super) struct Rest<'a, M> {
    key: u32,
    topic: &'a Topic<M>,
    after: u64,
    /// The entries, if it is so.
    entries: Option<&'a [Entry<M>]>,
}

impl<'a, M> Rest<'a, M> {
    /// Looks at no more than a turn.
    #[cold]
    pub(super) fn new(
        parts: &Parts<'a, M>,
        subscription: &Subscription,
        budget: Budget,
        quantum: Quantum,
    ) -> Self {
        let (key, after) = (subscription.topic, subscription.offset);
        let topic = &parts.topics[key];
        let max_messages = budget.max_messages.min(quantum.messages);
        let max_bytes = budget.max_bytes.min(quantum.bytes);
        let entries = topic.log.run_after(after).filter(|entries| {
            let bytes = |entries: &[Entry<M>]| -> usize {
                entries.iter().map(|entry| entry.len_bytes as usize).fold(0, usize::saturating_add)
            };
            entries.len() <= max_messages
                && entries.iter().all(Entry::is_for_everybody)
                && (entries.len() <= 1 || bytes(entries) <= max_bytes)
        });
        Self { key, topic, after, entries }
    }

    /// Whether it is about where that subscription stands.
    #[inline]
    pub(super) fn is_of(&self, subscription: &Subscription) -> bool {
        self.key == subscription.topic && self.after == subscription.offset
    }

    /// Whether a subscription gets what everybody gets who stands where it does.
    #[inline]
    pub(super) fn is_for(&self, subscription: &Subscription) -> bool {
        subscription.gap.is_none() && subscription.policy == PolicyKey::DEFAULT
    }

    /// Where its last message stands.
    #[inline]
    pub(super) fn head(&self) -> u64 {
        self.topic.log.head()
    }

    /// All of it for that subscription, which stands there, if everybody gets it.
    #[inline]
    pub(super) fn whole(&self, key: u32, subscription: &Subscription, seat: Seat) -> Option<Whole<'a, M>> {
        if !self.is_for(subscription) {
            return None;
        }
        let left = self.entries?;
        Some(Whole { subscription: key, seat, likeness: Likeness::Unknown, topic: self.topic, left })
    }
}

/// What the last batch was.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Lent {
    /// Its reader's own.
    Other,
    /// All of the rest.
    Rest,
}

/// Whether the batch before was the same.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Likeness {
    Unknown,
    AsBefore,
}

/// A turn that gives all that there is.
pub(super) struct Whole<'a, M> {
    pub(super) subscription: u32,
    pub(super) seat: Seat,
    pub(super) likeness: Likeness,
    pub(super) topic: &'a Topic<M>,
    pub(super) left: &'a [Entry<M>],
}

impl<'a, M> Whole<'a, M> {
    /// The next entry.
    #[inline]
    pub(super) fn take(&mut self) -> Option<&'a Entry<M>> {
        let (entry, left) = self.left.split_first()?;
        self.left = left;
        Some(entry)
    }

    /// Everything up to here was handed out.
    #[inline]
    pub(super) fn offset(&self) -> u64 {
        self.left.first().map_or(self.topic.log.head(), |entry| entry.offset - 1)
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use alloc::string::String;
    use alloc::vec::Vec;

    use crate::{
        Budget, Config, ConnectionId, Delivery, Hub, Incarnation, Message, Policy, PublishOptions, Start,
        SubscriberId, TopicName,
    };

    const READER: ConnectionId = ConnectionId::new(1);
    const EVERYTHING: Budget = Budget { max_messages: usize::MAX, max_bytes: usize::MAX };

    struct Room {
        hub: Hub<String>,
        topic: TopicName,
    }

    impl Room {
        /// A topic that three follow, with that many messages of one length that they have yet to take.
        fn new(messages: usize, set: impl FnOnce(&mut Config)) -> Self {
            let mut config = Config::default();
            set(&mut config);
            let hub = Hub::new(config, Incarnation::new(1), 2);
            let mut room = Self { hub, topic: TopicName::new("room").unwrap() };
            for _ in 0..3 {
                room.follow(Start::Live, Policy::default());
            }
            (0..messages).for_each(|_| room.publish(&PublishOptions::new()));
            room
        }

        fn follow(&mut self, start: Start, policy: Policy) -> SubscriberId {
            let id = self.hub.connect(READER).unwrap();
            self.hub.subscribe_with(Duration::ZERO, id, &self.topic, start, policy).unwrap();
            id
        }

        fn publish(&mut self, options: &PublishOptions<'_>) {
            self.hub.publish(Duration::ZERO, &self.topic, String::from("text"), options).unwrap();
        }

        /// How many messages each gets, and whether all that is there was found to be its at once.
        fn wave(&mut self, budget: Budget) -> Vec<(usize, bool)> {
            let mut found = Vec::new();
            let mut batches = self.hub.ready_batches(Duration::ZERO, budget);
            while let Some(batch) = batches.next() {
                let at_once = batch.whole.is_some();
                let messages = batch.filter(|delivery| matches!(delivery, Delivery::Message(_)));
                found.push((messages.count(), at_once));
            }
            found
        }
    }

    #[test]
    fn all_who_stand_at_one_place_are_given_the_rest_at_once() {
        let mut room = Room::new(2, |_| {});
        assert_eq!(room.wave(Budget::default()), [(2, true); 3]);
        room.publish(&PublishOptions::new());
        room.follow(Start::Earliest, Policy::default());
        assert_eq!(room.wave(Budget::default()), [(1, true), (1, true), (1, true), (3, true)]);
    }

    #[test]
    fn at_once_is_a_turn_and_a_batch_at_most() {
        let len_bytes = String::from("text").len_bytes();
        let two = Budget { max_messages: 2, max_bytes: 2 * len_bytes };
        let wave = |budget, set: &dyn Fn(&mut Config)| Room::new(2, set).wave(budget);
        assert_eq!(wave(two, &|_| {}), [(2, true); 3]);
        assert_eq!(wave(Budget { max_messages: 1, ..two }, &|_| {}), [(1, false); 3]);
        assert_eq!(wave(Budget { max_bytes: 2 * len_bytes - 1, ..two }, &|_| {}), [(1, false); 3]);
        assert_eq!(wave(EVERYTHING, &|config| config.max_turn_messages = 2), [(2, true); 3]);
        assert_eq!(wave(EVERYTHING, &|config| config.max_turn_messages = 1), [(2, false); 3]);
        assert_eq!(wave(EVERYTHING, &|config| config.max_turn_bytes = 2 * len_bytes), [(2, true); 3]);
        assert_eq!(wave(EVERYTHING, &|config| config.max_turn_bytes = 2 * len_bytes - 1), [(2, false); 3]);
        let mut one = Room::new(1, |_| {});
        assert_eq!(
            one.wave(Budget { max_bytes: 0, ..two }),
            [(1, true); 3],
            "one is taken whatever its length"
        );
    }

    #[test]
    fn what_is_not_for_everybody_is_given_one_by_one() {
        let mut room = Room::new(1, |_| {});
        room.publish(&PublishOptions::new().exclude(READER));
        assert_eq!(room.wave(Budget::default()), [(1, false); 3]);
        let policy = Policy { max_lag_messages: 100, ..Policy::default() };
        room.follow(Start::Unknown, Policy::default());
        room.follow(Start::Earliest, policy);
        assert_eq!(room.wave(Budget::default()), [(1, false), (1, false)]);
        room.publish(&PublishOptions::new());
        let all = [(1, true), (1, true), (1, true), (1, true), (1, false)];
        assert_eq!(room.wave(Budget::default()), all, "a policy is looked at each time");
    }

    #[test]
    fn what_is_found_of_a_place_holds_there_alone() {
        let mut room = Room::new(1, |_| {});
        let other = TopicName::new("other").unwrap();
        let id = room.hub.connect(READER).unwrap();
        room.hub.subscribe(Duration::ZERO, id, &other, Start::Live).unwrap();
        for _ in 0..2 {
            let (text, options) = (String::from("other"), PublishOptions::new());
            room.hub.publish(Duration::ZERO, &other, text, &options).unwrap();
        }
        // Offset 0 of two topics, and two offsets of one.
        room.follow(Start::Last(0), Policy::default());
        room.publish(&PublishOptions::new());
        assert_eq!(room.wave(Budget::default()), [(2, true), (2, true), (2, true), (2, true), (1, true)]);
    }
}
