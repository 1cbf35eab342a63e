//! The fan-out hub of Tidewire: a log per topic, a cursor per subscription, and from that fan-out, history,
//! resume and bounded memory under slow readers. It does no I/O, has no clock and draws no random numbers;
//! the caller passes time, seeds and ids in, and the same calls give the same answers. `no_std` with `alloc`.
//!
//! ```text
//!  publish ──append──►  topic "chat"   1  2  3  4  5  6        a log: a ring of messages, named by offset
//!                                            ▲     ▲  ▲
//!                          lags: costs ──────┘     │  └────── caught up: waits in the topic's list
//!                          its cursor, no more     │
//!                                            being taken
//!
//!  topic's waiting list ──publish splices it, whole──► ready list ──poll_ready──► subscriber ──batch─► messages
//!            ▲                                                                        │                and gaps
//!            └───────────────────────────── caught up again ──────────────────────────┘
//! ```
//!
//! # In scope and not
//!
//! In scope: topics with retention by count, bytes and age under one budget for the whole hub; subscriptions
//! that start live, at the earliest message held, at the last few or after a position; replay that turns into
//! live delivery with nothing between; a [`Gap`] whenever something is lost, and never a silent loss; a
//! [`Policy`] for each subscription that does not keep up; what is said about a message ([`PublishOptions`]:
//! its event, a key whose latest counts, whom to leave out, how long it means anything, to publish it once);
//! messages to one connection; a ready list that costs a publish the same for any number of subscribers; one
//! [`Cursor`] token for all topics of a client, over any transport; and, beside the hub, [`presence`].
//!
//! Not in scope: sockets, tasks and wakers, the time, who may follow or publish what, and what a message
//! means. A hub is one value without locks: put it behind a lock, or one on each thread.
//!
//! # How it is called
//!
//! | Call | When |
//! |---|---|
//! | [`Hub::connect`], [`Hub::disconnect`] | somebody comes, leaves |
//! | [`Hub::subscribe`], [`Hub::subscribe_with`], [`Hub::unsubscribe`] | and follows a topic, under a policy, no longer |
//! | [`Hub::pause`], [`Hub::resume`] | nothing of one topic is wanted for now, and again |
//! | [`Hub::publish`] | a message is there |
//! | [`Hub::poll_ready`] | after publishing, sending, subscribing and resuming, until `None`: whom to wake |
//! | [`Hub::poll_ready_within`] | the same under a lock that is not to be held for long |
//! | [`Hub::batch`] | a subscriber can take something: as many messages and gaps as fit, lent and not cloned |
//! | [`Hub::wants_batch`] | a batch has ended, or a socket has room again: whether to take another |
//! | [`Hub::ready_batches`] | naming and batches in one, for all who are ready, where they can be served at once |
//! | [`Hub::batches`] | the same as [`Hub::batch`], for many who are named |
//! | [`Hub::serve_with`], [`Hub::poll_cohort`], [`Hub::ready_batches_of`] | one caller looks after many, and is called once for all of them |
//! | [`Hub::take_gaps`] | gaps of all topics are to be told ahead of all messages |
//! | [`Hub::send_to`] | a message is for one connection alone |
//! | [`Hub::poll_timeout`], [`Hub::handle_timeout`] | time passes and nothing else happens |
//! | [`Hub::cursor`] | a token is to be sent for all that was handed out |
//! | [`Hub::note_progress`], [`Progress`] | a token is to be sent with each message |
//! | [`Hub::note_progress_in`] | and one topic more is followed meanwhile |
//! | [`Hub::topic`], [`Hub::topics`], [`Hub::usage`] | somebody asks what is there |
//!
//! A subscriber whose socket is full is given no batch; that is all there is to backpressure. It finds its
//! place again, or a gap if the log has moved on.
//!
//! # Example
//!
//! ```
//! use core::time::Duration;
//! use tidewire_hub::{
//!     Budget, Config, ConnectionId, Cursor, Delivery, Gap, GapReason, Hub, Incarnation, Position,
//!     PublishOptions, Start, TopicName,
//! };
//!
//! let mut config = Config::default();
//! config.max_messages_per_topic = 2;
//! // In a program both numbers are drawn at random at each start.
//! let mut hub: Hub<&'static str> = Hub::new(config, Incarnation::new(0x0123456789abcdef), 42);
//! let chat = TopicName::new("chat")?;
//! let at = |offset| Position { epoch: hub_epoch(), offset };
//! # fn hub_epoch() -> tidewire_hub::Epoch {
//! #     tidewire_hub::Epoch { incarnation: Incarnation::new(0x0123456789abcdef), life: 0 }
//! # }
//!
//! // A client opens its stream. It has a token before its first message.
//! let alice = hub.connect(ConnectionId::new(1))?;
//! assert_eq!(hub.subscribe(Duration::ZERO, alice, &chat, Start::Live)?, at(0));
//! let token = hub.cursor(alice).encode();
//! assert_eq!(token, "EAEjRWeJq83vIZ_AZAJVNA");
//!
//! // Somebody publishes. Alice is woken once and takes what is there.
//! let now = Duration::from_millis(5);
//! let published = hub.publish(now, &chat, "hello", &PublishOptions::new())?;
//! assert_eq!(published.position(), at(1));
//! assert_eq!(hub.poll_ready(), Some(alice));
//! for delivery in hub.batch(now, alice, Budget::default()) {
//!     let Delivery::Message(lent) = delivery else { panic!("{delivery:?}") };
//!     assert_eq!((lent.topic(), lent.position(), *lent.message()), (&chat, at(1), "hello"));
//! }
//! assert!(!hub.wants_batch(alice)); // caught up: poll_ready names her again
//!
//! // She is gone for three messages; the log holds two. She comes back with the token of before the first.
//! hub.disconnect(now, alice);
//! for message in ["one", "two", "three"] {
//!     hub.publish(now, &chat, message, &PublishOptions::new())?;
//! }
//! let alice = hub.connect(ConnectionId::new(2))?;
//! hub.subscribe(now, alice, &chat, Cursor::parse(&token)?.start(&chat))?;
//! let gap = Gap { topic: chat.clone(), reason: GapReason::Evicted, from: Some(at(0)), to: at(2) };
//! let mut told = Vec::new();
//! let mut rest = Vec::new();
//! for delivery in hub.batch(now, alice, Budget::default()) {
//!     match delivery {
//!         Delivery::Message(lent) => rest.push(*lent.message()),
//!         Delivery::Gap(gap) => told.push(*gap),
//!         Delivery::Dismissed(_) | Delivery::Direct(_) => unreachable!("no limits, nothing sent"),
//!     }
//! }
//! assert_eq!((told, rest), (vec![gap], vec!["two", "three"]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Serving a reader
//!
//! What is to be done for each reader, whole: a token with each message, gaps, a socket that fills up, a
//! token that nobody can read. Three things are easily left out, and none is an error: to poll
//! [`Hub::poll_ready`] until `None`, to come back while [`Hub::wants_batch`], and to
//! [advance](Progress::advance) by gaps as by messages.
//!
//! ```
//! use core::time::Duration;
//! use tidewire_hub::{
//!     Budget, ConnectionId, Delivery, Hub, Progress, PublishOptions, Start, SubscriberId, TopicName,
//! };
//! # use tidewire_hub::{Config, Incarnation};
//!
//! /// A connection: here its socket is the text that was written to it.
//! struct Connection {
//!     id: SubscriberId,
//!     /// Where its reader is in all its topics: what each token is made of.
//!     progress: Progress,
//!     socket: String,
//! }
//!
//! /// A client comes, with the token of last time if it has one. Its connection's id is drawn at random: by
//! /// it publishers leave out one connection and no other.
//! fn open(
//!     hub: &mut Hub<String>,
//!     now: Duration,
//!     connection: ConnectionId,
//!     topics: &[TopicName],
//!     token: Option<&str>,
//! ) -> Connection {
//!     let id = hub.connect(connection).expect("room for one more");
//!     for topic in topics {
//!         // A token that cannot be read is no error: the client is told of a gap.
//!         hub.subscribe(now, id, topic, Start::resume(token, topic)).expect("room for its topics");
//!     }
//!     let mut progress = Progress::new(hub.incarnation());
//!     hub.note_progress(id, &mut progress);
//!     // It has a token before its first message.
//!     Connection { id, socket: format!("at {}\n", progress.cursor()), progress }
//! }
//!
//! /// It begins to follow another topic.
//! fn join(hub: &mut Hub<String>, now: Duration, connection: &mut Connection, topic: &TopicName) {
//!     hub.subscribe(now, connection.id, topic, Start::Live).expect("room for another topic");
//!     hub.note_progress_in(connection.id, topic, &mut connection.progress);
//! }
//!
//! /// Writes what there is, until the socket is full. To be called for each whom `poll_ready` names, and
//! /// once a socket has room again.
//! fn serve(hub: &mut Hub<String>, now: Duration, connection: &mut Connection) {
//!     const FULL: usize = 64 * 1024;
//!     while hub.wants_batch(connection.id) && connection.socket.len() < FULL {
//!         let room = Budget { max_bytes: FULL - connection.socket.len(), ..Budget::default() };
//!         let mut dismissed = false;
//!         for delivery in hub.batch(now, connection.id, room) {
//!             connection.progress.advance(&delivery);
//!             let token = connection.progress.cursor();
//!             connection.socket += &match delivery {
//!                 Delivery::Message(lent) => format!("{} {token}\n", lent.message()),
//!                 Delivery::Gap(gap) => format!("lost in {}: {} {token}\n", gap.topic, gap.reason),
//!                 Delivery::Direct(message) => format!("{message}\n"),
//!                 Delivery::Dismissed(_) => {
//!                     dismissed = true;
//!                     format!("too slow: come back with {token}\n")
//!                 }
//!             };
//!         }
//!         if dismissed {
//!             hub.disconnect(now, connection.id); // and close the socket
//!         }
//!     }
//! }
//!
//! # let mut hub: Hub<String> = Hub::new(Config::default(), Incarnation::new(1), 2);
//! # let now = Duration::ZERO;
//! let topics = [TopicName::new("chat")?, TopicName::new("news")?];
//! let mut connection =
//!     open(&mut hub, now, ConnectionId::new(0x5eed), &topics, Some("a token of nobody's"));
//! hub.publish(now, &topics[0], "hello".to_owned(), &PublishOptions::new())?;
//! hub.publish(now, &topics[1], "extra".to_owned(), &PublishOptions::new())?;
//! // After publishing, and after subscribing: everybody who became ready, until there is nobody.
//! let mut woken = Vec::new();
//! while let Some(id) = hub.poll_ready() {
//!     woken.push(id);
//! }
//! assert_eq!(woken, [connection.id]);
//! serve(&mut hub, now, &mut connection);
//! let said = connection.socket.lines().map(|line| line.rsplit_once(' ').map_or("", |(said, _token)| said));
//! let expected = ["at", "lost in chat: unknown", "hello", "lost in news: unknown", "extra"];
//! assert_eq!(said.collect::<Vec<_>>(), expected);
//!
//! let later = TopicName::new("later")?;
//! join(&mut hub, now, &mut connection, &later);
//! hub.publish(now, &later, "more".to_owned(), &PublishOptions::new())?;
//! while hub.poll_ready().is_some() {}
//! serve(&mut hub, now, &mut connection);
//! assert!(connection.socket.lines().last().is_some_and(|line| line.starts_with("more ")));
//!
//! // It breaks, and comes back with the token of "hello".
//! let line = connection.socket.lines().nth(2);
//! let token = line.and_then(|line| line.rsplit_once(' ')).map(|(_said, token)| token);
//! let mut again = open(&mut hub, now, ConnectionId::new(0xfeed), &topics, token);
//! while hub.poll_ready().is_some() {}
//! serve(&mut hub, now, &mut again);
//! assert!(again.socket.lines().nth(1).is_some_and(|line| line.starts_with("lost in news: unknown")));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Limits
//!
//! | Limit | Default | Beyond it |
//! |---|---|---|
//! | [`Config::max_topics`] | 100,000 | the one unused for longest makes room, else refused: [`PublishError::TooManyTopics`], [`SubscribeError::TooManyTopics`] |
//! | [`Config::max_subscribers`] | 1,000,000 | refused: [`ConnectError::TooManySubscribers`] |
//! | [`Config::max_subscriptions`] | 4,000,000 | refused: [`SubscribeError::TooManySubscriptions`] |
//! | [`Config::max_topics_per_subscriber`] | 128, at most 256 | refused: [`SubscribeError::TooManyTopicsOfSubscriber`] |
//! | [`Config::max_messages_per_topic`] | 10,000 | the topic's oldest message goes, what is ephemeral or expired first |
//! | [`Config::max_bytes_per_topic`] | 1 MiB | the topic's oldest messages go, what is ephemeral or expired first; a message larger alone is refused: [`PublishError::TooLarge`] |
//! | [`Config::max_bytes`] | 256 MiB | the oldest messages of the topics that hold most go: see [`Hub::publish`] |
//! | [`Config::max_policies`] | 64, at most 256 | refused: [`SubscribeError::TooManyPolicies`] |
//! | [`Policy::max_lag_messages`], [`Policy::max_lag_bytes`] | none | [`Policy::on_lag`] |
//! | [`Config::max_age`] | 24 hours | the message goes |
//! | [`Config::topic_expiry`] | 5 minutes | a topic that nobody follows and that holds nothing is forgotten |
//! | [`MAX_TIMEOUT_WORK`] | 1,024 | comes with the next call, which is due at once |
//! | [`PublishOptions::MAX_EVENT_LEN`] | 255 bytes | refused: [`PublishError::EventTooLong`] |
//! | [`PublishOptions::MAX_KEY_LEN`] | 255 bytes | refused: [`PublishError::KeyTooLong`] |
//! | [`PublishOptions::MAX_IDEMPOTENCY_LEN`] | 255 bytes | refused: [`PublishError::IdempotencyTooLong`] |
//! | [`Config::max_idempotency_keys`] | 100,000 | the oldest is forgotten |
//! | [`Config::idempotency_window`] | 5 minutes | forgotten |
//! | [`Config::max_inbox_messages`] | 64 | refused: [`SendError::InboxFull`] |
//! | [`Config::max_inbox_bytes`] | 64 KiB | refused: [`SendError::InboxFull`]; a message larger alone: [`SendError::TooLarge`] |
//! | [`Config::max_inboxes_bytes`] | 16 MiB | refused: [`SendError::InboxesFull`] |
//! | [`Config::max_turn_messages`] | 32 | another topic of the subscriber has its turn |
//! | [`Config::max_turn_bytes`] | 16 KiB | another topic of the subscriber has its turn |
//! | [`Budget::max_messages`] | 256 | comes with the next batch |
//! | [`Budget::max_bytes`] | 64 KiB | comes with the next batch; the first message is taken whatever its length |
//! | [`MAX_LOOKS`] | 1,024 | the next [`Hub::batch`] passes the rest of what is skipped |
//! | [`TopicName::MAX_LEN`] | 255 bytes | refused: [`InvalidTopicName::TooLong`] |
//! | [`Cursor::MAX_TOPICS`] | 256 | refused: [`InvalidCursor::Entries`] |
//! | [`Cursor::MAX_LEN`] | 8,207 characters | refused: [`InvalidCursor::TooLong`] |
//! | [`Position::MAX_OFFSET`] | 2^53 | not reached: a million messages a second would take 285 years |
//!
//! A subscription costs 64 bytes at most, waiting or lagging (and 48 more while a gap that it began with is
//! untold), a subscriber 64, a topic less than 512 beside its messages. (The tables that hold them double
//! when they are full.)
//!
//! # What may grow
//!
//! What a caller sets or is told in passing may gain fields and cases, and is `#[non_exhaustive]`:
//! configurations, policies, usage, errors. What a caller must not pass over is exhaustive, so that a new
//! case does not compile in silence: [`Delivery`], [`Gap`], [`Dismissal`], [`Start`], [`GapReason`],
//! [`OnLag`], [`Reads`], [`Replay`], [`Published`], and of [`presence`] the changes and who is told of them.
//! So is what is made of its fields alone and is whole with them: [`Budget`], [`Position`], [`Epoch`]. A
//! position of another store needs another kind of token, for which the token
//! has room; here a [`Position`] is this hub's own.
//!
//! # The life of a topic
//!
//! A topic exists from its first use, by a publisher or a subscriber, until nobody follows it, none of its
//! messages is held any more, and [`Config::topic_expiry`] has passed. Until then a cursor taken there stays
//! true. If it ever had a message, one that comes back under its name has another [`Epoch`], so that a
//! position of the old one meets a gap. At [`Config::max_topics`] the one that is without followers and
//! messages for longest makes room.
//!
//! # Who is there
//!
//! [`presence`] has two machines that stand beside the hub, know nothing of its logs, and are called alike:
//! [`presence::Presence`] for who is in a topic, [`presence::Typing`] for who is typing in it. What they
//! tell is for the caller to publish.
#![no_std]

