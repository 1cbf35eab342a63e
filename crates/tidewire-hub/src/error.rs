//! What can be wrong, sorted by who gave it: a name or token from outside, or a limit that the caller set.

use core::error::Error;
use core::fmt;

/// Why a text is not a [`TopicName`](crate::TopicName).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidTopicName {
    /// It is empty.
    Empty,
    /// It is longer than [`TopicName::MAX_LEN`](crate::TopicName::MAX_LEN) bytes.
    TooLong,
    /// It contains a control character (U+0000–U+001F, U+007F–U+009F).
    ControlCharacter,
    /// It starts with `$`, which clients may not use.
    Reserved,
    /// It was to be a reserved name and does not start with `$`.
    NotReserved,
}

impl fmt::Display for InvalidTopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "a topic name must not be empty",
            Self::TooLong => "a topic name has at most 255 bytes",
            Self::ControlCharacter => "a topic name must not contain control characters",
            Self::Reserved => "topic names that start with `$` are reserved",
            Self::NotReserved => "a reserved topic name starts with `$`",
        })
    }
}

impl Error for InvalidTopicName {}

/// The text is not a [`ConnectionId`](crate::ConnectionId), which is exactly 16 lowercase hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidConnectionId;

impl fmt::Display for InvalidConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a connection id is 16 lowercase hex digits")
    }
}

impl Error for InvalidConnectionId {}

/// Why a text is not a [`Cursor`](crate::Cursor) token of this hub's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidCursor {
    /// It is longer than [`Cursor::MAX_LEN`](crate::Cursor::MAX_LEN).
    TooLong,
    /// It is not base64url without padding.
    Encoding,
    /// It is of a version that this program does not know.
    Version,
    /// Its positions are of a kind that this program does not know.
    Kind,
    /// The checksum does not fit: a character was lost or changed.
    Checksum,
    /// Its entries are cut short, too many, out of order, repeated, or not in the shortest form.
    Entries,
}

impl fmt::Display for InvalidCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "the cursor is too long",
            Self::Encoding => "the cursor is not base64url without padding",
            Self::Version => "the cursor is of an unknown version",
            Self::Kind => "the cursor's positions are of an unknown kind",
            Self::Checksum => "the cursor is damaged",
            Self::Entries => "the cursor's entries are malformed",
        })
    }
}

impl Error for InvalidCursor {}

/// Why a message was not published. Nothing has changed then, but what time has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PublishError {
    /// With its overhead the message alone exceeds `max_bytes_per_topic` or `max_bytes`.
    TooLarge,
    /// The topic does not exist, and `max_topics` do, each with followers or messages.
    TooManyTopics,
    /// The event's name is longer than
    /// [`PublishOptions::MAX_EVENT_LEN`](crate::PublishOptions::MAX_EVENT_LEN).
    EventTooLong,
    /// The conflation key is longer than [`PublishOptions::MAX_KEY_LEN`](crate::PublishOptions::MAX_KEY_LEN).
    KeyTooLong,
    /// The publisher or the idempotency key is longer than
    /// [`PublishOptions::MAX_IDEMPOTENCY_LEN`](crate::PublishOptions::MAX_IDEMPOTENCY_LEN).
    IdempotencyTooLong,
    /// Another message was published under this publisher, topic and idempotency key.
    Conflict,
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "the message is larger than a topic may hold",
            Self::TooManyTopics => "the hub holds as many topics as it may",
            Self::EventTooLong => "an event's name has at most 255 bytes",
            Self::KeyTooLong => "a conflation key has at most 255 bytes",
            Self::IdempotencyTooLong => "a publisher and an idempotency key have at most 255 bytes",
            Self::Conflict => "another message was published under this idempotency key",
        })
    }
}

impl Error for PublishError {}

/// Why a subscriber was not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectError {
    /// `max_subscribers` are connected.
    TooManySubscribers,
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooManySubscribers => "the hub serves as many subscribers as it may",
        })
    }
}

impl Error for ConnectError {}

/// Why a subscription was not made. Nothing has changed then, but what time has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubscribeError {
    /// The subscriber has left, or was told to go.
    UnknownSubscriber,
    /// The subscriber follows this topic already; its cursor is untouched.
    AlreadySubscribed,
    /// The subscriber follows `max_topics_per_subscriber` topics.
    TooManyTopicsOfSubscriber,
    /// The hub has `max_subscriptions`.
    TooManySubscriptions,
    /// The hub knows `max_policies` policies, and this is another.
    TooManyPolicies,
    /// The topic does not exist, and `max_topics` do, each with followers or messages.
    TooManyTopics,
}

impl fmt::Display for SubscribeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownSubscriber => "the subscriber has left or was told to go",
            Self::AlreadySubscribed => "the subscriber follows the topic already",
            Self::TooManyTopicsOfSubscriber => "the subscriber follows as many topics as it may",
            Self::TooManySubscriptions => "the hub has as many subscriptions as it may",
            Self::TooManyPolicies => "the hub knows as many policies as it may",
            Self::TooManyTopics => "the hub holds as many topics as it may",
        })
    }
}

impl Error for SubscribeError {}

/// Why a message was not put in a subscriber's inbox. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// The subscriber has left, or was told to go.
    UnknownSubscriber,
    /// With its overhead the message alone exceeds `max_inbox_bytes`.
    TooLarge,
    /// The inbox holds `max_inbox_messages`, or would exceed `max_inbox_bytes`.
    InboxFull,
    /// All inboxes together would exceed `max_inboxes_bytes`.
    InboxesFull,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownSubscriber => "the subscriber has left or was told to go",
            Self::TooLarge => "the message is larger than an inbox may hold",
            Self::InboxFull => "the subscriber's inbox is full",
            Self::InboxesFull => "the inboxes hold as much as they may",
        })
    }
}

impl Error for SendError {}
