//! The closing handshake (RFC 6455 §5.5.1, §7.1): the states of the two halves, and how a connection ended.

use super::walk::Begun;

/// What the reader still takes from the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inbound {
    /// Frames are expected.
    Open,
    /// The peer's close frame came: it was the last.
    CloseReceived,
    /// The peer broke the protocol: nothing more is looked at (§7.1.7).
    Failed,
    /// The stream ended, in this way.
    Ended(Eof),
}

/// What the writer may still send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outbound {
    /// Anything.
    Open,
    /// The next piece of this message, and control frames.
    Within(Begun),
    /// Our close frame is in the output: it was the last.
    CloseSent,
}

/// How the peer's stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Eof {
    /// After the closing handshake: the connection was closed cleanly (§7.1.4).
    Clean,
    /// Between two messages, without a close frame. In an API the code for it is 1006 (§7.1.5).
    WithoutClose,
    /// Inside a message or a frame, which is lost. In an API the code for it is 1006.
    Truncated,
    /// After the peer had broken the protocol, which was reported then.
    AfterFailure,
}

impl Eof {
    /// Whether the connection was closed cleanly.
    //= https://www.rfc-editor.org/rfc/rfc6455#section-7.1.4
    //# If the TCP connection was closed after the
    //# WebSocket closing handshake was completed, the WebSocket connection
    //# is said to have been closed _cleanly_.
    #[must_use]
    pub const fn is_clean(self) -> bool {
        matches!(self, Self::Clean)
    }
}
