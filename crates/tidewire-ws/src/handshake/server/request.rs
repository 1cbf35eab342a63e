//! An accepted request: what the client asked for, and the 101 that answers it (RFC 6455 §4.2).

use super::refusal::Refusal;
use super::response::{Response, write_accept};
use super::rules::{HttpVersion, RequestLine, judge, subprotocols};
use crate::handshake::authority::Target;
use crate::handshake::fields::{InvalidField, room_for_headers};
use crate::handshake::key::AcceptKey;
use alloc::vec::Vec;
use core::fmt;

/// A request head that is an opening handshake by every rule; borrowed from the [`HeadReader`](super::HeadReader).
pub struct Request<'h> {
    target: &'h str,
    resource: Target<'h>,
    headers: Vec<httparse::Header<'h>>,
    accept: AcceptKey,
}

impl<'h> Request<'h> {
    /// Parses and judges a complete head.
    pub(super) fn parse(head: &'h [u8], max_headers: usize) -> Result<Self, Refusal> {
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
        let used = parsed.headers.len();
        headers.truncate(used);
        let (resource, accept) = judge(RequestLine { method, target, version }, &*headers)?;
        Ok(Self { target, resource, headers, accept })
    }

    /// The request target as it was sent: path and query, mostly.
    #[must_use]
    pub fn target(&self) -> &'h str {
        self.target
    }

    /// The path of the target.
    #[must_use]
    pub fn path(&self) -> &'h str {
        self.resource.path()
    }

    /// The query of the target, without its question mark.
    #[must_use]
    pub fn query(&self) -> Option<&'h str> {
        self.resource.query()
    }

    /// The header fields in order, with names as they were sent.
    pub fn headers(&self) -> impl Iterator<Item = (&'h str, &'h [u8])> {
        self.headers.iter().map(|header| (header.name, header.value))
    }

    /// The first value of a header, its name in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'h [u8]> {
        self.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
    }

    /// The host with its port, if it was named: that of an absolute target, or else the value of `Host`.
    //= https://www.rfc-editor.org/rfc/rfc9112#section-3.2.2
    //# When an origin server receives a request with an absolute-form of
    //# request-target, the origin server MUST ignore the received Host header
    //# field (if any) and instead use the host information of the
    //# request-target.
    #[must_use]
    pub fn host(&self) -> &'h [u8] {
        match self.resource.authority {
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
        subprotocols(&*self.headers).unwrap_or_default()
    }

    /// The values of `Sec-WebSocket-Extensions`, as `deflate::Pool::accept` takes them; together they are a well-formed
    /// list.
    pub fn extensions(&self) -> impl Iterator<Item = &'h [u8]> {
        self.headers
            .iter()
            .filter(|header| header.name.eq_ignore_ascii_case("sec-websocket-extensions"))
            .map(|header| header.value)
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
        write_accept(&self.accept, response, output);
        Ok(())
    }
}

/// Without the values of the headers: there are credentials among them.
impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|header| header.name).collect();
        f.debug_struct("Request").field("path", &self.path()).field("headers", &names).finish_non_exhaustive()
    }
}
