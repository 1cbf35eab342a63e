//! The sending half: frames into the caller's output, pongs, and our close frame (RFC 6455 §6.1, §5.5).

use super::Config;
use super::closing::Outbound;
use crate::Role;
use crate::frame::{
    CloseCode, CloseFrame, EncodedHeader, MAX_CLOSE_PAYLOAD_LEN, MAX_CONTROL_PAYLOAD_LEN, MaskingKey, Opcode,
    ReasonTooLong, append_frame, header_for,
};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

/// Our close frame is out: nothing more can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotOpen;

impl fmt::Display for NotOpen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the close frame has been sent: nothing may follow it")
    }
}

impl core::error::Error for NotOpen {}

/// Why a frame was not queued. Nothing of it is in the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// Our close frame is out: nothing more can be sent.
    NotOpen,
    /// A ping or pong may have 125 bytes of payload at most.
    ControlTooLong {
        /// Bytes that were given.
        payload_len: usize,
    },
    /// The reason of a close frame may have 123 bytes at most.
    ReasonTooLong {
        /// Bytes that were given.
        reason_len: usize,
    },
    /// A client has to mask each frame with a key of its own, so it cannot send a shared one.
    MustMask,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NotOpen => NotOpen.fmt(f),
            Self::ControlTooLong { payload_len } => {
                write!(
                    f,
                    "expected at most {MAX_CONTROL_PAYLOAD_LEN} bytes in a control frame, got {payload_len}"
                )
            }
            Self::ReasonTooLong { reason_len } => ReasonTooLong { reason_len }.fmt(f),
            Self::MustMask => f.write_str("a client cannot send an unmasked frame"),
        }
    }
}

impl core::error::Error for SendError {}

impl From<NotOpen> for SendError {
    fn from(NotOpen: NotOpen) -> Self {
        Self::NotOpen
    }
}

impl From<ReasonTooLong> for SendError {
    fn from(error: ReasonTooLong) -> Self {
        Self::ReasonTooLong { reason_len: error.reason_len }
    }
}

/// Where masking keys come from.
enum Masking {
    /// A server does not mask.
    Off,
    /// A client takes a fresh key for each frame.
    Keys(Box<dyn FnMut() -> MaskingKey + Send + Sync>),
}

