//! What a listener takes, and the options of what it accepted.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

/// The listener's limits.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Connections that wait in the kernel to be accepted, of each address that is listened on. Default 1,024.
    pub backlog: u32,
    /// Connections open at the same time; when they are reached, further ones wait in the backlog.
    /// Default 100,000.
    pub max_connections: usize,
    /// Connections open at the same time from one address, which is an IPv4 address, as itself or mapped into IPv6, or
    /// the /64 network of an IPv6 address, for that is what one customer is given. One more is accepted and closed at
    /// once. 0 is no limit. Default 256.
    pub max_connections_per_address: usize,
    /// The addresses that may have any number: those of proxies, which speak for many. Default 127.0.0.1 and ::1.
    pub proxies: Vec<IpAddr>,
    /// Opening handshakes at the same time, of a [`Server`](crate::server::Server); when they are reached, further
    /// connections wait in the backlog. Each has its opening deadline, so that the queue moves whatever those in front do;
    /// and a crowd that comes back after a restart is served in turn, where to turn it away would only bring it back later.
    /// Default 8,192.
    pub max_handshakes: usize,
    /// How long sent data may stay unacknowledged, or unsent because the peer's window is closed, before the
    /// kernel ends the connection (`TCP_USER_TIMEOUT`, Linux). Default 10 s.
    pub write_timeout: Duration,
    /// The silence after which the kernel asks whether the peer is still there (`SO_KEEPALIVE`), for protocols that do
    /// not ask by themselves; `None` leaves it off. Default 60 s.
    pub keep_alive: Option<Duration>,
    /// How often it asks again. A peer that does not answer is given up when the connection was silent for `keep_alive`,
    /// this, and no less than `write_timeout`. Default 10 s.
    pub keep_alive_interval: Duration,
    /// The pause after an accept that failed for want of file descriptors or memory. Default 100 ms.
    pub exhausted_pause: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            backlog: 1024,
            max_connections: 100_000,
            max_connections_per_address: 256,
            proxies: vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)],
            max_handshakes: 8192,
            write_timeout: Duration::from_secs(10),
            keep_alive: Some(Duration::from_secs(60)),
            keep_alive_interval: Duration::from_secs(10),
            exhausted_pause: Duration::from_millis(100),
        }
    }
}
