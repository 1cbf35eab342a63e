//! Saying no: an HTTP response that ends the connection (RFC 6455 §4.2.2, RFC 9110 §15).

use crate::handshake::fields::{ExtraFields, InvalidField, Text};
use alloc::vec::Vec;
use core::fmt::{self, Write};

/// A refused handshake: its status, why, and the headers that the status calls for.
///
/// After it nothing that the client sent behind its request may be looked at (RFC 9931).
///
/// ```
/// use tidewire_ws::handshake::Refusal;
/// let refusal = Refusal::new(401, "expected a token").header("WWW-Authenticate", "Bearer")?;
/// let mut output = Vec::new();
/// refusal.encode(&mut output);
/// assert_eq!(output, b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\nConnection: close\r\n\
///     Content-Type: text/plain; charset=utf-8\r\nContent-Length: 17\r\n\r\nexpected a token\n");
/// # Ok::<(), tidewire_ws::handshake::InvalidField>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    status: u16,
    detail: &'static str,
    headers: &'static [(&'static str, &'static str)],
    extra: ExtraFields,
    content: Content,
}

/// Whether the sentence is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    Sent,
    /// The answer to a HEAD has none (RFC 9110 §9.3.2).
    LeftOut,
}

/// What every 426 says: which protocol, which version (RFC 9110 §15.5.22, RFC 6455 §4.4).
const UPGRADE_HEADERS: &[(&str, &str)] = &[("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")];

/// What every 405 says: which method there is (RFC 9110 §15.5.6).
const ALLOW_HEADERS: &[(&str, &str)] = &[("Allow", "GET")];

impl Refusal {
    /// A refusal of the caller's own, 401, 403, 404 or 503 say, or a redirect. `detail` is a sentence for humans. What is
    /// not a status of 300 to 599 refuses nothing, and is sent as 500; so is 304, which has no body.
    //= https://www.rfc-editor.org/rfc/rfc6455#section-4.2.2
    //# If the server does not wish to accept this
    //# connection, it MUST return an appropriate HTTP error code
    //# (e.g., 403 Forbidden) and abort the WebSocket handshake
    //# described in this section.
    //= https://www.rfc-editor.org/rfc/rfc6455#section-4.2.2
    //# If the
    //# requested service is not available, the server MUST send an
    //# appropriate HTTP error code (such as 404 Not Found) and abort
    //# the WebSocket handshake.
    #[must_use]
    pub const fn new(status: u16, detail: &'static str) -> Self {
        let status = match status {
            304 => 500,
            300..600 => status,
            _ => 500,
        };
        let headers = match status {
            405 => ALLOW_HEADERS,
            426 => UPGRADE_HEADERS,
            _ => &[],
        };
        Self { status, detail, headers, extra: ExtraFields::NONE, content: Content::Sent }
    }

    /// Adds a header, `WWW-Authenticate`, `Location` or `Retry-After` say.
    ///
    /// # Errors
    /// The name is not a token, or is the handshake's own or `Content-Type`, which is that of the sentence, or the value
    /// holds a byte that a header cannot.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, InvalidField> {
        if name.eq_ignore_ascii_case("content-type") {
            return Err(InvalidField::ReservedName);
        }
        self.extra.push(name, value)?;
        Ok(self)
    }

    pub(super) const fn bad_request(detail: &'static str) -> Self {
        Self::new(400, detail)
    }

    pub(super) fn method_not_allowed(method: &str) -> Self {
        let content = if method == "HEAD" { Content::LeftOut } else { Content::Sent };
        Self { content, ..Self::new(405, "a WebSocket is opened with GET") }
    }

    pub(super) const fn upgrade_required(detail: &'static str) -> Self {
        Self::new(426, detail)
    }

    /// With the headers that the status calls for.
    #[cfg(feature = "http")]
    pub(super) fn calling_for(self, headers: &'static [(&'static str, &'static str)]) -> Self {
        Self { headers, ..self }
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

    /// The headers that the status calls for, then the caller's own.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().copied().chain(self.extra.iter())
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
        for (name, value) in self.headers() {
            write!(text, "{name}: {value}\r\n")?;
        }
        write!(
            text,
            "Connection: {}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\r\n",
            self.connection(),
            self.detail.len() + 1,
        )?;
        match self.content {
            Content::Sent => writeln!(text, "{}", self.detail),
            Content::LeftOut => Ok(()),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.status, phrase(self.status), self.detail)
    }
}

impl core::error::Error for Refusal {}

/// The phrase of a status; clients ignore it.
const fn phrase(status: u16) -> &'static str {
    match status {
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
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

    #[test]
    fn a_refusal_of_the_callers_own_says_what_its_status_calls_for() {
        let refusal = Refusal::new(426, "x");
        assert!(refusal.headers().eq([("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")]));
        assert!(Refusal::new(405, "x").headers().eq([("Allow", "GET")]));
    }

    #[test]
    fn the_answer_to_a_head_has_no_content() {
        for (method, ends_with) in
            [("HEAD", "Content-Length: 31\r\n\r\n"), ("POST", "\r\n\r\na WebSocket is opened with GET\n")]
        {
            let mut output = Vec::new();
            Refusal::method_not_allowed(method).encode(&mut output);
            assert!(output.ends_with(ends_with.as_bytes()), "{method}");
        }
    }

    #[test]
    fn what_refuses_nothing_is_a_500() {
        for (given, sent) in
            [(0, 500), (101, 500), (200, 500), (299, 500), (300, 300), (304, 500), (599, 599), (600, 500)]
        {
            assert_eq!(Refusal::new(given, "x").status(), sent);
        }
        let refusal = Refusal::method_not_allowed("PUT").header("Retry-After", "1").unwrap();
        assert!(refusal.headers().eq([("Allow", "GET"), ("Retry-After", "1")]));
        assert_eq!(Refusal::new(401, "x").header("X-A", "a\r\nb"), Err(InvalidField::Value));
        for reserved in ["Connection", "Content-Length", "content-type", "Content-Type"] {
            assert_eq!(Refusal::new(401, "x").header(reserved, "a"), Err(InvalidField::ReservedName));
        }
    }

    #[test]
    fn a_refusal_is_small() {
        assert!(size_of::<Refusal>() <= 64);
    }
}
