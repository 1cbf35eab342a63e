//! An accepted request: what the client asked for, and the 101 that answers it (RFC 6455 §4.2).

use super::refusal::Refusal;
use super::response::{Response, write_accept};
use super::rules::{HttpVersion, RequestLine, judge, subprotocols};
use crate::handshake::authority::Target;
use crate::handshake::fields::{Fields, InvalidField, room_for_headers};
use crate::handshake::key::AcceptKey;
use alloc::vec::Vec;
use core::fmt;

/// What was found out about a request head that is an opening handshake by every rule.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Judged {
    target: Span,
    headers: Vec<(Span, Span)>,
    accept: AcceptKey,
}

/// Where in a head a part of it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    start: usize,
    end: usize,
}

impl Span {
    fn of(part: &[u8], head: &[u8]) -> Self {
        // An empty part need not lie in it.
        let start = if part.is_empty() { 0 } else { part.as_ptr().addr() - head.as_ptr().addr() };
        Self { start, end: start + part.len() }
    }

    fn bytes(self, head: &[u8]) -> &[u8] {
        &head[self.start..self.end]
    }

    /// Of a part that was found to be text.
    fn text(self, head: &[u8]) -> &str {
        core::str::from_utf8(self.bytes(head)).unwrap_or_default()
    }
}

impl Judged {
    /// Parses and judges a complete head.
    pub(super) fn parse(head: &[u8], max_headers: usize) -> Result<Self, Refusal> {
        let malformed = || Refusal::bad_request("the request is malformed");
        let mut headers = room_for_headers(head, max_headers);
        let mut parsed = httparse::Request::new(&mut headers);
        match parsed.parse(head) {
            Ok(httparse::Status::Complete(len)) if len == head.len() => {}
            Err(httparse::Error::TooManyHeaders) => {
                return Err(Refusal::head_too_large("the request has too many header fields"));
            }
            Ok(httparse::Status::Complete(_) | httparse::Status::Partial) | Err(_) => {
                return Err(malformed());
            }
        }
        let (Some(method), Some(target), Some(version)) = (parsed.method, parsed.path, parsed.version) else {
            return Err(malformed());
        };
        let version = if version == 1 { HttpVersion::Http11 } else { HttpVersion::Other };
        let headers = &*parsed.headers;
        let accept = judge(RequestLine { method, target, version }, headers)?;
        let span = |part: &[u8]| Span::of(part, head);
        Ok(Self {
            target: span(target.as_bytes()),
            headers: headers
                .iter()
                .map(|header| (span(header.name.as_bytes()), span(header.value)))
                .collect(),
            accept,
        })
    }
}

/// A request head that is an opening handshake by every rule; borrowed from the [`HeadReader`](super::HeadReader).
#[derive(Clone, Copy)]
pub struct Request<'h> {
    head: &'h [u8],
    judged: &'h Judged,
}

impl Fields for Request<'_> {
    fn values<'f>(&'f self, name: &'static str) -> impl Iterator<Item = &'f [u8]> {
        self.every(name)
    }
}

impl<'h> Request<'h> {
    /// What was judged, and the head that it was judged of.
    pub(super) fn new(head: &'h [u8], judged: &'h Judged) -> Self {
        Self { head, judged }
    }

    /// The request target as it was sent: path and query, mostly.
    #[must_use]
    pub fn target(&self) -> &'h str {
        self.judged.target.text(self.head)
    }

    /// The path of the target.
    #[must_use]
    pub fn path(&self) -> &'h str {
        Target::of(self.target()).path()
    }

    /// The query of the target, without its question mark.
    #[must_use]
    pub fn query(&self) -> Option<&'h str> {
        Target::of(self.target()).query()
    }

    /// The header fields in order, with names as they were sent.
    pub fn headers(&self) -> impl Iterator<Item = (&'h str, &'h [u8])> {
        let Self { head, judged } = *self;
        judged.headers.iter().map(|(name, value)| (name.text(head), value.bytes(head)))
    }

    /// The first value of a header, its name in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'h [u8]> {
        self.every(name).next()
    }

    /// The host with its port, if it was named: that of an absolute target, or else the value of `Host`.
    //= https://www.rfc-editor.org/rfc/rfc9112#section-3.2.2
    //# When an origin server receives a request with an absolute-form of
    //# request-target, the origin server MUST ignore the received Host header
    //# field (if any) and instead use the host information of the
    //# request-target.
    #[must_use]
    pub fn host(&self) -> &'h [u8] {
        match Target::of(self.target()).authority {
            Some(authority) => authority.as_bytes(),
            None => self.header("host").unwrap_or_default(),
        }
    }

    /// The value of `Origin`, which browsers send (§10.2).
    #[must_use]
    pub fn origin(&self) -> Option<&'h [u8]> {
        self.header("origin")
    }

    /// The subprotocols on offer, most wanted first; each is a token and stands once.
    #[must_use]
    pub fn subprotocols(&self) -> Vec<&str> {
        // They were judged with the request.
        subprotocols(self).unwrap_or_default()
    }

    /// The values of `Sec-WebSocket-Extensions`, as `deflate::Pool::accept` takes them; together they are a well-formed
    /// list.
    pub fn extensions(&self) -> impl Iterator<Item = &'h [u8]> {
        self.every("sec-websocket-extensions")
    }

    /// Every value of a header, its name in any case.
    fn every<'n>(&self, name: &'n str) -> impl Iterator<Item = &'h [u8]> + use<'h, 'n> {
        let Self { head, judged } = *self;
        let is_named = |header: &Span| header.bytes(head).eq_ignore_ascii_case(name.as_bytes());
        judged.headers.iter().filter(move |(name, _)| is_named(name)).map(move |(_, value)| value.bytes(head))
    }

    /// Appends the 101 to `output`. Frames follow it.
    ///
    /// # Errors
    /// The response names a subprotocol or an extension that was not offered; nothing is written then.
    //= https://www.rfc-editor.org/rfc/rfc6455#section-4.2.2
    //# When a client establishes a WebSocket connection to a server, the server
    //# MUST complete the following steps to accept the connection and send the
    //# server's opening handshake.
    pub fn accept(&self, response: &Response, output: &mut Vec<u8>) -> Result<(), InvalidField> {
        response.check_offer(&self.subprotocols(), self.extensions())?;
        write_accept(&self.judged.accept, response, output);
        Ok(())
    }
}

/// Without what answers the key, which is the client's.
impl fmt::Debug for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Judged").field("headers", &self.headers.len()).finish_non_exhaustive()
    }
}

/// Without the values of the headers: there are credentials among them.
impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers().map(|(name, _)| name).collect();
        f.debug_struct("Request").field("path", &self.path()).field("headers", &names).finish_non_exhaustive()
    }
}
