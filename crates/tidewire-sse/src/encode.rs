//! Events as text: one event in is exactly one event out, or an error (WHATWG HTML §9.2.5).

use alloc::vec::Vec;

use bytes::Bytes;

use crate::error::{Field, InvalidField};
use crate::items::MessageEvent;
use crate::lines::Lines;

/// An event to send.
///
/// ```
/// use tidewire_sse::Event;
///
/// let mut output = Vec::new();
/// Event::new().id("7").event("greeting").data("hello\nworld").encode(&mut output)?;
/// assert_eq!(output, b"id: 7\nevent: greeting\ndata: hello\ndata: world\n\n");
///
/// // What would begin another field or event is refused, and nothing is written.
/// assert!(Event::new().id("7\ndata: injected").encode(&mut output).is_err());
/// # Ok::<(), tidewire_sse::InvalidField>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[must_use]
//= https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
//# Event streams in this format must always be encoded as UTF-8.
pub struct Event<'a> {
    id: Option<&'a str>,
    event: Option<&'a str>,
    data: Option<&'a str>,
}

impl<'a> Event<'a> {
    /// An event without any field.
    pub const fn new() -> Self {
        Self { id: None, event: None, data: None }
    }

    /// Sets the last event ID; an empty one resets it.
    pub const fn id(mut self, id: &'a str) -> Self {
        self.id = Some(id);
        self
    }

    /// Sets the event type; an empty one is `message`, as is none.
    pub const fn event(mut self, event: &'a str) -> Self {
        self.event = Some(event);
        self
    }

    /// Sets the data, which may have any number of lines, with any of the three endings; they arrive as LF. Without
    /// data nothing is dispatched: such a block only sets the last event ID.
    pub const fn data(mut self, data: &'a str) -> Self {
        self.data = Some(data);
        self
    }

    /// Appends the event with the blank line that ends it.
    ///
    /// # Errors
    /// The ID has a CR, an LF or a NUL, or the event type a CR or an LF. Nothing is written then.
    pub fn encode(&self, output: &mut Vec<u8>) -> Result<(), InvalidField> {
        self.check()?;
        // Data of one line is the common case; what other lines add to it, the vector grows by.
        output.reserve(self.one_line_len());
        self.put(Lines::new(self.data), |part| output.extend_from_slice(part));
        Ok(())
    }

    /// Gives the event part by part to whatever takes bytes: a `BytesMut`, a ring, a hash.
    ///
    /// ```
    /// use tidewire_sse::Event;
    ///
    /// let mut output = bytes::BytesMut::new();
    /// Event::new().id("7").data("hello").encode_with(|part| output.extend_from_slice(part))?;
    /// assert_eq!(output, "id: 7\ndata: hello\n\n");
    /// # Ok::<(), tidewire_sse::InvalidField>(())
    /// ```
    ///
    /// # Errors
    /// As [`encode`](Self::encode); nothing is given then.
    pub fn encode_with(&self, put: impl FnMut(&[u8])) -> Result<(), InvalidField> {
        self.check()?;
        self.put(Lines::new(self.data), put);
        Ok(())
    }

    /// The event in memory of its own, in one allocation of its exact length: what a body gives away or many share.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn to_bytes(&self) -> Result<Bytes, InvalidField> {
        self.check()?;
        let data = self.data.map(str::as_bytes);
        let has_lines = data.is_some_and(|data| memchr::memchr2(b'\r', b'\n', data).is_some());
        let len = if has_lines { self.len() } else { self.one_line_len() };
        let mut output = Vec::with_capacity(len);
        let put = |part: &[u8]| output.extend_from_slice(part);
        if has_lines {
            self.put(Lines::new(self.data), put);
        } else {
            self.put(data.into_iter(), put);
        }
        Ok(output.into())
    }

    /// The length that [`encode`](Self::encode) appends, in bytes.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn encoded_len(&self) -> Result<usize, InvalidField> {
        self.check()?;
        Ok(self.len())
    }

    fn len(&self) -> usize {
        let data: usize = Lines::new(self.data).map(|line| "data: \n".len() + line.len()).sum();
        Self { data: None, ..*self }.one_line_len() + data
    }

    /// The length if the data has one line at most.
    fn one_line_len(&self) -> usize {
        let of = |name: &str, value: Option<&str>| {
            value.map_or(0, |value| name.len() + ": \n".len() + value.len())
        };
        of("id", self.id) + of("event", self.event) + of("data", self.data) + "\n".len()
    }

    fn check(&self) -> Result<(), InvalidField> {
        if let Some(id) = self.id {
            let found = memchr::memchr3(b'\r', b'\n', 0, id.as_bytes());
            refuse(Field::Id, id, found)?;
        }
        if let Some(event) = self.event {
            let found = memchr::memchr2(b'\r', b'\n', event.as_bytes());
            refuse(Field::Event, event, found)?;
        }
        Ok(())
    }

    /// Each field stands on a line of its own; the space behind its colon keeps one that the value begins with.
    #[inline]
    //= https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
    //# Lines must be separated by either a U+000D CARRIAGE RETURN U+000A LINE FEED (CRLF) character pair, a
    //# single U+000A LINE FEED (LF) character, or a single U+000D CARRIAGE RETURN (CR) character.
    fn put<'l>(&self, mut data: impl Iterator<Item = &'l [u8]>, mut put: impl FnMut(&[u8])) {
        if let Some(id) = self.id {
            put(b"id: ");
            put(id.as_bytes());
            put(b"\n");
        }
        if let Some(event) = self.event {
            put(b"event: ");
            put(event.as_bytes());
            put(b"\n");
        }
        if let Some(line) = data.next() {
            put(b"data: ");
            put(line);
            for line in data {
                put(b"\ndata: ");
                put(line);
            }
            put(b"\n");
        }
        put(b"\n");
    }
}

