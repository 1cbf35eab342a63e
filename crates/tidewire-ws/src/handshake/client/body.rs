//! The beginning of the body of a response that declines, and where it ends (RFC 9112 §6.3, §7.1).

use super::reader::Head;
use crate::handshake::fields::Fields;
use crate::handshake::tokens::has_token;
use alloc::vec::Vec;

/// The longest line with a chunk's size, its extensions included.
const MAX_SIZE_LINE_LEN: usize = 256;

/// Tells a body from what frames it, and how much of it to keep.
#[derive(Debug)]
pub(super) struct Body {
    framing: Framing,
    max_len: usize,
}

/// What tells where the body ends.
#[derive(Debug)]
enum Framing {
    /// So many bytes are missing.
    Length(usize),
    Chunked(Chunk),
    /// The end of the stream.
    Eof,
}

/// Where in a chunked body the next byte lies.
#[derive(Debug)]
enum Chunk {
    /// In a line with a size, of which so many bytes came.
    Size { line_len: usize, size: Option<usize>, digits: Digits },
    /// In the data, of which so many bytes are missing.
    Data(usize),
    /// Behind the data, in the line ending.
    End,
}

/// What of a size's line may follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Digits {
    More,
    /// An extension came, or white space.
    Over,
}

/// Whether there is more to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    NeedMore,
    /// The body is there, whole.
    Whole,
    /// What is there is its beginning: the limit is reached, or what follows is no chunk.
    Cut,
}

impl Body {
    pub(super) fn new(head: &Head<'_>, max_len: usize) -> Self {
        let coded: Vec<&[u8]> = head.headers.values("transfer-encoding").collect();
        let framing = if matches!(head.status, 204 | 304) {
            Framing::Length(0)
        } else if coded.iter().any(|value| has_token(value, "chunked")) {
            // The coding decides where a body ends, whatever its length is said to be.
            Framing::Chunked(Chunk::size())
        } else if coded.is_empty() {
            head.headers.only("content-length").and_then(decimal).map_or(Framing::Eof, Framing::Length)
        } else {
            Framing::Eof
        };
        Self { framing, max_len }
    }

    /// Takes the next bytes, and appends what of them is body to what was kept; of none it tells where it stands.
    pub(super) fn receive(&mut self, mut input: &[u8], kept: &mut Vec<u8>) -> State {
        loop {
            let room = self.max_len.saturating_sub(kept.len());
            let (len, missing) = match &mut self.framing {
                Framing::Length(0) => return State::Whole,
                Framing::Length(missing) | Framing::Chunked(Chunk::Data(missing)) => {
                    (input.len().min(*missing).min(room), Some(missing))
                }
                Framing::Eof => (input.len().min(room), None),
                Framing::Chunked(chunk) => match chunk.receive(&mut input) {
                    State::NeedMore if input.is_empty() => return State::NeedMore,
                    State::NeedMore => continue,
                    end @ (State::Whole | State::Cut) => return end,
                },
            };
            kept.extend_from_slice(&input[..len]);
            input = &input[len..];
            let is_over = match missing {
                Some(missing) => {
                    *missing -= len;
                    *missing == 0
                }
                None => false,
            };
            match &mut self.framing {
                Framing::Chunked(chunk) if is_over => *chunk = Chunk::End,
                Framing::Length(_) if is_over => return State::Whole,
                // A length that is used up to the limit is not waited for any longer.
                Framing::Length(_) | Framing::Chunked(_) | Framing::Eof if kept.len() >= self.max_len => {
                    return State::Cut;
                }
                Framing::Length(_) | Framing::Chunked(_) | Framing::Eof => return State::NeedMore,
            }
        }
    }

    /// What the end of the stream makes of it.
    pub(super) fn at_eof(&self) -> State {
        match self.framing {
            Framing::Eof => State::Whole,
            Framing::Length(_) | Framing::Chunked(_) => State::Cut,
        }
    }
}

impl Chunk {
    const fn size() -> Self {
        Self::Size { line_len: 0, size: None, digits: Digits::More }
    }

