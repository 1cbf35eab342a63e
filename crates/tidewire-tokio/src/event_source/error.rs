//! What can go wrong with an event stream, sorted by who is to blame.

use bytes::Bytes;
use http::{HeaderMap, header};
use std::error::Error as StdError;
use std::time::Duration;
use tidewire_connection::event_source::{Loss, Refusal};
use tidewire_sse::LimitExceeded;

/// An error of the transport below.
pub type TransportError = Box<dyn StdError + Send + Sync>;

/// A response that is no event stream.
#[derive(Debug)]
#[non_exhaustive]
pub struct Refused {
    /// What is wrong with it.
    pub refusal: Refusal,
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// The beginning of its body, 4 KiB at most: what came of it within two seconds.
    pub body: Bytes,
    /// Whether that is all of it.
    pub is_whole: bool,
}

impl Refused {
    /// The delay that its `Retry-After` asks for: seconds, or a date (RFC 9110 §10.2.3).
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        retry_after(&self.headers)
    }
}

impl std::fmt::Display for Refused {
    /// What was expected, and the body, its control characters escaped.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.refusal.fmt(f)?;
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

/// Why there is no event where one was asked for.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// One event exceeded a limit and is lost. The stream goes on behind it.
    LimitExceeded(LimitExceeded),
    /// The response is no event stream. The end.
    Refused(Box<Refused>),
    /// The connection was lost, and the request is not one to send again. The end.
    NotRepeated {
        /// How.
        loss: Loss,
        /// What the transport says of it.
        source: Option<TransportError>,
    },
    /// The connection was lost, and all attempts are used up. The end.
    Exhausted {
        /// How.
        loss: Loss,
        /// What the transport says of it.
        source: Option<TransportError>,
    },
}

impl Error {
    /// Whether nothing comes behind this.
    #[must_use]
    pub fn is_end(&self) -> bool {
        match self {
            Self::LimitExceeded(_) => false,
            Self::Refused(_) | Self::NotRepeated { .. } | Self::Exhausted { .. } => true,
        }
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::LimitExceeded(exceeded) => exceeded.fmt(f),
            Self::Refused(refused) => refused.fmt(f),
            Self::NotRepeated { loss, .. } => loss.fmt(f),
            Self::Exhausted { loss, .. } => write!(f, "all attempts are used up; the last: {loss}"),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::LimitExceeded(exceeded) => Some(exceeded),
            Self::Refused(refused) => Some(&refused.refusal),
            Self::NotRepeated { source, .. } | Self::Exhausted { source, .. } => {
                source.as_deref().map(|source| source as _)
            }
        }
    }
}

/// The delay that a `Retry-After` asks for.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    crate::retry_after::delay(headers.get(header::RETRY_AFTER)?.as_bytes())
}
