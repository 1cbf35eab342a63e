//! Each limit at its value and one past it, and what is held between and within events.
#![allow(clippy::unwrap_used, missing_docs)]

use tidewire_sse::{Config, Item, Limit, LimitExceeded, Parser};

#[derive(Debug, PartialEq)]
enum Said {
    Data(String),
    Exceeded(LimitExceeded),
}

fn exceeded(limit: Limit, max_len: usize, seen_len: usize) -> Said {
    Said::Exceeded(LimitExceeded { limit, max_len, seen_len })
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
            Err(exceeded) => said.push(Said::Exceeded(exceeded)),
        }
    }
    said
}

#[test]
fn a_line_at_the_limit_is_read_and_one_past_it_loses_its_event_only() {
    let low: fn(&mut Config) = |config| config.max_line_len = 8;
    assert_eq!(said(low, "data: 12\n\n"), [Said::Data("12".into())]);
    let past = said(low, "id: 1\ndata: 123\ndata: x\n\ndata: a\n\n");
    assert_eq!(past, [exceeded(Limit::Line, 8, 9), Said::Data("a".into())]);
    let comment = said(low, ":12345678\ndata: x\n\ndata: a\n\n");
    assert_eq!(comment, [exceeded(Limit::Line, 8, 9), Said::Data("a".into())]);
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
    assert_eq!(data, [exceeded(Limit::Data, 5, 6), Said::Data("a".into())]);
    assert_eq!(said(low, "event: ab\nid: ab\ndata: x\n\n"), [Said::Data("x".into())]);
    let event = said(low, "event: abc\ndata: x\n\ndata: a\n\n");
    assert_eq!(event, [exceeded(Limit::EventType, 2, 3), Said::Data("a".into())]);
    let id = said(low, "id: abc\ndata: x\n\ndata: a\n\n");
    assert_eq!(id, [exceeded(Limit::Id, 2, 3), Said::Data("a".into())]);
}