impl Masking {
    #[inline]
    fn key(&mut self) -> Option<MaskingKey> {
        match self {
            Self::Off => None,
            Self::Keys(next) => Some(next()),
        }
    }
}

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
/// # Ok::<(), tidewire_ws::message::NotOpen>(())
/// ```
pub struct Writer {
    config: Arc<Config>,
    masking: Masking,
    state: Outbound,
    /// The newest pong that is due and was kept back, or nothing.
    kept_pong: Option<Vec<u8>>,
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
        Self { config, masking, state: Outbound::Open, kept_pong: None }
    }

    /// Which endpoint this is.
    #[must_use]
    pub fn role(&self) -> Role {
        match self.masking {
            Masking::Off => Role::Server,
            Masking::Keys(_) => Role::Client,
        }
    }

    /// Whether our close frame is in the output: sent by [`close`](Self::close), as the echo of the peer's, or
    /// in answer to a violation. Nothing follows it.
    #[must_use]
    pub fn close_sent(&self) -> bool {
        match self.state {
            Outbound::Open => false,
            Outbound::CloseSent => true,
        }
    }

    /// Appends a text message in one frame.
    ///
    /// # Errors
    ///
    /// Our close frame is out.
    #[inline]
    pub fn send_text(&mut self, text: &str, output: &mut Vec<u8>) -> Result<(), NotOpen> {
        self.send(Opcode::Text, text.as_bytes(), output)
    }

    /// Appends a binary message in one frame.
    ///
    /// # Errors
    ///
    /// Our close frame is out.
    #[inline]
    pub fn send_binary(&mut self, payload: &[u8], output: &mut Vec<u8>) -> Result<(), NotOpen> {
        self.send(Opcode::Binary, payload, output)
    }

    /// Appends a ping; the peer answers with a pong of the same payload.
    ///
    /// # Errors
    ///
    /// Our close frame is out, or the payload is longer than 125 bytes.
    pub fn send_ping(&mut self, payload: &[u8], output: &mut Vec<u8>) -> Result<(), SendError> {
        self.send_control(Opcode::Ping, payload, output)
    }

    /// Appends a pong that no ping asked for, a one-sided heartbeat (§5.5.3). Pings are answered without it.
    ///
    /// # Errors
    ///
    /// Our close frame is out, or the payload is longer than 125 bytes.
    pub fn send_pong(&mut self, payload: &[u8], output: &mut Vec<u8>) -> Result<(), SendError> {
        self.send_control(Opcode::Pong, payload, output)
    }

    /// Whether a shared [`EncodedFrame`](crate::frame::EncodedFrame) may go out: call it before each one that
    /// is put behind the output.
    ///
    /// # Errors
    ///
    /// Our close frame is out, or this is a client.
    #[inline]
    pub fn admit_encoded(&self) -> Result<(), SendError> {
        self.open()?;
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
    /// Our close frame is out, or this is a client, which has to mask and so to copy.
    pub fn admit_payload(&self, kind: MessageKind, payload_len: usize) -> Result<EncodedHeader, SendError> {
        self.admit_encoded()?;
        Ok(header_for(kind.opcode(), payload_len, None))
    }

    /// Appends our close frame, with a code and a reason that may be empty, or without a body. The first close
    /// frame stands: after it, whoever caused it, this is an error that changes nothing.
    ///
    /// # Errors
    ///
    /// Our close frame is out, or the reason is longer than 123 bytes.
    pub fn close(&mut self, body: Option<(CloseCode, &str)>, output: &mut Vec<u8>) -> Result<(), SendError> {
        self.open()?;
        let frame = match body {
            Some((code, reason)) => Some(CloseFrame::new(code, reason)?),
            None => None,
        };
        self.finish(frame, output);
        Ok(())
    }

    /// Appends the pong that was kept back, once less than
    /// [`pong_high_water`](Config::pong_high_water) bytes wait in `output`; tells whether it did.
    ///
    /// Call it when `output` has drained. Its answer changes when a ping comes or `output` gets shorter.
    pub fn poll_pong(&mut self, output: &mut Vec<u8>) -> bool {
        if output.len() >= self.config.pong_high_water {
            return false;
        }
        match self.kept_pong.take() {
            None => false,
            Some(payload) => {
                self.append(Opcode::Pong, &payload, output);
                true
            }
        }
    }

    /// Whether a pong is kept back, for [`poll_pong`](Self::poll_pong) to append.
    #[must_use]
    pub fn has_kept_pong(&self) -> bool {
        self.kept_pong.is_some()
    }

    /// Answers a ping, at once or when the output has drained.
    //= https://www.rfc-editor.org/rfc/rfc6455#section-5.5.2
    //# Upon receipt of a Ping frame, an endpoint MUST send a Pong frame in
    //# response, unless it already received a Close frame.
    //= https://www.rfc-editor.org/rfc/rfc6455#section-5.5.3
    //# If an endpoint receives a Ping frame and has not yet sent Pong
    //# frame(s) in response to previous Ping frame(s), the endpoint MAY
    //# elect to send a Pong frame for only the most recently processed Ping
    //# frame.
    pub(crate) fn answer_ping(&mut self, payload: &[u8], output: &mut Vec<u8>) {
        match self.state {
            Outbound::CloseSent => {}
            Outbound::Open if output.len() < self.config.pong_high_water => {
                // The pong for an earlier ping is superseded by this one.
                self.kept_pong = None;
                self.append(Opcode::Pong, payload, output);
            }
            Outbound::Open => {
                let kept = self.kept_pong.get_or_insert_with(Vec::new);
                kept.clear();
                kept.extend_from_slice(payload);
            }
        }
    }

    /// Echoes the peer's close frame, or answers its violation, unless our close frame is out.
    //= https://www.rfc-editor.org/rfc/rfc6455#section-5.5.1
    //# If an endpoint receives a Close frame and did not previously send a
    //# Close frame, the endpoint MUST send a Close frame in response.
    pub(crate) fn answer_close(&mut self, code: Option<CloseCode>, output: &mut Vec<u8>) {
        match self.state {
            Outbound::CloseSent => {}
            Outbound::Open => {
                let frame = code.and_then(|code| CloseFrame::new(code, "").ok());
                self.finish(frame, output);
            }
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc6455#section-5.5.1
    //# The application MUST NOT send any more data frames after sending a
    //# Close frame.
    fn finish(&mut self, frame: Option<CloseFrame<'_>>, output: &mut Vec<u8>) {
        let mut payload = [0; MAX_CLOSE_PAYLOAD_LEN];
        let payload_len = frame.map_or(0, |frame| frame.encode(&mut payload));
        self.append(Opcode::Close, &payload[..payload_len], output);
        self.state = Outbound::CloseSent;
        self.kept_pong = None;
    }

    #[inline]
    fn open(&self) -> Result<(), NotOpen> {
        match self.state {
            Outbound::Open => Ok(()),
            Outbound::CloseSent => Err(NotOpen),
        }
    }

    #[inline]
    fn send(&mut self, opcode: Opcode, payload: &[u8], output: &mut Vec<u8>) -> Result<(), NotOpen> {
        self.open()?;
        self.append(opcode, payload, output);
        Ok(())
    }

    fn send_control(
        &mut self,
        opcode: Opcode,
        payload: &[u8],
        output: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        self.open()?;
        //= https://www.rfc-editor.org/rfc/rfc6455#section-5.5
        //# All control frames MUST have a payload length of 125 bytes or less
        //# and MUST NOT be fragmented.
        if payload.len() > MAX_CONTROL_PAYLOAD_LEN {
            return Err(SendError::ControlTooLong { payload_len: payload.len() });
        }
        self.append(opcode, payload, output);
        Ok(())
    }

    #[inline]
    fn append(&mut self, opcode: Opcode, payload: &[u8], output: &mut Vec<u8>) {
        append_frame(opcode, self.masking.key(), payload, output);
    }
}

/// The two kinds of message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// UTF-8.
    Text,
    /// Any bytes.
    Binary,
}

impl MessageKind {
    const fn opcode(self) -> Opcode {
        match self {
            Self::Text => Opcode::Text,
            Self::Binary => Opcode::Binary,
        }
    }
}
