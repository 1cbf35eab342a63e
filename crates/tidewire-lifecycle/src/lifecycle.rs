//! The machine: what happened and when goes in, deadlines and actions come out.

use alloc::sync::Arc;
use core::time::Duration;

use crate::phase::Step;
use crate::ticks::Ticks;
use crate::{Action, Config, Heartbeat, Phase, Timer, Usage};

/// Ticks are counted from an origin that follows the connection in steps of so many milliseconds (12.4 days), so that
/// 32 bits last for any age.
const ORIGIN_STEP: u32 = 1 << 30;

/// The life of one connection. It knows no protocol, reads no clock and owns no timer.
///
/// The owner reports what happened (`handle_*`, `begin_*`), asks [`poll_timeout`](Self::poll_timeout) when to come
/// back, and then does what [`handle_timeout`](Self::handle_timeout) says. `now` is the time since an origin of the
/// owner's choice and never goes back; time that does is taken as standing still.
#[derive(Clone, Debug)]
pub struct Lifecycle {
    config: Arc<Config>,
    start: Duration,
    received_bytes: u64,
    sent_bytes: u64,
    received_messages: u64,
    sent_messages: u64,
    /// When the phase began.
    phase_since: Ticks,
    last_received: Ticks,
    last_sent: Ticks,
    /// When the probe was sent that awaits its reply.
    probe_sent: Ticks,
    /// Since when output waits and the transport takes none.
    blocked_since: Ticks,
    linger_since: Ticks,
    discarded_bytes: u32,
    /// How many [`ORIGIN_STEP`]s the ticks' origin lies behind `start`.
    origin_steps: u16,
    phase: Phase,
}

impl Lifecycle {
    /// A connection in [`Phase::Opening`], whose opening deadline runs from `now`.
    #[must_use]
    pub fn new(config: Arc<Config>, now: Duration) -> Self {
        Self {
            config,
            start: now,
            received_bytes: 0,
            sent_bytes: 0,
            received_messages: 0,
            sent_messages: 0,
            phase_since: Ticks::START,
            last_received: Ticks::START,
            last_sent: Ticks::START,
            probe_sent: Ticks::NEVER,
            blocked_since: Ticks::NEVER,
            linger_since: Ticks::NEVER,
            discarded_bytes: 0,
            origin_steps: 0,
            phase: Phase::Opening,
        }
    }

    // Questions.

    /// The phase.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What was used up to `now`; in [`Phase::Closed`] the final record, whatever `now` is.
    #[must_use]
    pub fn usage(&self, now: Duration) -> Usage {
        let open = match self.phase {
            Phase::Opening | Phase::Open | Phase::Closing => now.saturating_sub(self.start),
            Phase::Closed => self.origin().saturating_sub(self.start) + self.phase_since.as_duration(),
        };
        Usage {
            open,
            received_bytes: self.received_bytes,
            sent_bytes: self.sent_bytes,
            received_messages: self.received_messages,
            sent_messages: self.sent_messages,
        }
    }

    // What happened.

    /// The opening handshake is done: heartbeats and the idle rule begin.
    pub fn handle_opened(&mut self, now: Duration) {
        let at = self.tick(now);
        if self.step(Step::Opened, at) {
            self.last_received = at;
            self.last_sent = at;
        }
    }

    /// `len_bytes` came off the transport: traffic, and a sign of the peer's life.
    pub fn handle_received(&mut self, now: Duration, len_bytes: usize) {
        let at = self.tick(now);
        if self.phase != Phase::Closed && len_bytes > 0 {
            self.received_bytes = self.received_bytes.saturating_add(len_bytes as u64);
            self.last_received = at;
        }
    }

    /// The transport took `len_bytes`: traffic, and progress of a stalled writer.
    pub fn handle_sent(&mut self, now: Duration, len_bytes: usize) {
        let at = self.tick(now);
        if self.phase != Phase::Closed && len_bytes > 0 {
            self.sent_bytes = self.sent_bytes.saturating_add(len_bytes as u64);
            self.last_sent = at;
            if !self.blocked_since.is_off() {
                self.blocked_since = at;
                // The probe may still wait behind what was taken: its reply is due from here on.
                if !self.probe_sent.is_off() {
                    self.probe_sent = at;
                }
            }
        }
    }

