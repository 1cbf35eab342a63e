//! Fan-out: `cargo run --release -p tidewire-bench --features peers --bin fanout [-- --quick]`.
//!
//! Processor time of the server for each delivery: one connection publishes a burst in one write, all of them receive it, and then
//! comes the next. Over WebSockets and as event streams, beside a floor written by hand and (feature `peers`) other crates.

use std::{io, process::ExitCode};

use clap::Parser;
use tidewire_bench::load::{
    contest::{Entrant, Stadium},
    events::Events,
    fanout::FanOut,
    open_websockets,
    options::Options,
    roster,
    row::Row,
    table::{Against, Goal, grouped, table},
};

/// Measures fan-out.
#[derive(Debug, Parser)]
#[command(name = "fanout")]
struct Cli {
    #[command(flatten)]
    options: Options,
}

/// Bytes of a message.
const LEN: usize = 128;

/// What is delivered to how many.
#[derive(Clone, Copy, Debug)]
struct Work {
    subscribers: usize,
    burst: usize,
}

const WORKS: [Work; 4] = [
    Work { subscribers: 1_000, burst: 1 },
    Work { subscribers: 1_000, burst: 8 },
    Work { subscribers: 5_000, burst: 1 },
    Work { subscribers: 5_000, burst: 8 },
];

const SINGLES: &[Goal] = &[Goal::new(Against::Floor, 1.10)];
const BURSTS: &[Goal] = &[Goal::new(Against::Floor, 1.25), Goal::new(Against::BestPeer, 0.3)];
const EVENTS: &[Goal] = &[Goal::new(Against::Floor, 1.3)];

const THREADS: &[Goal] = &[
    Goal::between("tidewire, 2 threads", "tidewire", 1.15),
    Goal::between("tidewire-each, 2 threads", "tidewire", 1.15),
    Goal::between("floor, 2 threads", "floor", 1.15),
];

fn main() -> ExitCode {
    let cli = Cli::parse();
    tidewire_bench::conclude(run(&cli.options), |_| true)
}

fn run(options: &Options) -> io::Result<&'static str> {
    let stadium = Stadium::build(options.cores())?;
    println!("Processor time of the server for each delivery of {LEN} bytes\n");
    for work in WORKS {
        let title = title(options, work, "WebSockets");
        if options.wants(&title) {
            let goals = if work.burst == 1 { SINGLES } else { BURSTS };
            show(&title, &websockets(&stadium, options, &roster::fan_out(), work)?, goals);
        }
    }
    for work in WORKS {
        let title = title(options, work, "event streams");
        if options.wants(&title) {
            let subscribers = options.connections(work.subscribers);
            let rows = stadium.contest(
                &options.take_part(&roster::events()),
                "events",
                subscribers,
                options.pace(),
                |address| Events::open(address, subscribers, LEN, work.burst),
            )?;
            show(&title, &rows, EVENTS);
        }
    }
    for work in &WORKS[..2] {
        let title = format!("Two threads: {}", title(options, *work, "WebSockets"));
        if options.wants(&title) {
            show(&title, &websockets(&stadium, options, &roster::own_on_two_threads(), *work)?, THREADS);
        }
    }
    Ok("Everyone received every message.")
}

fn title(options: &Options, work: Work, subscribers: &str) -> String {
    format!("{} {subscribers}, {} in flight", grouped(options.connections(work.subscribers)), work.burst)
}

fn show(title: &str, rows: &[Row], goals: &[Goal]) {
    println!("{}", table(title, "ns a delivery", rows, goals));
}

fn websockets(stadium: &Stadium, options: &Options, roster: &[Entrant], work: Work) -> io::Result<Vec<Row>> {
    let subscribers = options.connections(work.subscribers);
    stadium.contest(&options.take_part(roster), "fanout", subscribers, options.pace(), |address| {
        FanOut::new(open_websockets(address, "/", subscribers)?, LEN, work.burst)
    })
}
