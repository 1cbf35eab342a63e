//! The composite cursor: the positions reached in several topics, which every transport carries as one token.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use crate::error::InvalidCursor;
use crate::gap::Start;
use crate::names::TopicName;
use crate::position::{Epoch, Incarnation, Position};
use crate::siphash::{Key, siphash};
use crate::token;

/// The positions reached in a set of topics of one hub. As text, an opaque token.
///
/// The same token is the `id:` of an SSE event, the `cursor` of a record, and the parameter of a resume over
/// any transport. Its format is this:
///
/// | Bytes | What |
/// |---|---|
/// | 1 | `0x10`: version 1 in the high four bits; `0x08` is set when the hashes are wide; the low three bits are the kind of position, 0 for this hub's own |
/// | 8 | the hub's incarnation, big-endian |
/// | per topic 4, or 8 | the high bytes of the name's hash, big-endian: SipHash-2-4 under the key `tidewire`, `topic v1` |
/// | per topic 1–8 | varint: 0 when no position is known; else the offset plus one, times two, plus one if a life follows |
/// | per topic 0–8 | varint: the life of the topic, left out when it is 0 |
/// | 2 | CRC-16/CCITT-FALSE of all bytes before, big-endian |
///
/// The topics are in the order of their hashes. Four bytes of each hash are enough until two of the token's
/// topics share them; then all hashes have eight. Two topics that share even eight have one entry, without a
/// position: a resume of either is a gap rather than the other's position. (A topic that is not in a token,
/// and shares four bytes with one that is, starts at that one's offset: for a name that nobody chose to that
/// end a chance of one in four billion. It then gets more than a live start would give, or a gap, and never
/// less.) Varints are little-endian base 128 in their shortest form. The bytes are written in base64url
/// without padding. There is one token for each cursor, and [`Cursor::parse`] takes no other text; a token
/// with any one character changed is refused.
///
/// A token is no secret and no proof: whoever forges one gets the messages of topics that they may follow,
/// from a place of their choice, or a gap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub(crate) incarnation: Incarnation,
    pub(crate) width: Width,
    /// In the order of their hashes, which are distinct within the width.
    pub(crate) entries: Vec<CursorEntry>,
}

/// How much of each name's hash a token carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Width {
    Narrow,
    Wide,
}

/// A topic's name in tokens. In a narrow cursor the low half is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NameHash(pub(crate) u64);

/// Public and the same for ever: any program must find a topic in any token.
const NAME_KEY: Key = Key(u64::from_le_bytes(*b"tidewire"), u64::from_le_bytes(*b"topic v1"));

impl NameHash {
    pub(crate) fn of(name: &TopicName) -> Self {
        Self(siphash::<2, 4>(NAME_KEY, name.as_str().as_bytes()))
    }

