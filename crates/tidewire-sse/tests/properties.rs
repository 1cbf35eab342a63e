//! Splits, round trips and a spec-literal reference parser, over random input.
#![allow(clippy::unwrap_used, missing_docs)]

use std::time::Duration;

use proptest::prelude::*;
use tidewire_sse::{Config, Event, Item, Parser, comment, retry};
use tidewire_testkit::properties::sse;

/// An event, a comment or a reconnection time.
#[derive(Clone, Debug, PartialEq)]
enum Said {
    Event { event_type: String, data: String, last_event_id: String },
    Comment(String),
    Retry(Duration),
}

/// What a stream says in its order, and what it leaves behind.
#[derive(Debug, Default, PartialEq)]
struct Heard {
    said: Vec<Said>,
    last_event_id: String,
    reconnection_time: Option<Duration>,
}

/// The standard, word by word and slowly: decode, cut into lines, interpret each (§9.2.6).
fn reference(stream: &[u8]) -> Heard {
    let text = String::from_utf8_lossy(stream).into_owned();
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(&text);
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let (mut data, mut event_type, mut id_buffer) = (String::new(), String::new(), String::new());
    let mut heard = Heard::default();
    let mut lines: Vec<&str> = text.split('\n').collect();
    // What follows the last line ending is no line yet.
    lines.pop();
    for line in lines {
        if line.is_empty() {
            heard.last_event_id = id_buffer.clone();
            if !data.is_empty() {
                heard.said.push(Said::Event {
                    event_type: if event_type.is_empty() { "message".into() } else { event_type.clone() },
                    data: data[..data.len() - 1].into(),
                    last_event_id: id_buffer.clone(),
                });
            }
            data.clear();
            event_type.clear();
            continue;
        }
        if let Some(comment) = line.strip_prefix(':') {
            heard.said.push(Said::Comment(comment.into()));
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
            "retry" if !value.is_empty() && value.chars().all(|digit| digit.is_ascii_digit()) => {
                // Digits alone fail to be a number only where there are too many of them.
                let time = Duration::from_millis(value.parse().unwrap_or(u64::MAX));
                heard.said.push(Said::Retry(time));
                heard.reconnection_time = Some(time);
            }
            _ => {}
        }
    }
    heard
}

fn owned(item: Item<'_>) -> Said {
    match item {
        Item::Event(event) => Said::Event {
            event_type: event.event_type.into(),
            data: event.data.into(),
            last_event_id: event.last_event_id.into(),
        },
        Item::Comment(comment) => Said::Comment(comment.into_owned()),
        Item::Retry(time) => Said::Retry(time),
    }
}

fn parsed(stream: &[u8]) -> Heard {
    let mut parser = Parser::default();
    let mut said = Vec::new();
    let mut items = parser.receive(stream);
    while let Some(item) = items.next() {
        said.push(owned(item.unwrap()));
    }
    drop(items);
    Heard {
        said,
        last_event_id: parser.last_event_id().into(),
        reconnection_time: parser.reconnection_time(),
    }
}

/// The stream as a proxy passes it on, item by item.
fn passed_on(stream: &[u8]) -> Vec<u8> {
    let (mut parser, mut output) = (Parser::default(), Vec::new());
    let mut items = parser.receive(stream);
    while let Some(item) = items.next() {
        match item.unwrap() {
            Item::Event(event) => Event::from(event).encode(&mut output).unwrap(),
            // The space that it began with is of the text; the encoder puts another before it.
            Item::Comment(text) => comment(text.strip_prefix(' ').unwrap_or(&text), &mut output),
            Item::Retry(time) => retry(time, &mut output),
        }
    }
    output
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
            b"\nretry: 4",
            b"99999999999999999999",
            b"\nid: 7\n",
            b"\n: c\n",
            b"event: e\n",
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
    fn any_lost_event_is_the_only_one_missing_and_its_id_is_not(stream in stream()) {
        let mut config = Config::default();
        config.max_data_len = 2;
        let heard = reference(&stream);
        let mut events = heard.said.iter().filter(|said| matches!(said, Said::Event { .. }));
        let mut parser = Parser::new(config);
        let mut items = parser.receive(&stream);
        while let Some(item) = items.next() {
            match item.map(owned) {
                Ok(said @ Said::Event { .. }) => prop_assert_eq!(Some(&said), events.next()),
                Ok(Said::Comment(_) | Said::Retry(_)) => {}
                // The last one may have no end, and is none for the reference.
                Err(_) => drop(events.next()),
            }
        }
        drop(items);
        prop_assert_eq!(events.next(), None);
        prop_assert_eq!(parser.last_event_id(), heard.last_event_id);
    }

    #[test]
    fn any_stream_can_be_passed_on(stream in stream()) {
        let with_spaces = |said: Said| match said {
            Said::Comment(text) if !text.starts_with(' ') => Said::Comment(format!(" {text}")),
            Said::Event { .. } | Said::Comment(_) | Said::Retry(_) => said,
        };
        let expected: Vec<Said> = parsed(&stream).said.into_iter().map(with_spaces).collect();
        prop_assert_eq!(parsed(&passed_on(&stream)).said, expected);
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
