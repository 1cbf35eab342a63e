//! What the owner reports: bytes, messages, replies, stalls, and the steps of an end.

use super::ends_by::EndsBy;
use super::{Lifecycle, NO_RTT, Next, Probe, Reading};
use crate::table::Input;
use crate::ticks::Ticks;
use crate::{Action, Phase, Timer};
use core::time::Duration;

impl Lifecycle {
    /// The opening handshake is done: heartbeats and the idle rule begin.
    pub fn handle_opened(&mut self, now: Duration) {
        let at = self.tick(now);
        if self.enter(Input::Opened, now, at) {
            (self.last_received, self.last_sent) = (at, at);
            self.begin_active(now, at);
        }
    }

    /// `len_bytes` came off the transport: traffic, and a sign of the peer's life.
    #[inline]
    pub fn handle_received(&mut self, now: Duration, len_bytes: usize) {
        let at = self.tick(now);
        if self.notes(Input::Received) && len_bytes > 0 {
            self.received_bytes = self.received_bytes.saturating_add(len_bytes as u64);
            self.last_received = at;
        }
    }

    /// The transport took `len_bytes`: traffic, and progress of a stalled writer.
    #[inline]
    pub fn handle_sent(&mut self, now: Duration, len_bytes: usize) {
        let at = self.tick(now);
        if self.notes(Input::Sent) && len_bytes > 0 {
            self.sent_bytes = self.sent_bytes.saturating_add(len_bytes as u64);
            self.last_sent = at;
            if !self.blocked_since.is_off() {
                self.blocked_since = at;
                // A probe may still wait behind what was taken: its reply is due from here on.
                if self.probe == Probe::Held {
                    self.expect_reply_from(at);
                }
            }
        }
    }

    /// Output waits and the transport takes none. Repeating it changes nothing: the stall began with the first.
    pub fn handle_blocked(&mut self, now: Duration) {
        let at = self.tick(now);
        if self.notes(Input::Blocked) && self.blocked_since.is_off() {
            (self.blocked_since, self.next) = (at, Next::Sooner);
            if self.probe == Probe::Queued {
                self.probe = Probe::Held;
            }
        }
    }

    /// No output waits.
    #[inline]
    pub fn handle_unblocked(&mut self, now: Duration) {
        if self.notes(Input::Unblocked) {
            if !self.blocked_since.is_off() {
                (self.blocked_since, self.next) = (Ticks::NEVER, Next::Sooner);
            }
            // What is sent later does not hold up a probe that is out.
            self.probe = match self.probe {
                Probe::Queued | Probe::Timed => Probe::Timed,
                Probe::Held => {
                    let at = self.tick(now);
                    self.expect_reply_from(at);
                    Probe::Late
                }
                Probe::Late => Probe::Late,
            };
        }
    }

    /// The owner reads no more for now, as under backpressure: no reply can come, so none is missed. Heartbeats go out
    /// all the same, as keep-alives: a peer that is gone shows by a write that stalls or fails.
    pub fn handle_read_paused(&mut self, now: Duration) {
        self.tick(now);
        if self.notes(Input::ReadPaused) && self.reading == Reading::On {
            (self.reading, self.next) = (Reading::Paused, Next::Sooner);
        }
    }

    /// The owner reads again: silence counts from here on, and a reply that is awaited is due from here on.
    pub fn handle_read_resumed(&mut self, now: Duration) {
        let at = self.tick(now);
        if self.notes(Input::ReadResumed) && self.reading == Reading::Paused {
            (self.reading, self.next) = (Reading::On, Next::Sooner);
            // What came meanwhile was not looked at: silence counts from here.
            self.last_received = at;
            self.expect_reply_from(at);
            self.probe = match self.probe {
                Probe::Queued | Probe::Held => Probe::Held,
                Probe::Timed | Probe::Late => Probe::Late,
            };
        }
    }

    /// An application message came.
    pub fn handle_message_received(&mut self, now: Duration) {
        let at = self.tick(now);
        if self.notes(Input::Message) {
            self.received_messages = self.received_messages.saturating_add(1);
            self.begin_active(now, at);
        }
    }

    /// An application message was handed to the output.
    pub fn handle_message_sent(&mut self, now: Duration) {
        let at = self.tick(now);
        if self.notes(Input::Message) {
            self.sent_messages = self.sent_messages.saturating_add(1);
            self.begin_active(now, at);
        }
    }

    /// Another message came at the very time of the last call for a message: it counts, and changes nothing else. For owners
    /// who find many at a time.
    #[inline]
    pub fn count_message_received(&mut self) {
        if self.notes(Input::Message) {
            self.received_messages = self.received_messages.saturating_add(1);
        }
    }

    /// The same of one that was handed to the output.
    #[inline]
    pub fn count_message_sent(&mut self) {
        if self.notes(Input::Message) {
            self.sent_messages = self.sent_messages.saturating_add(1);
        }
    }

    /// So many application messages were handed to the output at a time: as [`handle_message_sent`](Self::handle_message_sent)
    /// for each of them. None is nothing.
    #[inline]
    pub fn handle_messages_sent(&mut self, now: Duration, count: usize) {
        if let Some(others) = count.checked_sub(1) {
            self.handle_message_sent(now);
            if self.notes(Input::Message) {
                self.sent_messages = self.sent_messages.saturating_add(others as u64);
            }
        }
    }

