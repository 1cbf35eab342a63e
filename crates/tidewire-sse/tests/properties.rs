//! Splits, round trips and a spec-literal reference parser, over random input.
#![allow(clippy::unwrap_used, missing_docs)]

use proptest::prelude::*;
use tidewire_sse::{Item, Parser};
use tidewire_testkit::properties::sse;

/// The standard, word by word and slowly: decode, cut into lines, interpret each (§9.2.6).
fn reference(stream: &[u8]) -> Vec<(String, String, String)> {
    let text = String::from_utf8_lossy(stream).into_owned();
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(&text);
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let (mut data, mut event_type, mut id_buffer) = (String::new(), String::new(), String::new());
    let mut dispatched = Vec::new();
    let mut lines: Vec<&str> = text.split('\n').collect();
    // What follows the last line ending is no line yet.
    lines.pop();
    for line in lines {
        if line.is_empty() {
            if !data.is_empty() {
                let kind = if event_type.is_empty() { "message" } else { &event_type };
                dispatched.push((kind.to_owned(), data[..data.len() - 1].to_owned(), id_buffer.clone()));
            }
            data.clear();
            event_type.clear();
            continue;
        }
        let (field, value) = match line.split_once(':') {
            Some((field, value)) => (field, value.strip_prefix(' ').unwrap_or(value)),
            None => (line, ""),
        };
        match field {
            "data" => {
                data.push_str(value);
                data.push('\n');
            }
            "event" => event_type = value.to_owned(),
            "id" if !value.contains('\0') => id_buffer = value.to_owned(),
            _ => {}
        }
    }
    dispatched
}

fn parsed(stream: &[u8]) -> Vec<(String, String, String)> {
    let mut parser = Parser::default();
    let mut events = Vec::new();
    let mut items = parser.receive(stream);
    while let Some(item) = items.next() {
        match item.unwrap() {
            Item::Event(event) => {
                events.push((event.event_type.into(), event.data.into(), event.last_event_id.into()));
            }
            Item::Comment(_) | Item::Retry(_) => {}
        }
    }
    events
}

/// Streams made of what a parser can stumble over.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            &b"data"[..],
            b"event",
            b"id",
            b"retry",
            b":",
            b": ",
            b"\n",
            b"\r",
            b"\r\n",
            b"\n\n",
            b"data: x\n\n",
            b"\xEF\xBB\xBF",
            b"\xEF",
            b"\xE2\x82",
            b"\xF0\x9F\x98\x80",
            b"\0",
            b"123",
            b" ",
            b"datax: y\n",
        ])
        .prop_map(<[u8]>::to_vec),
        prop::collection::vec(any::<u8>(), 0..6),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_stream_says_the_same_in_any_pieces(stream in stream()) {
        sse::parse_splits(&stream);
    }

    #[test]
    fn any_stream_is_parsed_as_the_reference_does(stream in stream()) {
        prop_assert_eq!(parsed(&stream), reference(&stream));
    }

    #[test]
    fn any_event_comes_back(fields in 0u8..4, id_len in 0u8..6, event_len in 0u8..6, text in "(?s).{0,40}") {
        let mut input = vec![fields, id_len, event_len];
        input.extend_from_slice(text.as_bytes());
        sse::round_trip(&input);
    }

    #[test]
    fn any_bytes_come_back_or_are_refused(input in prop::collection::vec(any::<u8>(), 0..60)) {
        sse::round_trip(&input);
    }
}

#[test]
fn every_byte_in_every_field_is_one_event_or_an_error() {
    for byte in 0..=255u8 {
        for fields in 0..4u8 {
            for (id_len, event_len) in [(3, 0), (0, 3), (0, 0), (1, 1)] {
                sse::round_trip(&[fields, id_len, event_len, b'a', byte, b'b', b'c']);
            }
        }
    }
}
