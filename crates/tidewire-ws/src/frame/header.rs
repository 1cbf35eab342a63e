//! Frame headers (RFC 6455 §5.2).
//!
//! Decoding checks all that a header tells by itself. What depends on who we are (masking), on negotiated
//! extensions (the reserved bits) or on the message in progress is checked where that is known, by
//! [`message::Reader`](crate::message::Reader).

use super::{MAX_CONTROL_PAYLOAD_LEN, MAX_HEADER_LEN, MaskingKey, Opcode, ProtocolError};

pub(super) const FIN: u8 = 0x80;
pub(super) const MASK: u8 = 0x80;
const OPCODE: u8 = 0x0F;
const LENGTH: u8 = 0x7F;
/// The 7-bit length that announces a 16-bit one.
pub(super) const LENGTH_16: u8 = 126;
/// The 7-bit length that announces a 64-bit one.
const LENGTH_64: u8 = 127;

/// The three reserved bits, which belong to extensions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rsv(u8);

impl Rsv {
    /// No bit set: the only value while no extension is negotiated.
    pub const NONE: Self = Self(0b000);
    /// The first reserved bit.
    pub const RSV1: Self = Self(0b100);
    /// The second reserved bit.
    pub const RSV2: Self = Self(0b010);
    /// The third reserved bit.
    pub const RSV3: Self = Self(0b001);

    /// The bits RSV1, RSV2, RSV3 as the three lowest of `bits`, RSV1 the highest; higher ones are left out.
    #[inline]
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits & 0b111)
    }

    /// The three bits as the lowest of a byte, RSV1 the highest.
    #[inline]
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether every bit of `other` is set here.
    #[inline]
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// Everything that a frame says before its payload.
///
/// ```
/// use tidewire_ws::frame::{Header, MaskingKey, Opcode};
///
/// // The masked "Hello" of RFC 6455 §5.7: 6 bytes of header, then the payload.
/// let wire = [0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58];
/// let (header, header_len) = Header::decode(&wire)?.expect("the header is whole");
/// assert_eq!(header_len, 6);
/// assert_eq!(header.opcode, Opcode::Text);
/// assert_eq!(header.payload_len, 5);
/// assert_eq!(header.masking_key, Some(MaskingKey([0x37, 0xFA, 0x21, 0x3D])));
///
/// let mut encoded = [0; 14];
/// assert_eq!(header.encode(&mut encoded), 6);
/// assert_eq!(encoded[..6], wire[..6]);
/// # Ok::<(), tidewire_ws::frame::ProtocolError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Header {
    /// Whether this is the final fragment of its message.
    pub fin: bool,
    /// The reserved bits.
    pub rsv: Rsv,
    /// What the frame is.
    pub opcode: Opcode,
    /// The key that the payload is masked with, if it is masked.
    pub masking_key: Option<MaskingKey>,
    /// Length of the payload in bytes, at most [`Header::MAX_PAYLOAD_LEN`].
    pub payload_len: u64,
}

impl Header {
    /// The longest payload that a header can declare, in bytes: 2^63 − 1.
    pub const MAX_PAYLOAD_LEN: u64 = 0x7FFF_FFFF_FFFF_FFFF;

    /// The header of an unmasked, unfragmented frame.
    #[inline]
    #[must_use]
    pub const fn new(opcode: Opcode, payload_len: u64) -> Self {
        Self { fin: true, rsv: Rsv::NONE, opcode, masking_key: None, payload_len }
    }

