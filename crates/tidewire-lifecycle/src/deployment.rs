//! A server's time with at least one connection open, and each connection's share of it.

use core::time::Duration;

/// Counts how long at least one connection was open, which is what a platform that scales to zero charges for, and
/// shares it out: while `n` are open, each is charged an `n`th. The shares of all add up to the whole exactly.
///
/// ```
/// use core::time::Duration;
/// use tidewire_lifecycle::Deployment;
///
/// let second = Duration::from_secs;
/// let mut deployment = Deployment::default();
/// let a = deployment.handle_opened(second(0));
/// let b = deployment.handle_opened(second(10));
/// // 10 s alone, then 20 s for two.
/// assert_eq!(deployment.handle_closed(second(30), a), second(20));
/// assert_eq!(deployment.handle_closed(second(35), b), second(15));
/// assert_eq!(deployment.busy(second(100)), second(35));
/// assert_eq!((deployment.open(), deployment.last_closed()), (0, Some(second(35))));
/// // Half a gigabyte for 35 s.
/// assert!((deployment.gigabyte_hours(second(100), 500_000_000) - 0.5 * 35.0 / 3600.0).abs() < 1e-9);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deployment {
    open: u64,
    /// Up to when the others are counted.
    counted: Duration,
    busy: Duration,
    /// What a connection would be charged that was open all the time, in nanoseconds, [`FRACTION`] of its bits behind
    /// the point.
    charged_each: u128,
    /// What those that are closed were charged.
    charged: Duration,
    last_closed: Option<Duration>,
}

/// What [`Deployment::handle_closed`] needs to know of a connection.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a connection that is not closed counts for ever"]
pub struct Share {
    charged_each: u128,
}

/// Bits of a nanosecond's fraction: with them a connection's share is exact to the nanosecond.
const FRACTION: u32 = 40;

impl Deployment {
    /// A connection opened.
    pub fn handle_opened(&mut self, now: Duration) -> Share {
        self.count(now);
        self.open += 1;
        Share { charged_each: self.charged_each }
    }

    /// A connection closed; answers its share of the time. The last that closes takes what rounding left.
    pub fn handle_closed(&mut self, now: Duration, share: Share) -> Duration {
        self.count(now);
        self.open = self.open.saturating_sub(1);
        self.last_closed = Some(self.counted);
        let nanos = self.charged_each.saturating_sub(share.charged_each) >> FRACTION;
        let share = match self.open {
            0 => self.busy.saturating_sub(self.charged),
            _ => Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)),
        };
        self.charged = self.charged.saturating_add(share);
        share
    }

    /// Connections that are open.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.open
    }

    /// When the last connection closed; with [`open`](Self::open) 0, since when the server could sleep.
    #[must_use]
    pub fn last_closed(&self) -> Option<Duration> {
        self.last_closed
    }

    /// How long at least one connection was open, up to `now`.
    #[must_use]
    pub fn busy(&self, now: Duration) -> Duration {
        match self.open {
            0 => self.busy,
            _ => self.busy.saturating_add(now.saturating_sub(self.counted)),
        }
    }

    /// Gigabyte-hours, up to `now`, of a server with so many bytes of memory: 10⁹ bytes for an hour are 1.
    #[must_use]
    pub fn gigabyte_hours(&self, now: Duration, memory_bytes: u64) -> f64 {
        memory_bytes as f64 / 1e9 * (self.busy(now).as_secs_f64() / 3600.0)
    }

    /// Counts the time since the last change. Time that goes back stands still.
    fn count(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.counted);
        self.counted = self.counted.max(now);
        if self.open > 0 {
            self.busy = self.busy.saturating_add(passed);
            let nanos = u128::from(u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX));
            self.charged_each += (nanos << FRACTION) / u128::from(self.open);
        }
    }
}
