//! Presence: who is in a topic, told as batched differences; and typing, the same with a shorter memory
//! (design: "Presence is a TTL map per topic with join and leave diffs, batched").
//!
//! A user is *seen* in a topic while a connection of theirs is open there, and for [`PresenceConfig::seen_ttl`] after a poll
//! or after a connection that was lost. Somebody who said goodbye is gone at once; somebody who went silent leaves a
//! record until [`PresenceConfig::record_ttl`], which a poll without [`Info`] brings back. In each row the user has a record:
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
//! # Differences
//!
//! The first change in a topic opens a batch; [`PresenceConfig::diff_interval`] later it is one [`Diff`]: who joined, whose
//! info changed, who left, each user once, in the order of their ids. Whoever left and came back within a batch is
//! not in it. So a diff costs a topic of N users N deliveries an interval, however many come and go; and
//! where more than [`PresenceConfig::max_diff_entries`] users changed it lists nobody ([`Changes::TooMany`]), so that N
//! joins at once do not cost N² entries. It always has the count.
//!
//! A client that reads the list ([`Presence::list`]) and then applies every diff that follows, in order, ends with
//! who is there, though the first may tell what the list had: *joined* and *updated* set a user, *left* removes
//! one. Who missed a diff reads the list again.
//!
//! # How it is called
//!
//! Each call that changes something is told the time, and first does what is due by then; a time before the last one
//! counts as the last. [`Presence::poll_timeout`] says when to call [`Presence::handle_timeout`], and after each
//! call [`Presence::poll_diff`] gives what is to be published, until `None`. Each costs O(log n) in the users of
//! the topic, and an expiry is paid for by the call that made it possible: nothing walks all members.
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
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Limits
//!
//! | Limit | Presence | Typing | Beyond it |
//! |---|---|---|---|
//! | [`UserId::MAX_LEN`] | 249 bytes | 249 bytes | refused: [`InvalidUserId::TooLong`] |
//! | [`Info::MAX_LEN`] | 1,024 bytes | – | refused: [`InvalidInfo`] |
//! | [`PresenceConfig::seen_ttl`] | 30 s | 3 s | not seen |
//! | [`PresenceConfig::record_ttl`] | 60 s | 3 s | no record |
//! | [`PresenceConfig::diff_interval`] | 1 s | 250 ms | the batch is told |
//! | [`PresenceConfig::max_diff_entries`] | 128 | 32 | [`Changes::TooMany`] |
//! | [`PresenceConfig::max_page_len`] | 100 | 100 | the page ends, and says where the next one starts |
//! | [`PresenceConfig::max_topics`] | 100,000 | 100,000 | refused: [`AdmissionError::TooManyTopics`] |
//! | [`PresenceConfig::max_members_per_topic`] | 100,000 | 1,000 | refused: [`AdmissionError::TooManyMembers`] |
//! | [`PresenceConfig::max_connections_per_member`] | 32 | – | refused: [`AdmissionError::TooManyConnections`] |
//! | [`PresenceConfig::max_bytes`] | 256 MiB | 64 MiB | refused: [`AdmissionError::TooManyBytes`] |
//!
//! What is refused changes nothing. A batch under way holds the ids and infos of at most `max_diff_entries` users of
//! its topic beside that.

mod config;
mod error;
mod user;

mod admission;
mod batch;
mod machine;
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
