//! Frames cut anywhere, decoded as they come, for those who stream (RFC 6455 §5.2, §5.4).
//!
//! No payload is kept: each piece is unmasked where it lies and lent at once. All that stays between two
//! inputs is an unfinished header, in place, or how much payload is still to come.

use super::{Header, MAX_HEADER_LEN, MaskingKey, ProtocolError, mask};
use core::iter::FusedIterator;
use core::mem;

/// The bytes of a header that has not come whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PartialHeader {
    octets: [u8; MAX_HEADER_LEN],
    len: u8,
}

impl PartialHeader {
    /// Before the first byte of a header.
    pub(crate) const EMPTY: Self = Self { octets: [0; MAX_HEADER_LEN], len: 0 };

    /// Decodes the header that the kept bytes and `input` begin with; gives how many bytes of `input` it took.
    /// `None` when it is not whole: then all of `input` is kept.
    #[inline]
    pub(crate) fn decode(&mut self, input: &[u8]) -> Result<Option<(Header, usize)>, ProtocolError> {
        if self.len == 0 {
            let decoded = Header::decode(input)?;
            if decoded.is_none() {
                self.keep(input);
            }
            return Ok(decoded);
        }
        self.resume(input)
    }

    fn resume(&mut self, input: &[u8]) -> Result<Option<(Header, usize)>, ProtocolError> {
        let had = usize::from(self.len);
        self.keep(input);
        let decoded = Header::decode(&self.octets[..usize::from(self.len)])?;
        Ok(decoded.map(|(header, header_len)| {
            self.len = 0;
            // The kept bytes alone were no header, so its end lies in `input`.
            (header, header_len - had)
        }))
    }

    fn keep(&mut self, input: &[u8]) {
        let had = usize::from(self.len);
        let taken = input.len().min(MAX_HEADER_LEN - had);
        self.octets[had..had + taken].copy_from_slice(&input[..taken]);
        self.len += taken as u8;
    }

    /// Whether nothing is kept: the next byte begins a frame.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// The rest of a payload of which the beginning was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PartialPayload {
    /// The key as it applies to the next byte.
    key: Option<MaskingKey>,
    remaining: u64,
}

impl PartialPayload {
    #[inline]
    pub(crate) fn of(header: &Header) -> Self {
        Self { key: header.masking_key, remaining: header.payload_len }
    }

    /// Unmasks in place what of `input` belongs to this payload; gives its length in bytes.
    #[inline]
    pub(crate) fn unmask(&mut self, input: &mut [u8]) -> usize {
        // Where a usize is narrower than the length, the input is shorter still.
        let len = usize::try_from(self.remaining).map_or(input.len(), |remaining| remaining.min(input.len()));
        if let Some(key) = self.key {
            mask(&mut input[..len], key, 0);
            self.key = Some(key.rotated(len));
        }
        self.remaining -= len as u64;
        len
    }

    /// Bytes that are still to come.
    #[inline]
    pub(crate) fn remaining(&self) -> u64 {
        self.remaining
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Header(PartialHeader),
    Payload(PartialPayload),
    Failed,
}

/// An incremental frame decoder: it remembers where it stopped and never looks at a byte twice.
///
/// It knows frames only. Masking by role, the reserved bits, the order of fragments, limits and UTF-8 are the
/// caller's, or the work of [`message::Reader`](crate::message::Reader).
///
/// ```
/// use tidewire_ws::frame::{Decoder, Piece};
///
/// // "Hello" of RFC 6455 §5.7, in two reads.
/// let (mut first, mut second) = ([0x81, 0x05, 0x48, 0x65], [0x6C, 0x6C, 0x6F]);
/// let mut decoder = Decoder::new();
/// let mut text = Vec::new();
/// for read in [&mut first[..], &mut second[..]] {
///     for piece in decoder.receive(read) {
///         match piece? {
///             Piece::Header(header) => assert_eq!(header.payload_len, 5),
///             Piece::Payload { bytes, remaining: _ } => text.extend_from_slice(bytes),
///         }
///     }
/// }
/// assert_eq!(text, b"Hello");
/// # Ok::<(), tidewire_ws::frame::ProtocolError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoder {
    state: State,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// A decoder at the start of a frame.
    #[must_use]
    pub fn new() -> Self {
        Self { state: State::Header(PartialHeader::EMPTY) }
    }

