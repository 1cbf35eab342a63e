//! The hub's limits, each with a name and a default.

use core::time::Duration;

use crate::batch::Quantum;
use crate::cursor::Cursor;
use crate::policy::MAX_POLICIES;

/// What a hub may hold. Built once, before the hub: start from [`Config::default`] and set fields.
///
/// ```
/// let mut config = tidewire_hub::Config::default();
/// config.max_messages_per_topic = 500;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Topics at a time. One that nobody follows and that holds no message makes room for another; without
    /// one, more are refused. A topic costs under 512 bytes beside its name and its messages, which
    /// `max_bytes` does not count. Default 100,000; at most 2^30, larger values count as that.
    pub max_topics: usize,
    /// Subscribers at a time; more are refused. A subscriber costs 64 bytes, or up to 128 just after the
    /// tables that hold them have doubled. Default 1,000,000; at most 2^30, larger values count as that.
    pub max_subscribers: usize,
    /// Subscriptions at a time, those of all subscribers together; more are refused. A subscription costs
    /// as a subscriber does, and 48 bytes more while a gap that it began with is untold. Default 4,000,000; at most 2^30,
    /// larger values count as that.
    pub max_subscriptions: usize,
    /// Different [`Policy`](crate::Policy) values that subscriptions have at a time, the default one
    /// included; more are refused. Default 64; at most 256, larger values count as that, and 0 as 1.
    pub max_policies: usize,
    /// Topics that one subscriber may follow; more are refused.
    /// Default 128; at most [`Cursor::MAX_TOPICS`], larger values count as that.
    pub max_topics_per_subscriber: usize,
    /// Messages that a topic holds; the oldest make room, after what is ephemeral or expired: see
    /// [`Hub::publish`](crate::Hub::publish). Default 10,000; 0 counts as 1.
    pub max_messages_per_topic: usize,
    /// Bytes that a topic holds, each message with its [`ENTRY_OVERHEAD_BYTES`](crate::ENTRY_OVERHEAD_BYTES),
    /// and one that has an event name, a key or a time to live with
    /// [`EXTRAS_OVERHEAD_BYTES`](crate::EXTRAS_OVERHEAD_BYTES) more and the lengths of both. The oldest make
    /// room, as for `max_messages_per_topic`, and a message that alone is larger is refused. Default 1 MiB.
    pub max_bytes_per_topic: usize,
    /// Bytes that all topics hold together, counted in the same way. The topics that hold most make room: see
    /// [`Hub::publish`](crate::Hub::publish), and let `max_bytes_per_topic` be a small part of this, so that
    /// one message cannot take the room of many topics. A log keeps a quarter of its places free at most, and
    /// a short one four, which is not counted: see [`ENTRY_OVERHEAD_BYTES`](crate::ENTRY_OVERHEAD_BYTES).
    /// Default 256 MiB.
    pub max_bytes: usize,
    /// How long a message is held at most. (Where more than [`MAX_TIMEOUT_WORK`](crate::MAX_TIMEOUT_WORK) of
    /// them reach it at once, the last one goes after as many calls as that takes, and is handed out until
    /// then: what must not be read after its time has one
    /// [of its own](crate::PublishOptions::expires_in).) Default 24 hours;
    /// [`Duration::MAX`] is for ever.
    pub max_age: Duration,
    /// How long a topic is remembered that nobody follows and that holds no message: so long a position in it
    /// stays true. Who resumes later is told of a gap if the topic ever had a message. Default 5 minutes.
    pub topic_expiry: Duration,
    /// Publishes under an idempotency key that are remembered, those of all publishers together; the oldest
    /// makes room, and a repeat of it is new. One costs up to 96 bytes. Default 100,000; at most 2^30, larger
    /// values count as that; 0 remembers none.
    pub max_idempotency_keys: usize,
    /// How long such a publish is remembered. Default 5 minutes; [`Duration::MAX`] is for ever.
    pub idempotency_window: Duration,
    /// Messages that wait in one subscriber's inbox; more are refused. Default 64.
    pub max_inbox_messages: usize,
    /// Bytes of one subscriber's inbox, each message with its
    /// [`ENTRY_OVERHEAD_BYTES`](crate::ENTRY_OVERHEAD_BYTES); more are refused. Default 64 KiB.
    pub max_inbox_bytes: usize,
    /// Bytes of all inboxes together, counted in the same way, beside `max_bytes`; more are refused. Default
    /// 16 MiB.
    pub max_inboxes_bytes: usize,
    /// Messages that a topic hands to one subscriber before another of its topics has its turn.
    /// Default 32; 0 counts as 1.
    pub max_turn_messages: usize,
    /// Bytes of such a turn: the message that reaches them is its last. Default 16 KiB.
    pub max_turn_bytes: usize,
}

/// What the keys of the intrusive lists can tell apart.
const MAX_COUNT: usize = 1 << 30;

impl Config {
    /// The same limits within what they can mean.
    pub(crate) fn normalized(mut self) -> Self {
        self.max_topics = self.max_topics.min(MAX_COUNT);
        self.max_subscribers = self.max_subscribers.min(MAX_COUNT);
        self.max_subscriptions = self.max_subscriptions.min(MAX_COUNT);
        self.max_topics_per_subscriber = self.max_topics_per_subscriber.min(Cursor::MAX_TOPICS);
        self.max_policies = self.max_policies.clamp(1, MAX_POLICIES);
        self.max_idempotency_keys = self.max_idempotency_keys.min(MAX_COUNT);
        self.max_messages_per_topic = self.max_messages_per_topic.max(1);
        self.max_turn_messages = self.max_turn_messages.max(1);
        self
    }

    pub(crate) fn quantum(&self) -> Quantum {
        Quantum { messages: self.max_turn_messages, bytes: self.max_turn_bytes }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_topics: 100_000,
            max_subscribers: 1_000_000,
            max_subscriptions: 4_000_000,
            max_policies: 64,
            max_topics_per_subscriber: 128,
            max_messages_per_topic: 10_000,
            max_bytes_per_topic: 1024 * 1024,
            max_bytes: 256 * 1024 * 1024,
            max_age: Duration::from_secs(24 * 60 * 60),
            topic_expiry: Duration::from_secs(5 * 60),
            max_idempotency_keys: 100_000,
            idempotency_window: Duration::from_secs(5 * 60),
            max_inbox_messages: 64,
            max_inbox_bytes: 64 * 1024,
            max_inboxes_bytes: 16 * 1024 * 1024,
            max_turn_messages: 32,
            max_turn_bytes: 16 * 1024,
        }
    }
}
