//! The sending half: whole messages into the caller's output (RFC 6455 §6.1). Messages in pieces are in `fragments`,
//! pings, pongs and the close in `control`.

use super::closing::Outbound;
use super::control_payload::ControlPayload;
use super::masking::Masking;
use super::{Config, MessageKind, SendError};
#[cfg(feature = "deflate")]
use super::{Fragment, deflation::Deflation};
use crate::Role;
#[cfg(feature = "deflate")]
use crate::deflate::Agreement;
#[cfg(feature = "deflate")]
use crate::frame::Rsv;
use crate::frame::{
    EncodedHeader, Header, MaskingKey, Opcode, append_frame, append_masked, header_for, mask,
};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

/// The sending half of a connection.
///
/// Each call appends whole frames to the output given, or nothing. The output is the caller's: bytes that were
/// written to the socket are to be taken off its front, for its length tells how far the peer lags.
///
/// ```
/// use std::sync::Arc;
/// use tidewire_ws::message::{Config, Writer};
///
/// let (mut writer, mut output) = (Writer::server(Arc::new(Config::default())), Vec::new());
/// writer.send_text("Hello", &mut output)?;
/// assert_eq!(output, [0x81, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F]);
/// # Ok::<(), tidewire_ws::message::SendError>(())
/// ```
pub struct Writer {
    pub(super) config: Arc<Config>,
    pub(super) masking: Masking,
    pub(super) state: Outbound,
    /// The newest pong that is due and was kept back, or nothing.
    pub(super) kept_pong: Option<Box<ControlPayload>>,
    /// Compresses, where that was agreed to.
    #[cfg(feature = "deflate")]
    pub(super) deflation: Option<Box<Deflation>>,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer")
            .field("role", &self.role())
            .field("state", &self.state)
            .field("kept_pong", &self.kept_pong)
            .finish_non_exhaustive()
    }
}

impl Writer {
    /// The sending half of a server.
    //= https://www.rfc-editor.org/rfc/rfc6455#section-5.1
    //# A server MUST NOT mask any frames that it sends to
    //# the client.
    #[must_use]
    pub fn server(config: Arc<Config>) -> Self {
        Self::new(config, Masking::Off)
    }

    /// The sending half of a client. `keys` gives a masking key for each frame, from a strong source of entropy
    /// (§5.3).
    //= https://www.rfc-editor.org/rfc/rfc6455#section-5.1
    //# a client MUST mask all frames that it
    //# sends to the server
    #[must_use]
    pub fn client(config: Arc<Config>, keys: impl FnMut() -> MaskingKey + Send + Sync + 'static) -> Self {
        Self::new(config, Masking::Keys(Box::new(keys)))
    }

    fn new(config: Arc<Config>, masking: Masking) -> Self {
        Self {
            config,
            masking,
            state: Outbound::Open,
            kept_pong: None,
            #[cfg(feature = "deflate")]
            deflation: None,
        }
    }

