//! What a run tells: its violations, its figures and its digest.

use std::fmt;

use crate::connection::{ConnectionId, Kind, Side};
use crate::invariants::{Breach, Invariant};
use crate::random::mix;
use crate::time::{Nanos, SECOND, shown};
use crate::world::Options;

/// An invariant that did not hold, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The run's seed.
    pub seed: u64,
    /// Which one.
    pub invariant: Invariant,
    /// Which connection, or what else.
    pub place: String,
    /// What was expected.
    pub expected: String,
    /// What came.
    pub got: String,
    at: Nanos,
    hours: u64,
    flaw: Option<String>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, invariant, place, expected, got, at, hours, flaw } = self;
        writeln!(f, "violation of {invariant:?}: seed {seed}, at {}, {place}", shown(*at))?;
        writeln!(f, "  expected {expected}")?;
        writeln!(f, "  got      {got}")?;
        write!(f, "  replay   cargo run --release -p tidewire-sim -- --seed {seed} --hours {hours}")?;
        flaw.as_ref().map_or(Ok(()), |flaw| write!(f, " --flaw {flaw}"))
    }
}

/// A run is stopped at so many: the first tells the most.
pub(crate) const MAX_VIOLATIONS: usize = 5;

/// What happened in a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Connections that both sides had.
    pub connections: u64,
    /// Messages that arrived.
    pub messages: u64,
    /// Bytes that arrived.
    pub bytes: u64,
    /// Things that happened.
    pub events: u64,
    /// Faults, by name.
    pub faults: Vec<(&'static str, u64)>,
    /// Ends that were told of, by what was told.
    pub ends: Vec<(String, u64)>,
    alive_sum: u64,
    alive_times: u64,
    /// The most connections that were alive at once.
    pub alive_most: u64,
    /// What the hub and its readers did.
    pub fanout: Fanout,
}

/// What a hub and its readers did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fanout {
    /// Messages that were published.
    pub published: u64,
    /// Messages and gaps that were taken from the hub.
    pub taken: u64,
    /// Messages that arrived: over WebSockets, event streams, NDJSON and polls.
    pub delivered: [u64; 4],
    /// Messages to one connection that arrived.
    pub direct: u64,
    /// Gaps that arrived: evicted, of another epoch, unknown, lagged.
    pub gaps: [u64; 4],
    /// Readers that were told to go, for they lagged.
    pub dismissed: u64,
    /// Messages that were published once more, under their idempotency keys.
    pub repeated: u64,
    /// Links that readers had, each poll one.
    pub links: u64,
    /// Times that a reader came with another token than its last.
    pub lies: u64,
}

impl Figures {
    /// Faults of all kinds.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.faults.iter().map(|(_, count)| count).sum()
    }

    /// How many connections were alive at once, on the average.
    #[must_use]
    pub fn alive(&self) -> u64 {
        self.alive_sum / self.alive_times.max(1)
    }
}

impl Figures {
    /// Those of two runs of one seed.
    fn and(mut self, other: Self) -> Self {
        self.connections += other.connections;
        self.messages += other.messages;
        self.bytes += other.bytes;
        self.events += other.events;
        self.faults.extend(other.faults);
        self.ends.extend(other.ends);
        self.fanout = other.fanout;
        self
    }
}

impl Outcome {
    /// What came of both kinds of run of one seed: this is of the connections, the other of the hub.
    pub(crate) fn and(mut self, fanout: Self) -> Self {
        self.violations.extend(fanout.violations);
        self.figures = self.figures.and(fanout.figures);
        self.digest = self.digest.rotate_left(1) ^ fanout.digest;
        self
    }
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Its seed.
    pub seed: u64,
    /// What did not hold.
    pub violations: Vec<Violation>,
    /// What happened.
    pub figures: Figures,
    /// Of everything that happened, in its order: equal runs have equal ones.
    pub digest: u64,
}

/// The report of a run while it runs.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) outcome: Outcome,
    hours: u64,
    flaw: Option<String>,
}

