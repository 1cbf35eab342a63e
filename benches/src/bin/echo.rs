//! Echo: `cargo run --release -p tidewire-bench --features peers --bin echo [-- --quick]`.
//!
//! Processor time of the server for each message that it echoes, beside a floor written by hand and (feature `peers`) other
//! crates: all of them under the same load in turns, each a process of its own. Then ours and the floor alone, on two
//! threads and with fifteen times as many connections.

use std::{io, process::ExitCode};

use clap::Parser;
use tidewire_bench::load::{
    contest::{Entrant, Stadium},
    echo::Echo,
    open_websockets,
    options::Options,
    roster,
    row::Row,
    table::{Against, Goal, grouped, length, table},
};

/// Measures echoes.
#[derive(Debug, Parser)]
#[command(name = "echo")]
struct Cli {
    #[command(flatten)]
    options: Options,
}

/// What is echoed.
#[derive(Clone, Copy, Debug)]
struct Work {
    len: usize,
    depth: usize,
    connections: usize,
    goals: &'static [Goal],
}

impl Work {
    /// What it is called, with so many connections.
    fn title(&self, connections: usize) -> String {
        format!("{}, depth {}, {} connections", length(self.len), self.depth, grouped(connections))
    }
}

const BURSTS: &[Goal] = &[
    Goal::new(Against::Floor, 1.15),
    Goal::new(Against::BestPeer, 0.2),
    Goal::new(Against::Named("tokio-tungstenite-forward"), 0.2),
    Goal::new(Against::Named("sockudo-batching"), 1.0),
];

const SINGLES: &[Goal] = &[
    Goal::new(Against::Floor, 1.10),
    Goal::new(Against::BestPeer, 1.0),
    Goal::new(Against::BestBatching, 1.0),
];

const WORKS: [Work; 7] = [
    Work { len: 32, depth: 16, connections: 100, goals: BURSTS },
    Work { len: 32, depth: 16, connections: 1_000, goals: BURSTS },
    Work { len: 1024, depth: 16, connections: 100, goals: BURSTS },
    Work { len: 1024, depth: 16, connections: 1_000, goals: BURSTS },
    Work { len: 32, depth: 1, connections: 100, goals: SINGLES },
    Work { len: 16 * 1024, depth: 1, connections: 100, goals: SINGLES },
    Work { len: 1024 * 1024, depth: 1, connections: 10, goals: SINGLES },
];

const THREADS: &[Goal] = &[
    Goal::between("tidewire, 2 threads", "tidewire", 1.15),
    Goal::between("tidewire-each, 2 threads", "tidewire", 1.15),
    Goal::between("floor, 2 threads", "floor", 1.15),
];

const GROWTH: &[Goal] =
    &[Goal::between("tidewire, crowded", "tidewire", 1.3), Goal::between("floor, crowded", "floor", 1.3)];

/// Connections of a crowd.
const MANY: usize = 15_000;

fn main() -> ExitCode {
    let cli = Cli::parse();
    tidewire_bench::conclude(run(&cli.options), |_| true)
}

fn run(options: &Options) -> io::Result<&'static str> {
    let stadium = Stadium::build(options.cores())?;
    println!("Processor time of the server for each message\n");
    let show = |title: &str, rows: &[Row], goals| println!("{}", table(title, "ns a message", rows, goals));
    for work in &WORKS {
        let connections = options.connections(work.connections);
        let title = work.title(connections);
        if options.wants(&title) {
            let rows = contest(&stadium, options, &roster::echo(), work, connections)?;
            show(&title, &rows, work.goals);
        }
    }
    let [one, few, ..] = &WORKS;
    let connections = options.connections(one.connections);
    let title = format!("Two threads: {}", one.title(connections));
    if options.wants(&title) {
        let rows = contest(&stadium, options, &roster::own_on_two_threads(), one, connections)?;
        show(&title, &rows, THREADS);
    }
    let (connections, crowd) = (options.connections(few.connections), options.connections(MANY));
    let title = format!("Growth: {}, crowded: {}", few.title(connections), grouped(crowd));
    if options.wants(&title) {
        let mut rows = contest(&stadium, options, &roster::own(), few, connections)?;
        let crowded = contest(&stadium, options, &roster::own(), few, crowd)?;
        rows.extend(crowded.into_iter().map(|row| {
            let name = format!("{}, crowded", row.name);
            row.of_another_contest(name)
        }));
        show(&title, &rows, GROWTH);
    }
    Ok("All answers were right.")
}

fn contest(
    stadium: &Stadium,
    options: &Options,
    roster: &[Entrant],
    work: &Work,
    connections: usize,
) -> io::Result<Vec<Row>> {
    stadium.contest(&options.take_part(roster), "echo", connections, options.pace(), |address| {
        Echo::new(open_websockets(address, "/", connections)?, work.len, work.depth)
    })
}
