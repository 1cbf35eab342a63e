//! The address of a WebSocket: where it leads, and what is asked for there (RFC 6455 §3).

use url::{Host, Position, Url, form_urlencoded};

use crate::credentials;

/// Why an address is none of a WebSocket.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidUrl {
    /// It is no URL.
    Syntax(url::ParseError),
    /// Its scheme is neither `ws` nor `wss`.
    Scheme(String),
    /// It has a fragment.
    Fragment,
    /// Its host or its target has characters that HTTP does not know.
    Uri,
    /// Its scheme is `wss`, and this program, built without feature `tls`, has no TLS of its own to reach it.
    NoTls,
}

impl std::fmt::Display for InvalidUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Syntax(error) => write!(f, "expected a URL: {error}"),
            Self::Scheme(scheme) => write!(f, "expected a URL with ws or wss, got {scheme:?}"),
            Self::Fragment => f.write_str("expected a URL without a fragment, got one with it"),
            Self::Uri => f.write_str("expected a URL that HTTP can carry"),
            Self::NoTls => f.write_str("expected a URL with ws, for feature tls is not there, got wss"),
        }
    }
}

impl std::error::Error for InvalidUrl {}

/// Whether what travels can be read on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Security {
    Plain,
    Tls,
}

/// Where a request goes, without credentials and fragment.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Address {
    url: Url,
    security: Security,
}

impl Address {
    /// Parses an address; with it the `Authorization` of the credentials in it.
    pub(super) fn parse(text: &str) -> Result<(Self, Option<String>), InvalidUrl> {
        let mut url = Url::parse(text).map_err(InvalidUrl::Syntax)?;
        // It means nothing here, and must not be used (§3).
        if url.fragment().is_some() {
            return Err(InvalidUrl::Fragment);
        }
        let authorization = credentials::take(&mut url);
        Ok((Self::new(url)?, authorization))
    }

    fn new(url: Url) -> Result<Self, InvalidUrl> {
        let security = match url.scheme() {
            "ws" => Security::Plain,
            "wss" => Security::Tls,
            scheme => return Err(InvalidUrl::Scheme(scheme.to_owned())),
        };
        Ok(Self { url, security })
    }

    /// Where a redirect leads, relative to this. The schemes of HTTP stand for those of WebSockets.
    pub(super) fn redirected(&self, location: &str) -> Result<Self, InvalidUrl> {
        let mut url = self.url.join(location).map_err(InvalidUrl::Syntax)?;
        let _ = credentials::take(&mut url);
        url.set_fragment(None);
        // All four are of the same kind, so that each may take another's place.
        match url.scheme() {
            "http" => _ = url.set_scheme("ws"),
            "https" => _ = url.set_scheme("wss"),
            _ => {}
        }
        Self::new(url)
    }

    /// Sets a parameter of the query in place of those with its name; the others stay as they are.
    pub(super) fn set_query(&mut self, name: &str, value: &str) {
        let is_other = |pair: &&str| {
            !pair.is_empty() && form_urlencoded::parse(pair.as_bytes()).all(|(known, _)| known != name)
        };
        let others: Vec<&str> = self.url.query().unwrap_or_default().split('&').filter(is_other).collect();
        let mut query = others.join("&");
        if !query.is_empty() {
            query.push('&');
        }
        let start = query.len();
        let query = form_urlencoded::Serializer::for_suffix(query, start).append_pair(name, value).finish();
        self.url.set_query(Some(&query));
    }

    pub(super) fn security(&self) -> Security {
        self.security
    }

    pub(super) fn host(&self) -> Host<&str> {
        // A URL with one of these schemes has a host.
        self.url.host().unwrap_or(Host::Domain(""))
    }

