//! The common case by itself: a whole binary message in one frame, whose payload the caller is to own (RFC 6455 §6.2).

use alloc::vec::Vec;

use super::closing::Inbound;
use super::reader::Position;
use super::{MessageKind, Reader};
use crate::frame::{Header, MaskingKey, Opcode, masked};

/// The octet that a whole binary message begins with: FIN, no reserved bit, the opcode.
const WHOLE_BINARY: u8 = 0x80 | Opcode::Binary.bits();

/// A binary message as it lies in the input; see [`Reader::receive_whole`].
#[derive(Clone, Copy, Debug)]
pub struct Whole<'a> {
    payload: &'a [u8],
    key: MaskingKey,
    frame_len: usize,
}

impl Whole<'_> {
    /// Its payload: unmasked on its way into a buffer of its own, in one pass.
    #[must_use]
    #[inline(always)]
    pub fn to_vec(&self) -> Vec<u8> {
        masked(self.payload, self.key)
    }

    /// Bytes of the input that it took.
    #[must_use]
    #[inline]
    pub fn consumed(&self) -> usize {
        self.frame_len
    }
}

impl Reader {
    /// The binary message that `input` begins with, if it lies whole and in one frame there. `None`, and nothing is read, where
    /// anything else is there: [`receive`](Self::receive) tells what.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use tidewire_ws::{Role, message::{Config, Reader}};
    ///
    /// let mut reader = Reader::new(Role::Server, Arc::new(Config::default()));
    /// // "Hello" as a binary message, and the beginning of another.
    /// let input = [0x82, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58, 0x82];
    /// let whole = reader.receive_whole(&input).unwrap();
    /// assert_eq!((whole.to_vec(), whole.consumed()), (b"Hello".to_vec(), 11));
    /// assert!(reader.receive_whole(&input[11..]).is_none());
    /// ```
    #[must_use]
    #[inline]
    pub fn receive_whole<'a>(&mut self, input: &'a [u8]) -> Option<Whole<'a>> {
        if input.first() != Some(&WHOLE_BINARY) || !self.is_before_frame() {
            return None;
        }
        let (header, header_len) = Header::decode(input).ok()??;
        let payload_len = usize::try_from(header.payload_len).ok()?;
        let payload = input.get(header_len..)?.get(..payload_len)?;
        // What is wrong with it is told where that is answered.
        self.admit_whole(&header, MessageKind::Binary).ok()?;
        // What is not masked is as if it were with zeros.
        let key = header.masking_key.unwrap_or(MaskingKey([0; 4]));
        Some(Whole { payload, key, frame_len: header_len + payload_len })
    }

    /// Whether the next byte begins a frame that may come.
    #[inline]
    fn is_before_frame(&self) -> bool {
        match &self.position {
            Position::Header(partial) => self.state == Inbound::Open && partial.is_empty(),
            Position::Data(..) | Position::Control(..) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Config, Event, Writer};
    use super::*;
    use crate::Role;
    use crate::frame::ProtocolError;
    use alloc::sync::Arc;

    const KEY: MaskingKey = MaskingKey([0x37, 0xFA, 0x21, 0x3D]);

    fn reader(role: Role) -> Reader {
        let config = Config { max_message_len: 70_000, ..Config::default() };
        Reader::new(role, Arc::new(config))
    }

    fn frame(first: u8, key: Option<MaskingKey>, payload_len: usize) -> Vec<u8> {
        let mut header = Header::new(Opcode::Binary, payload_len as u64);
        header.masking_key = key;
        let mut octets = [0; 14];
        let header_len = header.encode(&mut octets);
        octets[0] = first;
        let mut frame = octets[..header_len].to_vec();
        frame.extend((0..payload_len).map(|at| (at * 7) as u8));
        frame
    }

    fn whole(reader: &mut Reader, input: &[u8]) -> Option<(Vec<u8>, usize)> {
        reader.receive_whole(input).map(|whole| (whole.to_vec(), whole.consumed()))
    }

    fn told(reader: &mut Reader, input: &[u8]) -> Option<Result<Vec<u8>, ProtocolError>> {
        let (mut writer, mut input) = (Writer::server(Arc::new(Config::default())), input.to_vec());
        match reader.receive(&mut input).next(&mut writer, &mut Vec::new())? {
            Ok(Event::Binary(payload)) => Some(Ok(payload.into_owned())),
            Ok(event) => panic!("{event:?}"),
            Err(error) => Some(Err(error)),
        }
    }

    #[test]
    fn it_is_the_message_that_is_told_of_the_same_input() {
        for (role, key) in [(Role::Server, Some(KEY)), (Role::Client, None)] {
            for payload_len in [0, 1, 7, 125, 126, 1000, 65_535, 65_536, 70_000] {
                let mut input = frame(0x82, key, payload_len);
                let (frame_len, behind) = (input.len(), [0x82, 0x00]);
                for part in [0, 1, 2, 5, frame_len - 1].into_iter().filter(|part| *part < frame_len) {
                    assert_eq!(whole(&mut reader(role), &input[..part]), None, "{payload_len} {part}");
                }
                input.extend_from_slice(&behind);
                let (payload, len) = whole(&mut reader(role), &input).unwrap();
                assert_eq!((payload.capacity(), len), (payload_len, frame_len));
                assert_eq!(told(&mut reader(role), &input), Some(Ok(payload)));
            }
        }
    }

    #[test]
    fn anything_else_is_left_for_who_tells_what_it_is() {
        let too_long = frame(0x82, Some(KEY), 70_001);
        let wrong = [frame(0x82, None, 5), frame(0xC2, Some(KEY), 5), frame(0x83, Some(KEY), 5), too_long];
        for input in wrong {
            let mut reader = reader(Role::Server);
            assert_eq!(whole(&mut reader, &input), None);
            assert!(reader.wants_read());
            assert!(matches!(told(&mut reader, &input), Some(Err(_))), "{:x?}", &input[..2]);
            assert_eq!(
                whole(&mut reader, &frame(0x82, Some(KEY), 5)),
                None,
                "nothing comes after a violation"
            );
        }
        for first in [0x81, 0x02, 0x80, 0x88, 0x89, 0x8A] {
            assert_eq!(whole(&mut reader(Role::Server), &frame(first, Some(KEY), 5)), None, "{first:x}");
        }
    }

    #[test]
    fn within_a_frame_or_a_message_there_is_none() {
        let message = frame(0x82, Some(KEY), 5);
        let mut within_header = reader(Role::Server);
        assert_eq!(told(&mut within_header, &message[..3]), None);
        assert_eq!(whole(&mut within_header, &message), None);

        let mut within_payload = reader(Role::Server);
        assert_eq!(told(&mut within_payload, &message[..8]), None);
        assert_eq!(whole(&mut within_payload, &message), None);

        let mut within_message = reader(Role::Server);
        assert_eq!(told(&mut within_message, &frame(0x02, Some(KEY), 5)), None);
        assert_eq!(whole(&mut within_message, &message), None);
        assert_eq!(
            told(&mut within_message, &message),
            Some(Err(ProtocolError::ExpectedContinuation(Opcode::Binary)))
        );
    }

    #[test]
    fn events_and_whole_messages_take_turns() {
        let mut reader = reader(Role::Server);
        let (mut writer, mut output) = (Writer::server(Arc::new(Config::default())), Vec::new());
        let mut input =
            [frame(0x82, Some(KEY), 3), frame(0x89, Some(KEY), 2), frame(0x82, Some(KEY), 4)].concat();
        let (first, len) = whole(&mut reader, &input).unwrap();
        assert_eq!((first.len(), whole(&mut reader, &input[len..])), (3, None));
        let mut events = reader.receive(&mut input[len..]);
        assert!(matches!(events.next(&mut writer, &mut output), Some(Ok(Event::Ping(_)))));
        let at = len + events.consumed();
        assert_eq!(whole(&mut reader, &input[at..]).map(|(payload, _)| payload.len()), Some(4));
        assert_eq!(told(&mut reader, &[]), None);
        assert_eq!(first, [0x37, 0xFD, 0x2F]);
    }
}
