//! What a client hears of its WebSocket.

use std::time::Duration;

use tidewire_connection::websocket::Ended;

use super::resume::BoxError;
#[cfg(feature = "json")]
use crate::websocket::JsonError;
use crate::{
    connect::{ConnectError, Opened},
    websocket::Message,
};

/// Something that happened to a client.
#[derive(Debug)]
#[non_exhaustive]
pub enum Update {
    /// A connection is open; messages come and go.
    Open(Box<Opened>),
    /// A message.
    Message(Message),
    /// The connection was lost, or none came of an attempt. The client comes back.
    Lost {
        /// How.
        loss: Loss,
        /// From here to the next attempt.
        delay: Duration,
    },
}

/// How there came to be no connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum Loss {
    /// None came of an attempt.
    Connect(ConnectError),
    /// It ended.
    Ended(Ended),
}

impl Loss {
    /// Whether a client does well to come back: [`ConnectError::invites_back`], [`Ended::invites_back`].
    #[must_use]
    pub fn invites_back(&self) -> bool {
        match self {
            Self::Connect(error) => error.invites_back(),
            Self::Ended(ended) => ended.invites_back(),
        }
    }

    /// The delay that the server asks for.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Connect(error) => error.retry_after(),
            Self::Ended(_) => None,
        }
    }
}

impl std::fmt::Display for Loss {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Connect(error) => error.fmt(f),
            Self::Ended(ended) => ended.fmt(f),
        }
    }
}

/// Why there is no message where one was asked for.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// It would be refused again: for what it asks or sends, or for who it is. The end.
    Refused(Loss),
    /// All attempts are used up. The end.
    Exhausted(Loss),
    /// The caller's own [`Resume`](super::Resume) failed. The end.
    Resume(BoxError),
    /// What came is not the value that [`next_json`](super::ReconnectingWebSocket::next_json) was asked for. The next can be.
    #[cfg(feature = "json")]
    Json(JsonError),
}

impl Error {
    /// Whether nothing comes behind this.
    #[must_use]
    pub fn is_end(&self) -> bool {
        match self {
            Self::Refused(_) | Self::Exhausted(_) | Self::Resume(_) => true,
            #[cfg(feature = "json")]
            Self::Json(_) => false,
        }
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(loss) => loss.fmt(f),
            Self::Exhausted(loss) => write!(f, "all attempts are used up; the last: {loss}"),
            Self::Resume(error) => write!(f, "not to be resumed: {error}"),
            #[cfg(feature = "json")]
            Self::Json(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Refused(Loss::Connect(error)) | Self::Exhausted(Loss::Connect(error)) => Some(error),
            Self::Refused(Loss::Ended(_)) | Self::Exhausted(Loss::Ended(_)) => None,
            Self::Resume(error) => Some(&**error),
            #[cfg(feature = "json")]
            Self::Json(error) => error.source(),
        }
    }
}
