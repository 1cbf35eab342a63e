//! The limits of one connection's messages (RFC 6455 §10.4).

/// What a [`Reader`](super::Reader) and a [`Writer`](super::Writer) are held to; built once, shared by all
/// connections.
///
/// ```
/// use tidewire_ws::message::Config;
/// let mut config = Config::default();
/// config.max_message_len = 64 * 1024;
/// assert_eq!(config.max_fragments, 1024);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// The longest message that is received, in bytes over all its fragments. One more is answered with 1009,
    /// as soon as a header announces it. Default: 1 MiB.
    pub max_message_len: usize,
    /// The most fragments of a received message, the first included. One more is answered with 1008.
    /// Default: 1,024.
    pub max_fragments: u32,
    /// Bytes waiting in the output from which on pongs are no longer appended: of the pongs due only the
    /// newest is kept, until the output has drained below. Default: 4 KiB.
    pub pong_high_water: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { max_message_len: 1024 * 1024, max_fragments: 1024, pong_high_water: 4 * 1024 }
    }
}
