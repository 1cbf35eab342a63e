//! What becomes of a subscription that does not keep up: limits on its lag, and what happens beyond them.

use alloc::vec::Vec;

use crate::batch::MAX_LOOKS;
use crate::filter::Filter;
use crate::log::{Log, Tally};
use crate::names::TopicName;
use crate::position::Position;
use crate::subscriber::Subscription;

/// How one subscription is served when it does not keep up. Given by value; the hub keeps one copy of each
/// that is used. Start from [`Policy::default`], which has no limits, and set fields.
///
/// ```
/// use tidewire_hub::{OnLag, Policy};
///
/// let mut policy = Policy::default();
/// policy.max_lag_messages = 1_000;
/// policy.on_lag = OnLag::Disconnect;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// Messages that it has yet to take, of those that were published since it subscribed: a replay of
    /// history is no lag, and neither is the newest message alone. What it is not handed, like messages that
    /// exclude its connection, does not count, as far as the first [`MAX_LOOKS`] messages behind it tell.
    /// Default no limit but the log's.
    pub max_lag_messages: u64,
    /// Bytes of these messages, as [`Config::max_bytes`](crate::Config::max_bytes) counts them.
    /// Default no limit but the log's.
    pub max_lag_bytes: u64,
    /// What happens beyond these limits, and when a message that it has yet to take is evicted. (Of one that
    /// is gone nobody knows any more whom it excluded: it counts, for everybody.)
    pub on_lag: OnLag,
    /// Which messages it is handed.
    pub reads: Reads,
}

/// What happens to a subscription whose lag is beyond its limits. It happens when its subscriber comes to
/// take something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnLag {
    /// A gap is told, and it goes on at the earliest message that is held and within the limits, as all
    /// messages count.
    #[default]
    SkipToLimit,
    /// A gap is told, and it goes on at the newest message.
    SkipToNewest,
    /// Its subscriber is told to go, with [`Delivery::Dismissed`](crate::Delivery::Dismissed), and is handed
    /// nothing more. A resume with its cursor gets what is held.
    Disconnect,
}

/// Which messages a subscription is handed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Reads {
    /// Every one.
    #[default]
    Every,
    /// The latest of each key: one that was published with a [key](crate::PublishOptions::key) is skipped,
    /// without a gap, once another is there with that key that lasts as long and is for the same readers.
    ///
    /// So an ephemeral one takes the place of ephemeral ones alone, and one that expires of none that are
    /// kept for good or expire later: who comes later finds the last state that is kept. One that [leaves out
    /// a connection](crate::PublishOptions::exclude) takes the place of those before it that leave out the
    /// same, up to the last that does not. So where senders leave out themselves, a reader gets the last of
    /// each unbroken row of one sender's messages, and no sender gets its own. One that is for all takes the
    /// place of all of these that last no longer, back to the first of them that lasts longer.
    Latest,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            max_lag_messages: u64::MAX,
            max_lag_bytes: u64::MAX,
            on_lag: OnLag::SkipToLimit,
            reads: Reads::Every,
        }
    }
}

/// Why a subscriber is to go: it lags too far behind in a topic whose policy is [`OnLag::Disconnect`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dismissal {
    /// The topic.
    pub topic: TopicName,
    /// Where the subscriber stands in it.
    pub position: Position,
    /// Messages behind the newest, those before its subscription included.
    pub lag_messages: u64,
    /// Bytes of those that are held, as [`Config::max_bytes`](crate::Config::max_bytes) counts them.
    pub lag_bytes: u64,
}

/// The policies in use, each once, with the number of its subscriptions; the first is the default, and always
/// there.
#[derive(Debug)]
pub(crate) struct Policies(Vec<(Policy, u32)>);

/// A policy among those in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PolicyKey(u8);

impl PolicyKey {
    /// That without limits, which reads everything.
    pub(crate) const DEFAULT: Self = Self(0);
}

