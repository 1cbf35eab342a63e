//! Presence and typing, call by call. (Beside a model they are in `presence_model`, what they cost in memory is in
//! `presence_memory`.)
#![allow(clippy::unwrap_used, missing_docs)]

use tidewire_hub::presence::{Info, UserId};
use tidewire_hub::{ConnectionId, TopicName};

mod batches;
mod clients;
mod comings;
mod limits;
mod typing;
mod values;

const A: ConnectionId = ConnectionId::new(1);
const B: ConnectionId = ConnectionId::new(2);

fn topic() -> TopicName {
    TopicName::new("chat").unwrap()
}

fn user(id: &str) -> UserId {
    UserId::new(id).unwrap()
}

fn info(text: &str) -> Info {
    Info::new(text.as_bytes()).unwrap()
}
