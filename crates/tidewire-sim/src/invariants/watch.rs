//! One end under watch: what its host did is counted here, too, and compared with what its machine says.

use std::sync::Arc;
use std::time::Duration;

use tidewire_connection::event_source::Timer;
use tidewire_lifecycle::{Config, Heartbeat, Usage};

use super::{Breach, Checked, Invariant, check};
use crate::application::{HIGH_WATER, MAX_MESSAGE_LEN};
use crate::connection::Reading;
use crate::time::{MILLI, NEVER, Nanos, limit, nanos, shown};

/// A deadline may be so late: the tick of the lifecycle and that of the queue are one millisecond each, and both
/// round up to the same clock or to the next.
const TICK: Nanos = MILLI;

/// What an end may hold beside its application's messages: frame headers, pings, a pong that was kept, a close frame.
const CONTROL_BYTES: usize = 8 * 1024;

/// The most that waits for the transport; an event stream writes before each line of data what it is.
const MAX_OUTPUT_LEN: usize = HIGH_WATER + MAX_MESSAGE_LEN * 5 / 4 + CONTROL_BYTES;

/// The most that is held of what has come: one message that is not whole, with what its buffer has room for.
const MAX_HELD_LEN: usize = 2 * MAX_MESSAGE_LEN + CONTROL_BYTES;

/// How far a machine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Open,
    Closing,
    Closed,
}

/// What a machine says of itself after a step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) phase: Phase,
    /// Its deadline, in the world's time.
    pub(crate) deadline: Option<(Nanos, Timer)>,
    pub(crate) usage: Usage,
    /// Bytes that wait for the transport.
    pub(crate) output_len: usize,
    /// Bytes that it holds of what has come.
    pub(crate) held_len: usize,
}

/// Where the last probe is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Probe {
    /// It may wait for the transport.
    Queued,
    Out,
}

#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) config: Arc<Config>,
    pub(crate) started: Nanos,
    /// Bytes that the pipe took and gave.
    taken: u64,
    given: u64,
    messages_out: u64,
    messages_in: u64,
    usage: Usage,
    /// What the machine told last.
    pub(crate) deadline: Option<(Nanos, Timer)>,
    /// When that is to be kept: one that lies in the past when it is told, at once.
    due: Nanos,
    pub(crate) last_traffic: Nanos,
    pub(crate) last_received: Nanos,
    pub(crate) last_message: Nanos,
    /// Since when output waits and the pipe takes none.
    pub(crate) blocked_since: Option<Nanos>,
    /// How many heartbeats were sent.
    heartbeats: u32,
    /// From when on the reply to a probe is due, if one is awaited.
    pub(crate) probe_since: Option<Nanos>,
    probe: Probe,
    /// When the application read again.
    pub(crate) read_again_at: Nanos,
    /// When its host ran again.
    pub(crate) resumed_at: Nanos,
    /// Time without messages that has gone by, to the nanosecond, and in how many pieces.
    quiet: Nanos,
    quiet_times: u64,
    pub(crate) closing_since: Option<Nanos>,
    shut_down_at: Option<Nanos>,
    closed_at: Option<Nanos>,
    pub(crate) expiry: Option<Nanos>,
    pub(crate) told_at: Option<Nanos>,
}

impl Watch {
    /// A connection that its machine counts from `now` on.
    pub(crate) fn new(config: Arc<Config>, now: Nanos) -> Self {
        Self {
            config,
            started: now,
            taken: 0,
            given: 0,
            messages_out: 0,
            messages_in: 0,
            usage: Usage::default(),
            deadline: None,
            due: now,
            last_traffic: now,
            last_received: now,
            last_message: now,
            blocked_since: None,
            heartbeats: 0,
            probe_since: None,
            probe: Probe::Out,
            read_again_at: now,
            resumed_at: now,
            quiet: 0,
            quiet_times: 0,
            closing_since: None,
            shut_down_at: None,
            closed_at: None,
            expiry: None,
            told_at: None,
        }
    }

    // What the host did.

    /// The pipe took bytes; so many wait on.
    pub(crate) fn sent(&mut self, now: Nanos, len: usize, left: usize) {
        self.taken += len as u64;
        if len > 0 {
            self.last_traffic = now;
        }
        if let (Some(since), Probe::Queued, true) = (&mut self.probe_since, self.probe, len > 0) {
            *since = now;
        }
        if left == 0 {
            self.probe = Probe::Out;
        }
        self.blocked_since = match (left, self.blocked_since) {
            (0, _) => None,
            (_, Some(since)) if len == 0 => Some(since),
            (_, Some(_) | None) => Some(now),
        };
    }

