//! Tidewire on tokio: sockets, clock, entropy and a shared hub around the sans-IO crates. It moves bytes and tells the
//! time; every rule of a protocol lies below it.
//!
//! ```text
//!   listener::Listener ──▶ accept::Acceptor ──▶ websocket::WebSocket ──▶ Message
//!                               │ Refusal             ▲ feed, flush
//!   drain::Drain tells all      ▼ (lingers)           │
//!                                         hub::SharedHub ──▶ hub::Subscriber, a batch per wake-up
//!   a stream of events ──▶ sse::Sse ──▶ an HTTP response with keep-alives (feature `http-body`, `axum`)
//! ```
//!
//! # Limits
//!
//! | Limit | Default |
//! |---|---|
//! | [`listener::Limits`]: backlog, connections, write timeout | 1,024 · 100,000 · 10 s |
//! | opening handshake | `tidewire_lifecycle::Config::opening_timeout`, 5 s |
//! | output that waits before reading stops | 1 MiB |
//! | read buffers pooled per thread | 8 of 64 KiB |
//!
//! # Cancel safety
//!
//! [`WebSocket::next`](websocket::WebSocket::next), [`send`](websocket::WebSocket::send),
//! [`flush`](websocket::WebSocket::flush), [`close`](websocket::WebSocket::close),
//! [`Subscriber::batch`](hub::Subscriber::batch), [`Listener::accept`](listener::Listener::accept) and the waits of
//! [`Drain`](drain::Drain) are cancel safe: dropped before they are ready they have lost nothing, and a later call goes
//! on. [`Acceptor::accept`](accept::Acceptor::accept) is not: it owns the transport, and drops it.

pub mod accept;
pub mod clock;
pub mod drain;
#[cfg(feature = "client")]
pub mod event_source;
pub mod hub;
pub mod listener;
mod output;
mod pool;
#[cfg(feature = "http-body")]
pub mod sse;
pub mod websocket;

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
