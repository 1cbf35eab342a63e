//! The sentences of WHATWG HTML §9.2.5 and §9.2.6, each proved by exact bytes.
#![allow(clippy::unwrap_used, missing_docs)]

use std::time::Duration;
use tidewire_sse::{Config, Event, Item, Parser, comment, retry};

/// What a stream says: an event as `type|data|id`, a comment as `:text`, a reconnection time as a number.
fn said_by(parser: &mut Parser, stream: &[u8]) -> Vec<String> {
    let mut said = Vec::new();
    let mut items = parser.receive(stream);
    while let Some(item) = items.next() {
        said.push(match item.unwrap() {
            Item::Event(event) => format!("{}|{}|{}", event.event_type, event.data, event.last_event_id),
            Item::Comment(comment) => format!(":{comment}"),
            Item::Retry(time) => time.as_millis().to_string(),
        });
    }
    said
}

fn said(stream: impl AsRef<[u8]>) -> Vec<String> {
    said_by(&mut Parser::default(), stream.as_ref())
}

//= https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
//= type=test
//# Event streams in this format must always be encoded as UTF-8.
#[test]
fn what_is_encoded_is_utf_8() {
    let mut output = Vec::new();
    Event::new().id("\u{FF}").event("\u{20AC}").data("\u{1F30A}").encode(&mut output).unwrap();
    assert_eq!(output, b"id: \xC3\xBF\nevent: \xE2\x82\xAC\ndata: \xF0\x9F\x8C\x8A\n\n");
}

//= https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
//= type=test
//# Lines must be separated by either a U+000D CARRIAGE RETURN U+000A LINE FEED (CRLF) character pair, a single U+000A
//# LINE FEED (LF) character, or a single U+000D CARRIAGE RETURN (CR) character.
#[test]
fn every_line_that_is_encoded_ends_with_an_lf() {
    let mut output = Vec::new();
    retry(Duration::from_millis(1), &mut output);
    comment("a\r\nb", &mut output);
    Event::new().id("i").event("e").data("a\rb\r\nc\nd").encode(&mut output).unwrap();
    assert_eq!(
        output, b"retry: 1\n: a\n: b\nid: i\nevent: e\ndata: a\ndata: b\ndata: c\ndata: d\n\n",
        "and no CR is left in any"
    );
}

//= https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
//= type=test
//# Since connections established to remote servers for such resources are expected to be long-lived, UAs should ensure
//# that appropriate buffering is used.
#[test]
fn an_event_comes_with_the_first_byte_that_ends_its_blank_line() {
    for ending in ["\n", "\r", "\r\n"] {
        let mut parser = Parser::default();
        assert!(said_by(&mut parser, format!("data: a{ending}").as_bytes()).is_empty());
        assert_eq!(said_by(&mut parser, &ending.as_bytes()[..1]), ["message|a|"], "{ending:?}");
    }
}

//= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
//= type=test
//# Streams must be decoded using the UTF-8 decode algorithm.
#[test]
fn what_is_not_utf_8_is_replaced_as_the_encoding_standard_has_it() {
    for (bytes, text) in [
        (&b"\xC3\xA9"[..], "\u{E9}"),
        (b"\xFF", "\u{FFFD}"),
        // A sequence that breaks off is one replacement, however much of it there is.
        (b"\xF0\x9F\x8C.", "\u{FFFD}."),
        // A surrogate, a longer form, a character beyond the last: each byte by itself.
        (b"\xED\xA0\x80", "\u{FFFD}\u{FFFD}\u{FFFD}"),
        (b"\xC0\xAF", "\u{FFFD}\u{FFFD}"),
        (b"\xF4\x90\x80\x80", "\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}"),
    ] {
        let stream =
            [b"event: ", bytes, b"\nid: ", bytes, b"\ndata: ", bytes, b"\n:", bytes, b"\n\n"].concat();
        assert_eq!(said(stream), [format!(":{text}"), format!("{text}|{text}|{text}")], "{bytes:X?}");
    }
}

//= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
//= type=test
//# The UTF-8 decode algorithm strips one leading UTF-8 Byte Order Mark (BOM), if any.
#[test]
fn one_byte_order_mark_is_dropped_and_only_at_the_start() {
    assert_eq!(said("\u{FEFF}data: a\n\n"), ["message|a|"]);
    assert_eq!(said("\u{FEFF}\u{FEFF}data: a\ndata: b\n\n"), ["message|b|"]);
    assert_eq!(said("data: a\n\n\u{FEFF}data: b\n\n"), ["message|a|"]);
    assert_eq!(said("data: \u{FEFF}a\n\n"), ["message|\u{FEFF}a|"]);
    // The half of one is no mark: it is of the first line.
    assert_eq!(said(b"\xEF\xBBdata: a\ndata: b\n\n"), ["message|b|"]);
}

//= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
//= type=test
//# The stream must then be parsed by reading everything line by line, with a U+000D CARRIAGE RETURN U+000A LINE FEED
//# (CRLF) character pair, a single U+000A LINE FEED (LF) character not preceded by a U+000D CARRIAGE RETURN (CR)
//# character, and a single U+000D CARRIAGE RETURN (CR) character not followed by a U+000A LINE FEED (LF) character being
//# the ways in which a line can end.
#[test]
fn three_endings_and_no_other() {
    for ending in ["\n", "\r", "\r\n"] {
        let stream = format!("data: a{ending}data: b{ending}{ending}");
        assert_eq!(said(&stream), ["message|a\nb|"], "{ending:?}");
    }
    // CRLF is one ending, LF CR two.
    assert_eq!(said("data: a\r\ndata: b\r\n\r\n"), ["message|a\nb|"]);
    assert_eq!(said("data: a\n\rdata: b\n\n"), ["message|a|", "message|b|"]);
    // What else breaks lines in Unicode does not here.
    for other in ['\u{B}', '\u{C}', '\u{85}', '\u{2028}', '\u{2029}', '\0'] {
        assert_eq!(said(format!("data: a{other}data: b\n\n")), [format!("message|a{other}data: b|")]);
    }
    // Nor is the pair two endings when the chunks cut it.
    let mut parser = Parser::default();
    for (chunk, expected) in [("data: a\r", None), ("\ndata: b\r\n\r", Some("message|a\nb|")), ("\n", None)] {
        assert_eq!(said_by(&mut parser, chunk.as_bytes()).first().map(|said| &**said), expected, "{chunk:?}");
    }
}

//= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
//= type=test
//# When a stream is parsed, a data buffer, an event type buffer, and a last event ID buffer must be associated with it.
//# They must be initialized to the empty string.
#[test]
fn a_stream_begins_with_empty_buffers_of_its_own() {
    let mut one = Parser::default();
    assert!(said_by(&mut one, b"data: a\nevent: e\nid: 1\n").is_empty());
    assert_eq!(said("\ndata: b\n\n"), ["message|b|"], "another stream");
    assert_eq!(said_by(&mut one, b"\n"), ["e|a|1"]);
    assert_eq!(Parser::default().last_event_id(), "");
    // Of one that resumes another the last event ID goes on.
    let mut resumed = Parser::resuming(Config::default(), "7".into());
    assert_eq!(said_by(&mut resumed, b"data: a\n\n"), ["message|a|7"]);
}

//= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
//= type=test
//# Lines must be processed, in the order they are received, as follows:
#[test]
fn lines_are_processed_in_their_order() {
    assert_eq!(
        said("data: 1\nevent: x\nevent: y\ndata: 2\nid: 1\nid: 2\nretry: 1\nretry: 2\n:c\n\n"),
        ["1", "2", ":c", "y|1\n2|2"]
    );
}

//= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
//= type=test
//# Dispatch the event, as defined below.
#[test]
fn a_blank_line_dispatches_and_nothing_else_does() {
    assert!(said("data: a\n").is_empty());
    assert_eq!(said("data: a\n\n"), ["message|a|"]);
    // A line with a space is a field of that name.
    assert!(said("data: a\n \n").is_empty());
    assert_eq!(said("data: a\n\n\n\n"), ["message|a|"]);
}

//= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
//= type=test
//# Ignore the line.
#[test]
fn a_comment_is_shown_and_changes_no_event() {
    assert_eq!(said("data: a\n:data: x\n: \n:\ndata: b\n\n"), [":data: x", ": ", ":", "message|a\nb|"]);
    assert_eq!(said("data: a\n\n:\n\n"), ["message|a|", ":"]);
}

//= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
//= type=test
//# Collect the characters on the line before the first U+003A COLON character (:), and let field be that string.
//# Collect the characters on the line after the first U+003A COLON character (:), and let value be that string.
#[test]
fn the_first_colon_parts_name_and_value() {
    assert_eq!(said("data:a:b: c\n\n"), ["message|a:b: c|"]);
    assert_eq!(said("data::\n\n"), ["message|:|"]);
    assert!(said("data :a\n\n").is_empty());
}

//= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
//= type=test
//# If value starts with a U+0020 SPACE character, remove it from value.
#[test]
fn one_space_and_no_tab_is_taken_from_a_value() {
    assert_eq!(said("data:a\ndata: b\ndata:  c\ndata:\td\n\n"), ["message|a\nb\n c\n\td|"]);
    assert_eq!(said("id:  1\nevent:  e\ndata: \n\n"), [" e|| 1"]);
}

//= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
//= type=test
//# Process the field using the steps described below, using field as the field name and value as the field value.
#[test]
fn a_field_with_a_colon_has_the_value_behind_it() {
    assert_eq!(said("event:e\nid:1\nretry:5\ndata:d\n\n"), ["5", "e|d|1"]);
    assert_eq!(said("data:\n\n"), ["message||"]);
}

//= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
//= type=test
//# Process the field using the steps described below, using the whole line as the field name, and the empty string as the
//# field value.
#[test]
fn a_field_without_a_colon_has_an_empty_value() {
    assert_eq!(said("data\n\n"), ["message||"]);
    assert_eq!(said("data\ndata\n\n"), ["message|\n|"]);
    assert_eq!(said("id: 1\nevent: e\nevent\nid\nretry\ndata: d\n\n"), ["message|d|"]);
}

//= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
//= type=test
//# Once the end of the file is reached, any pending data must be discarded.
//# (If the file ends in the middle of an event, before the final empty line, the incomplete event is not dispatched.)
#[test]
fn what_is_pending_at_the_end_goes_with_the_parser() {
    for cut in ["id: 2\ndata: b", "id: 2\ndata: b\n", "data: b\nid: 2\r", "id: 2\ndata: b\nda"] {
        let mut parser = Parser::default();
        let stream = format!("id: 1\ndata: a\n\n{cut}");
        assert_eq!(said_by(&mut parser, stream.as_bytes()), ["message|a|1"], "{cut:?}");
        assert_eq!(parser.last_event_id(), "1", "{cut:?}");
        // The next stream is another parser's; nothing of this one is in it.
        let mut next = Parser::resuming(Config::default(), parser.last_event_id().to_owned());
        assert_eq!(said_by(&mut next, b"\ndata: c\n\n"), ["message|c|1"], "{cut:?}");
    }
}

//= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
//= type=test
//# Field names must be compared literally, with no case folding performed.
//= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
//= type=test
//# The field is ignored.
#[test]
fn a_field_of_another_name_is_ignored() {
    for name in [
        "Data",
        "DATA",
        "dat",
        "datas",
        "data ",
        " data",
        "\tdata",
        "data\0",
        "\u{FF44}ata",
        "x",
        " ",
        "field",
    ] {
        assert_eq!(said(format!("{name}: x\n{name}\ndata: a\n\n")), ["message|a|"], "{name:?}");
    }
    for name in ["Event", "ID", "Id", "RETRY", "events", "retr"] {
        assert_eq!(said(format!("{name}: 1\ndata: a\n\n")), ["message|a|"], "{name:?}");
    }
}

//= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
//= type=test
//# Set the event type buffer to the field value.
#[test]
fn the_last_event_field_is_the_type() {
    assert_eq!(said("event: a\nevent: b\ndata: x\n\n"), ["b|x|"]);
    assert_eq!(said("event: a b\tc\ndata: x\n\n"), ["a b\tc|x|"]);
}

//= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
//= type=test
//# Append the field value to the data buffer, then append a single U+000A LINE FEED (LF) character to the data buffer.
//= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
//= type=test
//# If the data buffer's last character is a U+000A LINE FEED (LF) character, then remove the last character from the data
//# buffer.
#[test]
fn data_lines_are_joined_by_an_lf_and_none_is_left_behind_them() {
    assert_eq!(said("data: a\ndata: b\n\n"), ["message|a\nb|"]);
    assert_eq!(said("data: a\ndata\n\n"), ["message|a\n|"]);
    assert_eq!(said("data\ndata\ndata\n\n"), ["message|\n\n|"]);
    assert_eq!(said("data\n\n"), ["message||"]);
}

//= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
//= type=test
//# If the field value does not contain U+0000 NULL, then set the last event ID buffer to the field value. Otherwise,
//# ignore the field.
#[test]
fn an_id_with_a_nul_is_ignored() {
    assert_eq!(said("id: 1\nid: 2\ndata: a\n\n"), ["message|a|2"]);
    for nul in ["\0", "2\0", "\u{0}2", "2\u{0}3"] {
        assert_eq!(said(format!("id: 1\nid: {nul}\ndata: a\n\n")), ["message|a|1"], "{nul:?}");
    }
}

//= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
//= type=test
//# If the field value consists of only ASCII digits, then interpret the field value as an integer in base ten, and set the
//# event stream's reconnection time to that integer. Otherwise, ignore the field.
#[test]
fn a_reconnection_time_has_digits_and_nothing_else() {
    for (value, time_ms) in [
        ("0", 0),
        ("3000", 3000),
        ("0012", 12),
        ("18446744073709551615", u64::MAX),
        // More than fits is the most that fits.
        ("18446744073709551616", u64::MAX),
        ("99999999999999999999999", u64::MAX),
    ] {
        let mut parser = Parser::default();
        assert_eq!(said_by(&mut parser, format!("retry: {value}\n").as_bytes()), [time_ms.to_string()]);
        let time = Some(Duration::from_millis(time_ms));
        assert_eq!(parser.reconnection_time(), time, "at once, without a blank line");
    }
    for value in
        ["", "+5", "-5", "5.0", "1e3", "0x10", "5 ", " 5", "5s", "\u{665}", "\u{FF15}", "5\0", "1_000"]
    {
        let mut parser = Parser::default();
        assert!(said_by(&mut parser, format!("retry: {value}\n").as_bytes()).is_empty(), "{value:?}");
        assert_eq!(parser.reconnection_time(), None, "{value:?}");
    }
}

//= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
//= type=test
//# When the user agent is required to dispatch the event, the user agent must process the data buffer, the event type
//# buffer, and the last event ID buffer using steps appropriate for the user agent.
//= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
//= type=test
//# Initialize event's type attribute to "message", its data attribute to data, its origin attribute to the serialization
//# of the origin of the event stream's final URL (i.e., the URL after redirects), and its lastEventId attribute to the
//# last event ID string of the event source.
//= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
//= type=test
//# If the event type buffer has a value other than the empty string, change the type of the newly created event to equal
//# the value of the event type buffer.
#[test]
fn an_event_has_its_type_its_data_and_the_last_event_id() {
    assert_eq!(said("data: a\n\n"), ["message|a|"]);
    assert_eq!(said("event: e\nid: 1\ndata: a\n\n"), ["e|a|1"]);
    assert_eq!(said("event:\ndata: a\n\n"), ["message|a|"]);
    assert_eq!(said("event: message\ndata: a\n\n"), ["message|a|"]);
}

//= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
//= type=test
//# Set the last event ID string of the event source to the value of the last event ID buffer. The buffer does not get
//# reset, so the last event ID string of the event source remains set to this value until the next time it is set by the
//# server.
#[test]
fn the_last_event_id_stays_until_the_server_sets_another() {
    assert_eq!(
        said("id: 1\ndata: a\n\ndata: b\n\nid: 2\n\ndata: c\n\nid\ndata: d\n\ndata: e\n\n"),
        ["message|a|1", "message|b|1", "message|c|2", "message|d|", "message|e|"]
    );
    let mut parser = Parser::default();
    assert!(said_by(&mut parser, b"id: 1\n").is_empty());
    assert_eq!(parser.last_event_id(), "", "it is set with the blank line");
    assert!(said_by(&mut parser, b"\n").is_empty());
    assert_eq!(parser.last_event_id(), "1", "with or without data");
}

//= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
//= type=test
//# If the data buffer is an empty string, set the data buffer and the event type buffer to the empty string and return.
//= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
//= type=test
//# Set the data buffer and the event type buffer to the empty string.
//= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
//= type=test
//# For other user agents, the appropriate steps to dispatch the event are implementation dependent, but at a minimum they
//# must set the data and event type buffers to the empty string before returning.
#[test]
fn every_block_begins_with_empty_buffers() {
    assert_eq!(
        said("event: e\n\ndata: a\n\n"),
        ["message|a|"],
        "nothing was dispatched, and the type is gone"
    );
    assert_eq!(said("event: e\ndata: a\n\ndata: b\n\n"), ["e|a|", "message|b|"]);
    assert!(said("event: e\nid: 1\n\n").is_empty());
}