    /// Output waits and the transport takes none. Repeating it changes nothing: the stall began with the first.
    pub fn handle_blocked(&mut self, now: Duration) {
        let at = self.tick(now);
        if self.phase != Phase::Closed && self.blocked_since.is_off() {
            self.blocked_since = at;
        }
    }

    /// No output waits.
    pub fn handle_unblocked(&mut self, now: Duration) {
        self.tick(now);
        self.blocked_since = Ticks::NEVER;
    }

    /// An application message came.
    pub fn handle_message_received(&mut self, now: Duration) {
        self.tick(now);
        if self.phase != Phase::Closed {
            self.received_messages = self.received_messages.saturating_add(1);
        }
    }

    /// An application message was handed to the output.
    pub fn handle_message_sent(&mut self, now: Duration) {
        self.tick(now);
        if self.phase != Phase::Closed {
            self.sent_messages = self.sent_messages.saturating_add(1);
        }
    }

    /// The reply to the last probe came. Without a probe that awaits one it says nothing; the bytes it came in are
    /// traffic like any other.
    pub fn handle_heartbeat_reply(&mut self, now: Duration) {
        self.tick(now);
        self.probe_sent = Ticks::NEVER;
    }

    /// A close begins, ours or the peer's; its deadline runs from the first call.
    pub fn begin_closing(&mut self, now: Duration) {
        let at = self.tick(now);
        self.step(Step::Close, at);
    }

    /// Our writing side is shut down, and what the peer still sends is thrown away until its stream ends. Begins the
    /// close if nothing has; the lingering has a deadline of its own beside the close's, and the earlier one ends it.
    pub fn begin_linger(&mut self, now: Duration) {
        let at = self.tick(now);
        self.step(Step::Close, at);
        if self.phase == Phase::Closing && self.linger_since.is_off() {
            self.linger_since = at;
        }
    }

    /// `len_bytes` were read and thrown away. Answers [`Action::Abort`] when they exceed
    /// [`linger_max_bytes`](Config::linger_max_bytes).
    #[must_use]
    pub fn handle_discarded(&mut self, now: Duration, len_bytes: usize) -> Option<Action> {
        let at = self.tick(now);
        if self.phase == Phase::Closed {
            return None;
        }
        self.received_bytes = self.received_bytes.saturating_add(len_bytes as u64);
        let len_bytes = u32::try_from(len_bytes).unwrap_or(u32::MAX);
        self.discarded_bytes = self.discarded_bytes.saturating_add(len_bytes);
        if self.discarded_bytes <= self.config.linger_max_bytes {
            return None;
        }
        self.step(Step::Closed, at);
        Some(Action::Abort(Timer::Linger))
    }

    /// The transport is gone. Nothing happens any more; [`usage`](Self::usage) is final.
    pub fn handle_closed(&mut self, now: Duration) {
        let at = self.tick(now);
        self.step(Step::Closed, at);
    }

    // Time.

