//! The clock: what the layers below are told as `now`, and wall time for stamps.

use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// Monotonic time since an origin, as the sans-IO crates want it.
///
/// It is tokio's clock, so a test with paused time owns it. Two times can be compared only when they
/// come from the same clock: make one per server and copy it.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    /// A clock whose origin is this moment.
    #[must_use]
    pub fn start() -> Self {
        Self { origin: Instant::now() }
    }

    /// Time since the origin.
    #[must_use]
    #[inline]
    pub fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    /// The time since the origin at a moment that was looked at before.
    pub(crate) fn at(&self, moment: Instant) -> Duration {
        moment.saturating_duration_since(self.origin)
    }

    /// The moment that lies `since_origin` after the origin, for tokio's timers.
    #[must_use]
    pub fn instant(&self, since_origin: Duration) -> Instant {
        // A deadline beyond what an `Instant` can hold is as good as none; a century is never reached.
        const NEVER: Duration = Duration::from_secs(100 * 365 * 86_400);
        self.origin.checked_add(since_origin).unwrap_or_else(|| self.origin + NEVER)
    }
}

/// Wall time in milliseconds since 1970-01-01 UTC; 0 when the host's clock stands before it.
#[must_use]
pub fn unix_millis() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_clock_is_tokios() {
        let clock = Clock::start();
        tokio::time::advance(Duration::from_secs(7)).await;
        assert_eq!(clock.now(), Duration::from_secs(7));
        assert_eq!(clock.instant(Duration::from_secs(7)), Instant::now());
        assert!(clock.instant(Duration::MAX) > Instant::now());
    }

    #[test]
    fn wall_time_is_in_milliseconds() {
        // Between 2020 and 2100, in milliseconds.
        assert!((1_577_836_800_000..4_102_444_800_000).contains(&unix_millis()));
    }
}
