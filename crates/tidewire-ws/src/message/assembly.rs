//! Joins the pieces of a message in one buffer (RFC 6455 §5.4).
//!
//! Memory grows with the bytes that came, never with what a header announces, and by doubling, so that at most
//! twice as much is held as arrived. The joined message takes the buffer with it.

use super::MessageKind;
use super::utf8::{Carry, InvalidUtf8};
use super::walk::Following;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::mem;

/// What came of the message in progress: one pointer wide, for hardly ever there is something.
#[derive(Debug, Default)]
pub(crate) struct Assembly(Option<Box<Joining>>);

/// A message that has not come whole.
#[derive(Debug)]
enum Joining {
    /// Text, valid as far as it came.
    Text { text: String, carry: Carry },
    /// Bytes.
    Binary { bytes: Vec<u8> },
}

/// A message that came in pieces.
#[derive(Debug)]
pub(crate) enum Joined {
    Text(String),
    Binary(Vec<u8>),
}

/// What a piece has come to.
#[derive(Debug)]
pub(crate) enum Passed {
    /// So many bytes from its beginning; of a text they are not validated yet.
    Input(usize),
    /// Itself, joined to what waited.
    Joined(Joined),
}

impl Assembly {
    /// Nothing.
    pub(crate) const IDLE: Self = Self(None);

    fn begun(&mut self, kind: MessageKind) -> &mut Joining {
        self.0.get_or_insert_with(|| {
            Box::new(match kind {
                MessageKind::Text => Joining::Text { text: String::new(), carry: Carry::default() },
                MessageKind::Binary => Joining::Binary { bytes: Vec::new() },
            })
        })
    }

    /// Bytes of the message that came.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        match self.0.as_deref() {
            None => 0,
            Some(Joining::Text { text, carry }) => text.len() + carry.len(),
            Some(Joining::Binary { bytes }) => bytes.len(),
        }
    }

    /// Bytes of memory held for it.
    pub(crate) fn capacity(&self) -> usize {
        match self.0.as_deref() {
            None => 0,
            Some(Joining::Text { text, .. }) => text.capacity(),
            Some(Joining::Binary { bytes }) => bytes.capacity(),
        }
    }

    /// Appends `piece` to the message of `kind` that it begins or goes on.
    //= https://www.rfc-editor.org/rfc/rfc6455#section-5.4
    //# Message fragments MUST be delivered to the recipient in the order sent
    //# by the sender.
    pub(crate) fn append(
        &mut self,
        kind: MessageKind,
        piece: &[u8],
        following: Following,
    ) -> Result<(), InvalidUtf8> {
        match self.begun(kind) {
            Joining::Text { text, carry } => {
                let len = text.len() + carry.len();
                if let Some(additional) = growth(len, text.capacity(), piece.len(), following) {
                    text.reserve_exact(additional + carry.len());
                }
                carry.append(piece, text)
            }
            Joining::Binary { bytes } => {
                if let Some(additional) = growth(bytes.len(), bytes.capacity(), piece.len(), following) {
                    bytes.reserve_exact(additional);
                }
                bytes.extend_from_slice(piece);
                Ok(())
            }
        }
    }

    /// The buffer of a binary message that is joined, with room for `min_len` bytes or more, if so many came: where there is
    /// less it is made, for as much again as came, or for `remaining` bytes if that is less.
    pub(crate) fn room(&mut self, remaining: u64, min_len: usize) -> Option<(&mut Vec<u8>, usize)> {
        match self.0.as_deref_mut() {
            Some(Joining::Binary { bytes }) => {
                let remaining = usize::try_from(remaining).unwrap_or(usize::MAX);
                if bytes.capacity() - bytes.len() < min_len.min(remaining) {
                    bytes.reserve_exact(remaining.min(bytes.len()));
                }
                let room = remaining.min(bytes.capacity() - bytes.len());
                Some((bytes, room))
            }
            None | Some(Joining::Text { .. }) => None,
        }
    }

    /// Takes the next `piece` of a message of `kind` as something to lend at once: a text without the character that
    /// it does not finish, which waits; with what was joined before, if there is something.
    pub(crate) fn pass(&mut self, kind: MessageKind, piece: &[u8]) -> Result<Passed, InvalidUtf8> {
        match (self.0.as_deref_mut(), kind) {
            (Some(Joining::Text { text, carry }), _) if !text.is_empty() || carry.len() > 0 => {
                carry.append(piece, text)?;
                Ok(Passed::Joined(Joined::Text(mem::take(text))))
            }
            (Some(Joining::Binary { bytes }), _) if !bytes.is_empty() => {
                bytes.extend_from_slice(piece);
                Ok(Passed::Joined(Joined::Binary(mem::take(bytes))))
            }
            (_, MessageKind::Text) => {
                let mut carry = Carry::default();
                let len = carry.take_unfinished(piece)?;
                self.0 = (carry.len() > 0).then(|| Box::new(Joining::Text { text: String::new(), carry }));
                Ok(Passed::Input(len))
            }
            (_, MessageKind::Binary) => Ok(Passed::Input(piece.len())),
        }
    }

    /// Whether the beginning of a character waits for its end.
    pub(crate) fn is_within_character(&self) -> bool {
        match self.0.as_deref() {
            Some(Joining::Text { carry, .. }) => carry.len() > 0,
            None | Some(Joining::Binary { .. }) => false,
        }
    }

    /// Gives the message away, with its buffer; `None` when none is in progress.
    ///
    /// A text that ends within a character is not UTF-8.
    //= https://www.rfc-editor.org/rfc/rfc6455#section-5.6
    //# Note that a particular text frame might include a partial UTF-8
    //# sequence; however, the whole message MUST contain valid UTF-8.
    pub(crate) fn finish(&mut self) -> Result<Option<Joined>, InvalidUtf8> {
        match self.0.take().map(|joining| *joining) {
            None => Ok(None),
            Some(Joining::Text { text, carry }) if carry.len() == 0 => Ok(Some(Joined::Text(text))),
            Some(Joining::Text { .. }) => Err(InvalidUtf8),
            Some(Joining::Binary { bytes }) => Ok(Some(Joined::Binary(bytes))),
        }
    }
}

