//! When a client comes back: a schedule of delays that grow, spread and start over (HTML §9.2.3 for event streams).

use alloc::sync::Arc;
use core::time::Duration;

/// Where a delay lies in the window of its attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jitter {
    /// Anywhere up to the window: the clients of a server that died come back spread out the most.
    Full,
    /// Never before the reconnection time, which the server of an event stream chose: from it up to the window, or up
    /// to a quarter above it where that is more.
    AboveReconnectionTime,
}

/// The schedule of clients that share it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// The window of the first attempt, unless the server names another; it doubles with each attempt. Default 1 s.
    pub reconnection_time: Duration,
    /// Beyond this the window does not grow. Default 30 s.
    pub max_delay: Duration,
    /// No delay is shorter, whatever the server names: not even `retry: 0` makes a client hammer. Default 100 ms.
    pub min_delay: Duration,
    /// Of a time that the server names no more than this counts. Default 1 h.
    pub max_server_delay: Duration,
    /// Attempts without progress after which a client gives up; `None` is never. Default `None`.
    pub max_attempts: Option<u32>,
    /// Default [`Jitter::Full`].
    pub jitter: Jitter,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            reconnection_time: Duration::from_secs(1),
            max_delay: Duration::from_secs(30),
            min_delay: Duration::from_millis(100),
            max_server_delay: Duration::from_secs(3600),
            max_attempts: None,
            jitter: Jitter::Full,
        }
    }
}

impl Config {
    /// The schedule of an event stream's client: 3 s at first, and never earlier than the server asks for.
    #[must_use]
    pub fn event_stream() -> Self {
        Self {
            reconnection_time: Duration::from_secs(3),
            jitter: Jitter::AboveReconnectionTime,
            ..Self::default()
        }
    }
}

/// The schedule of one client. It reads no clock and has no randomness of its own: how long to wait is its answer, and
/// entropy its argument.
///
/// ```
/// use core::time::Duration;
/// use std::sync::Arc;
/// use tidewire_lifecycle::reconnect::{Config, Reconnect};
///
/// let ms = Duration::from_millis;
/// let mut reconnect = Reconnect::new(Arc::new(Config::default()));
/// // The most that the draw can give: the window, which doubles up to 30 s.
/// let windows = [(); 7].map(|()| reconnect.next_delay(u64::MAX));
/// assert_eq!(windows, [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000].map(|delay| Some(ms(delay))));
///
/// // Progress, and not a mere connection, begins it anew.
/// reconnect.handle_progress();
/// assert_eq!(reconnect.next_delay(u64::MAX / 2), Some(ms(550)));
/// ```
#[derive(Clone, Debug)]
pub struct Reconnect {
    config: Arc<Config>,
    /// The window of the first attempt.
    reconnection_time: Duration,
    /// Before this the next attempt is not wanted.
    retry_after: Duration,
    /// Attempts since the last progress.
    attempts: u32,
    welcome: Welcome,
}

/// Whether the server wants the client back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Welcome {
    Yes,
    No,
}

impl Reconnect {
    /// A schedule at its beginning.
    #[must_use]
    pub fn new(config: Arc<Config>) -> Self {
        let reconnection_time = config.reconnection_time;
        Self { config, reconnection_time, retry_after: Duration::ZERO, attempts: 0, welcome: Welcome::Yes }
    }

    /// Attempts since the last progress.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The connection was of use, as shown by a message: the next attempt is a first one.
    pub fn handle_progress(&mut self) {
        self.attempts = 0;
    }

    /// The server named the window of the first attempt, as the `retry` field of an event stream does.
    //= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
    //# set the event stream's reconnection time to that integer.
    pub fn handle_reconnection_time(&mut self, time: Duration) {
        self.reconnection_time = time.min(self.config.max_server_delay);
    }

    /// The server wants nothing before this, as its `Retry-After` says (RFC 9110 §10.2.3). It counts for the next
    /// attempt alone.
    pub fn handle_retry_after(&mut self, delay: Duration) {
        self.retry_after = delay.min(self.config.max_server_delay);
    }

    /// The server said that coming back is of no use, as some close codes of a WebSocket do: there is no next attempt.
    pub fn handle_dismissed(&mut self) {
        self.welcome = Welcome::No;
    }

    /// How long to wait before the next attempt, drawn by `entropy`, any 64 bits; `None` when the attempts are used up, or
    /// when the server wants none.
    #[must_use]
    pub fn next_delay(&mut self, entropy: u64) -> Option<Duration> {
        if self.welcome == Welcome::No || self.config.max_attempts.is_some_and(|max| self.attempts >= max) {
            return None;
        }
        let first = self.reconnection_time.max(self.config.min_delay);
        let doubled = first.saturating_mul(1u32.checked_shl(self.attempts).unwrap_or(u32::MAX));
        // What the server names may be beyond the limit of what grows by itself.
        let window = doubled.min(self.config.max_delay.max(first));
        let (low, high) = match self.config.jitter {
            Jitter::Full => (self.config.min_delay, window),
            Jitter::AboveReconnectionTime => (first, window.max(first.saturating_add(first / 4))),
        };
        let (low, high) = (low.max(self.retry_after), high.max(self.retry_after));
        self.attempts = self.attempts.saturating_add(1);
        self.retry_after = Duration::ZERO;
        Some(low.saturating_add(share(high.saturating_sub(low), entropy)))
    }
}

/// So much of a span as `entropy` is of its range, to the nanosecond.
fn share(span: Duration, entropy: u64) -> Duration {
    // 584 years are enough.
    let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
    let share = (u128::from(nanos) * (u128::from(entropy) + 1)) >> 64;
    Duration::from_nanos(share as u64)
}
