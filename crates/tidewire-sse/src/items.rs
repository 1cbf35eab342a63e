//! What comes out of a chunk: events, comments, reconnection times (WHATWG HTML §9.2.6).

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use crate::error::{Limit, LimitExceeded};
use crate::parser::{Before, Mode, Parser, PendingId};

/// U+FEFF in UTF-8.
const BYTE_ORDER_MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];

/// An event that was dispatched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageEvent<'a> {
    /// Its type, `message` when the stream gave none.
    pub event_type: &'a str,
    /// Its data, the lines joined by LF.
    pub data: &'a str,
    /// The last event ID string as of this event.
    pub last_event_id: &'a str,
}

/// Something that the stream said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// An event.
    Event(MessageEvent<'a>),
    /// A comment, without its colon.
    Comment(Cow<'a, str>),
    /// A new reconnection time, in milliseconds.
    Retry(u64),
}

/// The items of one chunk, each lent until the next is asked for; see [`Parser::receive`].
#[derive(Debug)]
pub struct Items<'a> {
    parser: &'a mut Parser,
    chunk: &'a [u8],
    consumed: usize,
    /// The first data line of the event, as long as it is the only one and lies in the chunk.
    lent_data: Option<Range<usize>>,
    found: Found,
}

/// What the last call found, as places instead of borrows.
#[derive(Clone, Debug)]
enum Found {
    Nothing,
    Event,
    /// A comment in the chunk, or at the end of the parser's line.
    Comment(Place),
    Retry(u64),
}

/// Where a line lies.
#[derive(Clone, Debug)]
enum Place {
    Chunk(Range<usize>),
    Line,
}

impl<'a> Items<'a> {
    pub(crate) fn new(parser: &'a mut Parser, chunk: &'a [u8]) -> Self {
        Self { parser, chunk, consumed: 0, lent_data: None, found: Found::Nothing }
    }

    /// Bytes of the chunk that are done with.
    #[must_use]
    pub fn consumed(&self) -> usize {
        self.consumed
    }

