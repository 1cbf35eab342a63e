//! What a subscriber is handed goes straight to its socket: no task is woken for it, and what comes at a time goes in one
//! write.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use tidewire_ws::frame::CloseCode;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::Instant,
};

use super::{
    Outbox, WriteHalf,
    connection::Connection,
    shared::{Party, Shared},
};
use crate::{
    courier::{Courier, Deliver},
    hub::{self, Budget, Delivered, Left, Subscriber},
};

/// What is taken from the hub at a time.
const BATCH: Budget = Budget { max_messages: 256, max_bytes: 64 * 1024 };

/// Batches for one connection before others get a turn.
const MAX_BATCHES_PER_TURN: usize = 4;

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
    /// halves for anything would wait for ever, and what it may want is in the [`Outbox`]. It may ask the reader for the
    /// [`cursor_after`](Subscriber::cursor_after) what it is handed. Nothing is taken from the hub for a socket that is
    /// full: the reader falls behind, and its policy says what becomes of that. Where it is
    /// [`Dismissed`](Delivered::Dismissed), `hand` is told, and begins the close.
    ///
    /// The reading half is to be polled meanwhile, or a [driver](super::WebSocket::into_driven): the deadlines are theirs.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use = "dropped, it delivers nothing"]
    pub fn deliver<M, H>(&self, mut reader: Subscriber<M>, hand: H) -> Delivering<M>
    where
        M: hub::Message + Clone + Send + 'static,
        H: FnMut(&mut Subscriber<M>, Delivered<M>, &mut Outbox<'_, IO>) + Send + 'static,
    {
        let outlet = Arc::new(Outlet {
            shared: Arc::downgrade(&self.shared),
            courier: Courier::current(),
            called: AtomicBool::new(false),
            hands: Mutex::new(None),
        });
        reader.hand_to(Waker::from(Arc::clone(&outlet)));
        *outlet.hands() = Some(Hands { reader, hand, socket: Socket::Free, count: 0 });
        Arc::clone(&outlet).wake();
        Delivering { feed: outlet }
    }
}

impl<M: hub::Message> Delivering<M> {
    /// Lets `change` follow other topics, or look at where the reader is.
    ///
    /// `None` when nothing is delivered any more: the connection is over.
    pub fn reader<R>(&self, change: impl FnOnce(&mut Subscriber<M>) -> R) -> Option<R> {
        let (mut change, mut changed) = (Some(change), None);
        let feed = Arc::clone(&self.feed);
        feed.with_reader(&mut |reader| changed = change.take().map(|change| change(reader)));
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
    fn with_reader(self: Arc<Self>, change: &mut dyn FnMut(&mut Subscriber<M>));
    fn end(&self);
}

/// What stands between a reader and its socket.
struct Outlet<IO, M: hub::Message, H> {
    /// The halves own it: with them the transport is dropped.
    shared: Weak<Shared<IO>>,
    courier: Arc<Courier>,
    /// Whether the courier has it in its bag.
    called: AtomicBool,
    /// `None` when it is over.
    hands: Mutex<Option<Hands<M, H>>>,
}

struct Hands<M: hub::Message, H> {
    reader: Subscriber<M>,
    hand: H,
    socket: Socket,
    /// How much it was handed in this turn.
    count: usize,
}

/// Whether the socket took everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Socket {
    Free,
    /// It wakes the outlet when it takes more, by this key.
    Full(usize),
}

/// How far a delivery came.
enum Turn {
    /// All is handed on, or waits for the socket: who has something wakes the outlet.
    Done,
    /// There may be more; others come first.
    More,
    /// The connection takes nothing any more.
    Over,
}

