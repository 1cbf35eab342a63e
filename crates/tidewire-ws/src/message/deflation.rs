//! Compressed messages on their way out (RFC 7692 §6.1, §7.2.1).

use super::Fragment;
use crate::deflate::{Agreement, ContextTakeover, Pooled, WindowedDeflater};
use alloc::boxed::Box;

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

    /// A whole message, compressed; `None` where it is to be sent as it is. Once it is sent comes
    /// [`settle`](Self::settle).
    pub(crate) fn message(&mut self, payload: &[u8]) -> Option<&[u8]> {
        if payload.len() < self.agreement.pool().config().min_len {
            return None;
        }
        let takeover = self.agreement.sending().takeover;
        let compressed = self.piece(payload, Fragment::Final)?;
        match takeover {
            // The peer's context has to see what ours has seen.
            ContextTakeover::On => Some(compressed),
            ContextTakeover::Off => Some(compressed).filter(|compressed| compressed.len() < payload.len()),
        }
    }

    /// The next piece of a message, compressed; `None` where nothing can be. Once it is sent comes
    /// [`settle`](Self::settle).
    pub(crate) fn piece(&mut self, piece: &[u8], fragment: Fragment) -> Option<&[u8]> {
        let window = self.agreement.window()?;
        let pool = self.agreement.pool();
        let held = self.deflater.get_or_insert_with(|| pool.deflater(window));
        Some(held.deflater.deflate(piece, fragment))
    }

    /// Gives back what is not needed until the next piece or message.
    pub(crate) fn settle(&mut self, fragment: Fragment) {
        match (fragment, self.agreement.sending().takeover) {
            (Fragment::Final, ContextTakeover::Off) => self.deflater = None,
            (Fragment::More, _) | (_, ContextTakeover::On) => {
                if let Some(held) = &mut self.deflater {
                    held.deflater.shrink();
                }
            }
        }
    }
}
