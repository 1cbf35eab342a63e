//! What a subscriber is handed goes straight to its socket: no task is woken for it, and what comes at a time goes in one
//! write.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Weak},
    task::{Context, Poll, Waker},
};

use tidewire_ws::frame::CloseCode;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    Outbox, WriteHalf,
    shared::{Party, Shared},
};
use crate::{
    clock::Moment,
    hub::{
        self, Delivered, Reader, Subscriber,
        courier::{self, Caller, Place, Stand, Tools},
    },
};

/// What is on its way from the hub to a socket; see [`WriteHalf::deliver`]. Dropped, it ends the subscriptions.
pub struct Delivering<M: hub::Message> {
    feed: Arc<dyn Feed<M>>,
}

impl<IO: AsyncRead + AsyncWrite + Unpin + Send + 'static> WriteHalf<IO> {
    /// Hands everything that `reader` is handed to `hand`, which feeds what it makes of that to the socket, and writes it at
    /// once; until the connection or the [`Delivering`] ends. No task waits for it: a few tasks of the runtime go from
    /// socket to socket, so that a message for very many costs little more than to write it to each.
    ///
    /// `hand` is to be short, as it keeps the next socket waiting. It has the connection to itself meanwhile: to ask one of the
    /// halves, or a `Delivering`, for anything would wait for ever, and what it may want is in the [`Outbox`]. It may ask the
    /// reader for the [`cursor_after`](Reader::cursor_after) what it is handed. Nothing is taken from the hub for a socket
    /// that is full: the reader falls behind, and its policy says what becomes of that. (Where the writing half filled it, that
    /// is found with the next batch, of 64 KiB at most.) Where it is [`Dismissed`](Delivered::Dismissed), `hand` is told, and
    /// begins the close.
    ///
    /// The reading half is to be polled meanwhile, or a [driver](super::WebSocket::into_driven): the deadlines are theirs.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use = "dropped, it delivers nothing"]
    pub fn deliver<M, H>(&self, mut reader: Subscriber<M>, hand: H) -> Delivering<M>
    where
        M: hub::Message + Clone + Send + 'static,
        H: FnMut(&mut Reader<'_, M>, &Delivered<M>, &mut Outbox<'_, IO>) + Send + 'static,
    {
        let (stand, places) = (reader.stand(), reader.places().to_vec());
        let hands = Tools::new(stand, Hands { socket: Socket::Free, hand, reader });
        let outlet = Arc::new(Outlet { shared: Arc::downgrade(&self.shared), hands });
        outlet.hands.stand().open(Arc::clone(&outlet) as _, &places);
        Delivering { feed: outlet }
    }
}

impl<M: hub::Message> Delivering<M> {
    /// Lets `change` follow other topics, or look at where the reader is. It waits for what was taken to be handed on, so a
    /// cursor is that of what the socket was fed; `change` may not ask for a reader itself, which may wait for ever.
    ///
    /// `None` when nothing is delivered any more: the connection is over.
    pub fn reader<R>(&self, change: impl FnOnce(&mut Reader<'_, M>) -> R) -> Option<R> {
        let (mut change, mut changed) = (Some(change), None);
        self.feed
            .with_reader(&mut |reader| changed = change.take().map(|change| change(&mut Reader::of(reader))));
        changed
    }
}

impl<M: hub::Message> Drop for Delivering<M> {
    fn drop(&mut self) {
        self.feed.end();
    }
}

impl<M: hub::Message> fmt::Debug for Delivering<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivering").finish_non_exhaustive()
    }
}

/// An outlet, whatever its transport and its hand.
trait Feed<M: hub::Message>: Send + Sync {
    fn with_reader(&self, change: &mut dyn FnMut(&mut Subscriber<M>));
    fn end(&self);
}

/// What stands between a reader and its socket.
#[repr(C)]
struct Outlet<IO, M: hub::Message, H> {
    /// The halves own it: with them the transport is dropped.
    shared: Weak<Shared<IO>>,
    hands: Tools<M, Hands<IO, M, H>>,
}

/// What it has at each turn stands first, and comes from memory with its lock.
#[repr(C)]
struct Hands<IO, M: hub::Message, H> {
    socket: Socket<IO, M>,
    hand: H,
    reader: Subscriber<M>,
}

/// Whether the socket took everything.
enum Socket<IO, M> {
    Free,
    Full(Registered<IO, M>),
}

/// Whom a socket that is full wakes when it takes more, until this is dropped.
struct Registered<IO, M> {
    caller: Arc<Caller<M>>,
    shared: Weak<Shared<IO>>,
    key: usize,
}

