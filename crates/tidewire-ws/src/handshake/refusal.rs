//! Saying no: an HTTP response that ends the connection (RFC 6455 §4.2.2, RFC 9110 §15).

use alloc::vec::Vec;
use core::fmt::{self, Write};

/// A refused handshake: its status, why, and the headers that the status calls for.
///
/// After it nothing that the client sent behind its request may be looked at (RFC 9931).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    status: u16,
    detail: &'static str,
    headers: &'static [(&'static str, &'static str)],
}

/// What every 426 says: which protocol, which version (RFC 9110 §15.5.22, RFC 6455 §4.4).
const UPGRADE_HEADERS: &[(&str, &str)] = &[("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")];

impl Refusal {
    /// A refusal of the caller's own, 401, 403, 404 or 503 say. `detail` is a sentence for humans.
    #[must_use]
    pub const fn new(status: u16, detail: &'static str) -> Self {
        Self { status, detail, headers: &[] }
    }

    pub(super) const fn bad_request(detail: &'static str) -> Self {
        Self::new(400, detail)
    }

    pub(super) const fn method_not_allowed() -> Self {
        Self { status: 405, detail: "a WebSocket is opened with GET", headers: &[("Allow", "GET")] }
    }

    pub(super) const fn upgrade_required(detail: &'static str) -> Self {
        Self { status: 426, detail, headers: UPGRADE_HEADERS }
    }

    pub(super) const fn head_too_large(detail: &'static str) -> Self {
        Self::new(431, detail)
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// What is wrong, in a sentence.
    #[must_use]
    pub const fn detail(&self) -> &'static str {
        self.detail
    }

    /// The headers that the status calls for.
    #[must_use]
    pub const fn headers(&self) -> &'static [(&'static str, &'static str)] {
        self.headers
    }

    /// Appends the whole HTTP/1.1 response. The connection is to be closed behind it, with a linger.
    pub fn encode(&self, output: &mut Vec<u8>) {
        let mut text = Text(output);
        // Writing to memory does not fail.
        let _ = self.write(&mut text);
    }

    /// The value of `Connection`, which names `Upgrade` where that header is sent (RFC 9110 §7.8).
    pub(super) const fn connection(&self) -> &'static str {
        if self.status == 426 { "close, Upgrade" } else { "close" }
    }

    fn write(&self, text: &mut Text<'_>) -> fmt::Result {
        write!(text, "HTTP/1.1 {} {}\r\n", self.status, phrase(self.status))?;
        for (name, value) in self.headers {
            write!(text, "{name}: {value}\r\n")?;
        }
        write!(
            text,
            "Connection: {}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\r\n{}\n",
            self.connection(),
            self.detail.len() + 1,
            self.detail
        )
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.status, phrase(self.status), self.detail)
    }
}

impl core::error::Error for Refusal {}

/// Formatted text into bytes.
pub(super) struct Text<'o>(pub(super) &'o mut Vec<u8>);

impl Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// The phrase of a status; clients ignore it.
const fn phrase(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        503 => "Service Unavailable",
        _ => "Refused",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_one_whole_response() {
        let mut output = Vec::new();
        Refusal::upgrade_required("expected version 13").encode(&mut output);
        let expected = "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
            Connection: close, Upgrade\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 20\r\n\r\n\
            expected version 13\n";
        assert_eq!(core::str::from_utf8(&output), Ok(expected));
    }
}
