//! WebSockets as a client: what opens, what is said on the way, and servers and proxies that follow a script.
#![cfg(feature = "connect")]
#![allow(clippy::unwrap_used, missing_docs)]

mod hostile;
mod opens;
mod proxy;
mod redirects;
mod server;
#[cfg(feature = "tls")]
mod tls;