extern crate alloc;

// What a caller gives and is answered with.
mod config;
mod error;
mod names;
mod position;

// The hub, and who calls it to have what done: messages come, time passes, subscribers come and go.
mod hub;
mod idempotency;
mod message;
mod publish;
mod retention;
mod subscribe;

// Taking: who is ready, what a batch gives, and what a reader is told instead.
mod batch;
mod cohort;
mod delivery;
mod filter;
mod gap;
mod inbox;
mod policy;
mod ready;

// What all that works on: the logs of the topics and what makes room in them, and the lists of who waits.
mod entry;
mod eviction;
mod keyed;
mod links;
mod log;
mod subscriber;
mod topic;

// Tokens: how far a reader is, as text.
mod cursor;
mod progress;
mod siphash;
mod slack;
mod token;

// Beside the hub: who is there, and who is typing.
pub mod presence;

pub use batch::{Batch, Batches, Budget, CohortBatches, MAX_LOOKS, ReadyBatches};
pub use cohort::Cohort;
pub use config::Config;
pub use cursor::Cursor;
pub use delivery::{Delivery, Lent};
pub use error::{
    ConnectError, InvalidConnectionId, InvalidCursor, InvalidTopicName, PublishError, SendError,
    SubscribeError,
};
pub use gap::{Gap, GapReason, Start};
pub use hub::{Hub, Usage};
pub use message::{ENTRY_OVERHEAD_BYTES, EXTRAS_OVERHEAD_BYTES, Message};
pub use names::{ConnectionId, TopicName};
pub use policy::{Dismissal, OnLag, Policy, Reads};
pub use position::{Epoch, Incarnation, Position};
pub use progress::Progress;
pub use publish::{PublishOptions, Published, Replay};
pub use retention::{Due, MAX_TIMEOUT_WORK};
pub use subscriber::SubscriberId;
pub use topic::TopicInfo;

/// The examples of the README, as tests.
#[doc = include_str!("../README.md")]
#[cfg(doctest)]
pub struct Readme;
