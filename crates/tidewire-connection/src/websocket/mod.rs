//! One WebSocket: its opening handshake under a deadline ([`Accepting`], [`Connecting`]; RFC 6455 §4), messages,
//! heartbeat, deadlines and the end (§5–§7).

mod ended;
mod opening;
mod reader;
mod writer;

pub use crate::Transport;
pub use ended::{Cause, ClosingHandshake, Ended, Endpoint};
pub use opening::{Accepting, Answered, Client, Connecting, Failed, Opening, Received, Server};
pub use reader::{Event, Events, Reader};
pub use writer::Writer;

use alloc::sync::Arc;
use core::time::Duration;
use tidewire_ws::{Role, frame::MaskingKey, message};

/// The settings of a connection, shared by all that have the same.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Config {
    /// Limits of messages.
    pub messages: Arc<message::Config>,
    /// Timers and what closing may cost.
    pub lifecycle: Arc<tidewire_lifecycle::Config>,
}

impl Config {
    /// Settings from their two parts.
    #[must_use]
    pub fn new(messages: message::Config, lifecycle: tidewire_lifecycle::Config) -> Self {
        Self { messages: Arc::new(messages), lifecycle: Arc::new(lifecycle) }
    }
}

/// A server's connection whose 101 has been sent at `now`.
#[must_use]
pub fn server(config: &Config, now: Duration) -> (Reader, Writer) {
    let writer = message::Writer::server(config.messages.clone());
    (Reader::new(Role::Server, config), Writer::new(writer, config, now))
}

/// A client's connection whose 101 has been received at `now`. `keys` gives a masking key for each frame, from a
/// strong source of entropy (RFC 6455 §5.3).
#[must_use]
pub fn client(
    config: &Config,
    now: Duration,
    keys: impl FnMut() -> MaskingKey + Send + Sync + 'static,
) -> (Reader, Writer) {
    let writer = message::Writer::client(config.messages.clone(), keys);
    (Reader::new(Role::Client, config), Writer::new(writer, config, now))
}
