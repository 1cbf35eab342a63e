//! Sans-IO fan-out hub.
#![no_std]
extern crate alloc;

mod budget;
mod config;
mod cursor;
mod error;
mod gap;
mod hub;
mod links;
mod log;
mod names;
mod position;
mod pull;
mod siphash;
mod subscribe;
mod subscriber;
mod token;
mod topic;

pub use config::Config;
pub use cursor::Cursor;
pub use error::{
    ConnectError, InvalidConnectionId, InvalidCursor, InvalidTopicName, PublishError, SubscribeError,
};
pub use gap::{Delivery, Gap, GapReason, Start};
pub use hub::{Hub, Usage};
pub use log::{ENTRY_OVERHEAD_BYTES, Message};
pub use names::{ConnectionId, TopicName};
pub use position::{Epoch, Incarnation, Position};
pub use subscriber::SubscriberId;
pub use topic::TopicInfo;