    /// The next deadline, as the owner's time, and what it watches; `None` when none runs.
    ///
    /// Any call that takes `now` may change the answer. A deadline that only moves later needs no new timer: the
    /// owner may come back at the old one, and is told nothing then.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Duration, Timer)> {
        let (deadline, timer) = self.next()?;
        Some((self.origin().saturating_add(deadline.as_duration()), timer))
    }

    /// What is due at `now`, one action at a time: call it until it answers `None`.
    ///
    /// An [`Action::Close`] has begun the close, an [`Action::Abort`] has ended it all: each comes once.
    #[must_use]
    pub fn handle_timeout(&mut self, now: Duration) -> Option<Action> {
        let at = self.tick(now);
        let (deadline, timer) = self.next()?;
        if at < deadline {
            return None;
        }
        let action = timer.action();
        match action {
            Action::SendHeartbeat => {
                // What is about to be sent counts as sent: no second heartbeat while the first is on its way.
                self.last_sent = at;
                if let Heartbeat::Probe { .. } = self.config.heartbeat {
                    self.probe_sent = at;
                }
            }
            Action::Close(_) => {
                self.step(Step::Close, at);
            }
            Action::Abort(_) => {
                self.step(Step::Closed, at);
            }
        }
        Some(action)
    }

    fn next(&self) -> Option<(Ticks, Timer)> {
        Timer::ALL
            .into_iter()
            .filter(|timer| timer.runs_in(self.phase))
            .map(|timer| (self.deadline(timer), timer))
            .filter(|(deadline, _)| !deadline.is_off())
            .min()
    }

    /// When a timer fires, if nothing else happens.
    fn deadline(&self, timer: Timer) -> Ticks {
        let after = |since: Ticks, limit: Option<Duration>| match limit {
            Some(limit) => since.plus(Ticks::span(limit)),
            None => Ticks::NEVER,
        };
        match timer {
            Timer::Opening => after(self.phase_since, self.config.opening_timeout),
            Timer::WriteStall => after(self.blocked_since, self.config.write_stall_timeout),
            Timer::Idle => after(self.last_received.max(self.last_sent), self.config.idle_timeout),
            Timer::Heartbeat => match self.config.heartbeat {
                Heartbeat::Off => Ticks::NEVER,
                // What cannot be sent keeps nothing alive.
                Heartbeat::KeepAlive { .. } if !self.blocked_since.is_off() => Ticks::NEVER,
                Heartbeat::KeepAlive { interval } => self.last_sent.plus(Ticks::interval(interval)),
                Heartbeat::Probe { .. } if !self.probe_sent.is_off() => Ticks::NEVER,
                // Proxies watch each direction by itself: the quieter one decides.
                Heartbeat::Probe { interval, .. } => {
                    self.last_received.min(self.last_sent).plus(Ticks::interval(interval))
                }
            },
            Timer::HeartbeatReply => match self.config.heartbeat {
                Heartbeat::Off | Heartbeat::KeepAlive { .. } => Ticks::NEVER,
                Heartbeat::Probe { .. } if self.probe_sent.is_off() => Ticks::NEVER,
                // Bytes that keep coming prove that the peer lives, and its reply may be queued behind them; but a
                // peer that talks and never replies breaks the protocol, and is not waited for longer than until
                // the next probe would have its reply.
                Heartbeat::Probe { interval, timeout } => {
                    let timeout = Ticks::span(timeout);
                    let silent = self.probe_sent.max(self.last_received).plus(timeout);
                    silent.min(self.probe_sent.plus(Ticks::interval(interval)).plus(timeout))
                }
            },
            Timer::Closing => after(self.phase_since, self.config.closing_timeout),
            Timer::Linger => after(self.linger_since, self.config.linger_timeout),
        }
    }

    /// Takes a step of the table; tells whether it changed the phase.
    fn step(&mut self, step: Step, at: Ticks) -> bool {
        match self.phase.after(step) {
            Some(phase) => {
                self.phase = phase;
                self.phase_since = at;
                true
            }
            None => false,
        }
    }

    fn origin(&self) -> Duration {
        let steps = u64::from(self.origin_steps) * u64::from(ORIGIN_STEP);
        self.start.saturating_add(Duration::from_millis(steps))
    }

    /// `now` in ticks; moves the origin along when the ticks get large.
    fn tick(&mut self, now: Duration) -> Ticks {
        let step = Ticks::at(Duration::from_millis(u64::from(ORIGIN_STEP)));
        let mut at = Ticks::at(now.saturating_sub(self.origin()));
        while at >= step.plus(step) && self.origin_steps < u16::MAX && self.phase != Phase::Closed {
            self.origin_steps += 1;
            for moment in [
                &mut self.phase_since,
                &mut self.last_received,
                &mut self.last_sent,
                &mut self.probe_sent,
                &mut self.blocked_since,
                &mut self.linger_since,
            ] {
                *moment = moment.minus(step);
            }
            at = Ticks::at(now.saturating_sub(self.origin()));
        }
        at
    }
}
