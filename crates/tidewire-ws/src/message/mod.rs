//! Messages on an open connection: assembly, control replies, limits, closing (RFC 6455 §5.4–§7).
//!
//! Two halves, so that an echo can borrow both: a [`Reader`] takes what comes in and gives [`Event`]s, a
//! [`Writer`] appends frames to the caller's output. What a received frame makes necessary (a pong, the echo
//! of a close, the close frame that answers a violation) the reader has the writer append at once.

mod config;

mod events;

mod reader;

mod assembly;

mod utf8;

mod writer;

mod closing;

pub use closing::Eof;
pub use config::Config;
pub use events::{Event, Events};
pub use reader::Reader;
pub use writer::{MessageKind, NotOpen, SendError, Writer};
