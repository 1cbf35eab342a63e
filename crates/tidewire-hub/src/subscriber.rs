//! Subscribers and their subscriptions: what one costs while it waits or lags.

use alloc::boxed::Box;

use crate::cohort::Cohort;
use crate::gap::PendingGap;
use crate::inbox::Inbox;
use crate::links::Node;
use crate::names::ConnectionId;
use crate::policy::PolicyKey;

/// Names a subscriber while it is connected; never names another afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriberId {
    pub(crate) index: u32,
    /// Counts the subscribers of this hub, so that a place taken again has another id.
    pub(crate) serial: u64,
}

impl SubscriberId {
    /// The subscriber's place among those connected: below the number that were ever connected at once, and
    /// taken again after it left. For a caller that keeps a table of its own beside the hub.
    #[must_use]
    pub const fn index(self) -> usize {
        self.index as usize
    }
}

/// Whether the caller has yet to take what [`Hub::poll_ready`](crate::Hub::poll_ready) announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attention {
    /// Nothing is announced: what comes next is worth a wake-up.
    Idle,
    /// Announced and not yet taken.
    Announced,
    /// Told to go: nothing comes any more.
    Dismissed,
}

/// What a subscriber's next batch begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum First {
    /// What is in its inbox.
    Inbox,
    /// One message of a topic: the batch before gave what was in the inbox, and had no room for a topic.
    Topic,
}

/// Whether a subscription is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// It is.
    Open,
    /// Its subscriber wants nothing of it for now. It is in no list.
    Paused,
}

/// One subscriber.
#[derive(Debug)]
pub(crate) struct Subscriber<M> {
    pub(crate) connection: ConnectionId,
    pub(crate) serial: u64,
    pub(crate) topics: u32,
    pub(crate) attention: Attention,
    pub(crate) first: First,
    pub(crate) cohort: Option<Cohort>,
    /// While something is in it.
    pub(crate) inbox: Option<Box<Inbox<M>>>,
}

/// One subscriber's cursor on one topic.
///
/// It is in one of three lists: its topic's waiting ones exactly when it is caught up, the hub's ready ones
/// (of those of its subscriber's cohort)
/// until `poll_ready` or a batch comes by, its subscriber's ring while there is something to take.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) topic: u32,
    pub(crate) subscriber: u32,
    /// Everything up to here was handed out, skipped, or is told as lost.
    pub(crate) offset: u64,
    /// The newest message when it was made: what is ephemeral up to here is skipped.
    pub(crate) live_from: u64,
    pub(crate) gap: Option<Box<PendingGap>>,
    pub(crate) policy: PolicyKey,
    pub(crate) flow: Flow,
    /// The list of those of its topic and its subscriber's cohort that are caught up.
    pub(crate) waits: Node,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two sets of lists go through each subscription and subscriber, at two `u32` each.
    const LINKS_BYTES: usize = 16;
    /// A slab marks a vacant place with at most one word.
    const SLAB_BYTES: usize = 8;

    #[test]
    fn the_records_stay_small() {
        let subscription = size_of::<Subscription>() + SLAB_BYTES + LINKS_BYTES;
        assert!(subscription <= 64, "{subscription}");
        // A third set goes through the subscribers that were sent something.
        let subscriber = size_of::<Subscriber<()>>() + SLAB_BYTES + LINKS_BYTES + LINKS_BYTES / 2;
        assert!(subscriber <= 64, "{subscriber}");
        assert_eq!(size_of::<SubscriberId>(), 16);
    }
}