    /// Decodes the header at the start of `input`: the header and its length in bytes, or `None` when more
    /// bytes are needed. Nothing beyond the header is looked at.
    ///
    /// # Errors
    ///
    /// A reserved opcode; a control frame that is fragmented or longer than 125 bytes; a length with its top
    /// bit set or in more bytes than it needs. Each is told as soon as the bytes that show it are there, so
    /// the first error does not depend on how many bytes are given.
    #[inline]
    pub fn decode(input: &[u8]) -> Result<Option<(Self, usize)>, ProtocolError> {
        let Some(&first) = input.first() else { return Ok(None) };
        //= https://www.rfc-editor.org/rfc/rfc6455#section-5.2
        //# If an unknown
        //# opcode is received, the receiving endpoint MUST _Fail the
        //# WebSocket Connection_.
        let Some(opcode) = Opcode::from_bits(first & OPCODE) else {
            return Err(ProtocolError::ReservedOpcode(first & OPCODE));
        };
        let fin = first & FIN != 0;
        //= https://www.rfc-editor.org/rfc/rfc6455#section-5.5
        //# All control frames MUST have a payload length of 125 bytes or less
        //# and MUST NOT be fragmented.
        //= https://www.rfc-editor.org/rfc/rfc6455#section-5.4
        //# Control frames themselves MUST NOT be fragmented.
        if opcode.is_control() && !fin {
            return Err(ProtocolError::FragmentedControl(opcode));
        }
        let Some(&second) = input.get(1) else { return Ok(None) };
        let length_field = second & LENGTH;
        let (payload_len, length_end) = if usize::from(length_field) <= MAX_CONTROL_PAYLOAD_LEN {
            (u64::from(length_field), 2)
        } else if opcode.is_control() {
            return Err(ProtocolError::ControlTooLong { opcode, length_field });
        } else {
            match extended_length(length_field, input)? {
                Some(decoded) => decoded,
                None => return Ok(None),
            }
        };
        let (masking_key, header_len) = if second & MASK == 0 {
            (None, length_end)
        } else {
            let Some(key) = input.get(length_end..).and_then(<[u8]>::first_chunk) else { return Ok(None) };
            (Some(MaskingKey(*key)), length_end + 4)
        };
        let header = Self { fin, rsv: Rsv::from_bits(first >> 4), opcode, masking_key, payload_len };
        Ok(Some((header, header_len)))
    }

    /// Writes the header to the start of `output` and returns its length in bytes, 2 to 14.
    ///
    /// A `payload_len` above [`Header::MAX_PAYLOAD_LEN`], which no payload in memory has, is written as that.
    //= https://www.rfc-editor.org/rfc/rfc6455#section-5.2
    //# Note that
    //# in all cases, the minimal number of bytes MUST be used to encode
    //# the length
    #[inline]
    pub fn encode(&self, output: &mut [u8; MAX_HEADER_LEN]) -> usize {
        output[0] = (u8::from(self.fin) << 7) | (self.rsv.bits() << 4) | self.opcode.bits();
        let length_end = if self.payload_len <= MAX_CONTROL_PAYLOAD_LEN as u64 {
            output[1] = self.payload_len as u8;
            2
        } else if let Ok(short) = u16::try_from(self.payload_len) {
            output[1] = LENGTH_16;
            output[2..4].copy_from_slice(&short.to_be_bytes());
            4
        } else {
            output[1] = LENGTH_64;
            output[2..10].copy_from_slice(&self.payload_len.min(Self::MAX_PAYLOAD_LEN).to_be_bytes());
            10
        };
        match self.masking_key {
            None => length_end,
            Some(MaskingKey(key)) => {
                output[1] |= MASK;
                output[length_end..length_end + 4].copy_from_slice(&key);
                length_end + 4
            }
        }
    }

    /// Length in bytes of this header on the wire, 2 to 14.
    #[inline]
    #[must_use]
    pub const fn header_len(&self) -> usize {
        let key_len = if self.masking_key.is_some() { 4 } else { 0 };
        if self.payload_len <= MAX_CONTROL_PAYLOAD_LEN as u64 {
            2 + key_len
        } else if self.payload_len <= u16::MAX as u64 {
            4 + key_len
        } else {
            10 + key_len
        }
    }
}

