//! Compressed echo: `cargo run --release -p tidewire-bench --features peers --bin deflate [-- --quick]`.
//!
//! Processor time of the server for each compressed JSON text of 1 KiB that it echoes compressed, and the memory of a connection that
//! has done so, beside (feature `peers`) other crates.

use std::{io, net::TcpStream, process::ExitCode};

use clap::Parser;
use tidewire_bench::{
    frames::json,
    load::{
        Load,
        contest::{Entrant, Stadium},
        deflated::{self, Deflated},
        options::Options,
        roster,
        row::Row,
        table::{Against, Goal, table},
    },
};

/// Measures compressed echoes.
#[derive(Debug, Parser)]
#[command(name = "deflate")]
struct Cli {
    #[command(flatten)]
    options: Options,
}

const CONNECTIONS: usize = 100;

/// Connections whose memory is measured.
const IDLE_CONNECTIONS: usize = 1_000;

const TIME: [Goal; 2] = [Goal::new(Against::Named("wtx"), 1.0), Goal::new(Against::BestPeer, 1.0)];
const MEMORY: [Goal; 1] = [Goal::new(Against::Bytes, 2048.0)];

fn main() -> ExitCode {
    let cli = Cli::parse();
    tidewire_bench::conclude(run(&cli.options), |_| true)
}

fn run(options: &Options) -> io::Result<String> {
    let stadium = Stadium::build(options.cores())?;
    let connections = options.connections(CONNECTIONS);
    let text = json(1024);
    let rows = stadium.contest(
        &options.take_part(&roster::deflate()),
        "deflate",
        connections,
        options.pace(),
        |address| {
            let open = (0..connections).map(|_| deflated::open(address)).collect::<io::Result<_>>()?;
            Deflated::new(open, &text)
        },
    )?;
    let title = format!("{} bytes of JSON, {connections} connections", text.len());
    let mut tables = table(&title, "ns a message", &rows, &TIME) + "\n";
    let idle = options.connections(IDLE_CONNECTIONS);
    let mut rows = Vec::new();
    for entrant in roster::deflate() {
        let figure = memory(&stadium, options, &entrant, idle, &text)?;
        rows.push(Row::once(entrant.title(), entrant.kind, figure));
    }
    tables.push_str(&table(
        &format!("{idle} idle connections that have echoed"),
        "bytes each",
        &rows,
        &MEMORY,
    ));
    Ok(tables)
}

/// The growth of resident memory by so many connections that have echoed, divided by them. What serves all of them is there
/// before: one connection has echoed, and is gone.
fn memory(
    stadium: &Stadium,
    options: &Options,
    entrant: &Entrant,
    count: usize,
    text: &str,
) -> io::Result<f64> {
    let server = stadium.start(entrant, "deflate")?;
    let open =
        |count| (0..count).map(|_| deflated::open(server.address)).collect::<io::Result<Vec<TcpStream>>>();
    Deflated::new(open(1)?, text)?.round(options.pace().time)?;
    server.settled_processor_time()?;
    let before = server.resident_bytes()?;
    let mut load = Deflated::new(open(count)?, text)?;
    load.round(options.pace().time)?;
    server.settled_processor_time()?;
    Ok(server.resident_bytes()?.saturating_sub(before) as f64 / count as f64)
}
