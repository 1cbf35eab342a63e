//! Tidewire on tokio: sockets, clock, entropy and a shared hub around the sans-IO crates.

pub mod accept;
pub mod clock;
pub mod drain;
pub mod hub;
pub mod listener;
mod output;
mod pool;
pub mod websocket;
