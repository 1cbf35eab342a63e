//! Frames on their way out: whole in the caller's buffer, shared as [`Bytes`], or only the header
//! (RFC 6455 §5.2).

use super::header::{FIN, LENGTH_16, MASK};
use super::mask::{append_masked, copy_masked};
use super::{Header, MAX_HEADER_LEN, MaskingKey, Opcode, Rsv};
use alloc::vec::Vec;
use bytes::Bytes;

/// The header bytes of one frame, so that it can be written beside a payload that stays where it is.
#[derive(Clone, Copy, Debug)]
pub struct EncodedHeader {
    octets: [u8; MAX_HEADER_LEN],
    len: u8,
}

impl EncodedHeader {
    /// The bytes that go before the payload, 2 to 14.
    #[inline]
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.octets[..usize::from(self.len)]
    }
}

impl AsRef<[u8]> for EncodedHeader {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl From<Header> for EncodedHeader {
    #[inline]
    fn from(header: Header) -> Self {
        let mut octets = [0; MAX_HEADER_LEN];
        let len = header.encode(&mut octets) as u8;
        Self { octets, len }
    }
}

/// The header of an unfragmented frame with a payload of `payload_len` bytes.
///
/// With a `masking_key` the payload has to be sent through [`mask`](super::mask()) with that key.
///
/// ```
/// use tidewire_ws::frame::{Opcode, header_for};
/// // RFC 6455 §5.7: 256 bytes binary message in a single unmasked frame.
/// assert_eq!(header_for(Opcode::Binary, 256, None).as_bytes(), [0x82, 0x7E, 0x01, 0x00]);
/// ```
#[inline]
#[must_use]
pub fn header_for(opcode: Opcode, payload_len: usize, masking_key: Option<MaskingKey>) -> EncodedHeader {
    Header { fin: true, rsv: Rsv::NONE, opcode, masking_key, payload_len: payload_len as u64 }.into()
}

/// Appends one unfragmented frame to `output`, masked where there is a key.
//= https://www.rfc-editor.org/rfc/rfc6455#section-6.1
//# An endpoint MUST encapsulate the /data/ in a WebSocket frame as defined
//# in Section 5.2.
#[inline]
pub(crate) fn append_frame(opcode: Opcode, key: Option<MaskingKey>, payload: &[u8], output: &mut Vec<u8>) {
    match key {
        None => append_unmasked_frame(opcode, payload, output),
        Some(key) => append_masked_frame(opcode, key, payload, output),
    }
}

/// A header of a length known in advance is a store or two: so are those of all but the longest frames.
#[inline]
fn append_unmasked_frame(opcode: Opcode, payload: &[u8], output: &mut Vec<u8>) {
    let first = FIN | opcode.bits();
    output.reserve(MAX_HEADER_LEN + payload.len());
    match payload.len() {
        len @ 0..=125 => output.extend_from_slice(&[first, len as u8]),
        len @ 126..=0xFFFF => {
            let [high, low] = (len as u16).to_be_bytes();
            output.extend_from_slice(&[first, LENGTH_16, high, low]);
        }
        len => output.extend_from_slice(header_for(opcode, len, None).as_bytes()),
    }
    output.extend_from_slice(payload);
}

/// As [`append_unmasked_frame`]; by itself, so that neither is in the other's way.
//= https://www.rfc-editor.org/rfc/rfc6455#section-5.3
//# A masked frame MUST have the field frame-masked set to 1, as defined in
//# Section 5.2.
#[inline(never)]
fn append_masked_frame(opcode: Opcode, key: MaskingKey, payload: &[u8], output: &mut Vec<u8>) {
    let (first, MaskingKey([a, b, c, d])) = (FIN | opcode.bits(), key);
    output.reserve(MAX_HEADER_LEN + payload.len());
    match payload.len() {
        len @ 0..=125 => output.extend_from_slice(&[first, MASK | len as u8, a, b, c, d]),
        len @ 126..=0xFFFF => {
            let [high, low] = (len as u16).to_be_bytes();
            output.extend_from_slice(&[first, MASK | LENGTH_16, high, low, a, b, c, d]);
        }
        len => output.extend_from_slice(header_for(opcode, len, Some(key)).as_bytes()),
    }
    append_masked(payload, key, output);
}

/// Writes one unfragmented frame to the start of `buffer`, masked where there is a key; gives its length in bytes, or
/// `None` when it does not fit, and then nothing is written.
///
/// For those who have a buffer of their own and no [`Writer`](crate::message::Writer): nothing is checked but the room.
///
/// ```
/// use tidewire_ws::frame::{Opcode, encode_frame};
/// let mut buffer = [0; 7];
/// assert_eq!(encode_frame(Opcode::Text, None, b"Hello", &mut buffer), Some(7));
/// assert_eq!(buffer, [0x81, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F]);
/// assert_eq!(encode_frame(Opcode::Text, None, b"Hello!", &mut buffer), None);
/// ```
#[inline]
pub fn encode_frame(
    opcode: Opcode,
    masking_key: Option<MaskingKey>,
    payload: &[u8],
    buffer: &mut [u8],
) -> Option<usize> {
    let first = FIN | opcode.bits();
    match (masking_key, payload.len()) {
        (None, len @ 0..=125) => place([first, len as u8], payload, None, buffer),
        (None, len @ 126..=0xFFFF) => {
            let [high, low] = (len as u16).to_be_bytes();
            place([first, LENGTH_16, high, low], payload, None, buffer)
        }
        (Some(MaskingKey([a, b, c, d])), len @ 0..=125) => {
            place([first, MASK | len as u8, a, b, c, d], payload, masking_key, buffer)
        }
        (Some(MaskingKey([a, b, c, d])), len @ 126..=0xFFFF) => {
            let [high, low] = (len as u16).to_be_bytes();
            place([first, MASK | LENGTH_16, high, low, a, b, c, d], payload, masking_key, buffer)
        }
        (_, len) => {
            let header = header_for(opcode, len, masking_key);
            let (head, body) = buffer.split_at_mut_checked(header.as_bytes().len())?;
            let body_len = place([], payload, masking_key, body)?;
            head.copy_from_slice(header.as_bytes());
            Some(head.len() + body_len)
        }
    }
}

/// Writes a header of a length known in advance, which is a store or two, and the payload behind it.
#[inline]
fn place<const HEADER_LEN: usize>(
    header: [u8; HEADER_LEN],
    payload: &[u8],
    key: Option<MaskingKey>,
    buffer: &mut [u8],
) -> Option<usize> {
    let (head, rest) = buffer.split_first_chunk_mut::<HEADER_LEN>()?;
    let body = rest.get_mut(..payload.len())?;
    *head = header;
    match key {
        None => body.copy_from_slice(payload),
        Some(key) => copy_masked(payload, key, body),
    }
    Some(HEADER_LEN + payload.len())
}

/// A whole message as a server sends it: encoded once, shared by all who receive it.
///
/// A server's frames are never masked, so the same bytes serve every subscriber; a clone is a reference. Ask
/// [`Writer::admit_encoded`](crate::message::Writer::admit_encoded) before each one goes out.
///
/// ```
/// use tidewire_ws::frame::EncodedFrame;
/// let frame = EncodedFrame::text("Hello");
/// assert_eq!(frame.bytes()[..], [0x81, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EncodedFrame(Bytes);

impl EncodedFrame {
    /// A text message.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::data(Opcode::Text, Rsv::NONE, text.as_bytes())
    }

