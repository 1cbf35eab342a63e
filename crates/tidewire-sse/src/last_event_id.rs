//! The last event ID: a buffer that `id` fields set, and the string that dispatched events carry (WHATWG HTML §9.2.6).

use alloc::string::String;

use crate::parser::decode_into;

/// Both of them. Neither is copied into the other: they change places.
#[derive(Clone, Debug)]
pub(crate) struct LastEventId {
    texts: [String; 2],
    /// Which is the string.
    committed: usize,
    buffer: Buffer,
}

/// What is in the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Buffer {
    /// The same as in the string; its memory is spare.
    Same,
    /// An ID that no blank line has committed.
    Set,
}

impl LastEventId {
    pub(crate) fn new(last_event_id: String) -> Self {
        Self { texts: [last_event_id, String::new()], committed: 0, buffer: Buffer::Same }
    }

    /// Sets the string; what is in the buffer stays there.
    #[cfg(feature = "stream")]
    pub(crate) fn set(&mut self, last_event_id: String) {
        self.texts[self.committed & 1] = last_event_id;
    }

    /// The string.
    #[inline]
    pub(crate) fn as_str(&self) -> &str {
        &self.texts[self.committed & 1]
    }

    //= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
    //# If the field value does not contain U+0000 NULL, then set the last event ID buffer to the field value.
    //# Otherwise, ignore the field.
    #[inline]
    pub(crate) fn set_buffer(&mut self, value: &[u8]) {
        if !value.contains(&0) {
            decode_into(&mut self.texts[self.committed ^ 1], value);
            self.buffer = Buffer::Set;
        }
    }

    //= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
    //# Set the last event ID string of the event source to the value of the last event ID buffer. The buffer
    //# does not get reset, so the last event ID string of the event source remains set to this value until
    //# the next time it is set by the server.
    #[inline]
    pub(crate) fn commit(&mut self) {
        match self.buffer {
            Buffer::Same => {}
            Buffer::Set => {
                self.committed ^= 1;
                self.buffer = Buffer::Same;
            }
        }
    }

    /// Gives back memory that is spare.
    pub(crate) fn shrink(&mut self) {
        match self.buffer {
            Buffer::Same => self.texts[self.committed ^ 1] = String::new(),
            Buffer::Set => {}
        }
    }

    /// Memory held beside the string.
    pub(crate) fn held_len_bytes(&self) -> usize {
        self.texts[self.committed ^ 1].capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dispatch(id: &mut LastEventId, value: &[u8]) {
        id.set_buffer(value);
        id.commit();
    }

    #[test]
    fn only_what_is_spare_is_counted_and_given_back() {
        let mut id = LastEventId::new(String::new());
        dispatch(&mut id, &[b'x'; 1_000]);
        assert_eq!(id.held_len_bytes(), 0, "the string is its owner's");
        dispatch(&mut id, b"short");
        assert!((1_000..2_000).contains(&id.held_len_bytes()));
        for round in 0..3 {
            id.shrink();
            assert_eq!((id.held_len_bytes(), id.as_str()), (0, "short"), "{round}");
            dispatch(&mut id, b"other");
            id.shrink();
            assert_eq!((id.held_len_bytes(), id.as_str()), (0, "other"), "{round}");
            dispatch(&mut id, b"another");
            dispatch(&mut id, b"short");
        }
    }

    #[test]
    fn what_no_blank_line_has_set_is_not_given_back() {
        let mut id = LastEventId::new(String::new());
        for value in ["1", "2", "3"] {
            id.set_buffer(value.as_bytes());
            id.shrink();
            assert!(id.held_len_bytes() > 0);
            assert_ne!(id.as_str(), value);
            id.commit();
            assert_eq!(id.as_str(), value);
        }
    }
}
