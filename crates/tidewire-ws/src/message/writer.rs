//! The sending half: frames into the caller's output, pongs, and our close frame (RFC 6455 §6.1, §5.5).

use super::closing::Outbound;
#[cfg(feature = "deflate")]
use super::deflation::Deflation;
use super::walk::{Begun, Coding};
use super::{Config, Fragment, MessageKind, SendError};
use crate::Role;
#[cfg(feature = "deflate")]
use crate::deflate::Agreement;
use crate::frame::{
    CloseCode, CloseFrame, EncodedHeader, Header, MAX_CLOSE_PAYLOAD_LEN, MAX_CONTROL_PAYLOAD_LEN, MaskingKey,
    Opcode, Rsv, append_frame, append_masked, header_for,
};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

/// Where masking keys come from.
enum Masking {
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
    //# Clients MUST choose a new masking key for each frame, using an algorithm
    //# that cannot be predicted by end applications that provide data.
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
/// # Ok::<(), tidewire_ws::message::SendError>(())
/// ```
pub struct Writer {
    config: Arc<Config>,
    masking: Masking,
    state: Outbound,
    /// The newest pong that is due and was kept back, or nothing.
    kept_pong: Option<Vec<u8>>,
    /// Compresses, where that was agreed to.
    #[cfg(feature = "deflate")]
    deflation: Option<Box<Deflation>>,
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
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn with_deflate(mut self, agreement: &Agreement) -> Self {
        self.deflation = Some(Deflation::new(agreement.clone()));
        self
    }

    /// What was agreed to about compression, if something was.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn agreement(&self) -> Option<&Agreement> {
        self.deflation.as_deref().map(Deflation::agreement)
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

    /// Appends the next piece of a text message whose length need not be known: the first begins it, the final one
    /// ends it, and each goes out as a frame. Pings, pongs and a close may go in between, another message may not.
    ///
    /// # Errors
    ///
    /// Our close frame is out, or a binary message in pieces is not whole.
    //= https://www.rfc-editor.org/rfc/rfc6455#section-5.4
    //# The primary purpose of fragmentation is to allow sending a message
    //# that is of unknown size when the message is started without having to
    //# buffer that message.
    pub fn send_text_piece(
        &mut self,
        piece: &str,
        fragment: Fragment,
        output: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        self.send_piece(MessageKind::Text, piece.as_bytes(), fragment, output)
    }

    /// Appends the next piece of a binary message, as [`send_text_piece`](Self::send_text_piece) does of a text.
    ///
    /// # Errors
    ///
    /// Our close frame is out, or a text message in pieces is not whole.
    pub fn send_binary_piece(
        &mut self,
        piece: &[u8],
        fragment: Fragment,
        output: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        self.send_piece(MessageKind::Binary, piece, fragment, output)
    }

    /// The header of the next piece of a message of `kind` that is not compressed, whose `piece_len` bytes the caller puts behind the output
    /// without copying them. Pieces of a text are cut between characters.
    ///
    /// # Errors
    ///
    /// Our close frame is out, a message of the other kind is not whole, or this is a client.
    pub fn admit_piece(
        &mut self,
        kind: MessageKind,
        piece_len: usize,
        fragment: Fragment,
    ) -> Result<EncodedHeader, SendError> {
        match self.masking {
            Masking::Off => {}
            Masking::Keys(_) => return Err(SendError::MustMask),
        }
        let header = self.piece_header(Begun { kind, coding: Coding::Plain }, fragment)?;
        Ok(Header { payload_len: piece_len as u64, ..header }.into())
    }

