//! What is lost with an event that exceeds a limit, and what is not: the last event ID, on which the way back depends.
#![allow(clippy::unwrap_used, missing_docs)]

use tidewire_sse::{Config, Item, Parser};

fn low_limits() -> Config {
    let mut config = Config::default();
    config.max_line_len = 20;
    config.max_data_len = 8;
    config.max_event_type_len = 4;
    config.max_id_len = 4;
    config
}

/// What a stream says within low limits, in pieces: an event as `data|id`, anything else by its first letter.
fn said(stream: &str, piece_len: usize) -> (Vec<String>, String) {
    let mut parser = Parser::new(low_limits());
    let mut said = Vec::new();
    for piece in stream.as_bytes().chunks(piece_len) {
        let mut items = parser.receive(piece);
        while let Some(item) = items.next() {
            said.push(match item {
                Ok(Item::Event(event)) => format!("{}|{}", event.data, event.last_event_id),
                Ok(Item::Comment(comment)) => format!(":{comment}"),
                Ok(Item::Retry(time)) => format!("retry {}", time.as_millis()),
                Err(_) => "lost".to_owned(),
            });
        }
    }
    (said, parser.last_event_id().to_owned())
}

/// The same in any pieces.
fn says(stream: &str, expected: &[&str], last_event_id: &str) {
    for piece_len in 1..=stream.len() {
        let (said, id) = said(stream, piece_len);
        assert_eq!(said, expected, "{stream:?} in pieces of {piece_len}");
        assert_eq!(id, last_event_id, "{stream:?} in pieces of {piece_len}");
    }
}

/// One line too much for each limit.
const TOO_MUCH: [&str; 5] =
    ["data: 123456789", "event: 12345", "id: 12345", ": a line of 21 bytes!", "id: a line of 21 byte"];

//= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
//= type=test
//# Set the last event ID string of the event source to the value of the last event ID buffer. The buffer does not get
//# reset, so the last event ID string of the event source remains set to this value until the next time it is set by the
//# server.
#[test]
fn the_id_of_a_lost_event_counts_wherever_it_stands() {
    for too_much in TOO_MUCH {
        for block in [
            format!("id: 2\n{too_much}\n"),
            format!("{too_much}\nid: 2\n"),
            format!("{too_much}\nid:2\n"),
            format!("data: a\r\n{too_much}\r\nid: 2\r\ndata: b\r\n\r"),
            format!("id: 1\n{too_much}\nid: x\nid: 2\nid: x\0\n"),
        ] {
            let stream = format!("id: 1\ndata: a\n\n{block}\ndata: b\n\n");
            says(&stream, &["a|1", "lost", "b|2"], "2");
        }
        says(&format!("id: 1\n{too_much}\nid\n\ndata: b\n\n"), &["lost", "b|"], "");
        says(&format!("id: 1\n{too_much}\nid: \u{FFFD}\n\ndata: b\n\n"), &["lost", "b|\u{FFFD}"], "\u{FFFD}");
    }
}

#[test]
fn without_an_id_of_its_own_the_one_before_stays() {
    for too_much in TOO_MUCH {
        for other in ["", "i\n", "ids: 2\n", "i: 2\n", " id: 2\n", "ID: 2\n", ":id: 2\n", "data: id: 2\n"] {
            let stream = format!("id: 1\ndata: a\n\n{too_much}\n{other}\ndata: b\n\n");
            says(&stream, &["a|1", "lost", "b|1"], "1");
        }
    }
}

#[test]
fn the_id_of_a_lost_event_is_set_by_its_blank_line_only() {
    for too_much in TOO_MUCH {
        for cut in ["\n", "\nid: 2", "\nid: 2\n", "\nid: 2\r"] {
            says(&format!("id: 1\ndata: a\n\n{too_much}{cut}"), &["a|1", "lost"], "1");
        }
    }
}

#[test]
fn an_id_that_is_too_long_is_ignored_at_its_limit_and_not_before() {
    for (id, expected) in [
        ("id: 1234", "1234"),
        ("id:1234", "1234"),
        ("id:  123", " 123"),
        ("id: 12345", "1"),
        ("id:12345", "1"),
        ("id: 1234\0", "1"),
        ("id: 12345678901234567", "1"),
    ] {
        let lost = ["lost".to_owned(), format!("b|{expected}")];
        let lost = lost.each_ref().map(String::as_str);
        says(&format!("id: 1\n\ndata: 123456789\n{id}\n\ndata: b\n\n"), &lost, expected);
        says(&format!("id: 1\n\nid: 1\ndata: 123456789\n{id}\n\ndata: b\n\n"), &lost, expected);
    }
}

#[test]
fn a_line_that_is_too_long_is_no_id() {
    let stream = |id: &str| format!("id: 1\n\ndata: 123456789\nid: {id}\n\ndata: b\n\n");
    let mut config = low_limits();
    config.max_id_len = 100;
    for (len, is_id) in [(16, true), (17, false)] {
        let id = "x".repeat(len);
        for piece_len in [1, 7, 1000] {
            let mut parser = Parser::new(config.clone());
            for piece in stream(&id).as_bytes().chunks(piece_len) {
                let mut items = parser.receive(piece);
                while items.next().is_some() {}
            }
            assert_eq!(
                parser.last_event_id(),
                if is_id { &id } else { "1" },
                "{len} in pieces of {piece_len}"
            );
        }
    }
}

#[test]
fn comments_and_reconnection_times_are_lost_behind_what_was_too_much() {
    for too_much in TOO_MUCH {
        let stream = format!(":a\nretry: 1\n{too_much}\n:b\nretry: 2\nid: 2\n\n:c\nretry: 3\n");
        says(&stream, &[":a", "retry 1", "lost", ":c", "retry 3"], "2");
    }
}

#[test]
fn a_lost_event_holds_no_more_than_an_id() {
    let mut parser = Parser::new(low_limits());
    for piece in
        ["data: 123456789\n", "id: 12", "34\n", "idle: ", "1234567890", "1234567890", "\n", "x", "y\n"]
    {
        let mut items = parser.receive(piece.as_bytes());
        while items.next().is_some() {}
        drop(items);
        assert!(parser.held_len_bytes() <= 2 * "id: 1234".len() + 2 * "1234".len(), "{piece:?}");
    }
}

#[test]
fn what_stands_before_a_line_that_is_too_long_is_let_go_before_it_ends() {
    for line in ["data: ", ": ", "id: ", "x"] {
        let mut parser = Parser::new(low_limits());
        let chunk = format!("data: b\n{line}12345678901234567890");
        assert_eq!(parser.receive(chunk.as_bytes()).next(), None);
        assert_eq!(parser.held_len_bytes(), 0, "{line:?}");
        let mut items = parser.receive(b"\n\ndata: c\n\n");
        assert!(matches!(items.next(), Some(Err(_))));
        assert!(matches!(items.next(), Some(Ok(Item::Event(event))) if event.data == "c"));
    }
}