    /// The next item; `None` when the chunk has no other. What it holds of an unfinished event is kept.
    ///
    /// # Errors
    /// The stream exceeded a limit; the items go on behind the next blank line.
    #[expect(clippy::should_implement_trait, reason = "a lending iterator cannot be an Iterator")]
    pub fn next(&mut self) -> Option<Result<Item<'_>, LimitExceeded>> {
        self.release();
        self.byte_order_mark();
        if let Err(error) = self.find() {
            self.lent_data = None;
            return Some(Err(error));
        }
        match &self.found {
            Found::Nothing => None,
            Found::Retry(time) => Some(Ok(Item::Retry(*time))),
            Found::Comment(Place::Chunk(place)) => {
                Some(Ok(Item::Comment(String::from_utf8_lossy(&self.chunk[place.clone()]))))
            }
            Found::Comment(Place::Line) => {
                let comment = self.parser.line.get(1..).unwrap_or_default();
                Some(Ok(Item::Comment(String::from_utf8_lossy(comment))))
            }
            Found::Event => Some(Ok(Item::Event(self.dispatched()))),
        }
    }

    /// Ends the loan of the last item.
    fn release(&mut self) {
        match core::mem::replace(&mut self.found, Found::Nothing) {
            Found::Nothing | Found::Retry(_) | Found::Comment(Place::Chunk(_)) => {}
            Found::Comment(Place::Line) => self.parser.begin_line(),
            Found::Event => {
                self.lent_data = None;
                self.parser.begin_event();
            }
        }
    }

    //= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
    //# The UTF-8 decode algorithm strips one leading UTF-8 Byte Order Mark (BOM), if any.
    fn byte_order_mark(&mut self) {
        while let Mode::Start(seen) = self.parser.mode {
            let Some(byte) = self.chunk.get(self.consumed) else { return };
            if *byte != BYTE_ORDER_MARK[seen] {
                // What looked like one begins the first line.
                self.parser.line.extend_from_slice(&BYTE_ORDER_MARK[..seen]);
                self.parser.mode = Mode::Lines;
            } else {
                self.consumed += 1;
                self.parser.mode =
                    if seen + 1 == BYTE_ORDER_MARK.len() { Mode::Lines } else { Mode::Start(seen + 1) };
            }
        }
    }

    /// Parses lines until one has something to say.
    fn find(&mut self) -> Result<(), LimitExceeded> {
        loop {
            if self.parser.before == Before::CarriageReturn {
                let Some(byte) = self.chunk.get(self.consumed) else { return Ok(()) };
                self.parser.before = Before::Other;
                self.consumed += usize::from(*byte == b'\n');
            }
            let start = self.consumed;
            let rest = &self.chunk[start..];
            let Some(len) = memchr::memchr2(b'\r', b'\n', rest) else {
                self.consumed = self.chunk.len();
                return self.keep_partial_line(start);
            };
            self.consumed = start + len + 1;
            if rest[len] == b'\r' {
                self.parser.before = Before::CarriageReturn;
            }
            if let Mode::Skipping(seen) = self.parser.mode {
                let is_blank = seen + len == 0;
                self.parser.mode = if is_blank { Mode::Lines } else { Mode::Skipping(0) };
                continue;
            }
            let place = if self.parser.line.is_empty() {
                self.check_line_len(len)?;
                Place::Chunk(start..start + len)
            } else {
                self.check_line_len(self.parser.line.len() + len)?;
                self.parser.line.extend_from_slice(&rest[..len]);
                Place::Line
            };
            self.line(place)?;
            if !matches!(self.found, Found::Nothing) {
                return Ok(());
            }
        }
    }

    /// Keeps the beginning of a line whose end is not in the chunk.
    fn keep_partial_line(&mut self, start: usize) -> Result<(), LimitExceeded> {
        let rest = &self.chunk[start..];
        if let Mode::Skipping(seen) = self.parser.mode {
            self.parser.mode = Mode::Skipping(seen.saturating_add(rest.len()));
            return Ok(());
        }
        let seen_len = self.parser.line.len() + rest.len();
        if seen_len > self.parser.config.max_line_len {
            let error =
                LimitExceeded { limit: Limit::Line, max_len: self.parser.config.max_line_len, seen_len };
            return Err(self.parser.skip_event(error, seen_len));
        }
        self.parser.line.extend_from_slice(rest);
        self.keep_lent_data();
        Ok(())
    }

    /// A whole line of `seen_len` bytes is within its limit, or its event is skipped.
    fn check_line_len(&mut self, seen_len: usize) -> Result<(), LimitExceeded> {
        let max_len = self.parser.config.max_line_len;
        if seen_len <= max_len {
            return Ok(());
        }
        // The line is over: what follows it is a new one.
        Err(self.parser.skip_event(LimitExceeded { limit: Limit::Line, max_len, seen_len }, 0))
    }

    /// The bytes of a line.
    fn bytes(&self, place: &Place) -> &[u8] {
        match place {
            Place::Chunk(range) => &self.chunk[range.clone()],
            Place::Line => &self.parser.line,
        }
    }

    /// Processes one line.
    fn line(&mut self, place: Place) -> Result<(), LimitExceeded> {
        let line = self.bytes(&place);
        if line.is_empty() {
            self.dispatch();
            return Ok(());
        }
        let colon = memchr::memchr(b':', line);
        if colon == Some(0) {
            self.found = Found::Comment(match place {
                Place::Chunk(range) => Place::Chunk(range.start + 1..range.end),
                Place::Line => Place::Line,
            });
            return Ok(());
        }
        let (name_len, value_start) = match colon {
            None => (line.len(), line.len()),
            Some(colon) => (colon, colon + 1 + usize::from(line.get(colon + 1) == Some(&b' '))),
        };
        match &line[..name_len] {
            b"data" => self.data(&place, value_start)?,
            b"event" => self.event_type(&place, value_start)?,
            b"id" => self.id(&place, value_start)?,
            b"retry" => self.retry(&place, value_start),
            _ => {}
        }
        match place {
            Place::Chunk(_) => {}
            Place::Line => self.parser.begin_line(),
        }
        Ok(())
    }

    fn exceeded(&mut self, limit: Limit, max_len: usize, seen_len: usize) -> LimitExceeded {
        self.parser.skip_event(LimitExceeded { limit, max_len, seen_len }, 0)
    }

    //= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
    //# Append the field value to the data buffer, then append a single U+000A LINE FEED (LF) character to the data buffer.
    fn data(&mut self, place: &Place, value_start: usize) -> Result<(), LimitExceeded> {
        let value_len = self.bytes(place).len() - value_start;
        let had = self.parser.data.len() + self.lent_data.as_ref().map_or(0, |lent| lent.len() + 1);
        let max_len = self.parser.config.max_data_len;
        if had + value_len > max_len {
            return Err(self.exceeded(Limit::Data, max_len, had + value_len));
        }
        match place {
            Place::Chunk(range) if had == 0 => self.lent_data = Some(range.start + value_start..range.end),
            Place::Chunk(range) => {
                self.keep_lent_data();
                append_line(&mut self.parser.data, &self.chunk[range.start + value_start..range.end]);
            }
            Place::Line => {
                self.keep_lent_data();
                append_line(&mut self.parser.data, &self.parser.line[value_start..]);
            }
        }
        Ok(())
    }

    /// Moves the lent data line into the data buffer: others follow it, or its chunk ends.
    fn keep_lent_data(&mut self) {
        if let Some(lent) = self.lent_data.take() {
            append_line(&mut self.parser.data, &self.chunk[lent]);
        }
    }

    //= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
    //# Set the event type buffer to the field value.
    fn event_type(&mut self, place: &Place, value_start: usize) -> Result<(), LimitExceeded> {
        let value_len = self.bytes(place).len() - value_start;
        let max_len = self.parser.config.max_event_type_len;
        if value_len > max_len {
            return Err(self.exceeded(Limit::EventType, max_len, value_len));
        }
        let mut buffer = core::mem::take(&mut self.parser.event_type);
        buffer.clear();
        buffer.push_str(&String::from_utf8_lossy(&self.bytes(place)[value_start..]));
        self.parser.event_type = buffer;
        Ok(())
    }

    //= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
    //# If the field value does not contain U+0000 NULL, then set the last event ID buffer to the field value.
    //# Otherwise, ignore the field.
    fn id(&mut self, place: &Place, value_start: usize) -> Result<(), LimitExceeded> {
        let value_len = self.bytes(place).len() - value_start;
        let max_len = self.parser.config.max_id_len;
        if value_len > max_len {
            return Err(self.exceeded(Limit::Id, max_len, value_len));
        }
        let mut buffer = core::mem::take(&mut self.parser.id_buffer);
        let value = &self.bytes(place)[value_start..];
        if memchr::memchr(0, value).is_none() {
            buffer.clear();
            buffer.push_str(&String::from_utf8_lossy(value));
            self.parser.pending_id = PendingId::Set;
        }
        self.parser.id_buffer = buffer;
        Ok(())
    }

    //= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
    //# If the field value consists of only ASCII digits, then interpret the field value as an integer in base ten, and
    //# set the event stream's reconnection time to that integer. Otherwise, ignore the field.
    fn retry(&mut self, place: &Place, value_start: usize) {
        let value = &self.bytes(place)[value_start..];
        if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
            return;
        }
        let time = value
            .iter()
            .fold(0u64, |time, digit| time.saturating_mul(10).saturating_add(u64::from(digit - b'0')));
        self.parser.reconnection_time_ms = Some(time);
        self.found = Found::Retry(time);
    }

    /// A blank line.
    fn dispatch(&mut self) {
        self.parser.commit_id();
        //= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
        //# If the data buffer is an empty string, set the data buffer and the event type buffer to the empty string
        //# and return.
        if self.parser.data.is_empty() && self.lent_data.is_none() {
            self.parser.begin_event();
        } else {
            self.found = Found::Event;
        }
    }

    /// The event that was found, lent.
    fn dispatched(&mut self) -> MessageEvent<'_> {
        let data = match &self.lent_data {
            Some(lent) => &self.chunk[lent.clone()],
            None => without_last_line_feed(&self.parser.data),
        };
        let data = match core::str::from_utf8(data) {
            Ok(data) => data,
            // A sequence never spans lines, for their endings are ASCII: to decode the data is to decode the stream.
            Err(_) => {
                self.parser.decoded = String::from_utf8_lossy(data).into_owned();
                &self.parser.decoded
            }
        };
        let event_type = match self.parser.event_type.as_str() {
            "" => "message",
            event_type => event_type,
        };
        MessageEvent { event_type, data, last_event_id: &self.parser.last_event_id }
    }
}

impl Drop for Items<'_> {
    /// Keeps what the parser needs of the chunk, and ends the loan of the last item.
    fn drop(&mut self) {
        self.release();
        self.keep_lent_data();
    }
}

//= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
//# If the data buffer's last character is a U+000A LINE FEED (LF) character, then remove the last character from the
//# data buffer.
fn without_last_line_feed(data: &[u8]) -> &[u8] {
    data.strip_suffix(b"\n").unwrap_or(data)
}

fn append_line(data: &mut Vec<u8>, line: &[u8]) {
    data.extend_from_slice(line);
    data.push(b'\n');
}
