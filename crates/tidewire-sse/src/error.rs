//! What can be wrong: a stream that exceeds a limit, or a field that would inject another.

use core::fmt;

/// A limit of [`Config`](crate::Config).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// [`max_line_len`](crate::Config::max_line_len).
    Line,
    /// [`max_data_len`](crate::Config::max_data_len).
    Data,
    /// [`max_event_type_len`](crate::Config::max_event_type_len).
    EventType,
    /// [`max_id_len`](crate::Config::max_id_len).
    Id,
}

/// The stream exceeded a limit. The event that it happened in is lost, and with it the comments and `retry` fields behind
/// what was too much; the parser goes on behind the next blank line.
///
/// Its ID is not lost, wherever in the event it stands: that blank line sets the last event ID, as the standard has it for
/// any block. So events behind it that have no ID of their own carry the right one, and who comes back with
/// [`last_event_id`](crate::Parser::last_event_id) goes on behind the lost event and is not sent it again and again. To ask
/// for it once more, with other limits, come back with the ID that the event before it carried. An ID that is itself too
/// long, or on a line that is, is ignored, as one with a NUL is.
///
/// The same stream gives the same errors in the same places, however it is cut into chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitExceeded {
    /// Which.
    pub limit: Limit,
    /// Its value, in bytes.
    pub max_len: usize,
    /// The length that exceeded it, in bytes. A line is counted to its end, but no further than one byte past twice its
    /// limit; data up to the line that was too much; event type and ID whole.
    pub seen_len: usize,
}

impl fmt::Display for LimitExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.limit {
            Limit::Line => "a line",
            Limit::Data => "the data of an event",
            Limit::EventType => "an event type",
            Limit::Id => "a last event ID",
        };
        write!(f, "expected {what} of at most {} bytes, got {} or more", self.max_len, self.seen_len)
    }
}

impl core::error::Error for LimitExceeded {}

/// A field of an event to encode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// The event type.
    Event,
    /// The last event ID.
    Id,
}

/// A field that cannot stand on one line: it would end there and begin another, which is how events are injected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidField {
    /// Which field.
    pub field: Field,
    /// The character: a CR, an LF, or in an ID a NUL.
    pub character: char,
    /// Where it stands, in bytes from the start.
    pub offset: usize,
}

impl fmt::Display for InvalidField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = match self.field {
            Field::Event => "event type",
            Field::Id => "last event ID",
        };
        write!(f, "{:?} at byte {} cannot be part of the {field}", self.character, self.offset)
    }
}

impl core::error::Error for InvalidField {}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    #[test]
    fn errors_say_what_was_expected_and_what_came() {
        for (limit, what) in [
            (Limit::Line, "a line"),
            (Limit::Data, "the data of an event"),
            (Limit::EventType, "an event type"),
            (Limit::Id, "a last event ID"),
        ] {
            let error = LimitExceeded { limit, max_len: 8, seen_len: 9 };
            assert_eq!(error.to_string(), std::format!("expected {what} of at most 8 bytes, got 9 or more"));
        }
        for (field, character, said) in [
            (Field::Event, '\n', "'\\n' at byte 1 cannot be part of the event type"),
            (Field::Id, '\0', "'\\0' at byte 1 cannot be part of the last event ID"),
        ] {
            assert_eq!(InvalidField { field, character, offset: 1 }.to_string(), said);
        }
    }

    #[test]
    fn errors_are_small() {
        assert!(size_of::<LimitExceeded>() <= 24);
        assert!(size_of::<InvalidField>() <= 16);
    }
}
