//! What is fed to a stream at a time, in one chunk (RFC 9112 §7.1), whose length is told when all of it is there.

use std::time::Duration;

use tidewire_connection::event_stream::{EventStream, SendError};
use tidewire_sse::{Encoded, Event};

use super::head::Framing;
use crate::output::{Output, SHARE_MIN_LEN};

/// Digits that are left free for the length of a chunk. One that has more or fewer moves what is in it.
const DIGITS: usize = 3;

/// The end of the line that the length stands in.
const LINE_END: &[u8] = b"\r\n";

/// A chunk that is being filled, of an event stream that counts what is in it. It is closed where it is dropped.
#[derive(Debug)]
pub(crate) struct Chunk<'a> {
    now: Duration,
    stream: &'a mut EventStream,
    output: &'a mut Output,
    framing: Framing,
    filled: Filled,
    /// Events that the stream has not counted.
    uncounted: usize,
}

/// How far a chunk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filled {
    Nothing,
    /// Behind the line of its length, which begins here in the output's tail.
    From(usize),
}

impl<'a> Chunk<'a> {
    pub(super) fn new(
        now: Duration,
        stream: &'a mut EventStream,
        output: &'a mut Output,
        framing: Framing,
    ) -> Self {
        Self { now, stream, output, framing, filled: Filled::Nothing, uncounted: 0 }
    }

    /// Puts an event into it, and a long one beside it, by reference.
    pub(crate) fn feed(&mut self, event: &Encoded) -> Result<(), SendError> {
        self.check()?;
        let bytes = event.as_bytes();
        if bytes.len() < SHARE_MIN_LEN {
            self.tail().extend_from_slice(bytes);
        } else {
            self.close();
            self.framing.piece(&event.clone().into(), self.output);
        }
        self.uncounted += 1;
        Ok(())
    }

    /// Encodes an event into it.
    pub(crate) fn feed_event(&mut self, event: &Event<'_>) -> Result<(), SendError> {
        self.check()?;
        event.encode(self.tail())?;
        self.uncounted += 1;
        Ok(())
    }

    /// Ends the stream behind it.
    pub(crate) fn end(&mut self) {
        self.count();
        self.stream.end(self.now);
    }

    pub(crate) fn is_open(&self) -> bool {
        self.stream.ended().is_none()
    }

    pub(crate) fn output_len(&self) -> usize {
        self.output.len()
    }

    fn check(&self) -> Result<(), SendError> {
        if self.is_open() { Ok(()) } else { Err(SendError::NotOpen) }
    }

    /// Counts what was fed, all at once.
    fn count(&mut self) {
        // It is open, or nothing was fed.
        let _ = self.stream.admit_all_encoded(self.now, std::mem::take(&mut self.uncounted));
    }

    fn begin(&mut self) {
        if let (Filled::Nothing, Framing::Chunked) = (self.filled, self.framing) {
            let tail = self.output.tail();
            self.filled = Filled::From(tail.len());
            tail.extend_from_slice(&[b'0'; DIGITS]);
            tail.extend_from_slice(LINE_END);
        }
    }

    fn tail(&mut self) -> &mut Vec<u8> {
        self.begin();
        self.output.tail()
    }

    /// Tells its length, where anything is in it: a chunk of no length would be the end.
    fn close(&mut self) {
        let Filled::From(start) = std::mem::replace(&mut self.filled, Filled::Nothing) else { return };
        let tail = self.output.tail();
        let begun = start + DIGITS + LINE_END.len();
        let len = tail.len() - begun;
        if len == 0 {
            tail.truncate(start);
            return;
        }
        let digits = len.ilog(16) as usize + 1;
        if digits > DIGITS {
            tail.splice(start..start, std::iter::repeat_n(b'0', digits - DIGITS));
        } else if digits < DIGITS {
            tail.drain(start..start + DIGITS - digits);
        }
        let mut left = len;
        for digit in tail[start..start + digits].iter_mut().rev() {
            *digit = b"0123456789abcdef"[left % 16];
            left /= 16;
        }
        tail.extend_from_slice(LINE_END);
    }
}

