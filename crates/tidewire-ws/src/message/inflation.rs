//! Compressed messages on their way in: kept compressed while they are short, inflated under the limit
//! (RFC 7692 §6.2, §7.2.2).

use super::walk::Following;
use crate::deflate::{Agreement, ContextTakeover, InflateError, Inflater, Pooled};
use crate::frame::ProtocolError;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem;

/// Up to so many bytes of an unfinished message wait compressed, before a decompressor is held for it.
const MAX_WAITING_LEN: usize = 8 * 1024;

/// The compressed messages of one connection.
#[derive(Debug)]
pub(crate) struct Inflation {
    agreement: Agreement,
    max_message_len: usize,
    /// Held while a message is in progress; for ever where the peer takes its context over.
    inflater: Option<Pooled<Inflater>>,
    /// What came of the message and is not inflated.
    waiting: Vec<u8>,
    /// What is inflated and was not given away.
    output: Vec<u8>,
    /// Bytes of the message that were given away before it was whole.
    given_len: usize,
}

impl Inflation {
    pub(crate) fn new(agreement: Agreement, max_message_len: usize) -> Box<Self> {
        Box::new(Self {
            agreement,
            max_message_len,
            inflater: None,
            waiting: Vec::new(),
            output: Vec::new(),
            given_len: 0,
        })
    }

    /// Bytes held for a message in progress, without its decompressor.
    pub(crate) fn held_len_bytes(&self) -> usize {
        self.waiting.capacity() + self.output.capacity()
    }

    /// Takes the next piece of a message; gives the bytes of the message when it is whole.
    pub(crate) fn join(
        &mut self,
        piece: &[u8],
        following: Following,
    ) -> Result<Option<Vec<u8>>, ProtocolError> {
        let may_wait = self.inflater.is_none() && self.waiting.len() + piece.len() <= MAX_WAITING_LEN;
        if may_wait && following != Following::Nothing {
            self.waiting.extend_from_slice(piece);
            return Ok(None);
        }
        self.inflate(piece)?;
        match following {
            Following::Bytes(_) | Following::Frames => Ok(None),
            Following::Nothing => {
                self.end()?;
                Ok(Some(mem::take(&mut self.output)))
            }
        }
    }

    /// Takes the next piece of a message; gives all that it comes to.
    pub(crate) fn pass(&mut self, piece: &[u8], following: Following) -> Result<Vec<u8>, ProtocolError> {
        self.inflate(piece)?;
        match following {
            Following::Bytes(_) | Following::Frames => self.given_len += self.output.len(),
            Following::Nothing => self.end()?,
        }
        Ok(mem::take(&mut self.output))
    }

    /// Inflates what waits, and then `piece`.
    fn inflate(&mut self, piece: &[u8]) -> Result<(), ProtocolError> {
        let pool = self.agreement.pool();
        let inflater = self.inflater.get_or_insert_with(|| pool.inflater());
        // What was given away counts, too.
        let max_len = self.max_message_len - self.given_len.min(self.max_message_len);
        let waiting = mem::take(&mut self.waiting);
        [&waiting, piece]
            .into_iter()
            .filter(|input| !input.is_empty())
            .try_for_each(|input| inflater.inflate(input, &mut self.output, max_len))
            .map_err(|error| self.protocol_error(error))
    }

    /// The message's last byte came.
    fn end(&mut self) -> Result<(), ProtocolError> {
        let tail = self.inflater.as_ref().map_or(&[][..], |inflater| inflater.tail());
        self.inflate(tail)?;
        self.given_len = 0;
        let takeover = self.agreement.receiving().takeover;
        let whole = self.inflater.as_mut().is_none_or(|inflater| inflater.end_message(takeover));
        match takeover {
            ContextTakeover::On => {}
            ContextTakeover::Off => self.inflater = None,
        }
        if whole { Ok(()) } else { Err(ProtocolError::InvalidDeflate) }
    }

    fn protocol_error(&self, error: InflateError) -> ProtocolError {
        match error {
            InflateError::TooLong => {
                let message_len = (self.max_message_len as u64).saturating_add(1);
                ProtocolError::MessageTooLong { message_len }
            }
            InflateError::Corrupt => ProtocolError::InvalidDeflate,
        }
    }
}