/// The 16-bit or 64-bit length that `length_field` announces, and where in `input` it ends.
fn extended_length(length_field: u8, input: &[u8]) -> Result<Option<(u64, usize)>, ProtocolError> {
    let Some((_, after)) = input.split_first_chunk::<2>() else { return Ok(None) };
    let (payload_len, length_end, shorter_form_max) = if length_field == LENGTH_64 {
        //= https://www.rfc-editor.org/rfc/rfc6455#section-5.2
        //# the following 8 bytes interpreted as a 64-bit unsigned integer (the
        //# most significant bit MUST be 0) are the payload length.
        if after.first().is_some_and(|byte| byte & 0x80 != 0) {
            return Err(ProtocolError::LengthTopBit);
        }
        let Some(octets) = after.first_chunk() else { return Ok(None) };
        (u64::from_be_bytes(*octets), 10, u64::from(u16::MAX))
    } else {
        let Some(octets) = after.first_chunk() else { return Ok(None) };
        (u64::from(u16::from_be_bytes(*octets)), 4, MAX_CONTROL_PAYLOAD_LEN as u64)
    };
    //= https://www.rfc-editor.org/rfc/rfc6455#section-5.2
    //# Note that
    //# in all cases, the minimal number of bytes MUST be used to encode
    //# the length
    if payload_len <= shorter_form_max {
        return Err(ProtocolError::LengthNotMinimal { payload_len });
    }
    Ok(Some((payload_len, length_end)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;

    #[test]
    fn every_first_byte_is_a_header_a_reserved_opcode_or_a_fragmented_control_frame() {
        for first in 0..=u8::MAX {
            let bits = first & 0x0F;
            let expected = match Opcode::from_bits(bits) {
                None => Err(ProtocolError::ReservedOpcode(bits)),
                Some(opcode) if opcode.is_control() && first & 0x80 == 0 => {
                    Err(ProtocolError::FragmentedControl(opcode))
                }
                Some(opcode) => Ok(Some((
                    Header {
                        fin: first & 0x80 != 0,
                        rsv: Rsv::from_bits((first & 0x70) >> 4),
                        opcode,
                        masking_key: None,
                        payload_len: 0,
                    },
                    2,
                ))),
            };
            assert_eq!(Header::decode(&[first, 0]), expected, "{first:#04x}");
            // An error needs no second byte.
            assert_eq!(Header::decode(&[first]), expected.map(|_| None), "{first:#04x} alone");
        }
    }

    #[test]
    fn each_header_of_the_grid_decodes_to_what_was_encoded_and_needs_all_its_bytes() {
        let lens =
            [0, 1, 124, 125, 126, 127, 128, 0xFFFE, 0xFFFF, 0x1_0000, 0x1_0001, 0xFFFF_FFFF, 0x1_0000_0000];
        let lens = lens.into_iter().chain([Header::MAX_PAYLOAD_LEN - 1, Header::MAX_PAYLOAD_LEN]);
        let mut headers = Vec::new();
        for payload_len in lens {
            for opcode in [
                Opcode::Continuation,
                Opcode::Text,
                Opcode::Binary,
                Opcode::Close,
                Opcode::Ping,
                Opcode::Pong,
            ] {
                for fin in [true, false] {
                    for rsv in 0..8 {
                        for masking_key in [None, Some(MaskingKey([1, 2, 3, 4]))] {
                            let rsv = Rsv::from_bits(rsv);
                            headers.push(Header { fin, rsv, opcode, masking_key, payload_len });
                        }
                    }
                }
            }
        }
        for header in headers {
            let mut encoded = [0xAA; MAX_HEADER_LEN];
            let len = header.encode(&mut encoded);
            assert_eq!(len, header.header_len(), "{header:?}");
            let bad_control = header.opcode.is_control() && (!header.fin || header.payload_len > 125);
            if bad_control {
                assert!(Header::decode(&encoded[..len]).is_err(), "{header:?}");
                continue;
            }
            for part in 0..len {
                assert_eq!(Header::decode(&encoded[..part]), Ok(None), "{header:?}");
            }
            assert_eq!(Header::decode(&encoded[..len]), Ok(Some((header, len))));
            assert_eq!(Header::decode(&encoded), Ok(Some((header, len))), "what follows is not read");
        }
    }

    #[test]
    //= https://www.rfc-editor.org/rfc/rfc6455#section-5.2
    //= type=test
    //# Note that
    //# in all cases, the minimal number of bytes MUST be used to encode
    //# the length
    fn a_length_in_more_bytes_than_it_needs_is_refused() {
        for payload_len in 0..=125u16 {
            let [high, low] = payload_len.to_be_bytes();
            let expected = Err(ProtocolError::LengthNotMinimal { payload_len: payload_len.into() });
            assert_eq!(Header::decode(&[0x82, 126, high, low]), expected);
        }
        assert!(Header::decode(&[0x82, 126, 0, 126]).unwrap().is_some());
        for payload_len in [0, 125, 126, 0xFFFF] {
            let mut wire = vec![0x82, 127];
            wire.extend_from_slice(&u64::to_be_bytes(payload_len));
            assert_eq!(Header::decode(&wire), Err(ProtocolError::LengthNotMinimal { payload_len }));
        }
        assert!(Header::decode(&[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]).unwrap().is_some());
    }

    #[test]
    //= https://www.rfc-editor.org/rfc/rfc6455#section-5.2
    //= type=test
    //# the following 8 bytes interpreted as a 64-bit unsigned integer (the
    //# most significant bit MUST be 0) are the payload length.
    fn the_top_bit_of_a_64_bit_length_is_refused_at_its_first_byte() {
        assert_eq!(Header::decode(&[0x82, 0xFF]), Ok(None));
        for high in 0x80..=0xFF {
            assert_eq!(Header::decode(&[0x82, 0xFF, high]), Err(ProtocolError::LengthTopBit));
        }
        assert_eq!(Header::decode(&[0x82, 0xFF, 0x7F]), Ok(None));
    }

    #[test]
    //= https://www.rfc-editor.org/rfc/rfc6455#section-5.5
    //= type=test
    //# All control frames MUST have a payload length of 125 bytes or less
    //# and MUST NOT be fragmented.
    fn a_control_frame_has_fin_and_at_most_125_bytes() {
        for opcode in [Opcode::Close, Opcode::Ping, Opcode::Pong] {
            let bits = opcode.bits();
            assert_eq!(Header::decode(&[bits]), Err(ProtocolError::FragmentedControl(opcode)));
            assert!(Header::decode(&[0x80 | bits, 125]).unwrap().is_some());
            for length_field in [126, 127] {
                let expected = Err(ProtocolError::ControlTooLong { opcode, length_field });
                assert_eq!(Header::decode(&[0x80 | bits, length_field]), expected);
            }
        }
    }

    #[test]
    fn a_length_that_no_header_can_say_is_written_as_the_longest() {
        let mut encoded = [0; MAX_HEADER_LEN];
        let len = Header::new(Opcode::Binary, u64::MAX).encode(&mut encoded);
        assert_eq!(encoded[..len], [0x82, 0x7F, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]);
    }

    #[test]
    fn reserved_bits_are_where_the_figure_has_them() {
        for (rsv, first) in [(Rsv::RSV1, 0x40), (Rsv::RSV2, 0x20), (Rsv::RSV3, 0x10), (Rsv::NONE, 0x00)] {
            let (header, _) = Header::decode(&[0x82 | first, 0]).unwrap().unwrap();
            assert_eq!(header.rsv, rsv);
            assert!(header.rsv.contains(rsv) && header.rsv.contains(Rsv::NONE));
        }
        assert!(!Rsv::RSV1.contains(Rsv::RSV2));
        assert_eq!(Rsv::from_bits(0xFF).bits(), 0b111);
    }
}
