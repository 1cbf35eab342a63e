//! Each limit at its value and one past it, and what is held between and within events.
#![allow(clippy::unwrap_used, missing_docs)]

use tidewire_sse::{Config, Item, Limit, LimitExceeded, Parser};

#[derive(Debug, PartialEq)]
enum Said {
    Data(String),
    Exceeded(Limit, usize),
}

fn said(change: fn(&mut Config), stream: &str) -> Vec<Said> {
    let mut config = Config::default();
    change(&mut config);
    let mut parser = Parser::new(config);
    let mut said = Vec::new();
    let mut items = parser.receive(stream.as_bytes());
    while let Some(item) = items.next() {
        match item {
            Ok(Item::Event(event)) => said.push(Said::Data(event.data.into())),
            Ok(Item::Comment(_) | Item::Retry(_)) => {}
            Err(LimitExceeded { limit, max_len, seen_len }) => {
                assert!(seen_len > max_len);
                said.push(Said::Exceeded(limit, max_len));
            }
        }
    }
    said
}

#[test]
fn a_line_at_the_limit_is_read_and_one_past_it_loses_its_event_only() {
    let low: fn(&mut Config) = |config| config.max_line_len = 8;
    assert_eq!(said(low, "data: 12\n\n"), [Said::Data("12".into())]);
    let past = said(low, "id: 1\ndata: 123\ndata: x\n\ndata: a\n\n");
    assert_eq!(past, [Said::Exceeded(Limit::Line, 8), Said::Data("a".into())]);
    let comment = said(low, ":12345678\ndata: x\n\ndata: a\n\n");
    assert_eq!(comment, [Said::Exceeded(Limit::Line, 8), Said::Data("a".into())]);
}

#[test]
fn data_event_type_and_id_have_limits_of_their_own() {
    let low: fn(&mut Config) = |config| {
        config.max_data_len = 5;
        config.max_event_type_len = 2;
        config.max_id_len = 2;
    };
    assert_eq!(said(low, "data: 12\ndata: 34\n\n"), [Said::Data("12\n34".into())]);
    let data = said(low, "data: 12\ndata: 345\n\ndata: a\n\n");
    assert_eq!(data, [Said::Exceeded(Limit::Data, 5), Said::Data("a".into())]);
    assert_eq!(said(low, "event: ab\nid: ab\ndata: x\n\n"), [Said::Data("x".into())]);
    let event = said(low, "event: abc\ndata: x\n\ndata: a\n\n");
    assert_eq!(event, [Said::Exceeded(Limit::EventType, 2), Said::Data("a".into())]);
    let id = said(low, "id: abc\ndata: x\n\ndata: a\n\n");
    assert_eq!(id, [Said::Exceeded(Limit::Id, 2), Said::Data("a".into())]);
}

#[test]
fn the_id_of_a_lost_event_is_not_committed() {
    let mut config = Config::default();
    config.max_data_len = 1;
    let mut parser = Parser::new(config);
    let mut items = parser.receive(b"id: 1\ndata: a\n\nid: 2\ndata: ab\n\n");
    while items.next().is_some() {}
    drop(items);
    assert_eq!(parser.last_event_id(), "1");
}

#[test]
fn an_endless_line_is_refused_at_its_limit_and_holds_no_more() {
    let mut config = Config::default();
    config.max_line_len = 64 * 1024;
    let mut parser = Parser::new(config);
    let mut exceeded = 0;
    for _ in 0..10_000 {
        let mut items = parser.receive(&[b'x'; 100]);
        while let Some(item) = items.next() {
            assert!(item.is_err());
            exceeded += 1;
        }
        drop(items);
        assert!(parser.held_len_bytes() <= 2 * 64 * 1024);
    }
    assert_eq!((exceeded, parser.held_len_bytes()), (1, 0));
    let mut items = parser.receive(b"\n\ndata: on\n\n");
    assert!(matches!(items.next(), Some(Ok(Item::Event(event))) if event.data == "on"));
}

#[test]
fn between_events_only_small_scratch_is_kept() {
    let mut parser = Parser::default();
    let stream = format!("event: big\ndata: {}\ndata: y\n\n", "x".repeat(500_000));
    for piece in stream.as_bytes().chunks(999) {
        let mut items = parser.receive(piece);
        while items.next().is_some() {}
    }
    assert!(parser.held_len_bytes() <= 3 * 4096, "{}", parser.held_len_bytes());
}

#[test]
fn who_stops_early_gives_the_rest_again() {
    let stream = b"data: a\n:comment\ndata: b\n\ndata: c\n\n";
    let mut parser = Parser::default();
    let mut items = parser.receive(stream);
    assert!(matches!(items.next(), Some(Ok(Item::Comment(_)))));
    let consumed = items.consumed();
    drop(items);
    let mut items = parser.receive(&stream[consumed..]);
    assert!(matches!(items.next(), Some(Ok(Item::Event(event))) if event.data == "a\nb"));
    assert!(matches!(items.next(), Some(Ok(Item::Event(event))) if event.data == "c"));
}
