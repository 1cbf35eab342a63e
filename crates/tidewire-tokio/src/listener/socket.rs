//! One listening socket: bound, with its options, and accepting.

use std::{
    io,
    net::SocketAddr,
    task::{Context, Poll, ready},
};

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::TcpListener;

#[cfg(unix)]
use super::unix;
use super::{
    address::{Address, Peer},
    limits::Limits,
    stream::Stream,
};

/// A socket that listens.
#[derive(Debug)]
pub(super) enum Listening {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(unix::Listening),
}

/// What a TCP socket for IPv6 does with IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ipv4 {
    /// As the operating system does by default, which mostly is to take it.
    AsByDefault,
    /// Another socket is for that.
    Elsewhere,
}

impl Listening {
    pub(super) fn bind(address: &Address, ipv4: Ipv4, limits: &Limits) -> io::Result<Self> {
        match address {
            Address::Tcp(address) => Ok(Self::Tcp(bind_tcp(*address, ipv4, limits)?)),
            #[cfg(unix)]
            Address::Unix { path, mode } => {
                Ok(Self::Unix(unix::Listening::bind(path, *mode, backlog(limits))?))
            }
        }
    }

    /// What is bound, with its real port.
    pub(super) fn address(&self) -> io::Result<Address> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(Address::Tcp),
            #[cfg(unix)]
            Self::Unix(listener) => Ok(listener.address()),
        }
    }

    pub(super) fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Stream, Peer)>> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = ready!(listener.poll_accept(cx))?;
                Poll::Ready(Ok((Stream::Tcp(stream), Peer::Tcp(peer))))
            }
            #[cfg(unix)]
            Self::Unix(listener) => {
                let stream = ready!(listener.poll_accept(cx))?;
                Poll::Ready(Ok((Stream::Unix(stream), Peer::Unix)))
            }
        }
    }
}

fn backlog(limits: &Limits) -> i32 {
    i32::try_from(limits.backlog).unwrap_or(i32::MAX)
}

fn bind_tcp(address: SocketAddr, ipv4: Ipv4, limits: &Limits) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // So that a restart needs no wait. Elsewhere than on Unix it would let two processes listen on one port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    if address.is_ipv6() && ipv4 == Ipv4::Elsewhere {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    prepare(SockRef::from(&socket), limits);
    socket.bind(&address.into())?;
    socket.listen(backlog(limits))?;
    TcpListener::from_std(socket.into())
}

/// Options that Linux hands on from the listening socket to those that are accepted of it, which saves four system
/// calls for each of them.
fn prepare(socket: SockRef<'_>, limits: &Limits) {
    let mut outcome = socket.set_tcp_nodelay(true);
    if let Some(silence) = limits.keep_alive {
        let keep_alive = TcpKeepalive::new().with_time(silence);
        #[cfg(not(any(target_os = "openbsd", target_os = "haiku", target_os = "vita")))]
        let keep_alive = keep_alive.with_interval(limits.keep_alive_interval);
        outcome = outcome.and(socket.set_tcp_keepalive(&keep_alive));
    }
    #[cfg(target_os = "linux")]
    {
        outcome = outcome.and(socket.set_tcp_user_timeout(Some(limits.write_timeout)));
    }
    if let Err(error) = outcome {
        // It is served without: the peer may be gone already.
        tracing::debug!(%error, "a socket refused an option");
    }
}

/// The same for one that was accepted, where they are not handed on.
pub(super) fn prepare_accepted(stream: &Stream, limits: &Limits) {
    if cfg!(target_os = "linux") {
        return;
    }
    match stream {
        Stream::Tcp(stream) => prepare(SockRef::from(stream), limits),
        #[cfg(unix)]
        Stream::Unix(_) => {}
    }
}

/// Whether an accept failed for what is known of the one connection, and says nothing about the listener (Linux's
/// accept(2) hands errors of the network on that came before it).
pub(super) fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::ConnectionAborted
            | Kind::ConnectionReset
            | Kind::ConnectionRefused
            | Kind::HostUnreachable
            | Kind::NetworkUnreachable
            | Kind::NetworkDown
            | Kind::TimedOut
            | Kind::Interrupted
    )
}
