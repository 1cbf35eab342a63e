//! How an attempt is lost, and how the whole ends (WHATWG HTML §9.2.2, §9.2.3).

use alloc::boxed::Box;
use core::fmt;

/// How a connection was lost. The client comes back, if it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Loss {
    /// The stream ended. That is no error: a server may end it at any time.
    Eof,
    /// There was no connection, or it broke.
    Transport,
    /// A deadline passed: there was no response, or silence.
    Timeout(tidewire_lifecycle::Timer),
    /// The server is in trouble, as this status says; where no attempt follows it is a [`Refusal`].
    Status(u16),
}

/// Why a response is not an event stream.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// Its status: anything but 200.
    Status(u16),
    /// Its `Content-Type` is another, or missing.
    ContentType(Option<Box<str>>),
    /// Its body is encoded, compressed say, which was not asked for.
    ContentEncoding(Box<str>),
    /// A redirect with this status says not where to.
    Location(u16),
    /// There was one redirect more than this limit.
    Redirects(u32),
}

/// How the whole ended. Nothing comes behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// By [`EventSource::close`](super::EventSource::close).
    Local,
    /// The server wants no more requests: 204.
    Stopped,
    /// The response is no event stream.
    Refused(Refusal),
    /// The connection was lost, and the request is not one to send again; behind [`Loss::Eof`] all is well.
    NotRepeated(Loss),
    /// The connection was lost, and all attempts are used up.
    Exhausted(Loss),
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Eof => f.write_str("the stream ended"),
            Self::Transport => f.write_str("the connection failed"),
            Self::Timeout(timer) => write!(f, "timeout: {timer}"),
            Self::Status(status) => write!(f, "the server answered {status}"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "expected status 200, got {status}"),
            Self::ContentType(Some(got)) => write!(f, "expected content type text/event-stream, got {got:?}"),
            Self::ContentType(None) => f.write_str("expected content type text/event-stream, got none"),
            Self::ContentEncoding(got) => {
                write!(f, "expected no content encoding, as was asked for, got {got:?}")
            }
            Self::Location(status) => {
                write!(f, "expected a Location that can be followed in the redirect {status}, got none")
            }
            Self::Redirects(max) => write!(f, "expected at most {max} redirects, got more"),
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => f.write_str("closed"),
            Self::Stopped => f.write_str("the server has no more (204)"),
            Self::Refused(refusal) => refusal.fmt(f),
            Self::NotRepeated(loss) => write!(f, "{loss}, and the request is not sent again"),
            Self::Exhausted(loss) => write!(f, "{loss}, and all attempts are used up"),
        }
    }
}

impl core::error::Error for Loss {}

impl core::error::Error for Refusal {}

impl core::error::Error for Ended {}
