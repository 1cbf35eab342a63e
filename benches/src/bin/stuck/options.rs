//! The command line, and what follows from it.

use std::time::Duration;

use clap::Parser;

/// Lets half of the subscribers of a topic never read, and looks what that costs the gateway and the others.
#[derive(Debug, Parser)]
#[command(name = "stuck")]
pub(crate) struct Cli {
    /// Subscribers; half of them never read. Default 2,000.
    #[arg(long, value_parser = clap::value_parser!(u32).range(2..=8_000))]
    subscribers: Option<u32>,
    /// Messages a second. Default 1,000.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rate: Option<u32>,
    /// How long messages are published, in seconds. Default 60.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    seconds: Option<u32>,
    /// 200 subscribers, 400 messages a second, for 4 seconds.
    #[arg(long)]
    quick: bool,
    /// Messages that the topic keeps. Default: those of two and a half seconds.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    history: Option<u32>,
}

/// What is to be done.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) readers: usize,
    pub(crate) stuck: usize,
    pub(crate) rate: u32,
    pub(crate) duration: Duration,
    pub(crate) history: u32,
    /// Latencies up to this are not told apart.
    pub(crate) noise: Duration,
    /// Memory up to this, in bytes, is not either.
    pub(crate) memory_noise: u64,
}

/// What the scheduler of a machine with other work adds to any latency.
const NOISE: Duration = Duration::from_millis(25);

/// The same for a run of a few seconds, which a single hiccup is a large part of.
const QUICK_NOISE: Duration = Duration::from_millis(250);

/// What an allocator with two threads adds to the memory of such a run, whose 5 % are some hundred KiB.
const QUICK_MEMORY_NOISE: u64 = 2 * 1024 * 1024;

impl Cli {
    pub(crate) fn options(&self) -> Options {
        let (subscribers, rate, seconds) = if self.quick { (200, 400, 4) } else { (2_000, 1_000, 60) };
        let subscribers = self.subscribers.unwrap_or(subscribers) as usize;
        let rate = self.rate.unwrap_or(rate);
        Options {
            readers: subscribers - subscribers / 2,
            stuck: subscribers / 2,
            rate,
            duration: Duration::from_secs(self.seconds.unwrap_or(seconds).into()),
            history: self.history.unwrap_or(rate * 5 / 2).max(1),
            noise: if self.quick { QUICK_NOISE } else { NOISE },
            memory_noise: if self.quick { QUICK_MEMORY_NOISE } else { 0 },
        }
    }
}

impl Options {
    /// Messages of one run.
    pub(crate) fn messages(&self) -> u64 {
        self.duration.as_secs() * u64::from(self.rate)
    }

    /// The time between two messages.
    pub(crate) fn interval(&self) -> Duration {
        Duration::from_secs(1) / self.rate
    }
}