/// The event as it was received, to pass it on: what comes of a parser is never refused, and comes out of the next one
/// equal. Its ID is always set, an empty one too, for it may differ from that of the event before.
///
/// ```
/// use tidewire_sse::{Event, Item, Parser};
///
/// let (mut parser, mut output) = (Parser::default(), Vec::new());
/// let mut items = parser.receive(b"event:tick\rdata:one\rdata:two\rid:7\r\r");
/// while let Some(Ok(Item::Event(event))) = items.next() {
///     Event::from(event).encode(&mut output)?;
/// }
/// assert_eq!(output, b"id: 7\nevent: tick\ndata: one\ndata: two\n\n");
/// # Ok::<(), tidewire_sse::InvalidField>(())
/// ```
impl<'a> From<MessageEvent<'a>> for Event<'a> {
    fn from(event: MessageEvent<'a>) -> Self {
        let MessageEvent { event_type, data, last_event_id } = event;
        let passed = Self::new().id(last_event_id).data(data);
        if event_type == "message" { passed } else { passed.event(event_type) }
    }
}

impl<'a> From<&MessageEvent<'a>> for Event<'a> {
    fn from(event: &MessageEvent<'a>) -> Self {
        Self::from(*event)
    }
}

/// What was found in a value that must not be there.
fn refuse(field: Field, value: &str, found: Option<usize>) -> Result<(), InvalidField> {
    match found {
        Some(offset) => Err(InvalidField { field, character: char::from(value.as_bytes()[offset]), offset }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    fn encoded(event: Event<'_>) -> std::string::String {
        let mut output = Vec::new();
        event.encode(&mut output).unwrap();
        assert_eq!(event.encoded_len(), Ok(output.len()));
        assert_eq!(event.to_bytes().unwrap(), output);
        let mut parts = Vec::new();
        event.encode_with(|part| parts.extend_from_slice(part)).unwrap();
        assert_eq!(parts, output);
        std::string::String::from_utf8(output).unwrap()
    }

    #[test]
    fn data_is_split_on_all_three_line_endings() {
        assert_eq!(encoded(Event::new().data("a\nb\rc\r\nd")), "data: a\ndata: b\ndata: c\ndata: d\n\n");
        assert_eq!(encoded(Event::new().data("")), "data: \n\n");
        assert_eq!(encoded(Event::new().data("\n")), "data: \ndata: \n\n");
        assert_eq!(encoded(Event::new().data("a\r\n")), "data: a\ndata: \n\n");
        assert_eq!(encoded(Event::new().data(" a")), "data:  a\n\n");
    }

    #[test]
    fn a_block_without_data_only_sets_the_id() {
        assert_eq!(encoded(Event::new().id("c")), "id: c\n\n");
        assert_eq!(encoded(Event::new().id("")), "id: \n\n");
    }

    #[test]
    fn of_all_characters_only_line_breaks_and_a_nul_in_an_id_are_refused() {
        for character in (0..=0x2FFu32).filter_map(char::from_u32) {
            let value = std::format!("a{character}b");
            let breaks = matches!(character, '\r' | '\n');
            let mut output = Vec::new();
            let event = Event::new().event(&value).encode(&mut output);
            assert_eq!(event.is_err(), breaks, "{character:?}");
            assert_eq!(output.is_empty(), breaks);
            output.clear();
            let id = Event::new().id(&value).data("x").encode(&mut output);
            assert_eq!(id.is_err(), breaks || character == '\0', "{character:?}");
            assert_eq!(output.is_empty(), id.is_err());
            let refused = Event::new().id(&value).data("x");
            assert_eq!(refused.encode_with(|_| assert!(id.is_ok())).is_err(), id.is_err());
            assert_eq!(refused.to_bytes().is_err(), id.is_err());
            if let Err(error) = id {
                assert_eq!((error.field, error.character, error.offset), (Field::Id, character, 1));
            }
        }
        let error = Event::new().event("a\n").encoded_len().unwrap_err();
        assert_eq!(error.to_string(), "'\\n' at byte 1 cannot be part of the event type");
    }

    #[test]
    fn what_was_received_is_passed_on_with_its_id_and_without_the_type_that_goes_without_saying() {
        let received = |event_type, last_event_id| MessageEvent { event_type, data: "a\nb", last_event_id };
        for (event, text) in [
            (received("message", "7"), "id: 7\ndata: a\ndata: b\n\n"),
            (received("message", ""), "id: \ndata: a\ndata: b\n\n"),
            (received("tick", "7"), "id: 7\nevent: tick\ndata: a\ndata: b\n\n"),
        ] {
            assert_eq!(encoded(Event::from(event)), text);
            assert_eq!(Event::from(&event), Event::from(event));
        }
        // Whoever makes one by hand may have put anything into it.
        assert!(Event::from(received("a\nb", "7")).encoded_len().is_err());
    }
}
