//! Looking everything over: what no step would show, because nothing happens.

use super::ledger::TopicId;
use super::link::{Link, Standing};
use super::shadow::Observer;
use super::world::World;
use crate::invariants::{Breach, Checked, Invariant, check};
use crate::time::nanos;

impl World {
    pub(crate) fn sweep(&mut self) {
        let checked = self.look_at_hub();
        if let Err(breach) = checked {
            self.breach("the hub".to_owned(), *breach);
        }
        for index in 0..self.live.len() {
            let id = self.live[index];
            self.with(id, |world, link| {
                let checked = world.look_at(link);
                world.checked(link, checked);
            });
        }
    }

    /// The hub holds what it should, within its limits, and nothing on anybody's behalf.
    fn look_at_hub(&self) -> Checked {
        if self.desk.state == super::desk::State::Down {
            return Ok(());
        }
        let (usage, config) = (self.desk.hub.usage(), &self.desk.config);
        let (_, messages, bytes) = self.ledger.held(self.desk.hub.incarnation());
        check(usage.bytes <= config.max_bytes, || {
            let expected = format!("at most {} bytes", config.max_bytes);
            Breach::new(Invariant::Budget, expected, usage.bytes.to_string())
        })?;
        check((usage.messages, usage.bytes) == (messages, bytes), || {
            Breach::new(
                Invariant::Budget,
                format!("{messages} messages of {bytes} bytes"),
                format!("{usage:?}"),
            )
        })?;
        for (index, book) in self.ledger.books.iter().enumerate() {
            let known = self.desk.hub.topic(&book.name);
            self.was_forgotten_in_time(TopicId(index as u16), known.map(|info| info.head.epoch))?;
            let unused = known.is_some_and(|info| info.subscribers == 0 && info.messages == 0);
            let until = book.used.saturating_add(nanos(config.topic_expiry));
            check(!unused || !self.desk.runs() || until > self.now, || {
                let expected = format!("{} to be forgotten at {until}", book.name);
                Breach::new(Invariant::Budget, expected, format!("{known:?}"))
            })?;
            let held = book
                .current(self.desk.hub.incarnation())
                .map_or((0, 0), |life| (life.held(), life.held_bytes));
            let within = held.0 <= config.max_messages_per_topic && held.1 <= config.max_bytes_per_topic;
            check(within, || {
                let expected = format!(
                    "at most {} messages of {} bytes in {}",
                    config.max_messages_per_topic, config.max_bytes_per_topic, book.name
                );
                Breach::new(Invariant::Budget, expected, format!("{held:?}"))
            })?;
        }
        let max_age = nanos(config.max_age);
        let lives = self.ledger.books.iter().filter_map(|book| book.current(self.desk.hub.incarnation()));
        let oldest = lives.filter_map(|life| life.entry(life.evicted as u64 + 1)).map(|entry| entry.at).min();
        let runs = self.desk.runs();
        check(!runs || oldest.is_none_or(|at| at.saturating_add(max_age) > self.now), || {
            Breach::new(
                Invariant::Budget,
                "nothing held that is too old",
                format!("of {oldest:?} at {}", self.now),
            )
        })?;
        let alive = self.desk.tally.count();
        let inboxes = self.live.iter().filter_map(|id| self.links[id.0 as usize].as_ref());
        let direct = inboxes.flat_map(|link| &link.server.inbox);
        let (count, waits) = direct.fold((0, 0), |(count, sum), (_, cost)| (count + 1, sum + cost));
        check(usage.inboxes_bytes == waits && waits <= config.max_inboxes_bytes, || {
            let expected = format!("{waits} bytes in inboxes, at most {}", config.max_inboxes_bytes);
            Breach::new(Invariant::Budget, expected, usage.inboxes_bytes.to_string())
        })?;
        check(alive == usage.messages + count, || {
            let expected = format!("the {} messages of the logs, and {count} of inboxes", usage.messages);
            Breach::new(Invariant::Lag, expected, format!("{alive} in memory"))
        })?;
        let subscribers = self.desk.by_subscriber.iter().flatten().count();
        check(usage.subscribers == subscribers, || {
            Breach::new(Invariant::Lag, format!("{subscribers} subscribers"), usage.subscribers.to_string())
        })
    }

    /// A link costs its cursors and what is on its way; and whoever has something to take was told of it.
    fn look_at(&self, link: &Link) -> Checked {
        let end = &link.server;
        check(end.output.len() <= end.most_output, || {
            let expected = format!("at most {} bytes to wait", end.most_output);
            Breach::new(Invariant::Lag, expected, end.output.len().to_string())
        })?;
        let idle = end.standing == Standing::Alive && end.subscriber.is_some() && !end.announced;
        if !idle || !self.desk.runs() {
            return Ok(());
        }
        let observer = Observer::new(&self.ledger, 1, link.connection, self.now);
        let overlooked = end.shadows.iter().find(|shadow| observer.has_more(shadow));
        check(overlooked.is_none() && end.inbox.is_empty(), || {
            Breach::new(
                Invariant::Fairness,
                "a wake-up for what there is",
                format!("none for {overlooked:?}"),
            )
        })
    }
}
