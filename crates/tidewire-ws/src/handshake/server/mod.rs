//! The server's opening handshake (RFC 6455 §4.2).

#[cfg(feature = "http")]
pub mod http;
mod reader;
mod refusal;
mod request;
mod response;
mod rules;

pub use reader::HeadReader;
pub use refusal::Refusal;
pub use request::Request;
pub use response::Response;
pub use rules::MAX_SUBPROTOCOLS;