#[test]
fn each_lost_event_is_one_error_whatever_else_is_wrong_with_it() {
    let low: fn(&mut Config) = |config| {
        config.max_line_len = 12;
        config.max_data_len = 5;
        config.max_id_len = 2;
    };
    let lost = "id: abc\nid: abcd\ndata: 123456\ndata: 123456789\n: a long comment\ndata: 123456\n\n";
    let id = exceeded(Limit::Id, 2, 3);
    let on = || Said::Data("on".into());
    assert_eq!(said(low, &format!("{lost}{lost}data: on\n\n{lost}data: on\n\n")).len(), 5);
    assert_eq!(said(low, &format!("{lost}data: on\n\n")), [id, on()]);
    // The line that is too much may be the event's last, or the blank line may have other endings.
    assert_eq!(said(low, "data: 123456\n\ndata: on\n\n"), [exceeded(Limit::Data, 5, 6), on()]);
    assert_eq!(said(low, "data: 123456\r\n\r\ndata: on\r\r"), [exceeded(Limit::Data, 5, 6), on()]);
    assert_eq!(said(low, "data: 1234567\r\rdata: on\r\n\n"), [exceeded(Limit::Line, 12, 13), on()]);
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
fn a_data_line_is_held_once_wherever_it_is_cut() {
    let stream = format!("data: {}\n", "x".repeat(100_000));
    for first_len in 0..8 {
        let mut parser = Parser::default();
        let (first, rest) = stream.as_bytes().split_at(first_len);
        for piece in core::iter::once(first).chain(rest.chunks(1_000)) {
            assert_eq!(parser.receive(piece).next(), None);
        }
        let held = parser.held_len_bytes();
        assert!((100_000..2 * 100_000).contains(&held), "{held} if cut behind {first_len}");
    }
}

#[test]
fn large_scratch_is_given_back_when_the_stream_has_turned_small() {
    let mut parser = Parser::default();
    let big = format!("event: big\ndata: {}\ndata: y\n\n", "x".repeat(500_000));
    let feed = |parser: &mut Parser, stream: &str| {
        for piece in stream.as_bytes().chunks(999) {
            let mut items = parser.receive(piece);
            while items.next().is_some() {}
        }
    };
    for _ in 0..3 {
        feed(&mut parser, &big);
        feed(&mut parser, &"data: small\ndata: event\n\n".repeat(15));
        assert!((500_000..1_100_000).contains(&parser.held_len_bytes()), "{}", parser.held_len_bytes());
    }
    feed(&mut parser, ": keepalive\n\n");
    assert!(parser.held_len_bytes() <= 2 * 4096, "{}", parser.held_len_bytes());
}

#[test]
fn a_quiet_stream_gives_all_scratch_back_when_told() {
    let mut parser = Parser::default();
    let block = format!("id: 1\nevent: a\ndata: {}\n: a comment\n\n", "x".repeat(50_000));
    for piece in block.repeat(2).as_bytes().chunks(999) {
        let mut items = parser.receive(piece);
        while items.next().is_some() {}
    }
    assert!(parser.held_len_bytes() > 50_000);
    parser.shrink();
    assert_eq!((parser.held_len_bytes(), parser.last_event_id()), (0, "1"));
}

#[test]
fn what_an_unfinished_event_needs_is_never_given_back() {
    let stream = "id: 1\nevent: a\ndata: b\n:comment\nretry: 3\ndata: c\nid: 2\n\n";
    for cut in 0..stream.len() {
        let (mut parser, mut data) = (Parser::default(), Vec::new());
        for piece in [&stream[..cut], &stream[cut..]] {
            let mut items = parser.receive(piece.as_bytes());
            while let Some(item) = items.next() {
                if let Item::Event(event) = item.unwrap() {
                    data.push(format!("{} {} {}", event.event_type, event.data, event.last_event_id));
                }
            }
            drop(items);
            parser.shrink();
        }
        assert_eq!(data, ["a b\nc 2"], "cut at {cut}");
    }
}

#[test]
fn a_line_is_counted_to_its_end_or_past_twice_its_limit() {
    let mut config = Config::default();
    config.max_line_len = 10;
    let seen = |line: &str, chunk_len: usize| {
        let mut parser = Parser::new(config.clone());
        let stream = format!("data: lost\n{line}\ndata: lost, too\n\ndata: on\n\n");
        let mut said = Vec::new();
        for piece in stream.as_bytes().chunks(chunk_len) {
            let mut items = parser.receive(piece);
            while let Some(item) = items.next() {
                said.push(item.map(|item| format!("{item:?}")));
            }
        }
        let on = said.pop().unwrap().unwrap();
        assert!(said.len() == 1 && on.contains("\"on\""), "one error for one event: {said:?}");
        said[0].clone().unwrap_err()
    };
    for (len, seen_len) in [(11, 11), (12, 12), (20, 20), (21, 21), (22, 21), (1_000, 21)] {
        for start in ["data: ", ": ", "id: ", "unknown: "] {
            let line = format!("{start:x<len$}");
            for chunk_len in [1, 2, 3, 7, 10, 11, 12, 20, 21, 22, 23, 5_000] {
                let expected = LimitExceeded { limit: Limit::Line, max_len: 10, seen_len };
                assert_eq!(seen(&line, chunk_len), expected, "{line} in pieces of {chunk_len}");
            }
        }
    }
}

#[test]
fn a_line_without_an_end_is_refused_past_twice_its_limit() {
    let mut config = Config::default();
    config.max_line_len = 1_000;
    let mut parser = Parser::new(config);
    for byte in 1..=5_000 {
        let mut items = parser.receive(b"x");
        let said = items.next();
        assert_eq!(said.is_some(), byte == 2_001);
        drop(items);
        assert!(byte <= 1_000 || parser.held_len_bytes() == 0);
    }
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
