//! What comes out of received bytes: messages, control frames, the close (RFC 6455 §6.2).

use super::assembly::{Assembly, Joined};
use super::closing::Inbound;
use super::reader::{Continues, Control, Position};
use super::utf8::{self, InvalidUtf8};
use super::{MessageKind, Reader, Writer};
use crate::frame::{CloseFrame, Header, Opcode, PartialPayload, ProtocolError, mask};
use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::mem;
use core::ops::Range;

/// Something that the peer sent, whole.
///
/// Borrowed from the input where it lies whole in it; owned where pieces were joined, with their buffer.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A text message.
    Text(Cow<'a, str>),
    /// A binary message.
    Binary(Cow<'a, [u8]>),
    /// A ping, at most 125 bytes. The pong is in the output, or kept back while too much waits there.
    Ping(&'a [u8]),
    /// A pong, at most 125 bytes.
    Pong(&'a [u8]),
    /// The peer's close frame, `None` without a body. It is echoed in the output unless our own was sent before.
    /// This is the last event.
    Close(Option<CloseFrame<'a>>),
}

/// The events of one input; see [`Reader::receive`].
#[derive(Debug)]
pub struct Events<'a> {
    reader: &'a mut Reader,
    input: &'a mut [u8],
    consumed: usize,
    /// The control payload that the last event lent, where it was joined from pieces.
    joined: Vec<u8>,
}

/// What was found, as places instead of borrows, so that looking further on needs no borrow to end first.
enum Found {
    Text(Range<usize>),
    Binary(Range<usize>),
    JoinedText(String),
    JoinedBinary(Vec<u8>),
    Control(Control, Place),
}

/// Where a control frame's payload is.
enum Place {
    Input(Range<usize>),
    Joined,
}

impl<'a> Events<'a> {
    #[inline]
    pub(crate) fn new(reader: &'a mut Reader, input: &'a mut [u8]) -> Self {
        Self { reader, input, consumed: 0, joined: Vec::new() }
    }

    /// Bytes of the input that were read so far. The others are untouched: a caller who stops early gives them
    /// again later. After a close frame, a violation or the end of the stream all are counted as read.
    #[inline]
    #[must_use]
    pub fn consumed(&self) -> usize {
        self.consumed
    }

    /// The next event, or `None` when all of the input is read; replies are appended to `output`.
    ///
    /// # Errors
    ///
    /// The peer broke the protocol or a limit. The close frame that says so is in `output` (unless ours was sent
    /// before), and nothing comes after it: the answer is `None` for ever.
    #[inline]
    pub fn next(
        &mut self,
        writer: &mut Writer,
        output: &mut Vec<u8>,
    ) -> Option<Result<Event<'_>, ProtocolError>> {
        let found = match self.find() {
            Ok(found) => found?,
            Err(error) => return Some(Err(self.fail(error, writer, output))),
        };
        let Self { reader, input, joined, consumed } = self;
        Some(match found {
            Found::Text(place) => match utf8::validate(&input[place]) {
                Ok(text) => Ok(Event::Text(Cow::Borrowed(text))),
                Err(InvalidUtf8) => {
                    *consumed = input.len();
                    Err(reader.fail(ProtocolError::InvalidUtf8, writer, output))
                }
            },
            Found::Binary(place) => Ok(Event::Binary(Cow::Borrowed(&input[place]))),
            Found::JoinedText(text) => Ok(Event::Text(Cow::Owned(text))),
            Found::JoinedBinary(bytes) => Ok(Event::Binary(Cow::Owned(bytes))),
            Found::Control(kind, place) => {
                let len = input.len();
                let payload = match place {
                    Place::Input(place) => &input[place],
                    Place::Joined => joined.as_slice(),
                };
                let event = control(reader, kind, payload, writer, output);
                if !reader.wants_read() {
                    *consumed = len;
                }
                event
            }
        })
    }

    #[cold]
    fn fail(&mut self, error: ProtocolError, writer: &mut Writer, output: &mut Vec<u8>) -> ProtocolError {
        self.consumed = self.input.len();
        self.reader.fail(error, writer, output)
    }

    /// Reads on to the next thing that is whole.
    #[inline]
    fn find(&mut self) -> Result<Option<Found>, ProtocolError> {
        loop {
            if !self.reader.wants_read() {
                self.consumed = self.input.len();
                return Ok(None);
            }
            if self.consumed == self.input.len() {
                return Ok(None);
            }
            let found = match &mut self.reader.position {
                Position::Header(partial) => match partial.decode(&self.input[self.consumed..])? {
                    Some((header, used)) => {
                        self.consumed += used;
                        self.begin(&header)?
                    }
                    None => {
                        self.consumed = self.input.len();
                        None
                    }
                },
                Position::Data(..) | Position::Control(..) => self.resume()?,
            };
            if found.is_some() {
                return Ok(found);
            }
        }
    }

    /// A frame begins. Where its payload lies whole in the input, it is lent from there.
    #[inline]
    fn begin(&mut self, header: &Header) -> Result<Option<Found>, ProtocolError> {
        self.reader.admit(header)?;
        let available = self.input.len() - self.consumed;
        match usize::try_from(header.payload_len) {
            Ok(len) if len <= available => {
                let place = self.consumed..self.consumed + len;
                if let Some(key) = header.masking_key {
                    mask(&mut self.input[place.clone()], key, 0);
                }
                self.consumed = place.end;
                match header.opcode {
                    Opcode::Text if header.fin => Ok(Some(Found::Text(place))),
                    Opcode::Binary if header.fin => Ok(Some(Found::Binary(place))),
                    Opcode::Text | Opcode::Binary | Opcode::Continuation => self.fragment(header, place),
                    Opcode::Close => Ok(Some(Found::Control(Control::Close, Place::Input(place)))),
                    Opcode::Ping => Ok(Some(Found::Control(Control::Ping, Place::Input(place)))),
                    Opcode::Pong => Ok(Some(Found::Control(Control::Pong, Place::Input(place)))),
                }
            }
            Ok(_) | Err(_) => {
                self.begin_partial(header);
                Ok(None)
            }
        }
    }

    /// A fragment that lies whole in the input.
    fn fragment(&mut self, header: &Header, place: Range<usize>) -> Result<Option<Found>, ProtocolError> {
        let message = &mut self.reader.message;
        begin_fragment(message, header.opcode);
        message.append(&self.input[place], header.fin.then_some(0)).map_err(invalid_text)?;
        if header.fin { finish(message) } else { Ok(None) }
    }

    /// A frame whose payload does not lie whole in the input.
    fn begin_partial(&mut self, header: &Header) {
        let payload = PartialPayload::of(header);
        self.reader.position = match header.opcode {
            Opcode::Close => Position::Control(payload, Control::Close),
            Opcode::Ping => Position::Control(payload, Control::Ping),
            Opcode::Pong => Position::Control(payload, Control::Pong),
            Opcode::Text | Opcode::Binary | Opcode::Continuation => {
                begin_fragment(&mut self.reader.message, header.opcode);
                Position::Data(payload, if header.fin { Continues::Final } else { Continues::More })
            }
        };
    }

    /// More of a payload whose beginning came before.
    fn resume(&mut self) -> Result<Option<Found>, ProtocolError> {
        let rest = &mut self.input[self.consumed..];
        let reader = &mut *self.reader;
        match &mut reader.position {
            Position::Header(_) => Ok(None),
            Position::Data(payload, continues) => {
                let len = payload.unmask(rest);
                self.consumed += len;
                let (remaining, continues) = (payload.remaining(), *continues);
                let to_come = match continues {
                    Continues::More => None,
                    Continues::Final => Some(remaining),
                };
                reader.message.append(&rest[..len], to_come).map_err(invalid_text)?;
                if remaining > 0 {
                    return Ok(None);
                }
                reader.position = Position::START;
                match continues {
                    Continues::More => Ok(None),
                    Continues::Final => finish(&mut reader.message),
                }
            }
            Position::Control(payload, kind) => {
                let len = payload.unmask(rest);
                self.consumed += len;
                reader.control.extend_from_slice(&rest[..len]);
                if payload.remaining() > 0 {
                    return Ok(None);
                }
                let kind = *kind;
                reader.position = Position::START;
                // The events own it from here, so that it is freed with them.
                self.joined = mem::take(&mut reader.control);
                Ok(Some(Found::Control(kind, Place::Joined)))
            }
        }
    }
}

/// The message begins or goes on; which of the two is allowed was checked with the header.
fn begin_fragment(message: &mut Assembly, opcode: Opcode) {
    match opcode {
        Opcode::Text => *message = Assembly::begin(MessageKind::Text),
        Opcode::Binary => *message = Assembly::begin(MessageKind::Binary),
        Opcode::Continuation => message.add_fragment(),
        // These interrupt a message without touching it (§5.4).
        Opcode::Close | Opcode::Ping | Opcode::Pong => {}
    }
}

fn finish(message: &mut Assembly) -> Result<Option<Found>, ProtocolError> {
    Ok(message.finish().map_err(invalid_text)?.map(|joined| match joined {
        Joined::Text(text) => Found::JoinedText(text),
        Joined::Binary(bytes) => Found::JoinedBinary(bytes),
    }))
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-8.1
//# When an endpoint is to interpret a byte stream as UTF-8 but finds
//# that the byte stream is not, in fact, a valid UTF-8 stream, that
//# endpoint MUST _Fail the WebSocket Connection_.
fn invalid_text(InvalidUtf8: InvalidUtf8) -> ProtocolError {
    ProtocolError::InvalidUtf8
}

/// Does what a control frame asks for, and reports it.
fn control<'p>(
    reader: &mut Reader,
    kind: Control,
    payload: &'p [u8],
    writer: &mut Writer,
    output: &mut Vec<u8>,
) -> Result<Event<'p>, ProtocolError> {
    match kind {
        Control::Ping => {
            writer.answer_ping(payload, output);
            Ok(Event::Ping(payload))
        }
        Control::Pong => Ok(Event::Pong(payload)),
        Control::Close => match CloseFrame::decode(payload) {
            Ok(frame) => {
                reader.end(Inbound::CloseReceived);
                writer.answer_close(frame.map(|frame| frame.code()), output);
                Ok(Event::Close(frame))
            }
            Err(error) => Err(reader.fail(error, writer, output)),
        },
    }
}
