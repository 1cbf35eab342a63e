//! A WebSocket that comes back by itself, and goes on where it was (RFC 6455 §7.2.3). When to come back is for
//! `tidewire-lifecycle` to say; what it takes to go on, for the caller: [`Resume`].
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use tidewire_tokio::{connect::Request, reconnect::{Preparing, ReconnectingWebSocket, Resume}, websocket::Message};
//!
//! /// The place in the stream: what the last message says of itself.
//! #[derive(Default)]
//! struct Place(Option<String>);
//!
//! impl Resume for Place {
//!     fn request(&mut self, request: Request) -> Preparing {
//!         let request = match &self.0 {
//!             Some(cursor) => request.query("cursor", cursor),
//!             None => request,
//!         };
//!         Box::pin(async { Ok(request) })
//!     }
//!
//!     fn received(&mut self, message: &Message) {
//!         let Message::Text(line) = message else { return };
//!         self.0 = line.split_once(' ').map(|(cursor, _)| cursor.to_owned());
//!     }
//! }
//!
//! let builder = ReconnectingWebSocket::builder("ws://example.org/ws?topic=news");
//! let mut news = builder.resume(Place::default()).connect()?;
//! while let Some(message) = news.next().await {
//!     println!("{:?}", message?);
//! }
//! # Ok(()) }
//! ```
//!
//! It lives while it is polled: with [`next`](ReconnectingWebSocket::next) it reads, answers, waits and connects, and
//! between two calls it does nothing.
//!
//! # What is sent
//!
//! What is fed or sent while there is no open connection is refused: [`SendError::NotOpen`](tidewire_ws::message::SendError).
//! Nothing is kept for later, for what was true when it was said may not be by then. What was taken may be lost with its
//! connection, as with any; nobody but the server knows how much of it arrived. So whoever must not lose it sends it again
//! from [`Resume::opened`], with something in it by which the server knows it again.
//!
//! # Limits
//!
//! | Limit | Default | Beyond it |
//! |---|---|---|
//! | what connecting may cost ([`Builder::connector`]) | those of [`Connector`](crate::connect::Connector) | lost; the client comes back |
//! | delay before the next attempt ([`Builder::schedule`]) | up to 1 s, doubled up to 30 s, anywhere in it | – |
//! | attempts without a message between them ([`Builder::schedule`]) | any number | [`Error::Exhausted`] |
//! | what a `Retry-After` may ask for ([`Builder::schedule`]) | 1 h | it counts as that |

mod builder;
mod client;
#[cfg(feature = "json")]
mod json;
mod resume;
mod update;

pub use builder::Builder;
pub use client::{ReconnectingWebSocket, Task};
pub use resume::{BoxError, Preparing, Resume};
pub use tidewire_lifecycle::reconnect::{Config, Jitter};
pub use update::{Error, Loss, Update};
