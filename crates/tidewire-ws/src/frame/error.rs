//! What a peer can do wrong on an open connection, and the close code that answers it (RFC 6455 §7.4.1).

use super::{CloseCode, Opcode, Rsv};
use core::fmt;

/// The peer broke the protocol, or one of our limits.
///
/// The connection has failed (§7.1.7): nothing that the peer sends afterwards is looked at.
/// [`close_code`](Self::close_code) is what the close frame that answers it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProtocolError {
    /// The opcode is one of the reserved ones, 0x3–0x7 or 0xB–0xF.
    ReservedOpcode(u8),
    /// A reserved bit is set that no extension has given a meaning.
    ReservedBits(Rsv),
    /// A client's frame came without a masking key.
    Unmasked,
    /// A server's frame came with a masking key.
    Masked,
    /// A control frame came with FIN clear.
    FragmentedControl(Opcode),
    /// A control frame declares more than 125 bytes; `length_field` is the 7-bit length, 126 or 127.
    ControlTooLong {
        /// Which control frame.
        opcode: Opcode,
        /// The 7-bit length field: 126 announces a 16-bit length, 127 a 64-bit one.
        length_field: u8,
    },
    /// The length is written in more bytes than it needs.
    LengthNotMinimal {
        /// The length in bytes that was written.
        payload_len: u64,
    },
    /// The most significant bit of a 64-bit length is set.
    LengthTopBit,
    /// A continuation frame came while no message is in progress.
    UnexpectedContinuation,
    /// A new message began before the last fragment of the one in progress; holds what it began with.
    ExpectedContinuation(Opcode),
    /// The message would be longer than the limit on its length.
    MessageTooLong {
        /// Bytes that the message would have with the frame whose header announced it.
        message_len: u64,
    },
    /// The message has more fragments than the limit on their number.
    TooManyFragments {
        /// The limit that was passed.
        max_fragments: u32,
    },
    /// A text message is not UTF-8.
    InvalidUtf8,
    /// A compressed message is not DEFLATE, or its last block does not end with it (RFC 7692 §7.2.2).
    InvalidDeflate,
    /// A close frame has a payload of one byte, where none or at least the two of a code belong.
    CloseTooShort,
    /// A close frame carries a code that must not appear on the wire.
    InvalidCloseCode(u16),
    /// The reason in a close frame is not UTF-8.
    InvalidCloseReason,
}

impl ProtocolError {
    /// The code for the close frame that answers this error.
    ///
    /// 1007 for what is not UTF-8 or not DEFLATE, 1009 for what is too long, 1008 for too many fragments, 1002 for all the rest.
    #[must_use]
    pub const fn close_code(self) -> CloseCode {
        match self {
            Self::InvalidUtf8 | Self::InvalidDeflate | Self::InvalidCloseReason => {
                CloseCode::INVALID_PAYLOAD_DATA
            }
            Self::MessageTooLong { .. } => CloseCode::MESSAGE_TOO_BIG,
            Self::TooManyFragments { .. } => CloseCode::POLICY_VIOLATION,
            Self::ReservedOpcode(_)
            | Self::ReservedBits(_)
            | Self::Unmasked
            | Self::Masked
            | Self::FragmentedControl(_)
            | Self::ControlTooLong { .. }
            | Self::LengthNotMinimal { .. }
            | Self::LengthTopBit
            | Self::UnexpectedContinuation
            | Self::ExpectedContinuation(_)
            | Self::CloseTooShort
            | Self::InvalidCloseCode(_) => CloseCode::PROTOCOL_ERROR,
        }
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::ReservedOpcode(bits) => {
                write!(f, "expected an opcode of 0x0-0x2 or 0x8-0xA, got the reserved {bits:#X}")
            }
            Self::ReservedBits(rsv) => {
                write!(f, "expected RSV1, RSV2 and RSV3 to be 0, got the bits {:#05b}", rsv.bits())
            }
            Self::Unmasked => f.write_str("expected a masked frame from a client, got an unmasked one"),
            Self::Masked => f.write_str("expected an unmasked frame from a server, got a masked one"),
            Self::FragmentedControl(opcode) => {
                write!(f, "expected FIN on a control frame, got a {opcode:?} frame without it")
            }
            Self::ControlTooLong { opcode, length_field } => write!(
                f,
                "expected at most 125 bytes in a control frame, got a {opcode:?} frame with the length field {length_field}"
            ),
            Self::LengthNotMinimal { payload_len } => {
                write!(f, "expected the shortest form of a length, got {payload_len} in a longer one")
            }
            Self::LengthTopBit => {
                f.write_str("expected a 64-bit length with its top bit 0, got one with its top bit 1")
            }
            Self::UnexpectedContinuation => {
                f.write_str("expected the first frame of a message, got a continuation frame")
            }
            Self::ExpectedContinuation(opcode) => {
                write!(f, "expected a continuation frame within a message, got a {opcode:?} frame")
            }
            Self::MessageTooLong { message_len } => {
                write!(
                    f,
                    "expected a message within the length limit, got one of at least {message_len} bytes"
                )
            }
            Self::TooManyFragments { max_fragments } => {
                write!(f, "expected at most {max_fragments} fragments in a message, got one more")
            }
            Self::InvalidUtf8 => f.write_str("expected UTF-8 in a text message, got other bytes"),
            Self::InvalidDeflate => {
                f.write_str("expected whole blocks of DEFLATE in a compressed message, got other bytes")
            }
            Self::CloseTooShort => {
                f.write_str("expected no payload or at least 2 bytes in a close frame, got 1 byte")
            }
            Self::InvalidCloseCode(code) => {
                write!(f, "expected a close code of 1000-1003, 1007-1014 or 3000-4999, got {code}")
            }
            Self::InvalidCloseReason => {
                f.write_str("expected UTF-8 as the reason of a close frame, got other bytes")
            }
        }
    }
}

