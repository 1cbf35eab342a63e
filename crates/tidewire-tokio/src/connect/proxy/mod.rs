//! Proxies that open tunnels (RFC 9110 §9.3.6): which one, and how it is asked.

mod environment;

use std::{io, sync::Arc};

use tidewire_ws::handshake::{
    self,
    client::{Answer, InvalidResponse, Tunnel},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::{Instant, timeout_at},
};
use url::{Host, Url};

pub use environment::{Environment, InvalidEnvironment};

use super::address::{Address, InvalidUrl};
use super::deadline::{DECLINED_BODY_TIMEOUT, Deadline};
use super::error::{ConnectError, ProxyError, Stage};
use super::request::InvalidRequest;
use crate::credentials;

/// Why an address is none of a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidProxy {
    /// It is no URL.
    Syntax(url::ParseError),
    /// Its scheme is not `http`: neither SOCKS nor TLS to the proxy itself is spoken.
    Scheme(String),
}

impl std::fmt::Display for InvalidProxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Syntax(error) => write!(f, "expected the URL of a proxy: {error}"),
            Self::Scheme(scheme) => write!(f, "expected a proxy with http, got {scheme:?}"),
        }
    }
}

impl std::error::Error for InvalidProxy {}

/// Which proxy connections go through.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Proxies {
    /// None.
    #[default]
    Direct,
    /// This one.
    Through(Proxy),
    /// The one that the environment says for each server.
    Environment(Environment),
}

impl Proxies {
    /// The proxy on the way to an address.
    pub(super) fn on_the_way_to(&self, address: &Address) -> Option<&Proxy> {
        match self {
            Self::Direct => None,
            Self::Through(proxy) => Some(proxy),
            Self::Environment(environment) => environment.proxy_for(address.host()),
        }
    }
}

/// A proxy that is asked for tunnels by HTTP CONNECT.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    url: Url,
    authorization: Option<String>,
}

impl Proxy {
    /// The proxy at this address, `http://user:password@host:port`; what goes through it is as secret as its own TLS makes
    /// it, the host's name apart.
    ///
    /// # Errors
    /// [`InvalidProxy`].
    pub fn http(url: &str) -> Result<Self, InvalidProxy> {
        let mut url = Url::parse(url).map_err(InvalidProxy::Syntax)?;
        if url.scheme() != "http" {
            return Err(InvalidProxy::Scheme(url.scheme().to_owned()));
        }
        let authorization = credentials::take(&mut url);
        Ok(Self { url, authorization })
    }

    pub(super) fn host(&self) -> Host<&str> {
        // A URL with http has a host.
        self.url.host().unwrap_or(Host::Domain(""))
    }

    pub(super) fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or(80)
    }

    /// Asks for a tunnel to an address, on a connection to the proxy.
    pub(super) async fn open_tunnel<IO: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: &mut IO,
        address: &Address,
        config: &Arc<handshake::Config>,
        deadline: &mut Deadline,
    ) -> Result<(), ConnectError> {
        let invalid = |_| ConnectError::Request(InvalidRequest::Url(InvalidUrl::Uri));
        let mut tunnel = Tunnel::new(&address.host_and_port()).map_err(invalid)?;
        if let Some(authorization) = &self.authorization {
            tunnel = tunnel.header("Proxy-Authorization", authorization).map_err(invalid)?;
        }
        deadline.within(Stage::Proxy, ask(stream, tunnel, config)).await?
    }
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
//# If the connection could not be opened, either because a direct
//# connection failed or because any proxy used returned an error,
//# then the client MUST _Fail the WebSocket Connection_ and abort
//# the connection attempt.
async fn ask<IO: AsyncRead + AsyncWrite + Unpin>(
    io: &mut IO,
    tunnel: Tunnel,
    config: &Arc<handshake::Config>,
) -> Result<(), ConnectError> {
    let mut request = Vec::new();
    tunnel.encode(&mut request);
    io.write_all(&request).await.map_err(ConnectError::Io)?;
    let mut reader = tunnel.into_reader(Arc::clone(config));
    let mut piece = [0; 1024];
    let mut body_until = None;
    loop {
        let read = io.read(&mut piece);
        let read = match body_until {
            Some(until) => {
                timeout_at(until, read).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            }
            None => read.await,
        };
        let (len, answer) = match (read, reader.declined()) {
            (Ok(0), _) => (0, reader.handle_eof().map(Answer::Declined)),
            (Ok(len), _) => (len, reader.receive(&piece[..len])),
            // What came of a body is enough to know why.
            (Err(_), Some(so_far)) => (0, Ok(Answer::Declined(so_far.clone()))),
            (Err(error), None) => return Err(ConnectError::Io(error)),
        };
        match answer.map_err(response)? {
            Answer::NeedMore if reader.declined().is_some() => {
                body_until.get_or_insert(Instant::now() + DECLINED_BODY_TIMEOUT);
            }
            Answer::NeedMore => {}
            Answer::Open { consumed, .. } if consumed == len => return Ok(()),
            Answer::Open { .. } => return Err(ConnectError::Proxy(ProxyError::SpokeFirst)),
            Answer::Declined(declined) => {
                return Err(ConnectError::Proxy(ProxyError::Declined(Box::new(declined))));
            }
        }
    }
}

fn response(error: InvalidResponse) -> ConnectError {
    ConnectError::Proxy(ProxyError::Response(error))
}

impl std::fmt::Debug for Proxy {
    /// Without the credentials.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Proxy").field(&self.url.as_str()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_an_http_url() {
        let proxy = Proxy::http("http://u:p@proxy.example:3128").unwrap();
        assert_eq!((proxy.host().to_string().as_str(), proxy.port()), ("proxy.example", 3128));
        assert_eq!(proxy.authorization.as_deref(), Some("Basic dTpw"));
        assert_eq!(format!("{proxy:?}"), "Proxy(\"http://proxy.example:3128/\")");
        assert_eq!(Proxy::http("http://[::1]").unwrap().port(), 80);
        assert_eq!(Proxy::http("socks5://a:1").unwrap_err(), InvalidProxy::Scheme("socks5".into()));
        assert_eq!(Proxy::http("https://a:1").unwrap_err(), InvalidProxy::Scheme("https".into()));
        assert!(matches!(Proxy::http("a"), Err(InvalidProxy::Syntax(_))));
    }
    #[tokio::test(start_paused = true)]
    async fn whoever_declines_is_heard_out_but_not_for_long() {
        for (answer, seconds, kept) in [
            (&b"HTTP/1.1 407 No\r\nContent-Length: 4\r\n\r\nwho?"[..], 0, &b"who?"[..]),
            (b"HTTP/1.1 407 No\r\nContent-Length: 100\r\n\r\nwho", 2, b"who"),
            (b"HTTP/1.1 407 No\r\n\r\n", 2, b""),
        ] {
            let (mut client, mut proxy) = tokio::io::duplex(4096);
            proxy.write_all(answer).await.unwrap();
            let start = Instant::now();
            let asked = ask(&mut client, Tunnel::new("a:1").unwrap(), &Arc::default()).await;
            let Err(ConnectError::Proxy(ProxyError::Declined(declined))) = asked else { panic!("{asked:?}") };
            assert_eq!((declined.status(), declined.body()), (407, kept));
            assert_eq!((declined.is_whole(), start.elapsed().as_secs()), (seconds == 0, seconds));
        }
    }
}
