//! A round: batches for up to 64 outlets out of one lock of each shard, and then from one outlet to the next.

use std::{
    collections::VecDeque,
    ops::{ControlFlow, Range},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::SystemTime,
};

use tidewire_hub::{Batches, Message, SubscriberId};
use tokio::time::Instant;

use super::{Bag, Courier, Errand, Outlet, Socket};
use crate::hub::{Budget, Delivered, Shared, subscriber::Place};

/// Outlets that are seen to before other tasks get a turn.
const MAX_OUTLETS_PER_ROUND: usize = 64;

/// Errands that are looked at before other tasks get a turn, those included that cost nothing more.
const MAX_ERRANDS_PER_ROUND: usize = 1024;

/// Messages that are handed on before other tasks get a turn; the outlet that reaches it comes to its end.
const MAX_HANDS_PER_ROUND: usize = 1024;

/// What is taken for an outlet at a time.
const BATCH: Budget = Budget { max_messages: 256, max_bytes: 64 * 1024 };

/// The outlets of a courier, and what it is about to do.
pub(super) struct Round<M> {
    number: u32,
    outlets: Vec<Option<Known<M>>>,
    errands: VecDeque<Errand<M>>,
    /// One for an outlet, so that what it is handed may fill its socket before more is taken.
    takes: Vec<Take>,
    /// What was taken: what several take alike is there once.
    taken: Vec<Delivered<M>>,
}

/// An outlet.
struct Known<M> {
    outlet: Arc<dyn Outlet<M>>,
    socket: Socket,
    /// The last round in which something was taken for it.
    round: u32,
    /// Where something may be there for it, when its socket is free again, and behind this round.
    later: Vec<Place>,
}

impl<M> Known<M> {
    fn put_off(&mut self, place: Place) {
        if !self.later.contains(&place) {
            self.later.push(place);
        }
    }

    /// Whether its socket has room from here on: then what was put off is an errand again.
    fn note(&mut self, socket: Socket, key: u32, errands: &mut VecDeque<Errand<M>>) {
        self.socket = socket;
        if socket == Socket::Free {
            errands.extend(self.later.drain(..).map(|place| Errand::Take(key, place)));
        }
    }
}

/// A transport that panics, as none should, stops nobody else's delivery.
fn guarded(hand_on: impl FnOnce() -> Socket) -> Socket {
    catch_unwind(AssertUnwindSafe(hand_on)).unwrap_or(Socket::Free)
}

/// What an outlet takes from a place.
struct Take {
    key: u32,
    place: Place,
    taken: Range<usize>,
    more: More,
}

/// Whether more is there than was taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum More {
    No,
    Perhaps,
}

impl<M> Default for Round<M> {
    fn default() -> Self {
        let (outlets, errands) = (Vec::new(), VecDeque::new());
        Self { number: 0, outlets, errands, takes: Vec::new(), taken: Vec::new() }
    }
}

impl<M> Round<M> {
    pub(super) fn has_errands(&self) -> bool {
        !self.errands.is_empty()
    }

    /// Takes what is in the bag.
    pub(super) fn refill(&mut self, bag: &mut Bag<M>) -> ControlFlow<()> {
        bag.empty_into(&mut self.errands)
    }

    fn join(&mut self, key: u32, outlet: Arc<dyn Outlet<M>>) {
        let index = key as usize;
        if self.outlets.len() <= index {
            self.outlets.resize_with(index + 1, || None);
        }
        // Of no round yet.
        let round = self.number.wrapping_sub(1);
        self.outlets[index] = Some(Known { outlet, socket: Socket::Free, round, later: Vec::new() });
    }

    /// Sees to errands until there is enough to do.
    fn see_to_errands(&mut self, courier: &Courier<M>, now: Instant) {
        let mut outlets_left = MAX_OUTLETS_PER_ROUND;
        for _ in 0..MAX_ERRANDS_PER_ROUND {
            if outlets_left == 0 {
                return;
            }
            let Some(errand) = self.errands.pop_front() else { return };
            match errand {
                Errand::Join(key, outlet) => self.join(key, outlet),
                Errand::Leave(key) => {
                    self.outlets.get_mut(key as usize).map(Option::take);
                    courier.bag().forget(key);
                }
                Errand::Write(key) => {
                    let Some(known) = known(&mut self.outlets, key) else { continue };
                    let socket = guarded(|| known.outlet.write(now));
                    known.note(socket, key, &mut self.errands);
                    outlets_left -= 1;
                }
                Errand::Take(key, at) => {
                    let Some(known) = known(&mut self.outlets, key) else { continue };
                    if known.socket == Socket::Full {
                        known.put_off(at);
                        if !known.outlet.is_alive() {
                            // It sees that for itself.
                            guarded(|| known.outlet.write(now));
                            outlets_left -= 1;
                        }
                    } else if known.round == self.number {
                        known.put_off(at);
                    } else {
                        known.round = self.number;
                        self.takes.push(Take::new(key, at));
                        outlets_left -= 1;
                    }
                }
            }
        }
    }
}

fn known<M>(outlets: &mut [Option<Known<M>>], key: u32) -> Option<&mut Known<M>> {
    outlets.get_mut(key as usize)?.as_mut()
}

impl Take {
    fn new(key: u32, place: Place) -> Self {
        Self { key, place, taken: 0..0, more: More::No }
    }
}