    /// The pipe gave bytes.
    pub(crate) fn received(&mut self, now: Nanos, len: usize) {
        self.given += len as u64;
        self.last_traffic = now;
        self.last_received = now;
    }

    /// A heartbeat was sent; while nothing is read no reply is awaited.
    pub(crate) fn heartbeat(&mut self, now: Nanos, reading: Reading) {
        self.heartbeats += 1;
        if reading != Reading::Paused {
            (self.probe_since, self.probe) = (Some(now), Probe::Queued);
        }
    }

    /// A pong came: only that to the last probe is its reply.
    pub(crate) fn pong(&mut self, payload: &[u8]) {
        if payload == self.heartbeats.to_be_bytes() {
            self.probe_since = None;
        }
    }

    /// Of what came while nothing was read the machine knows nothing: silence counts from here on.
    pub(crate) fn listens(&mut self, now: Nanos) {
        (self.last_received, self.last_traffic) = (now, now);
    }

    /// The application reads again: a reply is due from here on.
    pub(crate) fn read_again(&mut self, now: Nanos) {
        self.read_again_at = now;
        self.probe_since = self.probe_since.map(|_| now);
    }

    /// The credentials expire then. While a server goes away the end only comes nearer.
    pub(crate) fn renewed(&mut self, expiry: Nanos) {
        let before = self.expiry.replace(expiry);
        if let (Some(told_at), Some(before)) = (&mut self.told_at, before) {
            *told_at = before.min(*told_at);
        }
    }

    /// Nothing more is said.
    pub(crate) fn shut_down(&mut self, now: Nanos) {
        self.shut_down_at.get_or_insert(now);
    }

    /// The end has begun.
    pub(crate) fn begins_to_close(&mut self, now: Nanos) {
        self.closing_since.get_or_insert(now);
    }

    pub(crate) fn message_out(&mut self, now: Nanos) {
        self.messages_out += 1;
        self.message(now);
    }

    pub(crate) fn message_in(&mut self, now: Nanos) {
        self.messages_in += 1;
        self.message(now);
    }

    /// A message, or the opening: what was quiet before it is over.
    pub(crate) fn message(&mut self, now: Nanos) {
        self.quiet += self.quiet_behind_last_message(now);
        // To the machine, which counts in ticks, a silence that is almost long enough may be.
        self.quiet_times += u64::from(self.quiet_behind_last_message(now + TICK) > 0);
        self.last_message = now;
    }

    fn quiet_behind_last_message(&self, now: Nanos) -> Nanos {
        now.saturating_sub(self.last_message).saturating_sub(nanos(self.config.active_window))
    }

    pub(crate) fn sent_bytes(&self) -> u64 {
        self.taken
    }

    pub(crate) fn received_bytes(&self) -> u64 {
        self.given
    }

    // What is checked.

    /// Whether a deadline has been missed by `now`; a host that has just been resumed could not have kept it.
    pub(crate) fn on_time(&self, now: Nanos) -> Checked {
        let Some((_, timer)) = self.deadline else { return Ok(()) };
        check(now <= self.due + TICK || self.resumed_at == now, || {
            let expected = format!("the deadline, {timer:?}, at {} or a tick later", shown(self.due));
            Breach::new(Invariant::Deadline, expected, format!("it is {}", shown(now)))
        })
    }

    /// The machine tells of a deadline.
    pub(crate) fn set_deadline(&mut self, now: Nanos, deadline: Option<(Nanos, Timer)>) {
        if deadline != self.deadline {
            self.due = deadline.map_or(now, |(at, _)| at.max(now));
            self.deadline = deadline;
        }
    }