impl<IO, M: hub::Message, H> Outlet<IO, M, H> {
    fn hands(&self) -> MutexGuard<'_, Option<Hands<M, H>>> {
        // Nothing is left half done by a panic.
        self.hands.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<IO, M, H> Feed<M> for Outlet<IO, M, H>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    M: hub::Message + Clone + Send + 'static,
    H: FnMut(&mut Subscriber<M>, Delivered<M>, &mut Outbox<'_, IO>) + Send + 'static,
{
    fn with_reader(self: Arc<Self>, change: &mut dyn FnMut(&mut Subscriber<M>)) {
        if let Some(hands) = &mut *self.hands() {
            change(&mut hands.reader);
        }
        // A topic that is followed from its past has something already.
        self.wake();
    }

    fn end(&self) {
        let hands = self.hands().take();
        if let (Some(shared), Some(Socket::Full(key))) =
            (self.shared.upgrade(), hands.as_ref().map(|hands| hands.socket))
        {
            shared.forget_outlet(key);
        }
        drop(hands);
    }
}

impl<IO, M, H> Wake for Outlet<IO, M, H>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    M: hub::Message + Clone + Send + 'static,
    H: FnMut(&mut Subscriber<M>, Delivered<M>, &mut Outbox<'_, IO>) + Send + 'static,
{
    fn wake(self: Arc<Self>) {
        if !self.called.swap(true, Ordering::AcqRel) {
            let courier = Arc::clone(&self.courier);
            courier.call(self);
        }
    }
}

impl<IO, M, H> Deliver for Outlet<IO, M, H>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    M: hub::Message + Clone + Send + 'static,
    H: FnMut(&mut Subscriber<M>, Delivered<M>, &mut Outbox<'_, IO>) + Send + 'static,
{
    fn deliver(self: Arc<Self>, now: Instant) -> usize {
        // Whoever wakes it from here on calls the courier again.
        self.called.store(false, Ordering::Release);
        let mut guard = self.hands();
        let Some(hands) = &mut *guard else { return 0 };
        hands.count = 0;
        let turn = match self.shared.upgrade() {
            Some(shared) => shared.change(Party::Outlet, |connection| {
                let turn = AssertUnwindSafe(|| {
                    connection.outlet_turn(now, |connection| hands.turn(now, &self, &shared, connection))
                });
                // A hand that panics, as none should, stops nobody else's. What it was handed is lost, which its client
                // learns by the close.
                catch_unwind(turn).unwrap_or_else(|_| {
                    let _ = connection.start_close(CloseCode::INTERNAL_ERROR, "");
                    let _ = connection.poll_written(&mut Context::from_waker(shared.waker()));
                    Turn::Over
                })
            }),
            None => Turn::Over,
        };
        let count = hands.count;
        match turn {
            Turn::Done => {}
            Turn::More => {
                drop(guard);
                self.wake();
            }
            Turn::Over => {
                drop(guard);
                self.end();
            }
        }
        count
    }
}

impl<M: hub::Message + Clone, H> Hands<M, H> {
    /// Writes what waits, and hands on what is there, a few times.
    fn turn<IO>(
        &mut self,
        now: Instant,
        outlet: &Arc<Outlet<IO, M, H>>,
        shared: &Shared<IO>,
        connection: &mut Connection<IO>,
    ) -> Turn
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        M: Send + 'static,
        H: FnMut(&mut Subscriber<M>, Delivered<M>, &mut Outbox<'_, IO>) + Send + 'static,
    {
        for _ in 0..MAX_BATCHES_PER_TURN {
            if connection.output_len() > 0 && self.poll_write(outlet, shared, connection).is_pending() {
                return Turn::Done;
            }
            if !connection.writer.is_open() {
                return Turn::Over;
            }
            let mut batch = self.reader.hub().lend_batch();
            let left = self.reader.take_batch(now, BATCH, &mut batch);
            self.count += batch.len();
            for delivered in batch.drain(..) {
                (self.hand)(&mut self.reader, delivered, &mut Outbox { connection });
            }
            self.reader.hub().give_batch(batch);
            if self.poll_write(outlet, shared, connection).is_pending() || left == Left::Nothing {
                return Turn::Done;
            }
        }
        Turn::More
    }

    /// Writes; where the socket is full it wakes the outlet when it takes more.
    fn poll_write<IO>(
        &mut self,
        outlet: &Arc<Outlet<IO, M, H>>,
        shared: &Shared<IO>,
        connection: &mut Connection<IO>,
    ) -> Poll<()>
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        M: Send + 'static,
        H: FnMut(&mut Subscriber<M>, Delivered<M>, &mut Outbox<'_, IO>) + Send + 'static,
    {
        let mut cx = Context::from_waker(shared.waker());
        let mut written = connection.poll_written(&mut cx);
        match (self.socket, written) {
            (Socket::Free, Poll::Pending) => {
                let key = shared.register_outlet(Waker::from(Arc::clone(outlet)));
                self.socket = Socket::Full(key);
                // It may have taken more before it knew whom to wake.
                written = connection.poll_written(&mut cx);
            }
            (Socket::Free, Poll::Ready(())) | (Socket::Full(_), _) => {}
        }
        if let (Socket::Full(key), Poll::Ready(())) = (self.socket, written) {
            self.socket = Socket::Free;
            shared.forget_outlet(key);
        }
        written
    }
}
