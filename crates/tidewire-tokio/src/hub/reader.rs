//! A reader in somebody else's hands: what one may ask of it without getting in the way of who takes for it.

use std::{fmt, ops::Deref};

use tidewire_hub::{ConnectError, Cursor, Message, Policy, Position, Start, SubscribeError, TopicName};

use super::{Address, Delivered, Subscriber};

/// The reader of a delivery, lent to its hand, and to whoever wants it to follow other topics. It is a [`Subscriber`] from
/// which nothing is taken but by its courier, and in whose place no other can be put: what was taken would reach the wrong
/// client.
///
/// ```compile_fail,E0308
/// # use std::sync::Arc;
/// # use tidewire_tokio::{hub::Subscriber, websocket::Delivering};
/// # fn example(delivering: Delivering<Arc<str>>, mut other: Subscriber<Arc<str>>) {
/// delivering.reader(|reader| std::mem::swap(reader, &mut other));
/// # }
/// ```
pub struct Reader<'a, M: Message>(&'a mut Subscriber<M>);

impl<'a, M: Message> Reader<'a, M> {
    pub(crate) fn of(subscriber: &'a mut Subscriber<M>) -> Self {
        Self(subscriber)
    }

    /// As [`Subscriber::subscribe`].
    ///
    /// # Errors
    /// The same.
    pub fn subscribe(&mut self, topic: &TopicName, start: Start) -> Result<Position, SubscribeError> {
        self.0.subscribe(topic, start)
    }

    /// As [`Subscriber::subscribe_with`].
    ///
    /// # Errors
    /// The same.
    pub fn subscribe_with(
        &mut self,
        topic: &TopicName,
        start: Start,
        policy: Policy,
    ) -> Result<Position, SubscribeError> {
        self.0.subscribe_with(topic, start, policy)
    }

    /// As [`Subscriber::unsubscribe`].
    pub fn unsubscribe(&mut self, topic: &TopicName) -> bool {
        self.0.unsubscribe(topic)
    }

    /// As [`Subscriber::pause`].
    pub fn pause(&mut self, topic: &TopicName) -> bool {
        self.0.pause(topic)
    }

    /// As [`Subscriber::resume`].
    pub fn resume(&mut self, topic: &TopicName) -> bool {
        self.0.resume(topic)
    }

    /// As [`Subscriber::address`].
    ///
    /// # Errors
    /// The same.
    pub fn address(&mut self) -> Result<Address<M>, ConnectError> {
        self.0.address()
    }

    /// As [`Subscriber::cursor_after`].
    pub fn cursor_after(&mut self, delivered: &Delivered<M>) -> Cursor {
        self.0.cursor_after(delivered)
    }

    /// As [`Subscriber::reach`].
    pub fn reach(&mut self, delivered: &Delivered<M>) {
        self.0.reach(delivered);
    }
}

impl<M: Message> Deref for Reader<'_, M> {
    type Target = Subscriber<M>;

    fn deref(&self) -> &Subscriber<M> {
        self.0
    }
}

impl<M: Message> fmt::Debug for Reader<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reader").field(&self.0).finish()
    }
}