    /// Takes the next bytes of the stream. The pieces have to be taken to their end: what is left of `input`
    /// when the iterator is dropped is lost, and the stream with it.
    #[must_use = "the input is decoded as the pieces are taken"]
    pub fn receive<'a>(&'a mut self, input: &'a mut [u8]) -> Pieces<'a> {
        Pieces { decoder: self, input }
    }

    /// Whether the next byte begins a frame: here a stream may end without cutting one.
    #[must_use]
    pub fn is_between_frames(&self) -> bool {
        match &self.state {
            State::Header(partial) => partial.is_empty(),
            State::Payload(_) | State::Failed => false,
        }
    }
}

/// A part of a frame.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A frame begins. Payload follows unless its length is 0.
    Header(Header),
    /// The next bytes of the payload.
    Payload {
        /// The bytes, unmasked, never empty.
        bytes: &'a mut [u8],
        /// Bytes of this payload that are still to come; 0 ends the frame.
        remaining: u64,
    },
}

/// The pieces of one input; see [`Decoder::receive`].
///
/// After an error it gives nothing more, and neither does the decoder, whatever it receives.
#[derive(Debug)]
pub struct Pieces<'a> {
    decoder: &'a mut Decoder,
    input: &'a mut [u8],
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Result<Piece<'a>, ProtocolError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.input.is_empty() {
            return None;
        }
        match &mut self.decoder.state {
            State::Header(partial) => match partial.decode(self.input) {
                Ok(Some((header, used))) => {
                    self.input = &mut mem::take(&mut self.input)[used..];
                    self.decoder.state = after_header(&header);
                    Some(Ok(Piece::Header(header)))
                }
                Ok(None) => {
                    self.input = &mut [];
                    None
                }
                Err(error) => {
                    self.decoder.state = State::Failed;
                    self.input = &mut [];
                    Some(Err(error))
                }
            },
            State::Payload(payload) => {
                let len = payload.unmask(self.input);
                let remaining = payload.remaining();
                let (bytes, rest) = mem::take(&mut self.input).split_at_mut(len);
                self.input = rest;
                if remaining == 0 {
                    self.decoder.state = State::Header(PartialHeader::EMPTY);
                }
                Some(Ok(Piece::Payload { bytes, remaining }))
            }
            State::Failed => {
                self.input = &mut [];
                None
            }
        }
    }
}

impl FusedIterator for Pieces<'_> {}

fn after_header(header: &Header) -> State {
    if header.payload_len == 0 {
        State::Header(PartialHeader::EMPTY)
    } else {
        State::Payload(PartialPayload::of(header))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn a_failed_decoder_gives_nothing_more() {
        let mut decoder = Decoder::default();
        let mut input = [0x81, 0x00, 0x83, 0x00, 0x81, 0x00];
        let pieces: Vec<_> = decoder.receive(&mut input).collect();
        assert_eq!(
            pieces,
            [
                Ok(Piece::Header(Header::new(crate::frame::Opcode::Text, 0))),
                Err(ProtocolError::ReservedOpcode(0x3))
            ]
        );
        assert!(!decoder.is_between_frames());
        assert!(decoder.receive(&mut [0x81, 0x00]).next().is_none());
    }

    #[test]
    fn between_frames_is_told_from_inside_one() {
        let mut decoder = Decoder::new();
        // A masked text frame of two bytes: the place after each byte but the last is inside it.
        for (index, octet) in [0x81, 0x82, 1, 2, 3, 4, 0x61 ^ 1, 0x62 ^ 2].into_iter().enumerate() {
            assert_eq!(decoder.is_between_frames(), index == 0, "before byte {index}");
            for piece in decoder.receive(&mut [octet]) {
                match piece.unwrap() {
                    Piece::Header(header) => assert_eq!(header.payload_len, 2),
                    Piece::Payload { bytes, remaining } => {
                        assert_eq!(bytes[0], if remaining == 1 { 0x61 } else { 0x62 });
                    }
                }
            }
        }
        assert!(decoder.is_between_frames());
    }

    #[test]
    fn an_empty_payload_is_a_header_alone() {
        let mut decoder = Decoder::new();
        let mut input = [0x89, 0x80, 1, 2, 3, 4, 0x8A, 0x00];
        assert_eq!(decoder.receive(&mut input).filter(Result::is_ok).count(), 2);
        assert!(decoder.is_between_frames());
    }
}
