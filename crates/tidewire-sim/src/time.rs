//! Simulated time: nanoseconds since the world began.

use std::time::Duration;

/// A moment, or a span.
pub(crate) type Nanos = u64;

pub(crate) const MICRO: Nanos = 1000;
pub(crate) const MILLI: Nanos = 1000 * MICRO;
pub(crate) const SECOND: Nanos = 1000 * MILLI;
pub(crate) const MINUTE: Nanos = 60 * SECOND;

/// Later than any moment.
pub(crate) const NEVER: Nanos = Nanos::MAX;

/// Whole nanoseconds of a duration; what is longer than 584 years is [`NEVER`].
pub(crate) fn nanos(duration: Duration) -> Nanos {
    duration.as_secs().saturating_mul(SECOND).saturating_add(u64::from(duration.subsec_nanos()))
}

/// A limit that may be off.
pub(crate) fn limit(duration: Option<Duration>) -> Nanos {
    duration.map_or(NEVER, nanos)
}

/// For people: seconds with all their places.
pub(crate) fn shown(at: Nanos) -> String {
    format!("{}.{:09} s", at / SECOND, at % SECOND)
}