/// What a key can tell apart.
pub(crate) const MAX_POLICIES: usize = 256;

impl Policies {
    pub(crate) fn new() -> Self {
        Self(alloc::vec![(Policy::default(), 1)])
    }

    /// The key that a policy has, or would have: that of one that nobody has any more, or another; `None`
    /// beyond `max`.
    pub(crate) fn key_of(&self, policy: &Policy, max: usize) -> Option<PolicyKey> {
        let known = self.0.iter().position(|(known, uses)| known == policy && *uses > 0);
        let free = || self.0.iter().position(|(_, uses)| *uses == 0);
        let index = known.or_else(free).unwrap_or(self.0.len());
        u8::try_from(index).ok().filter(|_| index < max).map(PolicyKey)
    }

    /// One subscription more has a policy, under its key.
    pub(crate) fn take(&mut self, key: PolicyKey, policy: Policy) {
        match self.0.get_mut(usize::from(key.0)) {
            Some((known, uses)) => (*known, *uses) = (policy, *uses + 1),
            None => self.0.push((policy, 1)),
        }
    }

    /// A subscription with that policy has gone.
    pub(crate) fn release(&mut self, key: PolicyKey) {
        self.0[usize::from(key.0)].1 -= 1;
    }
}

impl core::ops::Index<PolicyKey> for Policies {
    type Output = Policy;

    #[inline]
    fn index(&self, key: PolicyKey) -> &Policy {
        &self.0[usize::from(key.0)].0
    }
}

impl Policy {
    /// Whether a subscription at that offset lags beyond the limits. Takes looks where it seems so.
    pub(crate) fn is_exceeded<M>(
        &self,
        log: &Log<M>,
        offset: u64,
        filter: &Filter,
        looks: &mut usize,
    ) -> bool {
        let from = offset.max(filter.live_from);
        let lag = log.behind(from);
        if !self.is_beyond(lag) {
            return false;
        }
        let skipped = skipped(log, from, filter, lag);
        *looks = looks.saturating_sub(lag.messages.min(MAX_LOOKS));
        self.is_beyond(Tally { messages: lag.messages - skipped.messages, bytes: lag.bytes - skipped.bytes })
    }

    fn is_beyond(&self, lag: Tally) -> bool {
        let (messages, bytes) = (lag.messages as u64, lag.bytes as u64);
        messages > 1 && (messages > self.max_lag_messages || bytes > self.max_lag_bytes)
    }

    /// Where a subscription goes on that has lost messages or lags beyond the limits: after that offset.
    pub(crate) fn goes_on_after<M>(&self, log: &Log<M>) -> u64 {
        let newest = log.before_newest();
        match self.on_lag {
            OnLag::SkipToNewest => newest,
            OnLag::SkipToLimit | OnLag::Disconnect => {
                log.before_last_few(self.max_lag_messages, self.max_lag_bytes).min(newest)
            }
        }
    }
}

/// What a reader is not handed of the messages behind an offset, as far as the first [`MAX_LOOKS`] tell.
fn skipped<M>(log: &Log<M>, from: u64, filter: &Filter, behind: Tally) -> Tally {
    let mut skipped = Tally::default();
    let (entries, place) = log.after(from);
    let Some(newest) = entries.back() else { return skipped };
    let mut end_bytes = newest.end_bytes - behind.bytes as u64;
    for entry in entries.range(place..).take(MAX_LOOKS) {
        if filter.skips(entry, entry.offset) {
            skipped.messages += 1;
            skipped.bytes += (entry.end_bytes - end_bytes) as usize;
        }
        end_bytes = entry.end_bytes;
    }
    skipped
}

impl Subscription {
    /// Whether what was evicted was published since it subscribed: else nobody was too slow for it.
    pub(crate) fn has_lost_live<M>(&self, log: &Log<M>, reads: Reads) -> bool {
        self.offset < log.lost(reads) && log.lost(reads) > self.live_from
    }
}
