//! A server's frames as they come, taken apart by hand (RFC 6455 §5.2): whoever sends something else fails the run.

use std::io;

/// The longest payload of a control frame (RFC 6455 §5.5).
const MAX_CONTROL_LEN: u64 = 125;

const OPCODE_CLOSE: u8 = 8;
const OPCODE_PING: u8 = 9;
const OPCODE_PONG: u8 = 10;

/// One connection's incoming side.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// The first byte of a message, without FIN: what is expected of it, compression included.
    message: u8,
    header: [u8; 10],
    header_len: usize,
    place: Place,
    /// The payload of a control frame that was cut.
    control: Vec<u8>,
}

/// Where in the stream of frames it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Before a frame, or in its header; within a fragmented message or not.
    Header(Message),
    /// In the payload of a frame.
    Payload { left: u64, first: u8, message: Message },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Message {
    None,
    Begun,
}

/// What has come.
#[derive(Debug, PartialEq, Eq)]
pub enum Came<'a> {
    /// A piece of a message's payload.
    Payload(&'a [u8]),
    /// The message is whole.
    MessageEnd,
    /// A ping, which wants its pong.
    Ping(&'a [u8]),
}

fn wrong(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

impl Incoming {
    /// Expects unfragmented or fragmented messages whose first byte is this, FIN aside: 1 for text, 2 for binary, and
    /// 0x40 more where they are to be compressed.
    #[must_use]
    pub fn new(message: u8) -> Self {
        Self {
            message,
            header: [0; 10],
            header_len: 0,
            place: Place::Header(Message::None),
            control: Vec::new(),
        }
    }

    /// Takes bytes apart, and shows what they are.
    ///
    /// # Errors
    /// They are no frames, not such a message, or a close; or `look` says so.
    pub fn receive(
        &mut self,
        mut bytes: &[u8],
        mut look: impl FnMut(Came<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.place {
                Place::Header(message) => {
                    self.header[self.header_len] = bytes[0];
                    self.header_len += 1;
                    bytes = &bytes[1..];
                    if let Some(left) = self.payload_len()? {
                        let first = self.begin(message)?;
                        self.header_len = 0;
                        self.place = Place::Payload { left, first, message };
                        if left == 0 {
                            self.end(first, message, &mut look)?;
                        }
                    }
                }
                Place::Payload { left, first, message } => {
                    let len = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                    let (piece, rest) = bytes.split_at(len);
                    bytes = rest;
                    if first & 8 == 0 {
                        look(Came::Payload(piece))?;
                    } else {
                        self.control.extend_from_slice(piece);
                    }
                    let left = left - len as u64;
                    self.place = Place::Payload { left, first, message };
                    if left == 0 {
                        self.end(first, message, &mut look)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The length of the payload, once the header is whole.
    fn payload_len(&self) -> io::Result<Option<u64>> {
        let header = &self.header[..self.header_len];
        let len = match header {
            [_, len @ 0..=125, ..] => u64::from(*len),
            [_, 126, high, low] => u64::from(u16::from_be_bytes([*high, *low])),
            [_, 127, len @ ..] => match <[u8; 8]>::try_from(len) {
                Ok(len) => u64::from_be_bytes(len),
                Err(_) => return Ok(None),
            },
            [] | [_] | [_, 126, ..] => return Ok(None),
            [_, 128..=u8::MAX, ..] => return Err(wrong("a server's frame is masked")),
        };
        Ok(Some(len))
    }

    /// Looks at the first byte of a frame, and gives it back.
    fn begin(&self, message: Message) -> io::Result<u8> {
        let first = self.header[0];
        let expected = match (first & 0x0F, message) {
            (OPCODE_CLOSE, _) => return Err(wrong("the server closed")),
            (OPCODE_PING | OPCODE_PONG, _) if u64::from(self.header[1]) <= MAX_CONTROL_LEN => first | 0x80,
            (_, Message::None) => self.message | first & 0x80,
            (_, Message::Begun) => first & 0x80,
        };
        if first == expected {
            Ok(first)
        } else {
            Err(wrong(format!("expected a frame that begins with {expected:#x}, got {first:#x}")))
        }
    }

    fn end(
        &mut self,
        first: u8,
        message: Message,
        look: &mut impl FnMut(Came<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        let is_final = first & 0x80 != 0;
        if first & 0x0F == OPCODE_PING {
            look(Came::Ping(&self.control))?;
        } else if first & 8 == 0 && is_final {
            look(Came::MessageEnd)?;
        }
        self.control.clear();
        self.place = Place::Header(match (first & 8 == 0, is_final) {
            (true, true) => Message::None,
            (true, false) => Message::Begun,
            (false, _) => message,
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frames::frame;

    /// Payloads of messages, pings, and what was wrong, byte by byte and at once.
    fn read(message: u8, bytes: &[u8]) -> (Vec<Vec<u8>>, Vec<Vec<u8>>, bool) {
        let mut found = Vec::new();
        for step in [1, bytes.len().max(1)] {
            let mut incoming = Incoming::new(message);
            let (mut messages, mut pings, mut open) = (Vec::new(), Vec::new(), Vec::new());
            let outcome = bytes.chunks(step).try_for_each(|piece| {
                incoming.receive(piece, |came| {
                    match came {
                        Came::Payload(piece) => open.extend_from_slice(piece),
                        Came::MessageEnd => messages.push(std::mem::take(&mut open)),
                        Came::Ping(payload) => pings.push(payload.to_vec()),
                    }
                    Ok(())
                })
            });
            found.push((messages, pings, outcome.is_ok()));
        }
        assert_eq!(found[0], found[1]);
        found.remove(0)
    }

    #[test]
    fn messages_of_all_lengths_and_pings_between_fragments() {
        for len in [0, 1, 125, 126, 65_535, 65_536] {
            let payload = vec![7; len];
            assert_eq!(read(2, &frame(2, &payload, None)), (vec![payload], vec![], true));
        }
        let fragments = [&b"\x02\x01a"[..], b"\x89\x02hi", b"\x8A\x00", b"\x00\x01b", b"\x80\x01c"].concat();
        assert_eq!(read(2, &fragments), (vec![b"abc".to_vec()], vec![b"hi".to_vec()], true));
        assert_eq!(read(0x41, b"\xC1\x01a"), (vec![b"a".to_vec()], vec![], true));
    }

    #[test]
    fn anything_else_fails() {
        for wrong in [
            &b"\x81\x01a"[..],
            b"\xC2\x01a",
            b"\x82\x81",
            b"\x88\x00",
            b"\x80\x00",
            b"\x02\x00\x82\x00",
            b"\x09\x00",
            b"HTTP/1.1 400",
        ] {
            assert!(!read(2, wrong).2, "{wrong:?}");
        }
    }
}
