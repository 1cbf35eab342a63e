//! Close codes and the payload of a close frame (RFC 6455 §5.5.1, §7.4).

use super::{MAX_CONTROL_PAYLOAD_LEN, ProtocolError};
use core::fmt;

/// The most bytes that a close frame's payload may have.
pub(crate) const MAX_CLOSE_PAYLOAD_LEN: usize = MAX_CONTROL_PAYLOAD_LEN;

/// A close code that may appear on the wire; there is no value for any other.
///
/// 1000–1003 and 1007–1014 as registered with IANA, 3000–3999 for libraries and frameworks, 4000–4999 for
/// private use. 1004 is reserved; 1005, 1006 and 1015 only name, in an API, that no code came.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: the purpose of the connection has been fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// 1001: the endpoint goes away: a server shuts down, a browser leaves the page.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1003: a type of data that the endpoint cannot accept.
    pub const UNSUPPORTED_DATA: Self = Self(1003);
    /// 1007: data not consistent with the type of the message, such as text that is not UTF-8.
    pub const INVALID_PAYLOAD_DATA: Self = Self(1007);
    /// 1008: a message that violates the endpoint's policy.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// 1009: a message that is too big to process.
    pub const MESSAGE_TOO_BIG: Self = Self(1009);
    /// 1010: the client expected an extension that the server did not negotiate.
    pub const MANDATORY_EXTENSION: Self = Self(1010);
    /// 1011: an unexpected condition kept the server from fulfilling the request.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// 1012: the service restarts (IANA).
    pub const SERVICE_RESTART: Self = Self(1012);
    /// 1013: overloaded, try again later (IANA).
    pub const TRY_AGAIN_LATER: Self = Self(1013);
    /// 1014: a gateway got an invalid answer from its upstream (IANA).
    pub const BAD_GATEWAY: Self = Self(1014);

    /// The code with this number, where it may appear on the wire.
    ///
    /// # Errors
    ///
    /// Any number but 1000–1003, 1007–1014 and 3000–4999.
    //= https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1
    //# 1005 is a reserved value and MUST NOT be set as a status code in a Close
    //# control frame by an endpoint.
    //= https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1
    //# 1006 is a reserved value and MUST NOT be set as a status code in a Close
    //# control frame by an endpoint.
    //= https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1
    //# 1015 is a reserved value and MUST NOT be set as a status code in a Close
    //# control frame by an endpoint.
    pub const fn new(code: u16) -> Result<Self, InvalidCloseCode> {
        match code {
            1000..=1003 | 1007..=1014 | 3000..=4999 => Ok(Self(code)),
            _ => Err(InvalidCloseCode(code)),
        }
    }

    /// The number.
    #[inline]
    #[must_use]
    pub const fn value(self) -> u16 {
        self.0
    }
}

impl TryFrom<u16> for CloseCode {
    type Error = InvalidCloseCode;

    fn try_from(code: u16) -> Result<Self, InvalidCloseCode> {
        Self::new(code)
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> Self {
        code.0
    }
}

impl fmt::Debug for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CloseCode({})", self.0)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// This number must not appear in a close frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidCloseCode(pub u16);

impl fmt::Display for InvalidCloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected a close code of 1000-1003, 1007-1014 or 3000-4999, got {}", self.0)
    }
}

impl core::error::Error for InvalidCloseCode {}

/// The reason does not fit into a close frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReasonTooLong {
    /// Bytes that the reason has; at most [`CloseFrame::MAX_REASON_LEN`] fit.
    pub reason_len: usize,
}

impl fmt::Display for ReasonTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "expected a reason of at most {} bytes, got {}",
            CloseFrame::MAX_REASON_LEN,
            self.reason_len
        )
    }
}

impl core::error::Error for ReasonTooLong {}

