//! Server-sent events without I/O: a parser and an encoder for the WHATWG event stream format.
//!
//! ```text
//!   bytes ──▶ Parser::receive ──▶ Items ──▶ Event (lent) · Comment · Retry · LimitExceeded
//!   Event::new().id(…).event(…).data(…) ──▶ encode ──▶ bytes, or InvalidField
//! ```
//!
//! In scope: the format (HTML §9.2.5, §9.2.6), and the small tables of status and content type (§9.2.3). Out of scope:
//! HTTP, reconnecting, time.
//!
//! The parser follows the standard to the letter: one leading byte order mark, all three line endings across chunk
//! borders, UTF-8 decoded with replacement, sticky last event IDs. It takes linear time for any chunks, lends an
//! event from the chunk where it lies whole in it, and holds no more than its limits allow. Once it has seen a few events
//! it allocates nothing for others like them, wherever they are cut.
//!
//! ```
//! use core::time::Duration;
//! use tidewire_sse::{Event, Item, Parser, retry};
//!
//! let mut stream = Vec::new();
//! retry(Duration::from_secs(3), &mut stream);
//! Event::new().id("7").event("tick").data("one\ntwo").encode(&mut stream)?;
//! assert_eq!(stream, b"retry: 3000\nid: 7\nevent: tick\ndata: one\ndata: two\n\n");
//!
//! let mut parser = Parser::default();
//! let mut items = parser.receive(&stream);
//! assert_eq!(items.next(), Some(Ok(Item::Retry(Duration::from_secs(3)))));
//! let Some(Ok(Item::Event(event))) = items.next() else { panic!() };
//! assert_eq!((event.event_type, event.data, event.last_event_id), ("tick", "one\ntwo", "7"));
//! assert_eq!(items.next(), None);
//! # Ok::<(), tidewire_sse::InvalidField>(())
//! ```
//!
//! # Features
//!
//! - `stream`: module `stream`, a decoder over any stream of chunks, in the shape of the crate `eventsource-stream`'s.
//! - `http-body`: module `body`, a response body over a stream of [`Encoded`] events. Needs std.
//!
//! # Limits
//!
//! | Field of [`Config`] | Default | Beyond it |
//! |---|---|---|
//! | `max_line_len` | 1 MiB | [`LimitExceeded`], once; the event is lost but for its ID, the next one is parsed |
//! | `max_data_len` | 1 MiB | the same |
//! | `max_event_type_len` | 1 KiB | the same |
//! | `max_id_len` | 16 KiB | the same |
#![no_std]

extern crate alloc;

mod beside;
#[cfg(feature = "http-body")]
pub mod body;
mod config;
pub mod content;
mod cut;
mod encode;
mod encoded;
mod error;
mod field;
mod items;
mod last_event_id;
mod lines;
mod media_type;
mod parser;
mod scratch;
#[cfg(feature = "stream")]
pub mod stream;

pub use beside::{KEEP_ALIVE, comment, comment_with, retry, retry_with};
pub use config::Config;
pub use encode::Event;
pub use encoded::Encoded;
pub use error::{Field, InvalidField, Limit, LimitExceeded};
pub use items::{Item, Items, MessageEvent};
pub use parser::Parser;

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
