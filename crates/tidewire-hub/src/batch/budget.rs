//! What a batch may take, and what one topic may give before another has its turn.

/// What one batch may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Messages and gaps; 0 counts as 1.
    pub max_messages: usize,
    /// Bytes of the messages as [`Message::len_bytes`](crate::Message::len_bytes) counts them. The first
    /// message is taken whatever its length, the others only if they fit.
    pub max_bytes: usize,
}

impl Budget {
    /// One message or gap, of any length.
    pub const ONE: Self = Self { max_messages: 1, max_bytes: usize::MAX };

    /// The same within what it can mean.
    #[inline]
    pub(crate) fn normalized(self) -> Self {
        Self { max_messages: self.max_messages.max(1), ..self }
    }
}

impl Default for Budget {
    /// 256 messages, 64 KiB.
    fn default() -> Self {
        Self { max_messages: 256, max_bytes: 64 * 1024 }
    }
}

/// What one topic may give before another of the subscriber's topics has its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quantum {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}
