//! Where one connection can be sent to.

use std::fmt;

use tidewire_hub::{Message, SendError};

use super::{SharedHub, subscriber::Place};

/// Where one connection can be sent to, from [`Subscriber::address`](super::Subscriber::address). It keeps the hub,
/// and not the subscriber.
pub struct Address<M> {
    hub: SharedHub<M>,
    place: Place,
}

impl<M: Message> Address<M> {
    pub(super) fn new(hub: SharedHub<M>, place: Place) -> Self {
        Self { hub, place }
    }

    /// Sends a message to the connection, ahead of what waits for it in its topics, and wakes it. There is no resume:
    /// what it has not taken when it ends is gone.
    ///
    /// # Errors
    /// As [`Hub::send_to`](tidewire_hub::Hub::send_to): the inbox is full, or the connection has ended.
    pub fn send(&self, message: M) -> Result<(), SendError> {
        let Place { shard, id } = self.place;
        self.hub.shared.shards[shard].change(|hub| hub.send_to(id, message))
    }
}

impl<M> Clone for Address<M> {
    fn clone(&self) -> Self {
        Self { hub: self.hub.clone(), place: self.place }
    }
}

impl<M> fmt::Debug for Address<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Address").field("place", &self.place).finish_non_exhaustive()
    }
}
