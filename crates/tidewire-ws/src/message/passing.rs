//! The bytes of a message on their way from the input into what is joined or lent: inflated where they are compressed
//! (RFC 6455 §6.2, RFC 7692 §6.2).

use super::assembly::{Joined, Passed};
use super::walk::{Begun, Coding, Following, Walk};
use crate::frame::ProtocolError;
use core::ops::Range;
#[cfg(feature = "deflate")]
use {
    super::MessageKind,
    super::assembly::Assembly,
    super::utf8::InvalidUtf8,
    alloc::{string::String, vec::Vec},
};

impl Walk<'_> {
    /// Takes the next piece of a message as something to lend at once.
    pub(crate) fn pass(
        &mut self,
        begun: Begun,
        place: Range<usize>,
        following: Following,
    ) -> Result<Passed, ProtocolError> {
        let Self { reader, input, .. } = self;
        let piece = &input[place];
        let passed = match begun.coding {
            Coding::Plain => reader.assembly.pass(begun.kind, piece)?,
            #[cfg(feature = "deflate")]
            Coding::Deflated => {
                let mut inflated = match &mut reader.inflation {
                    Some(inflation) => inflation.pass(piece, following)?,
                    // Without it no such message begins.
                    None => Vec::new(),
                };
                match reader.assembly.pass(begun.kind, &inflated)? {
                    Passed::Joined(joined) => Passed::Joined(joined),
                    Passed::Input(len) => {
                        inflated.truncate(len);
                        Passed::Joined(owned(begun.kind, inflated)?)
                    }
                }
            }
        };
        match following {
            Following::Bytes(_) | Following::Frames => {}
            // A text may not end within a character; there is nothing else left.
            Following::Nothing => drop(reader.assembly.finish()?),
        }
        Ok(passed)
    }

    /// Takes the next piece of a message; gives the message when it is whole.
    pub(crate) fn join(
        &mut self,
        begun: Begun,
        place: Range<usize>,
        following: Following,
    ) -> Result<Option<Joined>, ProtocolError> {
        let Self { reader, input, .. } = self;
        let piece = &input[place];
        match begun.coding {
            Coding::Plain => reader.assembly.append(begun.kind, piece, following)?,
            #[cfg(feature = "deflate")]
            Coding::Deflated => {
                // Without compression no such message begins.
                let Some(inflation) = &mut reader.inflation else { return Ok(None) };
                let Some(inflated) = inflation.join(piece, following)? else { return Ok(None) };
                if !reader.assembly.is_within_character() {
                    // Of a beginning that was lent nothing may be left to the next message.
                    reader.assembly = Assembly::IDLE;
                    return owned(begun.kind, inflated).map(Some);
                }
                // The beginning of the message was lent, up to within a character.
                reader.assembly.append(begun.kind, &inflated, Following::Nothing)?;
            }
        }
        match following {
            Following::Bytes(_) | Following::Frames => Ok(None),
            Following::Nothing => Ok(reader.assembly.finish()?),
        }
    }
}

/// Bytes as what they are to be.
#[cfg(feature = "deflate")]
fn owned(kind: MessageKind, bytes: Vec<u8>) -> Result<Joined, ProtocolError> {
    match kind {
        MessageKind::Text => {
            String::from_utf8(bytes).map(Joined::Text).map_err(|_| ProtocolError::from(InvalidUtf8))
        }
        MessageKind::Binary => Ok(Joined::Binary(bytes)),
    }
}
