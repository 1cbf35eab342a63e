//! The limits of time, shared by all connections that have the same.

use core::time::Duration;

/// How a connection shows that it is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heartbeat {
    /// Not at all.
    Off,
    /// Something is sent when nothing else was for `interval`; no reply exists (an SSE comment).
    KeepAlive {
        /// The longest silence of ours.
        interval: Duration,
    },
    /// A probe is sent when either direction was silent for `interval`, for proxies time each by itself, and its reply
    /// must come (a WebSocket ping and its pong).
    Probe {
        /// From the last byte of the quieter direction, or the opening, to the next probe.
        interval: Duration,
        /// From the probe, or from the last byte received behind it, to its reply: bytes that keep coming prove that the
        /// peer lives, and its reply may be queued behind them. But `interval` and `timeout` together at most.
        timeout: Duration,
    },
}

/// The limits of one kind of connection. A limit that is `None` is off; one beyond [`Config::MAX_TIMEOUT`] counts as
/// that.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// From the start to [`handle_opened`](crate::Lifecycle::handle_opened). Default 5 s.
    pub opening_timeout: Option<Duration>,
    /// Default: a probe every 25 s, its reply within 8 s.
    pub heartbeat: Heartbeat,
    /// No byte in either direction for longer than this; heartbeats are bytes. Default 5 min.
    pub idle_timeout: Option<Duration>,
    /// No application message in either direction for this long. Default `None`.
    pub quiet_timeout: Option<Duration>,
    /// How long a connection counts as active behind an application message, and behind its start; all other time is
    /// quiet. It ends nothing. Default 60 s.
    pub active_window: Duration,
    /// Output waits and the transport takes none of it. Default 10 s.
    pub write_stall_timeout: Option<Duration>,
    /// From the start to a close, whatever happens. Default `None`.
    pub max_age: Option<Duration>,
    /// From the beginning of the close to its end, lingering included. Default 5 s.
    pub closing_timeout: Option<Duration>,
    /// From the shutting down of our writing side to the peer's end of stream. Default 2 s.
    pub linger_timeout: Option<Duration>,
    /// Bytes thrown away while lingering; one more ends it. Default 256 KiB.
    pub linger_max_bytes: u32,
}

impl Default for Config {
    /// The defaults of a connection that can be probed.
    fn default() -> Self {
        Self {
            opening_timeout: Some(Duration::from_secs(5)),
            heartbeat: Heartbeat::Probe {
                interval: Duration::from_secs(25),
                timeout: Duration::from_secs(8),
            },
            idle_timeout: Some(Duration::from_secs(300)),
            quiet_timeout: None,
            active_window: Duration::from_secs(60),
            write_stall_timeout: Some(Duration::from_secs(10)),
            max_age: None,
            closing_timeout: Some(Duration::from_secs(5)),
            linger_timeout: Some(Duration::from_secs(2)),
            linger_max_bytes: 256 * 1024,
        }
    }
}

impl Config {
    /// The longest limit of time, about 12 days and 10 hours.
    pub const MAX_TIMEOUT: Duration = Duration::from_millis((1 << 30) - 1);

    /// The defaults of a one-way stream: a keep-alive after 15 s of silence, everything else as in the default.
    #[must_use]
    pub fn event_stream() -> Self {
        Self { heartbeat: Heartbeat::KeepAlive { interval: Duration::from_secs(15) }, ..Self::default() }
    }
}
