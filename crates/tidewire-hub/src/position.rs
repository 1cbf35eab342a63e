//! Where a message stands: the hub's incarnation, the topic's epoch, the offset in its log.

use core::fmt;

/// One run of a hub. The caller draws it at random at each start; two hubs never share one.
///
/// A position of another incarnation means nothing here, and a resume from it is told so by a gap. As text it
/// is 16 lowercase hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation(u64);

impl Incarnation {
    /// An incarnation from 64 bits that the caller drew at random.
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

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Incarnation({:016x})", self.0)
    }
}

/// Within what offsets can be compared: one life of one topic in one incarnation of the hub.
///
/// A topic that is dropped with messages in its past starts a new life when it comes back, because its
/// offsets start again at 1. As text: the incarnation, a dot, the life (`9f86d081884c7d65.0`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch {
    /// The run of the hub.
    pub incarnation: Incarnation,
    /// Which of the topic's lives in that run; a later one has a larger number. At most [`Epoch::MAX_LIFE`].
    pub life: u64,
}

impl Epoch {
    /// The largest life, 2^53: a hub that dropped a million topics a second would reach it after 285 years.
    pub const MAX_LIFE: u64 = 1 << 53;
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.incarnation, self.life)
    }
}

/// A point in a topic's log: everything up to and including `offset` was handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The epoch that the offset belongs to.
    pub epoch: Epoch,
    /// The number of a message, 1 for the topic's first; 0 is the point before it. At most
    /// [`Position::MAX_OFFSET`].
    pub offset: u64,
}

impl Position {
    /// The largest offset, 2^53: every JSON reader holds it exactly. A topic that took a million messages a
    /// second would reach it after 285 years.
    pub const MAX_OFFSET: u64 = 1 << 53;
}
