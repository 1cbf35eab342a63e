//! What becomes of a subscription that does not keep up: limits on its lag, and what happens beyond them.

use alloc::vec::Vec;

use crate::log::Log;
use crate::names::TopicName;
use crate::position::Position;
use crate::subscriber::Subscription;

/// How one subscription is served when it does not keep up. Given by value; the hub keeps one copy of each that is
/// used. Start from [`Policy::default`], which has no limits, and set fields.
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
    /// Messages that it has yet to take, of those that were published since it subscribed: a replay of history is no lag,
    /// and neither is the newest message alone. Default no limit but the log's.
    pub max_lag_messages: u64,
    /// Bytes of these messages, as [`Config::max_bytes`](crate::Config::max_bytes) counts them.
    /// Default no limit but the log's.
    pub max_lag_bytes: u64,
    /// What happens beyond these limits, and when a message that it has yet to take is evicted.
    pub on_lag: OnLag,
    /// Which messages it is handed.
    pub reads: Reads,
}

/// What happens to a subscription whose lag is beyond its limits. It happens when its subscriber comes to take something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnLag {
    /// A gap is told, and it goes on at the earliest message that is held and within the limits.
    #[default]
    SkipToLimit,
    /// A gap is told, and it goes on at the newest message.
    SkipToNewest,
    /// Its subscriber is told to go, with [`Delivery::Dismissed`](crate::Delivery::Dismissed), and is handed nothing
    /// more. A resume with its cursor gets what is held.
    Disconnect,
}

/// Which messages a subscription is handed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Reads {
    /// Every one.
    #[default]
    Every,
    /// The latest of each key: one that was published with a [key](crate::PublishOptions::key) is skipped, without a
    /// gap, once another is there with that key that lasts as long. (An ephemeral one takes the place of ephemeral ones
    /// alone, one that expires of those that are kept for good of none: who comes later finds the last state that is kept.)
    /// Lag counts it all the same until the cursor has passed it.
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

/// The policies in use, each once; the first is the default.
#[derive(Debug)]
pub(crate) struct Policies(Vec<Policy>);

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
        Self(alloc::vec![Policy::default()])
    }

    /// The key of a policy, which is added if need be; `None` beyond `max`.
    pub(crate) fn intern(&mut self, policy: Policy, max: usize) -> Option<PolicyKey> {
        let index = match self.0.iter().position(|known| *known == policy) {
            Some(index) => index,
            None if self.0.len() < max => {
                self.0.push(policy);
                self.0.len() - 1
            }
            None => return None,
        };
        u8::try_from(index).ok().map(PolicyKey)
    }
}

impl core::ops::Index<PolicyKey> for Policies {
    type Output = Policy;

    #[inline]
    fn index(&self, key: PolicyKey) -> &Policy {
        &self.0[usize::from(key.0)]
    }
}

impl Policy {
    /// Whether a subscription at that offset, which is held or right before the earliest, lags beyond the limits.
    pub(crate) fn is_exceeded<M>(&self, log: &Log<M>, offset: u64, live_from: u64) -> bool {
        let since = offset.max(live_from).max(log.before_earliest());
        let lag_messages = log.head() - since;
        lag_messages > 1
            && (lag_messages > self.max_lag_messages || log.bytes_after(since) > self.max_lag_bytes)
    }

    /// Where a subscription goes on that has lost messages or lags beyond the limits: after that offset.
    pub(crate) fn goes_on_after<M>(&self, log: &Log<M>) -> u64 {
        let newest = log.head().saturating_sub(1).max(log.before_earliest());
        match self.on_lag {
            OnLag::SkipToNewest => newest,
            OnLag::SkipToLimit | OnLag::Disconnect => {
                let by_count = log.head().saturating_sub(self.max_lag_messages);
                by_count.max(log.before_last_bytes(self.max_lag_bytes)).clamp(log.before_earliest(), newest)
            }
        }
    }
}

impl Subscription {
    /// Whether what was evicted was published since it subscribed: else nobody was too slow for it.
    pub(crate) fn has_lost_live<M>(&self, log: &Log<M>, reads: Reads) -> bool {
        self.offset < log.lost(reads) && log.lost(reads) > self.live_from
    }
}
