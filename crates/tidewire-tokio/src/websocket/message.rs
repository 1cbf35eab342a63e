//! What an application receives and sends: whole messages that it owns.

use bytes::Bytes;
use tidewire_ws::message::MessageKind;

/// A whole message, which owns its payload: a clone copies it. One that goes to many connections is encoded once and shared,
/// by [`feed_encoded`](super::WebSocket::feed_encoded) or [`feed_pieces`](super::WebSocket::feed_pieces).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    /// UTF-8 text.
    Text(String),
    /// Any bytes.
    Binary(Vec<u8>),
}

impl Message {
    /// Text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// Bytes.
    #[must_use]
    pub fn binary(payload: impl Into<Vec<u8>>) -> Self {
        Self::Binary(payload.into())
    }

    /// Text or binary.
    #[must_use]
    #[inline]
    pub fn kind(&self) -> MessageKind {
        match self {
            Self::Text(_) => MessageKind::Text,
            Self::Binary(_) => MessageKind::Binary,
        }
    }

    /// The text, if it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Binary(_) => None,
        }
    }

    /// The text, if it is one, without a copy.
    #[must_use]
    pub fn into_text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            Self::Binary(_) => None,
        }
    }

    /// The payload: of a text, its UTF-8.
    #[must_use]
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(payload) => payload,
        }
    }

    /// The payload, without a copy.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.into_payload().into()
    }

    #[inline]
    pub(super) fn into_payload(self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.into_bytes(),
            Self::Binary(payload) => payload,
        }
    }

    /// Bytes of payload.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Whether the payload is empty, as that of a message may be.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<Vec<u8>> for Message {
    fn from(payload: Vec<u8>) -> Self {
        Self::Binary(payload)
    }
}

impl From<Bytes> for Message {
    /// Without a copy, where nobody shares it.
    fn from(payload: Bytes) -> Self {
        Self::Binary(payload.into())
    }
}

impl<const N: usize> From<[u8; N]> for Message {
    fn from(payload: [u8; N]) -> Self {
        Self::Binary(payload.to_vec())
    }
}

impl From<&[u8]> for Message {
    fn from(payload: &[u8]) -> Self {
        Self::Binary(payload.to_vec())
    }
}
