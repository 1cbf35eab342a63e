//! A decoder over any stream of chunks, in the shape of the crate `eventsource-stream`'s (WHATWG HTML §9.2.6).
//!
//! Names, fields and bounds are that crate's, so that migrating is one line: `use tidewire_sse::stream::Eventsource;`.
//! What differs is what it does with streams that are not ordinary:
//!
//! - A byte order mark is dropped, bytes that are not UTF-8 are replaced: neither panics or ends the stream.
//! - A line costs time in proportion to its length, in whatever chunks it comes.
//! - The limits of [`Config`] hold. Who exceeds one loses the event that it happens in, and is told so by an item
//!   [`EventStreamError::Parser`]; the stream goes on with the next event.
//! - [`set_last_event_id`](EventStream::set_last_event_id) counts for the events, too, as in a browser that reconnects.
//! - A `retry` field in a block without data is not lost: the next event carries it.
//!
//! ```
//! use futures_util::{FutureExt, StreamExt, stream};
//! use tidewire_sse::stream::Eventsource;
//!
//! # async {
//! let chunks = stream::iter([Ok::<_, std::io::Error>("data: hel"), Ok("lo\n\nda")]);
//! let mut stream = chunks.eventsource();
//! while let Some(event) = stream.next().await {
//!     match event {
//!         Ok(event) => assert_eq!((&*event.event, &*event.data), ("message", "hello")),
//!         Err(error) => eprintln!("{error}"),
//!     }
//! }
//! # }.now_or_never().unwrap();
//! ```

use alloc::string::{FromUtf8Error, String};
use alloc::vec::Vec;
use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;

use futures_core::stream::{FusedStream, Stream};
use pin_project_lite::pin_project;

use crate::config::Config;
use crate::error::LimitExceeded;
use crate::items::{Item, MessageEvent};
use crate::parser::Parser;

/// An event of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Event {
    /// Its type, `message` when the stream gave none.
    pub event: String,
    /// Its data, the lines joined by LF.
    pub data: String,
    /// The last event ID string as of this event; empty when there is none.
    pub id: String,
    /// The reconnection time, if the stream set one since the event before. Whole milliseconds.
    pub retry: Option<Duration>,
}

impl From<MessageEvent<'_>> for Event {
    fn from(event: MessageEvent<'_>) -> Self {
        Self {
            event: event.event_type.into(),
            data: event.data.into(),
            id: event.last_event_id.into(),
            retry: None,
        }
    }
}

/// What a stream of events can say beside an event. None of these ends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventStreamError<E> {
    /// Never: bytes that are not UTF-8 are replaced. It is here for those who match on it.
    Utf8(FromUtf8Error),
    /// The stream exceeded a limit, and an event is lost.
    Parser(LimitExceeded),
    /// The chunks' own error.
    Transport(E),
}

impl<E: fmt::Display> fmt::Display for EventStreamError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Utf8(error) => write!(f, "not UTF-8: {error}"),
            Self::Parser(exceeded) => write!(f, "an event was lost: {exceeded}"),
            Self::Transport(error) => write!(f, "the transport failed: {error}"),
        }
    }
}

// No `source`: that would ask an error of `E`, which is shown as part of ours.
impl<E: fmt::Display + fmt::Debug> core::error::Error for EventStreamError<E> {}

/// Makes events of a stream of chunks.
pub trait Eventsource: Sized {
    /// The events of these chunks, within the default [`Config`]; see [`EventStream::with_config`] for another.
    fn eventsource(self) -> EventStream<Self>;
}

impl<S, B, E> Eventsource for S
where
    S: Stream<Item = Result<B, E>>,
    B: AsRef<[u8]>,
{
    fn eventsource(self) -> EventStream<Self> {
        EventStream::new(self)
    }
}

/// The bytes of a chunk behind the event that was found in it.
#[derive(Debug, Default)]
struct Unread {
    bytes: Vec<u8>,
    start: usize,
}

impl Unread {
    fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// Goes over `len` bytes, and frees them all with the last.
    fn consume(&mut self, len: usize) {
        self.start += len;
        if self.start == self.bytes.len() {
            *self = Self::default();
        }
    }
}

