//! Joins the pieces of a message in one buffer (RFC 6455 §5.4).
//!
//! Memory grows with the bytes that came, never with what a header announces, and by doubling, so that at most
//! twice as much is held as arrived. The joined message takes the buffer with it.

use super::MessageKind;
use super::utf8::{Carry, InvalidUtf8};
use alloc::string::String;
use alloc::vec::Vec;

/// The message in progress, if there is one.
#[derive(Debug, Default)]
pub(crate) enum Assembly {
    /// The next data frame begins a message.
    #[default]
    Idle,
    /// A text message, valid as far as it came.
    Text { text: String, carry: Carry, fragments: u32 },
    /// A binary message.
    Binary { bytes: Vec<u8>, fragments: u32 },
}

/// A message that came in pieces.
#[derive(Debug)]
pub(crate) enum Joined {
    Text(String),
    Binary(Vec<u8>),
}

impl Assembly {
    /// An empty message, of which the first frame begins.
    pub(crate) fn begin(kind: MessageKind) -> Self {
        match kind {
            MessageKind::Text => Self::Text { text: String::new(), carry: Carry::default(), fragments: 1 },
            MessageKind::Binary => Self::Binary { bytes: Vec::new(), fragments: 1 },
        }
    }

    #[inline]
    pub(crate) fn is_idle(&self) -> bool {
        matches!(self, Self::Idle)
    }

    /// Bytes of the message that came.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Idle => 0,
            Self::Text { text, carry, .. } => text.len() + carry.len(),
            Self::Binary { bytes, .. } => bytes.len(),
        }
    }

    /// Frames of the message that began.
    #[inline]
    pub(crate) fn fragments(&self) -> u32 {
        match self {
            Self::Idle => 0,
            Self::Text { fragments, .. } | Self::Binary { fragments, .. } => *fragments,
        }
    }

    /// Bytes of memory held for it.
    pub(crate) fn capacity(&self) -> usize {
        match self {
            Self::Idle => 0,
            Self::Text { text, .. } => text.capacity(),
            Self::Binary { bytes, .. } => bytes.capacity(),
        }
    }

    /// One more frame of it begins.
    pub(crate) fn add_fragment(&mut self) {
        match self {
            Self::Idle => {}
            Self::Text { fragments, .. } | Self::Binary { fragments, .. } => *fragments += 1,
        }
    }

    /// Appends `piece`; `to_come` bytes follow for certain within the message's last frame, or `None` when more
    /// frames may follow.
    pub(crate) fn append(&mut self, piece: &[u8], to_come: Option<u64>) -> Result<(), InvalidUtf8> {
        match self {
            Self::Idle => Ok(()),
            Self::Text { text, carry, .. } => {
                let len = text.len() + carry.len();
                if let Some(additional) = growth(len, text.capacity(), piece.len(), to_come) {
                    text.reserve_exact(additional + carry.len());
                }
                carry.append(piece, text)
            }
            Self::Binary { bytes, .. } => {
                if let Some(additional) = growth(bytes.len(), bytes.capacity(), piece.len(), to_come) {
                    bytes.reserve_exact(additional);
                }
                bytes.extend_from_slice(piece);
                Ok(())
            }
        }
    }

    /// Gives the message away, with its buffer; `None` when none is in progress.
    ///
    /// A text that ends within a character is not UTF-8.
    pub(crate) fn finish(&mut self) -> Result<Option<Joined>, InvalidUtf8> {
        match core::mem::take(self) {
            Self::Idle => Ok(None),
            Self::Text { text, carry, .. } if carry.len() == 0 => Ok(Some(Joined::Text(text))),
            Self::Text { .. } => Err(InvalidUtf8),
            Self::Binary { bytes, .. } => Ok(Some(Joined::Binary(bytes))),
        }
    }
}

/// How many bytes beyond `len` to make room for, when `piece_len` do not fit into `capacity`: twice what is held,
/// but no more than the message is known to have.
fn growth(len: usize, capacity: usize, piece_len: usize, to_come: Option<u64>) -> Option<usize> {
    if capacity - len.min(capacity) >= piece_len {
        return None;
    }
    let doubled = capacity.saturating_mul(2).saturating_sub(len).max(piece_len);
    let known = to_come
        .and_then(|rest| usize::try_from(rest).ok())
        .map_or(usize::MAX, |rest| piece_len.saturating_add(rest));
    Some(doubled.min(known))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn the_buffer_is_at_most_twice_what_came_whatever_the_pieces() {
        for kind in [MessageKind::Text, MessageKind::Binary] {
            for piece_len in [1, 3, 7, 100, 4096] {
                let piece = vec![b'x'; piece_len];
                let mut message = Assembly::begin(kind);
                for _ in 0..200 {
                    message.append(&piece, None).unwrap();
                    assert!(message.capacity() <= (2 * message.len()).max(8), "{message:?}");
                }
            }
        }
    }

    #[test]
    fn a_message_of_known_length_ends_in_a_buffer_of_that_length() {
        for kind in [MessageKind::Text, MessageKind::Binary] {
            let mut message = Assembly::begin(kind);
            for received in 1..=50u64 {
                message.append(&[b'y'; 1000], Some(50_000 - 1000 * received)).unwrap();
            }
            assert_eq!((message.len(), message.capacity()), (50_000, 50_000));
        }
    }

    #[test]
    fn empty_pieces_take_no_memory() {
        let mut message = Assembly::begin(MessageKind::Binary);
        for _ in 0..1000 {
            message.add_fragment();
            message.append(&[], None).unwrap();
        }
        assert_eq!((message.fragments(), message.capacity()), (1001, 0));
    }

    #[test]
    fn a_text_that_ends_within_a_character_is_not_utf8() {
        let mut message = Assembly::begin(MessageKind::Text);
        message.append(b"\xE2\x82", Some(0)).unwrap();
        assert_eq!(message.len(), 2, "what waits counts");
        assert_eq!(message.finish().unwrap_err(), InvalidUtf8);
        assert!(message.is_idle());
    }
}
