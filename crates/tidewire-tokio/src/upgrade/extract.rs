//! The same as an extractor of axum's.

use std::{fmt, future::Future};

use axum::{
    body::Body,
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use http::request::Parts;
use hyper::ext::Protocol;
#[cfg(feature = "deflate")]
use tidewire_ws::deflate;
use tidewire_ws::handshake::{self, InvalidField, Refusal};

use super::{Refused, Upgrade, UpgradeError, Upgraded};
use crate::{
    accept::Acceptor,
    drain::Drain,
    websocket::{Config, WebSocket},
};

/// A request for a WebSocket, as what a handler of axum's takes; every other request is rejected with [`Refused`].
///
/// ```
/// use axum::{Router, extract::State, response::Response, routing::any};
/// use tidewire_tokio::{drain::Drain, upgrade::WebSocketUpgrade};
///
/// async fn echo(State(drain): State<Drain>, upgrade: WebSocketUpgrade) -> Response {
///     upgrade.choose_subprotocol(["v2", "v1"]).on_upgrade(&drain, |mut websocket| async move {
///         // `None` comes when the client is gone, and when the drain has told it to go.
///         while let Some(message) = websocket.next().await {
///             websocket.feed(message).ok();
///         }
///     })
/// }
///
/// // HTTP/1.1 asks with GET, HTTP/2 with CONNECT.
/// let router: Router = Router::new().route("/echo", any(echo)).with_state(Drain::new());
/// ```
///
/// Its settings are those of an [`Acceptor`], the same type that opens WebSockets on bare sockets, if there is one among the
/// request's extensions; a handler's own word counts for more:
///
/// ```
/// # use axum::{Extension, Router, response::Response, routing::any};
/// # use tidewire_tokio::{accept::Acceptor, drain::Drain, upgrade::WebSocketUpgrade, websocket::Config};
/// # async fn handler(upgrade: WebSocketUpgrade) -> Response { upgrade.on_upgrade(&Drain::new(), |_| async {}) }
/// let acceptor = Acceptor::new(Config::default());
/// let router: Router = Router::new().route("/a", any(handler)).layer(Extension(acceptor));
/// ```
///
/// An `Option<WebSocketUpgrade>` is `None` for a request that does not ask for a WebSocket, so that a page may stand at the
/// same path.
#[must_use = "a request wants an answer"]
pub struct WebSocketUpgrade {
    upgrade: Upgrade,
    response: handshake::Response,
    /// The subprotocol that was chosen.
    subprotocol: Option<String>,
    on_failed: Option<OnFailed>,
}

type OnFailed = Box<dyn FnOnce(UpgradeError) + Send>;

impl fmt::Debug for WebSocketUpgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketUpgrade")
            .field("upgrade", &self.upgrade)
            .field("response", &self.response)
            .finish_non_exhaustive()
    }
}

impl WebSocketUpgrade {
    fn of(parts: &mut Parts) -> Result<Self, Refused> {
        let acceptor = parts.extensions.get::<Acceptor>().cloned().unwrap_or_default();
        let upgrade = acceptor.upgrade_parts(parts)?;
        let response = handshake::Response::new();
        Ok(Self { upgrade, response, subprotocol: None, on_failed: None })
    }

    // Questions.

    /// The subprotocols on offer, most wanted first.
    #[must_use]
    pub fn subprotocols(&self) -> &[String] {
        self.upgrade.subprotocols()
    }

    /// The subprotocol that [`choose_subprotocol`](Self::choose_subprotocol) chose.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    // What the connection is to be.

    /// Limits of messages and of time. Default those of the [`Acceptor`], or of [`Config`].
    pub fn config(mut self, config: Config) -> Self {
        self.upgrade.websocket = config;
        self
    }

    /// Compresses, if the client offers it. Default as the [`Acceptor`] does, or not.
    #[cfg(feature = "deflate")]
    pub fn deflate(mut self, pool: &deflate::Pool) -> Self {
        self.upgrade.deflate = Some(pool.clone());
        self
    }

    /// Chooses, of the subprotocols that the server speaks, the one that the client wants most, or none.
    pub fn choose_subprotocol(mut self, spoken: impl IntoIterator<Item: AsRef<str>>) -> Self {
        let spoken: Vec<_> = spoken.into_iter().collect();
        let offered = self.upgrade.subprotocols();
        let chosen = offered.iter().find(|name| spoken.iter().any(|known| known.as_ref() == **name));
        self.subprotocol = chosen.cloned();
        self.response = self.response.choose_subprotocol(&self.subprotocol, |_| true);
        self
    }

    /// Adds a header to the answer; a name may come more than once.
    ///
    /// # Errors
    /// The name is not a token, or is the handshake's own, or the value holds a byte that a header cannot.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, InvalidField> {
        self.response = self.response.header(name, value)?;
        Ok(self)
    }

    /// Hears why no connection came of the answer; else a log line at level `DEBUG` does.
    pub fn on_failed(mut self, hear: impl FnOnce(UpgradeError) + Send + 'static) -> Self {
        self.on_failed = Some(Box::new(hear));
        self
    }

    // The answer.

    /// Refuses, by 401, 403 or 404 say: a handler that answers with a response of its own leaves the connection open,
    /// and what comes behind the request is taken for another one.
    #[must_use]
    pub fn refuse(self, refusal: Refusal) -> Refused {
        self.upgrade.refuse(refusal)
    }

    /// The answer. Behind it `serve` runs with the connection, in a task that the drain waits for; the connection is
    /// closed with the task. When the drain begins the client is told to go (1001) in its turn, whoever polls the connection
    /// then.
    ///
    /// # Panics
    /// Outside a tokio runtime with time enabled.
    pub fn on_upgrade<S, F>(self, drain: &Drain, serve: S) -> Response
    where
        S: FnOnce(WebSocket<Upgraded>) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let Self { upgrade, response, on_failed, .. } = self;
        let (answer, upgrading) = match upgrade.respond(response) {
            Ok(answered) => answered,
            Err(refused) => return refused.into_response(),
        };
        let notice = drain.notice();
        // On the heap, so that the task of an open connection does not carry its opening.
        let opening = Box::pin(async move {
            match (upgrading.websocket().await, on_failed) {
                (Ok(websocket), _) => return Some(websocket.with_notice(notice)),
                (Err(error), Some(hear)) => hear(error),
                (Err(error), None) => {
                    tracing::debug!(
                        error = &error as &dyn std::error::Error,
                        "no WebSocket came of a request"
                    );
                }
            }
            None
        });
        drain.spawn(async move {
            if let Some(websocket) = opening.await {
                serve(websocket).await;
            }
        });
        answer.map(Body::new)
    }
}

impl<S: Sync> FromRequestParts<S> for WebSocketUpgrade {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        Self::of(parts)
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for WebSocketUpgrade {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Refused> {
        let protocol = parts.extensions.get::<Protocol>().map(Protocol::as_str);
        if handshake::http::is_asked_for(&*parts, protocol) { Self::of(parts).map(Some) } else { Ok(None) }
    }
}
