//! Latencies, counted in buckets that are 3 % wide at most.

use std::time::Duration;

/// Buckets for each power of two.
const STEPS: usize = 32;

/// Powers of two, which reach to more than an hour of microseconds.
const POWERS: usize = 28;

/// How many latencies were in each bucket.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    counts: Vec<u64>,
}

/// The bucket of so many microseconds.
fn bucket(micros: u64) -> usize {
    let shift = micros.max(1).ilog2().saturating_sub(STEPS.ilog2()) as usize;
    (shift * STEPS + (micros >> shift) as usize).min(POWERS * STEPS - 1)
}

/// The most microseconds that are in it.
fn upper(bucket: usize) -> u64 {
    let shift = (bucket / STEPS).saturating_sub(1);
    ((bucket - shift * STEPS + 1) << shift) as u64 - 1
}

impl Histogram {
    /// One more.
    pub fn record(&mut self, latency: Duration) {
        self.counts.resize(POWERS * STEPS, 0);
        self.counts[bucket(latency.as_micros() as u64)] += 1;
    }

    /// Those of another, too.
    pub fn add(&mut self, other: &Self) {
        self.counts.resize(POWERS * STEPS, 0);
        for (sum, count) in self.counts.iter_mut().zip(&other.counts) {
            *sum += count;
        }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// What so many of a thousand do not exceed; zero where there are none.
    #[must_use]
    pub fn per_mille(&self, share: u64) -> Duration {
        let all = self.count();
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if *count > 0 && seen * 1000 >= all * share {
                return Duration::from_micros(upper(bucket));
            }
        }
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_what_is_within_3_percent() {
        for micros in (0..100_000).chain([1 << 25, 60_000_000]) {
            let upper = upper(bucket(micros));
            assert!(upper >= micros && upper <= micros + micros / STEPS as u64, "{micros} {upper}");
        }
    }

    #[test]
    fn shares_are_those_of_all() {
        let (mut one, mut other) = (Histogram::default(), Histogram::default());
        assert_eq!(one.per_mille(990), Duration::ZERO);
        (1..=500).for_each(|millis| one.record(Duration::from_micros(millis)));
        (501..=1000).for_each(|millis| other.record(Duration::from_micros(millis)));
        one.add(&other);
        for (share, expected) in [(500, 500), (990, 990), (1000, 1000)] {
            let micros = one.per_mille(share).as_micros();
            assert!((expected..=expected + expected / 30).contains(&micros), "{share}: {micros}");
        }
    }
}
