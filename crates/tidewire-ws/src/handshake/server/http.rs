//! The same handshake on a request that hyper or axum has parsed, over HTTP/1.1 and HTTP/2 (feature `http`;
//! RFC 6455 §4.2, RFC 8441).

use super::refusal::Refusal;
use super::response::Response;
use super::rules::{HttpVersion, RequestLine, is_version_13, judge, no_body, offers, subprotocols};
use crate::handshake::authority::Target;
use crate::handshake::config::Config;
use crate::handshake::fields::InvalidField;
use crate::handshake::key::AcceptKey;
use crate::handshake::tokens::has_token;
use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version, request::Parts};

/// The only protocol of an extended CONNECT that there is an answer to, in any case.
const PROTOCOL: &str = "websocket";

/// What is judged of a parsed request: an `&http::Request` or its `&Parts` becomes one.
#[derive(Clone, Copy)]
pub struct Head<'r> {
    method: &'r Method,
    uri: &'r Uri,
    version: Version,
    headers: &'r HeaderMap,
}

impl<'r, B> From<&'r http::Request<B>> for Head<'r> {
    fn from(request: &'r http::Request<B>) -> Self {
        Self {
            method: request.method(),
            uri: request.uri(),
            version: request.version(),
            headers: request.headers(),
        }
    }
}

impl<'r> From<&'r Parts> for Head<'r> {
    fn from(parts: &'r Parts) -> Self {
        Self { method: &parts.method, uri: &parts.uri, version: parts.version, headers: &parts.headers }
    }
}

/// Without the headers and the query: there are credentials among them.
impl fmt::Debug for Head<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Head")
            .field("method", self.method)
            .field("path", &self.uri.path())
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// How the connection is switched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Switch {
    /// By a 101 with this answer to the key.
    Upgrade(AcceptKey),
    /// By a 200 to an extended CONNECT.
    Connect,
}

/// A request that is an opening handshake by every rule.
#[derive(Clone, Debug)]
pub struct Accepted {
    switch: Switch,
    subprotocols: Vec<String>,
    extensions: Vec<HeaderValue>,
}

/// Whether a request asks for a WebSocket at all, be it well or badly. Where something else stands at the same path, that
/// is for whoever does not ask.
#[must_use]
pub fn is_asked_for<'r>(head: impl Into<Head<'r>>, protocol: Option<&str>) -> bool {
    let head = head.into();
    if head.version >= Version::HTTP_2 {
        return protocol.is_some_and(|protocol| protocol.eq_ignore_ascii_case(PROTOCOL));
    }
    head.headers.get_all(UPGRADE).iter().any(|value| has_token(value.as_bytes(), PROTOCOL))
}

/// Judges a request of whatever version: by [`accept_connect`] over HTTP/2 or later, by [`accept`] else. `protocol` is its
/// `:protocol`, if it has one.
///
/// # Errors
/// What the client is to be answered, as they say.
pub fn accept_any<'r>(
    head: impl Into<Head<'r>>,
    protocol: Option<&str>,
    config: &Config,
) -> Result<Accepted, Refusal> {
    let head = head.into();
    if head.version >= Version::HTTP_2 {
        // A CONNECT without a protocol asks for a proxy, which this is not.
        accept_connect(head, protocol.unwrap_or_default(), config)
    } else {
        accept(head, config)
    }
}

/// Judges a request over HTTP/1.1 by the rules of [`HeadReader::request`](crate::handshake::HeadReader::request). Of the
/// limits only the number of headers is counted: whoever parsed the head has bounded its length.
///
/// # Errors
/// What the client is to be answered: 400, 405, 426 or 431.
pub fn accept<'r>(head: impl Into<Head<'r>>, config: &Config) -> Result<Accepted, Refusal> {
    let head = head.into();
    count(head.headers, config)?;
    let version = if head.version == Version::HTTP_11 { HttpVersion::Http11 } else { HttpVersion::Other };
    let target = head.uri.to_string();
    let line = RequestLine { method: head.method.as_str(), target: &target, version };
    let accept = judge(line, head.headers)?;
    Accepted::new(Switch::Upgrade(accept), head.headers)
}

