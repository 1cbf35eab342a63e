//! The way to a server: name, socket, proxy, TLS, handshake, and redirects.

#[cfg(feature = "tls")]
use std::io;
use std::{sync::Arc, time::Duration};

#[cfg(feature = "tls")]
use rustls::pki_types::ServerName;
#[cfg(feature = "deflate")]
use tidewire_ws::deflate;
use tidewire_ws::handshake::{
    self,
    client::{self, Declined, Opened},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

use super::address::{Address, InvalidUrl, Security};
use super::deadline::Deadline;
use super::dial::{Settings, dial};
use super::error::{ConnectError, Redirect, RedirectRefused};
use super::opening;
use super::proxy::Proxies;
use super::request::{Prepared, Request};
use super::stream::Stream;
use crate::websocket::{Config, WebSocket};

/// Whether a redirect is followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Redirects {
    /// It is an error, as it is for a browser.
    #[default]
    Refuse,
    /// It is followed, to other servers without what proves who we are.
    Follow {
        /// So many in a row; one more is an error.
        max: u32,
    },
}

/// How connections are made, and what they may cost. One serves for many.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Connector {
    /// The limits of the response's head, the proxy's among them, and of what is kept of one that declines.
    pub handshake: Arc<handshake::Config>,
    /// The settings of the connection; the opening deadline is among them, and counts from the name to the response. 10 s
    /// by default.
    pub websocket: Config,
    /// Offers compression, unless `None`, which is the default.
    #[cfg(feature = "deflate")]
    pub deflate: Option<deflate::Pool>,
    /// Default [`Proxies::Direct`].
    pub proxies: Proxies,
    /// Default [`Redirects::Refuse`].
    pub redirects: Redirects,
    /// A name's next address is tried when those before it have not answered for so long. Default 250 ms (RFC 8305 §5).
    pub attempt_delay: Duration,
    #[cfg(feature = "tls")]
    tls: Option<Arc<rustls::ClientConfig>>,
}

impl Default for Connector {
    fn default() -> Self {
        let mut lifecycle = tidewire_lifecycle::Config::default();
        lifecycle.opening_timeout = Some(Duration::from_secs(10));
        Self::new(Config::new(Default::default(), lifecycle))
    }
}

impl Connector {
    /// A connector with these settings for its connections.
    #[must_use]
    pub fn new(websocket: Config) -> Self {
        Self {
            handshake: Arc::default(),
            websocket,
            #[cfg(feature = "deflate")]
            deflate: None,
            proxies: Proxies::default(),
            redirects: Redirects::default(),
            attempt_delay: Duration::from_millis(250),
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// Sets what is trusted and how we prove who we are; the protocols in it (ALPN) are ours to set. By default the
    /// operating system's certificates are trusted, which are read once, by the first connection that needs them.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, mut tls: rustls::ClientConfig) -> Self {
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        self.tls = Some(Arc::new(tls));
        self
    }

    /// Connects. Cancel safe in that nothing is left behind: dropped half way, it drops what there is of the connection.
    ///
    /// # Errors
    /// [`ConnectError`].
    ///
    /// # Panics
    /// Outside a tokio runtime with time and I/O enabled.
    pub async fn connect(
        &self,
        request: impl Into<Request>,
    ) -> Result<(WebSocket<Stream>, Opened), ConnectError> {
        // All that connecting takes lives on the heap, so that the task of an open connection does not carry it.
        Box::pin(self.follow(request.into())).await
    }

    /// Opens a WebSocket on a transport that is there already: a Unix socket, a pipe, a tunnel of the caller's own. The
    /// request's address says what is asked for, and not where; redirects are not followed, and TLS is the transport's.
    /// Cancel safe in that nothing is left behind: dropped half way, it drops the transport.
    ///
    /// # Errors
    /// [`ConnectError`].
    ///
    /// # Panics
    /// Outside a tokio runtime with time enabled.
    pub async fn connect_over<IO>(
        &self,
        io: IO,
        request: impl Into<Request>,
    ) -> Result<(WebSocket<IO>, Opened), ConnectError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let request = request.into();
        Box::pin(async move {
            let deadline = Deadline::start(&self.websocket.lifecycle);
            let handshake = self.asked_by(&request.prepare()?)?;
            opening::open(io, handshake, self, &deadline).await
        })
        .await
    }

    //= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
    //# When the client is to _Establish a WebSocket Connection_ given a set
    //# of (/host/, /port/, /resource name/, and /secure/ flag), along with a
    //# list of /protocols/ and /extensions/ to be used, and an /origin/ in
    //# the case of web browsers, it MUST open a connection, send an opening
    //# handshake, and read the server's handshake in response.
    async fn follow(&self, request: Request) -> Result<(WebSocket<Stream>, Opened), ConnectError> {
        let mut prepared = request.prepare()?;
        let mut deadline = Deadline::start(&self.websocket.lifecycle);
        let mut followed = 0;
        loop {
            let stream = self.transport(prepared.address(), &mut deadline).await?;
            let handshake = self.asked_by(&prepared)?;
            prepared = match opening::open(stream, handshake, self, &deadline).await {
                Err(ConnectError::Declined(declined)) => self.redirected(prepared, followed, declined)?,
                answer => return answer,
            };
            followed += 1;
        }
    }

