//! The program: many seeds, on a few threads, and one line at the end.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use clap::Parser;
use tidewire_sim::{Flaw, Follow, Options, Outcome, run, summary};

/// Simulates connections and what goes wrong with them, and checks that none dies unnoticed or is killed wrongly.
#[derive(Debug, Parser)]
#[command(name = "tidewire-sim")]
struct Cli {
    /// How many seeds.
    #[arg(long, default_value_t = 50)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 1)]
    first_seed: u64,
    /// This seed alone, and more about it.
    #[arg(long, conflicts_with_all = ["seeds", "first_seed"])]
    seed: Option<u64>,
    /// Simulated hours of each.
    #[arg(long, default_value_t = 1)]
    hours: u64,
    /// Seeds that run at the same time.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Each step of the connection of this number, of a single seed.
    #[arg(long, requires = "seed")]
    follow: Option<u32>,
    /// Each step of the hub's reader of this number, of a single seed.
    #[arg(long, requires = "seed", conflicts_with = "follow")]
    follow_reader: Option<u32>,
    /// Something wrong on purpose, to see it found.
    #[arg(long)]
    flaw: Option<Flaw>,
}

#[expect(clippy::disallowed_methods, reason = "the speed is that of the clock on the wall")]
fn main() -> ExitCode {
    let cli = Cli::parse();
    let options = Options {
        length: Duration::from_secs(cli.hours.saturating_mul(3600)),
        flaw: cli.flaw,
        follow: cli.follow.map(Follow::Connection).or(cli.follow_reader.map(Follow::Reader)),
    };
    let (first, count) = cli.seed.map_or((cli.first_seed, cli.seeds), |seed| (seed, 1));
    let began = Instant::now();
    let mut violations = 0;
    each(first, count, cli.threads, &options, |outcome| {
        if cli.seed.is_some() {
            say(&outcome);
        }
        for violation in &outcome.violations {
            say(&format_args!("{violation}\n"));
        }
        violations += outcome.violations.len();
    });
    say(&format_args!("{}\n", summary(count, cli.hours, violations, began.elapsed())));
    if violations == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Whoever reads the beginning alone, as `head` does, may go.
fn say(words: &dyn Display) {
    let _ = write!(io::stdout(), "{words}");
}

/// Runs the seeds, and tells of each in their order.
fn each(first: u64, count: u64, threads: usize, options: &Options, mut tell: impl FnMut(Outcome)) {
    let next = AtomicU64::new(0);
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count || sender.send((index, run(first + index, options))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut waiting = std::collections::BTreeMap::new();
        let mut told = 0;
        for (index, outcome) in receiver {
            waiting.insert(index, outcome);
            while let Some(outcome) = waiting.remove(&told) {
                tell(outcome);
                told += 1;
            }
        }
    });
}
