//! The gateway binary `tidewire`: WebSocket, SSE, NDJSON and long polling over one hub.
//!
//! ```text
//!   cli ─┬▶ tail ─▶ terminal
//!        └▶ server ─▶ app (router) ─┬─ page, topics
//!                                  ├─ publish ── body
//!                                  ├─ poll
//!                                  ├─ stream ─┬─ sse
//!                                  │          └─ ndjson
//!                                  └─ ws ─┬─ raw
//!                                         └─ json
//!   params and error: what comes in and how it is refused · message and record: what goes out, encoded once
//! ```

mod cli;
mod server;
mod tail;
mod terminal;

mod app;

mod error;
mod params;

mod message;
mod record;

mod body;
mod publish;

mod ndjson;
mod poll;
mod sse;
mod stream;

mod ws;

mod page;
mod topics;

use clap::Parser;
use std::io::IsTerminal;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let task = cli::Cli::parse().into_task();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        // It would tell of them with `eprintln!`, which panics when standard error is closed.
        .log_internal_errors(false)
        .init();
    let outcome = match task {
        cli::Task::Serve(options) => serve(options).map_err(Failure::Failed),
        cli::Task::Tail(options) => tail::run(&options),
    };
    let (message, status) = match outcome {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Failed(message)) => (message, ExitCode::FAILURE),
        Err(Failure::Usage(message)) => (message, ExitCode::from(2)),
    };
    terminal::say(message);
    status
}

/// Why a command did not end well, for humans.
enum Failure {
    /// What was asked for makes no sense: status 2, as for arguments that are none.
    Usage(String),
    /// Something went wrong: status 1.
    Failed(String),
}

fn serve(options: cli::Serve) -> Result<(), String> {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Err(format!("cannot start the runtime: {error}")),
    };
    let outcome = runtime.block_on(server::serve(options));
    // Whatever is still open has had its time.
    runtime.shutdown_background();
    outcome
}
