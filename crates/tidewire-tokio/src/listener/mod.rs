//! Accepting: listening sockets that cap their connections, in total and for each address, and survive running out of
//! file descriptors.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
//! use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
//! use tidewire_tokio::listener::{Limits, Listener};
//!
//! let mut limits = Limits::default();
//! limits.max_connections_per_address = 16;
//! let addresses = [SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), SocketAddr::from((Ipv6Addr::LOCALHOST, 0))];
//! # let addresses = [addresses[0]; 2];
//! let listener = Listener::bind_all(addresses, limits)?;
//! # let address = listener.local_addr()?;
//! # let client = tokio::net::TcpStream::connect(address).await?;
//! // The permit is a place among the connections: it is kept as long as the stream.
//! let (stream, peer, permit) = listener.accept().await;
//! # Ok(()) }
//! ```
//!
//! [`Server`](crate::server::Server) accepts in a loop, and opens a WebSocket on each. An HTTP server is given each as a
//! [`Connection`], which is both in one; `axum::serve` takes the [`Listener`] itself (feature `axum`).

mod address;
mod connection;
mod limits;
#[cfg(unix)]
mod lock;
mod places;
#[cfg(feature = "axum")]
mod serve;
mod socket;
mod stream;
#[cfg(unix)]
mod unix;

use std::{
    future::poll_fn,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use tokio::sync::Semaphore;

pub use address::{Address, Peer};
pub use connection::Connection;
pub use limits::Limits;
pub use places::Permit;
pub(crate) use stream::Parked;
pub use stream::Stream;

use places::Places;
use socket::{Ipv4, Listening, concerns_one_connection, prepare_accepted};

/// One or more listening sockets with [`Limits`] that they share.
#[derive(Debug)]
pub struct Listener {
    sockets: Vec<Listening>,
    /// Which is asked first the next time, so that none keeps the others waiting.
    first: AtomicUsize,
    /// Whose turn it is to accept: a socket wakes only one who waits for it.
    turn: Semaphore,
    limits: Limits,
    places: Arc<Places>,
    exhausted: AtomicBool,
}

impl Listener {
    /// Binds `address` (port 0 picks a free one) with address reuse, so that a restart needs no wait.
    ///
    /// # Errors
    /// Whatever the operating system says: the address is taken, not ours, or not allowed.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn bind(address: impl Into<Address>, limits: Limits) -> io::Result<Self> {
        Self::bind_all([address.into()], limits)
    }

    /// Binds all of these; each may have a backlog of its own, and all share the places. An IPv6 socket takes IPv4, too,
    /// where the system does that, unless there is an IPv4 address among them.
    ///
    /// # Errors
    /// There is none; or one cannot be bound, as in [`bind`](Self::bind), and then none is. A file that stands where a Unix
    /// socket is to be, and is none, is left alone.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn bind_all(
        addresses: impl IntoIterator<Item = impl Into<Address>>,
        limits: Limits,
    ) -> io::Result<Self> {
        let addresses: Vec<Address> = addresses.into_iter().map(Into::into).collect();
        if addresses.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "expected an address to listen on, got none",
            ));
        }
        let is_ipv4 = |address: &Address| matches!(address, Address::Tcp(SocketAddr::V4(_)));
        let ipv4 = if addresses.iter().any(is_ipv4) { Ipv4::Elsewhere } else { Ipv4::AsByDefault };
        let sockets = addresses
            .iter()
            .map(|address| {
                Listening::bind(address, ipv4, &limits)
                    .map_err(|error| io::Error::new(error.kind(), format!("{address}: {error}")))
            })
            .collect::<io::Result<_>>()?;
        Ok(Self {
            sockets,
            first: AtomicUsize::new(0),
            turn: Semaphore::new(1),
            places: Arc::new(Places::new(&limits)),
            limits,
            exhausted: AtomicBool::new(false),
        })
    }

    /// The first TCP address that is bound, with its real port.
    ///
    /// # Errors
    /// There is none, or whatever the operating system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        for address in self.addresses()? {
            match address {
                Address::Tcp(address) => return Ok(address),
                #[cfg(unix)]
                Address::Unix { .. } => {}
            }
        }
        Err(io::Error::new(io::ErrorKind::AddrNotAvailable, "expected a TCP address, got Unix sockets only"))
    }

    /// All that is bound, in the order in which it was asked for, with the real ports.
    ///
    /// # Errors
    /// Whatever the operating system says.
    pub fn addresses(&self) -> io::Result<Vec<Address>> {
        self.sockets.iter().map(Listening::address).collect()
    }

    /// The limits that it was bound with.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Waits for the next connection and a place for it; the sockets come in turns. Never fails: a connection that died
    /// before it was accepted is passed over, one whose address has as many as it may is closed, and without file
    /// descriptors it pauses and tries again. Cancel safe. Several tasks that accept come in turns, too.
    pub async fn accept(&self) -> (Stream, Peer, Permit) {
        loop {
            // It is never closed: without a turn there is nothing to do but to accept.
            let _turn = self.turn.acquire().await;
            let place = self.places.free().await;
            match poll_fn(|cx| self.poll_accept(cx)).await {
                Ok((stream, peer)) => {
                    if self.exhausted.swap(false, Ordering::Relaxed) {
                        tracing::info!("accepting again");
                    }
                    let Some(permit) = place.of(&peer) else {
                        tracing::debug!(%peer, "closed: its address has as many connections as it may");
                        continue;
                    };
                    prepare_accepted(&stream, &self.limits);
                    return (stream, peer, permit);
                }
                Err(error) if concerns_one_connection(&error) => {}
                Err(error) => {
                    if !self.exhausted.swap(true, Ordering::Relaxed) {
                        tracing::warn!(%error, "cannot accept; trying again until it works");
                    }
                    tokio::time::sleep(self.limits.exhausted_pause).await;
                }
            }
        }
    }

    /// Asks each socket, first the one behind that which had something the last time.
    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Stream, Peer)>> {
        let first = self.first.load(Ordering::Relaxed);
        let (behind, ahead) = self.sockets.split_at(first);
        for (index, socket) in (first..).zip(ahead).chain((0..).zip(behind)) {
            if let Poll::Ready(accepted) = socket.poll_accept(cx) {
                self.first.store((index + 1) % self.sockets.len(), Ordering::Relaxed);
                return Poll::Ready(accepted);
            }
        }
        Poll::Pending
    }
}
