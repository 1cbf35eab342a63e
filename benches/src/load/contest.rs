//! Several servers under the same load, in turns: the medians of their rounds.

use std::{io, process::Command, time::Duration};

use super::Load;
use crate::{Server, gateway, pin};

/// The core that servers of one thread run on.
const SERVER_CORE: usize = 0;

/// The core that the load comes from.
const LOAD_CORE: usize = 1;

/// What a server is, in a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A program that does what cannot be avoided, and nothing else.
    Floor,
    /// Ours.
    Ours,
    /// Another crate in the loop that its documentation shows.
    Peer,
    /// Another crate in a loop that gathers answers before it writes.
    Batching,
    /// Something that is shown beside the others and compared with none.
    Other,
}

/// A server that takes part.
#[derive(Clone, Debug)]
pub struct Entrant {
    /// What the tables and the command line of the program `servers` call it.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Its threads.
    pub threads: usize,
}

impl Entrant {
    /// A server of one thread.
    #[must_use]
    pub const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, threads: 1 }
    }
}

/// How long a contest takes.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Rounds that count; one before them does not.
    pub rounds: usize,
    /// The length of a round.
    pub time: Duration,
}

/// Where the servers' program lies, and where servers and load run.
#[derive(Debug)]
pub struct Stadium {
    program: std::path::PathBuf,
    /// Whether cores are theirs alone.
    is_pinned: bool,
}

impl Stadium {
    /// Builds the servers, and takes a core for the load.
    ///
    /// # Errors
    /// They do not build.
    pub fn build() -> io::Result<Self> {
        pin::raise_open_files()?;
        let mut arguments = vec!["-p", "tidewire-bench", "--bin", "servers"];
        if cfg!(feature = "peers") {
            arguments.extend(["--features", "peers"]);
        }
        let program = gateway::build(&arguments)?.join("servers");
        let is_pinned = pin::to_cores(&[LOAD_CORE]).is_ok();
        if !is_pinned {
            println!(
                "Servers and load cannot have cores of their own here: only large differences tell something.\n"
            );
        }
        Ok(Self { program, is_pinned })
    }

    /// Starts a server for some work (a subcommand of the program `servers`). One with several threads has all cores that the load
    /// has, too.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(&self, entrant: &Entrant, work: &str) -> io::Result<Server> {
        let mut command = Command::new(&self.program);
        command.args([entrant.name, work, "--threads", &entrant.threads.to_string()]);
        if self.is_pinned {
            let cores: &[usize] =
                if entrant.threads == 1 { &[SERVER_CORE] } else { &[SERVER_CORE, LOAD_CORE] };
            for core in cores {
                command.args(["--core", &core.to_string()]);
            }
        }
        Server::start(&mut command)
    }
}

/// A server under its load.
pub struct Contestant {
    /// Who it is.
    pub entrant: Entrant,
    server: Server,
    load: Box<dyn Load>,
    /// Processor time of the server for each unit of work, in nanoseconds, a figure for each round.
    figures: Vec<f64>,
}

impl std::fmt::Debug for Contestant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Contestant").field("entrant", &self.entrant).finish_non_exhaustive()
    }
}

impl Contestant {
    /// A server under a load that is connected to it.
    #[must_use]
    pub fn new(entrant: &Entrant, server: Server, load: impl Load + 'static) -> Self {
        Self { entrant: entrant.clone(), server, load: Box::new(load), figures: Vec::new() }
    }

    fn round(&mut self, time: Duration) -> io::Result<f64> {
        let before = self.server.settled_processor_time()?;
        let units = self.load.round(time)?;
        let taken = self.server.settled_processor_time()?.saturating_sub(before);
        Ok(taken.as_nanos() as f64 / units.max(1) as f64)
    }

    /// Nanoseconds of processor time for each unit of work: the median of its rounds.
    #[must_use]
    pub fn median(&self) -> f64 {
        let mut figures = self.figures.clone();
        figures.sort_by(f64::total_cmp);
        figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
    }
}

/// Lets each work in turns.
///
/// # Errors
/// A server failed or answered wrongly; the error names it.
pub fn compete(contestants: &mut [Contestant], pace: Pace) -> io::Result<()> {
    let named = |name: &str, error: &io::Error| io::Error::new(error.kind(), format!("{name}: {error}"));
    for round in 0..=pace.rounds {
        for turn in 0..contestants.len() {
            let contestant = &mut contestants[turn];
            let name = contestant.entrant.name;
            let figure = contestant.round(pace.time).map_err(|error| named(name, &error))?;
            if round > 0 {
                contestant.figures.push(figure);
            }
            for other in &mut *contestants {
                let name = other.entrant.name;
                other.load.rest().map_err(|error| named(name, &error))?;
            }
        }
    }
    Ok(())
}
