//! How a connection ended: by whom, why, and whether the closing handshake was completed (RFC 6455 §7.1).

use alloc::boxed::Box;
use core::fmt;
use tidewire_lifecycle::Timer;
use tidewire_ws::{
    frame::{CloseCode, ProtocolError},
    message::Eof,
};

/// One of the two ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// We.
    Local,
    /// The peer, or the network that stood for it.
    Remote,
}

/// Whether both close frames were exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClosingHandshake {
    /// Both were: the connection was closed cleanly (§7.1.4).
    Complete,
    /// One at least was not.
    Incomplete,
}

/// Why a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// A close frame asked for it: the peer's when the peer ended it, else ours.
    Close {
        /// Its code; `None` when it had no body.
        code: Option<CloseCode>,
        /// Its reason, which may be empty.
        reason: Box<str>,
    },
    /// The peer broke the protocol; it was told the error's close code.
    Violation(ProtocolError),
    /// A deadline passed.
    Timeout(Timer),
    /// The peer's stream ended without a close frame.
    Eof(Eof),
    /// The transport failed.
    Transport,
}

/// The final record of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Who began the end.
    pub by: Endpoint,
    /// Why.
    pub cause: Cause,
    /// How far the closing handshake came.
    pub closing_handshake: ClosingHandshake,
}

impl Ended {
    pub(super) fn incomplete(by: Endpoint, cause: Cause) -> Self {
        Self { by, cause, closing_handshake: ClosingHandshake::Incomplete }
    }

    /// Whether a client does well to come back, as [`Reconnect`](tidewire_lifecycle::reconnect::Reconnect) says: not when
    /// it closed by itself, not when the server has done what it was to do (1000), and not when it would be refused again,
    /// for what it sent (1002, 1003, 1007, 1008, 1009, 1010) or for its credentials (3000, 3003, and of the application's
    /// own codes 4400 to 4499, which are read like those of HTTP, so 4408, 4425 and 4429 may pass). After any other code, and
    /// without one, it does.
    #[must_use]
    pub fn invites_back(&self) -> bool {
        match (&self.cause, self.by) {
            (Cause::Close { code: Some(code), .. }, Endpoint::Remote) => match code.value() {
                1000 | 1002 | 1003 | 1007..=1010 | 3000 | 3003 => false,
                4408 | 4425 | 4429 => true,
                4400..=4499 => false,
                _ => true,
            },
            (Cause::Close { .. }, Endpoint::Local) | (Cause::Violation(_), _) => false,
            (Cause::Close { code: None, .. }, Endpoint::Remote) => true,
            (Cause::Timeout(_) | Cause::Eof(_) | Cause::Transport, _) => true,
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = match self.by {
            Endpoint::Local => "local",
            Endpoint::Remote => "remote",
        };
        match &self.cause {
            Cause::Close { code: Some(code), reason } => {
                write!(f, "{by} close {}", code.value())?;
                if reason.is_empty() { Ok(()) } else { write!(f, " ({reason})") }
            }
            Cause::Close { code: None, .. } => write!(f, "{by} close without a code"),
            Cause::Violation(error) => write!(f, "{by} violation: {error}"),
            Cause::Timeout(timer) => write!(f, "{by} timeout: {timer}"),
            Cause::Eof(_) => write!(f, "{by} end of stream without a close frame"),
            Cause::Transport => write!(f, "{by} transport error"),
        }
    }
}
