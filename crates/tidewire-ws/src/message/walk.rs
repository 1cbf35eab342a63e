//! Walks through received bytes, frame by frame, and says which of them are what (RFC 6455 §5.2, §5.4).
//!
//! It gives places in the input, unmasked, and keeps nothing of a message: [`Events`](super::Events) joins them,
//! [`Pieces`](super::Pieces) lends them as they come.

use super::control_payload::ControlPayload;
use super::reader::{Admitted, Control, Position, Progress};
use super::{Fragment, MessageKind, Reader};
use crate::frame::{Header, Opcode, PartialPayload, ProtocolError, Rsv, mask};
use alloc::boxed::Box;
use core::ops::Range;

/// How the payload of a message is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    /// As it is.
    Plain,
    /// Compressed (RFC 7692 §6).
    #[cfg(feature = "deflate")]
    Deflated,
}

impl Coding {
    /// The reserved bits of a message's first frame.
    //= https://www.rfc-editor.org/rfc/rfc6455#section-5.2
    //# frame-rsv1              = %x0 / %x1
    //#                           ; 1 bit in length, MUST be 0 unless
    //#                           ; negotiated otherwise
    //= https://www.rfc-editor.org/rfc/rfc6455#section-5.2
    //# frame-rsv2              = %x0 / %x1
    //#                           ; 1 bit in length, MUST be 0 unless
    //#                           ; negotiated otherwise
    //= https://www.rfc-editor.org/rfc/rfc6455#section-5.2
    //# frame-rsv3              = %x0 / %x1
    //#                           ; 1 bit in length, MUST be 0 unless
    //#                           ; negotiated otherwise
    pub(crate) fn rsv(self) -> Rsv {
        match self {
            Self::Plain => Rsv::NONE,
            #[cfg(feature = "deflate")]
            Self::Deflated => Rsv::RSV1,
        }
    }
}

/// The most bytes that are given at once, by how they are written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MaxLen {
    pub(crate) plain: usize,
    #[cfg(feature = "deflate")]
    pub(crate) deflated: usize,
}

impl MaxLen {
    fn of(self, coding: Coding) -> usize {
        match coding {
            Coding::Plain => self.plain,
            #[cfg(feature = "deflate")]
            Coding::Deflated => self.deflated,
        }
    }
}

/// What a message is, as its first frame said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Begun {
    pub(crate) kind: MessageKind,
    pub(crate) coding: Coding,
}

/// What follows a piece of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Following {
    /// Nothing: the message is whole.
    Nothing,
    /// So many bytes, and then it is whole.
    Bytes(u64),
    /// Nobody knows: more frames follow.
    Frames,
}

/// The next thing in the input.
pub(crate) enum Part {
    /// A whole message, in one frame.
    Whole(Begun, Range<usize>),
    /// More of a message; empty where a frame is.
    Piece(Begun, Range<usize>, Following),
    /// A control frame.
    Control(Control, Place),
}

/// Where a control frame's payload is.
pub(crate) enum Place {
    Input(Range<usize>),
    Joined,
}

/// The walk through one input.
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    pub(crate) reader: &'a mut Reader,
    pub(crate) input: &'a mut [u8],
    pub(crate) consumed: usize,
    /// The payload of the last control frame, where it was joined from pieces.
    pub(crate) joined: Option<Box<ControlPayload>>,
}

impl<'a> Walk<'a> {
    #[inline]
    pub(crate) fn new(reader: &'a mut Reader, input: &'a mut [u8]) -> Self {
        Self { reader, input, consumed: 0, joined: None }
    }

    /// The next part, or `None` when all of the input is read.
    //= https://www.rfc-editor.org/rfc/rfc6455#section-6.2
    //# Incoming data MUST be parsed as WebSocket frames as defined in Section
    //# 5.2.
    #[inline]
    pub(crate) fn next(&mut self, max_len: MaxLen) -> Result<Option<Part>, ProtocolError> {
        loop {
            if !self.reader.wants_read() {
                self.consumed = self.input.len();
            }
            if self.consumed == self.input.len() && !self.reader.has_frame_end() {
                return Ok(None);
            }
            let part = match &mut self.reader.position {
                Position::Header(partial) => match partial.decode(&self.input[self.consumed..])? {
                    Some((header, used)) => {
                        self.consumed += used;
                        self.begin(&header, max_len)?
                    }
                    None => {
                        self.consumed = self.input.len();
                        None
                    }
                },
                Position::Data(payload, fragment) => {
                    let max_len = max_len.of(self.reader.message.begun().coding);
                    let len = max_len.min(self.input.len() - self.consumed);
                    let place = self.consumed..self.consumed + len;
                    let len = payload.unmask(&mut self.input[place]);
                    let (remaining, fragment) = (payload.remaining(), *fragment);
                    Some(self.piece(len, remaining, fragment))
                }
                Position::Control(..) => self.control(),
            };
            if part.is_some() {
                return Ok(part);
            }
        }
    }

