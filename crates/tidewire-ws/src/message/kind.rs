//! What a message is, and which part of it a frame carries (RFC 6455 §5.2, §5.4).

use crate::frame::Opcode;

/// The two kinds of message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// UTF-8.
    Text,
    /// Any bytes.
    Binary,
}

impl MessageKind {
    //= https://www.rfc-editor.org/rfc/rfc6455#section-6.1
    //# The opcode (frame-opcode) of the first frame containing the data MUST be
    //# set to the appropriate value from Section 5.2 for data that is to be
    //# interpreted by the recipient as text or binary data.
    #[inline]
    pub(crate) const fn opcode(self) -> Opcode {
        match self {
            Self::Text => Opcode::Text,
            Self::Binary => Opcode::Binary,
        }
    }
}

/// Whether more of its message follows a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fragment {
    /// More follows.
    More,
    /// It is the final one.
    Final,
}
