//! The client's opening handshake (RFC 6455 §4.1): the request, and what may come as its response.
//!
//! ```
//! use std::sync::Arc;
//! use tidewire_ws::handshake::client::{Answer, Request};
//!
//! // Sixteen bytes of entropy; these are the standard's.
//! let request = Request::new("server.example.com", "/chat", *b"the sample nonce")?
//!     .subprotocol("chat")?
//!     .header("Origin", "http://example.com")?;
//! let mut output = Vec::new();
//! request.encode(&mut output);
//! assert_eq!(output, b"GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n\
//!     Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
//!     Sec-WebSocket-Protocol: chat\r\nOrigin: http://example.com\r\n\r\n");
//!
//! let mut response = request.into_reader(Arc::default());
//! let input = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
//!     Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\r\n\x81\x00";
//! let Answer::Open { opened, consumed } = response.receive(input)? else { panic!() };
//! assert_eq!(opened.subprotocol(), Some("chat"));
//! assert_eq!(input[consumed..], [0x81, 0x00]); // the first frame
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answer;
mod body;
#[cfg(feature = "http")]
mod http;
mod reader;
mod request;
mod tunnel;
mod verdict;

pub use answer::{Answer, Declined, Opened};
pub use reader::ResponseReader;
pub use request::Request;
pub use tunnel::Tunnel;
pub use verdict::InvalidResponse;
