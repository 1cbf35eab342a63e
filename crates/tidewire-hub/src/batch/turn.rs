//! A turn: what one topic of a subscriber gives before another does.

use alloc::boxed::Box;
use alloc::collections::VecDeque;

use super::budget::Quantum;
use super::parts::{Entrance, Parts};
use crate::entry::Entry;
use crate::filter::Filter;
use crate::gap::{Gap, GapReason};
use crate::policy::{Dismissal, PolicyKey};
use crate::position::Position;
use crate::topic::Topic;

/// The topic whose turn it is.
pub(super) struct Turn<'a, M> {
    pub(super) subscription: u32,
    pub(super) seat: Seat,
    pub(super) before: Before,
    /// Where what comes before begins.
    stood_at: u64,
    filter: Filter,
    pub(super) topic: &'a Topic<M>,
    entries: &'a VecDeque<Entry<M>>,
    /// The place among the entries of the one behind the cursor.
    next: usize,
    /// Everything up to here was handed out or skipped.
    pub(super) offset: u64,
    pub(super) left: Quantum,
}

/// Where the subscription stays while its turn lasts: a batch that nobody ends leaves it there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Seat {
    /// The first of those that are ready, behind the run.
    Ready,
    /// The first in its subscriber's ring.
    Ring,
}

/// What comes before the messages of a turn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    Nothing,
    /// The gap that was found when the subscription was made.
    PendingGap,
    /// A gap up to where the turn goes on.
    Gap(GapReason),
    /// The subscriber is to go.
    Dismissal,
}

/// What its reader is told of a topic ahead of its messages.
pub(super) enum Notice {
    Gap(Box<Gap>),
    Dismissed(Box<Dismissal>),
}

impl<'a, M> Turn<'a, M> {
    /// The turn of a subscription.
    #[inline]
    pub(super) fn new(
        parts: &Parts<'a, M>,
        key: u32,
        seat: Seat,
        quantum: Quantum,
        looks: &mut usize,
    ) -> Self {
        let subscription = &parts.subscriptions[key as usize];
        let topic = &parts.topics[subscription.topic];
        let filter = parts.filter(subscription);
        let earliest = topic.log.before_earliest();
        let mut entrance = Entrance {
            before: Before::Nothing,
            stood_at: subscription.offset,
            on: subscription.offset.max(earliest),
        };
        if subscription.gap.is_some()
            || subscription.offset < topic.log.lost(filter.reads)
            || subscription.policy != PolicyKey::DEFAULT
        {
            entrance = parts.entrance(key, looks);
        }
        let Entrance { before, stood_at, on } = entrance;
        let (entries, next) = topic.log.after(on);
        let left = quantum;
        Self { subscription: key, seat, before, stood_at, filter, topic, entries, next, offset: on, left }
    }

    /// The next entry that is not skipped; the cursor stands before it, or at the head when there is none, or
    /// where the looks were used up.
    #[inline]
    pub(super) fn peek(&mut self, looks: &mut usize) -> Option<&'a Entry<M>> {
        while let Some(entry) = self.entries.get(self.next) {
            if !self.filter.skips(entry, entry.offset) {
                return Some(entry);
            }
            *looks = looks.checked_sub(1)?;
            self.pass(entry);
        }
        self.offset = self.topic.log.head();
        None
    }

    /// Whether there is nothing more; not so where it takes more looks to tell.
    #[inline]
    pub(super) fn is_caught_up(&mut self, looks: &mut usize) -> bool {
        self.peek(looks).is_none() && self.offset == self.topic.log.head()
    }

    /// Moves the cursor over the entry next to it.
    #[inline]
    pub(super) fn pass(&mut self, entry: &Entry<M>) {
        self.next += 1;
        self.offset = entry.offset;
    }

    /// What comes before the messages, once. The cursor moves behind a gap.
    #[cold]
    pub(super) fn take_notice(&mut self, parts: &mut Parts<'a, M>) -> Option<Notice> {
        let subscription = &mut parts.subscriptions[self.subscription as usize];
        let before = core::mem::replace(&mut self.before, Before::Nothing);
        let stood_at = self.topic.at(self.stood_at);
        let pending = subscription.gap.take();
        let (reason, from) = match (before, pending) {
            (Before::Nothing, _) | (Before::PendingGap, None) => return None,
            (Before::PendingGap, Some(gap)) => (gap.reason, gap.from),
            (Before::Gap(reason), _) => (reason, Some(stood_at)),
            (Before::Dismissal, _) => {
                subscription.offset = self.stood_at;
                return Some(Notice::Dismissed(Box::new(dismissal(self.topic, stood_at))));
            }
        };
        subscription.offset = self.offset;
        let to = self.topic.at(self.offset);
        Some(Notice::Gap(Box::new(Gap { topic: self.topic.name.clone(), reason, from, to })))
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