    /// Appends our close frame, with a code and a reason that may be empty, or without a body. The first close
    /// frame stands: after it, whoever caused it, this is an error that changes nothing.
    ///
    /// # Errors
    ///
    /// Our close frame is out, or the reason is longer than 123 bytes.
    //= https://www.rfc-editor.org/rfc/rfc6455#section-7.1.2
    //# To _Start the WebSocket Closing Handshake_ with a status code (Section
    //# 7.4) /code/ and an optional close reason (Section 7.1.6) /reason/, an
    //# endpoint MUST send a Close control frame, as described in Section 5.5.1,
    //# whose status code is set to /code/ and whose close reason is set to
    //# /reason/.
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
            Outbound::Open | Outbound::Within(_) if output.len() < self.config.pong_high_water => {
                // The pong for an earlier ping is superseded by this one.
                self.kept_pong = None;
                self.append(Opcode::Pong, payload, output);
            }
            Outbound::Open | Outbound::Within(_) => {
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
            Outbound::Open | Outbound::Within(_) => {
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
        #[cfg(feature = "deflate")]
        {
            self.deflation = None;
        }
    }

    fn open(&self) -> Result<(), SendError> {
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
                append_with(header, &compressed, output);
            }
        }
    }

    fn send_piece(
        &mut self,
        kind: MessageKind,
        piece: &[u8],
        fragment: Fragment,
        output: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        let coding = match self.state {
            Outbound::Within(begun) => begun.coding,
            Outbound::Open | Outbound::CloseSent => self.preferred_coding(),
        };
        let mut header = self.piece_header(Begun { kind, coding }, fragment)?;
        #[cfg(feature = "deflate")]
        if coding == Coding::Deflated {
            let compressed = self.deflation.as_mut().and_then(|deflation| deflation.piece(piece, fragment));
            let compressed = compressed.unwrap_or_default();
            header.payload_len = compressed.len() as u64;
            append_with(header, &compressed, output);
            return Ok(());
        }
        header.payload_len = piece.len() as u64;
        append_with(header, piece, output);
        Ok(())
    }

    /// How a message of unknown length is written.
    fn preferred_coding(&self) -> Coding {
        #[cfg(feature = "deflate")]
        if self.deflation.as_ref().is_some_and(|deflation| deflation.is_wanted()) {
            return Coding::Deflated;
        }
        Coding::Plain
    }

    /// The header of the next piece, without its length.
    //= https://www.rfc-editor.org/rfc/rfc6455#section-5.4
    //# A fragmented message consists of a single frame with the FIN bit
    //# clear and an opcode other than 0, followed by zero or more frames
    //# with the FIN bit clear and the opcode set to 0, and terminated by
    //# a single frame with the FIN bit set and an opcode of 0.
    //= https://www.rfc-editor.org/rfc/rfc6455#section-5.4
    //# Since control frames cannot be fragmented, the type for all fragments in
    //# a message MUST be either text, binary, or one of the reserved opcodes.
    fn piece_header(&mut self, begun: Begun, fragment: Fragment) -> Result<Header, SendError> {
        let (opcode, rsv) = match self.state {
            Outbound::Open => (begun.kind.opcode(), begun.coding.rsv()),
            Outbound::Within(before) if before == begun => (Opcode::Continuation, Rsv::NONE),
            Outbound::Within(before) => return Err(SendError::WithinMessage(before.kind)),
            Outbound::CloseSent => return Err(SendError::NotOpen),
        };
        //= https://www.rfc-editor.org/rfc/rfc6455#section-6.1
        //# The FIN bit (frame-fin) of the last frame containing the data MUST be
        //# set to 1 as defined in Section 5.2.
        let fin = match fragment {
            Fragment::More => {
                self.state = Outbound::Within(begun);
                false
            }
            Fragment::Final => {
                self.state = Outbound::Open;
                true
            }
        };
        Ok(Header { fin, rsv, opcode, masking_key: self.masking.key(), payload_len: 0 })
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

    //= https://www.rfc-editor.org/rfc/rfc6455#section-6.1
    //# If the data is being sent by the client, the frame(s) MUST be masked as
    //# defined in Section 5.3.
    #[inline]
    fn append(&mut self, opcode: Opcode, payload: &[u8], output: &mut Vec<u8>) {
        append_frame(opcode, self.masking.key(), payload, output);
    }
}

/// Appends a frame with a header of any kind.
fn append_with(header: Header, payload: &[u8], output: &mut Vec<u8>) {
    output.extend_from_slice(EncodedHeader::from(header).as_bytes());
    match header.masking_key {
        None => output.extend_from_slice(payload),
        Some(key) => append_masked(payload, key, output),
    }
}
