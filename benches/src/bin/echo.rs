//! Echo: `cargo run --release -p tidewire-bench --features peers --bin echo [-- --quick]`.
//!
//! Processor time of the server for each message that it echoes, beside a floor written by hand and (feature `peers`) other
//! crates: all of them under the same load in turns, each a process of its own.

use std::{io, process::ExitCode, time::Duration};

use clap::Parser;
use tidewire_bench::load::{
    contest::{Contestant, Entrant, Pace, Stadium, compete},
    echo::Echo,
    open_websockets, roster,
    table::{Against, Goal, Row, table},
};

/// Measures echoes.
#[derive(Debug, Parser)]
#[command(name = "echo")]
struct Cli {
    /// Two short rounds of each, with at most 50 connections.
    #[arg(long)]
    quick: bool,
    /// The work whose title contains this.
    #[arg(long)]
    only: Option<String>,
    /// Connections, whatever the work.
    #[arg(long)]
    connections: Option<usize>,
    /// Rounds that count.
    #[arg(long)]
    rounds: Option<usize>,
}

/// What is echoed.
#[derive(Clone, Copy, Debug)]
struct Work {
    title: &'static str,
    len: usize,
    depth: usize,
    connections: usize,
    goals: &'static [Goal],
}

const BURSTS: &[Goal] = &[
    Goal { against: Against::Floor, at_most: 1.15 },
    Goal { against: Against::BestPeer, at_most: 0.2 },
    Goal { against: Against::Named("tokio-tungstenite-forward"), at_most: 0.2 },
    Goal { against: Against::Named("sockudo-batching"), at_most: 1.0 },
];

const SINGLES: &[Goal] = &[
    Goal { against: Against::Floor, at_most: 1.10 },
    Goal { against: Against::BestPeer, at_most: 1.0 },
    Goal { against: Against::BestBatching, at_most: 1.0 },
];

const WORKS: [Work; 7] = [
    Work { title: "32 B, depth 16, 100 connections", len: 32, depth: 16, connections: 100, goals: BURSTS },
    Work {
        title: "32 B, depth 16, 1,000 connections",
        len: 32,
        depth: 16,
        connections: 1_000,
        goals: BURSTS,
    },
    Work { title: "1 KiB, depth 16, 100 connections", len: 1024, depth: 16, connections: 100, goals: BURSTS },
    Work {
        title: "1 KiB, depth 16, 1,000 connections",
        len: 1024,
        depth: 16,
        connections: 1_000,
        goals: BURSTS,
    },
    Work { title: "32 B, depth 1, 100 connections", len: 32, depth: 1, connections: 100, goals: SINGLES },
    Work {
        title: "16 KiB, depth 1, 100 connections",
        len: 16 * 1024,
        depth: 1,
        connections: 100,
        goals: SINGLES,
    },
    Work {
        title: "1 MiB, depth 1, 10 connections",
        len: 1024 * 1024,
        depth: 1,
        connections: 10,
        goals: SINGLES,
    },
];

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

impl Cli {
    fn pace(&self) -> Pace {
        let (rounds, time) = if self.quick { (2, 50) } else { (11, 300) };
        Pace { rounds: self.rounds.unwrap_or(rounds), time: Duration::from_millis(time) }
    }

    fn wants(&self, title: &str) -> bool {
        self.only.as_ref().is_none_or(|only| title.contains(only.as_str()))
    }

    fn connections(&self, usual: usize) -> usize {
        self.connections.unwrap_or(if self.quick { usual.min(50) } else { usual })
    }
}

fn run(cli: &Cli) -> io::Result<()> {
    let stadium = Stadium::build()?;
    println!("Echo: processor time of the server for each message\n");
    for work in WORKS.iter().filter(|work| cli.wants(work.title)) {
        let mut contestants = Vec::new();
        for entrant in roster::echo() {
            contestants.push(contestant(&stadium, &entrant, work, cli.connections(work.connections))?);
        }
        compete(&mut contestants, cli.pace())?;
        let rows: Vec<Row> = contestants.iter().map(Row::from).collect();
        println!("{}", table(work.title, "ns a message", &rows, work.goals));
    }
    Ok(())
}

fn contestant(
    stadium: &Stadium,
    entrant: &Entrant,
    work: &Work,
    connections: usize,
) -> io::Result<Contestant> {
    let server = stadium.start(entrant, "echo")?;
    let open = open_websockets(server.address, "/", connections)?;
    Ok(Contestant::new(entrant, server, Echo::new(open, work.len, work.depth)?))
}
