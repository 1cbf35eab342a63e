//! The opening handshake (RFC 6455 §4).
//!
//! The server's side (§4.2): a request head from raw bytes, or, with feature `http`, one that is parsed already; then
//! the 101, or a refusal with the right status. The client's side (§4.1) is [`client`].
//!
//! Rooms: `head` collects the bytes, `rules` judges, `request` and `response` are the two sides, `refusal` says no;
//! `tokens`, `fields`, `authority` and [`extensions`] are the grammar.

mod authority;
pub mod client;
mod config;
pub mod extensions;
mod fields;
mod head;
#[cfg(feature = "http")]
pub mod http;
mod key;
mod refusal;
mod request;
mod response;
mod rules;
mod tokens;

pub use config::Config;
pub use fields::InvalidField;
pub use head::{HeadReader, Progress};
pub use key::AcceptKey;
pub use refusal::Refusal;
pub use request::Request;
pub use response::Response;
pub use rules::MAX_SUBPROTOCOLS;
