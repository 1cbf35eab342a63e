//! What a request says beyond its address.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, header};
use std::{sync::Arc, time::Duration};
use tidewire_connection::event_source::{Config, Repeat, ServerTrouble};
use tidewire_lifecycle::reconnect;
use tidewire_sse::{Event, content::LAST_EVENT_ID};

use super::request::{InvalidUrl, Target};
use super::source::EventSource;
use super::transport::Connector;
use crate::credentials::Secrecy;

/// Why a request cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidRequest {
    /// Its address.
    Url(InvalidUrl),
    /// A header with this name: the name is no token, the value has a byte that no header has, or the header is the
    /// stream's own.
    Header(String),
    /// A body with this method, which has none.
    Body(Method),
    /// The last event ID has a CR, an LF or a NUL, or is longer than the parser's limit for one.
    LastEventId,
}

impl std::fmt::Display for InvalidRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Url(error) => error.fmt(f),
            Self::Header(name) => {
                write!(f, "expected a header that HTTP can carry, got {name:?} with its value")
            }
            Self::Body(method) => write!(f, "expected a method that has a body, got {method}"),
            Self::LastEventId => {
                f.write_str("expected a last event ID without CR, LF and NUL, within the limit of its length")
            }
        }
    }
}

impl std::error::Error for InvalidRequest {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Url(error) => Some(error),
            Self::Header(_) | Self::Body(_) | Self::LastEventId => None,
        }
    }
}

impl From<InvalidUrl> for InvalidRequest {
    fn from(error: InvalidUrl) -> Self {
        Self::Url(error)
    }
}

/// A request in the making; see [`EventSource::builder`].
#[derive(Clone)]
#[must_use]
pub struct Builder {
    url: String,
    method: Method,
    headers: Vec<(String, String, Secrecy)>,
    body: Bytes,
    last_event_id: String,
    config: Config,
    schedule: Option<Arc<reconnect::Config>>,
    server_trouble: Option<ServerTrouble>,
    opening_timeout: Option<Option<Duration>>,
    idle_timeout: Option<Option<Duration>>,
    tls: Option<rustls::ClientConfig>,
    max_chunk_len: usize,
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
            schedule: None,
            server_trouble: None,
            opening_timeout: None,
            idle_timeout: None,
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

    /// Sets the body, of a method that has one.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// A POST with this body: it is sent once.
    pub fn post(self, body: impl Into<Bytes>) -> Self {
        self.method(Method::POST).body(body)
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

    /// Sets limits, and whatever else there is. A method that is not safe is never repeated, whatever [`Config::repeat`] says.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Sets the delays between attempts, and how many there may be. Default [`reconnect::Config::event_stream`].
    pub fn schedule(mut self, schedule: reconnect::Config) -> Self {
        self.schedule = Some(Arc::new(schedule));
        self
    }

    /// Comes back behind 429, 500, 502, 503 and 504, too, and not before `Retry-After`, if the method may be repeated.
    pub fn retry_server_trouble(mut self) -> Self {
        self.server_trouble = Some(ServerTrouble::Retry);
        self
    }

    /// Sets how long the response may take; `None` is for ever. Default 30 s.
    pub fn opening_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.opening_timeout = Some(timeout.into());
        self
    }

    /// Sets how long the stream may be silent, comments included, before its connection counts as lost; `None` is for
    /// ever. Default 5 min. Where the server sends comments to keep it alive, a little more than their interval notices
    /// a dead connection soon.
    pub fn idle_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.idle_timeout = Some(timeout.into());
        self
    }

    /// Sets what is trusted and how we prove who we are; the protocols in it (ALPN) are ours to set. By default the
    /// operating system's certificates are trusted, which are read once, by the first source that needs them.
    pub fn tls(mut self, tls: rustls::ClientConfig) -> Self {
        self.tls = Some(tls);
        self
    }

    #[doc(hidden)]
    /// Gives the parser at most so many bytes at a time, one at least: to show that it makes no difference.
    pub fn max_chunk_len(mut self, max_chunk_len: usize) -> Self {
        self.max_chunk_len = max_chunk_len.max(1);
        self
    }

    /// Whether [`connect`](Self::connect) will make a source of it.
    ///
    /// # Errors
    /// [`InvalidRequest`].
    pub fn check(&self) -> Result<(), InvalidRequest> {
        self.target().map(|_| ())
    }

    /// The source. It connects when it is polled.
    ///
    /// # Errors
    /// [`InvalidRequest`].
    ///
    /// # Panics
    /// Outside a tokio runtime with time enabled.
    pub fn connect(self) -> Result<EventSource, InvalidRequest> {
        let target = self.target()?;
        let mut config = self.config;
        if !target.is_safe() {
            config.repeat = Repeat::Never;
        }
        config.schedule = self.schedule.unwrap_or(config.schedule);
        config.server_trouble = self.server_trouble.unwrap_or(config.server_trouble);
        if self.opening_timeout.is_some() || self.idle_timeout.is_some() {
            let lifecycle = Arc::make_mut(&mut config.lifecycle);
            lifecycle.opening_timeout = self.opening_timeout.unwrap_or(lifecycle.opening_timeout);
            lifecycle.idle_timeout = self.idle_timeout.unwrap_or(lifecycle.idle_timeout);
        }
        let connector = Connector::new(self.tls);
        EventSource::new(Arc::new(config), target, connector, &self.last_event_id, self.max_chunk_len)
            .map_err(|_| InvalidRequest::LastEventId)
    }

    /// What is asked, and where.
    fn target(&self) -> Result<Target, InvalidRequest> {
        let mut target = Target::get(&self.url)?;
        if self.headers.iter().any(|(name, ..)| name.eq_ignore_ascii_case(header::AUTHORIZATION.as_str())) {
            // Said of the request alone, it counts for more than what the address says.
            target.headers_mut().remove(header::AUTHORIZATION);
        }
        for (text, value, secrecy) in &self.headers {
            let invalid = || InvalidRequest::Header(text.clone());
            let name = HeaderName::from_bytes(text.as_bytes()).map_err(|_| invalid())?;
            let mut value = HeaderValue::from_str(value).map_err(|_| invalid())?;
            value.set_sensitive(Secrecy::of(name.as_str(), *secrecy) == Secrecy::Secret);
            if [header::HOST, header::CONTENT_LENGTH, header::TRANSFER_ENCODING].contains(&name)
                || name == LAST_EVENT_ID
            {
                return Err(invalid());
            }
            target.headers_mut().append(name, value);
        }
        if [Method::GET, Method::HEAD].contains(&self.method) && !self.body.is_empty() {
            return Err(InvalidRequest::Body(self.method.clone()));
        }
        target.set_method(self.method.clone());
        target.set_body(self.body.clone());
        let is_long = self.last_event_id.len() > self.config.parser.max_id_len;
        if is_long || Event::new().id(&self.last_event_id).encoded_len().is_err() {
            return Err(InvalidRequest::LastEventId);
        }
        Ok(target)
    }
}

impl std::fmt::Debug for Builder {
    /// Shows no value of a header and no credentials.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let url = Target::get(&self.url).map(|target| target.url().clone());
        let names: Vec<&str> = self.headers.iter().map(|(name, ..)| &**name).collect();
        f.debug_struct("Builder")
            .field("url", &url.as_ref().map(url::Url::as_str))
            .field("method", &self.method)
            .field("headers", &names)
            .field("body_len", &self.body.len())
            .field("last_event_id", &self.last_event_id)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
