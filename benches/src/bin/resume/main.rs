//! Resume over real transports: `cargo run --release -p tidewire-bench --bin resume [-- --quick]`.
//!
//! A gateway in a process of its own; here its clients, a quarter on each transport, and a publisher for each topic. Every
//! client is cut off again and again, at any moment, and resumes with the position that it has, on another transport. In the
//! end each must have every message of its topics once, in order, and without a gap; else the program fails.
//!
//! ```text
//!   publisher ─ POST ─▶ gateway ─ WebSocket, SSE, NDJSON, poll ─▶ client (cut, resume) ─ wire ─▶ ledger
//! ```

mod client;
mod content;
mod ledger;
mod options;
mod publisher;
mod report;
mod wire;

use std::{process::ExitCode, sync::Arc, time::Duration};

use clap::Parser;
use tidewire_bench::gateway;
use tokio::{sync::watch, task::JoinSet, time::Instant};

use client::{Client, World};
use options::{Cli, Options};
use report::Report;

/// How long clients may take to receive the rest once nothing is published and nobody is cut off any more.
const SETTLING_TIME: Duration = Duration::from_secs(30);

/// Longer than any run: what is evicted would be a gap.
const HISTORY: &str = "1000000";

type Failed = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let options = Cli::parse().options();
    tidewire_bench::conclude(run(&options), Report::kept_its_promises)
}

fn run(options: &Options) -> Result<Report, Failed> {
    let server = gateway::start(&["--history", HISTORY])?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(exercise(options, server.address))
}

async fn exercise(options: &Options, address: std::net::SocketAddr) -> Result<Report, Failed> {
    // A topic has a message before anybody comes: those who start live have a position in it to be held to.
    for topic in 0..options.topics {
        publisher::publish(address, topic, 1..=1, options.interval()).await?;
    }
    let (heads, known) = watch::channel(None);
    let until = Instant::now() + options.duration;
    let world = Arc::new(World { options: options.clone(), address, until, heads: known });

    let mut clients = JoinSet::new();
    for number in 0..options.clients {
        clients.spawn(Client::new(world.clone(), number)?.run());
    }
    let mut publishers = JoinSet::new();
    let last = options.messages_per_topic();
    for topic in 0..options.topics {
        publishers.spawn(publisher::publish(address, topic, 2..=last, options.interval()));
    }
    while let Some(outcome) = publishers.join_next().await {
        outcome??;
    }
    let published_until = Instant::now();
    tokio::time::sleep_until(until).await;
    heads.send_replace(Some(last));

    let late = published_until.saturating_duration_since(until);
    let mut report = Report::new(options, last, late);
    let deadline = Instant::now() + SETTLING_TIME;
    while let Ok(Some(outcome)) = tokio::time::timeout_at(deadline, clients.join_next()).await {
        report.add(&outcome?);
    }
    report.settled(clients.len());
    Ok(report)
}
