//! What received bytes make necessary at once: pongs, the echo of a close, the close frame that answers a violation
//! (RFC 6455 §5.5, §7.1.7).

use super::Writer;
use super::closing::Inbound;
use super::control_payload::ControlPayload;
use super::reader::Control;
use super::utf8::{self, InvalidUtf8};
use super::walk::{Place, Walk};
use crate::frame::{CloseFrame, ProtocolError};
use alloc::vec::Vec;
use core::ops::Range;

/// A control frame that came; what it asks for is done.
pub(crate) enum Reply<'a> {
    Ping(&'a [u8]),
    Pong(&'a [u8]),
    Close(Option<CloseFrame<'a>>),
}

impl Walk<'_> {
    /// Fails the connection: the close frame that says why goes into the output.
    #[cold]
    pub(crate) fn fail(
        &mut self,
        error: ProtocolError,
        writer: &mut Writer,
        output: &mut Vec<u8>,
    ) -> ProtocolError {
        self.consumed = self.input.len();
        self.reader.fail(error, writer, output)
    }

    /// Lends text from the input, validated.
    #[inline]
    pub(crate) fn text(
        &mut self,
        place: Range<usize>,
        writer: &mut Writer,
        output: &mut Vec<u8>,
    ) -> Result<&str, ProtocolError> {
        let Self { reader, input, consumed, .. } = self;
        utf8::validate(&input[place]).map_err(|InvalidUtf8| {
            *consumed = input.len();
            reader.fail(ProtocolError::InvalidUtf8, writer, output)
        })
    }

    /// Does what a control frame asks for, and lends its payload.
    //= https://www.rfc-editor.org/rfc/rfc6455#section-6.2
    //# If a control frame (Section 5.5) is received, the frame MUST be handled
    //# as defined by Section 5.5.
    pub(crate) fn reply(
        &mut self,
        kind: Control,
        place: Place,
        writer: &mut Writer,
        output: &mut Vec<u8>,
    ) -> Result<Reply<'_>, ProtocolError> {
        let Self { reader, input, joined, consumed } = self;
        let len = input.len();
        let payload = match place {
            Place::Input(place) => &input[place],
            Place::Joined => joined.as_deref().map_or(&[][..], ControlPayload::as_slice),
        };
        match kind {
            Control::Ping => {
                writer.answer_ping(payload, output);
                Ok(Reply::Ping(payload))
            }
            Control::Pong => Ok(Reply::Pong(payload)),
            Control::Close => {
                *consumed = len;
                match CloseFrame::decode(payload) {
                    Ok(frame) => {
                        reader.end(Inbound::CloseReceived);
                        writer.answer_close(frame.map(|frame| frame.code()), output);
                        Ok(Reply::Close(frame))
                    }
                    Err(error) => Err(reader.fail(error, writer, output)),
                }
            }
        }
    }
}
