//! The 101 of a server (RFC 6455 §4.2.2, item 5), with fields that cannot hold a line break.

use super::key::AcceptKey;
use super::refusal::Text;
use super::tokens::as_token;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write};

/// What the 101 says beyond the handshake itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    subprotocol: Option<String>,
    headers: Vec<(String, String)>,
}

/// A field that would not be what it says on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidField {
    /// The name is not a token.
    Name,
    /// The name belongs to the handshake.
    ReservedName,
    /// The value has a byte that is neither a tab nor a visible character or space of ASCII.
    Value,
    /// The subprotocol is not a token.
    Subprotocol,
    /// The client did not offer the subprotocol.
    NotOffered,
}

impl fmt::Display for InvalidField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "a header name is a token",
            Self::ReservedName => "this header is the handshake's own",
            Self::Value => "a header value has visible ASCII characters, spaces and tabs only",
            Self::Subprotocol => "a subprotocol is a token",
            Self::NotOffered => "the subprotocol was not offered by the client",
        })
    }
}

impl core::error::Error for InvalidField {}

/// Headers that the handshake writes, or that would change what it means.
const RESERVED: [&str; 8] = [
    "upgrade",
    "connection",
    "sec-websocket-accept",
    "sec-websocket-protocol",
    "sec-websocket-extensions",
    "sec-websocket-version",
    "content-length",
    "transfer-encoding",
];

impl Response {
    /// A bare 101.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Chooses a subprotocol; it must be one of those on offer when the response is used.
    ///
    /// # Errors
    /// It is not a token.
    pub fn subprotocol(mut self, name: &str) -> Result<Self, InvalidField> {
        self.subprotocol = Some(as_token(name.as_bytes()).ok_or(InvalidField::Subprotocol)?.into());
        Ok(self)
    }

    /// Adds a header.
    ///
    /// # Errors
    /// The name is not a token, or is the handshake's own, or the value holds a byte that a header cannot.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, InvalidField> {
        let name = as_token(name.as_bytes()).ok_or(InvalidField::Name)?;
        if RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(name)) {
            return Err(InvalidField::ReservedName);
        }
        if !value.bytes().all(|byte| matches!(byte, b'\t' | 0x20..=0x7E)) {
            return Err(InvalidField::Value);
        }
        self.headers.push((name.into(), value.into()));
        Ok(self)
    }

    /// The fields in the order in which they are written: the subprotocol first.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        let subprotocol = self.subprotocol.as_deref().map(|name| ("Sec-WebSocket-Protocol", name));
        subprotocol.into_iter().chain(self.headers.iter().map(|(name, value)| (&**name, &**value)))
    }

    //= https://www.rfc-editor.org/rfc/rfc6455#section-4.2.2
    //# The value chosen MUST be derived
    //# from the client's handshake, specifically by selecting one of
    //# the values from the |Sec-WebSocket-Protocol| field that the
    //# server is willing to use for this connection (if any).
    pub(super) fn check_offer(&self, offered: &[&str]) -> Result<(), InvalidField> {
        match &self.subprotocol {
            Some(chosen) if !offered.contains(&chosen.as_str()) => Err(InvalidField::NotOffered),
            Some(_) | None => Ok(()),
        }
    }
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-4.2.2
//# A Status-Line with a 101 response code as per RFC 2616
pub(super) fn write_accept(accept: &AcceptKey, response: &Response, output: &mut Vec<u8>) {
    let mut text = Text(output);
    // Writing to memory does not fail.
    let _ = write!(
        text,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n",
        accept.as_str()
    );
    for (name, value) in response.fields() {
        let _ = write!(text, "{name}: {value}\r\n");
    }
    let _ = text.write_str("\r\n");
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    #[test]
    fn of_all_bytes_none_can_inject_a_line() {
        for byte in 0..=255u8 {
            let text = std::string::String::from_utf8_lossy(&[b'a', byte, b'b']).into_owned();
            let value_is_fine = matches!(byte, b'\t' | 0x20..=0x7E);
            assert_eq!(Response::new().header("X-A", &text).is_ok(), value_is_fine, "{byte:#04x}");
            let is_token = as_token(text.as_bytes()).is_some();
            assert_eq!(Response::new().header(&text, "v").is_ok(), is_token, "{byte:#04x}");
            assert_eq!(Response::new().subprotocol(&text).is_ok(), is_token, "{byte:#04x}");
        }
    }

    #[test]
    fn the_handshakes_own_headers_are_refused() {
        for name in RESERVED {
            let upper = name.to_ascii_uppercase();
            assert_eq!(Response::new().header(&upper, "v"), Err(InvalidField::ReservedName));
        }
        assert_eq!(Response::new().header("", "v"), Err(InvalidField::Name));
    }
}
