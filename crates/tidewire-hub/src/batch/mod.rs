//! A batch: what one subscriber takes at a time, in fair turns of its topics, lent by their logs.

mod budget;
mod direct;
mod gaps;
mod named;
mod parts;
mod turn;
mod wave;
mod whole;

use core::fmt;

pub use budget::Budget;
pub(crate) use budget::Quantum;
pub use named::Batches;
pub(crate) use parts::Parts;
pub use wave::{CohortBatches, ReadyBatches};

use crate::delivery::{Delivery, Lent};
use crate::hub::{READY, of_subscriber};
use crate::links::Node;
use crate::subscriber::{Attention, First, SubscriberId};
use turn::{Before, Notice, Seat, Turn};
use wave::Run;
use whole::{Likeness, Whole};

/// How many messages one call looks at, at most, for readers who are not handed them.
///
/// A [`Hub::batch`](crate::Hub::batch) ends when they are used up, and the subscriber is to be come back
/// for, as
/// [`Hub::wants_batch`](crate::Hub::wants_batch) tells. [`Hub::poll_ready`](crate::Hub::poll_ready) names who
/// has more of them next to it, and who may find nothing.
pub const MAX_LOOKS: usize = 1024;

/// Messages and gaps for one subscriber, from [`Hub::batch`](crate::Hub::batch) or
/// [`Hub::ready_batches`](crate::Hub::ready_batches).
///
/// The subscriber's cursors move past what [`Iterator::next`] has given and no further: what was left in a
/// batch that is dropped half-way comes with the next one. (A batch that is given to `mem::forget` loses
/// nothing either: what it gave in the last turn of a topic comes again.)
#[must_use = "a batch takes nothing unless it is iterated over"]
pub struct Batch<'a, M> {
    parts: Parts<'a, M>,
    /// The place of the one whose it is; `None` when that one has left.
    reader: Option<u32>,
    /// All that there is, where it is what others get as well; then there are no turns.
    whole: Option<Whole<'a, M>>,
    turn: Option<Turn<'a, M>>,
    /// What the next batch is to begin with, if this one ends here.
    first: First,
    inbox: InboxTurn,
    ring: Ring,
    /// The list that the run is in front of.
    ready: Node,
    run: Option<Run>,
    left: Budget,
    /// How many messages may be looked at yet of those that are skipped.
    pub(crate) looks: usize,
    /// What `left` was in the beginning.
    budget: Budget,
    quantum: Quantum,
}

/// When the reader's inbox is looked into.
#[derive(Clone, Copy, PartialEq, Eq)]
enum InboxTurn {
    /// Next.
    Next,
    /// Once a topic has given a message, or none has any.
    Later,
    /// No more: it is empty.
    Over,
}

impl From<First> for InboxTurn {
    fn from(first: First) -> Self {
        match first {
            First::Inbox => Self::Next,
            First::Topic => Self::Later,
        }
    }
}

/// Whether subscriptions of the reader's have something, other than the one whose turn it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ring {
    /// Nothing, so that it need not be looked at.
    Empty,
    /// A look tells.
    Unknown,
}

impl<'a, M> Batch<'a, M> {
    #[inline]
    pub(crate) fn new(
        parts: Parts<'a, M>,
        reader: Option<SubscriberId>,
        budget: Budget,
        quantum: Quantum,
    ) -> Self {
        let budget = budget.normalized();
        let first = reader.map_or(First::Inbox, |id| parts.subscribers[id.index as usize].first);
        Self {
            parts,
            reader: reader.map(|id| id.index),
            whole: None,
            turn: None,
            first,
            inbox: InboxTurn::from(first),
            ring: Ring::Unknown,
            ready: READY,
            run: None,
            left: budget,
            looks: MAX_LOOKS,
            budget,
            quantum,
        }
    }

    /// Whose it is; `None` when that one has left or was told to go, and then the batch is empty.
    #[must_use]
    pub fn subscriber(&self) -> Option<SubscriberId> {
        let index = self.reader?;
        Some(SubscriberId { index, serial: self.parts.subscribers[index as usize].serial })
    }

    /// Whether this batch, of many that were asked for together, is the same as the one before, message for message. Then all
    /// of it is taken by this. Not once some of it was taken. For who keeps what is lent: once for all who get it.
    #[must_use = "what is taken does not come again"]
    #[inline]
    pub fn take_as_before(&mut self) -> bool {
        match &mut self.whole {
            Some(whole) if whole.likeness == Likeness::AsBefore => {
                whole.left = &[];
                true
            }
            Some(_) | None => false,
        }
    }

    /// Begins the turn of a subscription of the reader's.
    #[inline]
    fn begin_turn(&mut self, key: u32, seat: Seat) {
        self.turn = Some(Turn::new(&self.parts, key, seat, self.quantum, &mut self.looks));
    }

    /// Writes the cursor back and gives the subscription its place: the end of its topic's waiting ones when
    /// it is caught up, else the end of its subscriber's ring.
    #[inline]
    fn end_turn(&mut self) {
        let Some(mut turn) = self.turn.take() else { return };
        let (node, seat) = (Node::element(turn.subscription), turn.seat);
        let subscription = &mut self.parts.subscriptions[turn.subscription as usize];
        let attention = &mut self.parts.subscribers[subscription.subscriber as usize].attention;
        if *attention == Attention::Dismissed {
            // The cursor stays, and nothing is handed out any more.
            self.parts.turns.unlink(node);
            return;
        }
        // What is skipped anyway must not look like something to come back for.
        let caught_up = turn.before == Before::Nothing && turn.is_caught_up(&mut self.looks);
        // One that took all the looks has had its turn.
        let had_no_room = turn.left == self.quantum && self.looks > 0;
        if turn.before == Before::Nothing {
            subscription.offset = turn.offset;
        }
        if !caught_up {
            self.ring = Ring::Unknown;
            // Whatever becomes of the batch, the ring is somebody's to come back for.
            *attention = Attention::Announced;
            let ring = of_subscriber(subscription.subscriber);
            if had_no_room {
                // The next batch begins with it, where it is taken whatever its length.
                self.parts.turns.move_front(ring, node);
            } else {
                self.parts.turns.move_back(ring, node);
            }
            return;
        }
        let waits = subscription.waits;
        match seat {
            Seat::Ring => self.parts.turns.move_back(waits, node),
            Seat::Ready => self.extend_run(waits, node),
        }
    }

