//! Saying no through an HTTP server: one whole response, behind which the connection is closed (RFC 6455 §4.2.2).

use std::{fmt, sync::Arc};

use http::{HeaderValue, Response, StatusCode, Version, header::CONTENT_TYPE};
use hyper::upgrade::OnUpgrade;
use tidewire_lifecycle::Config;
use tidewire_ws::handshake::Refusal;
use tokio::{io::AsyncWriteExt, runtime::Handle, time::timeout};

use super::Upgraded;
use crate::linger::{Limits, Lingering};

/// A request for a WebSocket that is refused. With feature `axum` it is a response, and so what an extractor rejects with.
#[derive(Clone, Debug)]
pub struct Refused {
    refusal: Refusal,
    version: Version,
    held: Option<Held>,
}

/// What a server of HTTP/1.1 lets go of behind an answer that closes: to a request with `Upgrade` hyper does not shut the
/// transport down, but hands it out whatever the answer was.
#[derive(Clone, Debug)]
struct Held {
    pending: OnUpgrade,
    config: Arc<Config>,
}

impl Refused {
    /// The refusal of a request over `version`.
    #[must_use]
    pub fn new(refusal: Refusal, version: Version) -> Self {
        Self { refusal, version, held: None }
    }

    /// The same, of a request whose transport the server may hand out.
    pub(super) fn holding(
        refusal: Refusal,
        version: Version,
        pending: Option<OnUpgrade>,
        config: &Arc<Config>,
    ) -> Self {
        let pending = pending.filter(|_| version < Version::HTTP_2);
        let held = pending.map(|pending| Held { pending, config: Arc::clone(config) });
        Self { refusal, version, held }
    }

    /// Why: a status, a sentence, headers.
    #[must_use]
    pub fn refusal(&self) -> &Refusal {
        &self.refusal
    }

    /// Its status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        // A refusal's is from 300 to 599.
        StatusCode::from_u16(self.refusal.status()).unwrap_or(StatusCode::BAD_REQUEST)
    }

    /// The whole response, to be sent as it is. Over HTTP/1.1 the connection is closed behind it, with a linger by a task of
    /// this call's; over HTTP/2 the stream ends.
    #[must_use]
    pub fn into_http(self) -> Response<String> {
        if let (Some(held), Ok(runtime)) = (self.held, Handle::try_current()) {
            runtime.spawn(close_refused(held.pending, held.config));
        }
        let mut response = self.refusal.to_http(self.version);
        let text = HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, text);
        response.map(|()| format!("{}\n", self.refusal.detail()))
    }
}

/// Closes behind a refusal that is not a [`Refused`], but the caller's own response, with `Connection: close`, to a request of
/// HTTP/1.1 that asked for an upgrade: when the answer is out, it sees the client read it. To be spawned; nobody else may
/// wait for the same upgrade. Without it hyper drops the transport, and a reset may destroy the answer.
///
/// It waits for [`opening_timeout`](Config::opening_timeout) at most, and lingers as `config` says. Cancel safe: the transport
/// is dropped.
///
/// # Panics
/// Outside a tokio runtime with time enabled.
pub async fn close_refused(pending: OnUpgrade, config: Arc<Config>) {
    let upgraded = match config.opening_timeout {
        Some(within) => timeout(within, pending).await,
        None => Ok(pending.await),
    };
    if let Ok(Ok(upgraded)) = upgraded {
        linger(upgraded, &config).await;
    }
}

/// Closes a transport of HTTP/1.1 that nothing is to be read from.
pub(super) async fn linger(upgraded: hyper::upgrade::Upgraded, config: &Config) {
    let mut limits = Limits::default();
    limits.timeout = config.linger_timeout.unwrap_or(limits.timeout);
    limits.max_bytes = config.linger_max_bytes;
    let (transport, _) = Upgraded::of(upgraded, Version::HTTP_11);
    // What fails here fails for a client that is gone.
    let _ = Lingering::new(transport, limits).shutdown().await;
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.refusal.fmt(f)
    }
}

impl std::error::Error for Refused {}

#[cfg(feature = "axum")]
impl axum::response::IntoResponse for Refused {
    fn into_response(self) -> axum::response::Response {
        self.into_http().map(axum::body::Body::from)
    }
}
