//! What a client reads: the parser's items, and what they mean for the next attempt.

use core::time::Duration;
use tidewire_lifecycle::{Lifecycle, reconnect::Reconnect};
use tidewire_sse::{Item, LimitExceeded};

/// The items of one chunk, each lent until the next is asked for; see [`EventSource::receive`](super::EventSource::receive).
#[derive(Debug)]
pub struct Items<'a> {
    pub(super) inner: tidewire_sse::Items<'a>,
    pub(super) lifecycle: &'a mut Lifecycle,
    pub(super) reconnect: &'a mut Reconnect,
    pub(super) now: Duration,
}

impl Items<'_> {
    /// Bytes of the chunk that are done with.
    #[must_use]
    pub fn consumed(&self) -> usize {
        self.inner.consumed()
    }

    /// The next item; `None` when the chunk has no other.
    ///
    /// # Errors
    /// The stream exceeded a limit of the parser: one event is lost, and the items go on behind it.
    #[expect(clippy::should_implement_trait, reason = "a lending iterator cannot be an Iterator")]
    pub fn next(&mut self) -> Option<Result<Item<'_>, LimitExceeded>> {
        let item = self.inner.next()?;
        match &item {
            Ok(Item::Event(_)) => {
                self.lifecycle.handle_message_received(self.now);
                self.reconnect.handle_progress();
            }
            Ok(Item::Retry(time)) => self.reconnect.handle_reconnection_time(*time),
            Ok(Item::Comment(_)) | Err(_) => {}
        }
        Some(item)
    }
}
