//! What makes a request an opening handshake (RFC 6455 §4.2.1), whoever parsed it.

use super::key::AcceptKey;
use super::refusal::Refusal;
use super::tokens::{as_token, elements, has_token, trim};
use alloc::vec::Vec;

/// The most subprotocols that a client may offer; one more is a 431. They are compared with each other, so that their
/// number decides what a request costs.
pub const MAX_SUBPROTOCOLS: usize = 32;

/// A parsed request, however it is held.
pub(super) trait Fields {
    /// The method, case-sensitive.
    fn method(&self) -> &str;
    /// Whether the request is of HTTP/1.1.
    fn is_http_1_1(&self) -> bool;
    /// Every value of a header; `name` is lowercase and compared in any case.
    fn values<'f>(&'f self, name: &'static str) -> impl Iterator<Item = &'f [u8]>;
}

/// Judges a request and answers its key.
pub(super) fn judge(request: &impl Fields) -> Result<AcceptKey, Refusal> {
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
    version(request)?;
    origin(request)?;
    let answer = key(request)?;
    subprotocols(request)?;
    Ok(answer)
}

/// The only value of a header; `None` when there is none or more than one.
fn only<'r>(request: &'r impl Fields, name: &'static str) -> Option<&'r [u8]> {
    let mut values = request.values(name);
    let first = values.next()?;
    values.next().is_none().then(|| trim(first))
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-4.2.1
//# A |Host| header field containing the server's authority.
fn host(request: &impl Fields) -> Result<(), Refusal> {
    match only(request, "host") {
        Some(host) if !host.is_empty() => Ok(()),
        Some(_) | None => Err(Refusal::bad_request("expected exactly one Host header with a value")),
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
fn no_body(request: &impl Fields) -> Result<(), Refusal> {
    if request.values("transfer-encoding").next().is_some() {
        return Err(Refusal::bad_request("an opening handshake has no Transfer-Encoding"));
    }
    if request.values("content-length").any(|value| trim(value) != b"0") {
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
fn version(request: &impl Fields) -> Result<(), Refusal> {
    match only(request, "sec-websocket-version") {
        Some(b"13") => Ok(()),
        Some(_) | None => Err(Refusal::upgrade_required("expected exactly one Sec-WebSocket-Version, 13")),
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
