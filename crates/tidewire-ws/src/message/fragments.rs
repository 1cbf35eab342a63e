//! Messages sent in pieces, of unknown or huge length (RFC 6455 §5.4).

use super::closing::Outbound;
use super::masking::Masking;
use super::walk::{Begun, Coding};
use super::writer::append_with;
use super::{Fragment, MessageKind, SendError, Writer};
use crate::frame::{EncodedHeader, Header, Opcode, Rsv};
use alloc::vec::Vec;

impl Writer {
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
            // Without compression no such message begins.
            let Some(deflation) = &mut self.deflation else { return Ok(()) };
            let compressed = deflation.piece(piece, fragment).unwrap_or_default();
            header.payload_len = compressed.len() as u64;
            append_with(header, compressed, output);
            deflation.settle(fragment);
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
}
