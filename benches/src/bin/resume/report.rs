//! What happened, added up.

use std::{fmt, time::Duration};

use crate::{
    options::{Change, Options},
    wire::Transport,
};

/// Violations that are told in full.
const SHOWN: usize = 10;

/// What one client did and saw.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    transports: [Counts; Transport::ALL.len()],
    pub(crate) cuts: Cuts,
}

/// Of one transport.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) connections: u64,
    pub(crate) delivered: u64,
    pub(crate) duplicates: u64,
}

/// Connections that were cut off, by how far they had come; and how.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cuts {
    /// Before the answer.
    pub(crate) asked: u64,
    /// Between the answer and the first position.
    pub(crate) answered: u64,
    pub(crate) positioned: u64,
    /// By a reset.
    pub(crate) reset: u64,
    /// With bytes that had come and that nobody read.
    pub(crate) unread: u64,
}

impl Tally {
    pub(crate) fn of(&mut self, transport: Transport) -> &mut Counts {
        &mut self.transports[transport as usize]
    }
}

/// What became of one client.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) tally: Tally,
    /// Messages that were to come, and those that came.
    pub(crate) balance: (u64, u64),
    pub(crate) violation: Option<String>,
}

/// What became of all of them.
#[derive(Debug)]
pub(crate) struct Report {
    options: Options,
    messages_per_topic: u64,
    /// How much longer than it should the publishing took.
    late: Duration,
    tally: Tally,
    due: u64,
    came: u64,
    violations: Vec<String>,
    /// Clients that did not have everything when the time was over.
    unsettled: usize,
}

impl Report {
    pub(crate) fn new(options: &Options, messages_per_topic: u64, late: Duration) -> Self {
        Self {
            options: options.clone(),
            messages_per_topic,
            late,
            tally: Tally::default(),
            due: 0,
            came: 0,
            violations: Vec::new(),
            unsettled: 0,
        }
    }

    pub(crate) fn add(&mut self, outcome: &Outcome) {
        for (sum, counts) in self.tally.transports.iter_mut().zip(outcome.tally.transports) {
            sum.connections += counts.connections;
            sum.delivered += counts.delivered;
            sum.duplicates += counts.duplicates;
        }
        let (sum, cuts) = (&mut self.tally.cuts, outcome.tally.cuts);
        sum.asked += cuts.asked;
        sum.answered += cuts.answered;
        sum.positioned += cuts.positioned;
        sum.reset += cuts.reset;
        sum.unread += cuts.unread;
        self.due += outcome.balance.0;
        self.came += outcome.balance.1;
        self.violations.extend(outcome.violation.clone());
    }

    /// The time is over for those who are left.
    pub(crate) fn settled(&mut self, left: usize) {
        self.unsettled = left;
    }

    /// Whether every message came to every client, and nothing else did.
    pub(crate) fn kept_its_promises(&self) -> bool {
        let delivered: u64 = self.tally.transports.iter().map(|counts| counts.delivered).sum();
        let all = self.due > 0 && self.due == self.came && self.came == delivered;
        all && self.violations.is_empty() && self.unsettled == 0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Options { clients, duration, change, topics, rate, every, seed } = &self.options;
        let (seconds, every) = (duration.as_secs(), every.as_millis());
        let change = match change {
            Change::Transport => "another",
            Change::Nothing => "the same",
        };
        writeln!(
            f,
            "{clients} clients, cut off every {every} ms for {seconds} s, resuming on {change} transport; {topics} topics of \
             {rate} messages a second; seed {seed}\n"
        )?;
        writeln!(
            f,
            "| Transport | connections | messages delivered | duplicates removed |\n|---|---|---|---|"
        )?;
        for (transport, counts) in Transport::ALL.iter().zip(&self.tally.transports) {
            let Counts { connections, delivered, duplicates } = counts;
            writeln!(f, "| {transport} | {connections} | {delivered} | {duplicates} |")?;
        }
        let Cuts { asked, answered, positioned, reset, unread } = self.tally.cuts;
        writeln!(
            f,
            "\n{} cuts: {asked} before the answer, {answered} before the first position, {positioned} behind it; {reset} by a \
             reset, {unread} with bytes that nobody read",
            asked + answered + positioned
        )?;
        let published = self.messages_per_topic * *topics as u64;
        writeln!(f, "{published} messages published, the last {} ms late", self.late.as_millis())?;
        writeln!(f, "{} of {} deliveries came, once each and in order", self.came, self.due)?;
        for violation in self.violations.iter().take(SHOWN) {
            writeln!(f, "broken: {violation}")?;
        }
        if self.violations.len() > SHOWN {
            writeln!(f, "broken: {} more", self.violations.len() - SHOWN)?;
        }
        if self.unsettled > 0 {
            writeln!(f, "broken: {} clients wait for messages that do not come", self.unsettled)?;
        }
        f.write_str(if self.kept_its_promises() { "kept" } else { "BROKEN" })
    }
}
