//! What can be wrong with a user's id or info, and why a user is not admitted.

use core::error::Error;
use core::fmt;

/// Why a text is not a [`UserId`](super::UserId).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidUserId {
    /// It is empty.
    Empty,
    /// It is longer than [`UserId::MAX_LEN`](super::UserId::MAX_LEN) bytes.
    TooLong,
    /// It contains a control character (U+0000–U+001F, U+007F–U+009F).
    ControlCharacter,
}

impl fmt::Display for InvalidUserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "a user id must not be empty",
            Self::TooLong => "a user id has at most 249 bytes",
            Self::ControlCharacter => "a user id must not contain control characters",
        })
    }
}

impl Error for InvalidUserId {}

/// The bytes are more than [`Info::MAX_LEN`](super::Info::MAX_LEN).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidInfo;

impl fmt::Display for InvalidInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a user's info has at most 1024 bytes")
    }
}

impl Error for InvalidInfo {}

/// Why a user was not admitted, or not with this connection or info. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AdmissionError {
    /// Nobody is in the topic yet, and `max_topics` have somebody.
    TooManyTopics,
    /// The topic is new, and there are `max_topics` and `max_empty_topics` together, with members and
    /// without.
    TooManyEmptyTopics,
    /// The topic has `max_members_per_topic`.
    TooManyMembers,
    /// The user has `max_connections_per_member` open in the topic.
    TooManyConnections,
    /// All members would count more than `max_bytes`.
    TooManyBytes,
}

impl fmt::Display for AdmissionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooManyTopics => "as many topics have members as may",
            Self::TooManyEmptyTopics => "as many topics that nobody is in any more are kept as may",
            Self::TooManyMembers => "the topic has as many members as it may",
            Self::TooManyConnections => "the user has as many connections in the topic as they may",
            Self::TooManyBytes => "the members of all topics hold as many bytes as they may",
        })
    }
}

impl Error for AdmissionError {}
