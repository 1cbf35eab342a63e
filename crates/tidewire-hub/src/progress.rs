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

/// The positions of one reader, each topic's with its name, so that they can move on without asking the hub:
/// after each message that is handed out its [`cursor`](Self::cursor) is the token that goes with it. (A
/// token for all that was handed out is [`Hub::cursor`]'s to make; while a batch lends messages the hub
/// cannot be asked.) The crate's page shows it at work.
///
/// It learns of a topic by [`Hub::note_progress`], after each subscription, and does without it by
/// [`forget`](Self::forget); in between [`advance`](Self::advance) takes each delivery.
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

    /// Everything in `topic` up to `position` was handed out, or is told as lost. A position of another
    /// incarnation says nothing here: a resume of the topic is a gap then.
    pub fn reach(&mut self, topic: &TopicName, position: Position) {
        let reached = match position.epoch.incarnation == self.incarnation {
            true => Reached::up_to(position),
            false => Reached::Unknown,
        };
        self.note(NameHash::of(topic), topic, reached);
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
            Err(index) => self.entries.insert(index, Entry { hash, name: name.clone(), reached }),
        }
    }

    fn find(&self, hash: NameHash, name: &TopicName) -> Result<usize, usize> {
        self.entries.binary_search_by(|entry| (entry.hash, &entry.name).cmp(&(hash, name)))
    }
}

impl<M: Message> Hub<M> {
    /// The same for one of its topics: where the subscriber is there. Nothing is noted when it does not
    /// follow it.
    pub fn note_progress_in(&self, id: SubscriberId, topic: &TopicName, progress: &mut Progress) {
        let key = self.topics.find(topic);
        if let Some(key) =
            self.subscriptions_of(id).find(|of| Some(self.subscriptions[*of as usize].topic) == key)
        {
            let (topic, reached) = self.reached(key);
            progress.note(topic.name_hash, &topic.name, reached);
        }
    }

    /// Notes where a subscriber is in all its topics here. One whose gap is yet to be handed out has no
    /// position, so that who resumes from it meets the gap. Nothing is noted when the subscriber has left.
    ///
    /// # Cost
    /// A step for each topic that it follows, and what [`Progress`] costs.
    pub fn note_progress(&self, id: SubscriberId, progress: &mut Progress) {
        for key in self.subscriptions_of(id) {
            let (topic, reached) = self.reached(key);
            progress.note(topic.name_hash, &topic.name, reached);
        }
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

    #[test]
    fn a_cursor_has_the_newest_position_of_each_topic_and_none_of_those_forgotten() {
        let (a, b, c) = (topic("a"), topic("b"), topic("c"));
        let mut progress = Progress::new(HUB);
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
        let mut progress = Progress::new(HUB);
        progress.reach(&a, Position { epoch: foreign, offset: 5 });
        assert_eq!(progress.cursor().start(&a), Start::Unknown);
        progress.reach(&a, at(5));
        assert_eq!(progress.cursor().start(&a), Start::After(at(5)));
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
