//! What comes out of received bytes: messages, control frames, the close (RFC 6455 §6.2).

use super::assembly::Joined;
use super::reader::Control;
use super::replies::Reply;
#[cfg(feature = "deflate")]
use super::walk::Following;
use super::walk::{Begun, Coding, MaxLen, Part, Place, Walk};
use super::{MessageKind, Reader, Writer};
use crate::frame::{CloseFrame, ProtocolError};
use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
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

impl<'a> From<Reply<'a>> for Event<'a> {
    fn from(reply: Reply<'a>) -> Self {
        match reply {
            Reply::Ping(payload) => Self::Ping(payload),
            Reply::Pong(payload) => Self::Pong(payload),
            Reply::Close(frame) => Self::Close(frame),
        }
    }
}

/// The events of one input; see [`Reader::receive`].
#[derive(Debug)]
pub struct Events<'a> {
    walk: Walk<'a>,
}

/// What was found, as places instead of borrows, so that looking further on needs no borrow to end first.
enum Found {
    Text(Range<usize>),
    Binary(Range<usize>),
    JoinedText(String),
    JoinedBinary(Vec<u8>),
    Control(Control, Place),
}

/// Whatever is there is wanted.
const ALL: MaxLen = MaxLen {
    plain: usize::MAX,
    #[cfg(feature = "deflate")]
    deflated: usize::MAX,
};

impl<'a> Events<'a> {
    #[inline]
    pub(crate) fn new(reader: &'a mut Reader, input: &'a mut [u8]) -> Self {
        Self { walk: Walk::new(reader, input) }
    }

    /// Bytes of the input that were read so far. The others are untouched: a caller who stops early gives them
    /// again later. After a close frame, a violation or the end of the stream all are counted as read.
    #[inline]
    #[must_use]
    pub fn consumed(&self) -> usize {
        self.walk.consumed
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
            Err(error) => return Some(Err(self.walk.fail(error, writer, output))),
        };
        Some(match found {
            Found::Text(place) => {
                self.walk.text(place, writer, output).map(|text| Event::Text(Cow::Borrowed(text)))
            }
            Found::Binary(place) => Ok(Event::Binary(Cow::Borrowed(&self.walk.input[place]))),
            Found::JoinedText(text) => Ok(Event::Text(Cow::Owned(text))),
            Found::JoinedBinary(bytes) => Ok(Event::Binary(Cow::Owned(bytes))),
            Found::Control(kind, place) => self.walk.reply(kind, place, writer, output).map(Event::from),
        })
    }

    /// Reads on to the next thing that is whole.
    #[inline]
    fn find(&mut self) -> Result<Option<Found>, ProtocolError> {
        loop {
            let joined = match self.walk.next(ALL)? {
                None => return Ok(None),
                Some(Part::Control(kind, place)) => return Ok(Some(Found::Control(kind, place))),
                Some(Part::Whole(Begun { kind: MessageKind::Text, coding: Coding::Plain }, place)) => {
                    return Ok(Some(Found::Text(place)));
                }
                Some(Part::Whole(Begun { kind: MessageKind::Binary, coding: Coding::Plain }, place)) => {
                    return Ok(Some(Found::Binary(place)));
                }
                #[cfg(feature = "deflate")]
                Some(Part::Whole(begun, place)) => self.walk.join(begun, place, Following::Nothing)?,
                Some(Part::Piece(begun, place, following)) => self.walk.join(begun, place, following)?,
            };
            match joined {
                None => {}
                Some(Joined::Text(text)) => return Ok(Some(Found::JoinedText(text))),
                Some(Joined::Binary(bytes)) => return Ok(Some(Found::JoinedBinary(bytes))),
            }
        }
    }
}
