//! The media type that a response's `Content-Type` fields name (Fetch, "extract a MIME type"; MIME Sniffing §4.4).

/// HTTP whitespace, of which a value may have any at its ends.
const WHITESPACE: [char; 4] = ['\t', '\n', '\r', ' '];

/// Where in a list of values a character stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Plain,
    /// In a quoted string, which the end closes if nothing else does.
    Quoted,
    /// In one, behind a backslash.
    Escaped,
}

/// The essence of a media type, `type/subtype` as it is written: its case and its parameters say nothing here. `None` where
/// there is none.
///
/// A response that has the field more than once has one value: all of them, in their order, joined by `", "`. So has one
/// whose only field is a list. The last that is a media type counts, but `*/*` never does.
///
/// ```
/// use tidewire_sse::content::essence;
///
/// assert_eq!(essence("text/event-stream; charset=utf-8"), Some("text/event-stream"));
/// let fields = ["text/html", "Text/Event-Stream", "*/*"];
/// assert_eq!(essence(&fields.join(", ")), Some("Text/Event-Stream"));
/// assert_eq!(essence("event-stream"), None);
/// ```
#[must_use]
pub fn essence(content_type: &str) -> Option<&str> {
    values(content_type).filter_map(essence_of_value).filter(|essence| *essence != "*/*").last()
}

/// What stands between the commas, but for those in quotes (Fetch, "get, decode, and split").
fn values(joined: &str) -> impl Iterator<Item = &str> {
    let mut place = Place::Plain;
    joined.split(move |character| {
        place = match (place, character) {
            (Place::Plain, ',') => return true,
            (Place::Plain, '"') | (Place::Escaped, _) => Place::Quoted,
            (Place::Quoted, '"') => Place::Plain,
            (Place::Quoted, '\\') => Place::Escaped,
            (Place::Plain | Place::Quoted, _) => place,
        };
        false
    })
}

fn essence_of_value(value: &str) -> Option<&str> {
    let essence = value.split(';').next()?.trim_matches(WHITESPACE);
    let (kind, subtype) = essence.split_once('/')?;
    (is_token(kind) && is_token(subtype)).then_some(essence)
}

/// Whether a text is a token (RFC 9110 §5.6.2).
fn is_token(text: &str) -> bool {
    let is_token_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_token_byte)
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    /// Each row: the values of the fields, and the essence that they name together.
    const TABLE: [(&[&str], Option<&str>); 48] = [
        // One field, one value.
        (&["text/event-stream"], Some("text/event-stream")),
        (&["TEXT/Event-Stream"], Some("TEXT/Event-Stream")),
        (&[" \t\r\ntext/event-stream \t\r\n"], Some("text/event-stream")),
        (&["text/event-stream;"], Some("text/event-stream")),
        (&["text/event-stream ;charset=utf-8"], Some("text/event-stream")),
        (&["text/event-stream;;=;\u{FFFD}"], Some("text/event-stream")),
        (&["!#$%&'*+-.^_`|~azAZ09/x"], Some("!#$%&'*+-.^_`|~azAZ09/x")),
        (&["*/*"], None),
        (&["*/x"], Some("*/x")),
        // No media type.
        (&[], None),
        (&[""], None),
        (&[";"], None),
        (&["/"], None),
        (&["text"], None),
        (&["text/"], None),
        (&["/event-stream"], None),
        (&["text /event-stream"], None),
        (&["text/ event-stream"], None),
        (&["text/event-stream x"], None),
        (&["text/event-stream/x"], None),
        (&["text;x=/event-stream"], None),
        (&["text/event\u{B}stream"], None),
        (&["\u{A0}text/event-stream"], None),
        (&["text/event-stre\u{E4}m"], None),
        (&["\"text/event-stream\""], None),
        // Several fields: the last that is one.
        (&["text/html", "text/event-stream"], Some("text/event-stream")),
        (&["text/event-stream", "text/html"], Some("text/html")),
        (&["text/event-stream", "text/html", "text/event-stream"], Some("text/event-stream")),
        (&["", "text/event-stream"], Some("text/event-stream")),
        (&["text/event-stream", ""], Some("text/event-stream")),
        (&["text/event-stream", "bogus"], Some("text/event-stream")),
        (&["text/event-stream", "*/*"], Some("text/event-stream")),
        (&["text/event-stream", "*/*;charset=utf-8"], Some("text/event-stream")),
        (&["*/*", "text/event-stream"], Some("text/event-stream")),
        (&["*/*", "*/*"], None),
        (&["text/html;charset=gbk", "text/event-stream;charset=utf-8"], Some("text/event-stream")),
        // A comma within a field parts it, too, with or without a space.
        (&["text/html,text/event-stream"], Some("text/event-stream")),
        (&["text/event-stream , text/html"], Some("text/html")),
        (&["text/event-stream,"], Some("text/event-stream")),
        (&[",,,text/event-stream,,"], Some("text/event-stream")),
        // But not in quotes, which a field may leave open for those behind it.
        (&["text/event-stream;x=\",text/html\""], Some("text/event-stream")),
        (&["text/event-stream;x=\",text/html"], Some("text/event-stream")),
        (&["text/event-stream;x=\"", "text/html"], Some("text/event-stream")),
        (&["text/html;\"", "text/event-stream"], Some("text/html")),
        (&["text/html;x=\"\"", "text/event-stream"], Some("text/event-stream")),
        // A backslash there takes the meaning from what follows, and has none elsewhere.
        (&["text/html;x=\"\\\",text/plain\\\\\",text/event-stream"], Some("text/event-stream")),
        (&["text/html;x=\"\\\",text/event-stream"], Some("text/html")),
        (&["text/html;x=\\\"", "text/event-stream"], Some("text/html")),
    ];

    #[test]
    fn the_last_value_that_is_a_media_type_counts() {
        for (fields, expected) in TABLE {
            assert_eq!(essence(&fields.join(", ")), expected, "{fields:?}");
        }
    }

    #[test]
    fn of_all_characters_those_of_a_token_make_a_media_type() {
        for character in '\0'..='\u{2FF}' {
            let token = character.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(character);
            let (kind, subtype) = (std::format!("a{character}b/c"), std::format!("a/b{character}c"));
            // What is behind a comma is the next value; a semicolon ends the subtype.
            let ends = [',', ';'].map(|end| character == end);
            assert_eq!(essence(&kind).is_some(), token || ends[0], "{character:?}");
            assert_eq!(essence(&subtype).is_some(), token || ends.contains(&true), "{character:?}");
        }
    }
}
