//! What a batch takes out of its reader's inbox, and when.

use alloc::boxed::Box;

use super::{Batch, InboxTurn};
use crate::message::ENTRY_OVERHEAD_BYTES;
use crate::subscriber::First;

impl<M> Batch<'_, M> {
    /// The next of the inbox, if it fits.
    #[cold]
    pub(super) fn next_direct(&mut self) -> Option<Box<M>> {
        let subscriber = &mut self.parts.subscribers[self.reader? as usize];
        let inbox = subscriber.inbox.as_mut()?;
        let len_bytes = inbox.next_cost()?.saturating_sub(ENTRY_OVERHEAD_BYTES);
        if len_bytes > self.left.max_bytes && self.left.max_messages < self.budget.max_messages {
            self.left.max_messages = 0;
            return None;
        }
        let (message, cost) = inbox.pop()?;
        if inbox.is_empty() {
            subscriber.inbox = None;
        }
        *self.parts.inboxes_len_bytes -= cost;
        self.left.max_bytes = self.left.max_bytes.saturating_sub(len_bytes);
        self.left.max_messages -= 1;
        self.first = First::Topic;
        Some(message)
    }

    /// A topic has had its message ahead of the inbox, or behind it.
    #[cold]
    pub(super) fn a_topic_gave(&mut self) {
        self.first = First::Inbox;
        if self.inbox == InboxTurn::Later {
            self.inbox = InboxTurn::Next;
        }
    }

    /// Whether the inbox comes next, because no topic has anything to give ahead of it.
    #[cold]
    pub(super) fn falls_to_the_inbox(&mut self) -> bool {
        let waits = self.inbox == InboxTurn::Later;
        if waits {
            self.inbox = InboxTurn::Next;
        }
        waits
    }
}
