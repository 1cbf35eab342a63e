//! The load generator: raw sockets and frames by hand, so that it is nobody's code; one thread, which waits for all of
//! its connections at once.
//!
//! Every answer is looked at. A server that sends something else than it should fails the run.

pub mod contest;
pub mod deflated;
pub mod echo;
pub mod events;
pub mod fanout;
pub mod handshakes;
pub mod incoming;
pub mod lane;
pub mod options;
pub mod roster;
pub mod row;
pub mod sockets;
pub mod table;

use std::{
    io,
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use crate::open_websocket;

/// Work for one server.
pub trait Load {
    /// Works for about so long, waits for all answers, and says how much was done.
    ///
    /// # Errors
    /// The server failed or answered wrongly.
    fn round(&mut self, time: Duration) -> io::Result<u64>;

    /// While others work: answers pings, so that the server does not take its clients for dead.
    ///
    /// # Errors
    /// The server failed or sent something.
    fn rest(&mut self) -> io::Result<()>;
}

/// So many open WebSockets.
///
/// # Errors
/// One of them does not open.
pub fn open_websockets(address: SocketAddr, target: &str, count: usize) -> io::Result<Vec<TcpStream>> {
    (0..count).map(|_| open_websocket(address, target)).collect()
}

#[expect(clippy::disallowed_methods, reason = "what it takes is measured")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
