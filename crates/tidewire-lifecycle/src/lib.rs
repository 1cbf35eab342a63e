//! The life of a connection as a deterministic state machine: phases, heartbeats, the idle rule, stalled writers,
//! bounded closes, and what was used. It knows no protocol, and does no I/O.
//!
//! ```text
//!             handle_opened          begin_closing           handle_closed
//!   Opening ───────────────▶ Open ───────────────▶ Closing ───────────────▶ Closed
//!    5 s to open              heartbeats, idle      5 s to close, then
//!                             rule                  2 s and 256 KiB to linger
//!         └────────── a write stall of 10 s aborts in any of them ──────────┘
//! ```
//!
//! In scope: *when* something is to be said or ended, and why. Out of scope: what is said (a ping, a comment, a close
//! frame), which is the protocol's; and the clock, which is the caller's: time is a [`Duration`](core::time::Duration)
//! since an origin that the caller chose.
//!
//! ```
//! use core::time::Duration;
//! use std::sync::Arc;
//! use tidewire_lifecycle::{Action, Config, Lifecycle, Phase, Timer};
//!
//! let second = Duration::from_secs;
//! let mut life = Lifecycle::new(Arc::new(Config::default()), second(0));
//! assert_eq!(life.poll_timeout(), Some((second(5), Timer::Opening)));
//!
//! life.handle_opened(second(1));
//! // Nothing was heard for 25 s: a probe is due, and its reply within 8 s.
//! assert_eq!(life.poll_timeout(), Some((second(26), Timer::Heartbeat)));
//! assert_eq!(life.handle_timeout(second(26)), Some(Action::SendHeartbeat));
//! assert_eq!(life.handle_timeout(second(26)), None);
//! assert_eq!(life.poll_timeout(), Some((second(34), Timer::HeartbeatReply)));
//!
//! // It does not come: close, within 5 s.
//! assert_eq!(life.handle_timeout(second(34)), Some(Action::Close(Timer::HeartbeatReply)));
//! assert_eq!(life.phase(), Phase::Closing);
//! assert_eq!(life.handle_timeout(second(39)), Some(Action::Abort(Timer::Closing)));
//! assert_eq!((life.phase(), life.poll_timeout()), (Phase::Closed, None));
//! ```
//!
//! # Limits
//!
//! | Field of [`Config`] | Default | At the limit |
//! |---|---|---|
//! | `opening_timeout` | 5 s | abort |
//! | `heartbeat` | probe every 25 s, reply within 8 s | close |
//! | `active_window` | 60 s; then a connection without messages counts as quiet | – |
//! | `idle_timeout` | 5 min without a byte either way | close |
//! | `quiet_timeout` | off; no application message either way | close |
//! | `max_age` | off | close |
//! | [credential expiry](Lifecycle::set_credential_expiry) | none | close |
//! | [drain](Lifecycle::begin_drain) | none | close |
//! | `write_stall_timeout` | 10 s | abort |
//! | `closing_timeout` | 5 s | abort |
//! | `linger_timeout`, `linger_max_bytes` | 2 s, 256 KiB | abort |
//!
//! When a client comes back after an end is [`reconnect`]'s to say:
//!
//! | Field of [`reconnect::Config`] | Default |
//! |---|---|
//! | `reconnection_time`, the first window | 1 s; event streams 3 s |
//! | `max_delay`, the largest window | 30 s |
//! | `min_delay` | 100 ms |
//! | `max_server_delay`, of what a server names | 1 h |
//! | `max_attempts` without progress | no limit |
//! | `jitter` | anywhere in the window; event streams never before the reconnection time |
//!
//! Going away is [`drain`]'s: over `spread`, 10 s, all connections are told, and what is left at `deadline`, 30 s, is dropped.
//!
//! # Two clocks of silence
//!
//! [`last_seen`](Lifecycle::last_seen) moves with every byte of the peer's, and drives the idle rule together with what we
//! send: heartbeats keep a connection alive. [`quiet_since`](Lifecycle::quiet_since) moves with application messages alone:
//! a connection that only beats is quiet, which costs its owner's money. [`Usage`] tells how long it was
//! active and how long quiet; a gateway can list those that are quiet now, and `quiet_timeout` closes them.
//! [`Deployment`] shares out the time of a server that is charged for as long as anyone is connected.
//!
//! # Very many connections
//!
//! Deadlines are kept in milliseconds. The state of a connection is 104 bytes at most, whatever its age, and its place in
//! the [`timer_queue`] takes 24 more and what says whose it is: one task drives a million of them.
#![no_std]

extern crate alloc;

mod config;
mod deployment;
pub mod drain;
mod lifecycle;
mod phase;
pub mod reconnect;
mod table;
mod ticks;
mod timer;
pub mod timer_queue;
mod usage;

pub use config::{Config, Heartbeat};
pub use deployment::{Deployment, Share};
pub use lifecycle::Lifecycle;
pub use phase::Phase;
pub use timer::{Action, Timer};
pub use usage::Usage;

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