impl Report {
    pub(crate) fn new(seed: u64, options: &Options) -> Self {
        let hours = options.length.as_secs().div_ceil(3600).max(1);
        let flaw = options.flaw.map(|flaw| flaw.name());
        let outcome = Outcome { seed, violations: Vec::new(), figures: Figures::default(), digest: seed };
        Self { outcome, hours, flaw }
    }

    pub(crate) fn violated(&mut self, at: Nanos, place: String, breach: Breach) {
        let Breach { invariant, expected, got } = breach;
        let (seed, hours, flaw) = (self.outcome.seed, self.hours, self.flaw.clone());
        let violation = Violation { seed, invariant, place, expected, got, at, hours, flaw };
        self.outcome.violations.push(violation);
    }

    /// Whether there is no use in going on.
    pub(crate) fn is_full(&self) -> bool {
        self.outcome.violations.len() >= MAX_VIOLATIONS
    }

    /// Something happened.
    pub(crate) fn digest(&mut self, what: u64) {
        let digest = &mut self.outcome.digest;
        *digest = (digest.rotate_left(5) ^ what).wrapping_mul(0x517C_C1B7_2722_0A95);
    }

    pub(crate) fn fault(&mut self, name: &'static str) {
        let faults = &mut self.outcome.figures.faults;
        match faults.iter_mut().find(|(known, _)| *known == name) {
            Some((_, count)) => *count += 1,
            None => faults.push((name, 1)),
        }
    }

    /// An end was told of.
    pub(crate) fn ended(&mut self, kind: Kind, side: Side, told: &dyn fmt::Display) {
        let told = format!("{} {}: {told}", kind_name(kind), side_name(side));
        self.digest(told.bytes().fold(0, |sum, byte| mix(sum ^ u64::from(byte))));
        let ends = &mut self.outcome.figures.ends;
        match ends.iter_mut().find(|(known, _)| *known == told) {
            Some((_, count)) => *count += 1,
            None => ends.push((told, 1)),
        }
    }

    pub(crate) fn alive(&mut self, count: u64) {
        let figures = &mut self.outcome.figures;
        figures.alive_sum += count;
        figures.alive_times += 1;
        figures.alive_most = figures.alive_most.max(count);
    }
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::WebSocket => "WebSocket",
        Kind::EventStream => "event stream",
    }
}

fn side_name(side: Side) -> &'static str {
    match side {
        Side::Server => "server",
        Side::Client => "client",
    }
}

/// Where something happened.
pub(crate) fn place(id: ConnectionId, kind: Kind, side: Side) -> String {
    format!("connection {} ({}, {})", id.0, kind_name(kind), side_name(side))
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, figures, digest, .. } = self;
        writeln!(
            f,
            "seed {seed}: {} connections, {} at once (at most {}), {} messages, {} MiB, {} events, digest {digest:016x}",
            figures.connections,
            figures.alive(),
            figures.alive_most,
            figures.messages,
            figures.bytes >> 20,
            figures.events
        )?;
        let Fanout { published, taken, delivered, direct, gaps, dismissed, repeated, links, lies } =
            figures.fanout;
        writeln!(
            f,
            "hub: {published} published, {taken} taken, {delivered:?} delivered, {direct} direct, {gaps:?} gaps, {dismissed} dismissed, {repeated} repeated, {links} links, {lies} lies"
        )?;
        writeln!(f, "faults: {}", figures.faults())?;
        for (name, count) in &figures.faults {
            writeln!(f, "{count:>7}  {name}")?;
        }
        writeln!(f, "ends:")?;
        let mut ends = figures.ends.clone();
        ends.sort();
        for (told, count) in &ends {
            writeln!(f, "{count:>7}  {told}")?;
        }
        Ok(())
    }
}

/// The last line of all runs.
#[must_use]
pub fn summary(seeds: u64, hours: u64, violations: usize, took: std::time::Duration) -> String {
    let simulated = (seeds * hours * 3600) as f64;
    let times = simulated / took.as_secs_f64().max(1.0 / SECOND as f64);
    format!(
        "{seeds} seeds, {} simulated hours, {violations} violations, {times:.0} x real time",
        seeds * hours
    )
}
