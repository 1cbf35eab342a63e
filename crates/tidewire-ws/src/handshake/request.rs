//! An accepted request: what the client asked for, and the 101 that answers it (RFC 6455 §4.2).

use super::authority::Target;
use super::fields::InvalidField;
use super::key::AcceptKey;
use super::refusal::Refusal;
use super::response::{Response, write_accept};
use super::rules::{Fields, RequestHead, judge, subprotocols};
use alloc::vec::Vec;

/// A request head that is an opening handshake by every rule; borrowed from the [`HeadReader`](super::HeadReader).
#[derive(Debug)]
pub struct Request<'h> {
    method: &'h str,
    target: &'h str,
    resource: Target<'h>,
    minor_version: u8,
    headers: Vec<httparse::Header<'h>>,
    accept: Option<AcceptKey>,
}

impl Fields for Request<'_> {
    fn values<'f>(&'f self, name: &'static str) -> impl Iterator<Item = &'f [u8]> {
        self.headers
            .iter()
            .filter(move |header| header.name.eq_ignore_ascii_case(name))
            .map(|header| header.value)
    }
}

impl RequestHead for Request<'_> {
    fn method(&self) -> &str {
        self.method
    }

    fn is_http_1_1(&self) -> bool {
        self.minor_version == 1
    }
}

impl<'h> Request<'h> {
    /// Parses and judges a complete head.
    pub(super) fn parse(head: &'h [u8], max_headers: usize) -> Result<Self, Refusal> {
        let mut headers = alloc::vec![httparse::EMPTY_HEADER; max_headers];
        let mut parsed = httparse::Request::new(&mut headers);
        match parsed.parse(head) {
            Ok(httparse::Status::Complete(_)) => {}
            Ok(httparse::Status::Partial) => return Err(Refusal::bad_request("the request is malformed")),
            Err(httparse::Error::TooManyHeaders) => {
                return Err(Refusal::head_too_large("the request has too many header fields"));
            }
            Err(_) => return Err(Refusal::bad_request("the request is malformed")),
        }
        let (method, target) = (parsed.method.unwrap_or_default(), parsed.path.unwrap_or_default());
        let minor_version = parsed.version.unwrap_or_default();
        let used = parsed.headers.len();
        headers.truncate(used);
        let resource = Target { authority: None, origin: target };
        let mut request = Self { method, target, resource, minor_version, headers, accept: None };
        request.accept = Some(judge(&request)?);
        request.resource =
            Target::parse(target).ok_or(Refusal::bad_request("expected a path or an absolute URI"))?;
        //= https://www.rfc-editor.org/rfc/rfc9112#section-3.2.2
        //# When an origin server receives a request with an absolute-form of
        //# request-target, the origin server MUST ignore the received Host header
        //# field (if any) and instead use the host information of the
        //# request-target.
        match request.resource.authority {
            // Two hosts in one request are for nobody's good.
            Some(authority) if !authority.as_bytes().eq_ignore_ascii_case(request.host()) => {
                Err(Refusal::bad_request("expected the same host in the request target and in Host"))
            }
            Some(_) | None => Ok(request),
        }
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

    /// The value of `Host`, of which there is exactly one.
    #[must_use]
    pub fn host(&self) -> &'h [u8] {
        self.header("host").unwrap_or_default()
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

    /// The values of `Sec-WebSocket-Extensions`, as `deflate::Pool::accept` takes them; together they are a well-formed list.
    pub fn extensions(&self) -> impl Iterator<Item = &'h [u8]> {
        self.headers
            .iter()
            .filter(|header| header.name.eq_ignore_ascii_case("sec-websocket-extensions"))
            .map(|header| header.value)
    }

    /// Appends the 101 to `output`. Frames follow it.
    ///
    /// # Errors
    /// The response names a subprotocol that was not offered; nothing is written then.
    pub fn accept(&self, response: &Response, output: &mut Vec<u8>) -> Result<(), InvalidField> {
        response.check_offer(&self.subprotocols())?;
        if let Some(accept) = &self.accept {
            write_accept(accept, response, output);
        }
        Ok(())
    }
}
