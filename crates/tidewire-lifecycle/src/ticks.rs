//! Compact time: milliseconds since the connection's own start, in 32 bits (49 days).

use core::time::Duration;

/// A moment, or a span, in milliseconds. [`Ticks::NEVER`] stands for a deadline that is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticks(u32);

/// The whole seconds of `time` in milliseconds, and so many more; without a division of 128 bits, for each byte that comes asks.
#[inline]
fn millis(time: Duration, more: u32) -> u32 {
    let millis = time.as_secs().saturating_mul(1000).saturating_add(u64::from(more));
    u32::try_from(millis).unwrap_or(u32::MAX)
}

impl Ticks {
    pub(crate) const START: Self = Self(0);
    pub(crate) const ONE: Self = Self(1);
    pub(crate) const NEVER: Self = Self(u32::MAX);

    /// A moment or a span of less than [`Ticks::NEVER`].
    #[inline]
    pub(crate) const fn millis(millis: u32) -> Self {
        Self(millis)
    }

    /// A moment, cut to whole ticks. Time that does not fit stops one tick before [`Ticks::NEVER`], so that the
    /// origin can be moved before it is reached.
    #[inline]
    pub(crate) fn at(since_start: Duration) -> Self {
        let millis = millis(since_start, since_start.subsec_millis());
        Self(millis.min(u32::MAX - 1))
    }

    /// A span, rounded up to whole ticks, and cut at [`crate::Config::MAX_TIMEOUT`].
    #[inline]
    pub(crate) fn span(length: Duration) -> Self {
        Self::due(length.min(crate::Config::MAX_TIMEOUT))
    }

    /// The span of something that repeats: one tick at the least, so that time has to pass in between.
    #[inline]
    pub(crate) fn interval(length: Duration) -> Self {
        Self::span(length).max(Self(1))
    }

    /// A deadline, rounded up to whole ticks, so that it is never early.
    #[inline]
    pub(crate) fn due(since_start: Duration) -> Self {
        Self(millis(since_start, since_start.subsec_nanos().div_ceil(1_000_000)))
    }

    /// Never, if either is; else no later than one tick before that.
    #[inline]
    pub(crate) fn plus(self, span: Self) -> Self {
        if self.is_off() || span.is_off() {
            return Self::NEVER;
        }
        Self(self.0.saturating_add(span.0).min(u32::MAX - 1))
    }

    /// The deadline of a limit that may be off.
    #[inline]
    pub(crate) fn plus_limit(self, limit: Option<Duration>) -> Self {
        limit.map_or(Self::NEVER, |limit| self.plus(Self::span(limit)))
    }

    #[inline]
    pub(crate) fn minus(self, earlier: Self) -> Self {
        if self == Self::NEVER { Self::NEVER } else { Self(self.0.saturating_sub(earlier.0)) }
    }

    #[inline]
    pub(crate) fn is_off(self) -> bool {
        self == Self::NEVER
    }

    pub(crate) fn micros(self) -> u64 {
        u64::from(self.0) * 1000
    }

    pub(crate) fn as_duration(self) -> Duration {
        Duration::from_millis(u64::from(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_cut_and_spans_rounded_up() {
        assert_eq!(Ticks::at(Duration::from_micros(1999)), Ticks(1));
        assert_eq!(Ticks::span(Duration::from_micros(1001)), Ticks(2));
        assert_eq!(Ticks::span(Duration::ZERO), Ticks(0));
        assert_eq!(Ticks::interval(Duration::ZERO), Ticks(1));
    }

    #[test]
    fn what_does_not_fit_is_never_a_panic() {
        assert_eq!(Ticks::at(Duration::MAX), Ticks(u32::MAX - 1));
        assert_eq!(Ticks::span(Duration::MAX), Ticks((1 << 30) - 1));
        assert!(Ticks(5).plus(Ticks::NEVER).is_off());
        assert!(Ticks::NEVER.minus(Ticks(5)).is_off());
        assert_eq!(Ticks(5).minus(Ticks(9)), Ticks::START);
    }
}
