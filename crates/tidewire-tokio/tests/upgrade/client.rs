//! What the clients of these tests send, and how they read what comes.

use tokio::io::{AsyncRead, AsyncReadExt};

pub(crate) const REQUEST: &str = "GET /echo HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// The request with more headers.
pub(crate) fn request(headers: &str) -> String {
    REQUEST.replace("\r\n\r\n", &format!("\r\n{headers}\r\n"))
}

/// A frame of a client's, masked with zeros.
pub(crate) fn masked(first_byte: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = header(first_byte, payload.len());
    frame[1] |= 0x80;
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}

/// A frame of a server's.
pub(crate) fn plain(first_byte: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = header(first_byte, payload.len());
    frame.extend_from_slice(payload);
    frame
}

fn header(first_byte: u8, len: usize) -> Vec<u8> {
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(len @ 0..=125), _) => vec![first_byte, len],
        (_, Ok(len)) => [&[first_byte, 126][..], &len.to_be_bytes()].concat(),
        _ => [&[first_byte, 127][..], &(len as u64).to_be_bytes()].concat(),
    }
}

/// A close frame of a client's, 1000.
pub(crate) const CLOSE: &[u8] = b"\x88\x82\0\0\0\0\x03\xE8";

/// Its echo.
pub(crate) const CLOSED: &[u8] = b"\x88\x02\x03\xE8";

/// Reads a head, and not a byte more.
pub(crate) async fn head(io: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(io.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// Reads so many bytes.
pub(crate) async fn take(io: &mut (impl AsyncRead + Unpin), len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    io.read_exact(&mut bytes).await.unwrap();
    bytes
}

/// Reads until the end.
pub(crate) async fn rest(io: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut bytes = Vec::new();
    io.read_to_end(&mut bytes).await.unwrap();
    bytes
}
