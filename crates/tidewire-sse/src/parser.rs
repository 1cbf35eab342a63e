//! The state of a stream between its chunks (WHATWG HTML §9.2.6).

use alloc::string::String;
use core::time::Duration;

use crate::config::Config;
use crate::error::{Limit, LimitExceeded};
use crate::field::Line;
use crate::items::{Found, Items};
use crate::last_event_id::LastEventId;
use crate::scratch::Scratch;

/// Where in the stream the parser is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// At its start, with so many bytes of a byte order mark seen.
    Start(usize),
    /// At the start of a line.
    Lines,
    /// In a line that began in an earlier chunk.
    Cut(Cut),
    /// In an event that exceeded a limit, with so many bytes seen of a line.
    Lost(usize),
}

/// A line that began in an earlier chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// A `data` field of which so many bytes were seen: its value goes to the data buffer as it comes.
    Data(usize),
    /// Any other, or one that does not tell yet: what came of it is in `line`.
    Other,
    /// It exceeded its limit, and so many bytes of it were counted.
    TooLong(usize),
}

/// What the last byte was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Before {
    /// Anything but a CR.
    Other,
    /// A CR that ended a line: an LF behind it belongs to it.
    CarriageReturn,
}

/// Whether an `event` field set the event type buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EventType {
    Unset,
    Set,
}

/// Parses one event stream, chunk by chunk.
///
/// Within an event it holds what has arrived of it, in at most twice the bytes; an event that is not UTF-8 is decoded,
/// into three times its bytes at most, for as long as it is lent. Between events it keeps the last event ID, and scratch
/// for the next event that has to be joined: 4 KiB of it always, more until 16 events in a row needed less than a quarter
/// of it, or until [`shrink`](Self::shrink) is called; never more than twice what the limits let in. So a stream of equal
/// events allocates nothing, wherever they are cut.
///
/// Drop the [`Items`] before you ask for anything else.
///
/// ```
/// use tidewire_sse::{Item, Parser};
///
/// let mut parser = Parser::default();
/// let mut items = parser.receive(b"id: 1\ndata: hello\n\ndata: wor");
/// let Some(Ok(Item::Event(event))) = items.next() else { panic!() };
/// assert_eq!((event.event_type, event.data, event.last_event_id), ("message", "hello", "1"));
/// assert!(items.next().is_none());
/// drop(items);
///
/// let mut items = parser.receive(b"ld\r\n\r\n");
/// let Some(Ok(Item::Event(event))) = items.next() else { panic!() };
/// assert_eq!(event.data, "world");
/// ```
#[derive(Clone, Debug)]
pub struct Parser {
    pub(crate) config: Config,
    pub(crate) mode: Mode,
    pub(crate) before: Before,
    /// The beginning of a line whose end has not come, unless it is one of data.
    pub(crate) line: Scratch,
    /// The data buffer as it arrived, where it is not lent from a chunk; each line that has ended ends with an LF.
    pub(crate) data: Scratch,
    /// The data of the event that is lent, where decoding it changed it.
    pub(crate) decoded: String,
    /// The event type buffer; the last one stays, for most often the next is the same.
    event_type: String,
    event_type_is: EventType,
    pub(crate) last_event_id: LastEventId,
    pub(crate) reconnection_time: Option<Duration>,
}

impl Default for Parser {
    fn default() -> Self {
        Self::new(Config::default())
    }
}

