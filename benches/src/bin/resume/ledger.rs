//! What one client has received: the positions that it reached, and whether every message came once and in its turn.

use std::{collections::VecDeque, fmt};

use tidewire_bench::chance::Chance;
use tidewire_hub::{Cursor, Start, TopicName};

use crate::{Failed, content};

/// Positions that a client remembers, so that it can come back with one that is not its newest.
const REMEMBERED: usize = 16;

/// One in so many times it comes back with an older one: it had no time to save more.
const OLDER: usize = 4;

/// A promise that was not kept.
#[derive(Debug)]
pub(crate) struct Violation(pub(crate) String);

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: std::error::Error> From<E> for Violation {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// Where a connection starts.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    /// With what comes next: nobody has a position yet.
    Live,
    /// With the first message of each topic.
    Earliest,
    /// Behind this position.
    Cursor(String),
}

/// A topic that is followed.
#[derive(Debug)]
struct Followed {
    number: usize,
    name: TopicName,
    /// Everything up to here is there: from what came first, once that is known.
    received: Option<Received>,
}

#[derive(Clone, Copy, Debug)]
struct Received {
    behind: u64,
    up_to: u64,
}

/// A position with what it stands for, an offset for each topic.
#[derive(Debug)]
struct Saved {
    cursor: String,
    offsets: Vec<u64>,
}

/// What a message claims to be; an event stream says it with its position alone.
#[derive(Debug)]
pub(crate) struct Message<'a> {
    pub(crate) cursor: &'a str,
    pub(crate) place: Option<(&'a str, u64)>,
    pub(crate) data: &'a str,
}

/// How much a message added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    Delivered,
    Duplicate,
}

/// The books of one client.
#[derive(Debug)]
pub(crate) struct Ledger {
    topics: Vec<Followed>,
    /// The newest last.
    saved: VecDeque<Saved>,
    first: Origin,
    /// Where the connection stands, once that is known.
    at: Option<Vec<u64>>,
    expected: String,
}

impl Ledger {
    /// Of topics by their numbers.
    pub(crate) fn new(numbers: &[usize], first: Origin) -> Result<Self, Failed> {
        let received = matches!(first, Origin::Earliest).then_some(Received { behind: 0, up_to: 0 });
        let follow = |number: &usize| -> Result<Followed, Failed> {
            Ok(Followed { number: *number, name: TopicName::new(&content::name(*number))?, received })
        };
        let topics = numbers.iter().map(follow).collect::<Result<_, Failed>>()?;
        Ok(Self { topics, saved: VecDeque::new(), first, at: None, expected: String::new() })
    }

    /// The names of its topics.
    pub(crate) fn topics(&self) -> impl Iterator<Item = &str> {
        self.topics.iter().map(|topic| topic.name.as_str())
    }

    /// Where the next connection starts. What was saved behind that is forgotten.
    pub(crate) fn resume(&mut self, chance: &mut Chance) -> Origin {
        if chance.one_in(OLDER) && !self.saved.is_empty() {
            self.saved.truncate(1 + chance.below(self.saved.len()));
        }
        let Some(saved) = self.saved.back() else {
            self.at = matches!(self.first, Origin::Earliest).then(|| vec![0; self.topics.len()]);
            return self.first.clone();
        };
        self.at = Some(saved.offsets.clone());
        Origin::Cursor(saved.cursor.clone())
    }

    /// Where a connection comes back that goes on by itself.
    pub(crate) fn cursor(&self) -> Option<&str> {
        self.saved.back().map(|saved| saved.cursor.as_str())
    }

    /// The position that a connection begins with, or that an answer ends with.
    pub(crate) fn position(&mut self, cursor: &str) -> Result<(), Violation> {
        let offsets = self.offsets(cursor)?;
        match &self.at {
            Some(at) if *at != offsets => {
                return Err(Violation(format!("expected to be at {at:?}, got {offsets:?}")));
            }
            Some(_) => {}
            None => self.at = Some(offsets.clone()),
        }
        for (topic, offset) in self.topics.iter_mut().zip(&offsets) {
            topic.received.get_or_insert(Received { behind: *offset, up_to: *offset });
        }
        self.save(cursor, offsets);
        Ok(())
    }

    /// A message came: it is the next of one topic, what it says it is, and whole.
    pub(crate) fn message(&mut self, message: &Message<'_>) -> Result<News, Violation> {
        let offsets = self.offsets(message.cursor)?;
        let Some(at) = &mut self.at else {
            return Err(Violation("expected a position before the first message".into()));
        };
        let mut moved = (0..offsets.len()).filter(|index| offsets[*index] != at[*index]);
        let (Some(index), None) = (moved.next(), moved.next()) else {
            return Err(Violation(format!("expected one step from {at:?}, got {offsets:?}")));
        };
        if offsets[index] != at[index] + 1 {
            return Err(Violation(format!("expected the next behind {at:?}, got {offsets:?}")));
        }
        at[index] += 1;
        let (offset, topic) = (at[index], &mut self.topics[index]);
        let place = (topic.name.as_str(), offset);
        if message.place.is_some_and(|claimed| claimed != place) {
            return Err(Violation(format!("expected {place:?}, got {:?}", message.place)));
        }
        content::write(topic.number, offset, &mut self.expected);
        if message.data != self.expected {
            let start: String = message.data.chars().take(20).collect();
            return Err(Violation(format!("expected the message of {place:?}, got {start:?}…")));
        }
        let Some(received) = &mut topic.received else {
            return Err(Violation(format!("expected nothing of {place:?}, where no position is known")));
        };
        let news = if offset > received.up_to { News::Delivered } else { News::Duplicate };
        received.up_to = received.up_to.max(offset);
        self.save(message.cursor, offsets);
        Ok(news)
    }

