//! Event streams: all events of a post are encoded once, as one chunk (RFC 9112 §7.1), and written straight to every socket.

use std::io::{self, Write};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{
    fanout::{Room, listen},
    handshake::{field, head},
};

/// Serves an event stream, or takes posts on a connection that stays open.
pub(crate) async fn serve(mut stream: TcpStream, room: Room) {
    let Ok(first) = Box::pin(head(&mut stream)).await else { return };
    if first.starts_with(b"POST ") {
        let _ = Box::pin(take_posts(&mut stream, first, &room)).await;
        return;
    }
    let response = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n\
        Transfer-Encoding: chunked\r\n\r\n";
    if stream.write_all(response).await.is_ok() {
        let member = room.join(stream);
        listen(&member).await;
        room.leave(&member);
    }
}

async fn take_posts(stream: &mut TcpStream, first: Vec<u8>, room: &Room) -> io::Result<()> {
    let mut request = first;
    loop {
        let body_len =
            field(&request, "content-length").and_then(|len| std::str::from_utf8(len).ok()?.parse().ok());
        let body_len: usize = body_len.ok_or(io::ErrorKind::InvalidData)?;
        let start =
            request.windows(4).position(|end| end == b"\r\n\r\n").ok_or(io::ErrorKind::InvalidData)? + 4;
        while request.len() < start + body_len {
            if stream.read_buf(&mut request).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let mut events = Vec::new();
        for line in request[start..start + body_len].split(|byte| *byte == b'\n') {
            events.extend_from_slice(b"data: ");
            events.extend_from_slice(line);
            events.extend_from_slice(b"\n\n");
        }
        let mut chunk = Vec::with_capacity(events.len() + 12);
        write!(chunk, "{:X}\r\n", events.len())?;
        chunk.extend_from_slice(&events);
        chunk.extend_from_slice(b"\r\n");
        room.send(&chunk);
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await?;
        request = head(stream).await?;
    }
}
