//! The limits and times of presence, each with a name and a default.

use core::time::Duration;

use super::record::MEMBER_OVERHEAD_BYTES;

/// What a [`Presence`](super::Presence) may hold, and for how long. Built once, before it: start from
/// [`PresenceConfig::default`] and set fields.
///
/// ```
/// let mut config = tidewire_hub::presence::PresenceConfig::default();
/// config.max_members_per_topic = 500;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PresenceConfig {
    /// For how long a poll, or a connection that was lost, keeps a user seen. Default 30 s.
    pub seen_ttl: Duration,
    /// How long after the same moment the record of somebody who is not seen goes. Default 60 s; less than
    /// `seen_ttl` counts as that.
    pub record_ttl: Duration,
    /// How long after a topic's first change its diff is due. Default 1 s; 0 tells at once, always.
    pub diff_interval: Duration,
    /// The longest that it may become. A diff that lists nobody makes everybody read the list, so that the
    /// topic's next one is not due before twice the interval after it, and so on while too many change, up to
    /// this. Each time that so long passed without another of that kind the interval is halved. So a topic's
    /// lists are asked for once in this time in the long run, however those who change take their rests.
    /// Default 16 s; less than `diff_interval` counts as that.
    pub max_diff_interval: Duration,
    /// Users that one diff lists. When more changed in one interval it says so and lists nobody: see
    /// [`Changes::TooMany`](super::Changes::TooMany). Default 128.
    pub max_diff_entries: usize,
    /// Members on one page of a list. Default 100; 0 counts as 1.
    pub max_page_len: usize,
    /// Topics at a time that have members; more are refused. A topic costs up to 1,152 bytes beside its name,
    /// which `max_bytes` does not count. Default 100,000; at most 2^29, larger values count as that.
    pub max_topics: usize,
    /// Room beside `max_topics` for topics that nobody is in any more, and that are kept for a diff that is
    /// yet to be told, or until they are calm after one that listed nobody: while there are as many topics of
    /// both kinds as both limits together, those that are new are refused. Default 100,000; at most 2^29,
    /// larger values count as that.
    pub max_empty_topics: usize,
    /// Users of one topic, those with a mere record too; more are refused. Default 100,000.
    pub max_members_per_topic: usize,
    /// Connections that one user may have open in one topic; more are refused. Default 32.
    pub max_connections_per_member: usize,
    /// Bytes that all members count together: each its id, its info,
    /// [`MEMBER_OVERHEAD_BYTES`] and, for each connection,
    /// [`CONNECTION_OVERHEAD_BYTES`](super::CONNECTION_OVERHEAD_BYTES). What would exceed it is refused.
    ///
    /// Diffs under way may take what the members leave: each user who has changed counts the id, the info
    /// that was told last and [`CHANGE_OVERHEAD_BYTES`](super::CHANGE_OVERHEAD_BYTES). They refuse nobody:
    /// where it would be more, those that were begun first are to list nobody. Default 256 MiB.
    pub max_bytes: usize,
    /// Users, records and topics whose time is over that one call deals with; the rest is left to the next
    /// one. Default 1,024; 0 counts as 1.
    pub max_expiries_per_call: usize,
}

/// What the keys of the intrusive lists can tell apart.
const MAX_COUNT: usize = 1 << 29;

impl PresenceConfig {
    /// The same limits within what they can mean.
    pub(super) fn normalized(mut self) -> Self {
        self.record_ttl = self.record_ttl.max(self.seen_ttl);
        self.max_diff_interval = self.max_diff_interval.max(self.diff_interval);
        self.max_page_len = self.max_page_len.max(1);
        self.max_topics = self.max_topics.min(MAX_COUNT);
        self.max_empty_topics = self.max_empty_topics.min(MAX_COUNT);
        self.max_expiries_per_call = self.max_expiries_per_call.max(1);
        self.max_bytes = self.max_bytes.min(MAX_COUNT.saturating_mul(MEMBER_OVERHEAD_BYTES));
        self
    }
}

impl Default for PresenceConfig {
    fn default() -> Self {
        Self {
            seen_ttl: Duration::from_secs(30),
            record_ttl: Duration::from_secs(60),
            diff_interval: Duration::from_secs(1),
            max_diff_interval: Duration::from_secs(16),
            max_diff_entries: 128,
            max_page_len: 100,
            max_topics: 100_000,
            max_empty_topics: 100_000,
            max_members_per_topic: 100_000,
            max_connections_per_member: 32,
            max_bytes: 256 * 1024 * 1024,
            max_expiries_per_call: 1_024,
        }
    }
}
