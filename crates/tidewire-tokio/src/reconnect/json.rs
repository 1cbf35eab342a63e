//! Messages that are JSON documents, to and from a client that comes back.

use serde::{Serialize, de::DeserializeOwned};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Error, ReconnectingWebSocket, Resume};
use crate::websocket::{
    JsonError,
    json::{deserialized, serialized},
};

impl<R: Resume, IO: AsyncRead + AsyncWrite + Unpin> ReconnectingWebSocket<R, IO> {
    /// Queues a value as a text message; see [`feed`](Self::feed).
    ///
    /// # Errors
    /// It has no form in JSON, or there is no open connection, or it is closing.
    pub fn feed_json<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), JsonError> {
        self.feed(serialized(value)?).map_err(JsonError::Send)
    }

    /// Sends a value as a text message; see [`send`](Self::send). Cancel safe as that is.
    ///
    /// # Errors
    /// It has no form in JSON, or there is no open connection, or it is closing.
    pub async fn send_json<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), JsonError> {
        self.send(serialized(value)?).await.map_err(JsonError::Send)
    }

    /// The next message, text or binary, as a value. Cancel safe. [`Resume::received`] is told of the message, whether it is
    /// such a value or not.
    ///
    /// # Errors
    /// [`Error::Json`]: the message is no such value; the next can be asked for. Else it has given up.
    ///
    /// # Panics
    /// As [`next`](Self::next).
    pub async fn next_json<T: DeserializeOwned>(&mut self) -> Option<Result<T, Error>> {
        let message = self.next().await?;
        Some(message.and_then(|message| deserialized(message).map_err(Error::Json)))
    }
}