/// Judges an extended CONNECT over HTTP/2 or HTTP/3 (RFC 8441 §4, §5). `protocol` is its `:protocol`, which hyper has
/// among the request's extensions; any case will do.
///
/// # Errors
/// What the client is to be answered: 400, 405, 431, or 501 for another protocol or none.
//= https://www.rfc-editor.org/rfc/rfc8441#section-5
//# Implementations using this extended CONNECT to bootstrap WebSockets do not
//# do the processing of the Sec-WebSocket-Key and Sec-WebSocket-Accept header fields
pub fn accept_connect<'r>(
    head: impl Into<Head<'r>>,
    protocol: &str,
    config: &Config,
) -> Result<Accepted, Refusal> {
    let head = head.into();
    let headers = head.headers;
    count(headers, config)?;
    if *head.method != Method::CONNECT {
        let refusal = Refusal::new(405, "over HTTP/2 a WebSocket is opened with CONNECT");
        return Err(refusal.calling_for(&[("Allow", "CONNECT")]));
    }
    if head.version < Version::HTTP_2 {
        return Err(Refusal::bad_request("expected HTTP/2 or later"));
    }
    // RFC 9220 §3 (of HTTP/3, and as right here): a protocol that is unknown gets a 501.
    if !protocol.eq_ignore_ascii_case(PROTOCOL) {
        return Err(Refusal::new(501, "expected the protocol websocket"));
    }
    //= https://www.rfc-editor.org/rfc/rfc8441#section-4
    //# On requests that contain the :protocol pseudo-header field, the :scheme and
    //# :path pseudo-header fields of the target URI (see Section 5) MUST also be included.
    match Target::parse(&head.uri.to_string()) {
        Some(Target { authority: Some(_), .. }) => {}
        Some(_) | None => return Err(Refusal::bad_request("expected :scheme, :authority and :path")),
    }
    no_body(headers)?;
    if !is_version_13(headers) {
        // HTTP/2 has no upgrade to require.
        let refusal = Refusal::bad_request("expected exactly one sec-websocket-version, 13");
        return Err(refusal.calling_for(&[("Sec-WebSocket-Version", "13")]));
    }
    offers(headers)?;
    Accepted::new(Switch::Connect, headers)
}

fn count(headers: &HeaderMap, config: &Config) -> Result<(), Refusal> {
    if headers.len() > config.max_headers {
        return Err(Refusal::head_too_large("the request has too many header fields"));
    }
    Ok(())
}

impl Accepted {
    fn new(switch: Switch, headers: &HeaderMap) -> Result<Self, Refusal> {
        let subprotocols = subprotocols(headers)?.into_iter().map(ToOwned::to_owned).collect();
        let extensions = headers.get_all(SEC_WEBSOCKET_EXTENSIONS).iter().cloned().collect();
        Ok(Self { switch, subprotocols, extensions })
    }

    /// The subprotocols on offer, most wanted first.
    #[must_use]
    pub fn subprotocols(&self) -> &[String] {
        &self.subprotocols
    }

    /// The values of `Sec-WebSocket-Extensions`, as `deflate::Pool::accept` takes them.
    pub fn extensions(&self) -> impl Iterator<Item = &[u8]> {
        self.extensions.iter().map(HeaderValue::as_bytes)
    }

    /// The 101, or the 200 over HTTP/2; the connection is to be upgraded behind it.
    ///
    /// # Errors
    /// The response names a subprotocol or an extension that was not offered.
    pub fn respond(&self, response: &Response) -> Result<http::Response<()>, InvalidField> {
        let offered: Vec<&str> = self.subprotocols.iter().map(String::as_str).collect();
        response.check_offer(&offered, self.extensions())?;
        let mut answer = http::Response::new(());
        match self.switch {
            Switch::Upgrade(accept) => {
                *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
                let headers = answer.headers_mut();
                headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
                headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
                let accept = HeaderValue::from_str(accept.as_str()).map_err(|_| InvalidField::Value)?;
                headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
            }
            Switch::Connect => {}
        }
        for (name, value) in response.fields() {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| InvalidField::Name)?;
            let value = HeaderValue::from_str(value).map_err(|_| InvalidField::Value)?;
            answer.headers_mut().append(name, value);
        }
        Ok(answer)
    }
}

impl Refusal {
    /// The status and headers of the refusal to a request of `version`, without a body. Over HTTP/1.1 the connection is
    /// to be closed behind it; later versions have no headers for that.
    #[must_use]
    pub fn to_http(&self, version: Version) -> http::Response<()> {
        let mut answer = http::Response::new(());
        *answer.status_mut() = StatusCode::from_u16(self.status()).unwrap_or(StatusCode::BAD_REQUEST);
        let is_http_1 = version < Version::HTTP_2;
        let headers = answer.headers_mut();
        if is_http_1 {
            headers.insert(CONNECTION, HeaderValue::from_static(self.connection()));
        }
        for (name, value) in self.headers() {
            // They were checked when they came in.
            let (Ok(name), Ok(value)) =
                (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value))
            else {
                continue;
            };
            if is_http_1 || name != UPGRADE {
                headers.append(name, value);
            }
        }
        answer
    }
}
