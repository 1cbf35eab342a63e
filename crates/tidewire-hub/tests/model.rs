//! The hub beside a naive model of it, under random operations; and the cursor token under random texts.
#![allow(clippy::unwrap_used, missing_docs)]

use std::hash::{BuildHasher, RandomState};

use proptest::prelude::*;
use tidewire_testkit::properties::hub;
use tidewire_testkit::splits::Seeded;

proptest! {
    #[test]
    fn any_operations(data in proptest::collection::vec(any::<u8>(), 0..600)) {
        hub::operations(&data);
    }

    #[test]
    fn any_text_as_a_cursor(text in "[A-Za-z0-9_=+/-]{0,60}|.{0,20}") {
        hub::cursor(text.as_bytes());
    }

    #[test]
    fn any_bytes_as_a_cursor(
        first in prop_oneof![Just(0x10_u8), Just(0x18), any::<u8>()],
        entries in proptest::collection::vec(prop_oneof![0_u8..4, any::<u8>()], 0..60),
    ) {
        let mut data = vec![first];
        data.extend(entries);
        hub::cursor(&data);
    }

    #[test]
    fn any_position_as_a_cursor(numbers in any::<[u8; 21]>(), name in "\\PC{1,40}") {
        let mut data = numbers.to_vec();
        data.extend(name.as_bytes());
        hub::cursor(&data);
    }
}

/// A number from the environment, for a longer run or to repeat one.
fn given(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// Each round is a hub of its own limits that lives through some two thousand operations.
/// `TIDEWIRE_HUB_ROUNDS` makes it longer, `TIDEWIRE_HUB_SEED` repeats it.
#[test]
fn a_long_run_under_a_printed_seed() {
    let seed = given("TIDEWIRE_HUB_SEED").unwrap_or_else(|| RandomState::new().hash_one(0));
    let rounds = given("TIDEWIRE_HUB_ROUNDS").unwrap_or(200);
    for round in 0..rounds {
        println!("TIDEWIRE_HUB_SEED={} TIDEWIRE_HUB_ROUNDS=1", seed.wrapping_add(round));
        let mut source = Seeded::new(seed.wrapping_add(round));
        let tape: Vec<u8> = (0..8_000).map(|_| source.next_u64() as u8).collect();
        hub::operations(&tape);
    }
}
