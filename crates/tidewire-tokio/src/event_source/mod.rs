//! An event stream as a [`Stream`] of events, over HTTP/1.1 or HTTP/2, that comes back by itself (WHATWG HTML §9.2).
//! Every rule is in `tidewire-connection`; here are the transport, the clock and the entropy.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use tidewire_tokio::event_source::EventSource;
//!
//! let mut events = EventSource::connect("https://example.org/events")?;
//! while let Some(event) = events.next().await {
//!     let event = event?;
//!     println!("{}: {}", event.event_type, event.data);
//! }
//! # Ok(()) }
//! ```
//!
//! Every source has a connection of its own. Who sends many short requests, a POST for each prompt say, and wants them to
//! share connections, takes an HTTP client with a pool, and `tidewire_sse::stream` for what it receives.
//!
//! # What it asks for
//!
//! `Accept: text/event-stream`, `Cache-Control: no-cache` and `Accept-Encoding: identity`: it decompresses nothing, and
//! refuses what is compressed. The last event ID goes with every request, those that redirects lead to other origins
//! included, as Fetch has it; what proves who we are ([`Builder::secret_header`], `Authorization`, `Cookie`) stays behind.
//!
//! # Limits
//!
//! | Limit | Default | Beyond it |
//! |---|---|---|
//! | a line, an event's data ([`Config::parser`]) | 1 MiB | [`Error::LimitExceeded`]; the stream goes on |
//! | a last event ID | 4 KiB | the same: most servers refuse a longer one in a request |
//! | the response's head | 64 KiB, 100 fields | lost; the client comes back |
//! | from the request to the response | 30 s | the same |
//! | silence ([`Config::lifecycle`]) | 5 min | the same |
//! | redirects of one attempt | 20 | [`Error::Refused`] |
//! | what is kept of a refusal's body | 4 KiB, what came of it in 2 s | the rest is not read |
//! | delay before the next attempt ([`Builder::schedule`]) | 3 s, doubled up to 30 s | – |

mod builder;
mod error;
mod request;
mod source;
mod transport;
mod update;

pub use builder::{Builder, InvalidRequest};
pub use error::{Error, Refused, TransportError};
pub use http::Method;
pub use request::InvalidUrl;
pub use rustls;
pub use source::EventSource;
pub use tidewire_connection::event_source::{Config, Ended, Loss, Refusal, Repeat, ServerTrouble, Task};
pub use update::{Event, Update};

#[cfg(doc)]
use futures_core::Stream;