    /// A frame begins. Where its payload lies whole in the input, it is given from there.
    #[inline]
    fn begin(&mut self, header: &Header, max_len: MaxLen) -> Result<Option<Part>, ProtocolError> {
        let admitted = self.reader.admit(header)?;
        let available = self.input.len() - self.consumed;
        let whole = usize::try_from(header.payload_len).ok().filter(|len| *len <= available);
        Ok(match admitted {
            Admitted::Data(begun) => {
                let whole = whole.filter(|len| *len <= max_len.of(begun.coding));
                self.begin_data(header, begun, whole)
            }
            Admitted::Control(kind) => match whole {
                Some(len) => Some(Part::Control(kind, Place::Input(self.unmask(header, len)))),
                None => {
                    self.reader.position = Position::Control(PartialPayload::of(header), kind);
                    None
                }
            },
        })
    }

    //= https://www.rfc-editor.org/rfc/rfc6455#section-5.4
    //# Clients and servers MUST support receiving both fragmented and
    //# unfragmented messages.
    #[inline]
    fn begin_data(&mut self, header: &Header, begun: Begun, whole: Option<usize>) -> Option<Part> {
        match whole {
            Some(len) if header.fin && header.opcode != Opcode::Continuation => {
                let place = self.unmask(header, len);
                return Some(Part::Whole(begun, place));
            }
            Some(_) | None => {}
        }
        self.reader.message.add(begun, header.payload_len);
        let fragment = if header.fin { Fragment::Final } else { Fragment::More };
        if header.payload_len == 0 {
            return Some(self.piece(0, 0, fragment));
        }
        self.reader.position = Position::Data(PartialPayload::of(header), fragment);
        None
    }

    //= https://www.rfc-editor.org/rfc/rfc6455#section-6.2
    //# A server MUST remove masking for data frames received from a client as
    //# described in Section 5.3.
    #[inline]
    fn unmask(&mut self, header: &Header, len: usize) -> Range<usize> {
        let place = self.consumed..self.consumed + len;
        if let Some(key) = header.masking_key {
            mask(&mut self.input[place.clone()], key, 0);
        }
        self.consumed = place.end;
        place
    }

    /// The next `len` bytes of the message in progress; `remaining` of their frame are still to come.
    fn piece(&mut self, len: usize, remaining: u64, fragment: Fragment) -> Part {
        let place = self.consumed..self.consumed + len;
        self.consumed = place.end;
        let begun = self.reader.message.begun();
        if remaining == 0 {
            self.reader.position = Position::START;
        }
        let following = match fragment {
            Fragment::More => Following::Frames,
            Fragment::Final if remaining > 0 => Following::Bytes(remaining),
            Fragment::Final => {
                //= https://www.rfc-editor.org/rfc/rfc6455#section-6.2
                //# Subsequent data frames MUST be interpreted as belonging to a new
                //# WebSocket message.
                self.reader.message = Progress::Idle;
                Following::Nothing
            }
        };
        Part::Piece(begun, place, following)
    }

    /// More of a control frame whose beginning came before.
    fn control(&mut self) -> Option<Part> {
        let reader = &mut *self.reader;
        let Position::Control(payload, kind) = &mut reader.position else { return None };
        let rest = &mut self.input[self.consumed..];
        let len = payload.unmask(rest);
        self.consumed += len;
        reader.control.get_or_insert_default().extend_from_slice(&rest[..len]);
        if payload.remaining() > 0 {
            return None;
        }
        let kind = *kind;
        reader.position = Position::START;
        // The walk owns it from here, so that it is freed with it.
        self.joined = reader.control.take();
        Some(Part::Control(kind, Place::Joined))
    }
}
