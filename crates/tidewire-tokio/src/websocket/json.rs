//! Messages that are JSON documents.

use std::fmt;

use serde::{Serialize, de::DeserializeOwned};
use tidewire_ws::message::SendError;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Message, ReadHalf, WebSocket, WriteHalf};

/// Why a document was not sent, or is none of the type that was asked for.
#[derive(Debug)]
#[non_exhaustive]
pub enum JsonError {
    /// The value has no form in JSON, a map with keys that are not strings say. Nothing was sent.
    Serialize(serde_json::Error),
    /// Our close frame is out, or the connection is over.
    Send(SendError),
    /// What came is no JSON, or not of this type. It is gone, and the next message can be asked for.
    Deserialize {
        /// What was expected, and where it is.
        error: serde_json::Error,
        /// What came.
        message: Message,
    },
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Serialize(error) => write!(f, "the value has no form in JSON: {error}"),
            Self::Send(error) => error.fmt(f),
            Self::Deserialize { error, .. } => write!(f, "the message is not what was asked for: {error}"),
        }
    }
}

impl std::error::Error for JsonError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Serialize(error) | Self::Deserialize { error, .. } => Some(error),
            Self::Send(error) => Some(error),
        }
    }
}

pub(crate) fn serialized<T: Serialize + ?Sized>(value: &T) -> Result<Message, JsonError> {
    serde_json::to_string(value).map(Message::Text).map_err(JsonError::Serialize)
}

pub(crate) fn deserialized<T: DeserializeOwned>(message: Message) -> Result<T, JsonError> {
    serde_json::from_slice(message.as_bytes()).map_err(|error| JsonError::Deserialize { error, message })
}

impl<IO: AsyncRead + AsyncWrite + Unpin> WebSocket<IO> {
    /// Queues a value as a text message.
    ///
    /// # Errors
    /// It has no form in JSON, or nothing can be sent.
    pub fn feed_json<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), JsonError> {
        self.feed(serialized(value)?).map_err(JsonError::Send)
    }

    /// Sends a value as a text message; see [`send`](Self::send). Cancel safe as that is.
    ///
    /// # Errors
    /// It has no form in JSON, or nothing can be sent.
    pub async fn send_json<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), JsonError> {
        self.send(serialized(value)?).await.map_err(JsonError::Send)
    }

    /// The next message, text or binary, as a value; `None` as [`next`](Self::next) says. Cancel safe.
    ///
    /// # Errors
    /// The message is no such value; the next can be asked for.
    pub async fn next_json<T: DeserializeOwned>(&mut self) -> Option<Result<T, JsonError>> {
        self.next().await.map(deserialized)
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> ReadHalf<IO> {
    /// As [`WebSocket::next_json`]. Cancel safe.
    ///
    /// # Errors
    /// The message is no such value; the next can be asked for.
    pub async fn next_json<T: DeserializeOwned>(&mut self) -> Option<Result<T, JsonError>> {
        self.next().await.map(deserialized)
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> WriteHalf<IO> {
    /// As [`WebSocket::feed_json`].
    ///
    /// # Errors
    /// It has no form in JSON, or nothing can be sent.
    pub fn feed_json<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), JsonError> {
        self.feed(serialized(value)?).map_err(JsonError::Send)
    }

    /// As [`WebSocket::send_json`]. Cancel safe as that is.
    ///
    /// # Errors
    /// It has no form in JSON, or nothing can be sent.
    pub async fn send_json<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), JsonError> {
        self.send(serialized(value)?).await.map_err(JsonError::Send)
    }
}
