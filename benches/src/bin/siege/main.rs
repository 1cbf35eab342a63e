//! Attacks on a server: `cargo run --release -p tidewire-bench --bin siege [-- --quick]`.
//!
//! For each attack an echo server of `tidewire-tokio` in a process of its own, with honest clients that echo all through
//! it, and another such server that is left alone. The server must do what it promises about those who attack it, and the
//! honest ones must feel nothing; else the program fails.
//!
//! ```text
//!   canary: 100 honest clients, an echo a second each ─▶ server ◀─ the attack: raw sockets, frames by hand
//!           nothing lost, nothing late                      │
//!                                                           └─ its memory, processor time and open files
//!   as many others ─▶ server: how late it gets without an attack, just then and on this machine
//! ```

mod attacks;
mod canary;
mod client;
mod options;
mod report;
mod server;

use std::process::ExitCode;

use clap::Parser;
use tidewire_bench::pin;

use attacks::Attack;
use canary::Canary;
use options::{Cli, Command, Options};
use report::{Check, Report, Row};

type Failed = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match &cli.command {
        Some(Command::Serve(serve)) => match server::serve(serve) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error}");
                ExitCode::FAILURE
            }
        },
        None => {
            let options = cli.options();
            tidewire_bench::conclude(report(&options), Report::kept_its_promises)
        }
    }
}

fn report(options: &Options) -> Result<Report, Failed> {
    pin::raise_open_files()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut rows = Vec::new();
    for attack in options.attacks.iter().copied() {
        rows.push(runtime.block_on(row(options, attack))?);
    }
    Ok(Report { options: options.clone(), rows })
}

/// One attack on a fresh server, beside another that is left alone.
async fn row(options: &Options, attack: Attack) -> Result<Row, Failed> {
    eprintln!("{attack}: {}", attack.what());
    let settings = attack.settings(options);
    let (mut server, control) = (server::start(&settings)?, server::start(&settings)?);
    let canaries = attack.canaries(options);
    let (canary, beside) =
        (Canary::start(server.address, canaries)?, Canary::start(control.address, canaries)?);
    let found = match attack.run(&server, options).await {
        Ok(found) => found,
        Err(error) => vec![Check::broken(error.to_string())],
    };
    let (canary, beside) = (canary.stop()?, beside.stop()?);
    // A server that saw what it should not have ended itself.
    let ended = server.ended()?;
    Ok(Row { attack, found, canary, beside, ended })
}