/// The body of a close frame: a code, and a reason that may be empty.
///
/// A close frame without a body is `None` wherever an `Option<CloseFrame>` stands; an API that wants a number
/// for it says 1005 (§7.1.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseFrame<'a> {
    code: CloseCode,
    reason: &'a str,
}

impl<'a> CloseFrame<'a> {
    /// The longest reason in bytes: a control frame's 125 without the two of the code.
    pub const MAX_REASON_LEN: usize = MAX_CLOSE_PAYLOAD_LEN - 2;

    /// A body with this code and reason.
    ///
    /// # Errors
    ///
    /// The reason is longer than [`CloseFrame::MAX_REASON_LEN`] bytes.
    pub const fn new(code: CloseCode, reason: &'a str) -> Result<Self, ReasonTooLong> {
        if reason.len() > Self::MAX_REASON_LEN {
            return Err(ReasonTooLong { reason_len: reason.len() });
        }
        Ok(Self { code, reason })
    }

    /// Why the connection is closed, as a code.
    #[must_use]
    pub const fn code(&self) -> CloseCode {
        self.code
    }

    /// Why the connection is closed, in words; often empty. Not meant to be shown to end users (§5.5.1).
    #[must_use]
    pub const fn reason(&self) -> &'a str {
        self.reason
    }

    /// Reads the payload of a close frame; `None` when it is empty.
    ///
    /// # Errors
    ///
    /// A payload of one byte; a code that must not be on the wire; a reason that is not UTF-8 or too long.
    pub fn decode(payload: &'a [u8]) -> Result<Option<Self>, ProtocolError> {
        //= https://www.rfc-editor.org/rfc/rfc6455#section-5.5.1
        //# If there is a body, the first two bytes of
        //# the body MUST be a 2-byte unsigned integer (in network byte order)
        //# representing a status code with value /code/ defined in Section 7.4.
        let Some((octets, reason)) = payload.split_first_chunk() else {
            return if payload.is_empty() { Ok(None) } else { Err(ProtocolError::CloseTooShort) };
        };
        let code = CloseCode::new(u16::from_be_bytes(*octets))
            .map_err(|InvalidCloseCode(code)| ProtocolError::InvalidCloseCode(code))?;
        //= https://www.rfc-editor.org/rfc/rfc6455#section-8.1
        //# When an endpoint is to interpret a byte stream as UTF-8 but finds
        //# that the byte stream is not, in fact, a valid UTF-8 stream, that
        //# endpoint MUST _Fail the WebSocket Connection_.
        let reason = core::str::from_utf8(reason).map_err(|_| ProtocolError::InvalidCloseReason)?;
        if reason.len() > Self::MAX_REASON_LEN {
            return Err(ProtocolError::ControlTooLong { opcode: super::Opcode::Close, length_field: 126 });
        }
        Ok(Some(Self { code, reason }))
    }

    /// Writes the payload of a close frame to the start of `output`; returns its length in bytes.
    pub fn encode(&self, output: &mut [u8; MAX_CONTROL_PAYLOAD_LEN]) -> usize {
        let (code, rest) = output.split_at_mut(2);
        code.copy_from_slice(&self.code.value().to_be_bytes());
        let reason = self.reason.as_bytes();
        rest[..reason.len()].copy_from_slice(reason);
        2 + reason.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use alloc::vec::Vec;

    /// The registry, kept apart from the code's own ranges.
    fn may_be_sent(code: u16) -> bool {
        let registered = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014];
        registered.contains(&code) || code / 1000 == 3 || code / 1000 == 4
    }

    #[test]
    //= https://www.rfc-editor.org/rfc/rfc6455#section-5.5.1
    //= type=test
    //# If there is a body, the first two bytes of
    //# the body MUST be a 2-byte unsigned integer (in network byte order)
    //# representing a status code with value /code/ defined in Section 7.4.
    fn each_of_the_65_536_codes_is_taken_or_refused() {
        for number in 0..=u16::MAX {
            let payload = number.to_be_bytes();
            let decoded = CloseFrame::decode(&payload);
            if may_be_sent(number) {
                let code = CloseCode::try_from(number).unwrap();
                assert_eq!(u16::from(code), number);
                assert_eq!(decoded, Ok(Some(CloseFrame::new(code, "").unwrap())));
            } else {
                assert_eq!(CloseCode::new(number), Err(InvalidCloseCode(number)));
                assert_eq!(decoded, Err(ProtocolError::InvalidCloseCode(number)));
            }
        }
    }

    #[test]
    fn errors_say_what_was_expected() {
        extern crate std;
        use std::string::ToString;
        let invalid = CloseCode::new(1005).unwrap_err();
        assert!(invalid.to_string().contains("1005"), "{invalid}");
        let too_long = CloseFrame::new(CloseCode::NORMAL, &"r".repeat(124)).unwrap_err();
        assert!(too_long.to_string().contains("124"), "{too_long}");
    }

    #[test]
    fn the_named_codes_are_valid() {
        let named = [
            CloseCode::NORMAL,
            CloseCode::GOING_AWAY,
            CloseCode::PROTOCOL_ERROR,
            CloseCode::UNSUPPORTED_DATA,
            CloseCode::INVALID_PAYLOAD_DATA,
            CloseCode::POLICY_VIOLATION,
            CloseCode::MESSAGE_TOO_BIG,
            CloseCode::MANDATORY_EXTENSION,
            CloseCode::INTERNAL_ERROR,
            CloseCode::SERVICE_RESTART,
            CloseCode::TRY_AGAIN_LATER,
            CloseCode::BAD_GATEWAY,
        ];
        let numbers: Vec<u16> = named.iter().map(|code| code.value()).collect();
        assert_eq!(numbers, [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014]);
        assert!(named.iter().all(|code| CloseCode::new(code.value()) == Ok(*code)));
        assert_eq!(alloc::format!("{} {:?}", CloseCode::NORMAL, CloseCode::NORMAL), "1000 CloseCode(1000)");
    }

    #[test]
    fn payloads_decode_to_no_body_a_body_or_an_error() {
        assert_eq!(CloseFrame::decode(&[]), Ok(None));
        assert_eq!(CloseFrame::decode(&[0x03]), Err(ProtocolError::CloseTooShort));
        let frame = CloseFrame::decode(b"\x03\xE8going \xC3\xA4way").unwrap().unwrap();
        assert_eq!((frame.code(), frame.reason()), (CloseCode::NORMAL, "going äway"));
        assert_eq!(CloseFrame::decode(b"\x03\xE8\xC3"), Err(ProtocolError::InvalidCloseReason));
        assert_eq!(CloseFrame::decode(b"\x03\xE8\xED\xA0\x80"), Err(ProtocolError::InvalidCloseReason));
    }

    #[test]
    fn a_reason_has_at_most_123_bytes() {
        let longest: String = core::iter::repeat_n('r', 123).collect();
        let frame = CloseFrame::new(CloseCode::NORMAL, &longest).unwrap();
        let mut payload = [0; 125];
        assert_eq!(frame.encode(&mut payload), 125);
        assert_eq!(CloseFrame::decode(&payload), Ok(Some(frame)));

        let longer = longest + "r";
        let error = CloseFrame::new(CloseCode::NORMAL, &longer).unwrap_err();
        assert_eq!(error, ReasonTooLong { reason_len: 124 });
        assert_eq!(alloc::format!("{error}"), "expected a reason of at most 123 bytes, got 124");
        let mut payload = CloseCode::NORMAL.value().to_be_bytes().to_vec();
        payload.extend_from_slice(longer.as_bytes());
        let error = CloseFrame::decode(&payload).unwrap_err();
        assert_eq!(
            error,
            ProtocolError::ControlTooLong { opcode: crate::frame::Opcode::Close, length_field: 126 }
        );
    }
}
