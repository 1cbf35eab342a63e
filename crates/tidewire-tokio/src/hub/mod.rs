//! The hub shared between tasks and spread over shards: each topic has one home, a lock a shard, a waker a
//! subscriber, batches out of one lock hold.
//!
//! ```text
//!                     ┌ shard 0: lock ─ Hub ─ the topics whose names fall here ─ wakers ┐
//!  publish ─ by name ─┤ shard 1: lock ─ Hub ─ …                                         ├─ Subscriber: a batch out of
//!                     └ shard n: lock ─ Hub ─ …                                         ┘  each shard that it reads
//! ```
//!
//! A topic's shard assigns its offsets and holds its only log, so its order is one for everybody. Publishing takes
//! one lock, for an append, and again for each 256 of those tasks that are to be woken by it, or 1,024 who have yet
//! to take what they were woken for; a batch takes that of each shard that it is from. No lock is held while another
//! is taken, a task is woken or a socket is written. The message is cloned under it (an `Arc` is what to publish),
//! and dropped under it when it is evicted: neither may call the hub, or panic.
//!
//! ```
//! use std::sync::Arc;
//! use tidewire_tokio::hub::{Budget, Config, ConnectionId, Delivered, PublishOptions, SharedHub, Start, TopicName};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let hub = SharedHub::<Arc<str>>::new(Config::default());
//! let room = TopicName::new("room")?;
//!
//! // A reader, in the task of its connection. A client that comes back gives the last token that it had.
//! let mut reader = hub.subscriber(ConnectionId::new(1))?;
//! let token: Option<&str> = None;
//! reader.subscribe(&room, Start::resume(token, &room))?;
//!
//! hub.publish(&room, "hello".into(), &PublishOptions::new().event("chat"))?;
//!
//! # let serve = async move {
//! // Each turn waits, and appends what is there: nothing once the reader is dismissed. A client that reads slowly costs a
//! // cursor: take nothing more until it has read.
//! let mut batch = Vec::new();
//! while reader.batch(Budget::default(), &mut batch).await > 0 {
//!     for delivered in batch.drain(..) {
//!         let token = reader.cursor_after(&delivered);
//!         match delivered {
//!             Delivered::Message(kept) => println!("{:?} {} {token}", kept.event, kept.message),
//!             Delivered::Gap(gap) => println!("{} lost some; go on with {token}", gap.topic),
//!             Delivered::Direct(message) => println!("to you alone: {message}"),
//!             Delivered::Dismissed(_) => println!("too slow: come back with {token}"),
//!         }
//!     }
//! }
//! # };
//! # assert!(tokio::time::timeout(std::time::Duration::from_millis(10), serve).await.is_err());
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

mod address;
pub(crate) mod courier;
mod delivered;
mod reader;
mod reading;
mod shard;
mod shares;
mod subscriber;
mod upkeep;

pub use address::Address;
pub use delivered::{Delivered, Kept};
pub use reader::Reader;
pub use subscriber::Subscriber;
pub use tidewire_hub::{
    Budget, Config, ConnectError, ConnectionId, Cursor, Dismissal, Epoch, Gap, GapReason, Incarnation,
    InvalidConnectionId, InvalidCursor, InvalidTopicName, Message, OnLag, Policy, Position, Progress,
    PublishError, PublishOptions, Published, Reads, Replay, SendError, Start, SubscribeError, TopicInfo,
    TopicName, Usage, presence,
};

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::SystemTime,
};

use rand::random;
use tidewire_hub::Hub;

use self::{courier::Couriers, shard::Shard};
use crate::clock::Clock;

/// A hub that tasks on any thread publish to and subscribe at. Clones share one hub.
pub struct SharedHub<M> {
    shared: Arc<Shared<M>>,
}

struct Shared<M> {
    shards: Box<[Shard<M>]>,
    /// Which shard is a name's home: keyed, so that nobody can choose names that fall together.
    homes: RandomState,
    incarnation: Incarnation,
    subscribers: AtomicUsize,
    max_subscribers: usize,
    max_topics_per_subscriber: usize,
    clock: Clock,
    /// The wall time at which the clock stood at zero.
    origin: SystemTime,
    /// Who delivers to sockets.
    couriers: Arc<Couriers<M>>,
}

impl<M> Clone for SharedHub<M> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<M> fmt::Debug for SharedHub<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedHub").field("shards", &self.shared.shards.len()).finish_non_exhaustive()
    }
}

