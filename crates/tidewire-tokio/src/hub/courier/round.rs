//! A round: batches for up to 64 outlets out of one lock of each shard, and then from one outlet to the next.

mod wave;

use std::{
    collections::VecDeque,
    ops::{ControlFlow, Range},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::Arc,
    time::SystemTime,
};

use tidewire_hub::{Batch, Hub, Message};

use self::wave::Reach;
use super::{Bag, Courier, Errand, Outlet, Socket};
use crate::{
    clock::Moment,
    hub::{Budget, Delivered, Shared, subscriber::Place},
};

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
    /// What goes behind everybody else's errands: who always has more keeps nobody waiting.
    again: Vec<Errand<M>>,
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

    /// Whether its socket is there. Where it is not, it is told so.
    #[inline]
    fn lives(&self, now: &Moment) -> bool {
        let is_alive = self.outlet.is_alive();
        if !is_alive {
            guarded(|| self.outlet.write(now));
        }
        is_alive
    }

    /// Whether its socket has room from here on: then what was put off is an errand again.
    fn note(&mut self, socket: Socket, key: u32, again: &mut Vec<Errand<M>>) {
        self.socket = socket;
        if socket == Socket::Free && !self.later.is_empty() {
            again.extend(self.later.drain(..).map(|place| Errand::Take(key, place)));
        }
    }
}

/// A transport that panics, as none should, stops nobody else's delivery.
fn guarded(hand_on: impl FnOnce() -> Socket) -> Socket {
    catch_unwind(AssertUnwindSafe(hand_on)).unwrap_or(Socket::Free)
}

/// What an outlet takes from a place: what was taken so far, should a message break that off.
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
        let (outlets, errands, again) = (Vec::new(), VecDeque::new(), Vec::new());
        Self { number: 0, outlets, errands, again, takes: Vec::new(), taken: Vec::new() }
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

    /// Sees to errands until there is enough to do. Answers where a wave comes next.
    fn see_to_errands(&mut self, courier: &Courier<M>, now: &Moment) -> Option<Reach> {
        let mut outlets_left = MAX_OUTLETS_PER_ROUND;
        for _ in 0..MAX_ERRANDS_PER_ROUND {
            if outlets_left == 0 {
                return None;
            }
            match self.errands.pop_front()? {
                Errand::Wave(shard) => return Some(Reach { shard, outlets: outlets_left }),
                Errand::Join(key, outlet) => self.join(key, outlet),
                Errand::Leave(key) => {
                    self.outlets.get_mut(key as usize).map(Option::take);
                    courier.bag().forget(key);
                }
                Errand::Write(key) => {
                    let Some(known) = known(&mut self.outlets, key) else { continue };
                    let socket = guarded(|| known.outlet.write(now));
                    known.note(socket, key, &mut self.again);
                    outlets_left -= 1;
                }
                Errand::Take(key, at) => {
                    let Some(known) = known(&mut self.outlets, key) else { continue };
                    if known.socket == Socket::Full {
                        known.put_off(at);
                        if !known.lives(now) {
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
        None
    }
}

fn known<M>(outlets: &mut [Option<Known<M>>], key: u32) -> Option<&mut Known<M>> {
    outlets.get_mut(key as usize)?.as_mut()
}

impl Take {
    fn new(key: u32, place: Place) -> Self {
        Self { key, place, taken: 0..0, more: More::Perhaps }
    }
}

impl<M: Message + Clone> Round<M> {
    /// One round.
    pub(super) fn go(&mut self, hub: &Shared<M>, courier: &Courier<M>) {
        self.number = self.number.wrapping_add(1);
        // One look at the clock is enough.
        let now = &Moment::now();
        let wave = self.see_to_errands(courier, now);
        self.leave_out_the_gone(now, 0);
        // A message that panics where it is cloned, as none should, takes nothing from those who were served before.
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let hands = self.take(hub, now);
            if let Some(reach) = wave {
                self.ride(hub, courier, now, reach, hands);
            }
        }));
        for take in self.takes.drain(..) {
            let Some(known) = &mut self.outlets[take.key as usize] else { continue };
            let taken = &self.taken[take.taken];
            let socket = guarded(|| known.outlet.hand_on(now, take.place, taken));
            if take.more == More::Perhaps {
                known.put_off(take.place);
            }
            known.note(socket, take.key, &mut self.again);
        }
        if !self.again.is_empty() {
            courier.send(self.again.drain(..));
        }
        self.taken.clear();
        if let Err(panic) = outcome {
            resume_unwind(panic);
        }
    }

    /// Of the takes behind the first so many, those are none whose socket is gone.
    fn leave_out_the_gone(&mut self, now: &Moment, first: usize) {
        let (mut index, outlets) = (0, &mut self.outlets);
        self.takes.retain(|take| {
            index += 1;
            index <= first || known(outlets, take.key).is_some_and(|known| known.lives(now))
        });
    }

    /// Takes for as many as are seen to in this round, and says how many messages that is.
    fn take(&mut self, hub: &Shared<M>, now: &Moment) -> usize {
        let (now, mut hands, mut served) = (now.by(hub.clock), 0, 0);
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
                keep(batches.of(take.place.id), hub.origin, &mut self.taken, &last, take);
                last = take.taken.clone();
                hands += last.len();
                served += 1;
            }
            drop(batches);
            look_for_more(&state.hub, &mut takes[..served - before]);
        }
        // Those who were not served come first the next time.
        for take in self.takes.drain(served..).rev() {
            if let Some(known) = &mut self.outlets[take.key as usize] {
                known.note(known.socket, take.key, &mut self.again);
            }
            self.errands.push_front(Errand::Take(take.key, take.place));
        }
        hands
    }
}

/// Keeps a batch behind what was `taken`, and notes where it is: where the `last` one is, if it is the same. Then nothing more
/// is there.
#[inline]
fn keep<M: Message + Clone>(
    batch: &mut Batch<'_, M>,
    origin: SystemTime,
    taken: &mut Vec<Delivered<M>>,
    last: &Range<usize>,
    take: &mut Take,
) {
    if batch.take_as_before() {
        (take.taken, take.more) = (last.clone(), More::No);
        return;
    }
    take.taken = taken.len()..taken.len();
    for delivery in batch {
        taken.push(Delivered::keep(delivery, origin));
        take.taken.end = taken.len();
    }
}

/// Looks whether there really is more, behind the batches.
fn look_for_more<M: Message>(hub: &Hub<M>, takes: &mut [Take]) {
    for take in takes {
        if take.more == More::Perhaps && !hub.wants_batch(take.place.id) {
            take.more = More::No;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tidewire_hub::{Config, ConnectionId, Incarnation, PublishOptions, Start, SubscriberId, TopicName};

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
            let mut take = Take::new(0, Place { shard: 0, id });
            keep(batches.of(id), SystemTime::UNIX_EPOCH, &mut taken, &last, &mut take);
            ranges.push(take.taken);
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
