//! The command line, and what follows from it.

use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::attacks::Attack;

/// Attacks a server in a process of its own, and looks what that costs it and its honest clients.
#[derive(Debug, Parser)]
#[command(name = "siege")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// Only this attack; may be given several times.
    #[arg(long)]
    only: Vec<Attack>,
    /// What share of the slow handshakes, bad frames and pings there is, in percent. Default 100.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100))]
    scale: Option<u32>,
    /// Honest clients. Default 100.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    canaries: Option<u32>,
    /// A twentieth of everything, against a server whose deadlines are a tenth of the defaults, and figures that are told
    /// from noise only where they are far off.
    #[arg(long)]
    quick: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The server that is attacked.
    #[command(hide = true)]
    Serve(Serve),
}

/// How the server is set.
#[derive(Args, Clone, Debug)]
pub(crate) struct Serve {
    /// All deadlines are this part of the defaults.
    #[arg(long, default_value_t = 1)]
    pub(crate) hurry: u32,
    /// The limits of messages.
    #[arg(long, value_enum, default_value_t = Messages::Default)]
    pub(crate) messages: Messages,
    /// How many files it may have open; unless it is given, as many as it may have.
    #[arg(long)]
    pub(crate) open_files: Option<u64>,
}

/// The limits of messages, and whether they are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Messages {
    /// The defaults, without compression.
    Default,
    /// Those of the catalogue of bad inputs, with compression for who offers it.
    Catalogue,
}

/// What is to be done.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) attacks: Vec<Attack>,
    /// Percent of the whole.
    pub(crate) scale: u32,
    pub(crate) canaries: usize,
    /// The deadlines of the server are this part of the defaults.
    pub(crate) hurry: u32,
    /// What this machine may add to a deadline.
    pub(crate) slack: Duration,
    /// How late an echo may be, whatever it is without an attack.
    pub(crate) noise: Duration,
}

/// An echo that takes longer is one that an honest client feels.
const PROMPT: Duration = Duration::from_millis(50);

/// The same for a run of a few seconds, which a single hiccup is a large part of.
const QUICK_NOISE: Duration = Duration::from_millis(250);

/// What a run of a few seconds allows beyond a deadline.
const QUICK_SLACK: Duration = Duration::from_secs(2);

impl Cli {
    pub(crate) fn options(&self) -> Options {
        let attacks = if self.only.is_empty() { Attack::all() } else { self.only.clone() };
        Options {
            attacks,
            scale: self.scale.unwrap_or(if self.quick { 5 } else { 100 }),
            canaries: self.canaries.unwrap_or(if self.quick { 50 } else { 100 }) as usize,
            hurry: if self.quick { 10 } else { 1 },
            slack: if self.quick { QUICK_SLACK } else { Duration::ZERO },
            noise: if self.quick { QUICK_NOISE } else { PROMPT },
        }
    }
}

impl Options {
    /// The share of so many that there is; one at least.
    pub(crate) fn share(&self, whole: usize) -> usize {
        (whole * self.scale as usize / 100).max(1)
    }

    /// A time by the server's deadlines.
    pub(crate) fn hurried(&self, time: Duration) -> Duration {
        time / self.hurry
    }

    /// A deadline as it is told from noise.
    pub(crate) fn at_most(&self, deadline: Duration) -> Duration {
        self.hurried(deadline) + self.slack
    }
}
