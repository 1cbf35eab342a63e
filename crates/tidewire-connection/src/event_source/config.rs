//! The settings of an event stream's client.

use alloc::sync::Arc;
use core::time::Duration;
use tidewire_lifecycle::{Heartbeat, reconnect};

/// Whether the request may be sent more than once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Repeat {
    /// Whenever the stream is lost, as a GET may be.
    #[default]
    WhenLost,
    /// Never: it does something, as a POST does. The stream ends where it is lost.
    Never,
}

/// What a status says that tells of a server in trouble: 429, 500, 502, 503 or 504.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ServerTrouble {
    /// The end, as the standard has it.
    #[default]
    Fail,
    /// A loss like any other: the client comes back, and not before `Retry-After`.
    Retry,
}

/// The settings of a client, shared by all that have the same.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Limits of lines and events. Default that of the parser, but for the last event ID: 4 KiB, for what is longer most
    /// servers refuse to hear again.
    pub parser: tidewire_sse::Config,
    /// How long the response may take (`opening_timeout`, default 30 s) and the stream may be silent (`idle_timeout`,
    /// default 5 min) before the connection counts as lost. Nothing is sent on it, so the other limits and the heartbeat have no say.
    pub lifecycle: Arc<tidewire_lifecycle::Config>,
    /// When a client comes back. Default [`reconnect::Config::event_stream`].
    pub schedule: Arc<reconnect::Config>,
    /// Redirects of one attempt; one more fails. Default 20.
    pub max_redirects: u32,
    /// Default [`Repeat::WhenLost`].
    pub repeat: Repeat,
    /// Default [`ServerTrouble::Fail`].
    pub server_trouble: ServerTrouble,
}

impl Default for Config {
    fn default() -> Self {
        let mut lifecycle = tidewire_lifecycle::Config::default();
        lifecycle.opening_timeout = Some(Duration::from_secs(30));
        lifecycle.heartbeat = Heartbeat::Off;
        let mut parser = tidewire_sse::Config::default();
        parser.max_id_len = 4 * 1024;
        Self {
            parser,
            lifecycle: Arc::new(lifecycle),
            schedule: Arc::new(reconnect::Config::event_stream()),
            max_redirects: 20,
            repeat: Repeat::default(),
            server_trouble: ServerTrouble::default(),
        }
    }
}

impl Config {
    /// The deadlines of a connection on which nothing is sent: no heartbeat, whatever the settings say.
    pub(super) fn silent(&self) -> Arc<tidewire_lifecycle::Config> {
        let mut lifecycle = self.lifecycle.clone();
        if lifecycle.heartbeat != Heartbeat::Off {
            Arc::make_mut(&mut lifecycle).heartbeat = Heartbeat::Off;
        }
        lifecycle
    }
}
