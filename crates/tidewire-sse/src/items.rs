//! What comes out of a chunk: events, comments, reconnection times (WHATWG HTML §9.2.6).

use alloc::borrow::Cow;
use alloc::string::String;
use core::time::Duration;

use crate::cut::End;
use crate::error::{Limit, LimitExceeded};
use crate::field::Line;
use crate::parser::{Before, Cut, Mode, Parser};

/// An event that was dispatched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MessageEvent<'a> {
    /// Its type, `message` when the stream gave none.
    pub event_type: &'a str,
    /// Its data, the lines joined by LF.
    pub data: &'a str,
    /// The last event ID string as of this event.
    pub last_event_id: &'a str,
}

/// Something that the stream said.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Item<'a> {
    /// An event.
    Event(MessageEvent<'a>),
    /// A comment: all of its line behind the colon. It neither ends an event nor is one.
    Comment(Cow<'a, str>),
    /// A new reconnection time. Whole milliseconds; more than [`u64::MAX`] of them are that.
    Retry(Duration),
}

/// The items of one chunk, each lent until the next is asked for; see [`Parser::receive`].
#[derive(Debug)]
pub struct Items<'a> {
    pub(crate) parser: &'a mut Parser,
    /// What of the chunk is still to be parsed.
    pub(crate) rest: &'a [u8],
    chunk_len: usize,
    /// The first data line of the event, as long as it is the only one and lies in the chunk.
    lent_data: Option<&'a [u8]>,
    /// The comment that was found.
    comment: &'a [u8],
    found: Found,
}

/// What the last call found. It is a name alone, and what is found lies where it was put, for that is measurably faster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Nothing,
    Event,
    /// A comment in the chunk.
    Comment,
    /// A comment that was cut: the parser's line.
    CutComment,
    Retry,
}

impl<'a> Items<'a> {
    #[inline]
    pub(crate) fn new(parser: &'a mut Parser, chunk: &'a [u8]) -> Self {
        Self {
            parser,
            rest: chunk,
            chunk_len: chunk.len(),
            lent_data: None,
            comment: &[],
            found: Found::Nothing,
        }
    }

    /// Bytes of the chunk that are done with.
    #[must_use]
    pub fn consumed(&self) -> usize {
        self.chunk_len - self.rest.len()
    }

