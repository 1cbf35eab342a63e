//! WebSockets out of HTTP servers: hyper over HTTP/1.1 and HTTP/2 (RFC 8441), axum.
#![cfg(all(feature = "axum", feature = "deflate"))]
#![allow(clippy::unwrap_used, missing_docs)]

mod client;
mod extract;
mod http1;
mod http2;
mod smuggling;
