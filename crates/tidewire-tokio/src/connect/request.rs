//! What a client asks for: an address, headers, subprotocols, and who it is (RFC 6455 §4.1).

use tidewire_ws::handshake::{InvalidField, client};

use super::address::{Address, InvalidUrl};
use crate::credentials::{self, Secrecy};

/// What a request calls us where the caller says nothing else.
const USER_AGENT: &str = concat!("tidewire/", env!("CARGO_PKG_VERSION"));

/// Why a request cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidRequest {
    /// Its address.
    Url(InvalidUrl),
    /// A header with this name: the name is no token, the value has a byte that no header has, or the header is the
    /// handshake's own.
    Header(String),
    /// A subprotocol: it is no token, stands there twice, or is one more than
    /// [`MAX_SUBPROTOCOLS`](tidewire_ws::handshake::MAX_SUBPROTOCOLS).
    Subprotocol(String),
}

impl std::fmt::Display for InvalidRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Url(error) => error.fmt(f),
            Self::Header(name) => {
                write!(f, "expected a header that HTTP can carry, got {name:?} with its value")
            }
            Self::Subprotocol(name) => {
                write!(f, "expected tokens as subprotocols, each once and not too many, got {name:?}")
            }
        }
    }
}

impl std::error::Error for InvalidRequest {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Url(error) => Some(error),
            Self::Header(_) | Self::Subprotocol(_) => None,
        }
    }
}

impl From<InvalidUrl> for InvalidRequest {
    fn from(error: InvalidUrl) -> Self {
        Self::Url(error)
    }
}

/// A request in the making; what is wrong with it [`check`](Self::check) says, and whoever connects.
///
/// ```
/// use tidewire_tokio::connect::Request;
///
/// let request = Request::new("ws://example.org/chat")
///     .subprotocol("chat.v2")
///     .header("Origin", "https://example.org")
///     .bearer_auth("eyJhbGciOi…".trim_end_matches('…'))
///     .query("cursor", "AQIDBA");
/// assert!(request.check().is_ok());
/// assert!(Request::new("ftp://example.org/").check().is_err());
/// ```
#[derive(Clone)]
#[must_use]
pub struct Request {
    url: String,
    query: Vec<(String, String)>,
    headers: Vec<Header>,
    subprotocols: Vec<String>,
}

#[derive(Clone)]
struct Header {
    name: String,
    value: String,
    secrecy: Secrecy,
}

impl Request {
    /// A request for this address, `ws` or `wss`. A user name and a password in it become an `Authorization`.
    pub fn new(url: &str) -> Self {
        Self { url: url.to_owned(), query: Vec::new(), headers: Vec::new(), subprotocols: Vec::new() }
    }

    /// Asks for another address; all else stays. Credentials are taken from the new one alone.
    pub fn url(mut self, url: &str) -> Self {
        self.url = url.to_owned();
        self.query.clear();
        self
    }

