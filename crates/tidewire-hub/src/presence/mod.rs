//! Presence: who is in a topic, told as batched differences; and typing, the same with a shorter memory.
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
//! were told is not in it, unless somebody read the list meanwhile; and when nobody else is either there is
//! none. So a diff costs a topic of N users N deliveries an interval, however many come and go.
//!
//! Where more than [`PresenceConfig::max_diff_entries`] users changed it lists nobody ([`Changes::TooMany`]),
//! so that N joins at once do not cost N² entries. It always has the count. Everybody reads the list then,
//! which costs as much: each after a random wait of some seconds; and the topic's next diff waits twice as
//! long, up to [`PresenceConfig::max_diff_interval`]. Each time that so long passed without another of that
//! kind the wait is halved.
//!
//! A client that reads the list ([`Presence::list`]), at any time, and then applies every diff that follows,
//! in order, ends with who is there: *joined* and *updated* set a user, *left* removes one. A diff may tell
//! what the list had, that is not wrong. Who missed a diff reads the list again.
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
//! A diff is a message to those who want to know, in the program's own format. Here presence is told of a topic
//! beside the room's, by a name that no client can give, and the diffs are published there: what the room says
//! does not push them out. They are *kept*, so that nobody misses one without being told: a reader who lags, or
//! comes back with a cursor, gets those that are held, and a gap says "read the list" where one is not.
//! ([`Ephemeral`](crate::Replay::Ephemeral) ones may be missed without a gap. That may do for typing, where a
//! client takes whom it has shown for long enough from the screen by itself.)
//!
//! A diff that was taken is not told again. Where the hub refuses it, for its length or for want of room, it
//! is to be told as [`Changes::TooMany`], which is short.
//!
//! ```
//! use core::time::Duration;
//! use std::error::Error;
//! use std::sync::Arc;
//! use tidewire_hub::presence::{Change, Changes, Info, Presence, UserId};
//! use tidewire_hub::{
//!     Budget, Config, ConnectionId, Delivery, Hub, Incarnation, PublishError, PublishOptions, Start,
//!     TopicName,
//! };
//!
//! /// A line for each change; one of `?` for "read the list".
//! fn encode(changes: &Changes) -> Arc<str> {
//!     let line = |change: &Change| match change {
//!         Change::Joined { user, .. } => format!("+{user}\n"),
//!         Change::Updated { user, .. } => format!("~{user}\n"),
//!         Change::Left { user } => format!("-{user}\n"),
//!     };
//!     match changes {
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
//!     let options = PublishOptions::new().event("presence");
//!     while let Some(diff) = presence.poll_diff() {
//!         if hub.publish(now, &diff.topic, encode(&diff.changes), &options).is_err() {
//!             hub.publish(now, &diff.topic, encode(&Changes::TooMany), &options)?;
//!         }
//!     }
//!     Ok(())
//! }
//!
//! let mut hub = Hub::new(Config::default(), Incarnation::new(7), 42);
//! let mut presence = Presence::default();
//! let (chat, in_chat) = (TopicName::new("chat")?, TopicName::reserved("$presence:chat")?);
//! let (alice, connection) = (UserId::new("alice")?, ConnectionId::new(0x5EED_0A11)); // drawn at random
//! let now = Duration::ZERO;
//!
//! // Somebody's socket opens: first the topics, then the list, so that no diff is between them.
//! let subscriber = hub.connect(connection)?;
//! hub.subscribe(now, subscriber, &chat, Start::Live)?;
//! hub.subscribe(now, subscriber, &in_chat, Start::Live)?;
//! presence.join(now, &in_chat, &alice, connection, Info::default())?;
//! assert_eq!(presence.list(&in_chat, None, 100).members.len(), 1);
//!
//! let now = now + Duration::from_secs(1);
//! publish_diffs(now, &mut presence, &mut hub)?;
//! while hub.poll_ready().is_some() {}
//! let told = hub.batch(now, subscriber, Budget::default()).next();
//! let Some(Delivery::Message(lent)) = told else { panic!("one diff, as a message") };
//! assert_eq!((lent.event(), &**lent.message()), (Some("presence"), "+alice\n"));
//!
//! // The socket breaks: she is seen for a while. (Whoever was typing there is not, three seconds later.)
//! hub.disconnect(now, subscriber);
//! presence.lose_all(now, connection);
//! # Ok::<(), Box<dyn Error>>(())
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
//! | [`PresenceConfig::max_diff_interval`] | 16 s | 2 s | the next diff waits no longer; half as long after so long without too many changes |
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
mod record;
mod room;

mod typing;

pub use batch::CHANGE_OVERHEAD_BYTES;
pub use config::PresenceConfig;
pub use diff::{Change, Changes, Diff};
pub use error::{AdmissionError, InvalidInfo, InvalidUserId};
pub use list::{Count, Member, Page, Status};
pub use machine::{Presence, PresenceUsage};
pub use record::{CONNECTION_OVERHEAD_BYTES, MEMBER_OVERHEAD_BYTES};
pub use time::PresenceDue;
pub use typing::{Typing, TypingConfig};
pub use user::{Info, UserId};
