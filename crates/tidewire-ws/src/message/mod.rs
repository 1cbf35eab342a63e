//! Messages on an open connection: assembly, control replies, limits, closing (RFC 6455 §5.4–§7).
//!
//! Two halves, so that an echo can borrow both: a [`Reader`] takes what comes in and gives [`Event`]s, a
//! [`Writer`] appends frames to the caller's output. What a received frame makes necessary (a pong, the echo
//! of a close, the close frame that answers a violation) the reader has the writer append at once.
//!
//! | Where to look | What for |
//! |---|---|
//! | `reader` | which frame may come where, and the limits (§5.1, §5.2, §5.4, §10.4) |
//! | `walk` | from bytes to parts of messages (§5.2, §5.4) |
//! | `events`, `whole` | whole messages; those that lie whole in one frame, to be owned (§6.2) |
//! | `pieces`, `direct` | messages as they come; long ones read to where they are joined (§6.2) |
//! | `assembly`, `utf8`, `passing` | joining, and text that fails at its first bad byte (§8.1) |
//! | `replies`, `closing` | what is answered at once, and how a connection ended (§5.5, §7.1) |
//! | `writer`, `fragments`, `control` | messages, messages in pieces, control frames on their way out (§6.1, §5.4, §5.5) |
//! | `inflation`, `deflation` | the same compressed (RFC 7692) |

mod config;

mod events;

mod pieces;

mod direct;

mod whole;

mod walk;

mod passing;

#[cfg(feature = "deflate")]
mod inflation;

#[cfg(feature = "deflate")]
mod deflation;

mod replies;

mod kind;

mod send_error;

mod reader;

mod assembly;

mod utf8;

mod utf8_bytes;

mod writer;

mod masking;

mod fragments;

mod control;

mod control_payload;

mod closing;

pub use closing::Eof;
pub use config::Config;
pub use direct::Room;
pub use events::{Event, Events};
pub use kind::{Fragment, MessageKind};
pub use pieces::{Piece, Pieces};
pub use reader::Reader;
pub use send_error::SendError;
pub use utf8_bytes::Utf8Bytes;
pub use whole::Whole;
pub use writer::Writer;
