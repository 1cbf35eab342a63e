//! The receiving half: which frames are accepted, and where in a frame and a message we are (RFC 6455 §6.2).

use super::assembly::Assembly;
use super::closing::{Eof, Inbound};
use super::{Config, Events, Writer};
use crate::Role;
use crate::frame::{Header, Opcode, PartialHeader, PartialPayload, ProtocolError, Rsv};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Where in a frame the next byte is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Position {
    /// In a header, or before one.
    Header(PartialHeader),
    /// In the payload of a data frame, which ends its message or not.
    Data(PartialPayload, Continues),
    /// In the payload of a control frame.
    Control(PartialPayload, Control),
}

/// What follows a data frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Continues {
    /// Another fragment: FIN was clear.
    More,
    /// Nothing: FIN was set.
    Final,
}

/// The three control frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    Close,
    Ping,
    Pong,
}

impl Position {
    /// Before a frame.
    pub(crate) const START: Self = Self::Header(PartialHeader::EMPTY);
}

/// The receiving half of a connection.
///
/// ```
/// use std::sync::Arc;
/// use tidewire_ws::Role;
/// use tidewire_ws::message::{Config, Event, Reader, Writer};
///
/// let config = Arc::new(Config::default());
/// let mut reader = Reader::new(Role::Server, config.clone());
/// let (mut writer, mut output) = (Writer::server(config), Vec::new());
///
/// // A masked ping, "Hello".
/// let mut input = [0x89, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58];
/// let mut events = reader.receive(&mut input);
/// assert_eq!(events.next(&mut writer, &mut output), Some(Ok(Event::Ping(b"Hello"))));
/// assert_eq!(events.next(&mut writer, &mut output), None);
/// // The pong is in the output already.
/// assert_eq!(output, [0x8A, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F]);
/// ```
#[derive(Debug)]
pub struct Reader {
    config: Arc<Config>,
    pub(crate) position: Position,
    pub(crate) message: Assembly,
    /// The payload of a control frame that did not come in one piece.
    pub(crate) control: Vec<u8>,
    role: Role,
    pub(crate) state: Inbound,
}

impl Reader {
    /// The receiving half of the endpoint that `role` names.
    #[must_use]
    pub fn new(role: Role, config: Arc<Config>) -> Self {
        Self {
            config,
            position: Position::START,
            message: Assembly::Idle,
            control: Vec::new(),
            role,
            state: Inbound::Open,
        }
    }

    /// Takes the next bytes of the stream. They are looked at as the events are asked for, and unmasked in place;
    /// what [`Events::consumed`] does not count is untouched and may be given again.
    #[must_use = "the input is read as the events are asked for"]
    #[inline]
    pub fn receive<'a>(&'a mut self, input: &'a mut [u8]) -> Events<'a> {
        Events::new(self, input)
    }

    /// Which endpoint this is.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// Whether the peer's close frame came. Ours was sent before it or in answer to it, so the closing handshake
    /// is done as soon as the output is.
    #[must_use]
    pub fn close_received(&self) -> bool {
        match self.state {
            Inbound::CloseReceived | Inbound::Ended(Eof::Clean) => true,
            Inbound::Open
            | Inbound::Failed
            | Inbound::Ended(Eof::WithoutClose | Eof::Truncated | Eof::AfterFailure) => false,
        }
    }

    /// Whether another event can come: false after a close frame, a violation or the end of the stream.
    #[must_use]
    pub fn wants_read(&self) -> bool {
        match self.state {
            Inbound::Open => true,
            Inbound::CloseReceived | Inbound::Failed | Inbound::Ended(_) => false,
        }
    }

    /// Bytes of memory held for a message or a control frame that has not come whole; 0 when idle.
    #[must_use]
    pub fn held_len_bytes(&self) -> usize {
        self.message.capacity() + self.control.capacity()
    }

    /// The peer's stream ended. No event comes after it; asked again, the answer is the same.
    pub fn handle_eof(&mut self) -> Eof {
        let eof = match self.state {
            Inbound::Open if self.is_between_messages() => Eof::WithoutClose,
            Inbound::Open => Eof::Truncated,
            Inbound::CloseReceived => Eof::Clean,
            Inbound::Failed => Eof::AfterFailure,
            Inbound::Ended(eof) => eof,
        };
        self.end(Inbound::Ended(eof));
        eof
    }

