//! What of a hub delivery works on, and where a subscription belongs and goes on.

use core::time::Duration;

use slab::Slab;

use super::turn::Before;
use crate::filter::Filter;
use crate::gap::GapReason;
use crate::hub::{READY, of_subscriber, waiting};
use crate::links::{Links, Node};
use crate::policy::{OnLag, Policies};
use crate::subscriber::{Attention, Flow, Subscriber, Subscription};
use crate::topic::Topics;

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
    pub(super) fn filter(&self, subscription: &Subscription) -> Filter {
        Filter {
            connection: self.subscribers[subscription.subscriber as usize].connection,
            live_from: subscription.live_from,
            now: self.now,
            reads: self.policies[subscription.policy].reads,
        }
    }

    /// What a subscription has to be told before it goes on, and after which offset it does.
    #[cold]
    pub(super) fn entrance(&self, key: u32, _looks: &mut usize) -> (Before, u64) {
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

    /// Looks after those subscriptions of a subscriber that `poll_ready` has yet to see, for when no other
    /// has anything: so that an empty batch means that nothing is left. Answers whether there is something.
    #[cold]
    pub(super) fn gather(&mut self, subscriber: u32, looks: &mut usize) -> bool {
        if self.turns.is_alone(READY) {
            return false;
        }
        let mut next = self.siblings.next(of_subscriber(subscriber));
        while let Some(key) = next {
            next = self.siblings.next(Node::element(key));
            if self.subscriptions[key as usize].flow == Flow::Open {
                self.take_place(key, looks);
            }
        }
        let found = !self.turns.is_alone(of_subscriber(subscriber));
        if found {
            // Whatever becomes of the batch, the ring is somebody's to come back for.
            self.subscribers[subscriber as usize].attention = Attention::Announced;
        }
        found
    }

    /// Moves a cursor over the messages next to it that its reader skips, and puts the subscription where it
    /// belongs: the end of its topic's waiting ones when it is caught up, else the end of its subscriber's
    /// ring. Where the looks are used up, it counts as one that has something.
    pub(crate) fn take_place(&mut self, key: u32, looks: &mut usize) {
        let subscription = &self.subscriptions[key as usize];
        let log = &self.topics[subscription.topic].log;
        let filter = self.filter(subscription);
        let subscription = &mut self.subscriptions[key as usize];
        // One that has a gap to tell, or lags behind one, stays: the gap decides where it goes on.
        if subscription.gap.is_none() && subscription.offset >= log.lost(filter.reads) {
            subscription.offset = log.pass_skipped(subscription.offset, &filter, looks);
        }
        let caught_up = subscription.gap.is_none() && subscription.offset == log.head();
        let place =
            if caught_up { waiting(subscription.topic) } else { of_subscriber(subscription.subscriber) };
        self.turns.move_back(place, Node::element(key));
    }
}
