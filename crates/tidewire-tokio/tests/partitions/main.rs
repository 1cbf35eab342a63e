//! R3: a whole server, its hub and its clients over the adapter, on hosts and a network that fail by a seed: partitions in
//! both ways and in one, packets that are held, hosts that crash and come back, servers that drain.
//!
//! | What must hold | |
//! |---|---|
//! | loss | each message that arrives is next to the one before in its topic, or a gap came, from where its reader stands |
//! | order | no message comes twice or behind a later one, on any connection or over them |
//! | text | it is what was published there |
//! | the end | when all is well again everybody has caught up, and the server has no connection but theirs |
//!
//! A partition loses segments for ever here, and no connection survives that: each must be found dead by its deadlines.
//! `TIDEWIRE_PARTITION_SEEDS=500` tries so many seeds, `TIDEWIRE_PARTITION_SEED=7` the seventh first (or only that, with
//! `TIDEWIRE_PARTITION_SEEDS=1`).
#![cfg(feature = "connect")]
#![allow(clippy::unwrap_used, missing_docs)]

mod client;
mod faults;
mod ledger;
mod server;

use std::{cell::Cell, env, sync::Arc, time::Duration};

use ledger::Ledger;
use tidewire_testkit::splits::Seeded;
use turmoil::Builder;

/// Seeds of the default run.
const SEEDS: u64 = 4;

/// For how long there are faults, and for how long there are none behind them.
const FAULTS: Duration = Duration::from_secs(60);
const PEACE: Duration = Duration::from_secs(30);

const CLIENTS: usize = 4;
const TOPICS: [&str; 2] = ["tea", "coffee"];
const PORT: u16 = 80;

/// The deadlines of all connections: short, so that a run has many lives.
fn lifecycle() -> tidewire_lifecycle::Config {
    let mut config = tidewire_lifecycle::Config::default();
    config.heartbeat = tidewire_lifecycle::Heartbeat::Probe {
        interval: Duration::from_secs(4),
        timeout: Duration::from_secs(2),
    };
    config
}

fn variable(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |value| value.parse().unwrap())
}

fn run(seed: u64) -> Arc<Ledger> {
    let ledger = Arc::new(Ledger::default());
    let mut chance = Seeded::new(seed);
    let mut sim = Builder::new()
        .rng_seed(seed)
        .enable_random_order()
        .simulation_duration(FAULTS + PEACE + PEACE)
        .tick_duration(Duration::from_millis(10))
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(Duration::from_millis(60))
        // Nothing is full here: there is no backpressure in this network.
        .tcp_capacity(1 << 20)
        .build();
    let (lives, server_ledger, server_seed) = (Cell::new(0), ledger.clone(), chance.next_u64());
    sim.host("server", move || {
        lives.set(lives.get() + 1);
        server::serve(Seeded::new(server_seed ^ lives.get()), server_ledger.clone())
    });
    for number in 0..CLIENTS {
        let (name, client_ledger, seed) = (client::name(number), ledger.clone(), chance.next_u64());
        let starts = Cell::new(0);
        sim.host(name.as_str(), move || {
            starts.set(starts.get() + 1);
            client::live(number, Seeded::new(seed ^ starts.get()), client_ledger.clone())
        });
    }
    faults::play(&mut sim, &mut chance, &ledger);
    ledger
}

#[test]
fn no_message_is_lost_without_a_gap() {
    let first = variable("TIDEWIRE_PARTITION_SEED", 1);
    let (mut messages, mut gaps, mut openings) = (0, 0, 0);
    for seed in first..first + variable("TIDEWIRE_PARTITION_SEEDS", SEEDS) {
        let outcome = std::panic::catch_unwind(|| run(seed));
        let ledger = outcome
            .unwrap_or_else(|_| panic!("again by TIDEWIRE_PARTITION_SEED={seed} TIDEWIRE_PARTITION_SEEDS=1"));
        let counts = ledger.counts();
        messages += counts.messages;
        gaps += counts.gaps;
        openings += counts.openings;
    }
    println!("{messages} messages, {gaps} gaps, {openings} openings");
    assert!(messages > 1_000 && gaps > 0 && openings > 4 * CLIENTS, "the faults do nothing");
}