    pub(super) fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or(match self.security {
            Security::Plain => 80,
            Security::Tls => 443,
        })
    }

    /// Host and port, the port left out where it is the scheme's own.
    pub(super) fn authority(&self) -> &str {
        &self.url[Position::BeforeHost..Position::AfterPort]
    }

    /// Host and port.
    pub(super) fn host_and_port(&self) -> String {
        format!("{}:{}", self.host(), self.port())
    }

    /// Path and query.
    pub(super) fn target(&self) -> &str {
        &self.url[Position::BeforePath..Position::AfterQuery]
    }

    pub(super) fn is_same_origin(&self, other: &Self) -> bool {
        self.url.origin() == other.url.origin()
    }
}

impl std::fmt::Debug for Address {
    /// Without the query, where secrets stand when headers cannot be set.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let query = if self.url.query().is_some() { "?…" } else { "" };
        write!(f, "{}{query}", &self.url[..Position::AfterPath])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(url: &str) -> Address {
        Address::parse(url).unwrap().0
    }

    #[test]
    fn an_address_says_where_it_leads() {
        for (url, authority, dialled, target) in [
            ("ws://example.org", "example.org", "example.org:80", "/"),
            ("WS://Example.ORG:80/a?b", "example.org", "example.org:80", "/a?b"),
            ("wss://example.org:443/", "example.org", "example.org:443", "/"),
            ("wss://example.org:80/", "example.org:80", "example.org:80", "/"),
            ("ws://[::1]:9001/a b", "[::1]:9001", "[::1]:9001", "/a%20b"),
            (
                "ws://bücher.example/ü?ü",
                "xn--bcher-kva.example",
                "xn--bcher-kva.example:80",
                "/%C3%BC?%C3%BC",
            ),
            ("ws://127.1/", "127.0.0.1", "127.0.0.1:80", "/"),
        ] {
            let address = address(url);
            assert_eq!((address.authority(), address.host_and_port()), (authority, dialled.to_owned()));
            assert_eq!(address.target(), target, "{url}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for (url, expected) in [
            ("ws://a/#", InvalidUrl::Fragment),
            ("ws://a/#b", InvalidUrl::Fragment),
            ("http://a/", InvalidUrl::Scheme("http".into())),
            ("file:///a", InvalidUrl::Scheme("file".into())),
        ] {
            assert_eq!(Address::parse(url).unwrap_err(), expected, "{url}");
        }
        for url in ["", "a", "ws://", "ws:///", "ws://a b/", "ws://a:99999/"] {
            assert!(Address::parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_redirect_is_relative_and_its_scheme_may_be_that_of_http() {
        let from = address("wss://a.example/x/y?q");
        for (location, url) in [
            ("../z?r#f", "wss://a.example/z?…"),
            ("//b.example:444/", "wss://b.example:444/"),
            ("https://u:p@b.example/", "wss://b.example/"),
            ("http://b.example/", "ws://b.example/"),
            ("ws://b.example/", "ws://b.example/"),
        ] {
            assert_eq!(format!("{:?}", from.redirected(location).unwrap()), url, "{location}");
        }
        for nowhere in ["ftp://a/", "http://[", "javascript:alert(1)", "file:///etc/passwd"] {
            assert!(from.redirected(nowhere).is_err(), "{nowhere}");
        }
        assert!(from.is_same_origin(&address("wss://a.example:443/other")));
        for other in ["ws://a.example/", "wss://a.example:444/", "wss://b.example/"] {
            assert!(!from.is_same_origin(&address(other)), "{other}");
        }
    }

    #[test]
    fn a_parameter_takes_the_place_of_those_with_its_name() {
        for (url, expected) in [
            ("ws://a/", "/?cursor=1+%26"),
            ("ws://a/?", "/?cursor=1+%26"),
            ("ws://a/?cursor=0", "/?cursor=1+%26"),
            ("ws://a/?b=%7e&cursor=0&c&%63ursor=2", "/?b=%7e&c&cursor=1+%26"),
        ] {
            let mut address = address(url);
            address.set_query("cursor", "1 &");
            assert_eq!(address.target(), expected, "{url}");
        }
    }

    #[test]
    fn a_query_is_not_shown() {
        assert_eq!(format!("{:?}", address("ws://u:p@a/b?token=secret")), "ws://a/b?…");
    }
}
