//! Compressed messages on their way out (RFC 7692 §6.1, §7.2.1).

use super::Fragment;
use crate::deflate::{Agreement, ContextTakeover, Pooled, WindowedDeflater};
use alloc::boxed::Box;
use alloc::vec::Vec;

/// The compressing side of one connection.
#[derive(Debug)]
pub(crate) struct Deflation {
    agreement: Agreement,
    /// Held while a message is sent in pieces; for ever where our context is taken over.
    deflater: Option<Pooled<WindowedDeflater>>,
}

impl Deflation {
    pub(crate) fn new(agreement: Agreement) -> Box<Self> {
        Box::new(Self { agreement, deflater: None })
    }

    pub(crate) fn agreement(&self) -> &Agreement {
        &self.agreement
    }

    /// Whether a message that may be long is worth compressing.
    pub(crate) fn is_wanted(&self) -> bool {
        self.agreement.window().is_some()
    }

    /// A whole message, compressed; `None` where it is to be sent as it is.
    pub(crate) fn message(&mut self, payload: &[u8]) -> Option<Vec<u8>> {
        if payload.len() < self.agreement.pool().config().min_len {
            return None;
        }
        let compressed = self.piece(payload, Fragment::Final)?;
        match self.agreement.sending().takeover {
            // The peer's context has to see what ours has seen.
            ContextTakeover::On => Some(compressed),
            ContextTakeover::Off => Some(compressed).filter(|compressed| compressed.len() < payload.len()),
        }
    }

    /// The next piece of a message, compressed; `None` where nothing can be.
    pub(crate) fn piece(&mut self, piece: &[u8], fragment: Fragment) -> Option<Vec<u8>> {
        let window = self.agreement.window()?;
        let pool = self.agreement.pool();
        let mut compressed = Vec::new();
        let held = self.deflater.get_or_insert_with(|| pool.deflater(window));
        held.deflater.deflate(piece, fragment, &mut compressed);
        match (fragment, self.agreement.sending().takeover) {
            (Fragment::Final, ContextTakeover::Off) => self.deflater = None,
            (Fragment::More, _) | (_, ContextTakeover::On) => {}
        }
        Some(compressed)
    }
}
