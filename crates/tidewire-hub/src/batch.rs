//! A batch: what one subscriber takes at a time, in fair turns of its topics, lent by their logs.

use core::fmt;

use slab::Slab;

use crate::delivery::{Delivery, Lent};
use crate::gap::{Gap, GapReason};
use crate::hub::{of_subscriber, waiting};
use crate::links::{Links, Node};
use crate::log::{Entries, Entry};
use crate::message::{ENTRY_OVERHEAD_BYTES, Message};
use crate::names::ConnectionId;
use crate::subscriber::{Attention, Subscriber, Subscription};
use crate::topic::{Topic, Topics};

/// What one batch may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Messages and gaps.
    pub max_messages: usize,
    /// Bytes of the messages as [`Message::len_bytes`] counts them. The first message is taken whatever its length,
    /// the others only if they fit.
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
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quantum {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}

/// Messages and gaps for one subscriber, from [`Hub::batch`](crate::Hub::batch).
///
/// The subscriber's cursors move past what [`Iterator::next`] has given and no further: what was left in a batch that
/// is dropped half-way comes with the next one.
#[must_use = "a batch takes nothing unless it is iterated over"]
pub struct Batch<'a, M> {
    topics: &'a Topics<M>,
    subscriptions: &'a mut Slab<Subscription>,
    turns: &'a mut Links,
    /// Who takes; `None` when it has left.
    reader: Option<Reader<'a>>,
    turn: Option<Turn<'a, M>>,
    left: Budget,
    /// What `left` was in the beginning, in messages.
    max_messages: usize,
    quantum: Quantum,
}

struct Reader<'a> {
    subscriber: &'a mut Subscriber,
    ring: Node,
}

/// The topic whose turn it is.
struct Turn<'a, M> {
    subscription: u32,
    topic: &'a Topic<M>,
    /// What is behind the cursor.
    entries: Entries<'a, M>,
    connection: ConnectionId,
    /// Everything up to here was handed out or skipped.
    offset: u64,
    /// What the log ever took up to `offset`.
    end_bytes: u64,
    left: Quantum,
}

/// Whether a reader is not handed an entry, without that being a loss.
pub(crate) fn skips<M>(entry: &Entry<M>, connection: ConnectionId) -> bool {
    entry.exclude == Some(connection)
}

impl<'a, M> Turn<'a, M> {
    /// The next entry that is not skipped, with what it counts; the cursor stands before it.
    #[inline]
    fn peek(&mut self) -> Option<(&'a Entry<M>, usize)> {
        while let Some(entry) = self.entries.peek() {
            if !skips(entry, self.connection) {
                let cost = (entry.end_bytes - self.end_bytes) as usize;
                return Some((entry, cost.saturating_sub(ENTRY_OVERHEAD_BYTES)));
            }
            self.pass(entry);
        }
        None
    }

    /// Moves the cursor over the entry next to it.
    #[inline]
    fn pass(&mut self, entry: &Entry<M>) {
        self.entries.advance();
        self.offset += 1;
        self.end_bytes = entry.end_bytes;
    }
}

impl<'a, M: Message> Batch<'a, M> {
    pub(crate) fn new(
        topics: &'a Topics<M>,
        subscriptions: &'a mut Slab<Subscription>,
        turns: &'a mut Links,
        taker: Option<(&'a mut Subscriber, u32)>,
        budget: Budget,
        quantum: Quantum,
    ) -> Self {
        let reader = taker.map(|(subscriber, index)| Reader { subscriber, ring: of_subscriber(index) });
        let max_messages = budget.max_messages;
        Self { topics, subscriptions, turns, reader, turn: None, left: budget, max_messages, quantum }
    }

    #[inline]
    fn message(&mut self) -> Option<Lent<'a, M>> {
        let turn = self.turn.as_mut()?;
        if turn.left.messages == 0 {
            return None;
        }
        let (entry, len_bytes) = turn.peek()?;
        if len_bytes > self.left.max_bytes && self.left.max_messages < self.max_messages {
            self.left.max_messages = 0;
            return None;
        }
        turn.pass(entry);
        turn.left.bytes = turn.left.bytes.saturating_sub(len_bytes);
        turn.left.messages = if turn.left.bytes == 0 { 0 } else { turn.left.messages - 1 };
        self.left.max_bytes = self.left.max_bytes.saturating_sub(len_bytes);
        self.left.max_messages -= 1;
        Some(Lent::new(turn.topic, entry, turn.offset))
    }
}

impl<'a, M> Batch<'a, M> {
    /// Begins the turn of the topic whose turn it is, with the gap that it has to tell. `None` when no topic has
    /// anything.
    fn begin_turn(&mut self) -> Option<Option<Gap>> {
        let reader = self.reader.as_ref()?;
        let key = self.turns.next(reader.ring)?;
        let subscription = &mut self.subscriptions[key as usize];
        let topic = &self.topics[subscription.topic];
        let earliest = topic.log.before_earliest();
        let lost = match subscription.gap.take() {
            Some(gap) => Some((gap.reason, gap.from)),
            None if subscription.offset < earliest => {
                Some((GapReason::Evicted, Some(topic.at(subscription.offset))))
            }
            None => None,
        };
        if lost.is_some() {
            subscription.offset = earliest;
        }
        let offset = subscription.offset;
        self.turn = Some(Turn {
            subscription: key,
            topic,
            entries: topic.log.after(offset),
            connection: reader.subscriber.connection,
            offset,
            end_bytes: topic.log.bytes_up_to(offset),
            left: self.quantum,
        });
        Some(lost.map(|(reason, from)| Gap { topic: topic.name.clone(), reason, from, to: topic.at(offset) }))
    }

    /// Writes the cursor back and gives the subscription its place: the end of its topic's waiting ones when it is
    /// caught up, else the end of its subscriber's ring.
    fn end_turn(&mut self) {
        let (Some(mut turn), Some(reader)) = (self.turn.take(), &self.reader) else { return };
        // What is skipped anyway must not look like something to come back for.
        let caught_up = turn.peek().is_none();
        let subscription = &mut self.subscriptions[turn.subscription as usize];
        subscription.offset = turn.offset;
        let place = if caught_up { waiting(subscription.topic) } else { reader.ring };
        self.turns.move_back(place, Node::element(turn.subscription));
    }
}

impl<'a, M: Message> Iterator for Batch<'a, M> {
    type Item = Delivery<'a, M>;

    #[inline]
    fn next(&mut self) -> Option<Delivery<'a, M>> {
        while self.left.max_messages > 0 {
            if let Some(lent) = self.message() {
                return Some(Delivery::Message(lent));
            }
            if self.left.max_messages == 0 {
                break;
            }
            self.end_turn();
            if let Some(gap) = self.begin_turn()? {
                self.left.max_messages -= 1;
                return Some(Delivery::Gap(gap));
            }
        }
        None
    }
}

impl<M> Drop for Batch<'_, M> {
    fn drop(&mut self) {
        self.end_turn();
        if let Some(reader) = &mut self.reader {
            reader.subscriber.attention = match self.turns.is_alone(reader.ring) {
                true => Attention::Idle,
                false => Attention::Announced,
            };
        }
    }
}

impl<M> fmt::Debug for Batch<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("left", &self.left).finish_non_exhaustive()
    }
}