/// Whether there may be more chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Ended,
}

pin_project! {
    /// The events of a stream of chunks; made by [`Eventsource::eventsource`].
    ///
    /// Its `next` is cancel safe: an event is taken only when it is returned. An error of the chunks is passed on and
    /// changes nothing here; if chunks follow it, they are parsed behind those before. After the end it stays at its
    /// end. An event that is cut by the end is dropped, as the standard wants it.
    ///
    /// It holds what has arrived of an event, within the limits of [`Config`], and the rest of one chunk.
    #[derive(Debug)]
    #[must_use = "streams do nothing unless polled"]
    pub struct EventStream<S> {
        #[pin]
        chunks: S,
        state: State,
        unread: Unread,
        parser: Parser,
        // Set since the last event.
        retry: Option<Duration>,
    }
}

impl<S> EventStream<S> {
    /// The events of these chunks, within the default [`Config`].
    pub fn new(stream: S) -> Self {
        Self::with_config(stream, Config::default())
    }

    /// The events of these chunks, within limits of your own.
    pub fn with_config(stream: S, config: Config) -> Self {
        Self {
            chunks: stream,
            state: State::Open,
            unread: Unread::default(),
            parser: Parser::new(config),
            retry: None,
        }
    }

    /// Sets the last event ID of a stream that resumes another: events carry it until the stream gives one of its own.
    pub fn set_last_event_id(&mut self, id: impl Into<String>) {
        self.parser.last_event_id.set(id.into());
    }

    /// The last event ID: that of the last event, or of a later block without data.
    #[must_use]
    pub fn last_event_id(&self) -> &str {
        self.parser.last_event_id()
    }

    /// The reconnection time, if the stream has set one. Whole milliseconds.
    #[must_use]
    pub fn reconnection_time(&self) -> Option<Duration> {
        self.parser.reconnection_time()
    }
}

/// Parses until there is an event or a lost one, and says how many bytes that took.
fn parse(
    parser: &mut Parser,
    retry: &mut Option<Duration>,
    chunk: &[u8],
) -> (Option<Result<Event, LimitExceeded>>, usize) {
    let mut items = parser.receive(chunk);
    let found = loop {
        match items.next() {
            Some(Ok(Item::Event(event))) => {
                break Some(Ok(Event { retry: retry.take(), ..Event::from(event) }));
            }
            Some(Ok(Item::Comment(_))) => {}
            Some(Ok(Item::Retry(time))) => *retry = Some(time),
            Some(Err(exceeded)) => break Some(Err(exceeded)),
            None => break None,
        }
    };
    (found, items.consumed())
}

impl<S, B, E> Stream for EventStream<S>
where
    S: Stream<Item = Result<B, E>>,
    B: AsRef<[u8]>,
{
    type Item = Result<Event, EventStreamError<E>>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        let (mut found, len) = parse(this.parser, this.retry, this.unread.bytes());
        this.unread.consume(len);
        while found.is_none() {
            match this.state {
                State::Open => {}
                State::Ended => return Poll::Ready(None),
            }
            match ready!(this.chunks.as_mut().poll_next(cx)) {
                Some(Ok(chunk)) => {
                    let chunk = chunk.as_ref();
                    let (in_chunk, len) = parse(this.parser, this.retry, chunk);
                    this.unread.bytes.extend_from_slice(&chunk[len..]);
                    found = in_chunk;
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(EventStreamError::Transport(error)))),
                //= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
                //# Once the end of the file is reached, any pending data must be discarded. (If the file ends
                //# in the middle of an event, before the final empty line, the incomplete event is not
                //# dispatched.)
                None => *this.state = State::Ended,
            }
        }
        Poll::Ready(found.map(|found| found.map_err(EventStreamError::Parser)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match self.state {
            State::Open => (0, None),
            State::Ended => (0, Some(0)),
        }
    }
}

impl<S, B, E> FusedStream for EventStream<S>
where
    S: Stream<Item = Result<B, E>>,
    B: AsRef<[u8]>,
{
    fn is_terminated(&self) -> bool {
        self.state == State::Ended
    }
}
