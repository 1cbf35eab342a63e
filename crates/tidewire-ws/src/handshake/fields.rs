//! Header fields that we write, in types that cannot hold a line break (RFC 9110 §5.5).

use super::tokens::as_token;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

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
    /// The subprotocol is not a token, or stands in the offer already.
    Subprotocol,
    /// The client did not offer the subprotocol.
    NotOffered,
    /// The authority is no host with an optional port.
    Authority,
    /// The request target does not begin with a slash, or has a byte that no target has.
    Target,
}

impl fmt::Display for InvalidField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "a header name is a token",
            Self::ReservedName => "this header is the handshake's own",
            Self::Value => "a header value has visible ASCII characters, spaces and tabs only",
            Self::Subprotocol => "a subprotocol is a token and is offered once",
            Self::NotOffered => "the subprotocol was not offered by the client",
            Self::Authority => "an authority is a host with an optional port",
            Self::Target => {
                "a request target begins with a slash and has visible ASCII characters but no '#'"
            }
        })
    }
}

impl core::error::Error for InvalidField {}

/// Headers that a handshake writes, or that would change what it means.
pub(super) const RESERVED: [&str; 10] = [
    "host",
    "upgrade",
    "connection",
    "sec-websocket-key",
    "sec-websocket-accept",
    "sec-websocket-protocol",
    "sec-websocket-extensions",
    "sec-websocket-version",
    "content-length",
    "transfer-encoding",
];

/// Header fields of the caller's, in order; a name may come more than once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ExtraFields(Vec<(String, String)>);

impl ExtraFields {
    pub(super) const NONE: Self = Self(Vec::new());

    pub(super) fn push(&mut self, name: &str, value: &str) -> Result<(), InvalidField> {
        let name = as_token(name.as_bytes()).ok_or(InvalidField::Name)?;
        if RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(name)) {
            return Err(InvalidField::ReservedName);
        }
        if !value.bytes().all(|byte| matches!(byte, b'\t' | 0x20..=0x7E)) {
            return Err(InvalidField::Value);
        }
        self.0.push((name.into(), value.into()));
        Ok(())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    #[test]
    fn of_all_bytes_none_can_inject_a_line() {
        for byte in 0..=255u8 {
            let text = std::string::String::from_utf8_lossy(&[b'a', byte, b'b']).into_owned();
            let mut fields = ExtraFields::NONE;
            let value_is_fine = matches!(byte, b'\t' | 0x20..=0x7E);
            assert_eq!(fields.push("X-A", &text).is_ok(), value_is_fine, "{byte:#04x}");
            assert_eq!(fields.push(&text, "v").is_ok(), as_token(text.as_bytes()).is_some(), "{byte:#04x}");
        }
    }

    #[test]
    fn the_handshakes_own_headers_are_refused() {
        for name in RESERVED {
            let upper = name.to_ascii_uppercase();
            assert_eq!(ExtraFields::default().push(&upper, "v"), Err(InvalidField::ReservedName));
        }
        assert_eq!(ExtraFields::default().push("", "v"), Err(InvalidField::Name));
    }
}
