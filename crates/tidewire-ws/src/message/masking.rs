//! Where masking keys come from (RFC 6455 §5.3).

use crate::frame::MaskingKey;
use alloc::boxed::Box;

/// Where masking keys come from.
pub(super) enum Masking {
    /// A server does not mask.
    Off,
    /// A client takes a fresh key for each frame.
    Keys(Box<dyn FnMut() -> MaskingKey + Send + Sync>),
}

impl Masking {
    //= https://www.rfc-editor.org/rfc/rfc6455#section-5.3
    //# When preparing a masked frame, the client MUST pick a fresh masking key
    //# from the set of allowed 32-bit values.
    //= https://www.rfc-editor.org/rfc/rfc6455#section-10.3
    //# Clients MUST choose a new masking key for each frame
    #[inline]
    pub(super) fn key(&mut self) -> Option<MaskingKey> {
        match self {
            Self::Off => None,
            Self::Keys(next) => Some(next()),
        }
    }
}