    fn is_between_messages(&self) -> bool {
        let between_frames = match &self.position {
            Position::Header(partial) => partial.is_empty(),
            Position::Data(..) | Position::Control(..) => false,
        };
        between_frames && self.message.is_idle()
    }

    /// Nothing more is expected: gives back the memory.
    pub(crate) fn end(&mut self, state: Inbound) {
        self.state = state;
        self.position = Position::START;
        self.message = Assembly::Idle;
        self.control = Vec::new();
    }

    /// The peer broke the protocol: the close frame that says so goes into the output.
    #[cold]
    pub(crate) fn fail(
        &mut self,
        error: ProtocolError,
        writer: &mut Writer,
        output: &mut Vec<u8>,
    ) -> ProtocolError {
        //= https://www.rfc-editor.org/rfc/rfc6455#section-7.1.7
        //# An endpoint MUST NOT continue to attempt to
        //# process data (including a responding Close frame) from the remote
        //# endpoint after being instructed to _Fail the WebSocket Connection_.
        self.end(Inbound::Failed);
        writer.answer_close(Some(error.close_code()), output);
        error
    }

    /// Whether a frame with this header may come here. All limits are checked here, before a byte of the payload
    /// is kept.
    #[inline]
    pub(crate) fn admit(&self, header: &Header) -> Result<(), ProtocolError> {
        //= https://www.rfc-editor.org/rfc/rfc6455#section-5.2
        //# MUST be 0 unless an extension is negotiated that defines meanings
        //# for non-zero values.  If a nonzero value is received and none of
        //# the negotiated extensions defines the meaning of such a nonzero
        //# value, the receiving endpoint MUST _Fail the WebSocket
        //# Connection_.
        if header.rsv != Rsv::NONE {
            return Err(ProtocolError::ReservedBits(header.rsv));
        }
        match (self.role, header.masking_key) {
            //= https://www.rfc-editor.org/rfc/rfc6455#section-5.1
            //# The server MUST close the connection upon receiving a
            //# frame that is not masked.
            (Role::Server, None) => return Err(ProtocolError::Unmasked),
            //= https://www.rfc-editor.org/rfc/rfc6455#section-5.1
            //# A client MUST close a connection if it detects a masked
            //# frame.
            (Role::Client, Some(_)) => return Err(ProtocolError::Masked),
            (Role::Server, Some(_)) | (Role::Client, None) => {}
        }
        match header.opcode {
            Opcode::Close | Opcode::Ping | Opcode::Pong => Ok(()),
            Opcode::Text | Opcode::Binary if self.message.is_idle() => self.admit_length(0, header),
            //= https://www.rfc-editor.org/rfc/rfc6455#section-5.4
            //# The fragments of one message MUST NOT be interleaved between the
            //# fragments of another message unless an extension has been
            //# negotiated that can interpret the interleaving.
            Opcode::Text | Opcode::Binary => Err(ProtocolError::ExpectedContinuation(header.opcode)),
            Opcode::Continuation if self.message.is_idle() => Err(ProtocolError::UnexpectedContinuation),
            Opcode::Continuation => {
                if self.message.fragments() >= self.config.max_fragments {
                    return Err(ProtocolError::TooManyFragments { max_fragments: self.config.max_fragments });
                }
                self.admit_length(self.message.len(), header)
            }
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc6455#section-10.4
    //# Implementations that have implementation- and/or platform-specific
    //# limitations regarding the frame size or total message size after
    //# reassembly from multiple frames MUST protect themselves against
    //# exceeding those limits.
    #[inline]
    fn admit_length(&self, had: usize, header: &Header) -> Result<(), ProtocolError> {
        // Compared as u64, before a cast could cut it; a sum that overflows is above any limit.
        let message_len = (had as u64).saturating_add(header.payload_len);
        if message_len > self.config.max_message_len as u64 {
            return Err(ProtocolError::MessageTooLong { message_len });
        }
        Ok(())
    }
}
