//! Frames: the base framing protocol (RFC 6455 §5.2–§5.5), without any notion of a message.

mod opcode;

mod header;

mod mask;

mod close;

mod decoder;

mod encoded;

mod error;

pub use close::{CloseCode, CloseFrame, InvalidCloseCode, ReasonTooLong};
pub use decoder::{Decoder, Piece, Pieces};
pub use encoded::{EncodedFrame, EncodedHeader, encode_frame, header_for};
pub use error::ProtocolError;
pub use header::{Header, Rsv};
pub use mask::{MaskingKey, mask};
pub use opcode::Opcode;

pub(crate) use close::MAX_CLOSE_PAYLOAD_LEN;
pub(crate) use decoder::{PartialHeader, PartialPayload};
pub(crate) use encoded::append_frame;
pub(crate) use mask::{append_masked, masked};

/// The most bytes that a frame header takes: two, an eight-byte length and a masking key.
pub const MAX_HEADER_LEN: usize = 14;

/// The most payload bytes that a control frame may carry.
pub const MAX_CONTROL_PAYLOAD_LEN: usize = 125;
