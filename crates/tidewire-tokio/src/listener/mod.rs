//! Accepting: a TCP listener that caps its connections and survives running out of file descriptors.

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};

/// The listener's limits.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Connections that wait in the kernel to be accepted. Default 1,024.
    pub backlog: u32,
    /// Connections open at the same time; when they are reached, further ones wait in the backlog.
    /// Default 100,000.
    pub max_connections: usize,
    /// How long sent data may stay unacknowledged, or unsent because the peer's window is closed, before the
    /// kernel ends the connection (`TCP_USER_TIMEOUT`, Linux). Default 10 s.
    pub write_timeout: Duration,
    /// The pause after an accept that failed for want of file descriptors or memory. Default 100 ms.
    pub exhausted_pause: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            backlog: 1024,
            max_connections: 100_000,
            write_timeout: Duration::from_secs(10),
            exhausted_pause: Duration::from_millis(100),
        }
    }
}

/// A place in [`Limits::max_connections`], given back when dropped.
#[derive(Debug)]
pub struct Permit {
    _permit: OwnedSemaphorePermit,
}

/// A TCP listener with [`Limits`].
#[derive(Debug)]
pub struct Listener {
    inner: TcpListener,
    limits: Limits,
    places: Arc<Semaphore>,
    exhausted: AtomicBool,
}

impl Listener {
    /// Binds `address` (port 0 picks a free one) with address reuse, so that a restart needs no wait.
    ///
    /// # Errors
    /// Whatever the operating system says: the address is taken, not ours, or not allowed.
    pub fn bind(address: SocketAddr, limits: Limits) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(i32::try_from(limits.backlog).unwrap_or(i32::MAX))?;
        let places = Arc::new(Semaphore::new(limits.max_connections.min(Semaphore::MAX_PERMITS)));
        let inner = TcpListener::from_std(socket.into())?;
        Ok(Self { inner, limits, places, exhausted: AtomicBool::new(false) })
    }

    /// The address that is bound, with its real port.
    ///
    /// # Errors
    /// Whatever the operating system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    /// Waits for the next connection and a place for it. Never fails: a connection that died before it was
    /// accepted is passed over, and without file descriptors it pauses and tries again. Cancel safe.
    pub async fn accept(&self) -> (TcpStream, SocketAddr, Permit) {
        loop {
            let permit = match Arc::clone(&self.places).acquire_owned().await {
                Ok(permit) => Permit { _permit: permit },
                // The semaphore is never closed; to wait for ever is what a full house does.
                Err(_) => std::future::pending().await,
            };
            match self.inner.accept().await {
                Ok((stream, peer)) => {
                    if self.exhausted.swap(false, Ordering::Relaxed) {
                        tracing::info!("accepting again");
                    }
                    self.prepare(&stream);
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

    /// Options of an accepted socket. A socket that refuses one serves without it: the peer may be gone already.
    fn prepare(&self, stream: &TcpStream) {
        let socket = SockRef::from(stream);
        let mut outcome = socket.set_tcp_nodelay(true);
        #[cfg(target_os = "linux")]
        {
            outcome = outcome.and(socket.set_tcp_user_timeout(Some(self.limits.write_timeout)));
        }
        if let Err(error) = outcome.as_mut() {
            tracing::debug!(%error, "an accepted socket refused an option");
        }
    }
}

/// Whether the error says something about the one connection, and nothing about the listener.
fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loopback() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }

    #[tokio::test]
    async fn a_full_house_leaves_the_next_in_the_backlog_until_a_place_is_free() {
        let listener =
            Listener::bind(loopback(), Limits { max_connections: 1, ..Limits::default() }).unwrap();
        let address = listener.local_addr().unwrap();
        let _first_client = TcpStream::connect(address).await.unwrap();
        let (_first, _, permit) = listener.accept().await;
        let _second_client = TcpStream::connect(address).await.unwrap();
        let waiting = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
        assert!(waiting.is_err(), "accepted beyond the cap");
        drop(permit);
        listener.accept().await;
    }

    #[tokio::test]
    async fn an_address_in_use_is_an_error() {
        let listener = Listener::bind(loopback(), Limits::default()).unwrap();
        let taken = listener.local_addr().unwrap();
        assert_eq!(Listener::bind(taken, Limits::default()).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }

    #[tokio::test]
    async fn accepted_sockets_do_not_wait_for_full_segments() {
        let listener = Listener::bind(loopback(), Limits::default()).unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _, _permit) = listener.accept().await;
        assert!(stream.nodelay().unwrap());
        #[cfg(target_os = "linux")]
        assert_eq!(SockRef::from(&stream).tcp_user_timeout().unwrap(), Some(Duration::from_secs(10)));
    }
}
