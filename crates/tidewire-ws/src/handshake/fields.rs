//! Header fields: those that came, however they are held, and those that we write, in types that cannot hold a line
//! break (RFC 9110 §5).

use super::tokens::{as_token, trim};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// The header fields of a parsed head, however they are held.
pub(crate) trait Fields {
    /// Every value of a header; `name` is lowercase and compared in any case.
    fn values<'f>(&'f self, name: &'static str) -> impl Iterator<Item = &'f [u8]>;

    /// The only value of a header; `None` when there is none or more than one.
    fn only<'f>(&'f self, name: &'static str) -> Option<&'f [u8]> {
        let mut values = self.values(name);
        let first = values.next()?;
        values.next().is_none().then(|| trim(first))
    }
}

impl Fields for [httparse::Header<'_>] {
    fn values<'f>(&'f self, name: &'static str) -> impl Iterator<Item = &'f [u8]> {
        self.iter().filter(move |header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
    }
}

#[cfg(feature = "http")]
impl Fields for http::HeaderMap {
    fn values<'f>(&'f self, name: &'static str) -> impl Iterator<Item = &'f [u8]> {
        self.get_all(name).iter().map(http::HeaderValue::as_bytes)
    }
}

/// Room for the fields of a head: for as many as may come, and for no more than it has lines.
pub(crate) fn room_for_headers<'h>(head: &[u8], max_headers: usize) -> Vec<httparse::Header<'h>> {
    let lines = memchr::memchr_iter(b'\n', head).count();
    alloc::vec![httparse::EMPTY_HEADER; max_headers.min(lines)]
}

/// A field that would not be what it says on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidField {
    /// The name is not a token.
    Name,
    /// The name belongs to the handshake.
    ReservedName,
    /// The value has a byte that is neither a tab nor a visible character or space of ASCII. What lies beyond ASCII is
    /// obsolete in a header, for no two recipients read it alike (RFC 9110 §5.5).
    Value,
    /// The subprotocol is not a token, or stands in the offer already.
    Subprotocol,
    /// The client did not offer the subprotocol or the extension.
    NotOffered,
    /// The authority is no host with an optional port.
    Authority,
    /// The request target does not begin with a slash, or has a byte that no target has.
    Target,
}

impl fmt::Display for InvalidField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "expected a token as a header name, got something else",
            Self::ReservedName => "expected a header of the caller's own, got one of the handshake's",
            Self::Value => {
                "expected visible ASCII characters, spaces and tabs in a header value, got another byte"
            }
            Self::Subprotocol => "expected a token as a subprotocol, once and not too many, got something else",
            Self::NotOffered => "expected a subprotocol and extensions that the client offered, got another",
            Self::Authority => "expected a host with an optional port as the authority, got something else",
            Self::Target => {
                "expected a request target that begins with a slash and has visible ASCII characters but no '#'"
            }
        })
    }
}

impl core::error::Error for InvalidField {}

/// Headers that a handshake writes, or that would change what it means.
pub(crate) const RESERVED: [&str; 10] = [
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
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct ExtraFields(Vec<(String, String)>);

impl ExtraFields {
    pub(crate) const NONE: Self = Self(Vec::new());

    pub(crate) fn push(&mut self, name: &str, value: &str) -> Result<(), InvalidField> {
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

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }
}

/// The names alone: there are credentials among the values.
impl fmt::Debug for ExtraFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|(name, _)| name)).finish()
    }
}

/// Formatted text into bytes.
pub(crate) struct Text<'o>(pub(crate) &'o mut Vec<u8>);

impl fmt::Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
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

    #[test]
    fn debug_keeps_credentials_to_itself() {
        let mut fields = ExtraFields::NONE;
        fields.push("Authorization", "Bearer secret").unwrap();
        assert_eq!(std::format!("{fields:?}"), "[\"Authorization\"]");
    }
}