impl<IO, M> Drop for Registered<IO, M> {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade() {
            shared.forget_outlet(self.key);
        }
    }
}

/// Whether the connection takes more.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    Done(courier::Socket),
    Over,
}

impl<IO, M, H> Outlet<IO, M, H>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    M: hub::Message + Send + 'static,
{
    /// Lets `feed` put something into the connection, and writes what waits.
    fn turn(
        &self,
        now: &Moment,
        feed: impl FnOnce(&mut Hands<IO, M, H>, &mut Outbox<'_, IO>),
    ) -> courier::Socket {
        let turn = self.hands.with(|hands| {
            let Some(shared) = self.shared.upgrade() else { return Turn::Over };
            shared.change(Party::Outlet, |connection| {
                let turn = AssertUnwindSafe(|| {
                    connection.outlet_turn(now, |connection| {
                        let is_open = connection.writer.is_open();
                        let mut outbox = Outbox::new(connection);
                        if is_open {
                            feed(hands, &mut outbox);
                        }
                        let socket = hands.write(self.hands.stand(), &shared, &mut outbox);
                        drop(outbox);
                        // A close that it began goes out before it ends.
                        let is_over = socket == courier::Socket::Free && !connection.writer.is_open();
                        if is_over { Turn::Over } else { Turn::Done(socket) }
                    })
                });
                // A hand that panics, as none should, stops nobody else's. What it was handed is lost, which its client
                // learns by the close.
                catch_unwind(turn).unwrap_or_else(|_| {
                    let _ = connection.start_close(CloseCode::INTERNAL_ERROR, "");
                    let _ = connection.poll_written(&mut Context::from_waker(shared.waker()));
                    Turn::Over
                })
            })
        });
        match turn {
            Some(Turn::Done(socket)) => socket,
            Some(Turn::Over) => {
                self.hands.end();
                courier::Socket::Free
            }
            None => courier::Socket::Free,
        }
    }
}

impl<IO, M, H> Feed<M> for Outlet<IO, M, H>
where
    IO: Send,
    M: hub::Message + Clone + Send + 'static,
    H: Send,
{
    fn with_reader(&self, change: &mut dyn FnMut(&mut Subscriber<M>)) {
        let stand = self.hands.stand();
        stand.between_rounds(|| {
            self.hands.with(|hands| {
                change(&mut hands.reader);
                // A topic that is followed from its past has something already.
                stand.look_at(hands.reader.places());
            });
        });
    }

    fn end(&self) {
        self.hands.end();
    }
}

impl<IO, M, H> courier::Outlet<M> for Outlet<IO, M, H>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    M: hub::Message + Clone + Send + 'static,
    H: FnMut(&mut Reader<'_, M>, &Delivered<M>, &mut Outbox<'_, IO>) + Send + 'static,
{
    fn is_alive(&self) -> bool {
        self.shared.strong_count() > 0
    }

    fn hand_on(&self, now: &Moment, place: Place, taken: &[Delivered<M>]) -> courier::Socket {
        self.turn(now, |hands, outbox| {
            hands.reader.note_taken(place, taken);
            for delivered in taken {
                (hands.hand)(&mut Reader::of(&mut hands.reader), delivered, outbox);
            }
        })
    }

    fn write(&self, now: &Moment) -> courier::Socket {
        self.turn(now, |_, _| {})
    }
}

impl<IO, M, H> Hands<IO, M, H>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    M: hub::Message + Send + 'static,
{
    /// Writes what waits; a socket that is full calls the courier when it takes more.
    #[inline]
    fn write(
        &mut self,
        stand: &Stand<M>,
        shared: &Arc<Shared<IO>>,
        outbox: &mut Outbox<'_, IO>,
    ) -> courier::Socket {
        match &self.socket {
            Socket::Free => match outbox.poll_written(&mut Context::from_waker(shared.waker())) {
                Poll::Ready(()) => return courier::Socket::Free,
                Poll::Pending => {
                    let caller = stand.caller();
                    let key = shared.register_outlet(Waker::from(Arc::clone(&caller)));
                    self.socket = Socket::Full(Registered { caller, shared: Arc::downgrade(shared), key });
                }
            },
            Socket::Full(registered) => registered.caller.hear(),
        }
        // It may have taken more before it knew whom to wake.
        match outbox.poll_written(&mut Context::from_waker(shared.waker())) {
            Poll::Ready(()) => {
                self.socket = Socket::Free;
                courier::Socket::Free
            }
            Poll::Pending => courier::Socket::Full,
        }
    }
}
