//! The naive hub's publishers: what goes when something comes.

use core::time::Duration;

use tidewire_hub::{PublishError, PublishOptions, Published, Replay};

use super::message::{Kept, Note, Said, Standing};
use super::topic::Topic;
use super::{Model, Once};

/// Sizes within an eighth of a power of two count as equal when somebody must pay.
fn class(bytes: usize) -> usize {
    let mut step = 1;
    while bytes / step >= 16 {
        step *= 2;
    }
    bytes / step * step
}

/// Whose place a message takes that is about to come: in each row of its key that of the newest, as long as all
/// whom the older one is for are handed the newer, and for as long at least.
fn take_places(topic: &mut Topic, said: &Said, now: Duration) {
    let Some(key) = &said.key else { return };
    let ends = |at: Duration, said: &Said| said.expires_in.map_or(Duration::MAX, |time| at + time);
    let is_taken = |older: &Kept| {
        let for_as_many = said.exclude.is_none() || said.exclude == older.said.exclude;
        let is_history = said.replay == Replay::Kept || older.is_ephemeral();
        for_as_many && is_history && ends(now, said) >= ends(older.at, &older.said)
    };
    for row in [(false, false), (false, true), (true, false), (true, true)] {
        let Some(row) = topic.rows.get_mut(&(key.clone(), row.0, row.1)) else { continue };
        while let Some(place) = row.last().copied().filter(|place| is_taken(&topic.notes[*place])) {
            topic.notes[place].superseded = true;
            row.pop();
        }
    }
    // Where nobody is left out, that is all that there are.
    let held = topic.notes.iter().filter(|kept| kept.is_held() && kept.said.exclude.is_none());
    let mut of_key = held.filter(|kept| kept.said.key.as_ref() == Some(key));
    assert!(of_key.all(|kept| kept.superseded || !is_taken(kept)), "a message that is not the latest");
    topic.rows.entry(said.row(key)).or_default().push(topic.notes.len());
}

impl Model {
    /// Something of a topic goes, and the topic to the end of the line.
    fn give(&mut self, name: &str) {
        let now = self.now;
        let topic = self.topics.get_mut(name).expect("a topic that holds messages");
        let (len, bytes) = (topic.len(), topic.bytes());
        let much = |is_it: &dyn Fn(&Kept) -> bool, at_least: usize| {
            let some: Vec<&Kept> = topic.notes.iter().filter(|kept| kept.is_held() && is_it(kept)).collect();
            let their_bytes: usize = some.iter().map(|kept| kept.len_bytes()).sum();
            some.len() >= at_least && (some.len() * 8 >= len || their_bytes * 8 >= bytes)
        };
        let new = (topic.head() - topic.swept_at) as usize;
        let swept =
            much(&Kept::is_ephemeral, 2) || much(&|kept| kept.said.expires_in.is_some(), 1) && new * 8 >= len;
        if swept {
            let held = (0..topic.notes.len()).filter(|place| topic.notes[*place].is_held());
            let (ephemeral, others): (Vec<usize>, Vec<usize>) =
                held.partition(|place| topic.notes[*place].is_ephemeral());
            let older_half = ephemeral.len() / 2;
            let expired = ephemeral[older_half..].iter().chain(&others);
            let expired = expired.filter(|place| topic.notes[**place].is_expired(now));
            let mut gone: Vec<usize> = ephemeral[..older_half].iter().chain(expired).copied().collect();
            gone.sort_unstable();
            gone.iter().rev().for_each(|place| topic.go(*place, now));
            topic.swept_at = topic.head();
            if topic.len() < len {
                self.clock += 1;
                topic.in_line_since = self.clock;
                return;
            }
        }
        self.evict_oldest(name);
    }

    /// The oldest goes, and the topic to the end of the line.
    pub(super) fn evict_oldest(&mut self, name: &str) {
        self.clock += 1;
        let topic = self.topics.get_mut(name).expect("a topic that holds messages");
        let place = topic.oldest().expect("a message");
        topic.go(place, self.now);
        let oldest = &topic.notes[place];
        if oldest.standing == Standing::Lost {
            topic.lost = place as u64 + 1;
            if !oldest.superseded {
                topic.lost_latest = topic.lost;
            }
        }
        topic.in_line_since = self.clock;
    }

