//! Memory of an idle WebSocket: `cargo run --release -p tidewire-bench --bin idle [-- CONNECTIONS]`.
//!
//! Opens connections (5,000 by default) to the echo server and to the gateway, each a process of its own that this
//! program builds and starts, and prints the growth of their resident memory, divided by the connections.

use std::{env, error::Error, process::Command};

use tidewire_bench::{Server, echo, gateway, open_websocket};

fn main() -> Result<(), Box<dyn Error>> {
    let connections: u32 = env::args().nth(1).map_or(Ok(5_000), |count| count.parse())?;
    let folder = gateway::build(&["-p", "tidewire", "-p", "tidewire-tokio", "--bins", "--examples"])?;

    println!("Resident memory for each of {connections} idle WebSockets, in bytes\n");
    println!("| Server | fresh | after a 1 KiB echo | after a 60 KiB echo |\n|---|---|---|---|");
    let mut echo_server = Command::new(folder.join("examples/echo_server"));
    row("echo server", echo_server.arg("127.0.0.1:0"), "/", connections)?;
    let mut gateway = Command::new(folder.join("tidewire"));
    row("gateway, raw", gateway.args(["serve", "--listen", "127.0.0.1:0"]), "/ws?topic=idle", connections)?;
    println!(
        "\nThe gateway keeps what was published as its topics' history: that is part of its last two figures."
    );
    Ok(())
}

/// Measures one server and prints its row. On the gateway each connection follows a topic of its own.
fn row(name: &str, command: &mut Command, target: &str, connections: u32) -> Result<(), Box<dyn Error>> {
    let server = Server::start(command)?;
    // What a first connection sets up once is not what a connection costs.
    drop(open_websocket(server.address, target)?);
    let before = server.resident_bytes()?;
    let each = |now: u64| now.saturating_sub(before) / u64::from(connections);
    let mut open = Vec::new();
    for number in 0..connections {
        let own = if target.contains('?') { format!("{target}-{number}") } else { target.to_owned() };
        open.push(open_websocket(server.address, &own)?);
    }
    let fresh = each(server.resident_bytes()?);
    let mut after = [0; 2];
    for (figure, len) in after.iter_mut().zip([1024, 60 * 1024]) {
        for stream in &mut open {
            echo(stream, len)?;
        }
        *figure = each(server.resident_bytes()?);
    }
    println!("| {name} | {fresh} | {} | {} |", after[0], after[1]);
    Ok(())
}
