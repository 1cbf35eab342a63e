//! One message for many receivers, compressed once per window (RFC 7692 §6.1).

use super::{ContextTakeover, Pool, WindowBits};
use crate::frame::{EncodedFrame, Rsv};
use crate::message::{Fragment, MessageKind, SendError, Writer};
use std::sync::OnceLock;

/// A message as a server sends it to many: encoded once as it is, and once compressed per window size that somebody
/// has agreed to.
///
/// A frame compressed by itself can be shared with every connection on which we do not take our context over and
/// whose window allows it; the others get the plain frame, which they must understand too.
///
/// ```
/// use std::sync::Arc;
/// use tidewire_ws::deflate::{Broadcast, Pool};
/// use tidewire_ws::message::{Config, Writer};
///
/// let pool = Pool::default();
/// let agreement = pool.accept([&b"permessage-deflate"[..]]).expect("a fair offer");
/// let config = Arc::new(Config::default());
/// let compressed = Writer::server(config.clone()).with_deflate(&agreement);
/// let plain = Writer::server(config);
///
/// let message = Broadcast::text(&"tide ".repeat(100), &pool);
/// assert_eq!(message.frame_for(&plain)?.len_bytes(), 504);
/// assert!(message.frame_for(&compressed)?.len_bytes() < 40);
/// # Ok::<(), tidewire_ws::message::SendError>(())
/// ```
#[derive(Debug)]
pub struct Broadcast {
    kind: MessageKind,
    plain: EncodedFrame,
    payload_len: usize,
    pool: Pool,
    /// By window bits, 9 to 15; `None` within where compressing gains nothing.
    compressed: [OnceLock<Option<EncodedFrame>>; 7],
}

impl Broadcast {
    /// A text message.
    #[must_use]
    pub fn text(text: &str, pool: &Pool) -> Self {
        Self::new(MessageKind::Text, text.as_bytes(), pool)
    }

    /// A binary message.
    #[must_use]
    pub fn binary(payload: &[u8], pool: &Pool) -> Self {
        Self::new(MessageKind::Binary, payload, pool)
    }

    fn new(kind: MessageKind, payload: &[u8], pool: &Pool) -> Self {
        Self {
            kind,
            plain: EncodedFrame::data(kind.opcode(), Rsv::NONE, payload),
            payload_len: payload.len(),
            pool: pool.clone(),
            compressed: Default::default(),
        }
    }

    /// The frame for a connection. It is admitted: put it behind the connection's output.
    ///
    /// # Errors
    /// As [`Writer::admit_encoded`].
    pub fn frame_for(&self, writer: &Writer) -> Result<&EncodedFrame, SendError> {
        writer.admit_encoded()?;
        let window = match writer.agreement() {
            Some(agreement) if agreement.sending().takeover == ContextTakeover::Off => agreement.window(),
            Some(_) | None => None,
        };
        Ok(window.and_then(|window| self.compressed(window)).unwrap_or(&self.plain))
    }

    /// The frame as it is, for everybody.
    #[must_use]
    pub fn plain(&self) -> &EncodedFrame {
        &self.plain
    }

    fn compressed(&self, window: WindowBits) -> Option<&EncodedFrame> {
        if self.payload_len < self.pool.config().min_len {
            return None;
        }
        let slot = self.compressed.get(usize::from(window.value().checked_sub(9)?))?;
        slot.get_or_init(|| self.compress(window)).as_ref()
    }

    fn compress(&self, window: WindowBits) -> Option<EncodedFrame> {
        let frame = self.plain.bytes();
        let payload = &frame[frame.len() - self.payload_len..];
        let mut held = self.pool.deflater(window);
        let compressed = held.deflater.deflate(payload, Fragment::Final);
        (compressed.len() < self.payload_len)
            .then(|| EncodedFrame::data(self.kind.opcode(), Rsv::RSV1, compressed))
    }
}