    /// Takes what the machine says after a step, if that may be.
    pub(crate) fn observe(&mut self, now: Nanos, seen: &Seen) -> Checked {
        match (seen.phase, self.closed_at) {
            (Phase::Closed, None) => self.closed_at = Some(now),
            (Phase::Closed, Some(_)) | (Phase::Open | Phase::Closing, None) => {}
            (Phase::Open | Phase::Closing, Some(_)) => {
                let got = format!("{:?}", seen.phase);
                return Err(Breach::new(Invariant::End, "closed, as it was", got));
            }
        }
        if seen.phase != Phase::Open {
            self.begins_to_close(now);
        }
        self.set_deadline(now, seen.deadline);
        check(seen.phase != Phase::Closed || seen.deadline.is_none(), || {
            Breach::new(Invariant::End, "no deadline behind the end", format!("{:?}", seen.deadline))
        })?;
        self.on_time(now)?;
        check(seen.output_len <= MAX_OUTPUT_LEN && seen.held_len <= MAX_HELD_LEN, || {
            let expected = format!("at most {MAX_OUTPUT_LEN} bytes of output and {MAX_HELD_LEN} of input");
            let got = format!("{} and {}", seen.output_len, seen.held_len);
            Breach::new(Invariant::Memory, expected, got)
        })?;
        self.adds_up(now, &seen.usage)
    }

    fn adds_up(&mut self, now: Nanos, usage: &Usage) -> Checked {
        let wrong = |expected: String, got: String| Breach::new(Invariant::Usage, expected, got);
        let counted = (self.taken, self.given, self.messages_out, self.messages_in);
        let told = (usage.sent_bytes, usage.received_bytes, usage.sent_messages, usage.received_messages);
        check(counted == told, || {
            wrong(format!("(bytes out, in, messages out, in) {counted:?}"), format!("{told:?}"))
        })?;
        let end = self.closed_at.unwrap_or(now);
        let open = Duration::from_micros((end - self.started) / 1000);
        check(usage.open == open, || wrong(format!("open for {open:?}"), format!("{:?}", usage.open)))?;
        check(usage.quiet + usage.active() == usage.open, || {
            wrong(format!("quiet and active adding up to {open:?}"), format!("{usage:?}"))
        })?;
        let quiet = self.quiet + self.quiet_behind_last_message(end);
        let differs = nanos(usage.quiet).abs_diff(quiet);
        check(differs <= (self.quiet_times + 1) * 2 * TICK, || {
            wrong(
                format!(
                    "quiet for {}, but for two ticks each of {} times",
                    shown(quiet),
                    self.quiet_times + 1
                ),
                format!("{:?}", usage.quiet),
            )
        })?;
        let before = &self.usage;
        check(usage.open >= before.open && usage.quiet >= before.quiet, || {
            wrong(format!("nothing less than {before:?}"), format!("{usage:?}"))
        })?;
        self.usage = *usage;
        Ok(())
    }

    /// Whether an open connection is past what should have ended it, whatever deadlines its machine tells of.
    pub(crate) fn is_within_limits(&self, now: Nanos) -> Checked {
        let config = &self.config;
        let ends = [
            (Some(self.started), limit(config.max_age), "the maximum age"),
            (self.expiry, 0, "the expiry of its credentials"),
            (self.told_at, 0, "going away"),
            (Some(self.last_traffic), limit(config.idle_timeout), "being idle"),
            (Some(self.last_message), limit(config.quiet_timeout), "being quiet"),
            (self.blocked_since, limit(config.write_stall_timeout), "a stall"),
        ];
        for (since, limit, why) in ends {
            let due = since.unwrap_or(NEVER).saturating_add(limit).max(self.resumed_at);
            check(now <= due.saturating_add(2 * TICK), || {
                let expected = format!("an end by {}, for {why}", shown(due));
                Breach::new(Invariant::Deadline, expected, "none")
            })?;
        }
        Ok(())
    }

    /// Whether a probe is without its reply for longer than a peer is waited for that talks and never replies.
    pub(crate) fn is_replied_to(&self, now: Nanos, slack: Nanos) -> Checked {
        let (Heartbeat::Probe { interval, timeout }, Some(since)) = (self.config.heartbeat, self.probe_since)
        else {
            return Ok(());
        };
        if self.is_stuck() {
            return Ok(());
        }
        let due = (since + nanos(interval) + nanos(timeout) + slack).max(self.resumed_at + TICK);
        check(now <= due, || {
            let expected = format!("an end by {}: no reply since {}", shown(due), shown(since));
            Breach::new(Invariant::HalfOpen, expected, "none")
        })
    }

    /// Whether a probe waits behind output that nobody takes, and a stall will end it.
    pub(crate) fn is_stuck(&self) -> bool {
        let waits = self.probe_since.is_some() && self.probe == Probe::Queued && self.blocked_since.is_some();
        waits && self.config.write_stall_timeout.is_some()
    }