    fn offsets(&self, cursor: &str) -> Result<Vec<u64>, Violation> {
        let parsed = Cursor::parse(cursor)?;
        let offset = |topic: &Followed| match parsed.start(&topic.name) {
            Start::After(position) => Ok(position.offset),
            other @ (Start::Live | Start::Earliest | Start::Last(_) | Start::Unknown) => {
                Err(Violation(format!("expected a position in {}, got {other:?}", topic.name.as_str())))
            }
        };
        self.topics.iter().map(offset).collect()
    }

    fn save(&mut self, cursor: &str, offsets: Vec<u64>) {
        if self.saved.len() == REMEMBERED {
            self.saved.pop_front();
        }
        self.saved.push_back(Saved { cursor: cursor.to_owned(), offsets });
    }

    /// Messages that are to come when each topic has so many, and those of them that came.
    pub(crate) fn balance(&self, head: u64) -> (u64, u64) {
        let received = self.topics.iter().filter_map(|topic| topic.received);
        received.fold((0, 0), |(due, came), topic| {
            (due + head.saturating_sub(topic.behind), came + (topic.up_to - topic.behind))
        })
    }

    /// Whether all messages are there.
    pub(crate) fn is_complete(&self, head: u64) -> bool {
        self.topics.iter().all(|topic| topic.received.is_some_and(|received| received.up_to == head))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tidewire_hub::{Config, ConnectionId, Delivery, Hub, Incarnation, PublishOptions};

    /// What a client of topics 0 and 1 is handed: cursor, topic, offset and text of each message.
    fn deliveries() -> (String, Vec<(String, String, u64, String)>) {
        let mut hub = Hub::<String>::new(Config::default(), Incarnation::new(1), 1);
        let id = hub.connect(ConnectionId::new(1)).unwrap();
        for topic in 0..2 {
            hub.subscribe(Duration::ZERO, id, &TopicName::new(&content::name(topic)).unwrap(), Start::Live)
                .unwrap();
        }
        let start = hub.cursor(id).encode();
        for offset in 1..=3 {
            for topic in 0..2 {
                let mut text = String::new();
                content::write(topic, offset, &mut text);
                let name = TopicName::new(&content::name(topic)).unwrap();
                hub.publish(Duration::ZERO, &name, text, &PublishOptions::new()).unwrap();
            }
        }
        let mut handed = Vec::new();
        while let Some(Delivery::Message(lent)) = hub.pull(Duration::ZERO, id) {
            let place = (lent.topic().to_string(), lent.position().offset, lent.message().clone());
            handed.push((hub.cursor(id).encode(), place.0, place.1, place.2));
        }
        (start, handed)
    }

    fn receive(ledger: &mut Ledger, of: &(String, String, u64, String)) -> Result<News, Violation> {
        ledger.message(&Message { cursor: &of.0, place: Some((&of.1, of.2)), data: &of.3 })
    }

    #[test]
    fn each_once_and_in_order_is_complete() {
        let (start, handed) = deliveries();
        let mut ledger = Ledger::new(&[0, 1], Origin::Live).unwrap();
        assert!(receive(&mut ledger, &handed[0]).is_err(), "nobody knows from where");
        ledger.position(&start).unwrap();
        for message in &handed {
            assert!(!ledger.is_complete(3));
            assert_eq!(receive(&mut ledger, message).unwrap(), News::Delivered);
        }
        assert!(ledger.is_complete(3));
        assert_eq!(ledger.balance(4), (8, 6));
    }

    #[test]
    fn losses_repetitions_and_strangers_are_noticed() {
        let (start, handed) = deliveries();
        let mut other = handed[0].clone();
        other.3.push('x');
        for wrong in [&handed[2], &handed[1], &other] {
            let mut ledger = Ledger::new(&[0, 1], Origin::Live).unwrap();
            ledger.position(&start).unwrap();
            assert!(receive(&mut ledger, wrong).is_err(), "{wrong:?}");
        }
        let mut ledger = Ledger::new(&[0, 1], Origin::Live).unwrap();
        ledger.position(&start).unwrap();
        receive(&mut ledger, &handed[0]).unwrap();
        assert!(receive(&mut ledger, &handed[0]).is_err(), "twice on one connection");
        assert!(ledger.position(&start).is_err(), "back on one connection");
    }

    #[test]
    fn who_comes_back_with_an_older_position_has_duplicates() {
        let (start, handed) = deliveries();
        let mut chance = Chance::new(1, 1);
        let mut duplicates = 0;
        for _ in 0..100 {
            let mut ledger = Ledger::new(&[0, 1], Origin::Live).unwrap();
            ledger.position(&start).unwrap();
            for message in &handed[..4] {
                receive(&mut ledger, message).unwrap();
            }
            let Origin::Cursor(cursor) = ledger.resume(&mut chance) else { panic!("it has a position") };
            let behind = handed.iter().position(|message| message.0 == cursor).map_or(0, |at| at + 1);
            for (index, message) in handed.iter().enumerate().skip(behind) {
                let expected = if index < 4 { News::Duplicate } else { News::Delivered };
                assert_eq!(receive(&mut ledger, message).unwrap(), expected);
            }
            assert!(ledger.is_complete(3));
            duplicates += 4_usize.saturating_sub(behind);
        }
        assert!((1..200).contains(&duplicates), "{duplicates}");
    }
}
