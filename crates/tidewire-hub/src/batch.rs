//! A batch: what one subscriber takes at a time, in fair turns of its topics, lent by their logs.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use slab::Slab;

use crate::delivery::{Delivery, Lent};
use crate::entry::Entry;
use crate::filter::Filter;
use crate::gap::{Gap, GapReason};
use crate::hub::{READY, of_subscriber, waiting};
use crate::inbox::CALLED;
use crate::links::{Links, Node};
use crate::message::ENTRY_OVERHEAD_BYTES;
use crate::policy::{Dismissal, OnLag, Policies, PolicyKey};
use crate::position::Position;
use crate::subscriber::{Attention, Flow, Subscriber, SubscriberId, Subscription};
use crate::topic::{Topic, Topics};

/// What one batch may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Messages and gaps.
    pub max_messages: usize,
    /// Bytes of the messages as [`Message::len_bytes`](crate::Message::len_bytes) counts them. The first message is
    /// taken whatever its length, the others only if they fit.
    pub max_bytes: usize,
}

impl Budget {
    /// One message or gap, of any length.
    pub const ONE: Self = Self { max_messages: 1, max_bytes: usize::MAX };
}

impl Default for Budget {
    /// 256 messages, 64 KiB.
    fn default() -> Self {
        Self { max_messages: 256, max_bytes: 64 * 1024 }
    }
}

/// What one topic may give before another of the subscriber's topics has its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quantum {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}

/// Messages and gaps for one subscriber, from [`Hub::batch`](crate::Hub::batch) or
/// [`Hub::ready_batches`](crate::Hub::ready_batches).
///
/// The subscriber's cursors move past what [`Iterator::next`] has given and no further: what was left in a batch that
/// is dropped half-way comes with the next one. (It is to be dropped: after a `mem::forget` the topic whose turn it was
/// may never be heard of again.)
#[must_use = "a batch takes nothing unless it is iterated over"]
pub struct Batch<'a, M> {
    parts: Parts<'a, M>,
    /// Whose it is; `None` when that one has left.
    reader: Option<SubscriberId>,
    turn: Option<Turn<'a, M>>,
    inbox: Ring,
    ring: Ring,
    run: Option<Run>,
    left: Budget,
    /// What `left` was in the beginning.
    budget: Budget,
    quantum: Quantum,
}

/// What may be there for the reader: in its inbox, or of subscriptions other than the one whose turn it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ring {
    /// Nothing, so that it need not be looked at.
    Empty,
    /// A look tells.
    Unknown,
}

/// The first of those that were ready, up to `last`: they had their batches and are caught up on one topic. They go
/// back to that topic's waiting ones together, so that a wave of batches costs one splice and not one move each.
#[derive(Clone, Copy)]
struct Run {
    topic: u32,
    last: Node,
}

/// What of a hub a batch works on.
pub(crate) struct Parts<'a, M> {
    pub(crate) topics: &'a Topics<M>,
    pub(crate) subscribers: &'a mut Slab<Subscriber<M>>,
    pub(crate) calls: &'a mut Links,
    pub(crate) inboxes_len_bytes: &'a mut usize,
    pub(crate) subscriptions: &'a mut Slab<Subscription>,
    pub(crate) turns: &'a mut Links,
    pub(crate) siblings: &'a Links,
    pub(crate) policies: &'a Policies,
    pub(crate) now: Duration,
}

