//! The options that all contests have.

use std::time::Duration;

use clap::Args;

use super::contest::{Cores, Entrant, Pace};

/// What to run, and for how long.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Two short rounds of each, with at most 50 connections.
    #[arg(long)]
    quick: bool,
    /// The work whose title contains this.
    #[arg(long)]
    only: Option<String>,
    /// The servers that take part, by their names. Default: all
    #[arg(long, value_delimiter = ',')]
    servers: Vec<String>,
    /// Connections, whatever the work.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=15_000))]
    connections: Option<u32>,
    /// Rounds that count. Default 11.
    #[arg(long)]
    rounds: Option<usize>,
    /// Servers and load on one core: how far apart two cores are plays no part.
    #[arg(long)]
    same_core: bool,
}

impl Options {
    /// Where servers and load run.
    #[must_use]
    pub fn cores(&self) -> Cores {
        if self.same_core { Cores::Same } else { Cores::Apart }
    }

    /// How long a contest takes.
    #[must_use]
    pub fn pace(&self) -> Pace {
        let (rounds, time) = if self.quick { (2, 50) } else { (11, 300) };
        Pace { rounds: self.rounds.unwrap_or(rounds), time: Duration::from_millis(time) }
    }

    /// Whether the work of this title is to be done.
    #[must_use]
    pub fn wants(&self, title: &str) -> bool {
        self.only.as_ref().is_none_or(|only| title.contains(only.as_str()))
    }

    /// Those of a roster that take part.
    #[must_use]
    pub fn take_part(&self, roster: &[Entrant]) -> Vec<Entrant> {
        let takes_part = |entrant: &&Entrant| {
            self.servers.is_empty() || self.servers.iter().any(|server| server == entrant.name)
        };
        roster.iter().filter(takes_part).cloned().collect()
    }

    /// How many connections there are, where there are usually so many.
    #[must_use]
    pub fn connections(&self, usual: usize) -> usize {
        let asked = self.connections.map(|connections| connections as usize);
        asked.unwrap_or(if self.quick { usual.min(50) } else { usual })
    }
}
