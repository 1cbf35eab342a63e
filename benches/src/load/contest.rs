//! Several servers under the same load, in turns: the medians of their rounds.

use std::{collections::BTreeMap, io, net::SocketAddr, path::PathBuf, process::Command, time::Duration};

use super::{Load, row::Row};
use crate::{Server, gateway, pin};

/// The core that servers of one thread run on.
const SERVER_CORE: usize = 0;

/// The core that the load comes from.
const LOAD_CORE: usize = 1;

/// Connections that a process has at a time, at most: 20,000 open files are what many systems allow.
const MAX_CONNECTIONS: usize = 16_000;

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
    /// What the command line of the program `servers` calls it.
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

    /// The same with so many threads.
    #[must_use]
    pub const fn threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    /// What tables call it.
    #[must_use]
    pub fn title(&self) -> String {
        match self.threads {
            1 => self.name.to_owned(),
            threads => format!("{}, {threads} threads", self.name),
        }
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

/// Where servers and load run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cores {
    /// A core for the server, another for the load: what one writes has to get to the other, which may take longer than all
    /// the rest, and takes as long for everybody.
    Apart,
    /// One core for both.
    Same,
    /// Wherever the operating system likes: it knows no affinity.
    Anywhere,
}

/// Where the servers' program lies, and where servers and load run.
#[derive(Debug)]
pub struct Stadium {
    program: PathBuf,
    cores: Cores,
}

impl Stadium {
    /// Builds the servers, and takes a core for the load.
    ///
    /// # Errors
    /// They do not build.
    pub fn build(cores: Cores) -> io::Result<Self> {
        pin::raise_open_files()?;
        let mut arguments = vec!["-p", "tidewire-bench", "--bin", "servers"];
        if cfg!(feature = "peers") {
            arguments.extend(["--features", "peers"]);
        }
        let program = gateway::build(&arguments)?.join("servers");
        let cores = if pin::to_cores(&[LOAD_CORE]).is_ok() { cores } else { Cores::Anywhere };
        if cores == Cores::Anywhere {
            println!(
                "Servers and load have no cores of their own here: only large differences tell something.\n"
            );
        }
        Ok(Self { program, cores })
    }

    /// Starts a server for some work (a subcommand of the program `servers`). One with several threads has the core
    /// of the load, too.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(&self, entrant: &Entrant, work: &str) -> io::Result<Server> {
        let mut command = Command::new(&self.program);
        command.args([entrant.name, work, "--threads", &entrant.threads.to_string()]);
        let cores: &[usize] = match (self.cores, entrant.threads) {
            (Cores::Apart, 1) => &[SERVER_CORE],
            (Cores::Same, 1) => &[LOAD_CORE],
            (Cores::Apart | Cores::Same, _) => &[SERVER_CORE, LOAD_CORE],
            (Cores::Anywhere, _) => &[],
        };
        for core in cores {
            command.args(["--core", &core.to_string()]);
        }
        Server::start(&mut command)
    }

    /// Lets servers do the same work in turns, each under a load of so many connections. Where that is more than one
    /// process may have, the peers come in heats, each with the floor and ours.
    ///
    /// # Errors
    /// A server failed or answered wrongly; the error names it.
    pub fn contest<L: Load + 'static>(
        &self,
        roster: &[Entrant],
        work: &str,
        connections: usize,
        pace: Pace,
        connect: impl Fn(SocketAddr) -> io::Result<L>,
    ) -> io::Result<Vec<Row>> {
        let mut figures: BTreeMap<String, BTreeMap<usize, f64>> = BTreeMap::new();
        for (number, heat) in heats(roster, connections).into_iter().enumerate() {
            let mut contestants = Vec::new();
            for entrant in heat {
                contestants.push(Contestant::new(entrant, self.start(entrant, work)?, &connect)?);
            }
            compete(&mut contestants, pace)?;
            for contestant in contestants {
                let rounds = (number * pace.rounds..).zip(contestant.figures);
                figures.entry(contestant.title).or_default().extend(rounds);
            }
        }
        let row = |entrant: &Entrant| {
            let name = entrant.title();
            let figures = figures.remove(&name).unwrap_or_default();
            Row::of_rounds(name, entrant.kind, figures)
        };
        Ok(roster.iter().map(row).collect())
    }
}

/// Who works at the same time.
fn heats(roster: &[Entrant], connections: usize) -> Vec<Vec<&Entrant>> {
    let at_once = (MAX_CONNECTIONS / connections.max(1)).max(1);
    if roster.len() <= at_once {
        return vec![roster.iter().collect()];
    }
    let (own, peers): (Vec<&Entrant>, Vec<&Entrant>) =
        roster.iter().partition(|entrant| matches!(entrant.kind, Kind::Floor | Kind::Ours));
    let room = at_once.saturating_sub(own.len());
    if room == 0 {
        return roster.iter().map(|entrant| vec![entrant]).collect();
    }
    peers.chunks(room).map(|some| own.iter().chain(some).copied().collect()).collect()
}

/// A server under its load.
struct Contestant {
    title: String,
    server: Server,
    load: Box<dyn Load>,
    /// Processor time of the server for each unit of work, in nanoseconds, a figure for each round.
    figures: Vec<f64>,
}

impl Contestant {
    fn new<L: Load + 'static>(
        entrant: &Entrant,
        server: Server,
        connect: impl Fn(SocketAddr) -> io::Result<L>,
    ) -> io::Result<Self> {
        let title = entrant.title();
        let load = connect(server.address).map_err(|error| named(&title, &error))?;
        Ok(Self { title, server, load: Box::new(load), figures: Vec::new() })
    }

    fn round(&mut self, time: Duration) -> io::Result<f64> {
        let before = self.server.settled_processor_time()?;
        let units = self.load.round(time)?;
        let taken = self.server.settled_processor_time()?.saturating_sub(before);
        Ok(taken.as_nanos() as f64 / units.max(1) as f64)
    }
}

fn named(name: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{name}: {error}"))
}

/// Lets each work in turns.
fn compete(contestants: &mut [Contestant], pace: Pace) -> io::Result<()> {
    for round in 0..=pace.rounds {
        for turn in 0..contestants.len() {
            let contestant = &mut contestants[turn];
            let figure = contestant.round(pace.time).map_err(|error| named(&contestant.title, &error))?;
            if round > 0 {
                contestant.figures.push(figure);
            }
            for other in &mut *contestants {
                other.load.rest().map_err(|error| named(&other.title, &error))?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_heat_has_the_floor_and_ours_where_there_is_room() {
        let roster = [
            Entrant::new("floor", Kind::Floor),
            Entrant::new("tidewire", Kind::Ours),
            Entrant::new("one", Kind::Peer),
            Entrant::new("other", Kind::Batching),
        ];
        let names = |connections| -> Vec<String> {
            let heats = heats(&roster, connections);
            heats.iter().map(|heat| heat.iter().map(|one| one.name).collect::<Vec<_>>().join(" ")).collect()
        };
        assert_eq!(names(4_000), ["floor tidewire one other"]);
        assert_eq!(names(5_000), ["floor tidewire one", "floor tidewire other"]);
        assert_eq!(names(15_000), ["floor", "tidewire", "one", "other"]);
    }
}
