//! What a subscriber is handed: a message that the log lends, or the notice that some are lost.

use alloc::boxed::Box;
use core::fmt;
use core::time::Duration;

use crate::entry::Entry;
use crate::gap::Gap;
use crate::names::TopicName;
use crate::policy::Dismissal;
use crate::position::Position;
use crate::topic::Topic;

/// One thing that a subscriber is handed.
#[derive(Debug)]
pub enum Delivery<'a, M> {
    /// A message to this connection alone, from [`Hub::send_to`](crate::Hub::send_to). It comes before all
    /// else.
    Direct(Box<M>),
    /// A message, lent by the log that holds it.
    Message(Lent<'a, M>),
    /// Messages are lost. Comes before the first message behind the gap. (Boxed because it is rare: what is
    /// handed out for each message stays small.)
    Gap(Box<Gap>),
    /// The subscriber is to go: it lags too far behind. It is told once, and nothing comes after it. The
    /// caller closes its connection, takes its [cursor](crate::Hub::cursor) if it wants, and lets it go with
    /// [`Hub::disconnect`](crate::Hub::disconnect).
    Dismissed(Box<Dismissal>),
}

/// A message in its place in a log, lent for as long as the hub is not changed. Copying it copies two
/// references.
pub struct Lent<'a, M> {
    topic: &'a Topic<M>,
    entry: &'a Entry<M>,
}

impl<'a, M> Lent<'a, M> {
    pub(crate) fn new(topic: &'a Topic<M>, entry: &'a Entry<M>) -> Self {
        Self { topic, entry }
    }

    /// The topic.
    #[must_use]
    pub fn topic(&self) -> &'a TopicName {
        &self.topic.name
    }

    /// Where the message stands; also where the subscriber stands from here on.
    #[must_use]
    pub fn position(&self) -> Position {
        self.topic.at(self.entry.offset)
    }

    /// The message.
    #[must_use]
    pub fn message(&self) -> &'a M {
        &self.entry.message
    }

    /// The conflation key, if it was given one.
    #[must_use]
    pub fn key(&self) -> Option<&'a str> {
        self.entry.key()
    }

    /// The name of the event, if it was given one.
    #[must_use]
    pub fn event(&self) -> Option<&'a str> {
        self.entry.extras.as_ref()?.event.as_deref()
    }

    /// The time that was given to [`Hub::publish`](crate::Hub::publish).
    #[must_use]
    pub fn published_at(&self) -> Duration {
        self.entry.published_at
    }
}

impl<M> Clone for Lent<'_, M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for Lent<'_, M> {}

impl<M: fmt::Debug> fmt::Debug for Lent<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lent")
            .field("topic", self.topic())
            .field("position", &self.position())
            .field("message", self.message())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_stays_small() {
        assert!(size_of::<Option<Delivery<'_, [u64; 8]>>>() <= 32);
    }
}
