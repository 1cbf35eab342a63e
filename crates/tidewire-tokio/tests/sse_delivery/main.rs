//! Event streams out of the hub: all of it, in order, in few writes, never more than a socket takes, and every end.
#![cfg(feature = "hyper")]
#![allow(clippy::unwrap_used, missing_docs)]

mod body;
#[path = "../common/counted.rs"]
mod counted;
mod ends;
mod flow;
mod served;
mod time;
