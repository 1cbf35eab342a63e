//! How far a reader is in all its topics: what cursors are made of, message by message, over one hub or
//! several.

use alloc::vec::Vec;

use crate::cursor::{Cursor, NameHash, Reached};
use crate::delivery::Delivery;
use crate::hub::Hub;
use crate::message::Message;
use crate::names::TopicName;
use crate::position::{Incarnation, Position};
use crate::subscriber::SubscriberId;
use crate::topic::Topic;

/// The positions of one reader, each topic's with its name, so that they can move on without asking the hub:
/// after each message that is handed out its [`cursor`](Self::cursor) is the token that goes with it. (A
/// token for all that was handed out is [`Hub::cursor`]'s to make; while a batch lends messages the hub
/// cannot be asked.) The crate's page shows it at work.
///
/// It learns of a topic by [`Hub::note_progress_in`], after each subscription, or of all of a subscriber's by
/// [`Hub::note_progress`], and does without one by [`forget`](Self::forget); in between
/// [`advance`](Self::advance) takes each delivery. A topic that it does not have is never added by what is
/// handed out: what is still in hand of one that is followed no longer changes nothing.
///
/// The topics may be those of several hubs that share an [`Incarnation`] and have no topic in common. Each
/// step costs O(log n) in the topics, a new topic O(n).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    incarnation: Incarnation,
    /// In the order of the hashes, and of the names of those that share one.
    entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    hash: NameHash,
    name: TopicName,
    reached: Reached,
}

impl Progress {
    /// A reader's who follows nothing yet.
    #[must_use]
    pub fn new(incarnation: Incarnation) -> Self {
        Self { incarnation, entries: Vec::new() }
    }

    /// How many topics it has.
    #[must_use]
    pub fn topics(&self) -> usize {
        self.entries.len()
    }

    /// Whether it has this one.
    #[must_use]
    pub fn has(&self, topic: &TopicName) -> bool {
        self.find(NameHash::of(topic), topic).is_ok()
    }

    /// Everything in `topic` up to `position` was handed out, or is told as lost. Nothing happens where it
    /// does not have the topic, or has it in another life: that is in hand of an earlier subscription. A
    /// position of another incarnation says nothing here: a resume of the topic is a gap then.
    pub fn reach(&mut self, topic: &TopicName, position: Position) {
        let Ok(index) = self.find(NameHash::of(topic), topic) else { return };
        let entry = &mut self.entries[index];
        if position.epoch.incarnation != self.incarnation {
            entry.reached = Reached::Unknown;
            return;
        }
        match entry.reached {
            Reached::Offset { life, .. } if life != position.epoch.life => {}
            Reached::Offset { .. } | Reached::Unknown => entry.reached = Reached::up_to(position),
        }
    }

    /// What was handed out moves it on: a message or a gap; what is of no topic leaves it as it is. To be
    /// called for each delivery before its [`cursor`](Self::cursor) is sent, for gaps as for messages: else
    /// the next token repeats the gap.
    pub fn advance<M>(&mut self, delivery: &Delivery<'_, M>) {
        match delivery {
            Delivery::Message(lent) => self.reach(lent.topic(), lent.position()),
            Delivery::Gap(gap) => self.reach(&gap.topic, gap.to),
            Delivery::Direct(_) | Delivery::Dismissed(_) => {}
        }
    }

    /// The topic is followed no longer: cursors do without it.
    pub fn forget(&mut self, topic: &TopicName) {
        if let Ok(index) = self.find(NameHash::of(topic), topic) {
            self.entries.remove(index);
        }
    }

    /// The token that resumes here.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        Cursor::build(self.incarnation, self.entries.iter().map(|entry| (entry.hash, entry.reached)))
    }

    pub(crate) fn note(&mut self, hash: NameHash, name: &TopicName, reached: Reached) {
        match self.find(hash, name) {
            Ok(index) => self.entries[index].reached = reached,
            Err(index) => {
                if self.entries.is_empty() {
                    // Most readers have one topic.
                    self.entries.reserve_exact(1);
                }
                self.entries.insert(index, Entry { hash, name: name.clone(), reached });
            }
        }
    }

    fn find(&self, hash: NameHash, name: &TopicName) -> Result<usize, usize> {
        self.entries.binary_search_by(|entry| (entry.hash, &entry.name).cmp(&(hash, name)))
    }
}

impl<M: Message> Hub<M> {
    /// Notes where a subscriber is in all its topics here. One whose gap is yet to be handed out has no
    /// position, so that who resumes from it meets the gap. Nothing is noted when the subscriber has left.
    ///
    /// # Cost
    /// A step for each topic that it follows, and what [`Progress`] costs.
    pub fn note_progress(&self, id: SubscriberId, progress: &mut Progress) {
        for key in self.subscriptions_of(id) {
            self.note_reached(key, progress);
        }
    }

    /// The same for one of its topics: for who begins to follow it while others are being read. Nothing is
    /// noted when the subscriber does not follow it.
    ///
    /// # Cost
    /// A step for each topic that it follows, and what [`Progress`] costs.
    pub fn note_progress_in(&self, id: SubscriberId, topic: &TopicName, progress: &mut Progress) {
        if let Some(key) = self.subscription_to(id, topic) {
            self.note_reached(key, progress);
        }
    }

    fn note_reached(&self, key: u32, progress: &mut Progress) {
        let (topic, reached) = self.reached(key);
        progress.note(topic.name_hash, &topic.name, reached);
    }
}

