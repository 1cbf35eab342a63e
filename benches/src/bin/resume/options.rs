//! The command line, and what follows from it.

use std::time::Duration;

use clap::Parser;

/// Cuts clients off and lets them resume, over all transports of the gateway, and looks that nobody misses a message.
#[derive(Debug, Parser)]
#[command(name = "resume")]
pub(crate) struct Cli {
    /// Clients, a quarter of them on each transport. Default 1,000.
    #[arg(long, value_parser = clap::value_parser!(u32).range(4..=5_000))]
    clients: Option<u32>,
    /// How long messages are published and clients cut off, in seconds. Default 60.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    seconds: Option<u32>,
    /// 100 clients for 5 seconds.
    #[arg(long)]
    quick: bool,
    /// Resume on the transport that was cut, and not on another.
    #[arg(long)]
    same_transport: bool,
    /// Topics; a client follows up to three of them.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    topics: u32,
    /// Messages a second on each topic.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rate: u32,
    /// How long a connection lasts, in milliseconds, on average.
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(10..=60_000))]
    every: u32,
    /// What chance is drawn from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// What is to be done.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) clients: usize,
    pub(crate) duration: Duration,
    pub(crate) change: Change,
    pub(crate) topics: usize,
    pub(crate) rate: u32,
    /// How long a connection lasts on average.
    pub(crate) every: Duration,
    pub(crate) seed: u64,
}

/// Where a client resumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// On another transport than the one that was cut.
    Transport,
    /// On the same.
    Nothing,
}

impl Cli {
    pub(crate) fn options(&self) -> Options {
        let (clients, seconds) = if self.quick { (100, 5) } else { (1_000, 60) };
        Options {
            clients: self.clients.unwrap_or(clients) as usize,
            duration: Duration::from_secs(self.seconds.unwrap_or(seconds).into()),
            change: if self.same_transport { Change::Nothing } else { Change::Transport },
            topics: self.topics as usize,
            rate: self.rate,
            every: Duration::from_millis(self.every.into()),
            seed: self.seed,
        }
    }
}

impl Options {
    /// The time between two messages of a topic.
    pub(crate) fn interval(&self) -> Duration {
        Duration::from_secs(1) / self.rate
    }

    /// The messages of a topic, which is the offset of its last, too: offsets count from 1.
    pub(crate) fn messages_per_topic(&self) -> u64 {
        (self.duration.as_secs() * u64::from(self.rate)).max(2)
    }
}
