//! What is text already: shared by its clones, and a stream in any order.
#![allow(clippy::unwrap_used, missing_docs)]

use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use tidewire_sse::{Encoded, Event, Item, KEEP_ALIVE, Parser};

#[test]
fn a_clone_shares_the_bytes() {
    let encoded = Event::new().data("for all").encoded().unwrap();
    let other = encoded.clone();
    assert_eq!(encoded.as_bytes().as_ptr(), other.as_bytes().as_ptr());
    assert_eq!(Bytes::from(other), "data: for all\n\n");
    assert_eq!(Encoded::keep_alive().as_bytes(), KEEP_ALIVE);
}

/// Something to encode, and the data of the event that comes of it, if one does.
fn piece() -> impl Strategy<Value = (Encoded, Option<String>)> {
    let event = "(?s)[a\r\n:\0\u{FEFF}]{0,6}".prop_map(|data| {
        let lines = data.replace("\r\n", "\n").replace('\r', "\n");
        (Event::new().data(&data).encoded().unwrap(), Some(lines))
    });
    prop_oneof![
        event,
        any::<Duration>().prop_map(|time| (Encoded::retry(time), None)),
        "(?s)[a\r\n:]{0,6}".prop_map(|text| (Encoded::comment(&text), None)),
        Just((Encoded::keep_alive(), None)),
        Just((Event::new().id("7").encoded().unwrap(), None)),
    ]
}

proptest! {
    #[test]
    fn any_sequence_is_a_stream_of_its_events_and_no_others(pieces in prop::collection::vec(piece(), 0..12)) {
        let mut parser = Parser::default();
        let mut events = Vec::new();
        for (encoded, _) in &pieces {
            let mut items = parser.receive(encoded.as_bytes());
            while let Some(item) = items.next() {
                if let Item::Event(event) = item.unwrap() {
                    events.push(event.data.to_owned());
                }
            }
        }
        let expected: Vec<String> = pieces.into_iter().filter_map(|(_, data)| data).collect();
        prop_assert_eq!(events, expected);
    }
}
