//! The tape's cohorts: those who are served together get what those get who are named.

use core::num::NonZeroU16;

use tidewire_hub::{Budget, Cohort, SubscriberId};

use super::bytes::Tape;
use super::taking::handed;
use super::{PLACES, Pair};

/// The one that most are of.
pub(super) const FIRST: Cohort = Cohort::new(NonZeroU16::MIN);

/// One of a few.
pub(super) fn any(tape: &mut Tape<'_>) -> Cohort {
    let others = tape.below(8).saturating_sub(5) as u16;
    Cohort::new(FIRST.number().saturating_add(others))
}

impl Pair {
    fn place_of(&self, id: SubscriberId) -> usize {
        self.places.iter().position(|known| *known == Some(id)).expect("somebody who is here")
    }

    pub(super) fn serve_with(&mut self, place: usize, cohort: Cohort) {
        if let Some(id) = self.places[place] {
            self.hub.serve_with(id, cohort);
            self.left(place);
        }
    }

    /// All of the cohorts who became ready are put off: they are named by that.
    pub(super) fn poll_cohorts(&mut self) {
        self.note_called();
        for cohort in std::mem::take(&mut self.unfinished) {
            self.model.tell(self.now);
            let mut named = Vec::new();
            loop {
                let batches = self.hub.ready_batches_of(self.now, Budget::ONE, cohort);
                let mut batches = batches.expect("a cohort that was named");
                let given = batches.next_if(|id| {
                    named.push(id);
                    false
                });
                assert!(given.is_none());
                if batches.is_over() {
                    break;
                }
            }
            for id in named {
                let place = self.place_of(id);
                let (_, may) = self.model.has_something(self.serials[place]);
                let subscriber = self.model.subscribers.get_mut(&self.serials[place]).expect("somebody");
                if subscriber.idle && self.hub.wants_batch(id) {
                    assert!(may, "put off for nothing");
                    subscriber.idle = false;
                    self.put_off.push(place);
                }
            }
        }
    }

    fn note_called(&mut self) {
        while let Some(cohort) = self.hub.poll_cohort() {
            if !self.unfinished.contains(&cohort) {
                self.unfinished.push(cohort);
            }
        }
    }

    /// Batches for those of a cohort who are ready, of which some are given in part, some are put off and some are left.
    pub(super) fn wave_of(&mut self, tape: &mut Tape<'_>) {
        let (cohort, put_off) = (any(tape), if tape.below(2) == 0 { 0 } else { tape.byte() });
        let budget = Budget { max_messages: tape.below(4), max_bytes: tape.below(8) * 128 };
        let mut given = Vec::new();
        self.note_called();
        self.model.tell(self.now);
        let Some(mut batches) = self.hub.ready_batches_of(self.now, budget, cohort) else { return };
        for _ in 0..tape.below(2 * PLACES) {
            let serves = |id: SubscriberId| put_off >> (id.index() % 8) & 1 == 0;
            let Some(batch) = batches.next_if(serves) else { break };
            let id = batch.subscriber().expect("somebody who is here");
            assert!(serves(id), "put off, and served");
            let place =
                self.places.iter().position(|known| *known == Some(id)).expect("somebody who is here");
            let subscriber = &self.model.subscribers[&self.serials[place]];
            assert!(subscriber.idle || given.contains(&place), "somebody else has it in hand");
            let (all, most) = (tape.below(2), tape.below(4));
            let deliveries: Vec<_> = batch.take(if all == 0 { usize::MAX } else { most }).collect();
            handed(&mut self.model, self.serials[place], &deliveries, budget);
            given.push(place);
            let mut along = Vec::new();
            batches.take_as_before_while(|id| {
                let goes = all == 0 && along.len() < most && serves(id);
                along.extend(goes.then_some(id));
                goes
            });
            for id in along {
                let place =
                    self.places.iter().position(|known| *known == Some(id)).expect("somebody who is here");
                let is_idle = self.model.subscribers[&self.serials[place]].idle;
                assert!(is_idle || given.contains(&place), "somebody else has it in hand");
                handed(&mut self.model, self.serials[place], &deliveries, budget);
                given.push(place);
            }
        }
        let is_over = batches.is_over();
        drop(batches);
        self.unfinished.retain(|known| *known != cohort);
        if !is_over {
            self.unfinished.push(cohort);
        }
        (0..PLACES).for_each(|place| self.left(place));
    }
}
