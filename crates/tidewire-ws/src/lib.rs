//! RFC 6455 and RFC 7692 without I/O: frames, messages, the opening and the closing handshake of both roles, compression.
//!
//! ```text
//!   server: bytes in ──▶ handshake::HeadReader ──▶ Request ──▶ 101, or a Refusal
//!   client: handshake::client::Request ──▶ bytes out, bytes in ──▶ Opened, or Declined
//!
//!   then:   bytes in ──▶ message::Reader ──▶ Event, or Piece (lent)     message::Writer ──▶ bytes out
//!                             │                                              ▲
//!                             └───── pong, echo of a close, close frame of a violation
//!
//!   or:     bytes in ──▶ frame::Decoder ──▶ headers and pieces of payload, for those who speak frames
//! ```
//!
//! Rooms, by section of the standards: [`handshake`] is RFC 6455 §4, [`frame`] is §5, [`message`] is §5.4, §5.5, §6 and
//! §7, `deflate` is RFC 7692. Out of scope: sockets, TLS, time (a heartbeat is `tidewire-lifecycle`'s).
//!
//! # A whole connection, byte by byte
//!
//! ```
//! use std::sync::Arc;
//! use tidewire_ws::{Role, handshake, message};
//!
//! // The opening handshake (§1.3).
//! let request = b"GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
//!     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
//! let mut head = handshake::HeadReader::new(Arc::default());
//! assert_eq!(head.receive(request)?, handshake::Progress::Complete { consumed: request.len() });
//! let mut output = Vec::new();
//! head.request()?.accept(&handshake::Response::new(), &mut output)?;
//! assert_eq!(output, b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
//!     Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
//!
//! // A masked text message, "Hello", and a close with 1000 (§5.7, §5.5.1).
//! let config = Arc::new(message::Config::default());
//! let mut reader = message::Reader::new(Role::Server, config.clone());
//! let mut writer = message::Writer::server(config);
//! let mut input = [
//!     0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58,
//!     0x88, 0x82, 0x37, 0xFA, 0x21, 0x3D, 0x34, 0x12,
//! ];
//! output.clear();
//! let mut events = reader.receive(&mut input);
//! let Some(Ok(message::Event::Text(text))) = events.next(&mut writer, &mut output) else { panic!() };
//! writer.send_text(&text, &mut output)?;
//! let Some(Ok(message::Event::Close(Some(close)))) = events.next(&mut writer, &mut output) else { panic!() };
//! assert_eq!(close.code().value(), 1000);
//! assert_eq!(events.next(&mut writer, &mut output), None);
//!
//! // Our message, and the echo of the close: both close frames are exchanged, and a server ends the TCP connection.
//! assert_eq!(output, [0x81, 0x05, b'H', b'e', b'l', b'l', b'o', 0x88, 0x02, 0x03, 0xE8]);
//! assert!(reader.close_received() && writer.close_sent());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Compressed, byte by byte
//!
//! ```
//! # #[cfg(feature = "deflate")] {
//! use std::sync::Arc;
//! use tidewire_ws::deflate::{Config, Pool};
//! use tidewire_ws::{Role, message};
//!
//! let mut config = Config::default();
//! config.min_len = 0; // even what is short
//! let pool = Pool::new(config);
//! // What a client offers in Sec-WebSocket-Extensions, and what goes into the 101 (RFC 7692 §7.1).
//! let agreement = pool.accept([&b"permessage-deflate; client_max_window_bits"[..]]).expect("a fair offer");
//! assert_eq!(
//!     agreement.header_value(),
//!     "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
//! );
//! let limits = Arc::new(message::Config::default());
//! let mut reader = message::Reader::new(Role::Server, limits.clone()).with_deflate(&agreement);
//! let mut writer = message::Writer::server(limits).with_deflate(&agreement);
//!
//! // "Hello", compressed as in RFC 7692 §7.2.3.1 and masked with zeros: RSV1 is set.
//! let mut input = [0xC1, 0x87, 0, 0, 0, 0, 0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00];
//! let mut output = Vec::new();
//! let mut events = reader.receive(&mut input);
//! assert_eq!(events.next(&mut writer, &mut output), Some(Ok(message::Event::Text("Hello".into()))));
//! writer.send_text(&"o".repeat(100), &mut output).expect("it is open");
//! assert_eq!(output[0], 0xC1);
//! assert!(output.len() < 10);
//! # }
//! ```
//!
//! # Limits
//!
//! [`message::Config`], [`handshake::Config`] and `deflate::Config` hold them, each with its default; the README has them
//! as a table.
#![no_std]

extern crate alloc;
// Compression needs large shared state, and so a lock.
#[cfg(feature = "deflate")]
extern crate std;

#[cfg(feature = "deflate")]
pub mod deflate;
pub mod frame;
pub mod handshake;
pub mod message;

/// Which endpoint of the connection *we* are.
///
/// It decides who masks: a client masks every frame that it sends, a server none (RFC 6455 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// We accepted the connection: what comes in is masked, what goes out is not.
    Server,
    /// We opened the connection: what goes out is masked, what comes in is not.
    Client,
}

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