    /// The next item; `None` when the chunk has no other. What it holds of an unfinished event is kept.
    ///
    /// # Errors
    /// The stream exceeded a limit; the items go on behind the next blank line. There is one error for each event that
    /// is lost.
    #[expect(clippy::should_implement_trait, reason = "a lending iterator cannot be an Iterator")]
    #[inline]
    pub fn next(&mut self) -> Option<Result<Item<'_>, LimitExceeded>> {
        // A small chunk most often lies in the middle of a data line, so what that needs comes first, inlined.
        if self.found != Found::Nothing {
            self.release();
        }
        if let Mode::Cut(Cut::Data(seen)) = self.parser.mode {
            if let Err(error) = self.go_on_with_data(seen) {
                return Some(Err(error));
            }
        }
        if self.rest.is_empty() { None } else { self.next_in_rest() }
    }

    fn next_in_rest(&mut self) -> Option<Result<Item<'_>, LimitExceeded>> {
        self.found = match self.find() {
            Ok(found) => found,
            Err(error) => {
                self.lent_data = None;
                return Some(Err(error));
            }
        };
        match self.found {
            Found::Nothing => None,
            Found::Event => Some(Ok(Item::Event(self.dispatched()))),
            Found::Comment => Some(Ok(Item::Comment(String::from_utf8_lossy(self.comment)))),
            Found::CutComment => {
                let comment = self.parser.line.bytes().get(1..).unwrap_or_default();
                Some(Ok(Item::Comment(String::from_utf8_lossy(comment))))
            }
            Found::Retry => self.parser.reconnection_time.map(|time| Ok(Item::Retry(time))),
        }
    }

    /// Ends the loan of the last item.
    #[inline]
    fn release(&mut self) {
        if self.found == Found::Event {
            self.lent_data = None;
            self.parser.begin_event();
        } else if self.found == Found::CutComment {
            self.parser.line.clear();
        }
        self.found = Found::Nothing;
    }

    /// Parses lines until one has something to say.
    #[inline]
    //= https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
    //# Since connections established to remote servers for such resources are expected to be long-lived, UAs
    //# should ensure that appropriate buffering is used.
    fn find(&mut self) -> Result<Found, LimitExceeded> {
        self.skip_line_feed();
        while !self.rest.is_empty() {
            let found = match self.parser.mode {
                Mode::Lines => match self.take_line() {
                    Some(line) => self.line(line)?,
                    None => self.cut_line()?,
                },
                Mode::Start(_) | Mode::Cut(_) | Mode::Lost(_) => self.go_on()?,
            };
            if found != Found::Nothing {
                return Ok(found);
            }
        }
        Ok(Found::Nothing)
    }

    /// The second half of a CRLF whose CR ended the last chunk.
    #[inline]
    fn skip_line_feed(&mut self) {
        if self.parser.before == Before::CarriageReturn && !self.rest.is_empty() {
            self.parser.before = Before::Other;
            self.rest = self.rest.strip_prefix(b"\n").unwrap_or(self.rest);
        }
    }

    /// Takes what is left of a line, and its ending, if the chunk has that.
    #[inline]
    //= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
    //# The stream must then be parsed by reading everything line by line, with a U+000D CARRIAGE RETURN
    //# U+000A LINE FEED (CRLF) character pair, a single U+000A LINE FEED (LF) character not preceded by a
    //# U+000D CARRIAGE RETURN (CR) character, and a single U+000D CARRIAGE RETURN (CR) character not followed
    //# by a U+000A LINE FEED (LF) character being the ways in which a line can end.
    pub(crate) fn take_line(&mut self) -> Option<&'a [u8]> {
        let len = match self.rest {
            [b'\n', ..] => 0,
            rest => memchr::memchr2(b'\r', b'\n', rest)?,
        };
        let (line, ending) = self.rest.split_at(len);
        self.rest = match ending {
            [b'\r', b'\n', rest @ ..] | [_, rest @ ..] => rest,
            [] => &[],
        };
        if let [b'\r'] = ending {
            self.parser.before = Before::CarriageReturn;
        }
        Some(line)
    }

    /// Processes a line that lies whole in the chunk.
    #[inline]
    //= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
    //# Lines must be processed, in the order they are received, as follows:
    fn line(&mut self, line: &'a [u8]) -> Result<Found, LimitExceeded> {
        if line.len() > self.parser.config.max_line_len {
            return self.too_long(line.len(), End::Seen).map(|()| Found::Nothing);
        }
        match Line::new(line) {
            //= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
            //# Dispatch the event, as defined below.
            Line::Blank => Ok(self.dispatch()),
            Line::Comment(comment) => {
                self.comment = comment;
                Ok(Found::Comment)
            }
            Line::Data(value) => self.data(value),
            field @ (Line::EventType(_) | Line::Id(_) | Line::Retry(_) | Line::Ignored) => {
                self.parser.field(field)
            }
        }
    }

    /// Lends the first data line of an event; joins the others.
    #[inline]
    fn data(&mut self, value: &'a [u8]) -> Result<Found, LimitExceeded> {
        if self.lent_data.is_none() && self.parser.data.is_empty() {
            self.parser.check_len(Limit::Data, value.len())?;
            self.lent_data = Some(value);
        } else {
            self.keep_lent_data();
            self.parser.append_data(value)?;
        }
        Ok(Found::Nothing)
    }

    /// Moves the lent data line into the data buffer: others follow it, or its chunk ends.
    #[inline]
    pub(crate) fn keep_lent_data(&mut self) {
        if let Some(lent) = self.lent_data.take() {
            self.parser.data.append_line(lent);
        }
    }

    pub(crate) fn drop_lent_data(&mut self) {
        self.lent_data = None;
    }

    /// A blank line.
    #[inline]
    //= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
    //# When the user agent is required to dispatch the event, the user agent must process the data buffer,
    //# the event type buffer, and the last event ID buffer using steps appropriate for the user agent.
    fn dispatch(&mut self) -> Found {
        self.parser.last_event_id.commit();
        //= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
        //# If the data buffer is an empty string, set the data buffer and the event type buffer to the empty string
        //# and return.
        if self.parser.data.is_empty() && self.lent_data.is_none() {
            self.parser.begin_event();
            return Found::Nothing;
        }
        Found::Event
    }

    /// The event that was found, lent.
    fn dispatched(&mut self) -> MessageEvent<'_> {
        let data = match &self.lent_data {
            Some(lent) => lent,
            None => without_last_line_feed(self.parser.data.bytes()),
        };
        //= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
        //# Streams must be decoded using the UTF-8 decode algorithm.
        let data = match core::str::from_utf8(data) {
            Ok(data) => data,
            // A sequence never spans lines, for their endings are ASCII: to decode the data is to decode the stream.
            Err(_) => {
                self.parser.decoded = String::from_utf8_lossy(data).into_owned();
                &self.parser.decoded
            }
        };
        let event_type = self.parser.event_type();
        //= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
        //# Initialize event's type attribute to "message", its data attribute to data, its origin attribute
        //# to the serialization of the origin of the event stream's final URL (i.e., the URL after
        //# redirects), and its lastEventId attribute to the last event ID string of the event source.
        MessageEvent { event_type, data, last_event_id: self.parser.last_event_id.as_str() }
    }
}

impl Drop for Items<'_> {
    /// Keeps what the parser needs of the chunk, and ends the loan of the last item.
    #[inline]
    fn drop(&mut self) {
        if self.found != Found::Nothing {
            self.release();
        }
        self.keep_lent_data();
    }
}

//= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
//# If the data buffer's last character is a U+000A LINE FEED (LF) character, then remove the last character from the
//# data buffer.
fn without_last_line_feed(data: &[u8]) -> &[u8] {
    data.strip_suffix(b"\n").unwrap_or(data)
}
