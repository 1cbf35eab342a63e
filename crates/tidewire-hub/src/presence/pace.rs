//! How far apart the diffs of a topic are in which too many change: twice as far after each diff that lists
//! nobody, and half as far after each `max_diff_interval` without one. So no rest between two of them makes
//! more of them, in the long run, than one each `max_diff_interval`.

use core::time::Duration;

use super::config::PresenceConfig;

/// The pace of a topic whose diffs are further apart than `diff_interval`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pace {
    /// How far the next diff that lists nobody was from the one before, at least.
    interval: Duration,
    /// No diff is due before.
    pub(super) until: Duration,
    /// When the interval is half of it.
    pub(super) halves_at: Duration,
}

impl Pace {
    /// The pace after a diff that listed nobody; `None` is as in other topics.
    pub(super) fn slower(before: Option<Self>, now: Duration, config: &PresenceConfig) -> Option<Self> {
        let before = before.and_then(|pace| pace.at(now, config));
        let interval = before.map_or(config.diff_interval, |pace| pace.interval);
        let interval = interval.saturating_mul(2).min(config.max_diff_interval);
        let halves_at = now.saturating_add(config.max_diff_interval);
        (interval > config.diff_interval).then(|| Self {
            interval,
            until: now.saturating_add(interval),
            halves_at,
        })
    }

    /// What it is by now. The cost is logarithmic in how much longer an interval may become than it is.
    pub(super) fn at(mut self, now: Duration, config: &PresenceConfig) -> Option<Self> {
        while self.halves_at <= now {
            self.interval /= 2;
            self.halves_at = self.halves_at.saturating_add(config.max_diff_interval);
            if self.interval <= config.diff_interval {
                return None;
            }
        }
        Some(self)
    }
}