    /// Sets a parameter of the query, in place of those with its name: where to resume, say. It is encoded as forms are.
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a header. It goes with every request, also with those that a redirect leads to; `Authorization` and `Cookie`
    /// only as long as the origin is the same.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push(Header { name: name.to_owned(), value: value.to_owned(), secrecy: Secrecy::Plain });
        self
    }

    /// Adds a header that proves who we are: it stays with the origin, and out of debug output.
    pub fn secret_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push(Header {
            name: name.to_owned(),
            value: value.to_owned(),
            secrecy: Secrecy::Secret,
        });
        self
    }

    /// Proves who we are with a token (RFC 6750), in place of what was to prove it before.
    pub fn bearer_auth(self, token: &str) -> Self {
        self.authorization(&format!("Bearer {token}"))
    }

    /// Proves who we are with a user name and a password (RFC 7617), in place of what was to prove it before.
    pub fn basic_auth(self, user: &str, password: &str) -> Self {
        self.authorization(&credentials::basic(user.as_bytes(), password.as_bytes()))
    }

    fn authorization(mut self, value: &str) -> Self {
        self.headers.retain(|header| !header.name.eq_ignore_ascii_case("authorization"));
        self.secret_header("Authorization", value)
    }

    /// Offers a subprotocol, the most wanted first. It goes to other origins, too: it is no place for a secret.
    pub fn subprotocol(mut self, name: &str) -> Self {
        self.subprotocols.push(name.to_owned());
        self
    }

    /// Whether it can be made.
    ///
    /// # Errors
    /// [`InvalidRequest`].
    pub fn check(&self) -> Result<(), InvalidRequest> {
        self.prepare().map(|_| ())
    }

    /// What is asked, and where.
    pub(super) fn prepare(&self) -> Result<Prepared, InvalidRequest> {
        let (mut address, authorization) = Address::parse(&self.url)?;
        for (name, value) in &self.query {
            address.set_query(name, value);
        }
        let mut headers = self.headers.clone();
        let is_said = |name: &str| self.headers.iter().any(|header| header.name.eq_ignore_ascii_case(name));
        if let (Some(value), false) = (authorization, is_said("authorization")) {
            // Said of the request alone, it counts for more than what the address says.
            headers.push(Header { name: "Authorization".into(), value, secrecy: Secrecy::Secret });
        }
        if !is_said("user-agent") {
            let (name, value) = ("User-Agent".into(), USER_AGENT.into());
            headers.push(Header { name, value, secrecy: Secrecy::Plain });
        }
        let prepared = Prepared { address, headers, subprotocols: self.subprotocols.clone() };
        prepared.handshake([0; 16])?;
        Ok(prepared)
    }
}

impl From<&str> for Request {
    fn from(url: &str) -> Self {
        Self::new(url)
    }
}

impl From<&String> for Request {
    fn from(url: &String) -> Self {
        Self::new(url)
    }
}

impl From<String> for Request {
    fn from(url: String) -> Self {
        Self::new(&url)
    }
}

impl std::fmt::Debug for Request {
    /// Shows no value of a header or the query, and no credentials.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|header| &*header.name).collect();
        let query: Vec<&str> = self.query.iter().map(|(name, _)| &**name).collect();
        f.debug_struct("Request")
            .field("url", &Address::parse(&self.url).map(|(address, _)| address))
            .field("query", &query)
            .field("headers", &names)
            .field("subprotocols", &self.subprotocols)
            .finish()
    }
}

/// A request that can be made: the caller's own, or what a redirect made of it.
#[derive(Clone)]
pub(super) struct Prepared {
    address: Address,
    headers: Vec<Header>,
    subprotocols: Vec<String>,
}

impl Prepared {
    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// The opening handshake that says it.
    pub(super) fn handshake(&self, nonce: [u8; 16]) -> Result<client::Request, InvalidRequest> {
        let mut request =
            client::Request::new(self.address.authority(), self.address.target(), nonce).map_err(uri)?;
        for name in &self.subprotocols {
            request = request.subprotocol(name).map_err(|_| InvalidRequest::Subprotocol(name.clone()))?;
        }
        for header in &self.headers {
            request = request
                .header(&header.name, &header.value)
                .map_err(|_| InvalidRequest::Header(header.name.clone()))?;
        }
        Ok(request)
    }

    /// The same at another address. What proves who we are to one server is no other's business.
    pub(super) fn redirected(mut self, address: Address) -> Self {
        if !address.is_same_origin(&self.address) {
            self.headers.retain(|header| Secrecy::of(&header.name, header.secrecy) == Secrecy::Plain);
        }
        Self { address, ..self }
    }
}