impl<M> Parts<'_, M> {
    /// How a subscription's reader sees its topic.
    #[inline]
    fn filter(&self, subscription: &Subscription) -> Filter {
        Filter {
            connection: self.subscribers[subscription.subscriber as usize].connection,
            live_from: subscription.live_from,
            now: self.now,
            reads: self.policies[subscription.policy].reads,
        }
    }

    /// What a subscription has to be told before it goes on, and after which offset it does.
    #[cold]
    fn entrance(&self, key: u32) -> (Before, u64) {
        let subscription = &self.subscriptions[key as usize];
        let log = &self.topics[subscription.topic].log;
        let policy = &self.policies[subscription.policy];
        let filter = self.filter(subscription);
        let earliest = log.before_earliest();
        if subscription.gap.is_some() {
            return (Before::PendingGap, earliest);
        }
        let lost = subscription.offset < log.lost(policy.reads);
        let offset = subscription.offset.max(earliest);
        let exceeded = policy.is_exceeded(log, offset, subscription.live_from);
        if !lost && !exceeded {
            return (Before::Nothing, offset);
        }
        let slow = exceeded || subscription.has_lost_live(log, policy.reads);
        if slow && policy.on_lag == OnLag::Disconnect {
            return (Before::Dismissal, offset);
        }
        let on = if slow { policy.goes_on_after(log).max(offset) } else { earliest };
        if lost {
            return (Before::Gap(GapReason::Evicted), on);
        }
        // What is passed over may be what it would have skipped.
        let missed = log.has_for(&filter, offset, on);
        (if missed { Before::Gap(GapReason::Lagged) } else { Before::Nothing }, on)
    }

    /// Looks after those subscriptions of a subscriber that `poll_ready` has yet to see, for when no other has anything:
    /// so that an empty batch means that nothing is left. Answers whether there is something.
    #[cold]
    fn gather(&mut self, subscriber: u32) -> bool {
        if self.turns.is_alone(READY) {
            return false;
        }
        let mut next = self.siblings.next(of_subscriber(subscriber));
        while let Some(key) = next {
            next = self.siblings.next(Node::element(key));
            if self.subscriptions[key as usize].flow == Flow::Open {
                self.take_place(key);
            }
        }
        !self.turns.is_alone(of_subscriber(subscriber))
    }

    /// Moves a cursor over the messages next to it that its reader skips, and puts the subscription where it belongs:
    /// the end of its topic's waiting ones when it is caught up, else the end of its subscriber's ring.
    pub(crate) fn take_place(&mut self, key: u32) {
        let subscription = &mut self.subscriptions[key as usize];
        let log = &self.topics[subscription.topic].log;
        let filter = Filter {
            connection: self.subscribers[subscription.subscriber as usize].connection,
            live_from: subscription.live_from,
            now: self.now,
            reads: self.policies[subscription.policy].reads,
        };
        // One that has a gap to tell, or lags behind one, stays: the gap decides where it goes on.
        if subscription.gap.is_none() && subscription.offset >= log.lost(filter.reads) {
            subscription.offset = log.pass_skipped(subscription.offset, &filter);
        }
        let caught_up = subscription.gap.is_none() && subscription.offset == log.head();
        let place =
            if caught_up { waiting(subscription.topic) } else { of_subscriber(subscription.subscriber) };
        self.turns.move_back(place, Node::element(key));
    }
}

/// The topic whose turn it is.
struct Turn<'a, M> {
    subscription: u32,
    seat: Seat,
    before: Before,
    filter: Filter,
    topic: &'a Topic<M>,
    entries: &'a VecDeque<Entry<M>>,
    /// The place among the entries of the one behind the cursor.
    next: usize,
    /// Everything up to here was handed out or skipped.
    offset: u64,
    left: Quantum,
}

/// Where the subscription is while its turn lasts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seat {
    /// Still the first of those that are ready, behind the run.
    Ready,
    /// In no list.
    None,
}

/// What comes before the messages of a turn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    /// The gap that was found when the subscription was made.
    PendingGap,
    /// A gap up to where the turn goes on.
    Gap(GapReason),
    /// The subscriber is to go.
    Dismissal,
}

impl<'a, M> Turn<'a, M> {
    /// The next entry that is not skipped; the cursor stands before it, or at the head when there is none.
    #[inline]
    fn peek(&mut self) -> Option<&'a Entry<M>> {
        while let Some(entry) = self.entries.get(self.next) {
            if !self.filter.skips(entry, entry.offset) {
                return Some(entry);
            }
            self.pass(entry);
        }
        self.offset = self.topic.log.head();
        None
    }

    /// Moves the cursor over the entry next to it.
    #[inline]
    fn pass(&mut self, entry: &Entry<M>) {
        self.next += 1;
        self.offset = entry.offset;
    }
}