    /// A binary message.
    #[must_use]
    pub fn binary(payload: &[u8]) -> Self {
        Self::data(Opcode::Binary, Rsv::NONE, payload)
    }

    pub(crate) fn data(opcode: Opcode, rsv: Rsv, payload: &[u8]) -> Self {
        let header: EncodedHeader = Header { rsv, ..Header::new(opcode, payload.len() as u64) }.into();
        let mut frame = Vec::with_capacity(header.as_bytes().len() + payload.len());
        frame.extend_from_slice(header.as_bytes());
        frame.extend_from_slice(payload);
        Self(Bytes::from(frame))
    }

    /// Header and payload as they go over the wire.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.0
    }

    /// Header and payload as they go over the wire.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.0
    }

    /// Length of header and payload in bytes.
    #[must_use]
    pub fn len_bytes(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn a_shared_frame_is_header_and_payload_in_memory_of_exactly_its_length() {
        for (len, header) in [
            (0, &[0x82, 0x00][..]),
            (125, &[0x82, 125]),
            (126, &[0x82, 0x7E, 0, 126]),
            (0xFFFF, &[0x82, 0x7E, 0xFF, 0xFF]),
            (0x1_0000, &[0x82, 0x7F, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let payload = vec![0x5A; len];
            let frame = EncodedFrame::binary(&payload);
            assert_eq!(frame.len_bytes(), header.len() + len);
            assert_eq!(frame.bytes()[..header.len()], *header);
            assert_eq!(frame.bytes()[header.len()..], payload[..]);
            assert_eq!(header_for(Opcode::Binary, len, None).as_ref(), header);
            let shared = frame.clone();
            assert_eq!(shared.bytes().as_ptr(), frame.bytes().as_ptr(), "a clone copies nothing");
            assert_eq!(shared.into_bytes(), frame.bytes());
        }
        assert_eq!(EncodedFrame::text("ä").bytes()[..], [0x81, 2, 0xC3, 0xA4]);
    }

    #[test]
    fn a_frame_is_appended_behind_what_is_there_and_masked_alone() {
        let mut output = vec![1, 2, 3];
        append_frame(Opcode::Text, Some(MaskingKey([0x37, 0xFA, 0x21, 0x3D])), b"Hello", &mut output);
        assert_eq!(output, [1, 2, 3, 0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58]);
    }

    #[test]
    fn a_frame_in_a_buffer_is_that_in_a_vector_and_needs_all_its_room() {
        for len in [0, 1, 124, 125, 126, 0xFFFF, 0x1_0000] {
            let payload = vec![0x5A; len];
            for key in [None, Some(MaskingKey([0x37, 0xFA, 0x21, 0x3D]))] {
                let mut expected = Vec::new();
                append_frame(Opcode::Binary, key, &payload, &mut expected);
                let mut buffer = vec![0xEE; expected.len() + 1];
                assert_eq!(encode_frame(Opcode::Binary, key, &payload, &mut buffer), Some(expected.len()));
                assert_eq!(buffer[..expected.len()], expected);
                assert_eq!(buffer[expected.len()], 0xEE);
                let mut small = vec![0xEE; expected.len() - 1];
                assert_eq!(encode_frame(Opcode::Binary, key, &payload, &mut small), None);
                assert!(small.iter().all(|octet| *octet == 0xEE));
            }
        }
    }
}
