//! `Sec-WebSocket-Key` and what answers it (RFC 6455 §4.2.2, item 5.4).

use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use core::fmt;
use sha1::{Digest, Sha1};

/// The GUID that every server appends to the key.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Base64 whose last character may carry bits beyond the 16 bytes, as that of the example key in §4.1 does.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// The value of `Sec-WebSocket-Accept` for a valid `Sec-WebSocket-Key`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AcceptKey([u8; 28]);

/// The value of `Sec-WebSocket-Key` for a nonce.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key([u8; 24]);

impl Key {
    //= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
    //# The request MUST include a header field with the name
    //# |Sec-WebSocket-Key|.  The value of this header field MUST be a
    //# nonce consisting of a randomly selected 16-byte value that has
    //# been base64-encoded (see Section 4 of [RFC4648]).
    pub(crate) fn new(nonce: [u8; 16]) -> Self {
        let mut key = [b'='; 24];
        // 16 bytes are 24 characters of base64.
        let written = BASE64.encode_slice(nonce, &mut key);
        debug_assert_eq!(written, Ok(24));
        Self(key)
    }

    pub(crate) fn as_str(&self) -> &str {
        // Base64 is ASCII.
        core::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.as_str())
    }
}

impl AcceptKey {
    /// The answer to a key that we made.
    pub(crate) fn to(key: &Key) -> Self {
        Self::hash(&key.0)
    }

    /// The answer to a key; `None` when the key is not 16 bytes in base64.
    //= https://www.rfc-editor.org/rfc/rfc6455#section-4.2.1
    //# A |Sec-WebSocket-Key| header field with a base64-encoded (see
    //# Section 4 of [RFC4648]) value that, when decoded, is 16 bytes in
    //# length.
    #[must_use]
    pub fn answer(key: &[u8]) -> Option<Self> {
        let mut nonce = [0; 18];
        if key.len() != 24 || BASE64.decode_slice(key, &mut nonce) != Ok(16) {
            return None;
        }
        Some(Self::hash(key))
    }

    fn hash(key: &[u8]) -> Self {
        let mut hash = Sha1::new();
        hash.update(key);
        hash.update(GUID);
        let mut answer = [0; 28];
        // 20 bytes are 28 characters of base64.
        let written = BASE64.encode_slice(hash.finalize(), &mut answer);
        debug_assert_eq!(written, Ok(28));
        Self(answer)
    }

    /// The value as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Base64 is ASCII.
        core::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for AcceptKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AcceptKey({})", self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    //= https://www.rfc-editor.org/rfc/rfc6455#section-4.2.2
    //= type=test
    //# if the value of the |Sec-WebSocket-Key|
    //# header field in the client's handshake were
    //# "dGhlIHNhbXBsZSBub25jZQ=="
    #[test]
    fn the_example_of_the_standard() {
        let answer = AcceptKey::answer(b"dGhlIHNhbXBsZSBub25jZQ==").unwrap();
        assert_eq!(answer.as_str(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn a_key_is_sixteen_bytes_in_base64() {
        for bad in [
            &b""[..],
            b"dGhlIHNhbXBsZSBub25jZQ=",
            b"dGhlIHNhbXBsZSBub25jZQ",
            b"dGhlIHNhbXBsZSBub25jZTEy",
            b"dGhlIHNhbXBsZSBub25jZTE=",
            b"dGhlIHNhbXBsZSBub25j*Q==",
            b"dGhlIHNhbXBsZSBub25jZTEyMzQ=",
        ] {
            assert_eq!(AcceptKey::answer(bad), None, "{bad:?}");
        }
        // The standard's own example of a key (§4.1) is not canonical.
        assert!(AcceptKey::answer(b"AQIDBAUGBwgJCgsMDQ4PEC==").is_some());
    }
}
