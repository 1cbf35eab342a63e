//! What is known of a connection: what it used, since when it is quiet, when the peer was last seen and how far it is.

use super::{Lifecycle, NO_RTT, Reading};
use crate::ticks::Ticks;
use crate::{Phase, Usage};
use core::time::Duration;

impl Lifecycle {
    /// What was used up to `now`; in [`Phase::Closed`] the final record, whatever `now` is.
    #[must_use]
    pub fn usage(&self, now: Duration) -> Usage {
        let end = match self.phase {
            Phase::Opening | Phase::Open | Phase::Closing => {
                u64::try_from(now.saturating_sub(self.origin()).as_micros()).unwrap_or(u64::MAX)
            }
            Phase::Closed => self.ends.micros() + u64::from(self.tick_micros),
        };
        let start = Duration::from_nanos(self.start);
        let quiet = self.quiet.saturating_add(end.saturating_sub(self.active_until.micros()));
        Usage {
            requests: 1,
            open: self.origin().saturating_add(Duration::from_micros(end)).saturating_sub(start),
            quiet: Duration::from_micros(quiet),
            received_bytes: self.received_bytes,
            sent_bytes: self.sent_bytes,
            received_messages: self.received_messages,
            sent_messages: self.sent_messages,
        }
    }

    /// Since when no application message came or went, if the connection is open and that is longer than
    /// [`active_window`](crate::Config::active_window); its opening counts as a message. Of what is longer than
    /// [`MAX_TIMEOUT`](crate::Config::MAX_TIMEOUT), only that it is.
    #[must_use]
    pub fn quiet_since(&self, now: Duration) -> Option<Duration> {
        let at = Ticks::at(now.saturating_sub(self.origin()));
        let is_quiet = self.phase == Phase::Open && at >= self.active_until;
        is_quiet.then(|| self.origin().saturating_add(self.last_message().as_duration()))
    }

    /// When a byte last came from the peer, the connection opened or reading resumed, to the millisecond. Of what is longer ago than
    /// [`MAX_TIMEOUT`](crate::Config::MAX_TIMEOUT), only that it is.
    #[must_use]
    pub fn last_seen(&self) -> Duration {
        self.origin().saturating_add(self.last_received.as_duration())
    }

    /// The smoothed time from a probe to its reply, to the microsecond, as TCP smooths it (RFC 6298 §2); `None` before
    /// the first reply. Replies to probes that waited behind other output are not counted.
    #[must_use]
    pub fn round_trip_time(&self) -> Option<Duration> {
        (self.round_trip != NO_RTT).then(|| Duration::from_micros(u64::from(self.round_trip)))
    }

    /// Whether the owner reads: [`handle_read_paused`](Self::handle_read_paused) was not the last word.
    #[must_use]
    #[inline]
    pub fn is_reading(&self) -> bool {
        self.reading == Reading::On
    }

    /// The application's last message, or the opening.
    pub(super) fn last_message(&self) -> Ticks {
        self.active_until.minus(self.active_window)
    }

    /// A message at `at`: an active window begins, and what was quiet before is settled.
    #[inline]
    pub(super) fn begin_active(&mut self, now: Duration, at: Ticks) {
        // Another message within the tick of the last changes nothing.
        if at.plus(Ticks::ONE).plus(self.active_window) > self.active_until {
            self.begin_window(now, at);
        }
    }

    #[cold]
    fn begin_window(&mut self, now: Duration, at: Ticks) {
        let micros = self.micros_within(now);
        self.settle_quiet(at, micros);
        // Counted up to the microsecond, it begins with a tick: the next one, so that nothing is quiet twice.
        let from = if micros == 0 { at } else { at.plus(Ticks::ONE) };
        self.active_until = from.plus(self.active_window);
    }

    /// Counts what was quiet up to so many microseconds behind `at`; from there on somebody else counts.
    pub(super) fn settle_quiet(&mut self, at: Ticks, micros: u16) {
        let until = at.micros() + u64::from(micros);
        self.quiet = self.quiet.saturating_add(until.saturating_sub(self.active_until.micros()));
        self.active_until = self.active_until.max(at);
    }
}
