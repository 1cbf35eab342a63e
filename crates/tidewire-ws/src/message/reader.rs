//! The receiving half: which frames are accepted, and where in a frame and a message we are (RFC 6455 §6.2).

use super::assembly::Assembly;
use super::closing::{Eof, Inbound};
use super::control_payload::ControlPayload;
#[cfg(feature = "deflate")]
use super::inflation::Inflation;
use super::walk::{Begun, Coding};
use super::{Config, Events, Fragment, MessageKind, Pieces, Writer};
use crate::Role;
#[cfg(feature = "deflate")]
use crate::deflate::Agreement;
use crate::frame::{Header, Opcode, PartialHeader, PartialPayload, ProtocolError, Rsv};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A frame that may come where it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admitted {
    /// It belongs to this message.
    Data(Begun),
    Control(Control),
}

/// Where in a frame the next byte is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Position {
    /// In a header, or before one.
    Header(PartialHeader),
    /// In the payload of a data frame, which ends its message or not.
    Data(PartialPayload, Fragment),
    /// In the payload of a control frame.
    Control(PartialPayload, Control),
}

/// The three control frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    Close,
    Ping,
    Pong,
}

/// The message in progress, as its frames tell it; what came of it is elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The next data frame begins a message.
    Idle,
    /// The message goes on: so many of its frames began, with so many bytes.
    Within { begun: Begun, fragments: u32, len: u64 },
}

impl Progress {
    /// One more frame begins.
    pub(crate) fn add(&mut self, begun: Begun, payload_len: u64) {
        *self = match *self {
            Self::Idle => Self::Within { begun, fragments: 1, len: payload_len },
            Self::Within { begun, fragments, len } => Self::Within {
                begun,
                fragments: fragments.saturating_add(1),
                len: len.saturating_add(payload_len),
            },
        };
    }

