//! Why a frame was not queued (RFC 6455 §5.4, §5.5).

use super::MessageKind;
use crate::frame::{MAX_CONTROL_PAYLOAD_LEN, ReasonTooLong};
use core::fmt;

/// Why a frame was not queued. Nothing of it is in the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// Our close frame is out, or the connection is over: nothing more can be sent.
    NotOpen,
    /// A message that is sent in pieces is not whole yet, and nothing but its next piece and control frames may come.
    WithinMessage(MessageKind),
    /// A ping or pong may have 125 bytes of payload at most.
    ControlTooLong {
        /// Bytes that were given.
        payload_len: usize,
    },
    /// The reason of a close frame may have 123 bytes at most.
    ReasonTooLong {
        /// Bytes that were given.
        reason_len: usize,
    },
    /// A client has to mask each frame with a key of its own, so it cannot send a shared one.
    MustMask,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NotOpen => f.write_str("the connection is closing or over: nothing more is sent"),
            Self::WithinMessage(kind) => {
                write!(f, "expected the next piece of the {kind:?} message in progress, got something else")
            }
            Self::ControlTooLong { payload_len } => {
                write!(
                    f,
                    "expected at most {MAX_CONTROL_PAYLOAD_LEN} bytes in a control frame, got {payload_len}"
                )
            }
            Self::ReasonTooLong { reason_len } => ReasonTooLong { reason_len }.fmt(f),
            Self::MustMask => f.write_str("a client cannot send an unmasked frame"),
        }
    }
}

impl core::error::Error for SendError {}

impl From<ReasonTooLong> for SendError {
    fn from(error: ReasonTooLong) -> Self {
        Self::ReasonTooLong { reason_len: error.reason_len }
    }
}
