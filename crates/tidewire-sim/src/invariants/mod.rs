//! What must hold, and how it is told when it does not.
//!
//! | Room | What it looks after |
//! |---|---|
//! | `watch` | one end, step by step: its deadlines, its counters, its memory, the silence behind its end |
//! | `reasons` | why a connection was ended, against what was in its way |
//! | `bounds` | that whoever is cut off learns of it in time, and that what is sent arrives |

mod bounds;
mod reasons;
mod watch;

pub(crate) use bounds::overdue;
pub(crate) use reasons::{CLOSE, source_reason, stream_reason, timeout_reason, websocket_reason};
pub(crate) use watch::{Phase, Seen, Watch};

/// What must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invariant {
    /// Every message once, in order and whole, or the end is told, in bounded time; no message behind the end.
    Delivery,
    /// Every deadline within a tick of its time.
    Deadline,
    /// Nothing behind the end; the first record stands.
    End,
    /// What is counted adds up.
    Usage,
    /// Memory within its limits.
    Memory,
    /// Nobody is ended without a reason.
    Reason,
    /// A half-open peer is found.
    HalfOpen,
    /// A reader of a hub misses nothing that it is not told of.
    Loss,
    /// In a topic each message comes once, and behind those before it.
    Order,
    /// A gap says what is lost, and is told for a reason.
    Gap,
    /// A token is where its reader is, in its topics and no others; a position is one message for ever.
    Token,
    /// A hub keeps within its budget, and makes room by its rule.
    Budget,
    /// Who is not served costs its cursors and what is on its way.
    Lag,
    /// Nobody who has something to take waits for long while others are served.
    Fairness,
    /// Whoever is left in peace has all there is.
    CaughtUp,
}

/// One that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Breach {
    pub(crate) invariant: Invariant,
    pub(crate) expected: String,
    pub(crate) got: String,
}

impl Breach {
    pub(crate) fn new(
        invariant: Invariant,
        expected: impl Into<String>,
        got: impl Into<String>,
    ) -> Box<Self> {
        Box::new(Self { invariant, expected: expected.into(), got: got.into() })
    }
}

/// The outcome of a check. A breach is rare and large, so it is boxed.
pub(crate) type Checked = Result<(), Box<Breach>>;

/// A check, in a line.
pub(crate) fn check(holds: bool, breach: impl FnOnce() -> Box<Breach>) -> Checked {
    if holds { Ok(()) } else { Err(breach()) }
}
