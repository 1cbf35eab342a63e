//! The request of an event stream: what it says, where redirects lead it, and what stays behind on the way (WHATWG HTML
//! §9.2.2, Fetch §4.4).

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Uri,
    header::{
        AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, PROXY_AUTHORIZATION,
        USER_AGENT,
    },
};
use http_body_util::Full;
use tidewire_sse::content::{LAST_EVENT_ID, REQUEST_HEADERS, redirects_to_get};
use url::Url;

use crate::credentials;

/// Why an address cannot be asked for an event stream.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidUrl {
    /// It is no URL.
    Syntax(url::ParseError),
    /// Its scheme is neither `http` nor `https`.
    Scheme(String),
    /// It is too long, or has characters that HTTP does not know.
    Uri,
}

impl std::fmt::Display for InvalidUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Syntax(error) => write!(f, "expected a URL: {error}"),
            Self::Scheme(scheme) => write!(f, "expected a URL with http or https, got {scheme:?}"),
            Self::Uri => f.write_str("expected a URL that HTTP can carry"),
        }
    }
}

impl std::error::Error for InvalidUrl {}

/// Where a request goes, and how: the caller's own, or what a redirect made of it.
#[derive(Clone, Debug)]
pub(super) struct Target {
    url: Url,
    uri: Uri,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
}

impl Target {
    /// A GET of this address. A user name and a password in it become an `Authorization`.
    pub(super) fn get(url: &str) -> Result<Self, InvalidUrl> {
        let mut url = Url::parse(url).map_err(InvalidUrl::Syntax)?;
        let mut headers = HeaderMap::new();
        if let Some(Ok(mut value)) = credentials::take(&mut url).map(HeaderValue::try_from) {
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        url.set_fragment(None);
        let uri = uri(&url)?;
        Ok(Self { url, uri, method: Method::GET, headers, body: Bytes::new() })
    }

    /// The address, without credentials.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    pub(super) fn set_method(&mut self, method: Method) {
        self.method = method;
    }

    /// Whether the request may be sent again when its stream is lost.
    pub(super) fn is_safe(&self) -> bool {
        self.method.is_safe()
    }

    pub(super) fn set_body(&mut self, body: Bytes) {
        self.body = body;
    }

    pub(super) fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.headers
    }

    /// Where a redirect with this status leads, relative to this.
    pub(super) fn redirected(&self, status: u16, location: &str) -> Result<Self, InvalidUrl> {
        let mut url = self.url.join(location).map_err(InvalidUrl::Syntax)?;
        url.set_fragment(None);
        // Those of a location are nobody's.
        let _ = credentials::take(&mut url);
        let mut next = Self { uri: uri(&url)?, url, ..self.clone() };
        if next.url.origin() != self.url.origin() {
            // What proves who we are to one server is no other's business.
            next.headers = next
                .headers
                .iter()
                .filter(|(name, value)| {
                    let secret = [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION].contains(*name);
                    !secret && !value.is_sensitive()
                })
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect();
        }
        if redirects_to_get(status, self.method.as_str()) {
            next.method = Method::GET;
            next.body = Bytes::new();
            for name in [CONTENT_TYPE, CONTENT_LENGTH, CONTENT_ENCODING] {
                next.headers.remove(name);
            }
        }
        Ok(next)
    }

    /// The request with the headers of the standard; those that the caller set stand before them.
    pub(super) fn request(&self, last_event_id: Option<&str>) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        let headers = request.headers_mut();
        *headers = self.headers.clone();
        for (name, value) in REQUEST_HEADERS {
            headers.entry(name).or_insert(HeaderValue::from_static(value));
        }
        let agent = concat!("tidewire/", env!("CARGO_PKG_VERSION"));
        headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(agent));
        if let Some(id) = last_event_id {
            match HeaderValue::from_bytes(id.as_bytes()) {
                Ok(value) => _ = headers.insert(LAST_EVENT_ID, value),
                Err(_) => {
                    tracing::warn!(id, "the last event ID has control characters, which no header carries")
                }
            }
        }
        request
    }
}