fn uri(_: InvalidField) -> InvalidRequest {
    InvalidRequest::Url(InvalidUrl::Uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(prepared: &Prepared) -> String {
        let mut output = Vec::new();
        prepared.handshake(*b"the sample nonce").unwrap().encode(&mut output);
        String::from_utf8(output).unwrap()
    }

    #[test]
    fn a_request_says_what_it_was_told_to() {
        let request = Request::new("ws://u:p@example.org/a?b=1")
            .query("cursor", "x")
            .query("cursor", "y")
            .subprotocol("chat")
            .header("Origin", "http://a")
            .header("X-Tag", "1");
        let text = sent(&request.prepare().unwrap());
        assert!(text.starts_with("GET /a?b=1&cursor=y HTTP/1.1\r\nHost: example.org\r\n"), "{text}");
        for line in [
            "Sec-WebSocket-Protocol: chat\r\n",
            "Origin: http://a\r\n",
            "X-Tag: 1\r\n",
            "Authorization: Basic dTpw\r\n",
            &format!("User-Agent: {USER_AGENT}\r\n"),
        ] {
            assert!(text.contains(line), "{line} is missing in {text}");
        }
        let text = sent(&request.url("ws://b/").header("user-agent", "me").prepare().unwrap());
        assert!(text.starts_with("GET / HTTP/1.1\r\nHost: b\r\n") && text.contains("user-agent: me\r\n"));
        assert!(!text.contains("Authorization") && !text.contains(USER_AGENT));
    }

    #[test]
    fn the_last_proof_of_who_we_are_is_the_one_that_counts() {
        let request = Request::new("ws://u:p@a/").bearer_auth("old").bearer_auth("new");
        let text = sent(&request.clone().prepare().unwrap());
        assert_eq!(text.matches("Authorization").count(), 1);
        assert!(text.contains("Authorization: Bearer new\r\n"));
        let text = sent(&request.basic_auth("Aladdin", "open sesame").prepare().unwrap());
        assert!(text.contains("Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"));
    }

    #[test]
    fn what_cannot_be_asked_is_refused() {
        let request = || Request::new("ws://a/");
        let header = |name: &str| Some(InvalidRequest::Header(name.into()));
        assert_eq!(request().header("X", "a\r\nY: b").check().err(), header("X"));
        assert_eq!(request().header("a b", "").check().err(), header("a b"));
        assert_eq!(request().header("Host", "b").check().err(), header("Host"));
        assert_eq!(request().bearer_auth("a\nb").check().err(), header("Authorization"));
        let subprotocol = |name: &str| Some(InvalidRequest::Subprotocol(name.into()));
        assert_eq!(request().subprotocol("a b").check().err(), subprotocol("a b"));
        assert_eq!(request().subprotocol("a").subprotocol("a").check().err(), subprotocol("a"));
        assert!(matches!(Request::new("a").check(), Err(InvalidRequest::Url(InvalidUrl::Syntax(_)))));
    }

    #[test]
    fn secrets_do_not_follow_to_another_origin() {
        let request = Request::new("ws://u:p@a/")
            .header("cookie", "c")
            .header("Proxy-Authorization", "d")
            .secret_header("X-Api-Key", "k")
            .header("X-Plain", "v");
        let prepared = request.prepare().unwrap();
        for (location, kept) in [("/b", 5), ("http://a:80/c", 5), ("http://a:81/", 1), ("//b/", 1)] {
            let address = prepared.address().redirected(location).unwrap();
            let text = sent(&prepared.clone().redirected(address));
            let found = ["Basic", "cookie", "Proxy-", "X-Api-Key", "X-Plain: v"];
            let found = found.iter().filter(|part| text.contains(**part)).count();
            assert_eq!(found, kept, "{location}");
        }
    }

    #[test]
    fn debug_keeps_secrets_to_itself() {
        let request = Request::new("ws://u:hidden@a/?t=hidden").query("q", "hidden").bearer_auth("hidden");
        let shown = format!("{request:?}");
        assert!(!shown.contains("hidden") && shown.contains("ws://a/?…"), "{shown}");
    }
}
