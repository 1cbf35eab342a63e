//! A wave: batches for those of a shard who became ready and are served together, without a call for each.

use tidewire_hub::Message;

use super::{
    BATCH, Errand, Known, MAX_HANDS_PER_ROUND, More, Round, Socket, Take, keep, known, look_for_more,
};
use crate::{
    clock::Moment,
    hub::{Shared, courier::Courier, subscriber::Place},
};

/// Where a wave is, and how far it may go.
#[derive(Clone, Copy)]
pub(super) struct Reach {
    pub(super) shard: usize,
    /// Outlets that may be served.
    pub(super) outlets: usize,
}

impl<M: Message + Clone> Round<M> {
    /// Takes for some of a shard, beside the `hands` that are handed on already. Those who cannot take now are put off; who is
    /// left has a wave of its own, behind everybody else's errands.
    pub(super) fn ride(
        &mut self,
        hub: &Shared<M>,
        courier: &Courier<M>,
        now: &Moment,
        reach: Reach,
        mut hands: usize,
    ) {
        let Some(cohort) = courier.cohort() else { return };
        let mut state = hub.shards[reach.shard].lock();
        let Some((mut batches, stops)) = state.wave(now.by(hub.clock), BATCH, cohort) else { return };
        let Self { takes, taken, outlets, .. } = self;
        let (number, begun, mut full) = (self.number, takes.len(), Vec::new());
        // What the one before took.
        let mut last = 0..0;
        while takes.len() - begun < reach.outlets && hands < MAX_HANDS_PER_ROUND {
            let mut next = None;
            let batch = batches.next_if(|id| {
                // One that has yet to join looks for itself then.
                let Some(key) = stops.of(id) else { return false };
                let Some(known) = known(outlets, key) else { return false };
                let place = Place { shard: reach.shard, id };
                if known.begins(number) {
                    next = Some((key, place));
                    return true;
                }
                if known.socket == Socket::Full {
                    full.push(key);
                }
                known.put_off(place);
                false
            });
            let (Some(batch), Some((key, place))) = (batch, next) else { break };
            takes.push(Take::new(key, place));
            let Some(take) = takes.last_mut() else { break };
            keep(batch, hub.origin, taken, &last, take);
            (last, hands) = (take.taken.clone(), hands + take.taken.len());
            batches.take_as_before_while(|id| {
                let has_room = takes.len() - begun < reach.outlets && hands < MAX_HANDS_PER_ROUND;
                let key = stops.of(id).filter(|_| has_room);
                let key = key.filter(|key| known(outlets, *key).is_some_and(|known| known.begins(number)));
                let Some(key) = key else { return false };
                hands += last.len();
                let place = Place { shard: reach.shard, id };
                takes.push(Take { key, place, taken: last.clone(), more: More::No });
                true
            });
        }
        let is_over = batches.is_over();
        drop(batches);
        look_for_more(&state.hub, &mut takes[begun..]);
        drop(state);
        if !is_over {
            courier.send([Errand::Wave(reach.shard)].into_iter());
        }
        for key in full {
            known(outlets, key).map(|known| known.lives(now));
        }
        self.leave_out_the_gone(now, begun);
    }
}

impl<M> Known<M> {
    /// Whether something may be taken for it in this round: then it is.
    #[inline]
    fn begins(&mut self, round: u32) -> bool {
        let may = self.socket == Socket::Free && self.round != round;
        if may {
            self.round = round;
        }
        may
    }
}
