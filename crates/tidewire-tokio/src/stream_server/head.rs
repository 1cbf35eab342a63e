//! The head of a response that begins a stream, and how its body is told from what is no body (RFC 9112 §4, §6, §7.1).

use std::{io::Write, time::SystemTime};

use bytes::Bytes;
use http::{
    HeaderName,
    header::{CONNECTION, DATE, TRANSFER_ENCODING, UPGRADE},
    response::Parts,
};

use crate::output::Output;

/// How a client knows where the body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// By a chunk of no length. A stream that breaks off is told from one that ended.
    Chunked,
    /// By the end of the connection: HTTP/1.0 knows nothing else.
    UntilEnd,
}

/// Headers of the connection, not of the response.
const OF_CONNECTION: [HeaderName; 3] = [CONNECTION, TRANSFER_ENCODING, UPGRADE];

impl Framing {
    /// Queues the head.
    pub(super) fn begin(self, head: &Parts, output: &mut Output) {
        let text = output.tail();
        text.extend_from_slice(b"HTTP/1.1 ");
        text.extend_from_slice(head.status.as_str().as_bytes());
        text.push(b' ');
        text.extend_from_slice(head.status.canonical_reason().unwrap_or_default().as_bytes());
        text.extend_from_slice(b"\r\n");
        let mut field = |name: &str, value: &[u8]| {
            for part in [name.as_bytes(), b": ", value, b"\r\n"] {
                text.extend_from_slice(part);
            }
        };
        for (name, value) in &head.headers {
            if !OF_CONNECTION.contains(name) {
                field(name.as_str(), value.as_bytes());
            }
        }
        if !head.headers.contains_key(DATE) {
            field("date", httpdate::fmt_http_date(SystemTime::now()).as_bytes());
        }
        match self {
            Self::Chunked => field("transfer-encoding", b"chunked"),
            Self::UntilEnd => {}
        }
        // Nothing is read behind a stream.
        field("connection", b"close");
        text.extend_from_slice(b"\r\n");
    }

    /// Queues a piece of the body.
    pub(super) fn piece(self, piece: &Bytes, output: &mut Output) {
        match self {
            // A chunk of no length would be the end.
            Self::Chunked if !piece.is_empty() => {
                // Writing to memory does not fail.
                let _ = write!(output.tail(), "{:x}\r\n", piece.len());
                output.push_shared(piece);
                output.tail().extend_from_slice(b"\r\n");
            }
            Self::Chunked => {}
            Self::UntilEnd => output.push_shared(piece),
        }
    }

    /// Queues the end of the body.
    pub(super) fn end(self, output: &mut Output) {
        match self {
            Self::Chunked => output.tail().extend_from_slice(b"0\r\n\r\n"),
            Self::UntilEnd => {}
        }
    }
}
