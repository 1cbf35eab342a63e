//! What makes a request an opening handshake (RFC 6455 §4.2.1), whoever parsed it.

use super::authority::is_authority;
use super::extensions::{self, MalformedExtensions};
use super::key::AcceptKey;
use super::refusal::Refusal;
use super::tokens::{as_token, elements, has_token, trim};
use alloc::vec::Vec;

/// The most subprotocols that a client may offer; one more is a 431. They are compared with each other, so that their
/// number decides what a request costs.
pub const MAX_SUBPROTOCOLS: usize = 32;

/// The header fields of a parsed head, however they are held.
pub(super) trait Fields {
    /// Every value of a header; `name` is lowercase and compared in any case.
    fn values<'f>(&'f self, name: &'static str) -> impl Iterator<Item = &'f [u8]>;
}

/// A parsed request, however it is held.
pub(super) trait RequestHead: Fields {
    /// The method, case-sensitive.
    fn method(&self) -> &str;
    /// Whether the request is of HTTP/1.1.
    fn is_http_1_1(&self) -> bool;
}

/// Judges a request and answers its key.
pub(super) fn judge(request: &impl RequestHead) -> Result<AcceptKey, Refusal> {
    //= https://www.rfc-editor.org/rfc/rfc6455#section-4.2.1
    //# An HTTP/1.1 or higher GET request, including a "Request-URI"
    if request.method() != "GET" {
        return Err(Refusal::method_not_allowed());
    }
    if !request.is_http_1_1() {
        return Err(Refusal::bad_request("expected HTTP/1.1"));
    }
    host(request)?;
    upgrade(request)?;
    no_body(request)?;
    version(request).map_err(Refusal::upgrade_required)?;
    let answer = key(request)?;
    offers(request)?;
    Ok(answer)
}

/// Judges what does not depend on the version of HTTP: the origin, the subprotocols, the extensions.
pub(super) fn offers(request: &impl Fields) -> Result<(), Refusal> {
    origin(request)?;
    subprotocols(request)?;
    match extensions::parse(request.values("sec-websocket-extensions")) {
        Ok(_) => Ok(()),
        Err(MalformedExtensions::TooMany) => {
            Err(Refusal::head_too_large("the request offers too many extensions"))
        }
        Err(_) => Err(Refusal::bad_request("Sec-WebSocket-Extensions is not a list of extensions")),
    }
}

/// The only value of a header; `None` when there is none or more than one.
pub(super) fn only<'r>(request: &'r impl Fields, name: &'static str) -> Option<&'r [u8]> {
    let mut values = request.values(name);
    let first = values.next()?;
    values.next().is_none().then(|| trim(first))
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-4.2.1
//# A |Host| header field containing the server's authority.
fn host(request: &impl Fields) -> Result<(), Refusal> {
    match only(request, "host") {
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
fn upgrade(request: &impl Fields) -> Result<(), Refusal> {
    if !request.values("upgrade").any(|value| has_token(value, "websocket")) {
        return Err(Refusal::upgrade_required("expected the header Upgrade: websocket"));
    }
    if !request.values("connection").any(|value| has_token(value, "upgrade")) {
        return Err(Refusal::upgrade_required("expected the header Connection: Upgrade"));
    }
    Ok(())
}

/// A body could be taken for frames, or frames for a body (RFC 9931).
pub(super) fn no_body(request: &impl Fields) -> Result<(), Refusal> {
    if request.values("transfer-encoding").next().is_some() {
        return Err(Refusal::bad_request("an opening handshake has no Transfer-Encoding"));
    }
    let mut lengths = request.values("content-length");
    let is_body = lengths.next().is_some_and(|value| trim(value) != b"0");
    if is_body || lengths.next().is_some() {
        return Err(Refusal::bad_request(
            "an opening handshake has no body: expected Content-Length 0 or none",
        ));
    }
    Ok(())
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-4.2.2
//# If this version does not match a version understood by
//# the server, the server MUST abort the WebSocket handshake
//# described in this section and instead send an appropriate HTTP
//# error code (such as 426 Upgrade Required) and a
//# |Sec-WebSocket-Version| header field indicating the version(s)
//# the server is capable of understanding.
pub(super) fn version(request: &impl Fields) -> Result<(), &'static str> {
    match only(request, "sec-websocket-version") {
        Some(b"13") => Ok(()),
        Some(_) | None => Err("expected exactly one Sec-WebSocket-Version, 13"),
    }
}

/// An origin check that looks at one of two would be no check (§10.2).
fn origin(request: &impl Fields) -> Result<(), Refusal> {
    match request.values("origin").nth(1) {
        None => Ok(()),
        Some(_) => Err(Refusal::bad_request("expected one Origin header at most")),
    }
}

fn key(request: &impl Fields) -> Result<AcceptKey, Refusal> {
    only(request, "sec-websocket-key")
        .and_then(AcceptKey::answer)
        .ok_or(Refusal::bad_request("expected exactly one Sec-WebSocket-Key of 16 bytes in base64"))
}

/// The subprotocols on offer, in the client's order of preference.
//= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
//# The elements that comprise this value MUST be non-
//# empty strings with characters in the range U+0021 to U+007E not
//# including separator characters as defined in [RFC2616] and MUST
//# all be unique strings.
pub(super) fn subprotocols(request: &impl Fields) -> Result<Vec<&str>, Refusal> {
    let mut offered = Vec::new();
    if request.values("sec-websocket-protocol").any(|value| elements(value).next().is_none()) {
        return Err(Refusal::bad_request("expected at least one subprotocol in Sec-WebSocket-Protocol"));
    }
    for element in request.values("sec-websocket-protocol").flat_map(elements) {
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
