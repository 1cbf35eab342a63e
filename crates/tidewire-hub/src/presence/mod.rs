//! Presence: who is in a topic, told as batched differences; and typing, the same with a shorter memory
//! (design: "Presence is a TTL map per topic with join and leave diffs, batched").
//!
//! A user is *seen* in a topic while a connection of theirs is open there, and for
//! [`PresenceConfig::seen_ttl`] after a poll or after a connection that was lost. Somebody who said goodbye
//! is gone at once; somebody who went silent leaves a record until [`PresenceConfig::record_ttl`], which a
//! poll without [`Info`] brings back. In each row the user has a record:
//!
//! | | connections alone | refreshed, connections or not | not seen |
//! |---|---|---|---|
//! | [`Presence::join`] | stays | stays | *joined*, connections alone |
//! | [`Presence::refresh`] | refreshed | refreshed anew | *joined*, refreshed |
//! | [`Presence::leave`], others open | stays | stays | – |
//! | [`Presence::leave`], the last one | *left*, no record | stays | – |
//! | [`Presence::lose`] | refreshed | refreshed anew | – |
//! | [`Presence::withdraw`] | stays | connections alone; with none *left*, no record | no record |
//! | `seen_ttl` is over | – | connections alone; with none *left*, not seen | – |
//! | `record_ttl` is over | – | – | no record |
//!
//! [`Presence::leave_all`] and [`Presence::lose_all`] do so in all topics of a connection.
//!
//! # Differences
//!
//! The first change in a topic opens a batch; [`PresenceConfig::diff_interval`] later it is one [`Diff`]: who
//! joined, whose info changed, who left, each user once, in the order of their ids. Whoever is again as they
//! were told is not in it, and when nobody else is either there is none. So a diff costs a topic of N users N
//! deliveries an interval, however many come and go.
//!
//! Where more than [`PresenceConfig::max_diff_entries`] users changed it lists nobody ([`Changes::TooMany`]),
//! so that N joins at once do not cost N² entries. It always has the count. Everybody reads the list then,
//! which costs as much: each after a random wait of some seconds; and the topic's next diff waits twice as
//! long, up to [`PresenceConfig::max_diff_interval`], until one lists who changed or nothing did.
//!
//! A client that reads the list ([`Presence::list`]) and then applies every diff that follows, in order, ends
//! with who is there, though the first may tell what the list had: *joined* and *updated* set a user, *left*
//! removes one. Who missed a diff reads the list again.
//!
//! # How it is called
//!
//! Each call that changes something is told the time, and first does what is due by then; a time before the
//! last one counts as the last. [`Presence::poll_timeout`] says when to call [`Presence::handle_timeout`],
//! and after each call [`Presence::poll_diff`] gives what is to be published, until `None`. Each is
//! logarithmic in what there is, and an expiry is paid for by the call that made it possible: nothing walks
//! all members, and no call does more than [`PresenceConfig::max_expiries_per_call`] of them.
//!
//! ```
//! use core::time::Duration;
//! use tidewire_hub::presence::{Change, Changes, Info, Presence, UserId};
//! use tidewire_hub::{ConnectionId, TopicName};
//!
//! let at = Duration::from_secs;
//! let mut presence = Presence::default();
//! let (chat, alice, bob) = (TopicName::new("chat")?, UserId::new("alice")?, UserId::new("bob")?);
//!
//! // Alice has a WebSocket, Bob polls.
//! presence.join(at(10), &chat, &alice, ConnectionId::new(1), Info::new(b"{\"name\":\"Alice\"}")?)?;
//! presence.refresh(at(10), &chat, &bob, None)?;
//! assert_eq!(presence.count(&chat).users, 2);
//!
//! // One diff a second later.
//! assert_eq!(presence.poll_timeout().map(|(due, _)| due), Some(at(11)));
//! presence.handle_timeout(at(11));
//! let diff = presence.poll_diff().ok_or("a diff is due")?;
//! let Changes::Listed(changes) = diff.changes else { panic!("two are not too many") };
//! assert!(matches!(&changes[0], Change::Joined { user, .. } if *user == alice));
//! assert!(matches!(&changes[1], Change::Joined { user, .. } if *user == bob));
//!
//! // Bob goes silent: 30 s after his last poll he is gone. Alice's connection is open.
//! presence.handle_timeout(at(40));
//! presence.handle_timeout(at(41));
//! let diff = presence.poll_diff().ok_or("a diff is due")?;
//! assert_eq!(diff.changes, Changes::Listed(vec![Change::Left { user: bob }]));
//! let page = presence.list(&chat, None, 100);
//! assert_eq!(page.members.iter().map(|member| member.user.as_str()).collect::<Vec<_>>(), ["alice"]);
//!
//! // Her socket breaks: one call for all topics that it was in.
//! assert_eq!(presence.lose_all(at(50), ConnectionId::new(1)), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Beside a hub
//!
//! A diff goes to those who follow the topic, as a message of the topic under an event name of its own, in
//! the program's own format. It is [`Ephemeral`](crate::Replay::Ephemeral): a reader who comes back follows
//! the topic again, reads the list, and applies the diffs that come from then on; those of before would tell
//! them nothing.
//!
//! ```
//! use core::time::Duration;
//! use std::sync::Arc;
//! use tidewire_hub::presence::{Change, Changes, Diff, Info, Presence, UserId};
//! use tidewire_hub::{
//!     Budget, Config, ConnectionId, Delivery, Hub, Incarnation, PublishError, PublishOptions, Replay, Start,
//!     TopicName,
//! };
//!
//! /// A line for each change; one of `?` for "read the list".
//! fn encode(diff: &Diff) -> Arc<str> {
//!     let line = |change: &Change| match change {
//!         Change::Joined { user, .. } => format!("+{user}\n"),
//!         Change::Updated { user, .. } => format!("~{user}\n"),
//!         Change::Left { user } => format!("-{user}\n"),
//!     };
//!     match &diff.changes {
//!         Changes::Listed(changes) => changes.iter().map(line).collect::<String>().into(),
//!         Changes::TooMany => "?\n".into(),
//!     }
//! }
//!
//! /// To be called after each call of `presence`, and when its `poll_timeout` says so.
//! fn publish_diffs(
//!     now: Duration,
//!     presence: &mut Presence,
//!     hub: &mut Hub<Arc<str>>,
//! ) -> Result<(), PublishError> {
//!     presence.handle_timeout(now);
//!     let options = PublishOptions::new().event("presence").replay(Replay::Ephemeral);
//!     while let Some(diff) = presence.poll_diff() {
//!         hub.publish(now, &diff.topic, encode(&diff), &options)?;
//!     }
//!     Ok(())
//! }
//!
//! let mut hub = Hub::new(Config::default(), Incarnation::new(7), 42);
//! let mut presence = Presence::default();
//! let (chat, alice, connection) = (TopicName::new("chat")?, UserId::new("alice")?, ConnectionId::new(1));
//! let now = Duration::ZERO;
//!
//! // Somebody's socket opens: first the topic, then the list, so that no diff is between them.
//! let subscriber = hub.connect(connection)?;
//! hub.subscribe(now, subscriber, &chat, Start::Live)?;
//! presence.join(now, &chat, &alice, connection, Info::default())?;
//! assert_eq!(presence.list(&chat, None, 100).members.len(), 1);
//!
//! let now = now + Duration::from_secs(1);
//! publish_diffs(now, &mut presence, &mut hub)?;
//! while hub.poll_ready().is_some() {}
//! let told = hub.batch(now, subscriber, Budget::default()).next();
//! let Some(Delivery::Message(lent)) = told else { panic!("one diff, as a message") };
//! assert_eq!((lent.event(), &**lent.message()), (Some("presence"), "+alice\n"));
//!
//! // The socket breaks. (Who typed there is no longer said to within three seconds.)
//! hub.disconnect(now, subscriber);
//! presence.lose_all(now, connection);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Limits
//!
//! | Limit | Presence | Typing | Beyond it |
//! |---|---|---|---|
//! | [`UserId::MAX_LEN`] | 249 bytes | 249 bytes | refused: [`InvalidUserId::TooLong`] |
//! | [`Info::MAX_LEN`] | 1,024 bytes | – | refused: [`InvalidInfo`] |
//! | [`PresenceConfig::seen_ttl`], [`TypingConfig::ttl`] | 30 s | 3 s | not seen |
//! | [`PresenceConfig::record_ttl`] | 60 s | – | no record |
//! | [`PresenceConfig::diff_interval`] | 1 s | 250 ms | the batch is told |
//! | [`PresenceConfig::max_diff_interval`] | 16 s | 2 s | the next diff waits no longer |
//! | [`PresenceConfig::max_diff_entries`] | 128 | 32 | [`Changes::TooMany`] |
//! | [`PresenceConfig::max_page_len`] | 100 | 100 | the page ends, and says where the next one starts |
//! | [`PresenceConfig::max_topics`] | 100,000 | 100,000 | refused: [`AdmissionError::TooManyTopics`] |
//! | [`PresenceConfig::max_empty_topics`] | 100,000 | 100,000 | new topics are refused: [`AdmissionError::TooManyEmptyTopics`] |
//! | [`PresenceConfig::max_members_per_topic`] | 100,000 | 1,000 | refused: [`AdmissionError::TooManyMembers`] |
//! | [`PresenceConfig::max_connections_per_member`] | 32 | – | refused: [`AdmissionError::TooManyConnections`] |
//! | [`PresenceConfig::max_bytes`] | 256 MiB | 64 MiB | members: refused, [`AdmissionError::TooManyBytes`]; batches: [`Changes::TooMany`] |
//! | [`PresenceConfig::max_expiries_per_call`] | 1,024 | 1,024 | left to the next call |
//!
//! What is refused changes nothing. Those without a line of their own are fields of [`TypingConfig`] by the
//! same name, but for [`TypingConfig::max_users_per_topic`].

mod config;
mod error;
mod user;

mod admission;
mod batch;
mod machine;
mod pace;
mod standing;
mod time;

mod diff;
mod list;
mod member;
mod room;

mod typing;

pub use batch::CHANGE_OVERHEAD_BYTES;
pub use config::PresenceConfig;
pub use diff::{Change, Changes, Diff};
pub use error::{AdmissionError, InvalidInfo, InvalidUserId};
pub use list::{Count, Member, Page, Status};
pub use machine::{Presence, PresenceUsage};
pub use member::{CONNECTION_OVERHEAD_BYTES, MEMBER_OVERHEAD_BYTES};
pub use time::PresenceDue;
pub use typing::{Typing, TypingConfig};
pub use user::{Info, UserId};
