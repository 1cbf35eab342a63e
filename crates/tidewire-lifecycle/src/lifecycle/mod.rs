//! The machine: what happened and when goes in, deadlines and actions come out.

mod deadlines;
mod ends_by;
mod happened;
mod record;

use alloc::sync::Arc;
use core::time::Duration;

use self::ends_by::EndsBy;
use crate::table::{Effect, Input};
use crate::ticks::Ticks;
use crate::{Config, Phase};

/// Ticks are counted from an origin that follows the connection in steps of so many milliseconds (12.4 days), so that
/// 32 bits last for any age.
const ORIGIN_STEP: u32 = 1 << 30;

const NANOS_PER_SECOND: u64 = 1_000_000_000;
const NANOS_PER_MILLI: u64 = 1_000_000;

/// `None` where 64 bits do not hold it.
#[inline]
fn nanos(time: Duration) -> Option<u64> {
    time.as_secs().checked_mul(NANOS_PER_SECOND)?.checked_add(time.subsec_nanos().into())
}

/// The life of one connection. It knows no protocol, reads no clock and owns no timer.
///
/// The owner reports what happened (`handle_*`, `begin_*`), asks [`poll_timeout`](Self::poll_timeout) when to come
/// back, and then does what [`handle_timeout`](Self::handle_timeout) says. `now` is the time since an origin of the
/// owner's choice, from a clock that never goes back: with one that does, deadlines are early or late.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifecycle {
    config: Arc<Config>,
    /// The start, in nanoseconds of the owner's time: they last for 584 years.
    start: u64,
    received_bytes: u64,
    sent_bytes: u64,
    received_messages: u64,
    sent_messages: u64,
    /// How long it was quiet before `active_until`, in microseconds.
    quiet: u64,
    last_received: Ticks,
    last_sent: Ticks,
    /// [`Config::active_window`].
    active_window: Ticks,
    /// The end of the active window of the last message.
    active_until: Ticks,
    /// When the probe was sent that awaits its reply.
    probe_sent: Ticks,
    /// Since when output waits and the transport takes none.
    blocked_since: Ticks,
    /// When the phase ends at the latest, because of `ends_by`; of [`Phase::Closed`], when it began.
    ends: Ticks,
    /// The smoothed time from a probe to its reply, in microseconds; [`NO_RTT`] before the first.
    round_trip: u32,
    discarded_bytes: u32,
    /// How many [`ORIGIN_STEP`]s the ticks' origin lies behind `start`.
    origin_steps: u16,
    /// Microseconds within the tick of `probe_sent`; of [`Phase::Closed`], within that of its beginning.
    tick_micros: u16,
    ends_by: EndsBy,
    phase: Phase,
    probe: Probe,
    reading: Reading,
    next: Next,
}

/// Where a probe is, and whether the time to its reply is the round trip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Probe {
    /// It may still be in the output, and nothing has waited.
    Queued,
    /// It may still be in the output, which waits: while that moves, the reply is not missed.
    Held,
    /// It went out at once.
    Timed,
    /// It went out after a while, or its reply waited unread.
    Late,
}

/// Whether what the peer sends is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    On,
    Paused,
}

/// Where the next deadline is, compared with when the owner asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// There, or later.
    NotSooner,
    /// Sooner, perhaps.
    Sooner,
}

/// No round trip was measured.
const NO_RTT: u32 = u32::MAX;

impl Lifecycle {
    /// A connection in [`Phase::Opening`], whose opening deadline runs from `now`.
    #[must_use]
    pub fn new(config: Arc<Config>, now: Duration) -> Self {
        let start = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let ends = Ticks::START.plus_limit(config.opening_timeout);
        let active_window = Ticks::span(config.active_window);
        Self {
            config,
            start,
            received_bytes: 0,
            sent_bytes: 0,
            received_messages: 0,
            sent_messages: 0,
            quiet: 0,
            last_received: Ticks::START,
            last_sent: Ticks::START,
            active_window,
            active_until: Ticks::START.plus(active_window),
            probe_sent: Ticks::NEVER,
            blocked_since: Ticks::NEVER,
            ends,
            round_trip: NO_RTT,
            discarded_bytes: 0,
            origin_steps: 0,
            tick_micros: 0,
            ends_by: EndsBy::Opening,
            phase: Phase::Opening,
            probe: Probe::Queued,
            reading: Reading::On,
            next: Next::Sooner,
        }
    }

    /// The phase.
    #[must_use]
    #[inline]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Whether an input says anything in this phase.
    #[inline]
    fn notes(&self, input: Input) -> bool {
        input.effect(self.phase) != Effect::Nothing
    }

    /// Takes an input that may change the phase; tells whether it did.
    fn enter(&mut self, input: Input, now: Duration, at: Ticks) -> bool {
        let phase = match input.effect(self.phase) {
            Effect::Enters(phase) => phase,
            Effect::Closes => Phase::Closing,
            Effect::Aborts => Phase::Closed,
            Effect::Nothing | Effect::Noted | Effect::SendsHeartbeat => return false,
        };
        (self.ends, self.ends_by) = match phase {
            Phase::Opening => (at.plus_limit(self.config.opening_timeout), EndsBy::Opening),
            Phase::Open => (self.oldest(), EndsBy::MaxAge),
            Phase::Closing => (at.plus_limit(self.config.closing_timeout), EndsBy::Closing),
            Phase::Closed => {
                self.tick_micros = self.micros_within(now);
                (at, self.ends_by)
            }
        };
        self.phase = phase;
        self.next = Next::Sooner;
        true
    }

    /// Where the ticks begin.
    #[inline]
    fn origin(&self) -> Duration {
        let steps = u64::from(self.origin_steps) * u64::from(ORIGIN_STEP);
        Duration::from_nanos(self.start).saturating_add(Duration::from_millis(steps))
    }

    /// From there to `now`, in nanoseconds.
    #[inline]
    fn since_origin(&self, now: Duration) -> u64 {
        let steps = u64::from(self.origin_steps).saturating_mul(u64::from(ORIGIN_STEP) * NANOS_PER_MILLI);
        nanos(now).map_or(u64::MAX, |now| now.saturating_sub(self.start.saturating_add(steps)))
    }

    /// Microseconds of `now` within its tick.
    #[inline]
    fn micros_within(&self, now: Duration) -> u16 {
        (self.since_origin(now) % NANOS_PER_MILLI / 1000) as u16
    }

    /// `now` in ticks; moves the origin along when the ticks get large.
    #[inline]
    fn tick(&mut self, now: Duration) -> Ticks {
        match u32::try_from(self.since_origin(now) / NANOS_PER_MILLI) {
            Ok(millis) if millis < 2 * ORIGIN_STEP => Ticks::millis(millis),
            Ok(_) | Err(_) => self.tick_far(now),
        }
    }

    #[cold]
    fn tick_far(&mut self, now: Duration) -> Ticks {
        let step = Ticks::at(Duration::from_millis(u64::from(ORIGIN_STEP)));
        let mut at = Ticks::at(now.saturating_sub(self.origin()));
        while at >= step.plus(step) && self.origin_steps < u16::MAX && self.phase != Phase::Closed {
            // What was quiet before the new origin would be forgotten with it.
            self.settle_quiet(step, 0);
            self.origin_steps += 1;
            for moment in [
                &mut self.last_received,
                &mut self.last_sent,
                &mut self.active_until,
                &mut self.probe_sent,
                &mut self.blocked_since,
                &mut self.ends,
            ] {
                *moment = moment.minus(step);
            }
            at = Ticks::at(now.saturating_sub(self.origin()));
        }
        at
    }
}