fn uri(url: &Url) -> Result<Uri, InvalidUrl> {
    match url.scheme() {
        "http" | "https" => url.as_str().parse().map_err(|_| InvalidUrl::Uri),
        scheme => Err(InvalidUrl::Scheme(scheme.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Target {
        Target::get(url).unwrap()
    }

    #[test]
    fn the_first_request_is_that_of_the_standard() {
        let request = target("http://example.org/stream?a=b#c").request(None);
        assert_eq!(
            (request.method(), request.uri().to_string()),
            (&Method::GET, "http://example.org/stream?a=b".into())
        );
        assert_eq!(request.headers()["accept"], "text/event-stream");
        assert_eq!(request.headers()["cache-control"], "no-cache");
        assert_eq!(request.headers()["accept-encoding"], "identity");
        assert!(!request.headers().contains_key("last-event-id"));
    }

    #[test]
    fn the_last_event_id_is_sent_as_it_came() {
        let request = target("http://a/").request(Some("…"));
        assert_eq!(request.headers()["last-event-id"].as_bytes(), [0xE2, 0x80, 0xA6]);
        assert!(!target("http://a/").request(Some("a\u{1}")).headers().contains_key("last-event-id"));
    }

    #[test]
    fn what_cannot_be_asked_is_refused() {
        assert!(matches!(Target::get("example.org"), Err(InvalidUrl::Syntax(_))));
        assert!(matches!(Target::get("http://"), Err(InvalidUrl::Syntax(_))));
        assert_eq!(Target::get("ws://a/").unwrap_err(), InvalidUrl::Scheme("ws".into()));
        assert_eq!(Target::get(&format!("http://a/{}", "a".repeat(70_000))).unwrap_err(), InvalidUrl::Uri);
    }

    #[test]
    fn credentials_of_the_address_go_into_a_header() {
        let mut request = target("http://Aladdin:open%20sesame@a/").request(None);
        assert_eq!(request.headers()["authorization"], "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(request.uri().to_string(), "http://a/");
        request = target("http://user@a/").request(None);
        assert_eq!(request.headers()["authorization"], "Basic dXNlcjo=");
    }

    #[test]
    fn secrets_do_not_follow_to_another_origin() {
        let mut first = target("https://u:p@a.example/x/y?q");
        let mut key = HeaderValue::from_static("k");
        key.set_sensitive(true);
        first.headers_mut().insert("x-api-key", key);
        first.headers_mut().insert("cookie", HeaderValue::from_static("c"));
        first.headers_mut().insert("x-plain", HeaderValue::from_static("v"));
        for (location, url, kept) in [
            ("../z", "https://a.example/z", 4),
            ("//a.example:443/z", "https://a.example/z", 4),
            ("http://a.example/z", "http://a.example/z", 1),
            ("//a.example:444/z", "https://a.example:444/z", 1),
            ("https://u:p@b.example/z#f", "https://b.example/z", 1),
        ] {
            let next = first.redirected(307, location).unwrap();
            assert_eq!((next.url().as_str(), next.headers.len()), (url, kept), "{location}");
            assert_eq!(next.headers["x-plain"], "v");
        }
        for nowhere in ["ws://a/", "http://[", "javascript:alert(1)", "file:///etc/passwd"] {
            assert!(first.redirected(307, nowhere).is_err(), "{nowhere}");
        }
    }

    #[test]
    fn a_redirect_may_turn_a_post_into_a_get() {
        let mut post = target("http://a/");
        post.set_method(Method::POST);
        post.set_body(Bytes::from_static(b"{}"));
        post.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let kept = post.redirected(307, "/b").unwrap();
        assert_eq!((&kept.method, &kept.body[..], kept.headers.len()), (&Method::POST, &b"{}"[..], 1));
        let got = post.redirected(303, "/b").unwrap();
        assert_eq!((&got.method, &got.body[..], got.headers.len()), (&Method::GET, &b""[..], 0));
        assert!(!post.is_safe() && got.is_safe());
    }
}
