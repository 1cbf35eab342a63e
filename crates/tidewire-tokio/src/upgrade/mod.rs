//! WebSockets out of an HTTP server that is not ours: hyper, axum, and what is built on them. The request is parsed
//! already, over HTTP/1.1 (RFC 6455 §4.2) or HTTP/2 (RFC 8441); it is judged, answered, and the transport taken over.
//!
//! ```text
//!   http::Request ──▶ Acceptor::upgrade ──▶ Upgrade ──▶ http::Response (101, or 200 over HTTP/2)
//!                          │ Refused           └──────▶ Upgrading ──▶ WebSocket, when the answer is out
//!                          ▼
//!                     http::Response (400, 405, 426, 431, 500, 501)
//! ```
//!
//! With hyper (`examples/hyper_websocket.rs` is a whole server):
//!
//! ```
//! use http::{Request, Response};
//! use tidewire_tokio::{accept::Acceptor, drain::Drain, upgrade::{Answer, Refused}};
//! use tidewire_ws::handshake;
//!
//! fn echo<B>(acceptor: &Acceptor, drain: &Drain, mut request: Request<B>) -> Result<Response<Answer>, Refused> {
//!     let upgrade = acceptor.upgrade(&mut request)?;
//!     let (response, upgrading) = upgrade.respond(handshake::Response::new())?;
//!     let notice = drain.notice();
//!     drain.spawn(async move {
//!         let Ok(websocket) = upgrading.websocket().await else { return };
//!         let mut websocket = websocket.with_notice(notice);
//!         while let Some(message) = websocket.next().await {
//!             websocket.feed(message).ok();
//!         }
//!     });
//!     Ok(response)
//! }
//! # let drain = Drain::new();
//! let refused = echo(&Acceptor::default(), &drain, Request::new(())).unwrap_err();
//! assert_eq!(refused.into_http().status(), 400);
//! ```
//!
//! With axum a handler takes a `WebSocketUpgrade` (feature `axum`).
//!
//! # What the server must be told
//!
//! - HTTP/1.1: hyper's connections are served `with_upgrades`; axum's are.
//! - HTTP/2: `enable_connect_protocol`, which axum does where it has HTTP/2.
//! - An answer that refuses is sent as it is, and closes its connection. Nothing that comes behind the request is looked at,
//!   neither as a request nor as frames (RFC 9931); it is thrown away for a while, lest a reset destroy the answer. A request
//!   without `Upgrade` is hyper's to close, and that is at once, unless it was given its sockets in a
//!   [`Lingering`](crate::linger::Lingering), as `axum::serve` is by our [`Listener`](crate::listener::Listener).
//! - A graceful shutdown does not wait for upgraded connections: spawn them with a [`Drain`](crate::drain::Drain), and give
//!   them its notice.

mod answer;
#[cfg(feature = "axum")]
mod extract;
mod refused;
mod upgraded;
mod upgrading;

pub use answer::Answer;
#[cfg(feature = "axum")]
pub use extract::WebSocketUpgrade;
pub use refused::{Refused, close_refused};
pub use upgraded::Upgraded;
pub use upgrading::{UpgradeError, Upgrading};

use http::{Extensions, Request, Response, Version, request::Parts};
use hyper::{ext::Protocol, upgrade::OnUpgrade};
#[cfg(feature = "deflate")]
use tidewire_ws::deflate;
use tidewire_ws::handshake::{
    self, Refusal,
    http::{Accepted, Head},
};

use crate::{accept::Acceptor, websocket::Config};

impl Acceptor {
    /// Judges a request that an HTTP server has parsed, over HTTP/1.1 or HTTP/2.
    ///
    /// # Errors
    /// It is no opening handshake: 400, 405, 426, 431 or 501, as [`handshake::http`] says. 500 where the server does not
    /// hand out its connections.
    pub fn upgrade<B>(&self, request: &mut Request<B>) -> Result<Upgrade, Refused> {
        let accepted = self.judge(Head::from(&*request), request.extensions());
        self.upgradable(accepted, request.version(), request.extensions_mut())
    }