impl core::error::Error for ProtocolError {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn each_error_has_its_close_code_and_says_what_was_expected_and_what_came() {
        let table = [
            (
                ProtocolError::ReservedOpcode(0xB),
                1002,
                "an opcode of 0x0-0x2 or 0x8-0xA, got the reserved 0xB",
            ),
            (ProtocolError::ReservedBits(Rsv::RSV2), 1002, "RSV1, RSV2 and RSV3 to be 0, got the bits 0b010"),
            (ProtocolError::Unmasked, 1002, "a masked frame from a client, got an unmasked one"),
            (ProtocolError::Masked, 1002, "an unmasked frame from a server, got a masked one"),
            (
                ProtocolError::FragmentedControl(Opcode::Ping),
                1002,
                "FIN on a control frame, got a Ping frame without it",
            ),
            (
                ProtocolError::ControlTooLong { opcode: Opcode::Close, length_field: 126 },
                1002,
                "at most 125 bytes in a control frame, got a Close frame with the length field 126",
            ),
            (
                ProtocolError::LengthNotMinimal { payload_len: 5 },
                1002,
                "the shortest form of a length, got 5 in a longer one",
            ),
            (
                ProtocolError::LengthTopBit,
                1002,
                "a 64-bit length with its top bit 0, got one with its top bit 1",
            ),
            (
                ProtocolError::UnexpectedContinuation,
                1002,
                "the first frame of a message, got a continuation frame",
            ),
            (
                ProtocolError::ExpectedContinuation(Opcode::Text),
                1002,
                "a continuation frame within a message, got a Text frame",
            ),
            (
                ProtocolError::MessageTooLong { message_len: 9 },
                1009,
                "a message within the length limit, got one of at least 9 bytes",
            ),
            (
                ProtocolError::TooManyFragments { max_fragments: 3 },
                1008,
                "at most 3 fragments in a message, got one more",
            ),
            (ProtocolError::InvalidUtf8, 1007, "UTF-8 in a text message, got other bytes"),
            (
                ProtocolError::InvalidDeflate,
                1007,
                "whole blocks of DEFLATE in a compressed message, got other bytes",
            ),
            (
                ProtocolError::CloseTooShort,
                1002,
                "no payload or at least 2 bytes in a close frame, got 1 byte",
            ),
            (
                ProtocolError::InvalidCloseCode(1005),
                1002,
                "a close code of 1000-1003, 1007-1014 or 3000-4999, got 1005",
            ),
            (
                ProtocolError::InvalidCloseReason,
                1007,
                "UTF-8 as the reason of a close frame, got other bytes",
            ),
        ];
        for (error, code, message) in table {
            assert_eq!(error.close_code().value(), code, "{error:?}");
            assert_eq!(format!("{error}"), format!("expected {message}"));
        }
    }

    #[test]
    fn errors_stay_small() {
        assert!(size_of::<ProtocolError>() <= 16, "{}", size_of::<ProtocolError>());
        assert!(size_of::<Result<(), ProtocolError>>() <= 16);
    }
}
