//! What may end on a terminal: nothing that a server sent commands it, and nobody has to read it.

use serde_json::ser::Formatter;
use std::fmt::Display;
use std::io::{self, Write};

/// Says something on standard error, on one line. Whoever closed that wants to hear nothing.
pub(crate) fn say(message: impl Display) {
    let _ = writeln!(io::stderr(), "tidewire: {}", escaped(&message.to_string()));
}

/// A text whose control characters are written as Rust writes them.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            control if control.is_control() => escaped.extend(control.escape_default()),
            plain => escaped.push(plain),
        }
    }
    escaped
}

/// JSON on one line, in which control characters are escaped beyond those that JSON wants escaped: U+009B commands some
/// terminals as ESC does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Printable;

impl Formatter for Printable {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut written = 0;
        for (at, control) in fragment.match_indices(char::is_control) {
            writer.write_all(&fragment.as_bytes()[written..at])?;
            for unit in control.encode_utf16() {
                write!(writer, "\\u{unit:04x}")?;
            }
            written = at + control.len();
        }
        writer.write_all(&fragment.as_bytes()[written..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Serialize;

    /// Each control character, and those beside them.
    fn controls() -> impl Iterator<Item = char> {
        ('\0'..'\u{20}').chain('\u{7F}'..'\u{A0}')
    }

    #[test]
    fn control_characters_are_escaped_and_nothing_else_is() {
        for control in controls() {
            let shown = escaped(&format!("a{control}b"));
            assert!(!shown.contains(char::is_control) && shown.starts_with("a\\"), "{shown}");
        }
        assert_eq!(escaped("a\u{1B}[2Jb\r\n\t\u{7F}\u{9B}"), "a\\u{1b}[2Jb\\r\\n\\t\\u{7f}\\u{9b}");
        for plain in ["", " ~", "\u{A0}é…🌊", "{\"error\":\"a\\nb\"}"] {
            assert_eq!(escaped(plain), plain);
        }
    }

    fn json(text: &str) -> String {
        let mut output = Vec::new();
        text.serialize(&mut serde_json::Serializer::with_formatter(&mut output, Printable)).unwrap();
        String::from_utf8(output).unwrap()
    }

    #[test]
    fn json_has_no_control_character_and_is_the_same_text() {
        for control in controls() {
            let text = format!("{control}é\"{control}{control}");
            let json = json(&text);
            assert!(!json.contains(char::is_control), "{json}");
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
        assert_eq!(json("a\u{7F}\u{80}\u{9B}\u{9F}\u{A0}\\"), "\"a\\u007f\\u0080\\u009b\\u009f\u{A0}\\\\\"");
    }
}
