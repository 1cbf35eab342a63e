//! Presence beside a naive model of it, under random operations.
#![allow(clippy::unwrap_used, missing_docs)]

use std::hash::{BuildHasher, RandomState};

use proptest::prelude::*;
use tidewire_testkit::properties::hub_presence;
use tidewire_testkit::splits::Seeded;

proptest! {
    #[test]
    fn any_operations(data in proptest::collection::vec(any::<u8>(), 0..400)) {
        hub_presence::operations(&data);
    }
}

/// A number from the environment, for a longer run or to repeat one.
fn given(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// Each round has its own limits and times, and lives through some five hundred operations.
/// `TIDEWIRE_HUB_ROUNDS` makes it longer, `TIDEWIRE_HUB_SEED` repeats it.
#[test]
fn a_long_run_under_a_printed_seed() {
    let seed = given("TIDEWIRE_HUB_SEED").unwrap_or_else(|| RandomState::new().hash_one(0));
    let rounds = given("TIDEWIRE_HUB_ROUNDS").unwrap_or(100);
    for round in 0..rounds {
        println!("TIDEWIRE_HUB_SEED={} TIDEWIRE_HUB_ROUNDS=1", seed.wrapping_add(round));
        let mut source = Seeded::new(seed.wrapping_add(round));
        let tape: Vec<u8> = (0..2_000).map(|_| source.next_u64() as u8).collect();
        hub_presence::operations(&tape);
    }
}
