//! Who is typing: presence with a memory of three seconds, without connections and without info.

use core::time::Duration;

use super::config::Config;
use super::diff::Diff;
use super::error::AdmissionError;
use super::list::Page;
use super::machine::{Presence, Usage};
use super::time::Due;
use super::user::UserId;
use crate::names::TopicName;

/// Who is typing in which topic. In its diffs *joined* says that somebody started, *left* that somebody stopped.
///
/// A client signals at once and then every two seconds or so while its user types; what is not repeated within
/// [`Config::seen_ttl`], 3 s, is over.
///
/// ```
/// use core::time::Duration;
/// use tidewire_hub::TopicName;
/// use tidewire_hub::presence::{Config, Typing, UserId};
///
/// let mut typing = Typing::new(Config::typing());
/// let (chat, alice) = (TopicName::new("chat")?, UserId::new("alice")?);
/// typing.start(Duration::from_secs(1), &chat, &alice)?;
/// assert_eq!(typing.list(&chat, None, 100).members[0].user, &alice);
/// typing.handle_timeout(Duration::from_secs(4));
/// assert_eq!(typing.users(&chat), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Typing {
    presence: Presence,
}

impl Typing {
    /// Nobody types. [`Config::typing`] has the usual times and limits.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self { presence: Presence::new(config) }
    }

    /// A user types, or goes on to.
    ///
    /// # Errors
    /// [`AdmissionError`]; nothing has changed then, but for what was due. Whoever types already is never refused.
    pub fn start(&mut self, now: Duration, topic: &TopicName, user: &UserId) -> Result<(), AdmissionError> {
        self.presence.refresh(now, topic, user, None)
    }

    /// A user stopped, sent what they typed, or left. Answers whether they were typing, or had a record.
    pub fn stop(&mut self, now: Duration, topic: &TopicName, user: &UserId) -> bool {
        self.presence.withdraw(now, topic, user)
    }

    /// How many type in a topic. The cost is the same for any number.
    #[must_use]
    pub fn users(&self, topic: &TopicName) -> usize {
        self.presence.count(topic).users
    }

    /// Who types in a topic: as [`Presence::list`]. The cost is in proportion to the page.
    #[must_use]
    pub fn list(&self, topic: &TopicName, after: Option<&UserId>, limit: usize) -> Page<'_> {
        self.presence.list(topic, after, limit)
    }

    /// When to call [`Typing::handle_timeout`] next: as [`Presence::poll_timeout`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Duration, Due)> {
        self.presence.poll_timeout()
    }

    /// Tells the time: as [`Presence::handle_timeout`].
    pub fn handle_timeout(&mut self, now: Duration) {
        self.presence.handle_timeout(now);
    }

    /// The next diff that is due: as [`Presence::poll_diff`].
    pub fn poll_diff(&mut self) -> Option<Diff> {
        self.presence.poll_diff()
    }

    /// What it holds: as [`Presence::usage`].
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.presence.usage()
    }
}
