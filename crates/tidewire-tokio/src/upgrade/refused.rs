//! Saying no through an HTTP server: one whole response, behind which the connection is closed (RFC 6455 §4.2.2).

use std::fmt;

use http::{HeaderValue, Response, StatusCode, Version, header::CONTENT_TYPE};
use tidewire_ws::handshake::Refusal;

/// A request for a WebSocket that is refused. With feature `axum` it is a response, and so what an extractor rejects with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    refusal: Refusal,
    version: Version,
}

impl Refused {
    /// The refusal of a request over `version`.
    #[must_use]
    pub fn new(refusal: Refusal, version: Version) -> Self {
        Self { refusal, version }
    }

    /// Why: a status, a sentence, headers.
    #[must_use]
    pub fn refusal(&self) -> &Refusal {
        &self.refusal
    }

    /// The whole response: over HTTP/1.1 the server closes behind it, over HTTP/2 it ends the stream.
    #[must_use]
    pub fn into_http(self) -> Response<String> {
        let mut response = self.refusal.to_http(self.version);
        let text = HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, text);
        response.map(|()| format!("{}\n", self.refusal.detail()))
    }

    /// Its status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        // A refusal's is from 300 to 599.
        StatusCode::from_u16(self.refusal.status()).unwrap_or(StatusCode::BAD_REQUEST)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.refusal.fmt(f)
    }
}

impl std::error::Error for Refused {}

#[cfg(feature = "axum")]
impl axum_core::response::IntoResponse for Refused {
    fn into_response(self) -> axum_core::response::Response {
        self.into_http().map(axum_core::body::Body::from)
    }
}
