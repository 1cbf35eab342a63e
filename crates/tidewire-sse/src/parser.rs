//! The state of a stream between its chunks (WHATWG HTML §9.2.6).

use alloc::string::String;
use alloc::vec::Vec;

use crate::config::Config;
use crate::error::LimitExceeded;
use crate::items::Items;

/// Scratch that is larger than this is freed when its event is over.
const MAX_KEPT_LEN: usize = 4 * 1024;

/// Where in the stream the parser is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// At its start, with so many bytes of a byte order mark seen.
    Start(usize),
    /// Among its lines.
    Lines,
    /// In a line of an event that exceeded a limit; so many bytes of the line were seen.
    Skipping(usize),
}

/// What the last byte was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Before {
    /// Anything but a CR.
    Other,
    /// A CR that ended a line: an LF behind it belongs to it.
    CarriageReturn,
}

/// A last event ID that an `id` field set and that no blank line has committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PendingId {
    None,
    /// It is in `id_buffer`.
    Set,
}

/// Parses one event stream, chunk by chunk.
///
/// Between events it keeps the last event ID and at most a few KiB of scratch; within one, what has arrived of it, in
/// at most four times the bytes; an event that is not UTF-8 is decoded, into three times its bytes at most, for as long
/// as it is lent. Drop the [`Items`] before you ask for anything else.
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
    /// The beginning of a line whose end has not come.
    pub(crate) line: Vec<u8>,
    /// The data buffer as it arrived, where it is not lent from a chunk; each line ends with an LF.
    pub(crate) data: Vec<u8>,
    /// The data of the event that is lent, where decoding it changed it.
    pub(crate) decoded: String,
    pub(crate) event_type: String,
    pub(crate) id_buffer: String,
    pub(crate) pending_id: PendingId,
    pub(crate) last_event_id: String,
    pub(crate) reconnection_time_ms: Option<u64>,
}

impl Default for Parser {
    fn default() -> Self {
        Self::new(Config::default())
    }
}

impl Parser {
    /// A parser at the start of a stream.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            config,
            mode: Mode::Start(0),
            before: Before::Other,
            line: Vec::new(),
            data: Vec::new(),
            decoded: String::new(),
            event_type: String::new(),
            id_buffer: String::new(),
            pending_id: PendingId::None,
            last_event_id: String::new(),
            reconnection_time_ms: None,
        }
    }

    /// A parser at the start of a stream that resumes another: events without an ID of their own carry this one.
    #[must_use]
    pub fn resuming(config: Config, last_event_id: String) -> Self {
        Self { last_event_id, ..Self::new(config) }
    }

    /// Takes the next bytes of the stream. They are parsed as the items are asked for.
    ///
    /// Ask until there are none. Who stops early finds in [`Items::consumed`] how much was parsed, and gives the rest
    /// again.
    #[must_use = "the chunk is parsed as the items are asked for"]
    pub fn receive<'a>(&'a mut self, chunk: &'a [u8]) -> Items<'a> {
        Items::new(self, chunk)
    }

    /// The last event ID string: that of the last event dispatched, or of a later block without data.
    #[must_use]
    pub fn last_event_id(&self) -> &str {
        &self.last_event_id
    }

    /// The reconnection time in milliseconds, if a `retry` field set one.
    #[must_use]
    pub fn reconnection_time_ms(&self) -> Option<u64> {
        self.reconnection_time_ms
    }

    /// Bytes of memory held beside the last event ID.
    #[must_use]
    pub fn held_len_bytes(&self) -> usize {
        self.line.capacity()
            + self.data.capacity()
            + self.decoded.capacity()
            + self.event_type.capacity()
            + self.id_buffer.capacity()
    }

    /// The event is over: empties its buffers.
    pub(crate) fn begin_event(&mut self) {
        self.data.clear();
        if self.data.capacity() > MAX_KEPT_LEN {
            self.data = Vec::new();
        }
        self.decoded = String::new();
        self.event_type.clear();
    }

    /// The line is over.
    pub(crate) fn begin_line(&mut self) {
        self.line.clear();
        if self.line.capacity() > MAX_KEPT_LEN {
            self.line = Vec::new();
        }
    }

    /// Loses the event in which `error` came, and skips to the next blank line.
    pub(crate) fn skip_event(&mut self, error: LimitExceeded, line_len: usize) -> LimitExceeded {
        self.mode = Mode::Skipping(line_len);
        // An ID is committed with its event, and this event is never dispatched.
        self.pending_id = PendingId::None;
        self.begin_event();
        self.begin_line();
        error
    }

    /// The first steps of a dispatch: commits the last event ID.
    //= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
    //# Set the last event ID string of the event source to the value of the last event ID buffer.
    pub(crate) fn commit_id(&mut self) {
        match self.pending_id {
            PendingId::None => {}
            PendingId::Set => {
                core::mem::swap(&mut self.last_event_id, &mut self.id_buffer);
                self.pending_id = PendingId::None;
            }
        }
    }
}
