//! Tidewire on tokio: sockets, clock, entropy and a shared hub around the sans-IO crates. It moves bytes and tells the
//! time; every rule of a protocol lies below it.
//!
//! ```text
//!   server::Server: a loop, a task each, on the threads of runtime::run
//!   listener::Listener ──▶ accept::Acceptor ──▶ websocket::WebSocket ──▶ Message
//!                               │ Refusal             ▲ feed, flush
//!   drain::Drain tells all      ▼ (lingers)           │
//!   in their turns                        hub::SharedHub ──▶ hub::Subscriber, a batch per wake-up;
//!                                         or WriteHalf::deliver: from the hub straight to the socket
//!   connect::Connector ──▶ name, socket, proxy, TLS, handshake ──▶ WebSocket, or ConnectError (feature `connect`)
//!   reconnect::ReconnectingWebSocket ──▶ Message, or Update: the same, again and again
//!
//!   an HTTP request, parsed ──▶ upgrade::Upgrade ──▶ WebSocket (feature `hyper`, `axum`)
//!   a stream of events ──▶ sse::Sse ──▶ sse::Body ──▶ an HTTP response with keep-alives (feature `http-body`, `axum`)
//!   hyper's requests ──▶ stream_server::StreamServer ──▶ such a response, on the bare socket (feature `hyper`);
//!                        of Sse::deliver: from the hub straight to the socket
//!   event_source::Builder ──▶ event_source::EventSource ──▶ Event, or Update (feature `client`)
//! ```
//!
//! # Limits
//!
//! | Limit | Default |
//! |---|---|
//! | [`listener::Limits`]: backlog, connections, of them from one address | 1,024 · 100,000 · 256 |
//! | [`listener::Limits`]: opening handshakes at a time | 8,192 |
//! | [`listener::Limits`]: write timeout, silence before a TCP keep-alive | 10 s · 60 s |
//! | [`drain::Config`]: over how long connections are told to go, and are waited for | 10 s · 30 s |
//! | opening handshake | `tidewire_lifecycle::Config::opening_timeout`, 5 s |
//! | from the answer of an HTTP server to the WebSocket behind it | the same |
//! | [`linger::Limits`]: time, bytes | 2 s, 256 KiB |
//! | `stream_server::Limits`: output that waits, a client that takes none of it | 16 KiB, 10 s |
//! | [`websocket::Config`]: bytes of a message that comes, its fragments | 1 MiB · 1,024 |
//! | [`websocket::Config`]: silence before a ping, from there to its pong, a client that takes nothing, a close | 25 s · 8 s · 10 s · 5 s |
//! | what the `Sink` of a WebSocket takes before it wants to be flushed | 64 KiB |
//! | output that waits before reading stops; what is fed beyond it has no limit | 1 MiB |
//! | read buffers pooled per thread, and kept by busy applications in all | 8 and 64 of 64 KiB |
//! | [`websocket::ReadAhead`]: messages and bytes that wait for who does not ask | 64 · 64 KiB |
//! | `connect::Connector` | a table of its own, in its module |
//! | `reconnect::ReconnectingWebSocket` | another in its module |
//! | `sse::Sse`: silence before a keep-alive | `tidewire_lifecycle::Config::event_stream`, 15 s |
//! | `event_source::EventSource` | a table of its own, in its module |
//!
//! A [`SharedHub`](hub::SharedHub) has those of [`hub::Config`].
//!
//! An `sse::Body` holds no event: it asks for the next one when the client has taken the last. Of what the hub delivers it
//! holds what its hand made of one batch, 256 messages or 64 KiB; so does a socket of the stream server that is full, of each
//! shard.
//!
//! # Cancel safety
//!
//! A future that is dropped before it is ready, as `select!` does:
//!
//! | Method | Cancel safe | What is lost with it |
//! |---|---|---|
//! | [`WebSocket::next`](websocket::WebSocket::next), `next_json`, those of a [`ReadHalf`](websocket::ReadHalf) | yes | nothing: a message is taken only when it is returned |
//! | [`send`](websocket::WebSocket::send), `send_json`, those of a [`WriteHalf`](websocket::WriteHalf) | yes | nothing once it was polled: the message goes out with later calls, and said again goes out twice |
//! | [`flush`](websocket::WebSocket::flush), that of a [`WriteHalf`](websocket::WriteHalf) | yes | nothing: a later call goes on |
//! | [`close`](websocket::WebSocket::close), that of a [`WriteHalf`](websocket::WriteHalf) | yes | nothing once it was polled: `close` or `next` goes on |
//! | the driver of [`with_driver`](websocket::WebSocket::with_driver) | yes | the driver: the halves go on without one |
//! | [`Acceptor::accept`](accept::Acceptor::accept), [`accept_with`](accept::Acceptor::accept_with), [`accept_secured`](accept::Acceptor::accept_secured) | no | the transport, which they own |
//! | `upgrade::Upgrading::{websocket, websocket_on}` | no | the connection, which they own |
//! | `upgrade::close_refused` | yes | the transport, and an answer perhaps that the client has not read |
//! | `connect::connect`, `connect::Connector::{connect, connect_over}` | yes | the attempt, and the transport: nothing is left behind |
//! | `reconnect::ReconnectingWebSocket::{next, next_json, next_update}` | yes | nothing, also where they connect or wait to come back |
//! | its `send`, `send_json`, `flush` | yes | what a [`WebSocket`](websocket::WebSocket)'s lose |
//! | its `close` | yes | the way back, once it was polled: `next` closes as well |
//! | `event_source::EventSource::{next, next_update}` | yes | nothing, also where they connect or wait to come back |
//! | [`Subscriber::batch`](hub::Subscriber::batch) | yes | nothing: what was taken is in the batch |
//! | [`SharedHub::upkeep`](hub::SharedHub::upkeep) | yes | nothing: another can be made |
//! | [`Listener::accept`](listener::Listener::accept) | yes | nothing: whoever came waits for a later call |
//! | [`Server::run`](server::Server::run) | yes | the listener, which is closed; its connections go on |
//! | `stream_server::StreamServer::serve` | yes | the connection, with the response that is under way |
//! | [`Drain::begun`](drain::Drain::begun), [`finished`](drain::Drain::finished) | yes | nothing: a later call waits for the same |
//! | [`drain::Notice`] | yes | its place among those who are told in turn; polled by reference, nothing |
//! | [`Drain::wind_up`](drain::Drain::wind_up) | yes | nothing: once it was polled the drain has begun, and a later call waits for the rest |
//! | [`ShutdownSignals::next`](drain::ShutdownSignals::next) | yes | nothing: a signal between two calls is the later one's |

pub mod accept;
pub mod alarm;
pub mod clock;
#[cfg(feature = "connect")]
pub mod connect;
#[cfg(any(feature = "client", feature = "connect"))]
mod credentials;
pub mod drain;
#[cfg(feature = "client")]
pub mod event_source;
#[cfg(any(feature = "client", feature = "connect"))]
mod give_way;
pub mod hub;
pub mod linger;
pub mod listener;
mod output;
mod pool;
#[cfg(feature = "connect")]
pub mod reconnect;
#[cfg(any(feature = "client", feature = "connect"))]
mod retry_after;
pub mod runtime;
pub mod server;
#[cfg(feature = "http-body")]
pub mod sse;
#[cfg(feature = "hyper")]
pub mod stream_server;
#[cfg(any(feature = "client", feature = "tls"))]
mod tls;
#[cfg(feature = "hyper")]
pub mod upgrade;
pub mod websocket;

pub use tidewire_lifecycle as lifecycle;
pub use tidewire_ws as ws;

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
