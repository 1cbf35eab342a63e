//! What comes of a client's request: an open connection, or a response that declines (RFC 6455 §4.1).

use super::body;
#[cfg(feature = "deflate")]
use crate::deflate::Agreement;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// What a server said.
#[derive(Debug)]
pub enum Answer {
    /// Not enough yet; all of the input was taken.
    NeedMore,
    /// The connection is open.
    Open {
        /// What the server chose.
        opened: Opened,
        /// Bytes of this input that belong to the response. What follows them are frames.
        consumed: usize,
    },
    /// The server declined. The connection is to be closed.
    Declined(Declined),
}

/// What a server chose when it opened the connection.
#[derive(Clone, Default)]
pub struct Opened {
    pub(super) subprotocol: Option<String>,
    #[cfg(feature = "deflate")]
    pub(super) agreement: Option<Agreement>,
    pub(super) headers: Vec<(String, Vec<u8>)>,
}

impl Opened {
    /// The subprotocol, one of those on offer. `None` when the server chose none, even of several: whether that will
    /// do is the caller's to say.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// What was agreed to about compression; `None` when it was not offered or not accepted.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn agreement(&self) -> Option<&Agreement> {
        self.agreement.as_ref()
    }

    /// The header fields in order, with names as they were sent.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.headers.iter().map(|(name, value)| (&**name, &**value))
    }

    /// The first value of a header, its name in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

impl fmt::Debug for Opened {
    /// Shows the names of the header fields: a value may be a credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Opened");
        shown.field("subprotocol", &self.subprotocol);
        #[cfg(feature = "deflate")]
        shown.field("agreement", &self.agreement);
        shown.field("headers", &Names(&self.headers)).finish()
    }
}

/// A response that is no 101: a redirect, a demand for credentials, an error.
#[derive(Clone, PartialEq, Eq)]
pub struct Declined {
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    is_whole: bool,
}

impl Declined {
    pub(super) fn new(status: u16, headers: Vec<(String, Vec<u8>)>) -> Self {
        Self { status, headers, body: Vec::new(), is_whole: false }
    }

    /// Where what comes of the body is kept.
    pub(super) fn body_mut(&mut self) -> &mut Vec<u8> {
        &mut self.body
    }

    pub(super) fn ended(self, end: body::State) -> Self {
        Self { is_whole: end == body::State::Whole, ..self }
    }

    /// The HTTP status, 200 to 999.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The header fields in order, with names as they were sent.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.headers.iter().map(|(name, value)| (&**name, &**value))
    }

    /// The first value of a header, its name in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Where a redirect points to. Whoever follows it to another origin leaves `Authorization` and `Cookie` behind, for
    /// they are not for that server, and follows only so many.
    #[must_use]
    pub fn location(&self) -> Option<&[u8]> {
        match self.status {
            301..=303 | 307..=308 => self.header("location"),
            _ => None,
        }
    }

    /// Whether a client does well to come back with the same request: when the server is in trouble or has too much to do
    /// (408, 425, 429, 500, 502, 503, 504). After any other status it would be declined again.
    #[must_use]
    pub fn invites_back(&self) -> bool {
        matches!(self.status, 408 | 425 | 429 | 500 | 502..=504)
    }

    /// The beginning of the body, without what frames it as chunks, at most
    /// [`max_body_len`](crate::handshake::Config::max_body_len) bytes.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Whether [`body`](Self::body) is all of it.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.is_whole
    }
}

impl fmt::Display for Declined {
    /// The status, and the beginning of the body with its control characters escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "declined with status {}", self.status)?;
        let body = String::from_utf8_lossy(&self.body);
        let mut before = ": ";
        for char in body.trim().chars() {
            f.write_str(before)?;
            before = "";
            // A server says what it likes, but not to the terminal that shows it.
            match char {
                '"' | '\'' | '\\' => write!(f, "{char}")?,
                _ => write!(f, "{}", char.escape_debug())?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Declined {
    /// Shows names and lengths: a value may be a credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Declined")
            .field("status", &self.status)
            .field("headers", &Names(&self.headers))
            .field("body_len", &self.body.len())
            .field("is_whole", &self.is_whole)
            .finish()
    }
}

/// The names of header fields.
struct Names<'a>(&'a [(String, Vec<u8>)]);

impl fmt::Debug for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}
