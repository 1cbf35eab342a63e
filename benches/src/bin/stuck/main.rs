//! Subscribers that never read: `cargo run --release -p tidewire-bench --bin stuck [-- --quick]`.
//!
//! A gateway in a process of its own, and one topic with messages of 1 KiB at a steady rate. Two runs, one with subscribers that
//! all read, one with as many again that take nothing. The stuck ones must cost the gateway no memory to speak of and the
//! others no message and not much time, and each must learn that it missed something; else the program fails.
//!
//! ```text
//!   publisher ─ WebSocket ─▶ gateway ─┬─ WebSocket ─▶ reader: each message in order, and how late
//!                                     └─ WebSocket ─▶ stuck: reads when all is over, and sees how it was ended
//! ```

mod options;
mod publisher;
mod reader;
mod report;
mod stuck;

use std::{net::SocketAddr, process::ExitCode, sync::Arc, time::Duration};

use clap::Parser;
use tidewire_bench::{Server, gateway, histogram::Histogram, open_websocket};
use tokio::{task::JoinSet, time::Instant};

use options::{Cli, Options};
use report::{Report, Run};

/// Where the readers and the stuck ones are.
const TARGET: &str = "/ws?topic=stuck";

/// How long readers may take to receive the rest once nothing more is published.
const SETTLING_TIME: Duration = Duration::from_secs(20);

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// What everybody in a run shares.
#[derive(Debug)]
struct World {
    address: SocketAddr,
    /// When the first message is due.
    start: Instant,
    /// Messages of the run.
    messages: u64,
    interval: Duration,
}

fn main() -> ExitCode {
    let options = Cli::parse().options();
    tidewire_bench::conclude(report(&options), Report::kept_its_promises)
}

fn report(options: &Options) -> Result<Report, Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let without = runtime.block_on(run(options, 0))?;
    let with = runtime.block_on(run(options, options.stuck))?;
    Ok(Report { options: options.clone(), without, with })
}

/// One run on a fresh gateway.
async fn run(options: &Options, stuck: usize) -> Result<Run, Failed> {
    let server = gateway::start(&["--history", &options.history.to_string()])?;
    let mut sockets = Vec::new();
    for _ in 0..stuck {
        sockets.push(stuck::open(server.address, TARGET)?);
    }
    let mut open = Vec::new();
    for _ in 0..options.readers {
        open.push(open_websocket(server.address, TARGET)?);
    }
    let connected = server.resident_bytes()?;
    let world = Arc::new(World {
        address: server.address,
        start: Instant::now() + Duration::from_millis(200),
        messages: options.messages(),
        interval: options.interval(),
    });
    let mut readers = JoinSet::new();
    for stream in open {
        readers.spawn(reader::read(world.clone(), stream));
    }
    let publishing = tokio::spawn(publisher::publish(world.clone()));
    let mut run = Run { connected, ..Run::default() };
    run.late = publishing.await??;
    settle(&mut run, &mut readers).await?;
    figures(&mut run, &server)?;
    run.stuck = stuck::ends(&world, sockets).await?;
    Ok(run)
}

/// Waits for the readers, for so long.
async fn settle(run: &mut Run, readers: &mut JoinSet<reader::Outcome>) -> Result<(), Failed> {
    let deadline = Instant::now() + SETTLING_TIME;
    let mut latencies = Histogram::default();
    while let Ok(Some(outcome)) = tokio::time::timeout_at(deadline, readers.join_next()).await {
        let outcome = outcome?;
        run.received += outcome.received;
        latencies.add(&outcome.latencies);
        run.violations.extend(outcome.violation);
    }
    run.unsettled = readers.len();
    run.latencies = latencies;
    Ok(())
}

fn figures(run: &mut Run, server: &Server) -> Result<(), Failed> {
    run.resident = server.resident_bytes()?;
    run.peak = server.peak_resident_bytes()?;
    run.processor_seconds = server.processor_seconds()?;
    Ok(())
}
