//! Whether the hub makes room by its rules: for what is published, for what time does, and for topics that nobody uses.

use tidewire_hub::{Epoch, Hub};

use super::ledger::TopicId;
use super::link::clock;
use super::post::Post;
use super::world::World;
use crate::invariants::{Breach, Checked, Invariant, check};
use crate::time::nanos;

/// What went of a topic by one publish.
struct Paid {
    /// The bytes it held before its last message went.
    held: usize,
    /// What that message counted.
    last: usize,
    /// What all that went counted.
    freed: usize,
}

impl World {
    /// The hub has named this epoch of a topic, which is used.
    pub(crate) fn meets(&mut self, topic: TopicId, epoch: Epoch) -> Checked {
        let checked = self.was_forgotten_in_time(topic, Some(epoch));
        self.ledger.books[topic.0 as usize].used = self.now;
        checked.and(self.ledger.meets(topic, epoch))
    }

    /// A topic that the hub does not know any more, or knows in another epoch, was unused for long, and held nothing.
    pub(crate) fn was_forgotten_in_time(&self, topic: TopicId, known: Option<Epoch>) -> Checked {
        let book = self.ledger.book(topic);
        let Some(life) = book.current(self.desk.hub.incarnation()) else { return Ok(()) };
        if known == Some(life.epoch) {
            return Ok(());
        }
        let until = book.used.saturating_add(nanos(self.desk.config.topic_expiry));
        check(until <= self.now && life.held() == 0, || {
            let expected = format!("{} to be known until {until}, with {} messages", book.name, life.held());
            Breach::new(Invariant::Budget, expected, format!("{known:?} at {}", self.now))
        })
    }

    /// What time does to the hub, when it does: messages that are too old go, and no others.
    pub(crate) fn tick(&mut self) {
        let checked = if self.desk.runs() { self.act_on_time() } else { Ok(()) };
        if let Err(breach) = checked {
            self.breach("the hub".to_owned(), *breach);
        }
    }

    fn act_on_time(&mut self) -> Checked {
        let is_due = |hub: &Hub<Post>, now| hub.poll_timeout().is_some_and(|(at, _)| nanos(at) <= now);
        let was_due = is_due(&self.desk.hub, self.now);
        // Some calls go by the time that they were told last.
        self.desk.hub.handle_timeout(clock(self.now));
        if !was_due {
            return Ok(());
        }
        check(!is_due(&self.desk.hub, self.now), || {
            Breach::new(
                Invariant::Budget,
                "deadlines that are ahead",
                format!("{:?}", self.desk.hub.poll_timeout()),
            )
        })?;
        let (now, max_age) = (self.now, nanos(self.desk.config.max_age));
        for book in &mut self.ledger.books {
            let Some(info) = self.desk.hub.topic(&book.name) else { continue };
            let Some(life) = book.newest_mut().filter(|life| life.epoch == info.head.epoch) else { continue };
            let up_to = info.before_earliest.offset;
            if up_to > life.evicted as u64 {
                let youngest = life.last_held(up_to).map_or(0, |entry| entry.at);
                life.evict(up_to, now);
                book.used = now;
                check(youngest.saturating_add(max_age) <= now, || {
                    let got = format!("one of {youngest} ns, at {now}");
                    Breach::new(Invariant::Budget, "nothing dropped before it is too old", got)
                })?;
            }
        }
        Ok(())
    }

    /// What the hub dropped for a message of this cost: the topic's oldest for the topic's limits, then the oldest of those
    /// that hold the most for the hub's, and nothing more.
    pub(super) fn room(&mut self, topic: TopicId, cost: usize) -> Checked {
        let (incarnation, config) = (self.desk.hub.incarnation(), self.desk.config.clone());
        let (holding, _, total) = self.ledger.held(incarnation);
        let own = self.for_the_topic(topic, cost);
        let mut payers = Vec::new();
        for index in 0..self.ledger.books.len() {
            let Some(info) = self.desk.hub.topic(&self.ledger.books[index].name) else { continue };
            let (up_to, epoch) = (info.before_earliest.offset, info.head.epoch);
            let Some(life) = self.ledger.books[index].newest_mut().filter(|life| life.epoch == epoch) else {
                continue;
            };
            let before = life.held_bytes;
            let oldest = life.last_held(up_to).map_or(0, |entry| entry.cost);
            let held = info.messages - usize::from(index == topic.0 as usize);
            // What is swept out goes at once, and some of it may have been the oldest.
            let mut is_swept = life.has_unheard(up_to, self.now);
            let mut freed = life.evict(up_to, self.now);
            if held != life.held() {
                freed += life.sweep(self.now, |number| self.desk.tally.holds(number))?;
                is_swept = true;
            }
            let last = if is_swept { freed } else { oldest };
            if freed > 0 {
                self.ledger.books[index].used = self.now;
                payers.push((index, Paid { held: before - freed + last, last, freed }));
            }
        }
        let freed: usize = payers.iter().map(|(_, paid)| paid.freed).sum();
        let is_its_own = |index: usize, paid: &Paid| {
            let is_swept = paid.last == paid.freed;
            index == topic.0 as usize && (paid.freed <= own || own > 0 && is_swept)
        };
        let beyond = payers.iter().filter(|(index, paid)| !is_its_own(*index, paid));
        // Whoever swept may have done so for its own limits, or last of all.
        let swept = |(index, paid): &&(usize, Paid)| !is_its_own(*index, paid) || paid.last == paid.freed;
        let last =
            beyond.clone().next().and_then(|_| payers.iter().filter(swept).map(|(_, paid)| paid.last).max());
        let left = total - freed + cost;
        check(last.is_none_or(|last| left + last > config.max_bytes), || {
            let expected = format!("no more dropped than {} bytes ask for", config.max_bytes);
            Breach::new(Invariant::Budget, expected, format!("{freed} of {total} bytes for {cost}"))
        })?;
        let share = (config.max_bytes.saturating_sub(cost)) / holding.max(1) / 8 * 7;
        for (index, paid) in beyond {
            check(paid.held >= share, || {
                let name = &self.ledger.books[*index].name;
                let expected = format!("nobody to pay who holds less than {share} bytes");
                Breach::new(Invariant::Budget, expected, format!("{name} with {} bytes", paid.held))
            })?;
        }
        Ok(())
    }

    /// What a topic has to drop of its own, in bytes, to keep its own limits.
    fn for_the_topic(&self, topic: TopicId, cost: usize) -> usize {
        let config = &self.desk.config;
        let Some(life) = self.ledger.book(topic).current(self.desk.hub.incarnation()) else { return 0 };
        let (mut held, mut bytes) = (life.held(), life.held_bytes);
        for oldest in life.costs() {
            if held < config.max_messages_per_topic && bytes + cost <= config.max_bytes_per_topic {
                break;
            }
            held -= 1;
            bytes -= oldest;
        }
        life.held_bytes - bytes
    }
}
