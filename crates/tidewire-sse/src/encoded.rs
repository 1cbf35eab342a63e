//! Events, comments and reconnection times that are text already, to queue and to share (WHATWG HTML §9.2.5).

use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;

use crate::beside::{KEEP_ALIVE, comment, retry};
use crate::encode::Event;
use crate::error::InvalidField;

/// An event, a comment or a reconnection time as text: any of these in any order are an event stream.
///
/// A clone shares the bytes: encode once for however many receive it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Encoded(Bytes);

impl Encoded {
    /// A comment; each of its lines becomes one of its own.
    #[must_use]
    pub fn comment(text: &str) -> Self {
        let mut output = Vec::new();
        comment(text, &mut output);
        Self(output.into())
    }

    /// The reconnection time that the client is to wait before it comes back, in whole milliseconds as [`retry`]
    /// has it.
    #[must_use]
    pub fn retry(reconnection_time: Duration) -> Self {
        let mut output = Vec::new();
        retry(reconnection_time, &mut output);
        Self(output.into())
    }

    /// [`KEEP_ALIVE`].
    #[must_use]
    pub const fn keep_alive() -> Self {
        Self(Bytes::from_static(KEEP_ALIVE))
    }

    /// The text.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<Encoded> for Bytes {
    fn from(encoded: Encoded) -> Self {
        encoded.0
    }
}

impl Event<'_> {
    /// The event with the blank line that ends it, to send and to share.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn encoded(&self) -> Result<Encoded, InvalidField> {
        Ok(Encoded(self.to_bytes()?))
    }
}
