//! Event streams out of the hub: a hand makes events of what a reader is handed, for a body that is polled, or for an outlet
//! that writes them straight to the socket.

use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use futures_core::Stream;
use tidewire_sse::Encoded;

use super::{
    Outbox, Sse,
    outbox::{GoesOn, Queue, hand_all},
};
use crate::hub::{self, Budget, Delivered, Reader, Subscriber};

/// What is taken from the hub at a time.
const BATCH: Budget = Budget { max_messages: 256, max_bytes: 64 * 1024 };

/// Batches of which a hand makes nothing, before others get a turn.
const MAX_BATCHES_PER_POLL: usize = 4;

impl<M, H> Sse<Deliveries<M, H>>
where
    M: hub::Message + Clone + Send + 'static,
    H: FnMut(&mut Reader<'_, M>, &Delivered<M>, &mut Outbox<'_>) + Send + 'static,
{
    /// Hands everything that `reader` is handed to `hand`, which feeds the events that it makes of that to the client, in
    /// order. What is there at a time goes out in one write.
    ///
    /// On a [`StreamServer`](crate::stream_server::StreamServer) no task waits for it: a few tasks of the runtime go from
    /// socket to socket, so that a message for very many costs little more than to write it to each. Anywhere else it is a
    /// body like any other, and the client gets the same bytes.
    ///
    /// `hand` is to be short, as it keeps the next socket waiting; it may ask the reader for the
    /// [`cursor_after`](Reader::cursor_after) what it is handed, and let it follow other topics. Nothing is taken from the
    /// hub for a client that is full: the reader falls behind, and its policy says what becomes of that. Where it is
    /// [`Dismissed`](Delivered::Dismissed), `hand` is told, and the stream ends behind what it makes of that. A hand that
    /// panics breaks the stream off.
    ///
    /// The stream server writes what is fed as it is: a layer that changes bodies is to leave these alone, but that one that
    /// says so by a `Content-Encoding` has its way.
    pub fn deliver(reader: Subscriber<M>, hand: H) -> Self {
        let hands = Hands { reader, hand, queue: Queue::default() };
        let slot = Arc::new(Slot(Mutex::new(Some(hands))));
        Self {
            #[cfg(feature = "hyper")]
            source: Some(super::outlet::Source::new(Arc::clone(&slot))),
            ..Self::new(Deliveries { slot })
        }
    }

    /// An event ahead of everything that is delivered, behind those that were given so before: the
    /// [reconnection time](Encoded::retry), or an event without data that has the reader's position as its ID.
    pub fn begin_with(self, event: Encoded) -> Self {
        if let Some(hands) = &mut *self.events.slot.hands() {
            hands.queue.waiting.push_back(event);
        }
        self
    }
}

/// The events of an [`Sse::deliver`].
pub struct Deliveries<M: hub::Message, H> {
    slot: Arc<Slot<M, H>>,
}

/// A reader and its hand, until they are taken; `None` when they are, or it is over.
pub(super) struct Slot<M: hub::Message, H>(Mutex<Option<Hands<M, H>>>);

/// A reader, what deals with what it is handed, and what waits.
pub(super) struct Hands<M: hub::Message, H> {
    pub(super) reader: Subscriber<M>,
    pub(super) hand: H,
    pub(super) queue: Queue,
}

impl<M: hub::Message, H> Slot<M, H> {
    pub(super) fn hands(&self) -> MutexGuard<'_, Option<Hands<M, H>>> {
        // Nothing is left half done by a panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M: hub::Message, H> Drop for Deliveries<M, H> {
    fn drop(&mut self) {
        // The response may outlive its body.
        let hands = self.slot.hands().take();
        drop(hands);
    }
}

impl<M: hub::Message, H> fmt::Debug for Deliveries<M, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deliveries").finish_non_exhaustive()
    }
}

impl<M, H> Hands<M, H>
where
    M: hub::Message + Clone,
    H: FnMut(&mut Reader<'_, M>, &Delivered<M>, &mut Outbox<'_>),
{
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Encoded>> {
        for _ in 0..MAX_BATCHES_PER_POLL {
            if let Some(event) = self.queue.pop() {
                return Poll::Ready(Some(event));
            }
            if self.queue.goes_on == GoesOn::No {
                return Poll::Ready(None);
            }
            let mut batch = Vec::new();
            let polled = self.reader.poll_batch(cx, BATCH, &mut batch);
            hand_all(&mut self.reader, &mut self.hand, &batch, &mut Outbox::of_queue(&mut self.queue));
            match polled {
                Poll::Ready(0) => self.queue.goes_on = GoesOn::No,
                Poll::Ready(_) => {}
                Poll::Pending => return Poll::Pending,
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<M, H> Stream for Deliveries<M, H>
where
    M: hub::Message + Clone,
    H: FnMut(&mut Reader<'_, M>, &Delivered<M>, &mut Outbox<'_>),
{
    type Item = Result<Encoded, Infallible>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut guard = self.slot.hands();
        let Some(hands) = &mut *guard else { return Poll::Ready(None) };
        let next = hands.poll_next(cx);
        let over = if matches!(next, Poll::Ready(None)) { guard.take() } else { None };
        drop(guard);
        drop(over);
        next.map(|event| event.map(Ok))
    }
}
