//! The opening handshake (RFC 6455 §4).
//!
//! The server's side (§4.2) is here: a request head from raw bytes, or, with feature `http`, one that is parsed already;
//! then the 101, or a refusal with the right status. The client's side (§4.1) is [`client`].
//!
//! | Where to look | What for |
//! |---|---|
//! | `server/rules` | what makes a request an opening handshake (§4.2.1), and the status where it is none (§4.2.2, §4.4) |
//! | `server/response`, `server/refusal` | the 101 (§4.2.2 item 5), and every way to say no |
//! | `server/reader`, `server/request`, `server/http` | from raw bytes, from a parsed request, over HTTP/2 (RFC 8441) |
//! | `client/request`, `client/verdict` | what a client sends, and what the 101 must say (§4.1) |
//! | `client/tunnel` | what a client asks a proxy for (§4.1, RFC 9110 §9.3.6) |
//! | `client/reader`, `client/answer`, `client/http` | from raw bytes, what came of it, from a parsed response |
//! | `key` | `Sec-WebSocket-Key` and its answer (§4.2.2 item 5.4) |
//! | `tokens`, [`extensions`], `authority`, `fields` | the grammar (§4.3, §9.1), and types that cannot hold a line break |
//! | `head`, `config` | collecting a head in linear time, and what it may cost |

mod authority;
pub mod client;
mod config;
pub mod extensions;
mod fields;
mod head;
mod key;
mod server;
mod tokens;

pub use config::Config;
pub use fields::InvalidField;
pub use head::Progress;
pub use key::AcceptKey;
#[cfg(feature = "http")]
pub use server::http;
pub use server::{HeadReader, MAX_SUBPROTOCOLS, Refusal, Request, Response};
