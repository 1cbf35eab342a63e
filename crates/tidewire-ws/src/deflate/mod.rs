//! permessage-deflate: messages compressed one by one (RFC 7692). Feature `deflate`, which needs std.
//!
//! ```text
//!   Sec-WebSocket-Extensions ──▶ Pool::accept (server) ─┐
//!   Pool::offer ──▶ Offer::agree (client) ──────────────┴──▶ Agreement ──▶ Reader::with_deflate, Writer::with_deflate
//! ```
//!
//! A [`Pool`] is shared by all connections: it holds the compressors and decompressors, which are far larger than a
//! connection (up to 392 KiB and 48 KiB each). By default both sides agree not to take their context over from one
//! message to the next, so a connection borrows them for one message and an idle one holds nothing. Whoever wants
//! the better ratio of a context that is taken over says so in the [`Config`], up to a budget of memory.
//!
//! A message of which the whole is in the input is inflated at once. Of one that comes in pieces the first 8 KiB wait
//! compressed, so that a peer that sends little makes us hold little. What comes out is limited inside the loop by
//! [`max_message_len`](crate::message::Config::max_message_len).

mod accept;
mod agreement;
mod broadcast;
mod config;
mod deflater;
mod inflater;
mod offer;
mod parameters;
mod pool;

pub use agreement::{Agreement, Direction};
pub use broadcast::Broadcast;
pub use config::{Config, ContextTakeover, WindowBits};
pub use offer::{InvalidAgreement, Offer};
pub use pool::Pool;

pub(crate) use inflater::{InflateError, Inflater};
pub(crate) use pool::{Pooled, WindowedDeflater};

/// The name of the extension.
//= https://www.rfc-editor.org/rfc/rfc6455#section-9.1
//# Any extension-token used MUST be a registered token
pub const NAME: &str = "permessage-deflate";

/// What ends each message's compressed data and is not sent (RFC 7692 §7.2.1).
const TAIL: [u8; 4] = [0x00, 0x00, 0xFF, 0xFF];
