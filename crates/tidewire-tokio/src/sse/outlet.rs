//! What a reader is handed goes straight to the socket of an event stream: no task is woken for it, and what comes at a time
//! goes in one write.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    task::Waker,
};

use super::{
    Outbox,
    deliver::{Hands, Slot},
    outbox::hand_all,
};
use crate::{
    clock::Moment,
    hub::{
        self, Delivered, Reader, Subscriber,
        courier::{self, Place, Socket, Tools},
    },
    stream_server::{Takes, Wire},
};

/// Where a response has its events from, for a server that writes them itself.
#[derive(Clone)]
pub(crate) struct Source(Arc<dyn Open>);

impl Source {
    pub(super) fn new<M, H>(slot: Arc<Slot<M, H>>) -> Self
    where
        M: hub::Message + Clone + Send + 'static,
        H: FnMut(&mut Reader<'_, M>, &Delivered<M>, &mut Outbox<'_>) + Send + 'static,
    {
        Self(slot)
    }

    /// Delivers to this socket from here on, behind what the stream begins with. `None` when somebody has taken it already.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub(crate) fn open(&self, wire: Arc<dyn Wire>) -> Option<Delivering> {
        self.0.open(wire).map(Delivering)
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").finish_non_exhaustive()
    }
}

/// What is on its way from the hub to a socket. Dropped, it ends the subscriptions.
pub(crate) struct Delivering(Arc<dyn Feed>);

impl Delivering {
    /// The socket takes more again.
    pub(crate) fn go_on(&self) {
        self.0.go_on();
    }
}

impl Drop for Delivering {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl fmt::Debug for Delivering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivering").finish_non_exhaustive()
    }
}

/// A slot, whatever its messages and its hand.
trait Open: Send + Sync {
    fn open(&self, wire: Arc<dyn Wire>) -> Option<Arc<dyn Feed>>;
}

/// An outlet, whatever its messages and its hand.
trait Feed: Send + Sync {
    fn go_on(&self);
    fn end(&self);
}

/// What stands between a reader and its socket.
struct Outlet<M: hub::Message, H> {
    /// The stream's task has the other, and takes the transport out of it when it ends.
    wire: Arc<dyn Wire>,
    hands: Tools<M, (Subscriber<M>, H)>,
}

impl<M, H> Open for Slot<M, H>
where
    M: hub::Message + Clone + Send + 'static,
    H: FnMut(&mut Reader<'_, M>, &Delivered<M>, &mut Outbox<'_>) + Send + 'static,
{
    fn open(&self, wire: Arc<dyn Wire>) -> Option<Arc<dyn Feed>> {
        let Hands { mut reader, hand, queue } = self.hands().take()?;
        // Behind the head, in the same write.
        wire.turn(&Moment::now(), &mut |outbox| {
            for event in &queue.waiting {
                // It is open, or nobody would be asked.
                let _ = outbox.feed(event);
            }
        });
        let (stand, places) = (reader.stand(), reader.places().to_vec());
        let outlet = Arc::new(Outlet { wire, hands: Tools::new(stand, (reader, hand)) });
        outlet.hands.stand().open(Arc::clone(&outlet) as _, &places);
        Some(outlet)
    }
}

impl<M: hub::Message, H> Outlet<M, H> {
    /// What the courier is told of a socket.
    fn note(&self, takes: Takes) -> Socket {
        match takes {
            Takes::More => Socket::Free,
            Takes::Later => Socket::Full,
            Takes::Nothing => {
                self.hands.end();
                Socket::Free
            }
        }
    }
}

impl<M, H> Feed for Outlet<M, H>
where
    M: hub::Message + Clone + Send + 'static,
    H: Send,
{
    fn go_on(&self) {
        Waker::from(self.hands.stand().caller()).wake();
    }

    fn end(&self) {
        self.hands.end();
    }
}

impl<M, H> courier::Outlet<M> for Outlet<M, H>
where
    M: hub::Message + Clone + Send + 'static,
    H: FnMut(&mut Reader<'_, M>, &Delivered<M>, &mut Outbox<'_>) + Send + 'static,
{
    fn is_alive(&self) -> bool {
        Arc::strong_count(&self.wire) > 1 && !self.wire.is_over()
    }

    fn hand_on(&self, now: &Moment, place: Place, taken: &[Delivered<M>]) -> Socket {
        let takes = self.hands.with(|(reader, hand)| {
            let turn = AssertUnwindSafe(|| {
                self.wire.turn(now, &mut |outbox| {
                    reader.note_taken(place, taken);
                    hand_all(reader, hand, taken, outbox);
                    if reader.is_dismissed() {
                        outbox.end();
                    }
                })
            });
            // A hand that panics, as none should, stops nobody else's. What it was handed is lost, which its client learns by
            // a stream that breaks off.
            catch_unwind(turn).unwrap_or_else(|_| {
                self.wire.break_off();
                Takes::Nothing
            })
        });
        takes.map_or(Socket::Free, |takes| self.note(takes))
    }

    fn write(&self, _: &Moment) -> Socket {
        if !courier::Outlet::is_alive(self) {
            self.hands.end();
        }
        self.note(self.wire.takes())
    }
}
