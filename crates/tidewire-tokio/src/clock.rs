//! The clock: what the layers below are told as `now`, and wall time for stamps.

use std::{
    cell::Cell,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::time::Instant;

/// Monotonic time since an origin, as the sans-IO crates want it.
///
/// It is tokio's clock, so a test with paused time owns it. Two times can be compared only when they
/// come from the same clock: make one per server and copy it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

    /// The moment that lies `since_origin` after the origin, for tokio's timers.
    #[must_use]
    pub fn instant(&self, since_origin: Duration) -> Instant {
        // A deadline beyond what an `Instant` can hold is as good as none; a century is never reached.
        const NEVER: Duration = Duration::from_secs(100 * 365 * 86_400);
        self.origin.checked_add(since_origin).unwrap_or_else(|| self.origin + NEVER)
    }
}

/// One look at the clock, for many who tell time by clocks of their own: nearly all of them by the same.
#[derive(Debug)]
pub(crate) struct Moment {
    at: Instant,
    /// The clock that was asked for last, and what it showed.
    shown: Cell<(Clock, Duration)>,
}

impl Moment {
    pub(crate) fn now() -> Self {
        let at = Instant::now();
        Self { at, shown: Cell::new((Clock { origin: at }, Duration::ZERO)) }
    }

    /// What a clock showed.
    #[inline]
    pub(crate) fn by(&self, clock: Clock) -> Duration {
        let (last, shown) = self.shown.get();
        if clock == last { shown } else { self.by_another(clock) }
    }

    #[cold]
    fn by_another(&self, clock: Clock) -> Duration {
        let shown = self.at.saturating_duration_since(clock.origin);
        self.shown.set((clock, shown));
        shown
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

    #[tokio::test(start_paused = true)]
    async fn a_moment_is_told_by_each_clock() {
        let first = Clock::start();
        tokio::time::advance(Duration::from_secs(7)).await;
        let second = Clock::start();
        tokio::time::advance(Duration::from_secs(1)).await;
        let moment = Moment::now();
        let third = Clock::start();
        tokio::time::advance(Duration::from_secs(1)).await;
        for _ in 0..2 {
            for (clock, shows) in [(first, 8), (second, 1), (third, 0), (Clock::start(), 0)] {
                assert_eq!(moment.by(clock), Duration::from_secs(shows));
            }
        }
    }

    #[test]
    fn wall_time_is_in_milliseconds() {
        // Between 2020 and 2100, in milliseconds.
        assert!((1_577_836_800_000..4_102_444_800_000).contains(&unix_millis()));
    }
}
