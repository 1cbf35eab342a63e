//! Names that cannot hold a bad value: a topic's name and a connection's id.

use alloc::sync::Arc;
use core::fmt;
use core::str::FromStr;

use crate::error::{InvalidConnectionId, InvalidTopicName};
use crate::presence::UserId;

/// What the names of users' topics start with.
pub(crate) const USER: &str = "$user:";

/// The name of a topic: 1–255 bytes of UTF-8 without control characters (C0, DEL, C1).
///
/// Names that start with `$` are reserved for the program around the hub: [`TopicName::new`] refuses them, so
/// that a name given by a client can never be one; [`TopicName::reserved`] makes them. A clone is one
/// reference more.
///
/// ```
/// use tidewire_hub::{InvalidTopicName, TopicName};
///
/// assert_eq!(TopicName::new("room/1")?.as_str(), "room/1");
/// assert_eq!(TopicName::new("$user:7"), Err(InvalidTopicName::Reserved));
/// assert!(TopicName::reserved("$user:7")?.is_reserved());
/// # Ok::<(), InvalidTopicName>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicName(Arc<str>);

impl TopicName {
    /// The longest name, in bytes.
    pub const MAX_LEN: usize = 255;

    /// A name as a client may give it.
    ///
    /// # Errors
    /// [`InvalidTopicName`] says what is wrong with the name.
    pub fn new(name: &str) -> Result<Self, InvalidTopicName> {
        if name.starts_with('$') {
            return Err(InvalidTopicName::Reserved);
        }
        Self::checked(name)
    }

    /// A name that starts with `$`, which no client can give.
    ///
    /// # Errors
    /// [`InvalidTopicName::NotReserved`] when it does not start with `$`, and as [`TopicName::new`] otherwise.
    pub fn reserved(name: &str) -> Result<Self, InvalidTopicName> {
        if !name.is_empty() && !name.starts_with('$') {
            return Err(InvalidTopicName::NotReserved);
        }
        Self::checked(name)
    }

    /// The topic of a user, `$user:` and the id: what is published there reaches all of the user's
    /// connections, and who comes back finds what it missed, as in any other topic. Each [`UserId`] has one.
    ///
    /// ```
    /// # use tidewire_hub::{TopicName, presence::UserId};
    /// assert_eq!(TopicName::user(&UserId::new("7")?).as_str(), "$user:7");
    /// # Ok::<(), tidewire_hub::presence::InvalidUserId>(())
    /// ```
    #[must_use]
    pub fn user(id: &UserId) -> Self {
        Self([USER, id.as_str()].concat().into())
    }

    fn checked(name: &str) -> Result<Self, InvalidTopicName> {
        if name.is_empty() {
            return Err(InvalidTopicName::Empty);
        }
        if name.len() > Self::MAX_LEN {
            return Err(InvalidTopicName::TooLong);
        }
        if name.chars().any(char::is_control) {
            return Err(InvalidTopicName::ControlCharacter);
        }
        Ok(Self(name.into()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the name starts with `$`.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        self.0.starts_with('$')
    }
}

impl FromStr for TopicName {
    type Err = InvalidTopicName;

    /// As [`TopicName::new`].
    fn from_str(name: &str) -> Result<Self, InvalidTopicName> {
        Self::new(name)
    }
}

impl AsRef<str> for TopicName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Names one connection to the world; a publisher gives it to be left out of its own message.
///
/// The caller draws it at random, so that nobody can guess another's. As text it is 16 lowercase hex digits.
///
/// ```
/// use tidewire_hub::ConnectionId;
///
/// let id = ConnectionId::new(0x1f);
/// assert_eq!(id.to_string(), "000000000000001f");
/// assert_eq!("000000000000001f".parse(), Ok(id));
/// assert!("1F".parse::<ConnectionId>().is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(u64);

impl ConnectionId {
    /// An id from 64 bits that the caller drew at random.
    #[must_use]
    pub const fn new(drawn: u64) -> Self {
        Self(drawn)
    }

    /// The bits it was made from.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

impl FromStr for ConnectionId {
    type Err = InvalidConnectionId;

    /// Reads exactly 16 lowercase hex digits.
    fn from_str(text: &str) -> Result<Self, InvalidConnectionId> {
        let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != 16 || !text.bytes().all(digit) {
            return Err(InvalidConnectionId);
        }
        u64::from_str_radix(text, 16).map(Self).map_err(|_| InvalidConnectionId)
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConnectionId({:016x})", self.0)
    }
}