    /// Compresses messages as it was agreed to, from [`min_len`](crate::deflate::Config::min_len) on.
    ///
    /// # Panics
    /// The agreement is the other endpoint's.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn with_deflate(mut self, agreement: &Agreement) -> Self {
        assert_eq!(agreement.role(), self.role(), "expected this endpoint's agreement, got the other's");
        self.deflation = Some(Deflation::new(agreement.clone()));
        self
    }

    /// What was agreed to about compression, if something was.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn agreement(&self) -> Option<&Agreement> {
        self.deflation.as_deref().map(Deflation::agreement)
    }

    /// Whether messages are compressed, where that is worth it.
    #[must_use]
    #[inline]
    pub fn is_compressing(&self) -> bool {
        #[cfg(feature = "deflate")]
        return self.deflation.is_some();
        #[cfg(not(feature = "deflate"))]
        return false;
    }

    /// Which endpoint this is.
    #[must_use]
    #[inline]
    pub fn role(&self) -> Role {
        match self.masking {
            Masking::Off => Role::Server,
            Masking::Keys(_) => Role::Client,
        }
    }

    /// Whether our close frame is in the output: sent by [`close`](Self::close), as the echo of the peer's, or
    /// in answer to a violation. Nothing follows it.
    #[must_use]
    #[inline]
    pub fn close_sent(&self) -> bool {
        match self.state {
            Outbound::Open | Outbound::Within(_) => false,
            Outbound::CloseSent => true,
        }
    }

    /// Appends a text message in one frame.
    ///
    /// # Errors
    ///
    /// Our close frame is out, or a message in pieces is not whole.
    #[inline]
    pub fn send_text(&mut self, text: &str, output: &mut Vec<u8>) -> Result<(), SendError> {
        self.send(MessageKind::Text, text.as_bytes(), output)
    }

    /// Appends a binary message in one frame.
    ///
    /// # Errors
    ///
    /// Our close frame is out, or a message in pieces is not whole.
    #[inline]
    pub fn send_binary(&mut self, payload: &[u8], output: &mut Vec<u8>) -> Result<(), SendError> {
        self.send(MessageKind::Binary, payload, output)
    }

    /// Whether a shared [`EncodedFrame`](crate::frame::EncodedFrame) may go out: call it before each one that
    /// is put behind the output.
    ///
    /// # Errors
    ///
    /// Our close frame is out, a message in pieces is not whole, or this is a client.
    #[inline]
    pub fn admit_encoded(&self) -> Result<(), SendError> {
        self.between_messages()?;
        match self.masking {
            Masking::Off => Ok(()),
            Masking::Keys(_) => Err(SendError::MustMask),
        }
    }

    /// The header of a message whose payload, of `payload_len` bytes, the caller puts behind the output without
    /// copying it.
    ///
    /// # Errors
    ///
    /// Our close frame is out, a message in pieces is not whole, or this is a client, which has to mask and so to
    /// copy.
    pub fn admit_payload(&self, kind: MessageKind, payload_len: usize) -> Result<EncodedHeader, SendError> {
        self.admit_encoded()?;
        Ok(header_for(kind.opcode(), payload_len, None))
    }

    /// The header of a message whose payload the caller owns and puts behind the output without copying it: a client's is
    /// masked where it lies. It is not compressed.
    ///
    /// # Errors
    ///
    /// Our close frame is out, or a message in pieces is not whole; the payload is untouched then.
    pub fn admit_owned(&mut self, kind: MessageKind, payload: &mut [u8]) -> Result<EncodedHeader, SendError> {
        self.between_messages()?;
        let key = self.masking.key();
        if let Some(key) = key {
            mask(payload, key, 0);
        }
        Ok(header_for(kind.opcode(), payload.len(), key))
    }

    pub(super) fn open(&self) -> Result<(), SendError> {
        match self.state {
            Outbound::Open | Outbound::Within(_) => Ok(()),
            Outbound::CloseSent => Err(SendError::NotOpen),
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc6455#section-6.1
    //# The endpoint MUST ensure the WebSocket connection is in the OPEN state
    //= https://www.rfc-editor.org/rfc/rfc6455#section-6.1
    //# If at any point the state of the WebSocket connection changes, the
    //# endpoint MUST abort the following steps.
    #[inline]
    fn between_messages(&self) -> Result<(), SendError> {
        match self.state {
            Outbound::Open => Ok(()),
            Outbound::Within(begun) => Err(SendError::WithinMessage(begun.kind)),
            Outbound::CloseSent => Err(SendError::NotOpen),
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc6455#section-6.1
    //# To _Send a WebSocket Message_ comprising of /data/ over a WebSocket
    //# connection, an endpoint MUST perform the following steps.
    #[inline]
    fn send(&mut self, kind: MessageKind, payload: &[u8], output: &mut Vec<u8>) -> Result<(), SendError> {
        self.between_messages()?;
        #[cfg(feature = "deflate")]
        if self.deflation.is_some() {
            self.send_deflated(kind, payload, output);
            return Ok(());
        }
        self.append(kind.opcode(), payload, output);
        Ok(())
    }

    /// Sends a message compressed, where that is worth it.
    #[cfg(feature = "deflate")]
    #[inline(never)]
    fn send_deflated(&mut self, kind: MessageKind, payload: &[u8], output: &mut Vec<u8>) {
        match self.deflation.as_mut().and_then(|deflation| deflation.message(payload)) {
            None => self.append(kind.opcode(), payload, output),
            Some(compressed) => {
                let (masking_key, payload_len) = (self.masking.key(), compressed.len() as u64);
                let opcode = kind.opcode();
                let header = Header { fin: true, rsv: Rsv::RSV1, opcode, masking_key, payload_len };
                append_with(header, compressed, output);
            }
        }
        if let Some(deflation) = &mut self.deflation {
            deflation.settle(Fragment::Final);
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc6455#section-6.1
    //# If the data is being sent by the client, the frame(s) MUST be masked as
    //# defined in Section 5.3.
    #[inline]
    pub(super) fn append(&mut self, opcode: Opcode, payload: &[u8], output: &mut Vec<u8>) {
        append_frame(opcode, self.masking.key(), payload, output);
    }
}

/// Appends a frame with a header of any kind.
pub(super) fn append_with(header: Header, payload: &[u8], output: &mut Vec<u8>) {
    output.extend_from_slice(EncodedHeader::from(header).as_bytes());
    match header.masking_key {
        None => output.extend_from_slice(payload),
        Some(key) => append_masked(payload, key, output),
    }
}
