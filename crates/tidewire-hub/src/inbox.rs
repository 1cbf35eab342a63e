//! Messages to one connection: a bounded inbox, taken before anything else, without resume.

use alloc::boxed::Box;
use alloc::collections::VecDeque;

use crate::error::SendError;
use crate::hub::Hub;
use crate::links::{Kind, Node};
use crate::message::{ENTRY_OVERHEAD_BYTES, Message};
use crate::subscriber::{Attention, SubscriberId};

/// What waits for one subscriber.
#[derive(Debug)]
pub(crate) struct Inbox<M> {
    messages: VecDeque<(Box<M>, usize)>,
    /// What they count, in bytes.
    len_bytes: usize,
}

impl<M> Inbox<M> {
    /// What the next message counts, in bytes.
    pub(crate) fn next_cost(&self) -> Option<usize> {
        self.messages.front().map(|(_, cost)| *cost)
    }

    /// Takes the next message, with what it counted.
    pub(crate) fn pop(&mut self) -> Option<(Box<M>, usize)> {
        let (message, cost) = self.messages.pop_front()?;
        self.len_bytes -= cost;
        Some((message, cost))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }
}

/// The subscribers that were sent something since they were last announced.
pub(crate) const CALLED: Node = Node::new(Kind::First, 0);

impl<M: Message> Hub<M> {
    /// Sends a message to one subscriber, and makes it ready. It is handed out before anything of a topic, in
    /// the order of sending, and is gone with the connection: a user who may come back is better sent to by a
    /// [topic of its own](crate::TopicName::user).
    ///
    /// # Errors
    /// [`SendError`]; nothing has changed then.
    pub fn send_to(&mut self, id: SubscriberId, message: M) -> Result<(), SendError> {
        let cost = message.len_bytes().saturating_add(ENTRY_OVERHEAD_BYTES);
        let (max_messages, max_bytes) = (self.config.max_inbox_messages, self.config.max_inbox_bytes);
        let held = self.inboxes_len_bytes;
        if self.subscriber(id).is_none_or(|found| found.attention == Attention::Dismissed) {
            return Err(SendError::UnknownSubscriber);
        }
        let inbox = &mut self.subscribers[id.index as usize].inbox;
        let (waiting, waiting_bytes) =
            inbox.as_ref().map_or((0, 0), |inbox| (inbox.messages.len(), inbox.len_bytes));
        if cost > max_bytes {
            return Err(SendError::TooLarge);
        }
        if waiting >= max_messages || waiting_bytes + cost > max_bytes {
            return Err(SendError::InboxFull);
        }
        if held.saturating_add(cost) > self.config.max_inboxes_bytes {
            return Err(SendError::InboxesFull);
        }
        let inbox = inbox.get_or_insert_with(|| Box::new(Inbox { messages: VecDeque::new(), len_bytes: 0 }));
        inbox.messages.push_back((Box::new(message), cost));
        inbox.len_bytes += cost;
        self.inboxes_len_bytes += cost;
        self.calls.move_back(CALLED, Node::element(id.index));
        Ok(())
    }

    /// What waits for a subscriber goes with it.
    pub(crate) fn drop_inbox(&mut self, id: SubscriberId) {
        self.calls.unlink(Node::element(id.index));
        if let Some(inbox) = self.subscribers[id.index as usize].inbox.take() {
            self.inboxes_len_bytes -= inbox.len_bytes;
        }
    }
}
