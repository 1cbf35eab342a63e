//! The opening handshake, taken at its word: the key is all that is looked for.

use std::io;

use tidewire_ws::handshake::AcceptKey;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// The longest head that is read.
const MAX_HEAD_LEN: usize = 2048;

/// Reads a request's head.
pub(super) async fn head(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(512);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if stream.read_buf(&mut head).await? == 0 || head.len() > MAX_HEAD_LEN {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
    Ok(head)
}

/// A header's value.
pub(super) fn field<'a>(head: &'a [u8], name: &str) -> Option<&'a [u8]> {
    head.split(|byte| *byte == b'\n').find_map(|line| {
        let (found, value) = line.split_at_checked(name.len())?;
        found
            .eq_ignore_ascii_case(name.as_bytes())
            .then(|| value.strip_prefix(b":").map(<[u8]>::trim_ascii))?
    })
}

/// Reads a request and answers it with a 101. The client is to wait for that.
pub(super) async fn upgrade(stream: &mut TcpStream) -> io::Result<()> {
    let head = head(stream).await?;
    let answer = field(&head, "sec-websocket-key").and_then(AcceptKey::answer);
    let answer = answer.ok_or(io::ErrorKind::InvalidData)?;
    let response = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n\r\n",
        answer.as_str()
    );
    stream.write_all(response.as_bytes()).await
}
