//! What a request says beyond its address.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};
use std::sync::Arc;
use tidewire_connection::event_source::{Config, Repeat, ServerTrouble};

use super::request::{InvalidUrl, Target};
use super::source::EventSource;
use super::transport::{Connector, default_tls};

/// Why a request cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidRequest {
    /// Its address.
    Url(InvalidUrl),
    /// A header with this name: the name is no token, the value has a byte that no header has, or the header is the
    /// stream's own.
    Header(String),
    /// The last event ID has a CR, an LF or a NUL.
    LastEventId,
}

impl std::fmt::Display for InvalidRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Url(error) => error.fmt(f),
            Self::Header(name) => {
                write!(f, "expected a header that HTTP can carry, got {name:?} with its value")
            }
            Self::LastEventId => f.write_str("expected a last event ID without CR, LF and NUL"),
        }
    }
}

impl std::error::Error for InvalidRequest {}

impl From<InvalidUrl> for InvalidRequest {
    fn from(error: InvalidUrl) -> Self {
        Self::Url(error)
    }
}

/// A request in the making; see [`EventSource::builder`].
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    url: String,
    method: Method,
    headers: Vec<(String, String, Secrecy)>,
    body: Bytes,
    last_event_id: String,
    config: Config,
    tls: Option<rustls::ClientConfig>,
    max_chunk_len: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Secrecy {
    Plain,
    Secret,
}

impl Builder {
    pub(super) fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            method: Method::GET,
            headers: Vec::new(),
            body: Bytes::new(),
            last_event_id: String::new(),
            config: Config::default(),
            tls: None,
            max_chunk_len: usize::MAX,
        }
    }

    /// Sets the method. What is not safe to repeat (RFC 9110 §9.2.1), a POST say, is sent once: its stream ends where it
    /// is lost.
    pub fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Adds a header. It goes with every request, also with those that a redirect leads to; `Authorization` and `Cookie`
    /// only as long as the origin is the same.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned(), Secrecy::Plain));
        self
    }

    /// Adds a header that proves who we are: it stays with the origin, and out of debug output.
    pub fn secret_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned(), Secrecy::Secret));
        self
    }

    /// Goes on behind an event that was received before.
    pub fn last_event_id(mut self, id: &str) -> Self {
        self.last_event_id = id.to_owned();
        self
    }

    /// Sets limits and schedule. [`Config::repeat`] follows from the method.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Comes back behind 429, 500, 502, 503 and 504, too, and not before `Retry-After`.
    pub fn retry_server_trouble(mut self) -> Self {
        self.config.server_trouble = ServerTrouble::Retry;
        self
    }

    /// Sets what is trusted and how we prove who we are. By default the operating system's certificates are trusted.
    pub fn tls(mut self, tls: rustls::ClientConfig) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Gives the parser at most so many bytes at a time, one at least: to show that it makes no difference.
    pub fn max_chunk_len(mut self, max_chunk_len: usize) -> Self {
        self.max_chunk_len = max_chunk_len.max(1);
        self
    }

    /// The source. It connects when it is polled.
    ///
    /// # Errors
    /// [`InvalidRequest`].
    pub fn connect(self) -> Result<EventSource, InvalidRequest> {
        let mut target = Target::get(&self.url)?;
        for (name, value, secrecy) in &self.headers {
            let invalid = || InvalidRequest::Header(name.clone());
            let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid())?;
            let mut value = HeaderValue::from_str(value).map_err(|_| invalid())?;
            value.set_sensitive(*secrecy == Secrecy::Secret);
            if [http::header::HOST, http::header::CONTENT_LENGTH, http::header::TRANSFER_ENCODING]
                .contains(&header)
                || header == tidewire_sse::content::LAST_EVENT_ID
            {
                return Err(invalid());
            }
            target.headers_mut().append(header, value);
        }
        target.set_method(self.method);
        target.set_body(self.body);
        if self.last_event_id.contains(['\r', '\n', '\0']) {
            return Err(InvalidRequest::LastEventId);
        }
        let mut config = self.config;
        config.repeat = if target.is_safe() { Repeat::WhenLost } else { Repeat::Never };
        let connector = Connector::new(self.tls.unwrap_or_else(default_tls));
        Ok(EventSource::new(Arc::new(config), target, connector, self.last_event_id, self.max_chunk_len))
    }
}
