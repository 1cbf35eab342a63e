//! What two runs gave, and whether it is what was promised.

use std::{fmt, time::Duration};

use tidewire_bench::histogram::Histogram;

use crate::{options::Options, stuck::Ends};

/// The bytes that all topics of the gateway keep together, at most.
const HUB_BUDGET: u64 = 256 * 1024 * 1024;

/// What the stuck ones may add to the memory, in percent.
const MEMORY_PERCENT: u64 = 5;

/// What they may multiply the latency by.
const LATENCY_FACTOR: u32 = 2;

/// How late the last message may be; else the load is more than this machine can do.
const POSSIBLE_LATE: Duration = Duration::from_millis(500);

/// Violations that are told in full.
const SHOWN: usize = 5;

/// What one run gave.
#[derive(Debug, Default)]
pub(crate) struct Run {
    /// The gateway's resident memory in bytes: with all connected, at the end, and at most.
    pub(crate) connected: u64,
    pub(crate) resident: u64,
    pub(crate) peak: u64,
    /// What the gateway took of the processors.
    pub(crate) processor_seconds: f64,
    /// How late the last message was published.
    pub(crate) late: Duration,
    /// Messages that the readers received.
    pub(crate) received: u64,
    pub(crate) latencies: Histogram,
    pub(crate) violations: Vec<String>,
    /// Readers that did not have everything when the time was over.
    pub(crate) unsettled: usize,
    pub(crate) stuck: Ends,
}

/// What both gave.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) options: Options,
    pub(crate) without: Run,
    pub(crate) with: Run,
}

impl Run {
    fn p99(&self) -> Duration {
        self.latencies.per_mille(990)
    }

    /// Whether each reader received each message.
    fn is_complete(&self, options: &Options) -> bool {
        let due = options.messages() * options.readers as u64;
        self.received == due && self.violations.is_empty() && self.unsettled == 0
    }

    fn row(&self, f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
        let mib = |bytes: u64| bytes as f64 / (1024.0 * 1024.0);
        let millis = |share| self.latencies.per_mille(share).as_secs_f64() * 1000.0;
        writeln!(
            f,
            "| {name} | {:.1} | {:.1} | {:.1} | {} | {:.1} | {:.1} | {:.1} | {:.1} |",
            mib(self.connected),
            mib(self.peak),
            mib(self.resident),
            self.received,
            millis(500),
            millis(990),
            millis(999),
            self.processor_seconds
        )
    }
}

impl Report {
    /// What the memory would be if it cost nothing to be stuck: that without, and what idle connections cost.
    fn expected_peak(&self) -> u64 {
        self.without.peak + self.with.connected.saturating_sub(self.without.connected)
    }

    /// What the memory may be.
    fn allowed_peak(&self) -> u64 {
        let more = self.expected_peak() * MEMORY_PERCENT / 100;
        self.expected_peak() + more.max(self.options.memory_noise)
    }

    fn is_possible(&self) -> bool {
        self.without.is_complete(&self.options) && self.without.late <= POSSIBLE_LATE
    }

    /// What was promised and not kept, a line each.
    fn broken(&self) -> Vec<String> {
        let (mut broken, with, ends) = (Vec::new(), &self.with, &self.with.stuck);
        if !self.is_possible() {
            broken.push(
                "this machine cannot do so much, even without the stuck ones: choose a lower --rate"
                    .to_owned(),
            );
        }
        if !with.is_complete(&self.options) {
            broken.push("readers beside stuck ones missed messages".to_owned());
        }
        if with.peak > self.allowed_peak() {
            let percent = with.peak * 100 / self.expected_peak().max(1);
            broken.push(format!("the memory is {percent} % of what it is without the stuck ones"));
        }
        if with.peak.saturating_sub(with.connected) > HUB_BUDGET {
            broken.push("the memory grew by more than the hub's budget".to_owned());
        }
        if with.p99() > (self.without.p99() * LATENCY_FACTOR).max(self.options.noise) {
            broken
                .push(format!("the latency is more than {LATENCY_FACTOR} times that without the stuck ones"));
        }
        if ends.silent + ends.wrong > 0 {
            broken.push(format!("{} stuck ones missed messages and were not told", ends.silent + ends.wrong));
        }
        for run in [&self.without, with] {
            broken.extend(run.violations.iter().take(SHOWN).cloned());
            if run.unsettled > 0 {
                broken.push(format!("{} readers wait for messages that do not come", run.unsettled));
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
        let Options { readers, stuck, rate, duration, history, .. } = &self.options;
        writeln!(
            f,
            "{readers} readers and {stuck} stuck ones of one topic, {rate} messages of 1 KiB a second for {} s, {history} of \
             them kept at most\n",
            duration.as_secs()
        )?;
        writeln!(
            f,
            "| Run | MiB connected | MiB at most | MiB at the end | received | p50 ms | p99 ms | p99.9 ms | processor s |\n\
             |---|---|---|---|---|---|---|---|---|"
        )?;
        self.without.row(f, "readers alone")?;
        self.with.row(f, "beside stuck ones")?;
        let due = self.options.messages() * *readers as u64;
        let Ends { gap, closed, cut_off, complete, silent, wrong, received } = self.with.stuck;
        writeln!(f, "\n{due} deliveries to readers were due in each run")?;
        writeln!(
            f,
            "the last message was published {} ms late, then {} ms",
            self.without.late.as_millis(),
            self.with.late.as_millis()
        )?;
        writeln!(f, "memory: {:.1} MiB allowed at most", self.allowed_peak() as f64 / (1024.0 * 1024.0))?;
        writeln!(
            f,
            "stuck ones: {gap} closed for a gap, {closed} closed else, {cut_off} cut off, {complete} missed nothing, {} were not \
             told; they had taken {received} messages in all",
            silent + wrong
        )?;
        let broken = self.broken();
        for line in &broken {
            writeln!(f, "broken: {line}")?;
        }
        f.write_str(if broken.is_empty() { "kept" } else { "BROKEN" })
    }
}