    /// Reads what is no data: `Whole` behind the last chunk's size, whatever trailers follow.
    fn receive(&mut self, input: &mut &[u8]) -> State {
        while let [byte, rest @ ..] = *input {
            match self {
                Self::Data(_) => return State::NeedMore,
                Self::End => match byte {
                    b'\r' => {}
                    b'\n' => *self = Self::size(),
                    _ => return State::Cut,
                },
                Self::Size { line_len, size, digits } => {
                    *line_len += 1;
                    match (byte, char::from(*byte).to_digit(16), *digits) {
                        (b'\n', ..) => match *size {
                            None => return State::Cut,
                            Some(0) => return State::Whole,
                            Some(size) => *self = Self::Data(size),
                        },
                        (_, Some(digit), Digits::More) => {
                            let value = size.unwrap_or(0).saturating_mul(16).saturating_add(digit as usize);
                            *size = Some(value);
                        }
                        (b'\r' | b';' | b' ' | b'\t', _, _) if size.is_some() => *digits = Digits::Over,
                        (_, _, Digits::Over) if *line_len < MAX_SIZE_LINE_LEN => {}
                        _ => return State::Cut,
                    }
                }
            }
            *input = rest;
        }
        State::NeedMore
    }
}

/// A number of digits alone; what is too large for a `usize` is the largest one.
fn decimal(digits: &[u8]) -> Option<usize> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number =
        |number: usize, digit: &u8| number.saturating_mul(10).saturating_add(usize::from(digit - b'0'));
    Some(digits.iter().fold(0, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunked(input: &[u8], max_len: usize) -> (State, Vec<u8>) {
        let body = || Body { framing: Framing::Chunked(Chunk::size()), max_len };
        let (mut kept, mut kept_bytewise) = (Vec::new(), Vec::new());
        let state = body().receive(input, &mut kept);
        let mut bytewise = body();
        let mut last = bytewise.receive(b"", &mut kept_bytewise);
        for byte in input {
            if last == State::NeedMore {
                last = bytewise.receive(&[*byte], &mut kept_bytewise);
            }
        }
        assert_eq!((last, &kept_bytewise), (state, &kept), "{input:?}");
        (state, kept)
    }

    #[test]
    fn chunks_are_joined_and_end_behind_the_last() {
        for (input, state, kept) in [
            (&b"4\r\nnope\r\n0\r\n\r\n"[..], State::Whole, &b"nope"[..]),
            (b"2\r\nno\r\n00002 ;x=\"y\"\r\npe\r\n0;z\r\nTrailer: x\r\n\r\n", State::Whole, b"nope"),
            (b"A\nnope nope!\n0\n", State::Whole, b"nope nope!"),
            (b"", State::NeedMore, b""),
            (b"4", State::NeedMore, b""),
            (b"4\r\nno", State::NeedMore, b"no"),
            (b"4\r\nnope\r", State::NeedMore, b"nope"),
            (b"\r\n", State::Cut, b""),
            (b"x\r\n", State::Cut, b""),
            (b"-1\r\n", State::Cut, b""),
            (b"4\r\nnopeX", State::Cut, b"nope"),
            (b"fffffffffffffffffff\r\n01234567890", State::Cut, b"0123456789"),
        ] {
            assert_eq!(chunked(input, 10), (state, kept.to_vec()), "{input:?}");
        }
    }

    #[test]
    fn a_line_with_a_size_has_a_limit() {
        let line = |len: usize| [&b"1;"[..], &alloc::vec![b'x'; len - 3], b"\nA\n0\n"].concat();
        assert_eq!(chunked(&line(MAX_SIZE_LINE_LEN), 10), (State::Whole, b"A".to_vec()));
        assert_eq!(chunked(&line(MAX_SIZE_LINE_LEN + 1), 10), (State::Cut, Vec::new()));
    }

    #[test]
    fn a_length_is_digits_alone() {
        for (digits, number) in [("0", Some(0)), ("010", Some(10)), ("4096", Some(4096))] {
            assert_eq!(decimal(digits.as_bytes()), number, "{digits}");
        }
        for digits in ["", "+5", "-1", "5 ", "0x5", "5,5"] {
            assert_eq!(decimal(digits.as_bytes()), None, "{digits}");
        }
        assert_eq!(decimal(&[b'9'; 60]), Some(usize::MAX));
    }
}
