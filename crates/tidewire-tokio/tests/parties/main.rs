//! Whoever polls a WebSocket: its owner, who only reads or only writes, two halves, a driver, combinators, and whom none of it
//! is lost to.
#![allow(clippy::unwrap_used, missing_docs)]

mod combinators;
mod driver;
mod halves;
mod owner;

use std::time::Duration;

use tidewire_tokio::websocket::{Config, WebSocket};
use tokio::{
    io::{AsyncReadExt, DuplexStream, duplex},
    time::timeout,
};

pub(crate) const MASKED_PING: &[u8] = b"\x89\x84\0\0\0\0ping";
pub(crate) const PONG: &[u8] = b"\x8A\x04ping";
pub(crate) const MASKED_CLOSE: &[u8] = b"\x88\x82\0\0\0\0\x03\xE8";
pub(crate) const CLOSE: &[u8] = b"\x88\x02\x03\xE8";

pub(crate) fn second(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The client's end, and a server's connection on the other.
pub(crate) fn connected(buffer_len: usize) -> (DuplexStream, WebSocket<DuplexStream>) {
    let (client, server) = duplex(buffer_len);
    (client, WebSocket::accepted(server, b"", &Config::default()))
}

/// A text of up to 125 bytes under an all-zero masking key.
pub(crate) fn text(payload: &str) -> Vec<u8> {
    [&[0x81, 0x80 | payload.len() as u8, 0, 0, 0, 0], payload.as_bytes()].concat()
}

pub(crate) async fn read<const N: usize>(client: &mut DuplexStream) -> [u8; N] {
    let mut bytes = [0; N];
    timeout(second(1), client.read_exact(&mut bytes)).await.expect("nothing came").unwrap();
    bytes
}
