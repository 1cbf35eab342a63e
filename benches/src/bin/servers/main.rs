//! The servers that the programs `echo`, `idle`, `fanout`, `handshake` and `deflate` compare, each in a process of its own:
//! `servers SERVER WORK [--threads N] [--core C]…`.
//!
//! | Work | What it does |
//! |---|---|
//! | `echo` | sends back what comes |
//! | `fanout` | sends what comes from anyone to everyone |
//! | `events` | event streams at `GET /`; each line of a body that is posted is an event for all of them |
//! | `deflate` | echo, compressed (RFC 7692) |
//!
//! The floor is written by hand on tokio's sockets; ours and the peers do as their documentation shows.

mod floor;
mod ours;
#[cfg(feature = "peers")]
mod peers;

use std::{error::Error, future::Future, io, net::SocketAddr};

use clap::{Parser, ValueEnum};
use tidewire_bench::pin;
use tidewire_tokio::runtime;
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::{Builder, Runtime},
};

/// Serves on a free port of this machine, which the first line says.
#[derive(Debug, Parser)]
struct Cli {
    /// Whose server.
    server: String,
    /// What it does.
    work: Work,
    /// Threads that serve.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// The cores that it may use; all, unless some are named.
    #[arg(long)]
    core: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Work {
    Echo,
    Fanout,
    Events,
    Deflate,
}

type Failed = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failed> {
    let cli = Cli::parse();
    pin::raise_open_files()?;
    if !cli.core.is_empty() {
        pin::to_cores(&cli.core)?;
    }
    if let Some(threads) = ours::threads(&cli.server, cli.threads)? {
        return runtime::run(threads, |workers| ours::serve(cli.work, workers))?;
    }
    tokio_runtime(cli.threads)?.block_on(async {
        match cli.server.as_str() {
            "floor" => floor::serve(cli.work).await,
            "tidewire-on-axum" => ours::serve_by(ours::Http::Axum, cli.work).await,
            "tidewire-on-hyper" => ours::serve_by(ours::Http::Hyper, cli.work).await,
            #[cfg(feature = "peers")]
            peer => peers::serve(peer, cli.work).await,
            #[cfg(not(feature = "peers"))]
            other => Err(format!("{other} is not among the servers of this build").into()),
        }
    })
}

fn tokio_runtime(threads: usize) -> io::Result<Runtime> {
    match threads {
        1 => Builder::new_current_thread().enable_all().build(),
        threads => Builder::new_multi_thread().worker_threads(threads).enable_all().build(),
    }
}

/// Says where the server listens.
fn say(address: SocketAddr) {
    println!("listening on ws://{address}");
}

/// A listener on a free port, with room for a crowd.
async fn listen() -> io::Result<TcpListener> {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    say(listener.local_addr()?);
    Ok(listener)
}

/// Accepts for ever, each connection in a task of its own.
async fn accept_each<F>(mut handle: impl FnMut(TcpStream) -> F) -> Result<(), Failed>
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = listen().await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(handle(stream));
    }
}

fn unknown(work: Work) -> Failed {
    format!("{work:?} is not what this server does").into()
}
