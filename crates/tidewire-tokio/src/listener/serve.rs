//! Accepting for `axum::serve`: the same sockets, limits and places.

use std::io;

use axum::{
    extract::connect_info::Connected,
    serve::{self, IncomingStream},
};

use super::{Address, Connection, Listener, Peer};
use crate::linger::{self, Lingering};

/// For `axum::serve(listener, router)`: what it serves has the [limits](super::Limits) of this listener, and each connection
/// its place for as long as it is open, also when it is a WebSocket that has left axum. Each lingers when axum closes it, by
/// [`linger::Limits::default`], so that a client reads its last answer whatever it still sends.
///
/// A handler asks who came by `ConnectInfo<Peer>`, where the router is given as
/// `router.into_make_service_with_connect_info::<Peer>()`.
///
/// `axum::serve` itself has no deadline for the head of a request, nor between requests: a client that says nothing keeps
/// its place, among those of its address. Who wants one serves the router by hyper, or by a
/// [`StreamServer`](crate::stream_server::StreamServer) (`examples/hyper_websocket.rs`, `examples/axum_sse.rs`).
///
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// use std::net::SocketAddr;
/// use axum::{Router, extract::ConnectInfo, routing::get};
/// use tidewire_tokio::listener::{Limits, Listener, Peer};
///
/// async fn hello(ConnectInfo(peer): ConnectInfo<Peer>) -> String {
///     format!("hello, {peer}\n")
/// }
///
/// let mut limits = Limits::default();
/// limits.max_connections_per_address = 16;
/// let listener = Listener::bind(SocketAddr::from(([127, 0, 0, 1], 3000)), limits)?;
/// let router = Router::new().route("/", get(hello));
/// axum::serve(listener, router.into_make_service_with_connect_info::<Peer>()).await
/// # }
/// ```
impl serve::Listener for Listener {
    type Io = Lingering<Connection>;
    type Addr = Peer;

    async fn accept(&mut self) -> (Self::Io, Peer) {
        let (stream, peer, permit) = Self::accept(self).await;
        (Lingering::new(Connection::new(stream, permit), linger::Limits::default()), peer)
    }

    /// The first address that is bound, as the type of those who come.
    fn local_addr(&self) -> io::Result<Peer> {
        // There is one at least.
        Ok(match self.sockets[0].address()? {
            Address::Tcp(address) => Peer::Tcp(address),
            #[cfg(unix)]
            Address::Unix { .. } => Peer::Unix,
        })
    }
}

impl Connected<IncomingStream<'_, Listener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Listener>) -> Self {
        *stream.remote_addr()
    }
}
