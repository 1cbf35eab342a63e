//! What a client hears of its WebSocket.

use std::time::Duration;

use tidewire_connection::websocket::Ended;

use super::resume::BoxError;
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

/// Why a client has given up. Nothing comes behind it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// It would be refused again: for what it asks or sends, or for who it is.
    Refused(Loss),
    /// All attempts are used up.
    Exhausted(Loss),
    /// The caller's own [`Resume`](super::Resume) failed.
    Resume(BoxError),
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(loss) => loss.fmt(f),
            Self::Exhausted(loss) => write!(f, "all attempts are used up; the last: {loss}"),
            Self::Resume(error) => write!(f, "not to be resumed: {error}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Refused(Loss::Connect(error)) | Self::Exhausted(Loss::Connect(error)) => Some(error),
            Self::Refused(Loss::Ended(_)) | Self::Exhausted(Loss::Ended(_)) => None,
            Self::Resume(error) => Some(&**error),
        }
    }
}
