//! The payload of a control frame that has to be kept for a while (RFC 6455 §5.5).

use alloc::boxed::Box;
use alloc::vec::Vec;

/// At most 125 bytes, as the header was judged by. Kept behind one pointer, for hardly ever there is one.
#[derive(Debug, Default)]
pub(crate) struct ControlPayload {
    octets: Vec<u8>,
}

impl ControlPayload {
    /// A payload that came whole.
    pub(crate) fn of(payload: &[u8]) -> Box<Self> {
        Box::new(Self { octets: payload.to_vec() })
    }

    /// Appends a piece.
    pub(crate) fn extend_from_slice(&mut self, piece: &[u8]) {
        self.octets.extend_from_slice(piece);
    }

    /// What there is of it.
    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.octets
    }

    /// Bytes of memory that are held for it.
    pub(crate) fn capacity(&self) -> usize {
        self.octets.capacity()
    }
}