    /// Whether a close that has begun is over in its time.
    pub(crate) fn closes_in_time(&self, now: Nanos) -> Checked {
        let Some(since) = self.closing_since else { return Ok(()) };
        let closing = since.saturating_add(limit(self.config.closing_timeout));
        let linger = self.shut_down_at.unwrap_or(NEVER).saturating_add(limit(self.config.linger_timeout));
        let due = closing.min(linger).max(self.resumed_at);
        check(self.closed_at.is_some() || now <= due + 2 * TICK, || {
            let expected = format!("closed by {}, having begun to at {}", shown(due), shown(since));
            Breach::new(Invariant::Delivery, expected, "it is not")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::SECOND;

    const IDLE: Timer = Timer::Connection(tidewire_lifecycle::Timer::Idle);

    fn seen(now: Nanos) -> Seen {
        let mut usage = Usage::default();
        usage.open = Duration::from_nanos(now / 1000 * 1000);
        Seen { phase: Phase::Open, deadline: None, usage, output_len: 0, held_len: 0 }
    }

    fn breach(checked: Checked) -> Option<Invariant> {
        checked.err().map(|breach| breach.invariant)
    }

    fn watch() -> Watch {
        Watch::new(Arc::new(Config::default()), 0)
    }

    #[test]
    fn a_deadline_may_be_a_tick_late_and_no_more() {
        let mut watch = watch();
        let mut first = seen(0);
        first.deadline = Some((5 * SECOND, IDLE));
        assert_eq!(breach(watch.observe(0, &first)), None);
        assert_eq!(breach(watch.on_time(5 * SECOND + MILLI)), None);
        assert_eq!(breach(watch.on_time(5 * SECOND + MILLI + 1)), Some(Invariant::Deadline));
        watch.resumed_at = 9 * SECOND;
        assert_eq!(breach(watch.on_time(9 * SECOND)), None);
    }

    #[test]
    fn counters_that_are_wrong_or_go_back_are_seen() {
        let changes: [fn(&mut Usage); 6] = [
            |usage| usage.sent_bytes += 1,
            |usage| usage.received_bytes -= 1,
            |usage| usage.sent_messages -= 1,
            |usage| usage.received_messages += 1,
            |usage| usage.open += Duration::from_micros(1),
            |usage| usage.quiet += Duration::from_millis(3),
        ];
        for change in changes {
            let mut watch = watch();
            watch.sent(1, 10, 0);
            watch.received(2, 20);
            watch.message_out(3);
            watch.message_in(4);
            let mut right = seen(5000);
            (right.usage.sent_bytes, right.usage.received_bytes) = (10, 20);
            (right.usage.sent_messages, right.usage.received_messages) = (1, 1);
            assert_eq!(breach(watch.observe(5000, &right)), None);
            let mut wrong = right;
            change(&mut wrong.usage);
            assert_eq!(breach(watch.observe(5000, &wrong)), Some(Invariant::Usage), "{:?}", wrong.usage);
        }
    }

    #[test]
    fn too_much_memory_is_seen() {
        for (output_len, held_len) in [(MAX_OUTPUT_LEN + 1, 0), (0, MAX_HELD_LEN + 1)] {
            let too_much = Seen { output_len, held_len, ..seen(0) };
            assert_eq!(breach(watch().observe(0, &too_much)), Some(Invariant::Memory));
        }
    }

    #[test]
    fn a_deadline_behind_the_end_and_an_end_that_is_none_are_seen() {
        let closed = Seen { phase: Phase::Closed, ..seen(0) };
        let mut watch = watch();
        assert_eq!(breach(watch.observe(0, &closed)), None);
        let deadline = Seen { deadline: Some((SECOND, IDLE)), ..closed };
        assert_eq!(breach(watch.observe(0, &deadline)), Some(Invariant::End));
        assert_eq!(breach(watch.observe(0, &seen(0))), Some(Invariant::End));
    }

    #[test]
    fn a_close_that_takes_too_long_is_seen() {
        let mut watch = watch();
        let closing = Seen { phase: Phase::Closing, ..seen(0) };
        assert_eq!(breach(watch.observe(0, &closing)), None);
        assert_eq!(breach(watch.closes_in_time(5 * SECOND + 2 * MILLI)), None);
        assert_eq!(breach(watch.closes_in_time(5 * SECOND + 3 * MILLI)), Some(Invariant::Delivery));
    }
}
