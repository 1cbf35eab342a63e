//! The listener and what serves behind it, over real sockets: limits, places, addresses, hostile and unlucky moments.
#![allow(clippy::unwrap_used, missing_docs)]

mod accepting;
mod options;
#[cfg(feature = "axum")]
mod serving;
mod sources;