    /// As [`upgrade`](Self::upgrade), for the head of a request whose body is elsewhere.
    ///
    /// # Errors
    /// The same.
    pub fn upgrade_parts(&self, parts: &mut Parts) -> Result<Upgrade, Refused> {
        let accepted = self.judge(Head::from(&*parts), &parts.extensions);
        self.upgradable(accepted, parts.version, &mut parts.extensions)
    }

    fn judge(&self, head: Head<'_>, extensions: &Extensions) -> Result<Accepted, Refusal> {
        let protocol = extensions.get::<Protocol>().map(Protocol::as_str);
        handshake::http::accept_any(head, protocol, &self.handshake)
    }

    fn upgradable(
        &self,
        accepted: Result<Accepted, Refusal>,
        version: Version,
        extensions: &mut Extensions,
    ) -> Result<Upgrade, Refused> {
        let pending = extensions.remove::<OnUpgrade>();
        let refuse =
            |refusal, pending| Refused::holding(refusal, version, pending, &self.websocket.lifecycle);
        let (accepted, pending) = match (accepted, pending) {
            (Ok(accepted), Some(pending)) => (accepted, pending),
            (Err(refusal), pending) => return Err(refuse(refusal, pending)),
            (Ok(_), None) => {
                let refusal = Refusal::new(500, "the server does not hand out its connections");
                return Err(refuse(refusal, None));
            }
        };
        Ok(Upgrade {
            accepted,
            version,
            pending,
            websocket: self.websocket.clone(),
            #[cfg(feature = "deflate")]
            deflate: self.deflate.clone(),
        })
    }
}

/// A request that is an opening handshake by every rule, and that has not been answered. Dropped, it leaves the answer to
/// whoever drops it; one that [refuses](Self::refuse) should close the connection.
#[derive(Debug)]
#[must_use = "a request wants an answer"]
pub struct Upgrade {
    accepted: Accepted,
    version: Version,
    pending: OnUpgrade,
    websocket: Config,
    #[cfg(feature = "deflate")]
    deflate: Option<deflate::Pool>,
}

impl Upgrade {
    /// The subprotocols on offer, most wanted first.
    #[must_use]
    pub fn subprotocols(&self) -> &[String] {
        self.accepted.subprotocols()
    }

    /// The values of `Sec-WebSocket-Extensions`, as `deflate::Pool::accept` takes them.
    pub fn extensions(&self) -> impl Iterator<Item = &[u8]> {
        self.accepted.extensions()
    }

    /// Refuses, by 401, 403 or 404 say.
    pub fn refuse(self, refusal: Refusal) -> Refused {
        Refused::holding(refusal, self.version, Some(self.pending), &self.websocket.lifecycle)
    }

    /// The answer, 101 or 200, that the server is to send with its body, and the connection behind it. Compression is agreed
    /// to as the [`Acceptor`] says, unless the response says something about it.
    ///
    /// # Errors
    /// The response names what was not offered: 500, for the client is not to blame.
    pub fn respond(self, response: handshake::Response) -> Result<(Response<Answer>, Upgrading), Refused> {
        let response = self.compressing(response);
        let Ok(answer) = self.accepted.respond(&response) else {
            return Err(self.refuse(Refusal::new(500, "the server chose what was not offered")));
        };
        let (body, sent) = Answer::new();
        let upgrading = Upgrading {
            pending: self.pending,
            sent,
            version: self.version,
            config: self.websocket,
            #[cfg(feature = "deflate")]
            agreement: response.agreement().cloned(),
        };
        Ok((answer.map(|()| body), upgrading))
    }

    #[cfg(feature = "deflate")]
    fn compressing(&self, response: handshake::Response) -> handshake::Response {
        match &self.deflate {
            // The caller may have agreed to something by itself.
            Some(pool) if response.agreement().is_none() => {
                pool.accept(self.extensions()).iter().fold(response, handshake::Response::deflate)
            }
            Some(_) | None => response,
        }
    }

    #[cfg(not(feature = "deflate"))]
    #[expect(clippy::unused_self, reason = "there is nothing to compress with")]
    fn compressing(&self, response: handshake::Response) -> handshake::Response {
        response
    }
}
