//! What comes of a client's request: an open connection, or a response that declines (RFC 6455 §4.1).

#[cfg(feature = "deflate")]
use crate::deflate::Agreement;
use alloc::string::String;
use alloc::vec::Vec;

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
#[derive(Clone, Debug, Default)]
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
}

/// A response that is no 101: a redirect, a demand for credentials, an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declined {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) body: Vec<u8>,
}

impl Declined {
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

    /// The beginning of the body as it came, at most [`max_body_len`](crate::handshake::Config::max_body_len) bytes;
    /// of a chunked one the sizes of the chunks are among them.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }
}