    /// A message that is counted already, under an earlier time, was dealt with up to now: it is not quiet since before.
    pub fn handle_active(&mut self, now: Duration) {
        let at = self.tick(now);
        if self.notes(Input::Message) {
            self.begin_active(now, at);
        }
    }

    /// The reply to the last probe came. Without a probe that awaits one it says nothing; the bytes it came in are
    /// traffic like any other.
    pub fn handle_heartbeat_reply(&mut self, now: Duration) {
        let at = self.tick(now);
        if !self.notes(Input::HeartbeatReply) || self.probe_sent.is_off() {
            return;
        }
        if let Probe::Queued | Probe::Timed = self.probe {
            let micros = at.minus(self.probe_sent).micros() + u64::from(self.micros_within(now));
            self.smooth(micros.saturating_sub(u64::from(self.tick_micros)));
        }
        (self.probe_sent, self.next) = (Ticks::NEVER, Next::Sooner);
    }

    /// What proved who the peer is holds up to `expiry`, or for ever: the connection is closed then, or after
    /// [`max_age`](crate::Config::max_age), whichever is earlier. The last call counts, and none before
    /// [`handle_opened`](Self::handle_opened). An expiry further away than
    /// [`MAX_TIMEOUT`](crate::Config::MAX_TIMEOUT) counts as that: who comes back is let in again. Once a drain has begun the
    /// end only comes nearer.
    pub fn set_credential_expiry(&mut self, now: Duration, expiry: Option<Duration>) {
        let at = self.tick(now);
        if !self.notes(Input::Expiry) {
            return;
        }
        self.next = Next::Sooner;
        let expiry = expiry.map_or(Ticks::NEVER, |expiry| self.deadline(at, expiry));
        (self.ends, self.ends_by) = if self.ends_by.drains() {
            // The end only comes nearer: what was to expire sooner, and does not, still ends then, for the drain.
            (expiry, EndsBy::ExpiryBeforeDrain).min((self.ends, self.ends_by.without_expiry()))
        } else {
            (expiry, EndsBy::CredentialExpiry).min((self.oldest(), EndsBy::MaxAge))
        };
    }

    /// The server is going away, and closes this connection at `at`, which [`drain`](crate::drain) can say; whatever would
    /// have ended it sooner still does. Before [`handle_opened`](Self::handle_opened) it says nothing: an opening has a
    /// deadline of its own.
    pub fn begin_drain(&mut self, now: Duration, at: Duration) {
        let tick = self.tick(now);
        if !self.notes(Input::Drain) {
            return;
        }
        self.next = Next::Sooner;
        let told = (self.deadline(tick, at), EndsBy::Drain);
        (self.ends, self.ends_by) = told.min((self.ends, self.ends_by.before_drain()));
    }

    /// A close begins, ours or the peer's; its deadline runs from the first call.
    pub fn begin_closing(&mut self, now: Duration) {
        let at = self.tick(now);
        self.enter(Input::Close, now, at);
    }

    /// The close that has begun was found only at `now`, by an owner who was busy before: its deadline runs from here.
    pub fn handle_closing_found(&mut self, now: Duration) {
        let at = self.tick(now);
        if self.phase == Phase::Closing && self.ends_by == EndsBy::Closing {
            self.ends = at.plus_limit(self.config.closing_timeout);
        }
    }

    /// Our writing side is shut down, and what the peer still sends is thrown away until its stream ends. Begins the
    /// close if nothing has; the lingering has a deadline of its own beside the close's, and the earlier one ends it.
    /// Repeating it changes nothing.
    pub fn begin_linger(&mut self, now: Duration) {
        let at = self.tick(now);
        self.enter(Input::Linger, now, at);
        let linger = at.plus_limit(self.config.linger_timeout);
        if self.phase == Phase::Closing && linger < self.ends {
            (self.ends, self.ends_by, self.next) = (linger, EndsBy::Linger, Next::Sooner);
        }
    }

    /// `len_bytes` were read and thrown away. Answers [`Action::Abort`] when they exceed
    /// [`linger_max_bytes`](crate::Config::linger_max_bytes).
    #[must_use]
    pub fn handle_discarded(&mut self, now: Duration, len_bytes: usize) -> Option<Action> {
        let at = self.tick(now);
        if !self.notes(Input::Discarded) {
            return None;
        }
        self.received_bytes = self.received_bytes.saturating_add(len_bytes as u64);
        let len_bytes = u32::try_from(len_bytes).unwrap_or(u32::MAX);
        self.discarded_bytes = self.discarded_bytes.saturating_add(len_bytes);
        if self.discarded_bytes <= self.config.linger_max_bytes {
            return None;
        }
        self.enter(Input::Closed, now, at);
        Some(Action::Abort(Timer::Linger))
    }

    /// The transport is gone. Nothing happens any more; [`usage`](Self::usage) is final.
    pub fn handle_closed(&mut self, now: Duration) {
        let at = self.tick(now);
        self.enter(Input::Closed, now, at);
    }

    /// The reply, if one is awaited, is due from `at` on.
    fn expect_reply_from(&mut self, at: Ticks) {
        if !self.probe_sent.is_off() {
            self.probe_sent = at;
        }
    }

    /// A sample of the round trip, smoothed as that of TCP (RFC 6298 §2).
    fn smooth(&mut self, micros: u64) {
        let sample = u32::try_from(micros).unwrap_or(u32::MAX).min(NO_RTT - 1);
        self.round_trip = match self.round_trip {
            NO_RTT => sample,
            smoothed => smoothed - smoothed / 8 + sample / 8,
        };
    }
}