    /// Ends a turn that gives all that there is, as far as it was taken.
    #[inline]
    fn end_whole(&mut self, key: u32, seat: Seat, offset: u64, caught_up: bool) {
        let node = Node::element(key);
        let subscription = &mut self.parts.subscriptions[key as usize];
        subscription.offset = offset;
        let (waits, index) = (subscription.waits, subscription.subscriber);
        let attention = &mut self.parts.subscribers[index as usize].attention;
        match (seat, caught_up) {
            (Seat::Ready, true) => self.extend_run(waits, node),
            (Seat::Ready, false) => {
                *attention = Attention::Announced;
                self.parts.turns.move_back(of_subscriber(index), node);
            }
            // It is the only one in the ring.
            (Seat::Ring, true) => {
                *attention = Attention::Idle;
                self.parts.turns.move_back(waits, node);
            }
            (Seat::Ring, false) => *attention = Attention::Announced,
        }
    }

    /// What comes before the messages of a turn.
    #[cold]
    fn preface(&mut self) -> Option<Delivery<'a, M>> {
        match self.turn.as_mut()?.take_notice(&mut self.parts)? {
            Notice::Gap(gap) => Some(Delivery::Gap(gap)),
            Notice::Dismissed(dismissal) => {
                self.parts.subscribers[self.reader? as usize].attention = Attention::Dismissed;
                self.left.max_messages = 0;
                Some(Delivery::Dismissed(dismissal))
            }
        }
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
        let entry = turn.peek(&mut self.looks)?;
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
        Some(Delivery::Message(Lent::new(turn.topic, entry)))
    }

    /// The next of the inbox, or of the topics in their turns.
    #[inline]
    fn next_in_turns(&mut self) -> Option<Delivery<'a, M>> {
        while self.left.max_messages > 0 {
            if self.inbox == InboxTurn::Next {
                if let Some(message) = self.next_direct() {
                    return Some(Delivery::Direct(message));
                }
                if self.left.max_messages == 0 {
                    break;
                }
                self.inbox = InboxTurn::Over;
            }
            if let Some(delivery) = self.next_of_turn() {
                if self.first == First::Topic {
                    self.a_topic_gave();
                }
                return Some(delivery);
            }
            let goes_on = self.left.max_messages > 0 && self.looks > 0 && self.next_turn();
            if !goes_on && !self.falls_to_the_inbox() {
                break;
            }
        }
        None
    }

    /// The turn of the next topic, if there is one.
    #[inline]
    fn next_turn(&mut self) -> bool {
        self.end_turn();
        let Some(reader) = self.reader else { return false };
        if self.ring == Ring::Empty {
            return false;
        }
        let no_topic_gave = self.first == First::Topic || self.left == self.budget;
        match self.parts.turns.next(of_subscriber(reader)) {
            Some(key) => self.begin_turn(key, Seat::Ring),
            None => return no_topic_gave && self.parts.gather(reader, &mut self.looks),
        }
        true
    }

    /// Ends the batch: its turn, and what its reader wants.
    #[inline]
    fn finish(&mut self) {
        if let Some(whole) = &self.whole {
            let (key, seat) = (whole.subscription, whole.seat);
            let (offset, caught_up) = (whole.offset(), whole.left.is_empty());
            (self.whole, self.reader) = (None, None);
            self.end_whole(key, seat, offset, caught_up);
        } else {
            self.finish_turns();
        }
    }

    fn finish_turns(&mut self) {
        self.end_turn();
        let Some(reader) = self.reader.take() else { return };
        let subscriber = &mut self.parts.subscribers[reader as usize];
        let attention = &mut subscriber.attention;
        if *attention == Attention::Dismissed {
            return;
        }
        if self.ring == Ring::Empty {
            // Idle as before: who is announced has something in the ring.
            return;
        }
        // Whoever has taken its inbox is called no more, and whoever has not is announced.
        self.parts.calls.unlink(Node::element(reader));
        let nothing_left = subscriber.inbox.is_none() && self.parts.turns.is_alone(of_subscriber(reader));
        *attention = if nothing_left { Attention::Idle } else { Attention::Announced };
        let topics_have_nothing = self.parts.turns.is_alone(of_subscriber(reader));
        subscriber.first = if topics_have_nothing { First::Inbox } else { self.first };
    }
}

impl<'a, M> Iterator for Batch<'a, M> {
    type Item = Delivery<'a, M>;

    #[inline]
    fn next(&mut self) -> Option<Delivery<'a, M>> {
        let Some(whole) = &mut self.whole else { return self.next_in_turns() };
        let entry = whole.take()?;
        whole.likeness = Likeness::Unknown;
        Some(Delivery::Message(Lent::new(whole.topic, entry)))
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
        f.debug_struct("Batch").field("subscriber", &self.subscriber()).finish_non_exhaustive()
    }
}