impl<M> Hub<M> {
    /// The positions that a subscriber has reached in all its topics, as one cursor: what a client needs to
    /// resume exactly here. Empty when the subscriber has left.
    ///
    /// A topic whose gap is yet to be handed out has no position in it, so that who resumes from it meets the
    /// gap.
    ///
    /// # Cost
    /// One allocation, and O(n log n) in the topics that it follows. For a token with each message see
    /// [`Progress`].
    #[must_use]
    pub fn cursor(&self, id: SubscriberId) -> Cursor {
        let reached = self.subscriptions_of(id).map(|key| {
            let (topic, reached) = self.reached(key);
            (topic.name_hash, reached)
        });
        Cursor::build(self.incarnation, reached)
    }

    /// A subscription's topic, and how far its reader is there.
    fn reached(&self, key: u32) -> (&Topic<M>, Reached) {
        let subscription = &self.subscriptions[key as usize];
        let topic = &self.topics[subscription.topic];
        let reached = match subscription.gap {
            Some(_) => Reached::Unknown,
            None => Reached::Offset { life: topic.epoch.life, offset: subscription.offset },
        };
        (topic, reached)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gap::Start;
    use crate::position::Epoch;

    const HUB: Incarnation = Incarnation::new(7);

    fn topic(name: &str) -> TopicName {
        TopicName::new(name).unwrap()
    }

    fn at(offset: u64) -> Position {
        Position { epoch: Epoch { incarnation: HUB, life: 0 }, offset }
    }

    /// A reader's who follows these, from their beginning on.
    fn progress_in(topics: &[&TopicName]) -> Progress {
        let mut progress = Progress::new(HUB);
        for topic in topics {
            progress.note(NameHash::of(topic), topic, Reached::up_to(at(0)));
        }
        progress
    }

    #[test]
    fn a_cursor_has_the_newest_position_of_each_topic_and_none_of_those_forgotten() {
        let (a, b, c) = (topic("a"), topic("b"), topic("c"));
        let mut progress = progress_in(&[&a, &b, &c]);
        for (name, offset) in [(&b, 2), (&a, 1), (&c, 3), (&a, 4)] {
            progress.reach(name, at(offset));
        }
        progress.forget(&c);
        progress.forget(&c);
        assert_eq!([&a, &b, &c].map(|name| progress.has(name)), [true, true, false]);
        let cursor = progress.cursor();
        assert_eq!((progress.topics(), cursor.topics()), (2, 2));
        assert_eq!(cursor.start(&a), Start::After(at(4)));
        assert_eq!(cursor.start(&b), Start::After(at(2)));
        assert_eq!(cursor.start(&c), Start::Live);
        assert_eq!(Progress::new(HUB).cursor().topics(), 0);
    }

    #[test]
    fn a_position_of_another_incarnation_is_none_here() {
        let (a, foreign) = (topic("a"), Epoch { incarnation: Incarnation::new(8), life: 0 });
        let mut progress = progress_in(&[&a]);
        progress.reach(&a, Position { epoch: foreign, offset: 5 });
        assert_eq!(progress.cursor().start(&a), Start::Unknown);
        progress.reach(&a, at(5));
        assert_eq!(progress.cursor().start(&a), Start::After(at(5)));
    }

    #[test]
    fn what_is_in_hand_of_a_topic_that_is_followed_no_longer_changes_nothing() {
        let (a, b) = (topic("a"), topic("b"));
        let mut progress = progress_in(&[&a]);
        progress.reach(&b, at(1));
        assert_eq!((progress.topics(), progress.has(&b)), (1, false));
        progress.forget(&a);
        progress.reach(&a, at(2));
        assert_eq!(progress, Progress::new(HUB));
        // It is followed again, in another life of the topic.
        let later = Position { epoch: Epoch { incarnation: HUB, life: 1 }, offset: 1 };
        progress.note(NameHash::of(&a), &a, Reached::up_to(later));
        progress.reach(&a, at(5));
        assert_eq!(progress.cursor().start(&a), Start::After(later));
    }

    #[test]
    fn names_that_share_a_hash_keep_apart_until_a_token_cannot() {
        let (twin, other) = (topic("twin"), topic("other"));
        let mut progress = Progress::new(HUB);
        progress.note(NameHash(1 << 40), &twin, Reached::up_to(at(1)));
        progress.note(NameHash(1 << 40), &other, Reached::up_to(at(2)));
        assert_eq!((progress.topics(), progress.cursor().topics()), (2, 1));
        progress.note(NameHash(1 << 40), &other, Reached::up_to(at(3)));
        assert_eq!(progress.topics(), 2);
    }

    #[test]
    fn one_topic_is_noted_without_the_others() {
        let mut hub = Hub::<&str>::new(crate::Config::default(), HUB, 1);
        let (now, a, b) = (core::time::Duration::ZERO, topic("a"), topic("b"));
        let id = hub.connect(crate::ConnectionId::new(1)).unwrap();
        for name in [&a, &b] {
            hub.publish(now, name, "one", &crate::PublishOptions::new()).unwrap();
            hub.subscribe(now, id, name, Start::Live).unwrap();
        }
        let mut progress = Progress::new(HUB);
        hub.note_progress_in(id, &a, &mut progress);
        hub.note_progress_in(id, &topic("not followed"), &mut progress);
        assert_eq!((progress.topics(), progress.has(&a)), (1, true));
        assert_eq!(progress.cursor().start(&a), Start::After(at(1)));
        hub.note_progress(id, &mut progress);
        assert_eq!(progress.cursor(), hub.cursor(id));
    }
}