impl Parser {
    /// A parser at the start of a stream.
    #[must_use]
    //= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
    //# When a stream is parsed, a data buffer, an event type buffer, and a last event ID buffer must be
    //# associated with it. They must be initialized to the empty string.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            mode: Mode::Start(0),
            before: Before::Other,
            line: Scratch::default(),
            data: Scratch::default(),
            decoded: String::new(),
            event_type: String::new(),
            event_type_is: EventType::Unset,
            last_event_id: LastEventId::new(String::new()),
            reconnection_time: None,
        }
    }

    /// A parser at the start of a stream that resumes another: events without an ID of their own carry this one.
    #[must_use]
    pub fn resuming(config: Config, last_event_id: String) -> Self {
        Self { last_event_id: LastEventId::new(last_event_id), ..Self::new(config) }
    }

    /// Takes the next bytes of the stream. They are parsed as the items are asked for.
    ///
    /// Ask until there are none. Who stops early finds in [`Items::consumed`] how much was parsed, and gives the rest
    /// again.
    #[inline]
    #[must_use = "the chunk is parsed as the items are asked for"]
    pub fn receive<'a>(&'a mut self, chunk: &'a [u8]) -> Items<'a> {
        Items::new(self, chunk)
    }

    /// The last event ID string: that of the last event dispatched, or of a later block without data.
    #[must_use]
    pub fn last_event_id(&self) -> &str {
        self.last_event_id.as_str()
    }

    /// The reconnection time, if a `retry` field set one. Whole milliseconds, [`u64::MAX`] of them at most.
    #[must_use]
    pub fn reconnection_time(&self) -> Option<Duration> {
        self.reconnection_time
    }

    /// Bytes of memory held beside the last event ID.
    #[must_use]
    pub fn held_len_bytes(&self) -> usize {
        self.line.capacity()
            + self.data.capacity()
            + self.decoded.capacity()
            + self.event_type.capacity()
            + self.last_event_id.held_len_bytes()
    }

    /// Gives back all scratch that no unfinished event needs. The parser knows no time: call this when the stream has
    /// been quiet.
    pub fn shrink(&mut self) {
        let in_event = self.mode != Mode::Lines || !self.data.is_empty();
        if !in_event {
            self.data.free();
            self.line.free();
        }
        match self.event_type_is {
            EventType::Unset => self.event_type = String::new(),
            EventType::Set => {}
        }
        self.last_event_id.shrink();
    }

    /// Processes a field, its value copied.
    #[inline]
    //= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
    //# Process the field using the steps described below, using field as the field name and value as the
    //# field value.
    pub(crate) fn field(&mut self, field: Line<'_>) -> Result<Found, LimitExceeded> {
        match field {
            Line::Data(value) => self.append_data(value)?,
            Line::EventType(value) => self.set_event_type(value)?,
            Line::Id(value) => {
                self.check_len(Limit::Id, value.len())?;
                self.last_event_id.set_buffer(value);
            }
            Line::Retry(value) => return Ok(self.set_reconnection_time(value)),
            Line::Blank | Line::Comment(_) | Line::Ignored => {}
        }
        Ok(Found::Nothing)
    }

    //= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
    //# Append the field value to the data buffer, then append a single U+000A LINE FEED (LF) character to the data buffer.
    #[inline]
    pub(crate) fn append_data(&mut self, value: &[u8]) -> Result<(), LimitExceeded> {
        self.check_len(Limit::Data, self.data.len() + value.len())?;
        self.data.append_line(value);
        Ok(())
    }

    /// The same for a value that is in the data buffer, after its line was cut.
    pub(crate) fn end_data_line(&mut self) -> Result<(), LimitExceeded> {
        self.check_len(Limit::Data, self.data.len())?;
        self.data.append_byte(b'\n');
        Ok(())
    }

    //= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
    //# Set the event type buffer to the field value.
    fn set_event_type(&mut self, value: &[u8]) -> Result<(), LimitExceeded> {
        self.check_len(Limit::EventType, value.len())?;
        if self.event_type.as_bytes() != value {
            decode_into(&mut self.event_type, value);
        }
        self.event_type_is = EventType::Set;
        Ok(())
    }

    /// A larger time than fits is the largest that does.
    //= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
    //# If the field value consists of only ASCII digits, then interpret the field value as an integer in base ten, and
    //# set the event stream's reconnection time to that integer. Otherwise, ignore the field.
    fn set_reconnection_time(&mut self, value: &[u8]) -> Found {
        if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
            return Found::Nothing;
        }
        let time_ms = value
            .iter()
            .fold(0u64, |time_ms, digit| time_ms.saturating_mul(10).saturating_add(u64::from(digit - b'0')));
        self.reconnection_time = Some(Duration::from_millis(time_ms));
        Found::Retry
    }

    /// A length is within its limit, or the event is lost.
    #[inline]
    pub(crate) fn check_len(&mut self, limit: Limit, seen_len: usize) -> Result<(), LimitExceeded> {
        if seen_len <= self.max_len(limit) { Ok(()) } else { Err(self.exceeded(limit, seen_len)) }
    }

    #[inline]
    pub(crate) fn max_len(&self, limit: Limit) -> usize {
        match limit {
            Limit::Line => self.config.max_line_len,
            Limit::Data => self.config.max_data_len,
            Limit::EventType => self.config.max_event_type_len,
            Limit::Id => self.config.max_id_len,
        }
    }

    #[cold]
    fn exceeded(&mut self, limit: Limit, seen_len: usize) -> LimitExceeded {
        self.lose_event(Mode::Lost(0));
        LimitExceeded { limit, max_len: self.max_len(limit), seen_len }
    }

    /// The type of the event that is dispatched.
    //= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
    //# If the event type buffer has a value other than the empty string, change the type of the newly created event to
    //# equal the value of the event type buffer.
    #[inline]
    pub(crate) fn event_type(&self) -> &str {
        match self.event_type_is {
            EventType::Set if !self.event_type.is_empty() => &self.event_type,
            EventType::Set | EventType::Unset => "message",
        }
    }

    /// Drops what came of an event that exceeded a limit, but for its ID: who comes back goes on behind it.
    #[cold]
    pub(crate) fn lose_event(&mut self, mode: Mode) {
        self.mode = mode;
        self.event_type_is = EventType::Unset;
        self.data.free();
        self.line.free();
    }

    /// The event is over: empties its buffers.
    #[inline]
    //= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
    //# Set the data buffer and the event type buffer to the empty string.
    //= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
    //# For other user agents, the appropriate steps to dispatch the event are implementation dependent, but
    //# at a minimum they must set the data and event type buffers to the empty string before returning.
    pub(crate) fn begin_event(&mut self) {
        self.data.end_event();
        self.line.end_event();
        if !self.decoded.is_empty() {
            self.decoded = String::new();
        }
        self.event_type_is = EventType::Unset;
    }
}

/// Sets text to a value, decoded with replacement.
#[inline]
pub(crate) fn decode_into(text: &mut String, value: &[u8]) {
    text.clear();
    match core::str::from_utf8(value) {
        Ok(value) => text.push_str(value),
        Err(_) => text.push_str(&String::from_utf8_lossy(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_the_sum_of_all_buffers() {
        let mut parser = Parser::default();
        assert_eq!(parser.held_len_bytes(), 0);
        parser.line.append(&[b'x'; 1_000]);
        parser.data.append(&[b'x'; 200]);
        parser.decoded.reserve_exact(30);
        parser.event_type.reserve_exact(4_000);
        for id in [&[b'x'; 50_000][..], b"1"] {
            parser.last_event_id.set_buffer(id);
            parser.last_event_id.commit();
        }
        let held = [
            parser.line.capacity(),
            parser.data.capacity(),
            parser.decoded.capacity(),
            parser.event_type.capacity(),
            parser.last_event_id.held_len_bytes(),
        ];
        assert!(held.into_iter().all(|capacity| capacity > 1), "{held:?}");
        assert_eq!(parser.held_len_bytes(), held.into_iter().sum());
    }
}
