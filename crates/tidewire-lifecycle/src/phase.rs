//! The phases of a connection.

/// Where in its life a connection is.
///
/// ```text
///   Opening ──opened──▶ Open ──close──▶ Closing ──closed──▶ Closed
///      └──────────────── close ─────────────▲                 ▲
///      └──────────────── closed (from any phase) ─────────────┘
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The opening handshake is under way.
    Opening,
    /// Messages flow.
    Open,
    /// The end has begun; deadlines bound it.
    Closing,
    /// Over. Nothing happens any more.
    Closed,
}

impl Phase {
    /// Every phase, in the order of a life.
    pub const ALL: [Self; 4] = [Self::Opening, Self::Open, Self::Closing, Self::Closed];
}
