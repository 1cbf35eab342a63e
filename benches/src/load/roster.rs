//! Who takes part in what.

use super::contest::{Entrant, Kind};

const FLOOR: Entrant = Entrant::new("floor", Kind::Floor);
const OURS: Entrant = Entrant::new("tidewire", Kind::Ours);

/// Floor and ours, and with feature `peers` these.
fn with_peers(peers: &[Entrant]) -> Vec<Entrant> {
    let mut roster = vec![FLOOR, OURS];
    if cfg!(feature = "peers") {
        roster.extend_from_slice(peers);
    }
    roster
}

/// Echo, and what an idle WebSocket costs.
#[must_use]
pub fn echo() -> Vec<Entrant> {
    with_peers(&[
        Entrant::new("fastwebsockets", Kind::Peer),
        Entrant::new("tokio-websockets", Kind::Peer),
        Entrant::new("tokio-tungstenite", Kind::Peer),
        Entrant::new("sockudo-ws", Kind::Peer),
        Entrant::new("axum", Kind::Peer),
        Entrant::new("tokio-tungstenite-forward", Kind::Batching),
        Entrant::new("sockudo-batching", Kind::Batching),
    ])
}

/// Fan-out over WebSockets.
#[must_use]
pub fn fan_out() -> Vec<Entrant> {
    with_peers(&[
        Entrant::new("fastwebsockets", Kind::Peer),
        Entrant::new("tokio-websockets", Kind::Peer),
        Entrant::new("tokio-tungstenite", Kind::Peer),
        Entrant::new("sockudo-ws", Kind::Peer),
        Entrant::new("axum", Kind::Peer),
    ])
}

/// Opening handshakes.
#[must_use]
pub fn handshakes() -> Vec<Entrant> {
    let mut roster = fan_out();
    if cfg!(feature = "peers") {
        roster.push(Entrant::new("wtx", Kind::Peer));
    }
    roster
}

/// Compressed echo, which has no floor.
#[must_use]
pub fn deflate() -> Vec<Entrant> {
    let mut roster = vec![OURS];
    if cfg!(feature = "peers") {
        roster.extend([Entrant::new("wtx", Kind::Peer), Entrant::new("sockudo-ws", Kind::Peer)]);
    }
    roster
}

/// Event streams: ours on a server of our own, on hyper's, and on axum's.
#[must_use]
pub fn events() -> Vec<Entrant> {
    let mut roster = with_peers(&[Entrant::new("axum", Kind::Peer)]);
    let elsewhere = ["tidewire-on-hyper", "tidewire-on-axum"];
    roster.extend(elsewhere.map(|name| Entrant::new(name, Kind::Ours)));
    roster
}

/// Ours and the floor alone, where they are compared with themselves.
#[must_use]
pub fn own() -> [Entrant; 2] {
    [FLOOR, OURS]
}

/// The same with one thread, and with two: in one runtime, and ours with a runtime for each.
#[must_use]
pub fn own_on_two_threads() -> [Entrant; 5] {
    let each = Entrant::new("tidewire-each", Kind::Ours);
    [FLOOR, OURS, FLOOR.threads(2), OURS.threads(2), each.threads(2)]
}
