//! Memory of an idle connection: `cargo run --release -p tidewire-bench --features peers --bin idle [-- --quick]`.
//!
//! Opens connections (10,000 by default) to one server after the other, each a process of its own that this program builds
//! and starts, and prints the growth of their resident memory, divided by the connections: fresh, after each has echoed
//! 1 KiB, and after each has echoed 64 KiB. Event streams are measured once they are open.

use std::{io, process::ExitCode};

use clap::Parser;
use tidewire_bench::{
    Server, echo, gateway,
    load::{
        contest::{Cores, Kind, Stadium},
        events, open_websockets, roster,
        row::Row,
        table::{Against, Goal, table},
    },
    open_websocket,
};

/// Measures the memory of idle connections.
#[derive(Debug, Parser)]
#[command(name = "idle")]
struct Cli {
    /// Connections to each server.
    #[arg(long, default_value_t = 10_000)]
    connections: usize,
    /// 500 connections.
    #[arg(long)]
    quick: bool,
    /// The servers whose names contain this.
    #[arg(long)]
    only: Option<String>,
}

/// What a WebSocket may cost, in bytes.
const WEBSOCKET_GOAL: Goal = Goal::new(Against::Bytes, 1536.0);

/// What an event stream on our own server may cost, in bytes.
const EVENTS_GOAL: Goal = Goal { of: Some("tidewire"), against: Against::Bytes, at_most: 2048.0 };

/// And on hyper's.
const HYPER_GOAL: Goal =
    Goal { of: Some("tidewire-on-hyper"), against: Against::Bytes, at_most: 12.0 * 1024.0 };

/// Lengths of the echoes, in bytes; before the first a connection is fresh.
const ECHOES: [usize; 2] = [1024, 64 * 1024];

const TITLES: [&str; 3] =
    ["WebSocket, fresh", "WebSocket, after a 1 KiB echo", "WebSocket, after a 64 KiB echo"];

fn main() -> ExitCode {
    let cli = Cli::parse();
    tidewire_bench::conclude(run(&cli), |_| true)
}

impl Cli {
    fn connections(&self) -> usize {
        if self.quick { self.connections.min(500) } else { self.connections }
    }

    fn wants(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| name.contains(only.as_str()))
    }
}

/// The figures of one server, one for each title.
struct Found {
    name: String,
    kind: Kind,
    figures: Vec<f64>,
}

fn run(cli: &Cli) -> io::Result<String> {
    // Built and started before the load takes its core.
    let gateway = cli.wants("gateway").then(|| gateway::start(&[])).transpose()?;
    let stadium = Stadium::build(Cores::Apart)?;
    let connections = cli.connections();
    let mut found = Vec::new();
    for entrant in roster::echo().iter().filter(|entrant| cli.wants(entrant.name)) {
        let server = stadium.start(entrant, "echo")?;
        let figures = websockets(&server, connections, |_| "/".to_owned())?;
        found.push(Found { name: entrant.name.to_owned(), kind: entrant.kind, figures });
    }
    if let Some(server) = gateway {
        // A topic for each connection, or everyone would hear what everyone says.
        let figures = websockets(&server, connections, |number| format!("/ws?topic=idle-{number}"))?;
        found.push(Found { name: "gateway, raw".to_owned(), kind: Kind::Other, figures });
    }
    let mut text = format!("Resident memory for each of {connections} idle connections\n\n");
    for (column, title) in TITLES.iter().enumerate() {
        text.push_str(&(table(title, "bytes", &rows(&found, column), &[WEBSOCKET_GOAL]) + "\n"));
    }
    let mut streams = Vec::new();
    for entrant in roster::events().iter().filter(|entrant| cli.wants(entrant.name)) {
        let server = stadium.start(entrant, "events")?;
        let figures = vec![event_streams(&server, connections)?];
        streams.push(Found { name: entrant.name.to_owned(), kind: entrant.kind, figures });
    }
    text.push_str(&table("Event stream", "bytes", &rows(&streams, 0), &[EVENTS_GOAL, HYPER_GOAL]));
    Ok(text)
}

fn rows(found: &[Found], column: usize) -> Vec<Row> {
    let row = |found: &Found| Row::once(found.name.clone(), found.kind, found.figures[column]);
    found.iter().map(row).collect()
}

/// Fresh, and after each echo.
fn websockets(server: &Server, count: usize, target: impl Fn(usize) -> String) -> io::Result<Vec<f64>> {
    // What a first connection sets up once is not what a connection costs.
    drop(open_websockets(server.address, &target(0), 1)?);
    server.settled_processor_time()?;
    let before = server.resident_bytes()?;
    let mut open = Vec::with_capacity(count);
    for number in 0..count {
        open.push(open_websocket(server.address, &target(number))?);
    }
    let mut figures = vec![each(server, before, count)?];
    for len in ECHOES {
        let payload: Vec<u8> = (0..len).map(|at| at as u8).collect();
        open.iter_mut().try_for_each(|stream| echo(stream, &payload))?;
        figures.push(each(server, before, count)?);
    }
    Ok(figures)
}

/// The growth since `before`, divided.
fn each(server: &Server, before: u64, count: usize) -> io::Result<f64> {
    server.settled_processor_time()?;
    Ok(server.resident_bytes()?.saturating_sub(before) as f64 / count as f64)
}

fn event_streams(server: &Server, count: usize) -> io::Result<f64> {
    drop(events::open(server.address)?);
    server.settled_processor_time()?;
    let before = server.resident_bytes()?;
    let open = (0..count).map(|_| events::open(server.address)).collect::<io::Result<Vec<_>>>()?;
    let figure = each(server, before, count)?;
    drop(open);
    Ok(figure)
}
