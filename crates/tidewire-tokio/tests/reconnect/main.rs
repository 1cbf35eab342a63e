//! A WebSocket that comes back by itself: its schedule, what it goes on with, and its end; time is moved by hand.
#![cfg(feature = "connect")]
#![allow(clippy::unwrap_used, missing_docs)]

mod ends;
#[cfg(feature = "json")]
mod json;
mod resumes;
mod schedule;
mod world;
