//! Events as text: one event in is exactly one event out, or an error (WHATWG HTML §9.2.5).

use alloc::vec::Vec;

use crate::error::{Field, InvalidField};
use crate::lines::lines;

/// A comment that keeps a quiet stream alive (§9.2.7). Parsers ignore it.
pub const KEEP_ALIVE: &[u8] = b": keepalive\n\n";

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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
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
        output.reserve(self.len_unchecked());
        if let Some(id) = self.id {
            field(b"id", id, output);
        }
        if let Some(event) = self.event {
            field(b"event", event, output);
        }
        if let Some(data) = self.data {
            for line in lines(data.as_bytes()) {
                field_bytes(b"data", line, output);
            }
        }
        output.push(b'\n');
        Ok(())
    }

    /// The length that [`encode`](Self::encode) appends, in bytes.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn encoded_len(&self) -> Result<usize, InvalidField> {
        self.check()?;
        Ok(self.len_unchecked())
    }

    fn len_unchecked(&self) -> usize {
        let of = |name: &str, value: Option<&str>| value.map_or(0, |value| name.len() + 3 + value.len());
        let data = self
            .data
            .map_or(0, |data| lines(data.as_bytes()).map(|line| "data: \n".len() + line.len()).sum());
        of("id", self.id) + of("event", self.event) + data + 1
    }

    fn check(&self) -> Result<(), InvalidField> {
        one_line(Field::Id, self.id, &['\r', '\n', '\0'])?;
        one_line(Field::Event, self.event, &['\r', '\n'])
    }
}

fn one_line(field: Field, value: Option<&str>, refused: &[char]) -> Result<(), InvalidField> {
    let found =
        value.and_then(|value| value.char_indices().find(|(_, character)| refused.contains(character)));
    match found {
        Some((offset, character)) => Err(InvalidField { field, character, offset }),
        None => Ok(()),
    }
}

fn field(name: &[u8], value: &str, output: &mut Vec<u8>) {
    field_bytes(name, value.as_bytes(), output);
}

/// One field; the space behind the colon keeps a space that the value begins with.
fn field_bytes(name: &[u8], value: &[u8], output: &mut Vec<u8>) {
    output.extend_from_slice(name);
    output.extend_from_slice(b": ");
    output.extend_from_slice(value);
    output.push(b'\n');
}

/// Appends the reconnection time, in milliseconds, that the client is to wait before it comes back.
pub fn retry(reconnection_time_ms: u64, output: &mut Vec<u8>) {
    output.extend_from_slice(b"retry: ");
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = reconnection_time_ms;
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    output.extend_from_slice(&digits[at..]);
    output.push(b'\n');
}

/// Appends a comment; each of its lines becomes one of its own. It ends no event: the next field goes on with it.
pub fn comment(text: &str, output: &mut Vec<u8>) {
    for line in lines(text.as_bytes()) {
        output.extend_from_slice(b": ");
        output.extend_from_slice(line);
        output.push(b'\n');
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
            if let Err(error) = id {
                assert_eq!((error.field, error.character, error.offset), (Field::Id, character, 1));
            }
        }
        let error = Event::new().event("a\n").encoded_len().unwrap_err();
        assert_eq!(error.to_string(), "'\\n' at byte 1 cannot be part of the event type");
    }

    #[test]
    fn retry_and_comments_stand_on_lines_of_their_own() {
        let mut output = Vec::new();
        for time in [0, 7, 3000, u64::MAX] {
            retry(time, &mut output);
        }
        comment("a\r\nb\n", &mut output);
        let expected = std::format!("retry: 0\nretry: 7\nretry: 3000\nretry: {}\n: a\n: b\n: \n", u64::MAX);
        assert_eq!(std::str::from_utf8(&output), Ok(&*expected));
    }
}
