//! The tape's readers: who is named, what a batch gives, and that nobody is forgotten.

use std::collections::BTreeMap;

use tidewire_hub::{Batch, Budget, Delivery, Start, SubscriberId, TopicName};

use super::super::model::{Model, Note, Subscriber};
use super::bytes::Tape;
use super::{PLACES, Pair};

impl Pair {
    /// The place of who was named: somebody who has something and was not named since.
    pub(super) fn poll_ready(&mut self) -> Option<usize> {
        let Some(id) = self.hub.poll_ready() else {
            self.poll_cohorts();
            if let Some(place) = self.put_off.pop() {
                return Some(place);
            }
            for (serial, subscriber) in &self.model.subscribers {
                let (must, _) = self.model.has_something(*serial);
                assert!(!(subscriber.idle && must), "somebody was forgotten");
            }
            return None;
        };
        let place = self.places.iter().position(|known| *known == Some(id)).expect("somebody who is here");
        let (_, may) = self.model.has_something(self.serials[place]);
        let subscriber = self.model.subscribers.get_mut(&self.serials[place]).expect("somebody who is here");
        assert!(may, "named for nothing");
        assert!(subscriber.idle, "named twice");
        subscriber.idle = false;
        Some(place)
    }

    /// Whether there was something.
    pub(super) fn pull(&mut self, place: usize) -> bool {
        let (Some(id), serial) = (self.places[place], self.serials[place]) else { return false };
        let taken = self.batch(place, Budget::ONE);
        if taken == 0 {
            let (must, _) = self.model.has_something(serial);
            assert!(!must, "nothing came though something is there");
            assert!(!self.hub.wants_batch(id), "an empty batch left something");
        }
        taken > 0
    }

    /// Takes at most that many of a batch, drops the rest, and says how many it took.
    pub(super) fn batch(&mut self, place: usize, budget: Budget) -> usize {
        self.batch_in_part(place, budget, usize::MAX)
    }

    pub(super) fn batch_in_part(&mut self, place: usize, budget: Budget, most: usize) -> usize {
        let (Some(id), serial) = (self.places[place], self.serials[place]) else { return 0 };
        self.model.tell(self.now);
        // One by itself, and one among those that are named, are the same.
        let taken = if serial % 2 == 0 {
            take(&mut self.model, serial, &mut self.hub.batch(self.now, id, budget), budget, most)
        } else {
            let mut batches = self.hub.batches(self.now, budget);
            take(&mut self.model, serial, batches.of(id), budget, most)
        };
        self.left(place);
        let (must, _) = self.model.has_something(serial);
        let used_up = taken > 0 || most == 0;
        assert!(used_up || !must, "nothing came though something is there");
        taken
    }

    /// All gaps ahead of the messages; nobody's turn to be named is lost by it.
    pub(super) fn take_gaps(&mut self, tape: &mut Tape<'_>) {
        let place = tape.below(PLACES);
        let Some(id) = self.places[place] else { return };
        self.model.tell(self.now);
        for gap in self.hub.take_gaps(self.now, id) {
            self.model.told_ahead(self.serials[place], &gap);
        }
        self.model.told_all(self.serials[place]);
    }

    /// A batch, or some of a wave, is given in part and never dropped.
    pub(super) fn forget(&mut self, tape: &mut Tape<'_>) {
        let (place, budget) =
            (tape.below(PLACES), Budget { max_messages: 1 + tape.below(8), max_bytes: 512 });
        let Some(mut id) = self.places[place] else { return };
        let (all, most) = (tape.below(4), tape.below(8));
        self.model.tell(self.now);
        let before = self.model.subscribers.clone();
        let place_of =
            |places: &[Option<SubscriberId>], id| places.iter().position(|known| *known == Some(id));
        if all > 0 {
            let mut batches = self.hub.ready_batches(self.now, budget);
            for _ in 0..all {
                let Some(batch) = batches.next() else { break };
                id = batch.subscriber().expect("somebody who is here");
                let place = place_of(&self.places, id).expect("somebody who is here");
                take(&mut self.model, self.serials[place], batch, budget, most);
            }
            core::mem::forget(batches);
        } else {
            let mut batches = self.hub.batches(self.now, budget);
            take(&mut self.model, self.serials[place], batches.of(id), budget, most);
            core::mem::forget(batches);
        }
        for place in 0..PLACES {
            self.goes_back(place, &before);
            self.left(place);
        }
    }