impl Drop for Chunk<'_> {
    fn drop(&mut self) {
        self.count();
        self.close();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tidewire_lifecycle::Config;

    use super::*;

    fn filled(framing: Framing, fill: impl FnOnce(&mut Chunk<'_>)) -> Vec<u8> {
        let mut stream = EventStream::new(Arc::new(Config::event_stream()), Duration::ZERO);
        let mut output = Output::default();
        output.tail().extend_from_slice(b"before|");
        let mut chunk = Chunk::new(Duration::ZERO, &mut stream, &mut output, framing);
        fill(&mut chunk);
        drop(chunk);
        output.into_bytes().split_off("before|".len())
    }

    fn comment(len: usize) -> Encoded {
        let event = Encoded::comment(&"x".repeat(len - ": \n".len()));
        assert_eq!(event.as_bytes().len(), len);
        event
    }

    #[test]
    fn its_length_has_as_many_digits_as_it_wants() {
        let share_min = SHARE_MIN_LEN - 1;
        for (pieces, len) in [
            (vec![15], "f"),
            (vec![16], "10"),
            (vec![255], "ff"),
            (vec![256], "100"),
            (vec![share_min; 8], "ff8"),
            ([vec![share_min; 8], vec![7]].concat(), "fff"),
            ([vec![share_min; 8], vec![8]].concat(), "1000"),
            (vec![share_min; 129], "1017f"),
        ] {
            let chunk = filled(Framing::Chunked, |chunk| {
                pieces.iter().for_each(|len| chunk.feed(&comment(*len)).unwrap());
            });
            let text: String = pieces
                .iter()
                .map(|len| String::from_utf8(comment(*len).as_bytes().to_vec()).unwrap())
                .collect();
            assert!(chunk == format!("{len}\r\n{text}\r\n").into_bytes(), "{len}");
        }
    }

    #[test]
    fn a_long_event_goes_beside_it_in_its_place() {
        let (small, long) = (comment(20), comment(SHARE_MIN_LEN));
        let chunk = filled(Framing::Chunked, |chunk| {
            for event in [&small, &long, &small, &small] {
                chunk.feed(event).unwrap();
            }
        });
        let text = |event: &Encoded| String::from_utf8(event.as_bytes().to_vec()).unwrap();
        let (small, long) = (text(&small), text(&long));
        assert_eq!(
            String::from_utf8(chunk).unwrap(),
            format!("14\r\n{small}\r\n200\r\n{long}\r\n28\r\n{small}{small}\r\n")
        );
    }

    #[test]
    fn what_is_fed_is_counted_and_what_is_refused_is_not() {
        for end in [false, true] {
            let mut stream = EventStream::new(Arc::new(Config::event_stream()), Duration::ZERO);
            let mut output = Output::default();
            let mut chunk = Chunk::new(Duration::ZERO, &mut stream, &mut output, Framing::Chunked);
            chunk.feed(&comment(20)).unwrap();
            chunk.feed(&comment(SHARE_MIN_LEN)).unwrap();
            chunk.feed_event(&Event::new().data("a")).unwrap();
            assert!(chunk.feed_event(&Event::new().id("a\nb")).is_err());
            if end {
                chunk.end();
                assert!(chunk.feed(&comment(20)).is_err());
            }
            drop(chunk);
            assert_eq!(stream.usage(Duration::ZERO).sent_messages, 3, "{end}");
        }
    }

    #[test]
    fn one_that_nothing_is_in_is_not_there() {
        let refused = |chunk: &mut Chunk<'_>| {
            assert!(chunk.feed_event(&Event::new().id("a\nb")).is_err());
        };
        assert_eq!(filled(Framing::Chunked, refused), b"");
        assert_eq!(filled(Framing::Chunked, |_| {}), b"");
        let ended = |chunk: &mut Chunk<'_>| {
            chunk.end();
            assert_eq!(chunk.feed(&Encoded::keep_alive()), Err(SendError::NotOpen));
            assert_eq!(chunk.feed_event(&Event::new().data("a")), Err(SendError::NotOpen));
        };
        assert_eq!(filled(Framing::Chunked, ended), b"");
    }

    #[test]
    fn events_are_encoded_in_place_and_to_http_1_0_without_a_length() {
        let fill = |chunk: &mut Chunk<'_>| {
            chunk.feed_event(&Event::new().id("7").data("a")).unwrap();
            chunk.feed(&Encoded::keep_alive()).unwrap();
            assert!(chunk.output_len() > 0);
        };
        assert_eq!(filled(Framing::Chunked, fill), b"1c\r\nid: 7\ndata: a\n\n: keepalive\n\n\r\n");
        assert_eq!(filled(Framing::UntilEnd, fill), b"id: 7\ndata: a\n\n: keepalive\n\n");
    }
}
