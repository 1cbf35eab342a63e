//! What the attacks gave, and whether it is what was promised.

use std::{fmt, process::ExitStatus, time::Duration};

use crate::{attacks::Attack, canary::Felt, options::Options};

/// What an attack may multiply the latency of honest clients by where the machine is slow.
const LATENCY_FACTOR: u32 = 2;

/// Errors that are told in full.
const SHOWN: usize = 3;

/// Something that was looked at.
#[derive(Clone, Debug)]
pub(crate) struct Check {
    what: String,
    found: String,
    promise: Promise,
}

#[derive(Clone, Debug)]
enum Promise {
    /// Nothing is promised about it.
    None,
    Kept(String),
    Broken(String),
}

impl Check {
    fn new(what: impl Into<String>, found: String, promise: String, is_kept: bool) -> Self {
        let promise = if is_kept { Promise::Kept(promise) } else { Promise::Broken(promise) };
        Self { what: what.into(), found, promise }
    }

    /// A time that is not to be longer.
    pub(crate) fn within(what: impl Into<String>, found: Duration, at_most: Duration) -> Self {
        let seconds = |time: Duration| format!("{:.2} s", time.as_secs_f64());
        Self::new(what, seconds(found), format!("at most {}", seconds(at_most)), found <= at_most)
    }

    /// A figure that is not to be larger.
    pub(crate) fn at_most(what: impl Into<String>, found: f64, at_most: f64) -> Self {
        Self::new(what, format!("{found:.2}"), format!("at most {at_most}"), found <= at_most)
    }

    /// A count that is known.
    pub(crate) fn exactly(what: impl Into<String>, found: usize, expected: usize) -> Self {
        Self::new(what, found.to_string(), format!("{expected}"), found == expected)
    }

    /// A figure of which nothing is promised.
    pub(crate) fn told(what: impl Into<String>, found: String) -> Self {
        Self { what: what.into(), found, promise: Promise::None }
    }

    /// What should not have happened.
    pub(crate) fn broken(what: String) -> Self {
        Self { what, found: "once".to_owned(), promise: Promise::Broken("never".to_owned()) }
    }
}

/// What one attack gave.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) attack: Attack,
    pub(crate) found: Vec<Check>,
    pub(crate) canary: Felt,
    /// What others felt meanwhile, of a server that was left alone.
    pub(crate) beside: Felt,
    /// What the server ended with, which it should not have.
    pub(crate) ended: Option<ExitStatus>,
}

/// What all gave.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) options: Options,
    pub(crate) rows: Vec<Row>,
}

impl Row {
    /// What 99 % of the honest clients' echoes may take: what is promised, or where the machine is slower than that just
    /// then and even without an attack, so many times what it takes there.
    fn prompt(&self, options: &Options) -> Duration {
        options.noise.max(p99(&self.beside) * LATENCY_FACTOR)
    }
}

fn p99(felt: &Felt) -> Duration {
    felt.latencies.per_mille(990)
}

impl Report {
    /// What was promised and not kept, a line each.
    fn broken(&self) -> Vec<String> {
        let mut broken = Vec::new();
        for row in &self.rows {
            let attack = row.attack;
            for check in &row.found {
                if let Promise::Broken(promise) = &check.promise {
                    broken.push(format!("{attack}: {}: {}, promised {promise}", check.what, check.found));
                }
            }
            let errors = &row.canary.errors;
            for error in errors.iter().take(SHOWN) {
                broken.push(format!("{attack}: {} honest clients failed: {error}", errors.len()));
            }
            let (took, prompt) = (p99(&row.canary), row.prompt(&self.options));
            if took > prompt {
                broken.push(format!("{attack}: 99 % of honest echoes took {took:?}, promised {prompt:?}"));
            }
            if let Some(ended) = row.ended {
                broken.push(format!("{attack}: the server ended, with {ended}: see what it may not see"));
            }
        }
        broken
    }

    pub(crate) fn kept_its_promises(&self) -> bool {
        self.broken().is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Options { scale, canaries, hurry, .. } = &self.options;
        writeln!(
            f,
            "{scale} % of each attack, {canaries} honest clients, deadlines of a server divided by {hurry}\n"
        )?;
        writeln!(f, "| Attack | What | Found | Promised |\n|---|---|---|---|")?;
        for row in &self.rows {
            for check in &row.found {
                let promise = match &check.promise {
                    Promise::None => "",
                    Promise::Kept(promise) | Promise::Broken(promise) => promise,
                };
                writeln!(f, "| {} | {} | {} | {promise} |", row.attack, check.what, check.found)?;
            }
        }
        writeln!(
            f,
            "\n| The honest clients | echoes | errors | p50 ms | p99 ms | p99 without an attack | promised |\n\
             |---|---|---|---|---|---|---|"
        )?;
        let millis = |time: Duration| time.as_secs_f64() * 1000.0;
        for row in &self.rows {
            let felt = &row.canary;
            writeln!(
                f,
                "| {} | {} | {} | {:.2} | {:.2} | {:.2} | {:.0} |",
                row.attack,
                felt.latencies.count(),
                felt.errors.len(),
                millis(felt.latencies.per_mille(500)),
                millis(p99(felt)),
                millis(p99(&row.beside)),
                millis(row.prompt(&self.options))
            )?;
        }
        writeln!(f)?;
        let broken = self.broken();
        for line in &broken {
            writeln!(f, "broken: {line}")?;
        }
        f.write_str(if broken.is_empty() { "kept" } else { "BROKEN" })
    }
}