    /// Where a response that declines leads, if it is a redirect that is followed.
    fn redirected(
        &self,
        prepared: Prepared,
        followed: u32,
        declined: Box<Declined>,
    ) -> Result<Prepared, ConnectError> {
        let (Redirects::Follow { max }, Some(location)) = (self.redirects, declined.location()) else {
            return Err(ConnectError::Declined(declined));
        };
        let location = String::from_utf8_lossy(location);
        let refused = match prepared.address().redirected(&location) {
            _ if followed >= max => RedirectRefused::TooMany,
            Err(error) => RedirectRefused::Location(error),
            Ok(next) => match (prepared.address().security(), next.security()) {
                (Security::Tls, Security::Plain) => RedirectRefused::Downgrade,
                (Security::Plain, _) | (_, Security::Tls) => return Ok(prepared.redirected(next)),
            },
        };
        Err(ConnectError::Redirect(Box::new(Redirect { declined: *declined, refused })))
    }

    /// A transport to an address: TCP, through a proxy where one is on the way, and TLS.
    async fn transport(&self, address: &Address, deadline: &mut Deadline) -> Result<Stream, ConnectError> {
        if address.security() == Security::Tls && cfg!(not(feature = "tls")) {
            return Err(no_tls());
        }
        let write_timeout = self.websocket.lifecycle.write_stall_timeout;
        let settings = Settings { attempt_delay: self.attempt_delay, write_timeout };
        let stream = match self.proxies.on_the_way_to(address) {
            None => dial(address.host(), address.port(), settings, deadline).await?,
            Some(proxy) => {
                let mut stream = dial(proxy.host(), proxy.port(), settings, deadline).await?;
                proxy.open_tunnel(&mut stream, address, &self.handshake, deadline).await?;
                stream
            }
        };
        match address.security() {
            Security::Plain => Ok(Stream::plain(stream)),
            Security::Tls => self.encrypted(stream, address, deadline).await,
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
    //# If /secure/ is true, the client MUST perform a TLS handshake over
    //# the connection after opening the connection and before sending
    //# the handshake data [RFC2818].
    //= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
    //# If this fails (e.g., the server's
    //# certificate could not be verified), then the client MUST _Fail the
    //# WebSocket Connection_ and abort the connection.
    //= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
    //# Otherwise, all further communication on
    //# this channel MUST run through the encrypted tunnel [RFC5246].
    //= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
    //# Clients MUST use the Server Name Indication extension in the TLS
    //# handshake [RFC6066].
    #[cfg(feature = "tls")]
    async fn encrypted(
        &self,
        stream: TcpStream,
        address: &Address,
        deadline: &mut Deadline,
    ) -> Result<Stream, ConnectError> {
        let config = self.tls.clone().unwrap_or_else(default_tls);
        let name = match address.host() {
            url::Host::Domain(name) => {
                // A name with a dot behind it is the same, but not to a certificate (RFC 6066 §3).
                let name = name.strip_suffix('.').unwrap_or(name).to_owned();
                ServerName::try_from(name).map_err(|error| ConnectError::Tls(io::Error::other(error)))?
            }
            url::Host::Ipv4(address) => ServerName::from(std::net::IpAddr::V4(address)),
            url::Host::Ipv6(address) => ServerName::from(std::net::IpAddr::V6(address)),
        };
        let agreed = tokio_rustls::TlsConnector::from(config).connect(name, stream);
        let agreed = deadline.within(super::error::Stage::Tls, agreed).await?;
        agreed.map(Stream::tls).map_err(ConnectError::Tls)
    }

    #[cfg(not(feature = "tls"))]
    #[expect(clippy::unused_async, reason = "with TLS it waits")]
    async fn encrypted(&self, _: TcpStream, _: &Address, _: &mut Deadline) -> Result<Stream, ConnectError> {
        Err(no_tls())
    }

    /// The handshake of a request, with a nonce of its own and what is offered.
    fn asked_by(&self, prepared: &Prepared) -> Result<client::Request, ConnectError> {
        let request = prepared.handshake(rand::random())?;
        #[cfg(feature = "deflate")]
        if let Some(pool) = &self.deflate {
            return Ok(request.deflate(pool.offer()));
        }
        Ok(request)
    }
}

fn no_tls() -> ConnectError {
    ConnectError::Request(InvalidUrl::NoTls.into())
}

/// The default, made once, so that connections resume each other's sessions.
#[cfg(feature = "tls")]
fn default_tls() -> Arc<rustls::ClientConfig> {
    static TLS: std::sync::OnceLock<Arc<rustls::ClientConfig>> = std::sync::OnceLock::new();
    let make = || {
        let mut tls = crate::tls::default_config();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Arc::new(tls)
    };
    Arc::clone(TLS.get_or_init(make))
}
