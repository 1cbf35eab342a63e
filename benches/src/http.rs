//! HTTP/1.1 responses as they come, without I/O: heads, chunked bodies and those of a known length (RFC 9112 §6, §7).

use std::{error::Error, fmt};

/// The longest line of a head or before a chunk, in bytes.
const MAX_LINE_LEN: usize = 16 * 1024;

/// A request without a body.
#[must_use]
pub fn get(target: &str, headers: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n")
}

/// A request that publishes a text.
#[must_use]
pub fn publish(topic: &str, body: &str) -> String {
    let len = body.len();
    format!(
        "POST /publish?topic={topic} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n\
         Content-Length: {len}\r\n\r\n{body}"
    )
}

/// One response while it comes.
#[derive(Debug, Default)]
pub struct Response {
    phase: Phase,
    /// What has come of a line.
    line: Vec<u8>,
    framing: Framing,
    status: u16,
    /// The position that the gateway tells in the head.
    cursor: Option<String>,
}

/// What comes next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    StatusLine,
    Header,
    ChunkLen,
    /// Of a chunk, or of a body whose length is known.
    Bytes {
        left: usize,
        after: After,
    },
    /// The empty line behind a chunk, and the one behind the last.
    ChunkEnd(After),
    Over,
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    Chunk,
    Nothing,
}

impl After {
    fn phase(self) -> Phase {
        match self {
            Self::Chunk => Phase::ChunkEnd(Self::Chunk),
            Self::Nothing => Phase::Over,
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
enum Framing {
    #[default]
    Nothing,
    Chunked,
    Len(usize),
}

/// What came is no response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed(String);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no response: {:?}", self.0)
    }
}

impl Error for Malformed {}

impl Response {
    /// Appends to `body` what there is of it, and answers with the bytes of `input` that are a part of the response.
    ///
    /// # Errors
    /// They are not.
    pub fn receive(&mut self, input: &[u8], body: &mut Vec<u8>) -> Result<usize, Malformed> {
        let mut at = 0;
        while at < input.len() && self.phase != Phase::Over {
            match &mut self.phase {
                Phase::Bytes { left, after } => {
                    let len = (*left).min(input.len() - at);
                    body.extend_from_slice(&input[at..at + len]);
                    at += len;
                    *left -= len;
                    if *left == 0 {
                        self.phase = after.phase();
                    }
                }
                Phase::StatusLine | Phase::Header | Phase::ChunkLen | Phase::ChunkEnd(_) | Phase::Over => {
                    let byte = input[at];
                    at += 1;
                    match byte {
                        b'\n' => self.handle_line()?,
                        b'\r' => {}
                        _ => self.line.push(byte),
                    }
                    if self.line.len() > MAX_LINE_LEN {
                        return Err(self.malformed());
                    }
                }
            }
        }
        Ok(at)
    }

    fn handle_line(&mut self) -> Result<(), Malformed> {
        let line = String::from_utf8_lossy(&self.line).into_owned();
        self.phase = match self.phase {
            Phase::StatusLine => {
                let status = line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
                self.status = status.ok_or_else(|| self.malformed())?;
                Phase::Header
            }
            Phase::Header if line.is_empty() => match self.framing {
                Framing::Nothing | Framing::Len(0) => Phase::Over,
                Framing::Chunked => Phase::ChunkLen,
                Framing::Len(left) => Phase::Bytes { left, after: After::Nothing },
            },
            Phase::Header => {
                self.header(&line)?;
                Phase::Header
            }
            Phase::ChunkLen => match usize::from_str_radix(&line, 16) {
                Ok(0) => Phase::ChunkEnd(After::Nothing),
                Ok(left) => Phase::Bytes { left, after: After::Chunk },
                Err(_) => return Err(self.malformed()),
            },
            Phase::ChunkEnd(After::Chunk) if line.is_empty() => Phase::ChunkLen,
            Phase::ChunkEnd(After::Nothing) if line.is_empty() => Phase::Over,
            Phase::ChunkEnd(_) | Phase::Bytes { .. } | Phase::Over => {
                return Err(self.malformed());
            }
        };
        self.line.clear();
        Ok(())
    }

    fn header(&mut self, line: &str) -> Result<(), Malformed> {
        let (name, value) = line.split_once(':').ok_or_else(|| self.malformed())?;
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "transfer-encoding" => self.framing = Framing::Chunked,
            "content-length" => {
                self.framing = Framing::Len(value.parse().map_err(|_| self.malformed())?);
            }
            "tidewire-cursor" => self.cursor = Some(value.to_owned()),
            _ => {}
        }
        Ok(())
    }

    fn malformed(&self) -> Malformed {
        Malformed(String::from_utf8_lossy(&self.line).into_owned())
    }

    /// The status, once the head is whole.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        (!matches!(self.phase, Phase::StatusLine | Phase::Header)).then_some(self.status)
    }

    /// The position in the head, once it is there.
    #[must_use]
    pub fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }

    /// Whether all of it has come. That of a 101 has when its head has: what follows is another protocol's.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Status, body, and the bytes taken, whatever the pieces are.
    fn read(input: &[u8]) -> Result<(Option<u16>, String, usize), Malformed> {
        let (mut response, mut body) = (Response::default(), Vec::new());
        let taken = response.receive(input, &mut body)?;
        let (mut slow, mut same) = (Response::default(), Vec::new());
        for byte in &input[..taken] {
            assert_eq!(slow.receive(&[*byte], &mut same)?, 1);
        }
        assert_eq!((slow.status(), slow.is_over(), &same), (response.status(), response.is_over(), &body));
        assert!(response.is_over());
        assert_eq!(response.receive(b"more", &mut body)?, 0);
        Ok((response.status(), String::from_utf8(body).unwrap(), taken))
    }

    #[test]
    fn bodies_end_where_their_framing_says() {
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nHello\r\nA\r\n, world!!!\r\n0\r\n\r\n";
        assert_eq!(read(chunked).unwrap(), (Some(200), "Hello, world!!!".to_owned(), chunked.len()));
        let fixed = b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nnoHTTP/1.1 200";
        assert_eq!(read(fixed).unwrap(), (Some(404), "no".to_owned(), fixed.len() - 12));
        let switched = b"HTTP/1.1 101 Switching Protocols\r\nTidewire-Cursor: C\r\n\r\n\x81\x00";
        assert_eq!(read(switched).unwrap(), (Some(101), String::new(), switched.len() - 2));
    }

    #[test]
    fn the_head_tells_the_position() {
        let mut response = Response::default();
        response.receive(b"HTTP/1.1 200 OK\r\nTidewire-Cursor:  C \r\n", &mut Vec::new()).unwrap();
        assert_eq!((response.status(), response.cursor()), (None, Some("C")));
    }

    #[test]
    fn what_is_no_response_is_refused() {
        for wrong in [
            &b"HTTP/2 200\r\n"[..],
            b"HTTP/1.1 x\r\n",
            b"HTTP/1.1 200 OK\r\nno header\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
        ] {
            assert!(Response::default().receive(wrong, &mut Vec::new()).is_err());
        }
        let mut response = Response::default();
        assert!(response.receive(&[b'x'; MAX_LINE_LEN], &mut Vec::new()).is_ok());
        assert!(response.receive(b"x", &mut Vec::new()).is_err());
    }
}
