//! Class P: every async method, dropped at every point where it waits. Nothing is lost, nothing comes twice, and what owns
//! a transport drops that with it.
//!
//! Each scenario runs as often as it waits, and one time more: the first time it is cut at the first point, then at the
//! second, and so on; and again with each wait of it given up after one, two and three polls. Pipes are of one byte, so
//! that there is a point between any two bytes; time is paused.
#![allow(clippy::unwrap_used, missing_docs)]

mod cut;
mod hub;
mod listening;
mod opening;
#[cfg(feature = "connect")]
mod reconnecting;
mod websocket;