impl<'a, M> Batch<'a, M> {
    #[inline]
    pub(crate) fn new(
        parts: Parts<'a, M>,
        reader: Option<SubscriberId>,
        budget: Budget,
        quantum: Quantum,
    ) -> Self {
        Self {
            parts,
            reader,
            turn: None,
            inbox: Ring::Unknown,
            ring: Ring::Unknown,
            run: None,
            left: budget,
            budget,
            quantum,
        }
    }

    /// Whose it is; `None` when that one has left, and then the batch is empty.
    #[must_use]
    pub fn subscriber(&self) -> Option<SubscriberId> {
        self.reader
    }

    /// Begins the turn of a subscription of the reader's.
    #[inline]
    fn begin_turn(&mut self, key: u32, seat: Seat) {
        let subscription = &self.parts.subscriptions[key as usize];
        let topic = &self.parts.topics[subscription.topic];
        let policy = &self.parts.policies[subscription.policy];
        let earliest = topic.log.before_earliest();
        let (mut before, mut offset) = (Before::Nothing, subscription.offset.max(earliest));
        if subscription.gap.is_some()
            || subscription.offset < topic.log.lost(policy.reads)
            || subscription.policy != PolicyKey::DEFAULT
        {
            (before, offset) = self.parts.entrance(key);
        }
        let (entries, next) = topic.log.after(offset);
        let connection = self.parts.subscribers[subscription.subscriber as usize].connection;
        self.turn = Some(Turn {
            subscription: key,
            seat,
            before,
            filter: Filter {
                connection,
                live_from: subscription.live_from,
                now: self.parts.now,
                reads: policy.reads,
            },
            topic,
            entries,
            next,
            offset,
            left: self.quantum,
        });
    }

    /// Writes the cursor back and gives the subscription its place: the end of its topic's waiting ones when it is
    /// caught up, else the end of its subscriber's ring.
    #[inline]
    fn end_turn(&mut self) {
        let Some(turn) = &mut self.turn else { return };
        let (node, seat) = (Node::element(turn.subscription), turn.seat);
        let subscription = &mut self.parts.subscriptions[turn.subscription as usize];
        if self.parts.subscribers[subscription.subscriber as usize].attention == Attention::Dismissed {
            // The cursor stays, and nothing is handed out any more.
            self.turn = None;
            self.parts.turns.unlink(node);
            return;
        }
        // What is skipped anyway must not look like something to come back for.
        let caught_up = turn.before == Before::Nothing && turn.peek().is_none();
        let gave_nothing = turn.left == self.quantum;
        if turn.before == Before::Nothing {
            subscription.offset = turn.offset;
        }
        self.turn = None;
        if !caught_up {
            self.ring = Ring::Unknown;
            let ring = of_subscriber(subscription.subscriber);
            if gave_nothing {
                // It had no room: the next batch begins with it, where it is taken whatever its length.
                self.parts.turns.move_front(ring, node);
            } else {
                self.parts.turns.move_back(ring, node);
            }
            return;
        }
        let topic = subscription.topic;
        match seat {
            Seat::None => self.parts.turns.push_back(waiting(topic), node),
            Seat::Ready => {
                if self.run.is_some_and(|run| run.topic != topic) {
                    self.end_run();
                }
                self.run = Some(Run { topic, last: node });
            }
        }
    }

    fn end_run(&mut self) {
        if let Some(Run { topic, last }) = self.run.take() {
            self.parts.turns.splice_up_to(READY, last, waiting(topic));
        }
    }