    /// What the message is.
    pub(crate) fn begun(&self) -> Begun {
        match self {
            // Nobody asks between messages.
            Self::Idle => Begun { kind: MessageKind::Binary, coding: Coding::Plain },
            Self::Within { begun, .. } => *begun,
        }
    }
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
    pub(crate) message: Progress,
    /// What came of the message in progress and was not lent yet.
    pub(crate) assembly: Assembly,
    /// Compressed messages, where they were agreed to.
    #[cfg(feature = "deflate")]
    pub(crate) inflation: Option<Box<Inflation>>,
    /// The payload of a control frame that did not come in one piece.
    pub(crate) control: Option<Box<ControlPayload>>,
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
            message: Progress::Idle,
            assembly: Assembly::IDLE,
            #[cfg(feature = "deflate")]
            inflation: None,
            control: None,
            role,
            state: Inbound::Open,
        }
    }

    /// Takes compressed messages, too, as they were agreed to.
    ///
    /// # Panics
    /// The agreement is the other endpoint's.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn with_deflate(mut self, agreement: &Agreement) -> Self {
        assert_eq!(agreement.role(), self.role, "expected this endpoint's agreement, got the other's");
        self.inflation = Some(Inflation::new(agreement.clone(), self.config.max_message_len));
        self
    }

    /// Takes the next bytes of the stream. They are looked at as the events are asked for, and unmasked in place;
    /// what [`Events::consumed`] does not count is untouched and may be given again.
    #[must_use = "the input is read as the events are asked for"]
    #[inline]
    pub fn receive<'a>(&'a mut self, input: &'a mut [u8]) -> Events<'a> {
        Events::new(self, input)
    }

    /// Takes the next bytes of the stream, as [`receive`](Self::receive) does, for who wants messages in the pieces
    /// in which they come: of unknown or huge length, without memory for more than one piece, which is at most 1,032 KiB
    /// of a compressed message and borrowed from the input of any other.
    ///
    /// [`max_message_len`](Config::max_message_len) and [`max_fragments`](Config::max_fragments) count here, too: who
    /// expects longer messages raises them, and joins none of that length.
    ///
    /// The two can be changed at any time. What was lent as a piece does not come again: in the middle of a message
    /// the rest of it comes as a message. What was joined already comes as the first piece.
    #[must_use = "the input is read as the pieces are asked for"]
    pub fn receive_pieces<'a>(&'a mut self, input: &'a mut [u8]) -> Pieces<'a> {
        Pieces::new(self, input)
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
    #[inline]
    pub fn wants_read(&self) -> bool {
        match self.state {
            Inbound::Open => true,
            Inbound::CloseReceived | Inbound::Failed | Inbound::Ended(_) => false,
        }
    }

    /// Bytes of memory held for a message or a control frame that has not come whole; 0 when idle.
    #[must_use]
    pub fn held_len_bytes(&self) -> usize {
        #[cfg(feature = "deflate")]
        let compressed = self.inflation.as_ref().map_or(0, |inflation| inflation.held_len_bytes());
        #[cfg(not(feature = "deflate"))]
        let compressed = 0;
        self.assembly.capacity() + self.control.as_ref().map_or(0, |control| control.capacity()) + compressed
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
        between_frames && self.message == Progress::Idle
    }

    /// Nothing more is expected: gives back the memory.
    pub(crate) fn end(&mut self, state: Inbound) {
        self.state = state;
        self.position = Position::START;
        self.message = Progress::Idle;
        self.assembly = Assembly::IDLE;
        #[cfg(feature = "deflate")]
        {
            self.inflation = None;
        }
        self.control = None;
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
        //= https://www.rfc-editor.org/rfc/rfc6455#section-7.1.7
        //# If _The WebSocket Connection is Established_ prior to the point
        //# where the endpoint is required to _Fail the WebSocket
        //# Connection_, the endpoint SHOULD send a Close frame with an
        //# appropriate status code (Section 7.4) before proceeding to
        //# _Close the WebSocket Connection_.
        //= https://www.rfc-editor.org/rfc/rfc6455#section-10.7
        //# If the invalid data was received after a successful WebSocket
        //# handshake, the endpoint SHOULD send a Close frame with an
        //# appropriate status code (Section 7.4) before proceeding to
        //# _Close the WebSocket Connection_.
        self.end(Inbound::Failed);
        writer.answer_close(Some(error.close_code()), output);
        error
    }

    /// Whether a frame with this header may come here, and what the message is that it belongs to. All limits are
    /// checked here, before a byte of the payload is kept.
    //= https://www.rfc-editor.org/rfc/rfc6455#section-10.7
    //# Incoming data MUST always be validated by both clients and servers.
    #[inline]
    pub(crate) fn admit(&self, header: &Header) -> Result<Admitted, ProtocolError> {
        //= https://www.rfc-editor.org/rfc/rfc6455#section-5.2
        //# MUST be 0 unless an extension is negotiated that defines meanings
        //# for non-zero values.  If a nonzero value is received and none of
        //# the negotiated extensions defines the meaning of such a nonzero
        //# value, the receiving endpoint MUST _Fail the WebSocket
        //# Connection_.
        let coding = self.coding(header)?;
        self.admit_masking(header)?;
        let kind = match header.opcode {
            //= https://www.rfc-editor.org/rfc/rfc6455#section-6.2
            //# Upon receiving a data frame (Section 5.6), the endpoint MUST note the
            //# /type/ of the data as defined by the opcode (frame-opcode) from Section
            //# 5.2.
            Opcode::Text => MessageKind::Text,
            Opcode::Binary => MessageKind::Binary,
            Opcode::Continuation => return self.admit_continuation(header),
            // They may come in the middle of a message, and their length is limited by itself.
            //= https://www.rfc-editor.org/rfc/rfc6455#section-5.4
            //# An endpoint MUST be capable of handling control frames in the middle of
            //# a fragmented message.
            Opcode::Close => return Ok(Admitted::Control(Control::Close)),
            Opcode::Ping => return Ok(Admitted::Control(Control::Ping)),
            Opcode::Pong => return Ok(Admitted::Control(Control::Pong)),
        };
        //= https://www.rfc-editor.org/rfc/rfc6455#section-5.4
        //# The fragments of one message MUST NOT be interleaved between the
        //# fragments of another message unless an extension has been
        //# negotiated that can interpret the interleaving.
        if self.message != Progress::Idle {
            return Err(ProtocolError::ExpectedContinuation(header.opcode));
        }
        let begun = Begun { kind, coding };
        self.admit_length(header.payload_len, begun)?;
        Ok(Admitted::Data(begun))
    }

    #[inline]
    fn admit_masking(&self, header: &Header) -> Result<(), ProtocolError> {
        match (self.role, header.masking_key) {
            //= https://www.rfc-editor.org/rfc/rfc6455#section-5.1
            //# The server MUST close the connection upon receiving a
            //# frame that is not masked.
            (Role::Server, None) => Err(ProtocolError::Unmasked),
            //= https://www.rfc-editor.org/rfc/rfc6455#section-5.1
            //# A client MUST close a connection if it detects a masked
            //# frame.
            (Role::Client, Some(_)) => Err(ProtocolError::Masked),
            (Role::Server, Some(_)) | (Role::Client, None) => Ok(()),
        }
    }

    /// The same of a whole, plain message in one frame, whose first octet says that it is one.
    #[inline]
    pub(crate) fn admit_whole(&self, header: &Header, kind: MessageKind) -> Result<(), ProtocolError> {
        self.admit_masking(header)?;
        if self.message != Progress::Idle {
            return Err(ProtocolError::ExpectedContinuation(header.opcode));
        }
        self.admit_length(header.payload_len, Begun { kind, coding: Coding::Plain })
    }

    /// How the message is written that a frame begins.
    #[inline]
    fn coding(&self, header: &Header) -> Result<Coding, ProtocolError> {
        if header.rsv == Rsv::NONE {
            return Ok(Coding::Plain);
        }
        //= https://www.rfc-editor.org/rfc/rfc7692#section-6.1
        //# An endpoint MUST NOT set the "Per-Message Compressed" bit of control
        //# frames and non-first fragments of a data message.
        #[cfg(feature = "deflate")]
        if header.rsv == Rsv::RSV1
            && self.inflation.is_some()
            && matches!(header.opcode, Opcode::Text | Opcode::Binary)
        {
            return Ok(Coding::Deflated);
        }
        Err(ProtocolError::ReservedBits(header.rsv))
    }

    fn admit_continuation(&self, header: &Header) -> Result<Admitted, ProtocolError> {
        match self.message {
            Progress::Idle => Err(ProtocolError::UnexpectedContinuation),
            Progress::Within { begun, fragments, len } => {
                if fragments >= self.config.max_fragments {
                    return Err(ProtocolError::TooManyFragments { max_fragments: self.config.max_fragments });
                }
                // A sum that overflows is above any limit.
                self.admit_length(len.saturating_add(header.payload_len), begun)?;
                Ok(Admitted::Data(begun))
            }
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc6455#section-10.4
    //# Implementations that have implementation- and/or platform-specific
    //# limitations regarding the frame size or total message size after
    //# reassembly from multiple frames MUST protect themselves against
    //# exceeding those limits.
    //= https://www.rfc-editor.org/rfc/rfc6455#section-10.4
    //# Such an implementation SHOULD impose a limit on frame sizes and the
    //# total message size after reassembly from multiple frames.
    #[inline]
    fn admit_length(&self, message_len: u64, begun: Begun) -> Result<(), ProtocolError> {
        // Compared as u64, before a cast could cut it.
        let max_message_len = self.config.max_message_len as u64;
        let max_len = match begun.coding {
            Coding::Plain => max_message_len,
            // What cannot be compressed gets longer, but not by an eighth; what comes out is limited as it does.
            #[cfg(feature = "deflate")]
            Coding::Deflated => max_message_len.saturating_add(max_message_len / 8).saturating_add(64),
        };
        if message_len > max_len {
            return Err(ProtocolError::MessageTooLong { message_len });
        }
        Ok(())
    }
}
