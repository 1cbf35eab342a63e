//! No check that cannot fail: each flaw is noticed as what it breaks, and its seed is told.
#![allow(clippy::unwrap_used, missing_docs)]

use std::time::Duration;

use clap::ValueEnum;
use tidewire_sim::{Flaw, Invariant, Options, run};

const SEED: u64 = 5;

#[test]
fn each_flaw_is_noticed() {
    let mut noticed = Vec::new();
    for flaw in Flaw::value_variants() {
        let options = Options { length: Duration::from_secs(3600), flaw: Some(*flaw), follow: None };
        let outcome = run(SEED, &options);
        let as_what: Vec<Invariant> =
            outcome.violations.iter().map(|violation| violation.invariant).collect();
        assert!(as_what.contains(&flaw.invariant()), "{flaw:?}: {as_what:?}");
        noticed.push(flaw.invariant());
        let told = outcome.violations[0].to_string();
        let name = flaw.to_possible_value().unwrap();
        let replay = format!(
            "cargo run --release -p tidewire-sim -- --seed {SEED} --hours 1 --flaw {}",
            name.get_name()
        );
        assert!(told.contains("seed 5, at ") && told.ends_with(&replay), "{told}");
        assert!(told.contains("expected ") && told.contains("got "), "{told}");
    }
    for invariant in [
        Invariant::Delivery,
        Invariant::Deadline,
        Invariant::End,
        Invariant::Usage,
        Invariant::Memory,
        Invariant::Reason,
        Invariant::HalfOpen,
        Invariant::Loss,
        Invariant::Order,
        Invariant::Gap,
        Invariant::Token,
        Invariant::Budget,
        Invariant::Lag,
        Invariant::Fairness,
        Invariant::CaughtUp,
    ] {
        assert!(noticed.contains(&invariant), "{invariant:?} cannot fail");
    }
}