    /// What comes before the messages of a turn. The cursor moves behind a gap.
    #[cold]
    fn preface(&mut self) -> Option<Delivery<'a, M>> {
        let turn = self.turn.as_mut()?;
        let subscription = &mut self.parts.subscriptions[turn.subscription as usize];
        let before = core::mem::replace(&mut turn.before, Before::Nothing);
        let stood_at = turn.topic.at(subscription.offset);
        let pending = subscription.gap.take();
        let (reason, from) = match (before, pending) {
            (Before::Nothing, _) | (Before::PendingGap, None) => return None,
            (Before::PendingGap, Some(gap)) => (gap.reason, gap.from),
            (Before::Gap(reason), _) => (reason, Some(stood_at)),
            (Before::Dismissal, _) => {
                self.parts.subscribers[subscription.subscriber as usize].attention = Attention::Dismissed;
                self.left.max_messages = 0;
                return Some(Delivery::Dismissed(Box::new(dismissal(turn.topic, stood_at))));
            }
        };
        subscription.offset = turn.offset;
        let to = turn.topic.at(turn.offset);
        Some(Delivery::Gap(Box::new(Gap { topic: turn.topic.name.clone(), reason, from, to })))
    }

    /// The gaps of these subscriptions of the reader's. One that is to be dismissed hears of that in its next batch.
    pub(crate) fn take_gaps(mut self, keys: &[u32]) -> Vec<Gap> {
        let mut gaps = Vec::new();
        for key in keys {
            if self.parts.subscriptions[*key as usize].flow == Flow::Paused {
                continue;
            }
            self.parts.turns.unlink(Node::element(*key));
            self.begin_turn(*key, Seat::None);
            let is_gap = self.turn.as_ref().is_some_and(|turn| turn.before != Before::Dismissal);
            if let Some(Delivery::Gap(gap)) = is_gap.then(|| self.preface()).flatten() {
                gaps.push(*gap);
            }
            self.end_turn();
        }
        self.ring = Ring::Unknown;
        gaps
    }

    /// The next of the topic whose turn it is; `None` when its turn is over, or nothing fits any more.
    #[inline]
    fn next_of_turn(&mut self) -> Option<Delivery<'a, M>> {
        let turn = self.turn.as_mut()?;
        if turn.before != Before::Nothing {
            self.left.max_messages -= 1;
            return self.preface();
        }
        if turn.left.messages == 0 {
            return None;
        }
        let entry = turn.peek()?;
        let len_bytes = entry.len_bytes as usize;
        if len_bytes > self.left.max_bytes && self.left.max_messages < self.budget.max_messages {
            self.left.max_messages = 0;
            return None;
        }
        turn.pass(entry);
        turn.left.bytes = turn.left.bytes.saturating_sub(len_bytes);
        turn.left.messages = if turn.left.bytes == 0 { 0 } else { turn.left.messages - 1 };
        self.left.max_bytes = self.left.max_bytes.saturating_sub(len_bytes);
        self.left.max_messages -= 1;
        Some(Delivery::Message(Lent::new(turn.topic, entry, turn.offset)))
    }

    /// The next of the inbox, if it fits.
    #[cold]
    fn next_direct(&mut self) -> Option<Box<M>> {
        let subscriber = &mut self.parts.subscribers[self.reader?.index as usize];
        let inbox = subscriber.inbox.as_mut()?;
        let len_bytes = inbox.next_cost()?.saturating_sub(ENTRY_OVERHEAD_BYTES);
        if len_bytes > self.left.max_bytes && self.left.max_messages < self.budget.max_messages {
            self.left.max_messages = 0;
            return None;
        }
        let (message, cost) = inbox.pop()?;
        if inbox.is_empty() {
            subscriber.inbox = None;
        }
        *self.parts.inboxes_len_bytes -= cost;
        self.left.max_bytes = self.left.max_bytes.saturating_sub(len_bytes);
        self.left.max_messages -= 1;
        Some(message)
    }

    /// Ends the batch: its turn, and what its reader wants.
    #[inline]
    fn finish(&mut self) {
        self.end_turn();
        let Some(reader) = self.reader.take() else { return };
        let subscriber = &mut self.parts.subscribers[reader.index as usize];
        let attention = &mut subscriber.attention;
        if *attention == Attention::Dismissed {
            return;
        }
        if self.ring == Ring::Empty {
            // Idle as before: who is announced has something in the ring.
            return;
        }
        // Whoever has taken its inbox is called no more, and whoever has not is announced.
        self.parts.calls.unlink(Node::element(reader.index));
        let nothing_left =
            subscriber.inbox.is_none() && self.parts.turns.is_alone(of_subscriber(reader.index));
        *attention = if nothing_left { Attention::Idle } else { Attention::Announced };
    }
}

