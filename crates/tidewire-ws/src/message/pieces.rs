//! Messages in the pieces in which they come, without memory for the whole (RFC 6455 §5.4, §6.2).

use super::assembly::{Joined, Passed};
use super::reader::Control;
use super::replies::Reply;
use super::walk::{Following, MaxLen, Part, Place, Walk};
use super::{Fragment, MessageKind, Reader, Writer};
use crate::frame::{CloseFrame, ProtocolError};
use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

/// Something that the peer sent, or the next piece of it.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// More of a text message, cut between two characters. Only the final one may be empty.
    Text(Cow<'a, str>, Fragment),
    /// More of a binary message. Only the final one may be empty.
    Binary(Cow<'a, [u8]>, Fragment),
    /// A ping, at most 125 bytes, maybe in the middle of a message; answered as
    /// [`Event::Ping`](super::Event::Ping) says.
    Ping(&'a [u8]),
    /// A pong, at most 125 bytes, maybe in the middle of a message.
    Pong(&'a [u8]),
    /// The peer's close frame, `None` without a body; a message in progress is lost. This is the last piece.
    Close(Option<CloseFrame<'a>>),
}

impl<'a> From<Reply<'a>> for Piece<'a> {
    fn from(reply: Reply<'a>) -> Self {
        match reply {
            Reply::Ping(payload) => Self::Ping(payload),
            Reply::Pong(payload) => Self::Pong(payload),
            Reply::Close(frame) => Self::Close(frame),
        }
    }
}

/// The pieces of one input; see [`Reader::receive_pieces`].
///
/// ```
/// use std::sync::Arc;
/// use tidewire_ws::Role;
/// use tidewire_ws::message::{Config, Fragment, Piece, Reader, Writer};
///
/// let config = Arc::new(Config::default());
/// let mut reader = Reader::new(Role::Client, config.clone());
/// let (mut writer, mut output) = (Writer::client(config, || [0; 4].into()), Vec::new());
///
/// // The first half of "Hello" of RFC 6455 §5.7, then the second.
/// let (mut first, mut second) = ([0x81, 0x05, 0x48, 0x65], [0x6C, 0x6C, 0x6F]);
/// let mut pieces = reader.receive_pieces(&mut first);
/// assert_eq!(pieces.next(&mut writer, &mut output), Some(Ok(Piece::Text("He".into(), Fragment::More))));
/// let mut pieces = reader.receive_pieces(&mut second);
/// assert_eq!(pieces.next(&mut writer, &mut output), Some(Ok(Piece::Text("llo".into(), Fragment::Final))));
/// assert_eq!(pieces.next(&mut writer, &mut output), None);
/// ```
#[derive(Debug)]
pub struct Pieces<'a> {
    walk: Walk<'a>,
}

/// The most compressed bytes that are inflated for one piece, which comes to 1,032 KiB at the most.
#[cfg(feature = "deflate")]
const MAX_DEFLATED_LEN: usize = 1024;

/// What was found, as places instead of borrows.
enum Found {
    Input(MessageKind, Range<usize>, Fragment),
    JoinedText(String, Fragment),
    JoinedBinary(Vec<u8>, Fragment),
    Control(Control, Place),
}

impl<'a> Pieces<'a> {
    pub(crate) fn new(reader: &'a mut Reader, input: &'a mut [u8]) -> Self {
        Self { walk: Walk::new(reader, input) }
    }

    /// Bytes of the input that were read so far, as [`Events::consumed`](super::Events::consumed) counts them.
    #[must_use]
    pub fn consumed(&self) -> usize {
        self.walk.consumed
    }

    /// The next piece, or `None` when all of the input is read; replies are appended to `output`.
    ///
    /// # Errors
    ///
    /// The peer broke the protocol or a limit, as [`Events::next`](super::Events::next) says it.
    pub fn next(
        &mut self,
        writer: &mut Writer,
        output: &mut Vec<u8>,
    ) -> Option<Result<Piece<'_>, ProtocolError>> {
        let found = match self.find() {
            Ok(found) => found?,
            Err(error) => return Some(Err(self.walk.fail(error, writer, output))),
        };
        Some(match found {
            Found::Input(MessageKind::Text, place, fragment) => {
                self.walk.text(place, writer, output).map(|text| Piece::Text(text.into(), fragment))
            }
            Found::Input(MessageKind::Binary, place, fragment) => {
                Ok(Piece::Binary(Cow::Borrowed(&self.walk.input[place]), fragment))
            }
            Found::JoinedText(text, fragment) => Ok(Piece::Text(text.into(), fragment)),
            Found::JoinedBinary(bytes, fragment) => Ok(Piece::Binary(bytes.into(), fragment)),
            Found::Control(kind, place) => self.walk.reply(kind, place, writer, output).map(Piece::from),
        })
    }

    /// Reads on to the next thing that can be lent.
    fn find(&mut self) -> Result<Option<Found>, ProtocolError> {
        loop {
            // A character that was cut is completed byte by byte, so that what follows it can be lent.
            let max_len = MaxLen {
                plain: if self.walk.reader.assembly.is_within_character() { 1 } else { usize::MAX },
                #[cfg(feature = "deflate")]
                deflated: MAX_DEFLATED_LEN,
            };
            let (begun, place, following) = match self.walk.next(max_len)? {
                None => return Ok(None),
                Some(Part::Control(kind, place)) => return Ok(Some(Found::Control(kind, place))),
                Some(Part::Whole(begun, place)) => (begun, place, Following::Nothing),
                Some(Part::Piece(begun, place, following)) => (begun, place, following),
            };
            let passed = self.walk.pass(begun, place.clone(), following)?;
            let fragment = match following {
                Following::Bytes(_) | Following::Frames => Fragment::More,
                Following::Nothing => Fragment::Final,
            };
            let found = match passed {
                Passed::Input(len) => Found::Input(begun.kind, place.start..place.start + len, fragment),
                Passed::Joined(Joined::Text(text)) => Found::JoinedText(text, fragment),
                Passed::Joined(Joined::Binary(bytes)) => Found::JoinedBinary(bytes, fragment),
            };
            if fragment == Fragment::Final || !found.is_empty() {
                return Ok(Some(found));
            }
        }
    }
}

impl Found {
    fn is_empty(&self) -> bool {
        match self {
            Self::Input(_, place, _) => place.is_empty(),
            Self::JoinedText(text, _) => text.is_empty(),
            Self::JoinedBinary(bytes, _) => bytes.is_empty(),
            Self::Control(..) => false,
        }
    }
}
