//! Time: which deadline is next, and what it asks for when it has come.

use super::{Lifecycle, Next, Probe, Reading};
use crate::table::{Effect, Input};
use crate::ticks::Ticks;
use crate::{Action, Config, Heartbeat, Phase, Timer};
use core::{mem, time::Duration};

impl Lifecycle {
    /// The next deadline, as the owner's time, and what it watches; `None` when none runs.
    ///
    /// Any call that takes `now` may change the answer. A deadline that only moves later needs no new timer: the
    /// owner may come back at the old one, and is told nothing then.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Duration, Timer)> {
        let (deadline, timer) = self.next()?;
        Some((self.origin().saturating_add(deadline.as_duration()), timer))
    }

    /// Whether the next deadline may come sooner than it would have when this was asked last. Most of what happens moves deadlines
    /// later and nothing else: an owner whose timer is set need not ask [`poll_timeout`](Self::poll_timeout) before this is so, or
    /// the timer has rung.
    #[must_use]
    #[inline]
    pub fn take_sooner(&mut self) -> bool {
        mem::replace(&mut self.next, Next::NotSooner) == Next::Sooner
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
        let due = Input::Due(timer);
        match due.effect(self.phase) {
            Effect::SendsHeartbeat => {
                self.begin_heartbeat(now, at);
                Some(Action::SendHeartbeat)
            }
            Effect::Closes => {
                self.enter(due, now, at);
                Some(Action::Close(timer))
            }
            Effect::Aborts => {
                self.enter(due, now, at);
                Some(Action::Abort(timer))
            }
            Effect::Nothing | Effect::Noted | Effect::Enters(_) => None,
        }
    }

    /// The earliest deadline; of two that are due together, the one that [`Timer::ALL`] names first.
    fn next(&self) -> Option<(Ticks, Timer)> {
        let always = [(self.ends, self.ends_by.timer()), (self.write_stall(), Timer::WriteStall)];
        let earliest = |deadlines: &[(Ticks, Timer)]| deadlines.iter().copied().min();
        let next = match self.phase {
            Phase::Opening | Phase::Closing => earliest(&always),
            Phase::Open => earliest(&[
                always[0],
                always[1],
                (self.heartbeat_reply(), Timer::HeartbeatReply),
                (self.idle(), Timer::Idle),
                (self.quiet_close(), Timer::Quiet),
                (self.heartbeat(), Timer::Heartbeat),
            ]),
            Phase::Closed => None,
        };
        next.filter(|(deadline, _)| !deadline.is_off())
    }

    fn write_stall(&self) -> Ticks {
        self.blocked_since.plus_limit(self.config.write_stall_timeout)
    }

    fn idle(&self) -> Ticks {
        self.last_received.max(self.last_sent).plus_limit(self.config.idle_timeout)
    }

    fn quiet_close(&self) -> Ticks {
        self.last_message().plus_limit(self.config.quiet_timeout)
    }

    fn heartbeat(&self) -> Ticks {
        match (self.config.heartbeat, self.reading) {
            (Heartbeat::Off, _) => Ticks::NEVER,
            (Heartbeat::Probe { .. }, Reading::On) if !self.probe_sent.is_off() => Ticks::NEVER,
            // Proxies watch each direction by itself: the quieter one decides.
            (Heartbeat::Probe { interval, .. }, Reading::On) => {
                self.last_received.min(self.last_sent).plus(Ticks::interval(interval))
            }
            // What cannot be sent keeps nothing alive.
            (Heartbeat::KeepAlive { .. } | Heartbeat::Probe { .. }, _) if !self.blocked_since.is_off() => {
                Ticks::NEVER
            }
            (Heartbeat::KeepAlive { interval } | Heartbeat::Probe { interval, .. }, _) => {
                self.last_sent.plus(Ticks::interval(interval))
            }
        }
    }

    fn heartbeat_reply(&self) -> Ticks {
        match (self.config.heartbeat, self.reading) {
            // It is still in the output, perhaps, which waits: the stall decides.
            (Heartbeat::Probe { .. }, Reading::On) if self.is_stuck() => Ticks::NEVER,
            // Without a probe that is out, both are never.
            (Heartbeat::Probe { interval, timeout }, Reading::On) => {
                // Bytes that keep coming prove that the peer lives, and its reply may be queued behind them; but a
                // peer that talks and never replies breaks the protocol, and is not waited for longer than until
                // the next probe would have its reply.
                let timeout = Ticks::span(timeout);
                let silent = self.probe_sent.max(self.last_received).plus(timeout);
                silent.min(self.probe_sent.plus(Ticks::interval(interval)).plus(timeout))
            }
            (Heartbeat::Off | Heartbeat::KeepAlive { .. }, _)
            | (Heartbeat::Probe { .. }, Reading::Paused) => Ticks::NEVER,
        }
    }

    /// Whether a stall would end what a probe waits behind.
    fn is_stuck(&self) -> bool {
        self.probe == Probe::Held && !self.write_stall().is_off()
    }

    fn begin_heartbeat(&mut self, now: Duration, at: Ticks) {
        // What is about to be sent counts as sent: no second heartbeat while the first is on its way.
        self.last_sent = at;
        if let (Heartbeat::Probe { .. }, Reading::On) = (self.config.heartbeat, self.reading) {
            self.probe_sent = at;
            self.tick_micros = self.micros_within(now);
            self.probe = if self.blocked_since.is_off() { Probe::Queued } else { Probe::Held };
        }
    }

    /// When the connection is as old as one may be.
    pub(super) fn oldest(&self) -> Ticks {
        // The origin moves no earlier than the longest age has passed: behind it every age is due.
        Ticks::START.plus_limit(self.config.max_age)
    }

    /// The owner's moment `at`, in ticks; one too far away as far away as can be.
    pub(super) fn deadline(&self, now: Ticks, at: Duration) -> Ticks {
        let longest = now.plus(Ticks::span(Config::MAX_TIMEOUT));
        Ticks::due(at.saturating_sub(self.origin())).min(longest)
    }
}