fn dismissal<M>(topic: &Topic<M>, position: Position) -> Dismissal {
    Dismissal {
        topic: topic.name.clone(),
        position,
        lag_messages: topic.log.head() - position.offset,
        lag_bytes: topic.log.behind(position.offset).bytes as u64,
    }
}

impl<'a, M> Iterator for Batch<'a, M> {
    type Item = Delivery<'a, M>;

    #[inline]
    fn next(&mut self) -> Option<Delivery<'a, M>> {
        while self.left.max_messages > 0 {
            if self.inbox == Ring::Unknown {
                if let Some(message) = self.next_direct() {
                    return Some(Delivery::Direct(message));
                }
                if self.left.max_messages == 0 {
                    break;
                }
                self.inbox = Ring::Empty;
            }
            if let Some(delivery) = self.next_of_turn() {
                return Some(delivery);
            }
            if self.left.max_messages == 0 {
                break;
            }
            self.end_turn();
            if self.ring == Ring::Empty {
                break;
            }
            let reader = self.reader?;
            match self.parts.turns.pop_front(of_subscriber(reader.index)) {
                Some(key) => self.begin_turn(key, Seat::None),
                None if self.left == self.budget && self.parts.gather(reader.index) => {}
                None => break,
            }
        }
        None
    }
}

impl<M> Drop for Batch<'_, M> {
    #[inline]
    fn drop(&mut self) {
        self.finish();
        self.end_run();
    }
}

impl<M> fmt::Debug for Batch<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("subscriber", &self.reader)
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

/// One batch after another for those who are ready, from [`Hub::ready_batches`](crate::Hub::ready_batches).
#[must_use = "nobody is given anything unless it is asked for batches"]
pub struct ReadyBatches<'a, M> {
    batch: Batch<'a, M>,
}

impl<'a, M> ReadyBatches<'a, M> {
    pub(crate) fn new(parts: Parts<'a, M>, budget: Budget, quantum: Quantum) -> Self {
        Self { batch: Batch::new(parts, None, budget, quantum) }
    }

    /// The batch of the next subscriber that became ready, in the order of becoming so; `None` when nobody is left.
    /// The one before has ended then, as if it were dropped. A batch may be empty, when all that is there is skipped.
    ///
    /// (It is lent, and so this is no [`Iterator`].)
    #[expect(clippy::should_implement_trait, reason = "what it gives is lent by itself")]
    #[inline]
    pub fn next(&mut self) -> Option<&mut Batch<'a, M>> {
        let batch = &mut self.batch;
        batch.finish();
        batch.left = batch.budget;
        while let Some(index) = batch.parts.calls.pop_front(CALLED) {
            let subscriber = &mut batch.parts.subscribers[index as usize];
            if subscriber.attention == Attention::Idle {
                batch.reader = Some(SubscriberId { index, serial: subscriber.serial });
                (batch.inbox, batch.ring) = (Ring::Unknown, Ring::Unknown);
                return Some(batch);
            }
        }
        batch.inbox = Ring::Empty;
        loop {
            let done = batch.run.map_or(READY, |run| run.last);
            let key = batch.parts.turns.next(done)?;
            let index = batch.parts.subscriptions[key as usize].subscriber;
            let subscriber = &mut batch.parts.subscribers[index as usize];
            if subscriber.attention == Attention::Idle {
                batch.reader = Some(SubscriberId { index, serial: subscriber.serial });
                batch.ring = Ring::Empty;
                batch.begin_turn(key, Seat::Ready);
                return Some(batch);
            }
            // Announced and not yet taken.
            batch.parts.turns.unlink(Node::element(key));
            batch.parts.take_place(key);
        }
    }
}

impl<M> fmt::Debug for ReadyBatches<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadyBatches").finish_non_exhaustive()
    }
}
