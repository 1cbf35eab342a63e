//! Going away without a wave: when each connection is told, so that not all clients come back at once.

use core::time::Duration;

/// How long going away takes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Over which time the connections are told. Longer than `deadline` it counts as that. Default 10 s.
    pub spread: Duration,
    /// When whatever is left is dropped. Default 30 s.
    pub deadline: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self { spread: Duration::from_secs(10), deadline: Duration::from_secs(30) }
    }
}

/// A server that goes away.
///
/// ```
/// use core::time::Duration;
/// use tidewire_lifecycle::drain::{Config, Drain};
///
/// let second = Duration::from_secs;
/// let drain = Drain::new(&Config::default(), second(100));
/// // 10,000 connections: a thousand of them in each second.
/// assert_eq!(drain.told_at(0, 10_000), second(100));
/// assert_eq!(drain.told_at(5000, 10_000), second(105));
/// assert_eq!(drain.deadline(), second(130));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drain {
    begun: Duration,
    spread: Duration,
    deadline: Duration,
}

impl Drain {
    /// A drain that begins at `now`.
    #[must_use]
    pub fn new(config: &Config, now: Duration) -> Self {
        let spread = config.spread.min(config.deadline);
        Self { begun: now, spread, deadline: now.saturating_add(config.deadline) }
    }

    /// When to tell the connection with this index, of so many, that the server goes away; see
    /// [`Lifecycle::begin_drain`](crate::Lifecycle::begin_drain). An index beyond `count` counts as the last.
    #[must_use]
    pub fn told_at(&self, index: usize, count: usize) -> Duration {
        let (index, count) = (index.min(count) as u128, count.max(1) as u128);
        let after = self.spread.as_nanos().saturating_mul(index) / count;
        self.begun.saturating_add(Duration::from_nanos(u64::try_from(after).unwrap_or(u64::MAX)))
    }

    /// When whatever is left is dropped.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        self.deadline
    }
}
