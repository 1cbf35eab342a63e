//! Why no connection came of a request, sorted by who is to blame.

use std::{io, net::SocketAddr, time::Duration};

use tidewire_ws::handshake::client::{Declined, InvalidResponse};

use super::address::InvalidUrl;
use super::request::InvalidRequest;

/// How far a client had come when the deadline passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// The name of the server, or of the proxy, was asked for.
    Resolve,
    /// None of its addresses had answered.
    Connect,
    /// The proxy had not opened the tunnel.
    Proxy,
    /// TLS was being agreed on.
    Tls,
    /// The opening handshake was not answered.
    Handshake,
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Resolve => "resolving the name",
            Self::Connect => "connecting",
            Self::Proxy => "asking the proxy",
            Self::Tls => "agreeing on TLS",
            Self::Handshake => "waiting for the response",
        })
    }
}

/// Why no connection came of a request. What there was of one is closed.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// The caller: the request cannot be made.
    Request(InvalidRequest),
    /// The server declined: it wants credentials, is busy, is no WebSocket server, or points elsewhere.
    Declined(Box<Declined>),
    /// The server's redirect is not followed.
    Redirect(Box<Redirect>),
    /// The server's response is none.
    Response(InvalidResponse),
    /// The proxy opened no tunnel.
    Proxy(ProxyError),
    /// The server is not who it was to be, or does not speak TLS as we do; or the transport failed on the way to that.
    Tls(io::Error),
    /// The whole took longer than the opening deadline.
    Timeout(Stage),
    /// The name of the server, or of the proxy, is not known.
    Resolve(io::Error),
    /// None of the addresses takes connections.
    Connect {
        /// The last one that was tried.
        address: SocketAddr,
        /// What it said.
        source: io::Error,
    },
    /// The transport failed during the handshake.
    Io(io::Error),
}

/// A redirect that is not followed.
#[derive(Debug)]
#[non_exhaustive]
pub struct Redirect {
    /// The response with it.
    pub declined: Declined,
    /// Why.
    pub refused: RedirectRefused,
}

/// Why a redirect is not followed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RedirectRefused {
    /// It is one more than may be followed.
    TooMany,
    /// It leads to what is no WebSocket.
    Location(InvalidUrl),
    /// It leads from TLS to a transport that anybody can read.
    Downgrade,
}

impl std::fmt::Display for RedirectRefused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooMany => f.write_str("expected fewer redirects, got one more than the limit"),
            Self::Location(error) => write!(f, "expected a redirect to a WebSocket: {error}"),
            Self::Downgrade => f.write_str("expected a redirect that keeps TLS, got one that does not"),
        }
    }
}

impl std::error::Error for RedirectRefused {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Location(error) => Some(error),
            Self::TooMany | Self::Downgrade => None,
        }
    }
}

/// Why a proxy opened no tunnel.
#[derive(Debug)]
#[non_exhaustive]
pub enum ProxyError {
    /// It declined: 407 wants other credentials, 502 to 504 tell of a server that it cannot reach.
    Declined(Box<Declined>),
    /// Its response is none.
    Response(InvalidResponse),
    /// Bytes came through the tunnel before anything was sent into it.
    SpokeFirst,
}

impl std::fmt::Display for ProxyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Declined(declined) => declined.fmt(f),
            Self::Response(error) => error.fmt(f),
            Self::SpokeFirst => f.write_str("expected a silent tunnel, got bytes that nobody asked for"),
        }
    }
}

impl std::error::Error for ProxyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Response(error) => Some(error),
            Self::Declined(_) | Self::SpokeFirst => None,
        }
    }
}

impl ConnectError {
    /// Whether a client does well to try again with the same request: not when it would be refused again, for what it
    /// asks ([`Declined::invites_back`]), for who the server is, or because the server speaks something else.
    #[must_use]
    pub fn invites_back(&self) -> bool {
        match self {
            Self::Request(_) | Self::Redirect(_) | Self::Proxy(ProxyError::SpokeFirst) => false,
            Self::Declined(declined) | Self::Proxy(ProxyError::Declined(declined)) => declined.invites_back(),
            // A server that goes away in the middle of its response may be back soon.
            Self::Response(error) | Self::Proxy(ProxyError::Response(error)) => {
                *error == InvalidResponse::Truncated
            }
            Self::Tls(error) => !is_final(error),
            Self::Timeout(_) | Self::Resolve(_) | Self::Connect { .. } | Self::Io(_) => true,
        }
    }

    /// The delay that the server's or the proxy's `Retry-After` asks for: seconds, or a date (RFC 9110 §10.2.3).
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        let declined = match self {
            Self::Declined(declined) | Self::Proxy(ProxyError::Declined(declined)) => declined,
            Self::Redirect(redirect) => &redirect.declined,
            Self::Request(_)
            | Self::Response(_)
            | Self::Proxy(_)
            | Self::Tls(_)
            | Self::Timeout(_)
            | Self::Resolve(_)
            | Self::Connect { .. }
            | Self::Io(_) => return None,
        };
        crate::retry_after::delay(declined.header("retry-after")?)
    }
}

/// Whether TLS fails for who the server is or what it speaks, and would again.
#[cfg(feature = "tls")]
fn is_final(error: &io::Error) -> bool {
    use rustls::Error::{InvalidCertificate, InvalidMessage, PeerIncompatible, PeerMisbehaved};
    let reason = error.get_ref().and_then(|reason| reason.downcast_ref());
    matches!(
        reason,
        Some(InvalidCertificate(_) | InvalidMessage(_) | PeerIncompatible(_) | PeerMisbehaved(_))
    )
}

#[cfg(not(feature = "tls"))]
fn is_final(_: &io::Error) -> bool {
    false
}

impl std::fmt::Display for ConnectError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Request(error) => error.fmt(f),
            Self::Declined(declined) => declined.fmt(f),
            Self::Redirect(redirect) => redirect.refused.fmt(f),
            Self::Response(error) => error.fmt(f),
            Self::Proxy(error) => write!(f, "the proxy: {error}"),
            Self::Tls(error) => write!(f, "TLS: {error}"),
            Self::Timeout(stage) => {
                write!(f, "no connection within its deadline, which passed while {stage}")
            }
            Self::Resolve(error) => write!(f, "the name cannot be resolved: {error}"),
            Self::Connect { address, source } => write!(f, "no connection to {address}: {source}"),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ConnectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Request(error) => Some(error),
            Self::Redirect(redirect) => Some(&redirect.refused),
            Self::Response(error) => Some(error),
            Self::Proxy(error) => Some(error),
            Self::Tls(error) | Self::Resolve(error) | Self::Io(error) => Some(error),
            Self::Connect { source, .. } => Some(source),
            Self::Declined(_) | Self::Timeout(_) => None,
        }
    }
}

impl From<InvalidRequest> for ConnectError {
    fn from(error: InvalidRequest) -> Self {
        Self::Request(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_small() {
        assert!(size_of::<ConnectError>() <= 48, "{}", size_of::<ConnectError>());
    }
}
