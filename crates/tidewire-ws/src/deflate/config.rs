//! What this side wants of the extension, and the limits of the pool (RFC 7692 §7.1).

use core::fmt;

/// Whether a side keeps its LZ77 window from one message to the next (RFC 7692 §7.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContextTakeover {
    /// Each message is compressed by itself: an idle connection holds nothing.
    Off,
    /// Messages are compressed with what was sent before: smaller, for the memory of a compressor on the one side and
    /// of a decompressor on the other, all the connection's life.
    On,
}

/// The base-2 logarithm of an LZ77 window, in bytes: 8 to 15 (RFC 7692 §7.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WindowBits(u8);

impl WindowBits {
    /// 256 bytes. No message is compressed with it: zlib cannot.
    pub const MIN: Self = Self(8);
    /// 32 KiB, and what holds where nothing is said.
    pub const MAX: Self = Self(15);

    /// A window of 2 to the power of `bits` bytes; `None` unless `bits` is 8 to 15.
    #[must_use]
    pub const fn new(bits: u8) -> Option<Self> {
        match bits {
            8..=15 => Some(Self(bits)),
            _ => None,
        }
    }

    /// The number, 8 to 15.
    #[must_use]
    pub const fn value(self) -> u8 {
        self.0
    }
}

impl fmt::Display for WindowBits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What this side wants, and what the [`Pool`](super::Pool) may hold.
///
/// ```
/// use tidewire_ws::deflate::{Config, ContextTakeover};
/// let mut config = Config::default();
/// config.receive_takeover = ContextTakeover::On;
/// assert_eq!(config.min_len, 256);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// How hard to compress, 1 (fast) to 9 (small). Default: 1, which takes a third to a half of the time of 6, for
    /// messages that come out 5 to 40 % longer.
    pub level: u8,
    /// Messages shorter than this many bytes are sent as they are. Default: 256.
    pub min_len: usize,
    /// Whether we keep our window between messages, where the peer lets us. Default: off.
    pub send_takeover: ContextTakeover,
    /// Whether the peer may keep its window between messages. Default: off.
    pub receive_takeover: ContextTakeover,
    /// The largest window that we compress with. Default: 15; 8 is taken as 9.
    pub send_max_window_bits: WindowBits,
    /// The largest window that we ask the peer to compress with. Default: 15.
    pub receive_max_window_bits: WindowBits,
    /// The most idle compressors that the pool keeps per window size, and the most idle decompressors. What is given
    /// back beyond is freed. Default: 8.
    pub max_idle: usize,
    /// The most bytes that all connections together may hold for contexts that are taken over; what does not fit is
    /// agreed to be off. Default: 64 MiB.
    pub takeover_budget: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            level: 1,
            min_len: 256,
            send_takeover: ContextTakeover::Off,
            receive_takeover: ContextTakeover::Off,
            send_max_window_bits: WindowBits::MAX,
            receive_max_window_bits: WindowBits::MAX,
            max_idle: 8,
            takeover_budget: 64 * 1024 * 1024,
        }
    }
}
