//! What makes a request an opening handshake (RFC 6455 §4.2.1), whoever parsed it, and the status where it is none.

use super::refusal::Refusal;
use crate::handshake::authority::{Target, is_authority};
use crate::handshake::extensions::{self, MalformedExtensions};
use crate::handshake::fields::Fields;
use crate::handshake::key::AcceptKey;
use crate::handshake::tokens::{as_token, elements, has_token, trim};
use alloc::vec::Vec;

/// The most subprotocols that a client may offer; one more is a 431. They are compared with each other, so that their
/// number decides what a request costs.
pub const MAX_SUBPROTOCOLS: usize = 32;

/// The version of HTTP, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HttpVersion {
    /// HTTP/1.1.
    Http11,
    /// An older one, which has no upgrades, or a later one, which has others.
    Other,
}

/// The first line of a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct RequestLine<'r> {
    pub(super) method: &'r str,
    pub(super) target: &'r str,
    pub(super) version: HttpVersion,
}

/// Judges a request, and answers its key.
//= https://www.rfc-editor.org/rfc/rfc6455#section-4.2.1
//# If
//# the server, while reading the handshake, finds that the client did
//# not send a handshake that matches the description below (note that as
//# per [RFC2616], the order of the header fields is not important),
//# including but not limited to any violations of the ABNF grammar
//# specified for the components of the handshake, the server MUST stop
//# processing the client's handshake and return an HTTP response with an
//# appropriate error code (such as 400 Bad Request).
//= https://www.rfc-editor.org/rfc/rfc6455#section-10.7
//# If the invalid data is sent during the WebSocket handshake, the server
//# SHOULD return an appropriate HTTP [RFC2616] status code.
pub(super) fn judge(line: RequestLine<'_>, fields: &(impl Fields + ?Sized)) -> Result<AcceptKey, Refusal> {
    //= https://www.rfc-editor.org/rfc/rfc6455#section-4.2.1
    //# An HTTP/1.1 or higher GET request, including a "Request-URI"
    if line.method != "GET" {
        return Err(Refusal::method_not_allowed(line.method));
    }
    match line.version {
        HttpVersion::Http11 => {}
        HttpVersion::Other => return Err(Refusal::bad_request("expected HTTP/1.1")),
    }
    Target::parse(line.target).ok_or(Refusal::bad_request("expected a path or an absolute URI"))?;
    host(fields)?;
    upgrade(fields)?;
    no_body(fields)?;
    if !is_version_13(fields) {
        return Err(Refusal::upgrade_required("expected exactly one Sec-WebSocket-Version, 13"));
    }
    let answer = key(fields)?;
    offers(fields)?;
    Ok(answer)
}