    pub(crate) fn within(self, width: Width) -> Self {
        match width {
            Width::Narrow => Self(self.0 & 0xFFFF_FFFF_0000_0000),
            Width::Wide => self,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CursorEntry {
    pub(crate) name: NameHash,
    pub(crate) reached: Reached,
}

/// How far a topic was handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reached {
    /// Nobody can tell: a resume is a gap.
    Unknown,
    /// Up to and including the offset.
    Offset { life: u64, offset: u64 },
}

impl Reached {
    pub(crate) fn up_to(position: Position) -> Self {
        if position.offset > Position::MAX_OFFSET || position.epoch.life > Epoch::MAX_LIFE {
            return Self::Unknown;
        }
        Self::Offset { life: position.epoch.life, offset: position.offset }
    }
}

impl Cursor {
    /// The most topics in one token.
    pub const MAX_TOPICS: usize = 256;

    /// The longest token, in characters; [`Cursor::parse`] looks no further into a longer text.
    pub const MAX_LEN: usize = token::MAX_LEN;

    /// The cursor that a single topic's position makes: what goes with the answer to a publish.
    #[must_use]
    pub fn for_position(topic: &TopicName, position: Position) -> Self {
        Self::build(position.epoch.incarnation, [(NameHash::of(topic), Reached::up_to(position))])
    }

    pub(crate) fn build(
        incarnation: Incarnation,
        reached: impl IntoIterator<Item = (NameHash, Reached)>,
    ) -> Self {
        let mut entries: Vec<CursorEntry> =
            reached.into_iter().map(|(name, reached)| CursorEntry { name, reached }).collect();
        entries.sort_by_key(|entry| entry.name);
        entries.dedup_by(|later, kept| {
            let same = later.name == kept.name;
            if same {
                kept.reached = Reached::Unknown;
            }
            same
        });
        let narrow = |entry: &CursorEntry| entry.name.within(Width::Narrow);
        let collide = entries.windows(2).any(|pair| narrow(&pair[0]) == narrow(&pair[1]));
        let width = if collide { Width::Wide } else { Width::Narrow };
        for entry in &mut entries {
            entry.name = entry.name.within(width);
        }
        Self { incarnation, width, entries }
    }

    /// Reads a token.
    ///
    /// A client that came with a token that is refused starts at [`Start::Unknown`], to be told of a gap.
    ///
    /// # Errors
    /// [`InvalidCursor`] for every text that [`Cursor::encode`] does not write.
    pub fn parse(text: &str) -> Result<Self, InvalidCursor> {
        token::decode(text)
    }

    /// The token, at most [`Cursor::MAX_LEN`] characters of base64url.
    #[must_use]
    pub fn encode(&self) -> String {
        token::encode(self)
    }

    /// The run of the hub that the positions belong to.
    #[must_use]
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// How many topics it has positions of.
    #[must_use]
    pub fn topics(&self) -> usize {
        self.entries.len()
    }

    /// Where a subscription to `topic` starts for somebody who comes with this cursor: after the position
    /// reached, live if the cursor does not have the topic. Topics of the cursor that nobody asks for are
    /// ignored.
    #[must_use]
    pub fn start(&self, topic: &TopicName) -> Start {
        self.start_of(NameHash::of(topic))
    }

    fn start_of(&self, name: NameHash) -> Start {
        let name = name.within(self.width);
        let Ok(index) = self.entries.binary_search_by_key(&name, |entry| entry.name) else {
            return Start::Live;
        };
        match self.entries[index].reached {
            Reached::Unknown => Start::Unknown,
            Reached::Offset { life, offset } => {
                Start::After(Position { epoch: Epoch { incarnation: self.incarnation, life }, offset })
            }
        }
    }
}

impl FromStr for Cursor {
    type Err = InvalidCursor;

    /// As [`Cursor::parse`].
    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        Self::parse(text)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.encode())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    const HUB: Incarnation = Incarnation::new(0x0123_4567_89AB_CDEF);

    fn at(life: u64, offset: u64) -> Reached {
        Reached::Offset { life, offset }
    }

    fn start(life: u64, offset: u64) -> Start {
        Start::After(Position { epoch: Epoch { incarnation: HUB, life }, offset })
    }

    #[test]
    fn names_that_share_four_bytes_widen_the_whole_token() {
        let (a, b, other) = (
            NameHash(0xAAAA_AAAA_0000_0001),
            NameHash(0xAAAA_AAAA_0000_0002),
            NameHash(0xBBBB_BBBB_0000_0003),
        );
        let cursor = Cursor::build(HUB, [(b, at(0, 2)), (other, at(0, 3)), (a, at(0, 1))]);
        assert_eq!(cursor.width, Width::Wide);
        let parsed = Cursor::parse(&cursor.to_string()).unwrap();
        assert_eq!(parsed, cursor);
        for (name, offset) in [(a, 1), (b, 2), (other, 3)] {
            assert_eq!(parsed.start_of(name), start(0, offset));
        }
        assert_eq!(parsed.start_of(NameHash(0xAAAA_AAAA_0000_0003)), Start::Live);
    }

    #[test]
    fn names_that_share_all_eight_bytes_have_no_position() {
        let (twin, other) = (NameHash(7 << 32), NameHash(8 << 32));
        let cursor = Cursor::build(HUB, [(twin, at(0, 9)), (other, at(1, 4)), (twin, at(0, 5))]);
        let parsed = Cursor::parse(&cursor.to_string()).unwrap();
        assert_eq!((parsed.topics(), parsed.width), (2, Width::Narrow));
        assert_eq!(parsed.start_of(twin), Start::Unknown);
        assert_eq!(parsed.start_of(other), start(1, 4));
    }

    #[test]
    fn three_twins_have_one_entry() {
        let twin = NameHash(7 << 32);
        let cursor = Cursor::build(HUB, [(twin, at(0, 9)), (twin, at(0, 9)), (twin, at(0, 9))]);
        assert_eq!(cursor.topics(), 1);
        assert_eq!(cursor.start_of(twin), Start::Unknown);
    }

    #[test]
    fn an_offset_beyond_the_largest_is_not_known() {
        let topic = TopicName::new("t").unwrap();
        let epoch = Epoch { incarnation: HUB, life: 0 };
        let largest = Position { epoch, offset: Position::MAX_OFFSET };
        let beyond = Position { epoch, offset: Position::MAX_OFFSET + 1 };
        assert_eq!(Cursor::for_position(&topic, largest).start(&topic), Start::After(largest));
        assert_eq!(Cursor::for_position(&topic, beyond).start(&topic), Start::Unknown);
    }
}
