//! A user's id and info: values that cannot be out of bounds, shared by reference wherever they are told.

use alloc::sync::Arc;
use core::fmt;
use core::str::FromStr;

use super::error::{InvalidInfo, InvalidUserId};
use crate::names::{TopicName, USER};

/// Names a user: 1–249 bytes of UTF-8 without control characters (C0, DEL, C1), so that each has a topic of
/// its own, [`TopicName::user`]. A clone is one reference more.
///
/// Ids are ordered by their bytes; lists and diffs are in that order.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(Arc<str>);

impl UserId {
    /// The longest id, in bytes.
    pub const MAX_LEN: usize = TopicName::MAX_LEN - USER.len();

    /// An id as the program around knows its users.
    ///
    /// # Errors
    /// [`InvalidUserId`] says what is wrong with the id.
    pub fn new(id: &str) -> Result<Self, InvalidUserId> {
        if id.is_empty() {
            return Err(InvalidUserId::Empty);
        }
        if id.len() > Self::MAX_LEN {
            return Err(InvalidUserId::TooLong);
        }
        if id.chars().any(char::is_control) {
            return Err(InvalidUserId::ControlCharacter);
        }
        Ok(Self(id.into()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UserId {
    type Err = InvalidUserId;

    /// As [`UserId::new`].
    fn from_str(id: &str) -> Result<Self, InvalidUserId> {
        Self::new(id)
    }
}

impl AsRef<str> for UserId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// What others see of a user: at most 1,024 bytes that mean nothing here. A clone is one reference more; the
/// empty one, which is the default, costs nothing.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Info(Option<Arc<[u8]>>);

impl Info {
    /// The most that it may hold, in bytes.
    pub const MAX_LEN: usize = 1024;

    /// A copy of these bytes.
    ///
    /// # Errors
    /// [`InvalidInfo`] when they are more than [`Info::MAX_LEN`].
    pub fn new(bytes: &[u8]) -> Result<Self, InvalidInfo> {
        if bytes.len() > Self::MAX_LEN {
            return Err(InvalidInfo);
        }
        Ok(Self((!bytes.is_empty()).then(|| bytes.into())))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }
}

impl AsRef<[u8]> for Info {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl fmt::Debug for Info {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Info(\"{}\")", self.as_bytes().escape_ascii())
    }
}