    /// Where the hub's cursors are is where the model goes on.
    pub(super) fn goes_back(&mut self, place: usize, before: &BTreeMap<u64, Subscriber>) {
        let (Some(id), serial) = (self.places[place], self.serials[place]) else { return };
        let (cursor, Some(before)) = (self.hub.cursor(id), before.get(&serial)) else { return };
        // It is not known either what its next batch begins with.
        self.model.puts_off_as(serial, before);
        for (name, stood) in &before.topics {
            let topic = TopicName::new(name).or_else(|_| TopicName::reserved(name)).expect("a valid name");
            if let Start::After(position) = cursor.start(&topic) {
                self.model.forgotten(serial, name, stood.offset, position.offset);
            }
        }
    }

    /// Who is named next follows from what a batch has left. (That may have expired since.)
    pub(super) fn left(&mut self, place: usize) {
        let (Some(id), serial) = (self.places[place], self.serials[place]) else { return };
        let wants = self.hub.wants_batch(id);
        if let Some(subscriber) = self.model.subscribers.get_mut(&serial) {
            // What the ready list has yet to see may be left all the same: then it names the subscriber.
            subscriber.idle = !wants;
        }
    }

    /// Batches for those who are ready, of which some are given in part and some not at all.
    pub(super) fn wave(&mut self, tape: &mut Tape<'_>) {
        let budget = Budget { max_messages: tape.below(4), max_bytes: tape.below(8) * 128 };
        let mut given = Vec::new();
        self.model.tell(self.now);
        let mut batches = self.hub.ready_batches(self.now, budget);
        for _ in 0..tape.below(2 * PLACES) {
            let Some(batch) = batches.next() else { break };
            let id = batch.subscriber().expect("somebody who is here");
            let place =
                self.places.iter().position(|known| *known == Some(id)).expect("somebody who is here");
            let subscriber = &self.model.subscribers[&self.serials[place]];
            assert!(subscriber.idle || given.contains(&place), "somebody else has it in hand");
            take(&mut self.model, self.serials[place], batch, budget, tape.below(4));
            given.push(place);
        }
        drop(batches);
        given.into_iter().for_each(|place| self.left(place));
    }

    /// Everybody who is named takes everything; then nobody has anything left but those who never finished.
    pub(super) fn settle(&mut self) {
        while let Some(place) = self.poll_ready() {
            while self.pull(place) {}
        }
        for place in 0..PLACES {
            while self.pull(place) {}
        }
        assert_eq!(self.poll_ready(), None, "everybody has everything");
    }
}

/// Takes at most that many of a batch, under the eyes of the model, and says how many it took.
fn take(model: &mut Model, serial: u64, batch: &mut Batch<'_, Note>, budget: Budget, most: usize) -> usize {
    let deliveries: Vec<_> = batch.take(most).collect();
    handed(model, serial, &deliveries, budget);
    deliveries.len()
}

/// A subscriber was handed these as a batch.
pub(super) fn handed(model: &mut Model, serial: u64, deliveries: &[Delivery<'_, Note>], budget: Budget) {
    let (mut taken, mut bytes) = (0, 0);
    model.begins_a_batch(serial);
    for delivery in deliveries {
        taken += 1;
        match delivery {
            Delivery::Message(lent) => {
                let note = lent.message();
                bytes += note.len_bytes;
                let adds = taken > 1 && note.len_bytes > 0;
                assert!(bytes <= budget.max_bytes || !adds, "over the budget's bytes");
                model.delivered(serial, lent);
            }
            Delivery::Gap(gap) => model.told(serial, gap),
            Delivery::Direct(note) => {
                bytes += note.len_bytes;
                let adds = taken > 1 && note.len_bytes > 0;
                assert!(bytes <= budget.max_bytes || !adds, "over the budget's bytes");
                model.direct(serial, note);
            }
            Delivery::Dismissed(dismissal) => model.dismissed(serial, dismissal),
        }
    }
    assert!(taken <= budget.max_messages.max(1), "over the budget's count");
}
