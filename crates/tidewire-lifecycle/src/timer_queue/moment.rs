//! The queue's own time: milliseconds since its origin.

use core::time::Duration;

/// Bits of a moment: 34 years and 10 months.
pub(super) const BITS: u32 = 40;

/// The last moment there is; whatever lies behind it counts as that.
pub(super) const LAST: u64 = (1 << BITS) - 1;

/// How far time has come: cut to whole milliseconds.
pub(super) fn reached(since_origin: Duration) -> u64 {
    let millis = since_origin.as_secs().saturating_mul(1000);
    millis.saturating_add(u64::from(since_origin.subsec_millis())).min(LAST)
}

/// A deadline: rounded up to whole milliseconds, so that it is never early.
pub(super) fn deadline(since_origin: Duration) -> u64 {
    let millis = since_origin.as_secs().saturating_mul(1000);
    millis.saturating_add(u64::from(since_origin.subsec_nanos().div_ceil(1_000_000))).min(LAST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_cut_and_deadlines_are_rounded_up() {
        for (nanos, cut, rounded) in
            [(0, 0, 0), (1, 0, 1), (1_000_000, 1, 1), (1_000_001, 1, 2), (999_999_999, 999, 1000)]
        {
            let time = Duration::from_nanos(nanos);
            assert_eq!((reached(time), deadline(time)), (cut, rounded), "{nanos} ns");
        }
        assert_eq!((reached(Duration::MAX), deadline(Duration::MAX)), (LAST, LAST));
        let last = Duration::from_millis(LAST);
        assert_eq!((reached(last), deadline(last), deadline(last * 2)), (LAST, LAST, LAST));
    }
}