impl<M: Message + Clone> Round<M> {
    /// One round.
    pub(super) fn go(&mut self, hub: &Shared<M>, courier: &Courier<M>) {
        self.number = self.number.wrapping_add(1);
        // One look at the clock is enough.
        let now = Instant::now();
        self.see_to_errands(courier, now);
        let outlets = &self.outlets;
        self.takes.retain(|take| {
            let known = outlets[take.key as usize].as_ref();
            known.is_some_and(|known| {
                let is_alive = known.outlet.is_alive();
                if !is_alive {
                    guarded(|| known.outlet.write(now));
                }
                is_alive
            })
        });
        let served = self.take(hub);
        for take in self.takes.drain(..served) {
            let Some(known) = &mut self.outlets[take.key as usize] else { continue };
            let taken = &self.taken[take.taken];
            let socket = guarded(|| known.outlet.hand_on(now, take.place, taken));
            if take.more == More::Perhaps {
                known.put_off(take.place);
            }
            known.note(socket, take.key, &mut self.errands);
        }
        // Those who were not served come first the next time.
        for take in self.takes.drain(..).rev() {
            if let Some(known) = &mut self.outlets[take.key as usize] {
                known.note(known.socket, take.key, &mut self.errands);
            }
            self.errands.push_front(Errand::Take(take.key, take.place));
        }
        self.taken.clear();
    }

    /// Takes for as many as are seen to in this round, and says how many that is.
    fn take(&mut self, hub: &Shared<M>) -> usize {
        let (now, mut hands, mut served) = (hub.clock.now(), 0, 0);
        // Those of a shard together, and that of who waits longest first.
        let (first, shards) = (self.takes.first().map_or(0, |take| take.place.shard), hub.shards.len());
        self.takes.sort_by_key(|take| (take.place.shard + shards - first) % shards);
        for takes in self.takes.chunk_by_mut(|one, next| one.place.shard == next.place.shard) {
            let mut state = hub.shards[takes[0].place.shard].lock();
            let (mut batches, before) = (state.hub.batches(now, BATCH), served);
            // What the one before took.
            let mut last = 0..0;
            for take in &mut *takes {
                if hands >= MAX_HANDS_PER_ROUND {
                    break;
                }
                last = keep(&mut batches, take.place.id, hub.origin, &mut self.taken, last);
                take.taken = last.clone();
                hands += take.taken.len();
                served += 1;
            }
            drop(batches);
            for take in &mut takes[..served - before] {
                if state.hub.wants_batch(take.place.id) {
                    take.more = More::Perhaps;
                }
            }
        }
        served
    }
}

/// Keeps a subscriber's batch behind what was `taken`, and says where it is: where the `last` one is, if it is the same.
fn keep<M: Message + Clone>(
    batches: &mut Batches<'_, M>,
    id: SubscriberId,
    origin: SystemTime,
    taken: &mut Vec<Delivered<M>>,
    last: Range<usize>,
) -> Range<usize> {
    let batch = batches.of(id);
    if batch.take_as_before() {
        return last;
    }
    let begun = taken.len();
    taken.extend(batch.map(|delivery| Delivered::keep(delivery, origin)));
    begun..taken.len()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tidewire_hub::{Config, ConnectionId, Hub, Incarnation, PublishOptions, Start, TopicName};

    use super::*;

    fn follow(hub: &mut Hub<String>, topic: &TopicName) -> SubscriberId {
        let id = hub.connect(ConnectionId::new(1)).unwrap();
        hub.subscribe(Duration::ZERO, id, topic, Start::Live).unwrap();
        id
    }

    #[test]
    fn what_several_take_alike_is_kept_once() {
        let (one, other) = (TopicName::new("one").unwrap(), TopicName::new("other").unwrap());
        let mut hub = Hub::new(Config::default(), Incarnation::new(1), 2);
        let mut ids = vec![follow(&mut hub, &one)];
        let publish = |hub: &mut Hub<String>, topic, number: u32| {
            hub.publish(Duration::ZERO, topic, number.to_string(), &PublishOptions::new()).unwrap();
        };
        publish(&mut hub, &one, 1);
        ids.extend([follow(&mut hub, &one), follow(&mut hub, &one)]);
        publish(&mut hub, &one, 2);
        ids.push(follow(&mut hub, &other));
        // The same offset, of another topic.
        (10..12).for_each(|number| publish(&mut hub, &other, number));
        hub.subscribe(Duration::ZERO, ids[0], &other, Start::Last(1)).unwrap();
        while hub.poll_ready().is_some() {}
        let (mut taken, mut ranges) = (Vec::new(), Vec::new());
        let mut batches = hub.batches(Duration::ZERO, BATCH);
        for id in [ids[1], ids[2], ids[0], ids[3], ids[1]] {
            let last = ranges.last().cloned().unwrap_or(0..0);
            ranges.push(keep(&mut batches, id, SystemTime::UNIX_EPOCH, &mut taken, last));
        }
        let messages = |range: &Range<usize>| -> Vec<u32> {
            taken[range.clone()]
                .iter()
                .map(|taken| taken.message().unwrap().message.parse().unwrap())
                .collect()
        };
        let all: Vec<_> = ranges.iter().map(messages).collect();
        assert_eq!(all[..2], [[2], [2]]);
        let mut both = all[2].clone();
        both.sort_unstable();
        assert_eq!((both, &all[3], &all[4]), (vec![1, 2, 11], &vec![10, 11], &vec![]));
        assert_eq!((ranges[0].clone(), ranges[1].clone(), taken.len()), (0..1, 0..1, 6));
    }
}
