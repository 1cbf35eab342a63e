//! WebSockets as a client (RFC 6455 §4.1): to an address, over TCP or TLS, directly or through a proxy, with every address
//! of a name tried, and all of it under one deadline. What may be asked and answered is judged in `tidewire-connection`.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use tidewire_tokio::connect::{Connector, Request, connect};
//!
//! let mut websocket = connect("ws://example.org/chat").await?;
//! websocket.send("hello").await?;
//! while let Some(message) = websocket.next().await {
//!     println!("{message:?}");
//! }
//!
//! // With more to say, and to know of the response.
//! let request = Request::new("ws://example.org/chat").bearer_auth("token").subprotocol("chat.v2");
//! let (websocket, response) = Connector::default().connect(request).await?;
//! assert_eq!(response.subprotocol(), Some("chat.v2"));
//! # Ok(()) }
//! ```
//!
//! A client that comes back by itself is [`reconnect`](crate::reconnect).
//!
//! # Limits
//!
//! | Limit | Default | Beyond it |
//! |---|---|---|
//! | from the name to the response, redirects included ([`Connector::websocket`]) | 10 s | [`ConnectError::Timeout`] |
//! | the response's head, and the proxy's ([`Connector::handshake`]) | 16 KiB, 100 fields | [`ConnectError::Response`] |
//! | what is kept of the body of a response that declines | 4 KiB, what came of it in 2 s | the rest is not read |
//! | addresses of a name | 16 | the others are not tried |
//! | before the next address is tried, too ([`Connector::attempt_delay`]) | 250 ms | – |
//! | redirects ([`Connector::redirects`]) | none | [`ConnectError::Declined`], [`ConnectError::Redirect`] |

mod address;
mod connector;
mod deadline;
mod dial;
mod error;
mod opening;
mod proxy;
mod request;
mod stream;

pub use address::InvalidUrl;
pub use connector::{Connector, Redirects};
pub use error::{ConnectError, ProxyError, Redirect, RedirectRefused, Stage};
pub use proxy::{Environment, InvalidEnvironment, InvalidProxy, Proxies, Proxy};
pub use request::{InvalidRequest, Request};
#[cfg(feature = "tls")]
pub use rustls;
pub use stream::Stream;
pub use tidewire_ws::handshake::client::{Declined, InvalidResponse, Opened};

use crate::websocket::WebSocket;

/// Connects with the defaults. Cancel safe in that nothing is left behind: dropped half way, it drops what there is of the
/// connection.
///
/// # Errors
/// [`ConnectError`].
///
/// # Panics
/// Outside a tokio runtime with time and I/O enabled.
pub async fn connect(request: impl Into<Request>) -> Result<WebSocket<Stream>, ConnectError> {
    let (websocket, _) = Connector::default().connect(request).await?;
    Ok(websocket)
}
