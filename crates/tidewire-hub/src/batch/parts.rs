//! What of a hub delivery works on, and where a subscription belongs and goes on.

use core::time::Duration;

use slab::Slab;

use super::turn::Before;
use crate::cohort::Cohorts;
use crate::filter::Filter;
use crate::gap::GapReason;
use crate::hub::of_subscriber;
use crate::links::{Links, Node};
use crate::policy::{OnLag, Policies};
use crate::subscriber::{Attention, Flow, Subscriber, Subscription};
use crate::topic::Topics;

/// How a subscription goes on.
pub(super) struct Entrance {
    pub(super) before: Before,
    /// Everything up to here was handed out or skipped.
    pub(super) stood_at: u64,
    /// It goes on behind this offset.
    pub(super) on: u64,
}

/// What of a hub a batch works on.
pub(crate) struct Parts<'a, M> {
    pub(crate) topics: &'a Topics<M>,
    pub(crate) subscribers: &'a mut Slab<Subscriber<M>>,
    pub(crate) calls: &'a mut Links,
    pub(crate) cohorts: &'a mut Cohorts,
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

    /// What a subscription has to be told before it goes on, and from where to where it does. What its reader
    /// skips next is passed first; where that takes all the looks there is nothing to tell yet.
    #[cold]
    pub(super) fn entrance(&self, key: u32, looks: &mut usize) -> Entrance {
        let subscription = &self.subscriptions[key as usize];
        let log = &self.topics[subscription.topic].log;
        let policy = &self.policies[subscription.policy];
        let filter = self.filter(subscription);
        let (stood_at, earliest) = (subscription.offset, log.before_earliest());
        if subscription.gap.is_some() {
            return Entrance { before: Before::PendingGap, stood_at, on: earliest };
        }
        if stood_at < log.lost(policy.reads) {
            let slow = subscription.has_lost_live(log, policy.reads)
                || policy.is_exceeded(log, earliest.max(stood_at), &filter, looks);
            return match policy.on_lag {
                OnLag::Disconnect if slow => Entrance { before: Before::Dismissal, stood_at, on: earliest },
                OnLag::Disconnect | OnLag::SkipToLimit | OnLag::SkipToNewest => {
                    let on = if slow { policy.goes_on_after(log).max(stood_at) } else { earliest };
                    Entrance { before: Before::Gap(GapReason::Evicted), stood_at, on }
                }
            };
        }
        let stood_at = log.pass_skipped(stood_at.max(earliest), &filter, looks);
        if *looks == 0 || !policy.is_exceeded(log, stood_at, &filter, looks) {
            return Entrance { before: Before::Nothing, stood_at, on: stood_at };
        }
        if policy.on_lag == OnLag::Disconnect {
            return Entrance { before: Before::Dismissal, stood_at, on: stood_at };
        }
        let on = policy.goes_on_after(log).max(stood_at);
        // What is passed over may be what it would have skipped.
        let missed = log.has_for(&filter, stood_at, on);
        let before = if missed { Before::Gap(GapReason::Lagged) } else { Before::Nothing };
        Entrance { before, stood_at, on }
    }

    /// Looks after those subscriptions of a subscriber that `poll_ready` has yet to see, for when no other
    /// has anything: so that an empty batch means that nothing is left. Answers whether there is something.
    #[cold]
    pub(super) fn gather(&mut self, subscriber: u32, looks: &mut usize) -> bool {
        let cohort = self.subscribers[subscriber as usize].cohort;
        if self.turns.is_alone(self.cohorts.ready(cohort)) {
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
        // Mostly the next message is there, and for everybody: then nothing is moved over.
        if !log.is_for_everybody() || subscription.offset < log.before_earliest() {
            let filter = self.filter(subscription);
            let subscription = &mut self.subscriptions[key as usize];
            // One that has a gap to tell, or lags behind one, stays: the gap decides where it goes on.
            if subscription.gap.is_none() && subscription.offset >= log.lost(filter.reads) {
                subscription.offset = log.pass_skipped(subscription.offset, &filter, looks);
            }
        }
        let subscription = &self.subscriptions[key as usize];
        let caught_up = subscription.gap.is_none() && subscription.offset == log.head();
        let place = if caught_up { subscription.waits } else { of_subscriber(subscription.subscriber) };
        self.turns.move_back(place, Node::element(key));
    }
}