impl<M: Message + Send + 'static> SharedHub<M> {
    /// An empty hub with a shard for each thread that can run at a time, with an incarnation and hash seeds drawn
    /// from the operating system's entropy.
    ///
    /// Made within a tokio runtime, which has to have time enabled, it is looked after there for as long as the
    /// runtime lives. Made outside of one, or in one that ends before it, it wants its [`upkeep`](Self::upkeep) to
    /// be spawned.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self::with_shards(config, thread::available_parallelism().unwrap_or(NonZeroUsize::MIN))
    }

    /// The same with `shards` shards, or fewer where a limit is too small to be shared.
    ///
    /// Each shard has an even share of [`Config::max_bytes`], [`Config::max_topics`], [`Config::max_subscriptions`]
    /// and [`Config::max_idempotency_keys`], and of [`Config::max_inboxes_bytes`], and refuses or evicts when that
    /// is used up. Names fall into shards at random, and what is in them does not: a shard may be full before the
    /// whole is. A share holds at least 1,024 of each, and sixteen topics that are full. The other limits are the
    /// whole hub's, or each topic's and each subscriber's.
    #[must_use]
    pub fn with_shards(config: Config, shards: NonZeroUsize) -> Self {
        let (shares, share) = shares::of(&config, shards);
        let couriers = Arc::<Couriers<M>>::default();
        let incarnation = Incarnation::new(random());
        let shards = (0..shares)
            .map(|index| {
                let hub = Hub::new(share.clone(), incarnation, random());
                Shard::new(index, hub, Arc::clone(&couriers))
            })
            .collect();
        let shared = Arc::new(Shared {
            shards,
            homes: RandomState::new(),
            incarnation,
            subscribers: AtomicUsize::new(0),
            max_subscribers: config.max_subscribers,
            max_topics_per_subscriber: config.max_topics_per_subscriber.min(Cursor::MAX_TOPICS),
            clock: Clock::start(),
            origin: SystemTime::now(),
            couriers,
        });
        upkeep::spawn(Arc::downgrade(&shared));
        Self { shared }
    }

    /// Looks after the hub each second until it is gone, so that what grew too old gives its memory back though nobody
    /// calls. (Each call on the hub does some of it, too.) A hub that was made within a runtime has that already.
    ///
    /// Cancel safe.
    pub fn upkeep(&self) -> impl Future<Output = ()> + Send + 'static {
        upkeep::run(Arc::downgrade(&self.shared))
    }
}

impl<M: Message> SharedHub<M> {
    /// Appends a message to a topic and wakes the subscribers that waited for it.
    ///
    /// # Errors
    /// As [`Hub::publish`]; nothing has changed then.
    pub fn publish(
        &self,
        topic: &TopicName,
        message: M,
        options: &PublishOptions<'_>,
    ) -> Result<Published, PublishError> {
        let (_, shard) = self.shared.home(topic);
        shard.change(|hub| hub.publish(self.shared.clock.now(), topic, message, options))
    }

    /// A subscriber that follows nothing yet. `connection` is what publishers exclude it by.
    ///
    /// # Errors
    /// [`ConnectError::TooManySubscribers`].
    pub fn subscriber(&self, connection: ConnectionId) -> Result<Subscriber<M>, ConnectError> {
        let admitted = self.shared.subscribers.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| {
            (count < self.shared.max_subscribers).then(|| count + 1)
        });
        match admitted {
            Ok(_) => Ok(Subscriber::new(self.clone(), connection)),
            Err(_) => Err(ConnectError::TooManySubscribers),
        }
    }

    /// What the whole hub holds. Each shard is asked in turn, and the others go on meanwhile.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let mut sum = Usage::default();
        for shard in &self.shared.shards {
            sum += shard.lock().hub.usage();
        }
        // One that reads several shards is a subscriber in each.
        sum.subscribers = self.shared.subscribers.load(Ordering::Relaxed);
        sum
    }

    /// Shows each topic to `look`, in no order that means anything. Each shard is locked in turn: `look` is to be
    /// short, for whoever needs the shard waits; and it must not call the hub, for that would wait for ever.
    pub fn topics(&self, mut look: impl FnMut(TopicInfo<'_>)) {
        for shard in &self.shared.shards {
            shard.lock().hub.topics().for_each(&mut look);
        }
    }

    /// Shows a topic to `look`, if it exists. Its shard is locked meanwhile: the same goes for it as for
    /// [`topics`](Self::topics).
    pub fn topic<R>(&self, name: &TopicName, look: impl FnOnce(TopicInfo<'_>) -> R) -> Option<R> {
        self.shared.home(name).1.lock().hub.topic(name).map(look)
    }
}

impl<M> Shared<M> {
    /// The shard that a topic is at home in, and its number.
    fn home(&self, topic: &TopicName) -> (usize, &Shard<M>) {
        // A topic alone in a hub needs no hash.
        let index = match self.shards.len() {
            1 => 0,
            shards => (self.homes.hash_one(topic) % shards as u64) as usize,
        };
        (index, &self.shards[index])
    }
}