/// Judges what does not depend on the version of HTTP: the origin, the subprotocols, the extensions.
pub(super) fn offers(fields: &(impl Fields + ?Sized)) -> Result<(), Refusal> {
    origin(fields)?;
    subprotocols(fields)?;
    match extensions::parse(fields.values("sec-websocket-extensions")) {
        Ok(_) => Ok(()),
        Err(MalformedExtensions::TooMany) => {
            Err(Refusal::head_too_large("the request offers too many extensions"))
        }
        Err(
            MalformedExtensions::NotToken
            | MalformedExtensions::Separator
            | MalformedExtensions::OpenQuote
            | MalformedExtensions::Empty,
        ) => Err(Refusal::bad_request("Sec-WebSocket-Extensions is not a list of extensions")),
    }
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-4.2.1
//# A |Host| header field containing the server's authority.
//= https://www.rfc-editor.org/rfc/rfc9112#section-3.2
//# A server MUST respond with a 400 (Bad Request) status code to any
//# HTTP/1.1 request message that lacks a Host header field and to any
//# request message that contains more than one Host header field line or
//# a Host header field with an invalid field value.
fn host(fields: &(impl Fields + ?Sized)) -> Result<(), Refusal> {
    match fields.only("host") {
        Some(host) if is_authority(host) => Ok(()),
        Some(_) | None => {
            Err(Refusal::bad_request("expected exactly one Host header, a host with an optional port"))
        }
    }
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-4.2.1
//# An |Upgrade| header field containing the value "websocket",
//# treated as an ASCII case-insensitive value.
//= https://www.rfc-editor.org/rfc/rfc6455#section-4.2.1
//# A |Connection| header field that includes the token "Upgrade",
//# treated as an ASCII case-insensitive value.
fn upgrade(fields: &(impl Fields + ?Sized)) -> Result<(), Refusal> {
    if !fields.values("upgrade").any(|value| has_token(value, "websocket")) {
        return Err(Refusal::upgrade_required("expected the header Upgrade: websocket"));
    }
    if !fields.values("connection").any(|value| has_token(value, "upgrade")) {
        return Err(Refusal::upgrade_required("expected the header Connection: Upgrade"));
    }
    Ok(())
}

/// A body could be taken for frames, or frames for a body (RFC 9931).
pub(super) fn no_body(fields: &(impl Fields + ?Sized)) -> Result<(), Refusal> {
    if fields.values("transfer-encoding").next().is_some() {
        return Err(Refusal::bad_request("an opening handshake has no Transfer-Encoding"));
    }
    let mut lengths = fields.values("content-length");
    let is_body = lengths.next().is_some_and(|value| trim(value) != b"0");
    if is_body || lengths.next().is_some() {
        return Err(Refusal::bad_request(
            "an opening handshake has no body: expected Content-Length 0 or none",
        ));
    }
    Ok(())
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-4.2.1
//# A |Sec-WebSocket-Version| header field, with a value of 13.
//= https://www.rfc-editor.org/rfc/rfc6455#section-4.2.2
//# If this
//# version does not match a version understood by the server, the
//# server MUST abort the WebSocket handshake described in this
//# section and instead send an appropriate HTTP error code (such
//# as 426 Upgrade Required) and a |Sec-WebSocket-Version| header
//# field indicating the version(s) the server is capable of
//# understanding.
//= https://www.rfc-editor.org/rfc/rfc6455#section-4.4
//# If the server
//# doesn't support the requested version, it MUST respond with a
//# |Sec-WebSocket-Version| header field (or multiple
//# |Sec-WebSocket-Version| header fields) containing all versions it is
//# willing to use.
pub(super) fn is_version_13(fields: &(impl Fields + ?Sized)) -> bool {
    fields.only("sec-websocket-version") == Some(b"13")
}

/// An origin check that looks at one of two would be no check (§10.2).
fn origin(fields: &(impl Fields + ?Sized)) -> Result<(), Refusal> {
    match fields.values("origin").nth(1) {
        None => Ok(()),
        Some(_) => Err(Refusal::bad_request("expected one Origin header at most")),
    }
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-4.2.1
//# A |Sec-WebSocket-Key| header field with a base64-encoded (see
//# Section 4 of [RFC4648]) value that, when decoded, is 16 bytes in
//# length.
fn key(fields: &(impl Fields + ?Sized)) -> Result<AcceptKey, Refusal> {
    fields
        .only("sec-websocket-key")
        .and_then(AcceptKey::answer)
        .ok_or(Refusal::bad_request("expected exactly one Sec-WebSocket-Key of 16 bytes in base64"))
}

/// The subprotocols on offer, in the client's order of preference. A header that lists none is none of the grammar's.
//= https://www.rfc-editor.org/rfc/rfc6455#section-4.3
//# Sec-WebSocket-Protocol-Client = 1#token
//= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
//# The elements that comprise this value
//# MUST be non-empty strings with characters in the range U+0021 to
//# U+007E not including separator characters as defined in
//# [RFC2616] and MUST all be unique strings.
pub(super) fn subprotocols(fields: &(impl Fields + ?Sized)) -> Result<Vec<&str>, Refusal> {
    let mut offered = Vec::new();
    if fields.values("sec-websocket-protocol").any(|value| elements(value).next().is_none()) {
        return Err(Refusal::bad_request("expected at least one subprotocol in Sec-WebSocket-Protocol"));
    }
    for element in fields.values("sec-websocket-protocol").flat_map(elements) {
        match as_token(element) {
            Some(_) if offered.len() == MAX_SUBPROTOCOLS => {
                return Err(Refusal::head_too_large("the request offers too many subprotocols"));
            }
            Some(name) if !offered.contains(&name) => offered.push(name),
            Some(_) => {
                return Err(Refusal::bad_request("Sec-WebSocket-Protocol names one subprotocol twice"));
            }
            None => {
                return Err(Refusal::bad_request("Sec-WebSocket-Protocol has an element that is no token"));
            }
        }
    }
    Ok(offered)
}
