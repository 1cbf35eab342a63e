//! Servers over real sockets: handshakes that drip, no descriptors left, drains, runtimes.
#![allow(clippy::unwrap_used, missing_docs)]

mod client;
#[cfg(target_os = "linux")]
mod descriptors;
mod draining;
mod handshakes;
mod threads;
