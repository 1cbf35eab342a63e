//! Sans-IO composites: one WebSocket, or one SSE stream from either side, with its whole lifecycle.
//!
//! A protocol crate knows frames or events and no time; `tidewire-lifecycle` knows time and no protocol. Here the
//! events of one become the facts of the other: a pong ends a probe, a violation starts a close, a deadline writes
//! a close frame. Nothing here reads a socket or a clock.
//!
//! ```text
//!   bytes in ──▶ websocket::Reader ──▶ Event (lent)          websocket::Writer ──▶ bytes out (the caller's)
//!                     │                                        ▲      │
//!                     └── pong, close echo, violation ─────────┘      └── Transport: what to do with the socket
//!   now ───────▶ poll_timeout / handle_timeout (tidewire-lifecycle inside the Writer)
//! ```
//!
//! In scope: the opening and the closing handshake under deadlines, heartbeats, the idle rule, credentials that expire, a
//! server that goes away, the end of the stream at any point, one record that says who ended the connection and why.
//! Out of scope: sockets and tasks (`tidewire-tokio`), fan-out (`tidewire-hub`).
//!
//! | Composite | What it is | Its end |
//! |---|---|---|
//! | `websocket::Accepting`, `Connecting` | the opening handshake of either side | `Failed`, or the next one |
//! | `websocket::Reader`, `Writer` | a WebSocket of either side | `Event::Ended`, `Ended` |
//! | `event_stream::EventStream` | an event stream that is served | `Ended` |
//! | `event_source::EventSource` | the client of one, over as many connections as it takes | `Ended`, and a `Loss` for each connection |
//!
//! # One end for each
//!
//! Every composite ends once, and says by whom and why: we, the peer, a violation, a deadline and which, or the transport.
//! The first record stands. The vocabulary is each composite's own, for what can happen differs: an event stream has no
//! closing handshake and cannot be violated by its client, and the client of one outlives its connections.
//!
//! # Limits
//!
//! Each is a field, with its default, of [`lifecycle::Config`], of a protocol's own (`ws::handshake::Config`,
//! `ws::message::Config`, `sse::Config`), or of `event_source::Config`. Output is the caller's: nothing here waits in a queue.
#![no_std]

extern crate alloc;

pub use tidewire_lifecycle as lifecycle;
#[cfg(feature = "sse")]
pub use tidewire_sse as sse;
#[cfg(feature = "ws")]
pub use tidewire_ws as ws;

#[cfg(feature = "sse")]
pub mod event_source;
#[cfg(feature = "sse")]
pub mod event_stream;
#[cfg(feature = "ws")]
pub mod websocket;

#[cfg(any(feature = "sse", feature = "ws"))]
mod course;
#[cfg(any(feature = "sse", feature = "ws"))]
mod transport;
#[cfg(any(feature = "sse", feature = "ws"))]
pub use transport::Transport;

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
