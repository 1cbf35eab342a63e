//! Control frames sent: pings, pongs and the close, of our own and in answer to the peer's (RFC 6455 §5.5, §7.1).

use super::closing::Outbound;
use super::control_payload::ControlPayload;
use super::{SendError, Writer};
use crate::frame::{CloseCode, CloseFrame, MAX_CLOSE_PAYLOAD_LEN, MAX_CONTROL_PAYLOAD_LEN, Opcode};
use alloc::vec::Vec;

impl Writer {
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
    /// [`pong_high_water`](super::Config::pong_high_water) bytes wait in `output`; tells whether it did.
    ///
    /// Call it when `output` has drained. Its answer changes when a ping comes or `output` gets shorter.
    #[inline]
    pub fn poll_pong(&mut self, output: &mut Vec<u8>) -> bool {
        self.kept_pong.is_some() && self.append_pong(output)
    }

    #[cold]
    fn append_pong(&mut self, output: &mut Vec<u8>) -> bool {
        if output.len() >= self.config.pong_high_water {
            return false;
        }
        match self.kept_pong.take() {
            None => false,
            Some(payload) => {
                self.append(Opcode::Pong, payload.as_slice(), output);
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
    //= https://www.rfc-editor.org/rfc/rfc6455#section-5.5.2
    //# It SHOULD respond with Pong frame as soon as is practical.
    pub(crate) fn answer_ping(&mut self, payload: &[u8], output: &mut Vec<u8>) {
        match self.state {
            Outbound::CloseSent => {}
            Outbound::Open | Outbound::Within(_) if output.len() < self.config.pong_high_water => {
                // The pong for an earlier ping is superseded by this one.
                self.kept_pong = None;
                self.append(Opcode::Pong, payload, output);
            }
            Outbound::Open | Outbound::Within(_) => {
                self.kept_pong = Some(ControlPayload::of(payload));
            }
        }
    }

    /// Echoes the peer's close frame, or answers its violation, unless our close frame is out.
    //= https://www.rfc-editor.org/rfc/rfc6455#section-5.5.1
    //# If an endpoint receives a Close frame and did not previously send a
    //# Close frame, the endpoint MUST send a Close frame in response.
    //= https://www.rfc-editor.org/rfc/rfc6455#section-5.5.1
    //# It SHOULD do so as soon as practical.
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
}
