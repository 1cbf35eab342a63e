//! Opening handshakes: `cargo run --release -p tidewire-bench --features peers --bin handshake [-- --quick]`.
//!
//! Processor time of the server to accept a connection, to answer its request with a 101 and to see it end, beside a floor written
//! by hand and (feature `peers`) other crates.

use std::{io, process::ExitCode};

use clap::Parser;
use tidewire_bench::load::{
    contest::Stadium,
    handshakes::Handshakes,
    options::Options,
    roster,
    table::{Against, Goal, table},
};

/// Measures opening handshakes.
#[derive(Debug, Parser)]
#[command(name = "handshake")]
struct Cli {
    #[command(flatten)]
    options: Options,
}

const GOALS: [Goal; 2] = [Goal::new(Against::Floor, 1.15), Goal::new(Against::BestPeer, 1.0)];

fn main() -> ExitCode {
    let cli = Cli::parse();
    tidewire_bench::conclude(run(&cli.options), |_| true)
}

fn run(options: &Options) -> io::Result<String> {
    let stadium = Stadium::build(options.cores())?;
    let connect = |address| Ok(Handshakes::new(address));
    let rows =
        stadium.contest(&options.take_part(&roster::handshakes()), "echo", 0, options.pace(), connect)?;
    Ok(table("Accept, upgrade, end", "ns a handshake", &rows, &GOALS))
}
