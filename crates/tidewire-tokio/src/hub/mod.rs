//! The hub shared between tasks and spread over shards: each topic has one home, a lock a shard, a waker a subscriber,
//! batches out of one lock hold.
//!
//! ```text
//!                     ┌ shard 0: lock ─ Hub ─ the topics whose names fall here ─ wakers ┐
//!  publish ─ by name ─┤ shard 1: lock ─ Hub ─ …                                         ├─ Subscriber: a batch out of
//!                     └ shard n: lock ─ Hub ─ …                                         ┘  each shard that it reads
//! ```
//!
//! A topic's shard assigns its offsets and holds its only log, so its order is one for everybody. Publishing takes one
//! lock, for as long as an append; so does each shard that a batch is taken from. No lock is held while another is
//! taken, a task is woken or a socket is written.

mod delivered;
mod shard;
mod shares;
mod subscriber;
mod upkeep;

pub use delivered::Delivered;
pub use subscriber::{Address, Subscriber};
/// What one batch may take.
pub use tidewire_hub::Budget as BatchBudget;

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use rand::random;
use tidewire_hub::{
    Config, ConnectError, ConnectionId, Cursor, Hub, Incarnation, Message, PublishError, PublishOptions,
    Published, TopicName, Usage,
};

use self::shard::Shard;
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
    /// An empty hub with a shard for each thread that can run at a time, with an incarnation and hash seeds drawn from the
    /// operating system's entropy.
    ///
    /// Made within a tokio runtime, which has to have time enabled, it is looked after each second: what grew too old gives
    /// its memory back. Made outside of one, that waits for a call.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self::with_shards(config, thread::available_parallelism().unwrap_or(NonZeroUsize::MIN))
    }

    /// The same with `shards` shards, or fewer where a limit is too small to be shared.
    ///
    /// Each shard has an even share of [`Config::max_bytes`], [`Config::max_topics`], [`Config::max_subscriptions`] and
    /// [`Config::max_idempotency_keys`], and refuses or evicts when that is used up: names fall into shards at random, so
    /// that may be a few percent before the whole is. A share holds at least 1,024 of each, and sixteen topics that are full.
    /// The other limits are the whole hub's, or each topic's and each subscriber's.
    #[must_use]
    pub fn with_shards(config: Config, shards: NonZeroUsize) -> Self {
        let (shares, share) = shares::of(&config, shards);
        let incarnation = Incarnation::new(random());
        let shards =
            (0..shares).map(|_| Shard::new(Hub::new(share.clone(), incarnation, random()))).collect();
        let shared = Arc::new(Shared {
            shards,
            homes: RandomState::new(),
            incarnation,
            subscribers: AtomicUsize::new(0),
            max_subscribers: config.max_subscribers,
            max_topics_per_subscriber: config.max_topics_per_subscriber.min(Cursor::MAX_TOPICS),
            clock: Clock::start(),
        });
        upkeep::spawn(Arc::downgrade(&shared));
        Self { shared }
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
        self.each_shard(|hub| {
            let usage = hub.usage();
            sum.topics += usage.topics;
            sum.subscriptions += usage.subscriptions;
            sum.messages += usage.messages;
            sum.bytes += usage.bytes;
        });
        // One that reads several shards is a subscriber in each.
        sum.subscribers = self.shared.subscribers.load(Ordering::Relaxed);
        sum
    }

    /// Looks at each shard under its lock, one after the other and for as short as possible: whoever needs it waits.
    pub fn each_shard(&self, mut look: impl FnMut(&Hub<M>)) {
        for shard in &self.shared.shards {
            look(&shard.lock().hub);
        }
    }

    /// Looks at the shard that is a topic's home; see [`each_shard`](Self::each_shard).
    pub fn with_topic<R>(&self, topic: &TopicName, look: impl FnOnce(&Hub<M>) -> R) -> R {
        look(&self.shared.home(topic).1.lock().hub)
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
