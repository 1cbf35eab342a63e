//! What makes a response an opened WebSocket (RFC 6455 §4.1), whoever parsed it.

use super::answer::Opened;
#[cfg(feature = "deflate")]
use crate::deflate::{Agreement, InvalidAgreement, Offer};
use crate::handshake::fields::Fields;
use crate::handshake::key::AcceptKey;
use crate::handshake::tokens::has_token;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// What a request waits for.
#[derive(Debug)]
pub(super) struct Expected {
    pub(super) accept: AcceptKey,
    pub(super) subprotocols: Vec<String>,
    #[cfg(feature = "deflate")]
    pub(super) offer: Option<Offer>,
}

/// A response that is none: the connection has failed, and is to be closed without another byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidResponse {
    /// It is not a response of HTTP/1.1.
    Malformed,
    /// Its head, with those of interim responses, is longer than
    /// [`max_head_len`](crate::handshake::Config::max_head_len).
    HeadTooLong,
    /// It has more fields than [`max_headers`](crate::handshake::Config::max_headers).
    TooManyHeaders,
    /// The stream ended before its head did.
    Truncated,
    /// A 101 that does not upgrade to `websocket`.
    Upgrade,
    /// A 101 without `Connection: Upgrade`.
    Connection,
    /// A 101 with another `Sec-WebSocket-Accept` than the key calls for, with none or with two.
    Accept,
    /// A subprotocol that was not offered, or more than one.
    Subprotocol,
    /// An extension that was not offered.
    Extension,
    /// permessage-deflate in a way that does not answer the offer.
    #[cfg(feature = "deflate")]
    Deflate(InvalidAgreement),
}

impl fmt::Display for InvalidResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "expected a response of HTTP/1.1, got something else",
            Self::HeadTooLong => "expected a response head within its limit, got a longer one",
            Self::TooManyHeaders => "expected a number of header fields within its limit, got more",
            Self::Truncated => "expected a response, got the end of the stream",
            Self::Upgrade => "expected Upgrade: websocket in the 101, got another value or none",
            Self::Connection => "expected Connection: Upgrade in the 101, got another value or none",
            Self::Accept => "expected the one Sec-WebSocket-Accept that answers the key, got something else",
            Self::Subprotocol => "expected one of the offered subprotocols or none, got another",
            Self::Extension => "expected none of the extensions that were not offered, got one",
            #[cfg(feature = "deflate")]
            Self::Deflate(error) => return error.fmt(f),
        })
    }
}

impl core::error::Error for InvalidResponse {}

impl Expected {
    /// Judges a 101.
    //= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
    //# If the server's response does not conform to the requirements for the
    //# server's handshake as defined in this section and in Section 4.2.2,
    //# the client MUST _Fail the WebSocket Connection_.
    //= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
    //# The client MUST validate the server's response as follows:
    pub(super) fn judge(self, response: &(impl Fields + ?Sized)) -> Result<Opened, InvalidResponse> {
        //= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
        //# If the response lacks an |Upgrade| header field or the |Upgrade|
        //# header field contains a value that is not an ASCII case-
        //# insensitive match for the value "websocket", the client MUST
        //# _Fail the WebSocket Connection_.
        match response.only("upgrade") {
            Some(protocol) if protocol.eq_ignore_ascii_case(b"websocket") => {}
            Some(_) | None => return Err(InvalidResponse::Upgrade),
        }
        //= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
        //# If the response lacks a |Connection| header field or the
        //# |Connection| header field doesn't contain a token that is an
        //# ASCII case-insensitive match for the value "Upgrade", the client
        //# MUST _Fail the WebSocket Connection_.
        if !response.values("connection").any(|value| has_token(value, "upgrade")) {
            return Err(InvalidResponse::Connection);
        }
        //= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
        //# If the response lacks a |Sec-WebSocket-Accept| header field or
        //# the |Sec-WebSocket-Accept| contains a value other than the
        //# base64-encoded SHA-1 of the concatenation of the |Sec-WebSocket-
        //# Key| (as a string, not base64-decoded) with the string "258EAFA5-
        //# E914-47DA-95CA-C5AB0DC85B11" but ignoring any leading and
        //# trailing whitespace, the client MUST _Fail the WebSocket
        //# Connection_.
        if response.only("sec-websocket-accept") != Some(self.accept.as_str().as_bytes()) {
            return Err(InvalidResponse::Accept);
        }
        let subprotocol = self.subprotocol(response)?;
        #[cfg(feature = "deflate")]
        let agreement = self.agreement(response)?;
        #[cfg(not(feature = "deflate"))]
        no_extension(response)?;
        Ok(Opened {
            subprotocol,
            #[cfg(feature = "deflate")]
            agreement,
            headers: Vec::new(),
        })
    }

    //= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
    //# If the response includes a |Sec-WebSocket-Protocol| header field
    //# and this header field indicates the use of a subprotocol that was
    //# not present in the client's handshake (the server has indicated a
    //# subprotocol not requested by the client), the client MUST _Fail
    //# the WebSocket Connection_.
    fn subprotocol(&self, response: &(impl Fields + ?Sized)) -> Result<Option<String>, InvalidResponse> {
        if response.values("sec-websocket-protocol").next().is_none() {
            return Ok(None);
        }
        let chosen = response.only("sec-websocket-protocol").ok_or(InvalidResponse::Subprotocol)?;
        match self.subprotocols.iter().find(|offered| offered.as_bytes() == chosen) {
            Some(name) => Ok(Some(name.clone())),
            None => Err(InvalidResponse::Subprotocol),
        }
    }

    #[cfg(feature = "deflate")]
    fn agreement(self, response: &(impl Fields + ?Sized)) -> Result<Option<Agreement>, InvalidResponse> {
        match self.offer {
            Some(offer) => {
                offer.agree(response.values("sec-websocket-extensions")).map_err(InvalidResponse::Deflate)
            }
            None => no_extension(response).map(|()| None),
        }
    }
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
//# If the response includes a |Sec-WebSocket-Extensions| header
//# field and this header field indicates the use of an extension
//# that was not present in the client's handshake (the server has
//# indicated an extension not requested by the client), the client
//# MUST _Fail the WebSocket Connection_.
fn no_extension(response: &(impl Fields + ?Sized)) -> Result<(), InvalidResponse> {
    match response.values("sec-websocket-extensions").next() {
        None => Ok(()),
        Some(_) => Err(InvalidResponse::Extension),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_small() {
        assert!(size_of::<InvalidResponse>() <= 4);
    }
}
