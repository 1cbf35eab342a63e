//! What streams cost in memory, counted. One test, because the counters are those of the whole process.
#![allow(clippy::unwrap_used, missing_docs)]

use std::time::Duration;
use tidewire_sse::{Config, Event, Item, Parser, comment, retry};

#[global_allocator]
static ALLOC: dhat::Alloc = dhat::Alloc;

/// Allocations made and most bytes held while `work` runs.
fn count(work: impl FnOnce()) -> (u64, usize) {
    let profiler = dhat::Profiler::builder().testing().build();
    work();
    let stats = dhat::HeapStats::get();
    drop(profiler);
    (stats.total_blocks, stats.max_bytes)
}

/// Takes the items of a stream in pieces, and gives their number.
fn feed(parser: &mut Parser, stream: &[u8], piece_len: usize) -> usize {
    let mut count = 0;
    for piece in stream.chunks(piece_len) {
        let mut items = parser.receive(piece);
        while let Some(item) = items.next() {
            item.unwrap();
            count += 1;
        }
    }
    count
}

/// A stream with all that the standard knows, 100 times over.
fn stream() -> (Vec<u8>, usize) {
    let (lines, many_lines) =
        ("a line\nof several\r\n\nlines", "seventy-two characters in a line of JSON\n".repeat(500));
    let mut stream = Vec::new();
    for number in 0..100 {
        let id = format!("{number:08}");
        Event::new().data("small").encode(&mut stream).unwrap();
        Event::new().id(&id).event("token").data(r#"{"text":"größer"}"#).encode(&mut stream).unwrap();
        Event::new().id("x").event(["a", "another", ""][number % 3]).data(lines).encode(&mut stream).unwrap();
        Event::new().data(&many_lines).encode(&mut stream).unwrap();
        Event::new().id("").encode(&mut stream).unwrap();
        comment("keep-alive", &mut stream);
        retry(Duration::from_secs(3), &mut stream);
        stream.extend_from_slice(b"unknown: field\ndata\n\n");
    }
    (stream, 7 * 100)
}

/// No event allocates, wherever it is cut, once the scratch is there.
fn equal_events_allocate_nothing() {
    let (stream, items) = stream();
    for piece_len in [stream.len(), 64 * 1024, 1_460, 128, 7, 1] {
        let mut parser = Parser::default();
        assert_eq!(feed(&mut parser, &stream, piece_len), items);
        let (allocations, _) = count(|| assert_eq!(feed(&mut parser, &stream, piece_len), items));
        assert_eq!(allocations, 0, "in pieces of {piece_len}");
    }
}

/// An event of one line that lies whole in its chunk needs no scratch at all.
fn one_line_events_are_lent() {
    let stream = format!("data: {}\n\n: a comment\nretry: 7\n", "x".repeat(1_000)).repeat(50);
    let (allocations, held) =
        count(|| assert_eq!(feed(&mut Parser::default(), stream.as_bytes(), stream.len()), 150));
    assert_eq!((allocations, held), (0, 0));
}

/// What is held of an unfinished event is at most twice what came of it, and never more than the limits let in.
fn an_unfinished_event_costs_what_came_of_it() {
    let mut config = Config::default();
    config.max_line_len = 100_000;
    config.max_data_len = 50_000;
    for line in ["data: ", ":", "unknown: ", ""] {
        let stream = [line.as_bytes(), &vec![b'x'; 1_000_000]].concat();
        let mut parser = Parser::new(config.clone());
        let (_, held) = count(|| {
            let mut came = 0;
            for piece in stream.chunks(100) {
                let mut items = parser.receive(piece);
                while items.next().is_some() {}
                drop(items);
                came += piece.len();
                assert!(parser.held_len_bytes() <= 2 * came);
            }
        });
        // While a buffer grows, the old one is there beside it.
        assert!(held <= 3 * config.max_line_len, "{held} for a line that begins with {line:?}");
        assert_eq!(parser.held_len_bytes(), 0);
    }
    let stream = b"data: another line\n".repeat(100_000);
    let mut parser = Parser::new(config.clone());
    let (_, held) = count(|| {
        let mut items = parser.receive(&stream);
        assert!(items.next().unwrap().is_err() && items.next().is_none());
    });
    assert!(held <= 3 * config.max_data_len, "{held} for lines without an end");
}

/// An event that is not UTF-8 is decoded for as long as it is lent.
fn what_is_decoded_is_given_back() {
    let stream = [b"data: ", &[0xFF; 10_000][..], b"\n\n"].concat();
    let mut parser = Parser::default();
    let (_, held) = count(|| {
        let mut items = parser.receive(&stream);
        assert!(matches!(items.next(), Some(Ok(Item::Event(event))) if event.data.len() == 30_000));
        assert!(items.next().is_none());
    });
    assert!(held <= 65_000, "{held}");
    assert_eq!(parser.held_len_bytes(), 0);
}

fn encoding_allocates_what_it_is_asked_for() {
    let mut output = Vec::with_capacity(1_000);
    for data in ["one line", "three\nof\r\nthem", ""] {
        let event = Event::new().id("1").event("token").data(data);
        let (allocations, _) = count(|| {
            for _ in 0..100 {
                output.clear();
                comment("a comment", &mut output);
                retry(Duration::MAX, &mut output);
                event.encode(&mut output).unwrap();
            }
        });
        assert_eq!(allocations, 0);
        let (allocations, held) = count(|| drop(event.to_bytes().unwrap()));
        assert_eq!((allocations, held), (1, event.encoded_len().unwrap()));
    }
}

#[test]
fn memory_is_used_again_and_grows_with_what_came() {
    equal_events_allocate_nothing();
    one_line_events_are_lent();
    an_unfinished_event_costs_what_came_of_it();
    what_is_decoded_is_given_back();
    encoding_allocates_what_it_is_asked_for();
}
