//! Who is typing: presence with a memory of three seconds, without connections and without info.

use core::time::Duration;

use super::config::PresenceConfig;
use super::diff::Diff;
use super::error::AdmissionError;
use super::list::Page;
use super::machine::{Presence, PresenceUsage};
use super::time::PresenceDue;
use super::user::UserId;
use crate::names::TopicName;

/// What a [`Typing`] may hold, and for how long: short times, small rooms. Built once, before it: start from
/// [`TypingConfig::default`] and set fields.
///
/// ```
/// use tidewire_hub::presence::{Typing, TypingConfig};
///
/// let mut config = TypingConfig::default();
/// config.max_users_per_topic = 20;
/// let typing = Typing::new(config);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TypingConfig {
    /// For how long a signal says that a user types. Default 3 s.
    pub ttl: Duration,
    /// How long after a topic's first change its diff is due. Default 250 ms; 0 tells at once.
    pub diff_interval: Duration,
    /// The longest that it may become: as [`PresenceConfig::max_diff_interval`]. Default 2 s.
    pub max_diff_interval: Duration,
    /// Users that one diff lists. When more changed in one interval it says so and lists nobody: see
    /// [`Changes::TooMany`](super::Changes::TooMany). Default 32.
    pub max_diff_entries: usize,
    /// Users on one page of a list. Default 100; 0 counts as 1.
    pub max_page_len: usize,
    /// Topics at a time in which somebody types: as [`PresenceConfig::max_topics`]. Default 100,000.
    pub max_topics: usize,
    /// Room beside them for topics in which nobody types any more: as [`PresenceConfig::max_empty_topics`].
    /// Default 100,000.
    pub max_empty_topics: usize,
    /// Users who type in one topic at a time; more are refused. Default 1,000.
    pub max_users_per_topic: usize,
    /// Bytes that all users count together: as [`PresenceConfig::max_bytes`]. Default 64 MiB.
    pub max_bytes: usize,
    /// Users and topics whose time is over that one call deals with: as
    /// [`PresenceConfig::max_expiries_per_call`]. Default 1,024.
    pub max_expiries_per_call: usize,
}

impl Default for TypingConfig {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(3),
            diff_interval: Duration::from_millis(250),
            max_diff_interval: Duration::from_secs(2),
            max_diff_entries: 32,
            max_page_len: 100,
            max_topics: 100_000,
            max_empty_topics: 100_000,
            max_users_per_topic: 1_000,
            max_bytes: 64 * 1024 * 1024,
            max_expiries_per_call: 1_024,
        }
    }
}

impl TypingConfig {
    /// The same for presence. A record means nothing in typing, and so goes with the user.
    fn into_presence(self) -> PresenceConfig {
        PresenceConfig {
            seen_ttl: self.ttl,
            record_ttl: self.ttl,
            diff_interval: self.diff_interval,
            max_diff_interval: self.max_diff_interval,
            max_diff_entries: self.max_diff_entries,
            max_page_len: self.max_page_len,
            max_topics: self.max_topics,
            max_empty_topics: self.max_empty_topics,
            max_members_per_topic: self.max_users_per_topic,
            max_connections_per_member: 0,
            max_bytes: self.max_bytes,
            max_expiries_per_call: self.max_expiries_per_call,
        }
    }
}

/// Who is typing in which topic. In its diffs *joined* says that somebody started, *left* that somebody
/// stopped; nobody has an info or a connection.
///
/// A client signals at once and then every two seconds or so while its user types; what is not repeated
/// within [`TypingConfig::ttl`], 3 s, is over.
///
/// ```
/// use core::time::Duration;
/// use tidewire_hub::TopicName;
/// use tidewire_hub::presence::{Typing, UserId};
///
/// let mut typing = Typing::default();
/// let (chat, alice) = (TopicName::new("chat")?, UserId::new("alice")?);
/// typing.start(Duration::from_secs(1), &chat, &alice)?;
/// assert_eq!(typing.list(&chat, None, 100).members[0].user, &alice);
/// typing.handle_timeout(Duration::from_secs(4));
/// assert_eq!(typing.count(&chat), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The times and limits of presence are not those of typing, and not taken for them:
///
/// ```compile_fail,E0308
/// use tidewire_hub::presence::{PresenceConfig, Typing};
///
/// let typing = Typing::new(PresenceConfig::default());
/// ```
#[derive(Debug)]
pub struct Typing {
    presence: Presence,
}

impl Typing {
    /// Nobody types.
    #[must_use]
    pub fn new(config: TypingConfig) -> Self {
        Self { presence: Presence::new(config.into_presence()) }
    }

    /// A user types, or goes on to.
    ///
    /// # Errors
    /// [`AdmissionError`]; nothing has changed then, but for what was due. Whoever types already is never
    /// refused.
    pub fn start(&mut self, now: Duration, topic: &TopicName, user: &UserId) -> Result<(), AdmissionError> {
        self.presence.refresh(now, topic, user, None)
    }

    /// A user stopped, sent what they typed, or left. Answers whether they were typing.
    pub fn stop(&mut self, now: Duration, topic: &TopicName, user: &UserId) -> bool {
        self.presence.withdraw(now, topic, user)
    }

    /// How many type in a topic. The cost is the same for any number.
    #[must_use]
    pub fn count(&self, topic: &TopicName) -> usize {
        self.presence.count(topic).users
    }

    /// Who types in a topic: as [`Presence::list`]. The cost is in proportion to the page.
    #[must_use]
    pub fn list(&mut self, topic: &TopicName, after: Option<&UserId>, limit: usize) -> Page<'_> {
        self.presence.list(topic, after, limit)
    }

    /// When to call [`Typing::handle_timeout`] next: as [`Presence::poll_timeout`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Duration, PresenceDue)> {
        self.presence.poll_timeout()
    }

    /// Tells the time: as [`Presence::handle_timeout`].
    pub fn handle_timeout(&mut self, now: Duration) {
        self.presence.handle_timeout(now);
    }

    /// The next diff that is due: as [`Presence::poll_diff`].
    #[must_use = "what it tells is told once"]
    pub fn poll_diff(&mut self) -> Option<Diff> {
        self.presence.poll_diff()
    }

    /// What it holds: as [`Presence::usage`].
    #[must_use]
    pub fn usage(&self) -> PresenceUsage {
        self.presence.usage()
    }
}

impl Default for Typing {
    /// With the usual times and limits.
    fn default() -> Self {
        Self::new(TypingConfig::default())
    }
}