    /// The topic holds more or less than it did: in another class it is the last of the line.
    fn stand_in_line(&mut self, name: &str, before: usize) {
        self.clock += 1;
        let topic = self.topics.get_mut(name).expect("a topic");
        if class(topic.bytes()) != class(before) {
            topic.in_line_since = self.clock;
        }
    }

    pub(in super::super) fn publish(
        &mut self,
        name: &str,
        note: Note,
        said: Said,
    ) -> Result<Published, PublishError> {
        if said.key.as_ref().is_some_and(|key| key.len() > PublishOptions::MAX_KEY_LEN) {
            return Err(PublishError::KeyTooLong);
        }
        if said.event.as_ref().is_some_and(|event| event.len() > PublishOptions::MAX_EVENT_LEN) {
            return Err(PublishError::EventTooLong);
        }
        let event = said.event.clone().unwrap_or_default();
        let once = said.once.clone().filter(|_| self.config.max_idempotency_keys > 0);
        let once = once.map(|(publisher, key)| (publisher, name.to_owned(), key));
        if let Some(known) = self.once.iter().find(|known| Some(&known.id) == once.as_ref()) {
            let same = known.note == note && known.event == event;
            return if same { Ok(Published::Repeated(known.position)) } else { Err(PublishError::Conflict) };
        }
        let cost = Kept::cost(&note, &said);
        if cost > self.config.max_bytes_per_topic || cost > self.config.max_bytes {
            return Err(PublishError::TooLarge);
        }
        if !self.find_or_create(name) {
            return Err(PublishError::TooManyTopics);
        }
        let (known, since) = (self.topics[name].bytes(), self.topics[name].in_line_since);
        loop {
            let topic = &self.topics[name];
            let full = topic.len() == self.config.max_messages_per_topic;
            if !full && topic.bytes() + cost <= self.config.max_bytes_per_topic {
                break;
            }
            self.give(name);
        }
        // What goes for the topic's own sake is no turn of those that pay.
        self.topics.get_mut(name).expect("created above").in_line_since = since;
        let is_full = self.bytes() + cost > self.config.max_bytes;
        if is_full {
            self.stand_in_line(name, known);
        }
        while self.bytes() + cost > self.config.max_bytes {
            let holders = self.topics.iter().filter(|(_, topic)| topic.bytes() > 0);
            let order = |topic: &Topic| (class(topic.bytes()), u64::MAX - topic.in_line_since);
            let payer = holders.max_by_key(|(_, topic)| order(topic)).map(|(name, _)| name.clone());
            let payer = payer.expect("somebody holds what is too much");
            let (holders, mine) =
                (self.topics.values().filter(|topic| topic.bytes() > 0).count(), &self.topics[&payer]);
            assert!(mine.bytes() * holders * 8 >= self.bytes() * 7, "who holds little pays");
            self.give(&payer);
            if payer != name {
                self.note_idle(&payer);
            }
        }
        let known = if is_full { self.topics[name].bytes() } else { known };
        let topic = self.topics.get_mut(name).expect("created above");
        take_places(topic, &said, self.now);
        let (remembered, window) = (note.clone(), self.config.idempotency_window);
        topic.notes.push(Kept { note, said, at: self.now, standing: Standing::Held, superseded: false });
        topic.looked_at = topic.looked_at.or_else(|| topic.age_of_oldest(self.config.max_age));
        let head = topic.head();
        self.stand_in_line(name, known);
        let position = self.at(name, head);
        if let Some(id) = once {
            if self.once.len() == self.config.max_idempotency_keys {
                self.once.pop_front();
            }
            let expires_at = self.now.checked_add(window);
            self.once.push_back(Once { id, note: remembered, event, position, expires_at });
        }
        Ok(Published::New(position))
    }
}
