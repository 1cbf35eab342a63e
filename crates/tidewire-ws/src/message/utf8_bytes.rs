//! Text that is shared and known to be UTF-8 (RFC 6455 §5.6).

use alloc::borrow::{Cow, ToOwned};
use alloc::string::String;
use alloc::sync::Arc;
use bytes::Bytes;
use core::fmt;
use core::ops::{Deref, Range};

/// Text that is cheap to clone and to cut, validated once: when it came over the wire, or when it was made.
///
/// As [`Bytes`] it keeps its memory: nothing is copied and nothing validated again.
///
/// ```
/// use tidewire_ws::message::Utf8Bytes;
/// let text = Utf8Bytes::from("höhe".to_owned());
/// assert_eq!(text.slice(0..3), "hö");
/// assert_eq!(text.into_bytes(), "höhe".as_bytes());
/// ```
#[derive(Clone)]
pub struct Utf8Bytes {
    owner: Owner,
    place: Range<usize>,
}

#[derive(Clone)]
enum Owner {
    Static(&'static str),
    Shared(Arc<String>),
}

impl Utf8Bytes {
    /// Text that lives as long as the program.
    #[must_use]
    pub const fn from_static(text: &'static str) -> Self {
        Self { owner: Owner::Static(text), place: 0..text.len() }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.owner {
            Owner::Static(text) => &text[self.place.clone()],
            Owner::Shared(text) => &text[self.place.clone()],
        }
    }

    /// A part of it, which shares its memory.
    ///
    /// # Panics
    /// The range is not within the text, or cuts a character.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Self {
        assert!(
            self.as_str().get(range.clone()).is_some(),
            "expected a range of whole characters within the text"
        );
        let start = self.place.start + range.start;
        Self { owner: self.owner.clone(), place: start..start + range.len() }
    }

    /// The same memory as bytes.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        match self.owner {
            Owner::Static(text) => Bytes::from_static(text[self.place].as_bytes()),
            Owner::Shared(_) => Bytes::from_owner(self),
        }
    }
}

impl From<String> for Utf8Bytes {
    fn from(text: String) -> Self {
        let place = 0..text.len();
        Self { owner: Owner::Shared(Arc::new(text)), place }
    }
}

impl From<&str> for Utf8Bytes {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

/// What an [`Event::Text`](super::Event::Text) holds: a joined text is taken over with its memory.
impl From<Cow<'_, str>> for Utf8Bytes {
    fn from(text: Cow<'_, str>) -> Self {
        text.into_owned().into()
    }
}

impl TryFrom<&[u8]> for Utf8Bytes {
    type Error = core::str::Utf8Error;

    fn try_from(bytes: &[u8]) -> Result<Self, Self::Error> {
        core::str::from_utf8(bytes).map(Self::from)
    }
}

impl Deref for Utf8Bytes {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Utf8Bytes {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<[u8]> for Utf8Bytes {
    fn as_ref(&self) -> &[u8] {
        self.as_str().as_bytes()
    }
}

impl Default for Utf8Bytes {
    fn default() -> Self {
        Self::from_static("")
    }
}

impl PartialEq for Utf8Bytes {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Utf8Bytes {}

impl PartialEq<str> for Utf8Bytes {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Utf8Bytes {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl core::hash::Hash for Utf8Bytes {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Debug for Utf8Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl fmt::Display for Utf8Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use alloc::format;
    use std::collections::HashSet;

    #[test]
    fn memory_is_shared_by_clones_by_parts_and_by_bytes() {
        let text = String::from("a longer text, höhe €");
        let place = text.as_ptr();
        let shared = Utf8Bytes::from(Cow::from(text));
        assert_eq!(shared.as_str().as_ptr(), place, "taken over");
        assert_eq!(shared.clone().as_str().as_ptr(), place);
        let part = shared.slice(2..8);
        assert_eq!((part.as_str(), part.slice(1..3).as_str()), ("longer", "on"));
        let bytes = part.into_bytes();
        assert_eq!((&bytes[..], bytes.as_ptr()), (&b"longer"[..], place.wrapping_add(2)));
        let fixed = Utf8Bytes::from_static("fixed").slice(1..3);
        assert_eq!(fixed.into_bytes(), &b"ix"[..]);
    }

    #[test]
    fn it_compares_and_prints_as_its_text() {
        let text = Utf8Bytes::from("é");
        assert_eq!((format!("{text}"), format!("{text:?}")), ("é".to_owned(), "\"é\"".to_owned()));
        assert!(text == Utf8Bytes::from_static("é") && text == *"é" && text == "é" && text.len() == 2);
        assert_eq!(HashSet::from([text.clone(), Utf8Bytes::from_static("é")]).len(), 1);
        assert_eq!((AsRef::<str>::as_ref(&text), AsRef::<[u8]>::as_ref(&text)), ("é", &[0xC3, 0xA9][..]));
        assert_eq!(Utf8Bytes::default(), "");
        assert_eq!(Utf8Bytes::try_from(&[0xC3, 0xA9][..]), Ok(text));
        assert!(Utf8Bytes::try_from(&[0xC3][..]).is_err());
    }

    #[test]
    #[should_panic(expected = "whole characters")]
    fn a_part_that_cuts_a_character_panics() {
        let _ = Utf8Bytes::from("é").slice(0..1);
    }

    #[test]
    #[should_panic(expected = "within the text")]
    fn a_part_beyond_the_end_panics_even_of_a_part() {
        let _ = Utf8Bytes::from("abc").slice(0..2).slice(0..3);
    }
}