/// How many bytes beyond `len` to make room for, when `piece_len` do not fit into `capacity`: so that there is room for
/// twice what came, but no more than the message is known to have.
fn growth(len: usize, capacity: usize, piece_len: usize, following: Following) -> Option<usize> {
    if capacity - len.min(capacity) >= piece_len {
        return None;
    }
    let doubled = len.saturating_add(piece_len).saturating_mul(2) - len;
    let known = match following {
        Following::Nothing => piece_len,
        Following::Bytes(rest) => {
            usize::try_from(rest).map_or(usize::MAX, |rest| piece_len.saturating_add(rest))
        }
        Following::Frames => usize::MAX,
    };
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
                let mut message = Assembly::IDLE;
                for _ in 0..200 {
                    message.append(kind, &piece, Following::Frames).unwrap();
                    assert!(message.capacity() <= (2 * message.len()).max(8), "{message:?}");
                }
            }
        }
    }

    #[test]
    fn a_message_of_known_length_ends_in_a_buffer_of_that_length() {
        for kind in [MessageKind::Text, MessageKind::Binary] {
            let mut message = Assembly::IDLE;
            for received in 1..=50u64 {
                message.append(kind, &[b'y'; 1000], Following::Bytes(50_000 - 1000 * received)).unwrap();
            }
            assert_eq!((message.len(), message.capacity()), (50_000, 50_000));
        }
    }

    #[test]
    fn room_is_made_by_doubling_and_never_for_more_than_came() {
        let mut message = Assembly::IDLE;
        message.append(MessageKind::Binary, &[1; 100], Following::Frames).unwrap();
        let mut made = 0;
        while message.len() < 100_000 {
            let (before, len) = (message.capacity(), message.len());
            let (bytes, room) = message.room(1 << 40, 16).unwrap();
            assert!(room >= 16 && room <= len.max(before - len), "{room} for {len}");
            bytes.extend_from_slice(&[2; 16]);
            made += usize::from(message.capacity() != before);
            assert!(message.capacity() <= 2 * message.len());
        }
        assert!(made <= 12, "{made}");
        let room = message.room(10, 16).unwrap().1;
        assert_eq!(room, 10, "no more than the frame has");
    }

    #[test]
    fn empty_pieces_take_no_memory() {
        let mut message = Assembly::IDLE;
        for _ in 0..1000 {
            message.append(MessageKind::Binary, &[], Following::Frames).unwrap();
        }
        assert_eq!(message.capacity(), 0);
    }

    #[test]
    fn a_text_that_ends_within_a_character_is_not_utf8() {
        let mut message = Assembly::IDLE;
        message.append(MessageKind::Text, b"\xE2\x82", Following::Nothing).unwrap();
        assert_eq!(message.len(), 2, "what waits counts");
        assert_eq!(message.finish().unwrap_err(), InvalidUtf8);
        assert!(message.0.is_none());
    }
}
