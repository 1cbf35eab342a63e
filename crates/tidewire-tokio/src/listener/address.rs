//! What is listened on, and who came.

#[cfg(unix)]
use std::path::PathBuf;
use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

/// What a listener listens on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A TCP port; port 0 picks a free one.
    Tcp(SocketAddr),
    /// A Unix socket, whose file is made when it is bound and removed when the listener is dropped.
    #[cfg(unix)]
    Unix {
        /// The path of the socket's file. One that a dead process left there is replaced; of several processes that find
        /// one, one does so, and the others are told that the address is in use. While it is being bound, and no longer, there is
        /// an empty file beside it, by the same name and `.bind-lock`; a file of that name that is not empty is left alone, and is an
        /// error.
        path: PathBuf,
        /// The permissions of the file, as 0o660: who may write to it may connect. They hold from before the first
        /// connection.
        mode: u32,
    },
}

impl Address {
    /// A Unix socket that the owner's processes and the group's may connect to: mode 0o660.
    #[cfg(unix)]
    #[must_use]
    pub fn unix(path: impl Into<PathBuf>) -> Self {
        Self::Unix { path: path.into(), mode: 0o660 }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address)
    }
}

impl fmt::Display for Address {
    /// As `127.0.0.1:80` or `unix:/run/tidewire.sock`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            #[cfg(unix)]
            Self::Unix { path, .. } => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Who a connection came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Peer {
    /// The other end of a TCP connection.
    Tcp(SocketAddr),
    /// A process of this machine, by a Unix socket.
    #[cfg(unix)]
    Unix,
}

impl Peer {
    /// Its IP address, as it came: IPv4 may be mapped into IPv6.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Tcp(address) => Some(address.ip()),
            #[cfg(unix)]
            Self::Unix => None,
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            #[cfg(unix)]
            Self::Unix => f.write_str("unix"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_told_in_words() {
        let tcp: SocketAddr = "[::1]:80".parse().unwrap();
        assert_eq!(Address::from(tcp).to_string(), "[::1]:80");
        assert_eq!((Peer::Tcp(tcp).to_string(), Peer::Tcp(tcp).ip()), ("[::1]:80".into(), Some(tcp.ip())));
        #[cfg(unix)]
        {
            assert_eq!(Address::unix("/run/a.sock").to_string(), "unix:/run/a.sock");
            assert_eq!((Peer::Unix.to_string(), Peer::Unix.ip()), ("unix".into(), None));
        }
    }
}
