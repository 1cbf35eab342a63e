//! One program, written for `eventsource-stream`, compiled with it and with us: the same events come of the same input.
#![cfg(feature = "stream")]
#![allow(clippy::unwrap_used, missing_docs)]
#![allow(clippy::duplicate_mod, reason = "that is the test")]

/// With what it was written for.
#[path = "."]
mod before {
    use eventsource_stream as events;
    #[path = "consumer.rs"]
    pub(crate) mod consumer;
}

/// With ours.
#[path = "."]
mod after {
    use tidewire_sse::stream as events;
    #[path = "consumer.rs"]
    pub(crate) mod consumer;
}

use futures_util::FutureExt;
use tidewire_testkit::splits;

/// Everything that came out of the program.
#[derive(Debug, PartialEq)]
struct Seen {
    printed: Vec<String>,
    tokens: Vec<String>,
    stopped_by: String,
    last_event_id: String,
    default: String,
}

/// Streams that servers send. Where the two crates differ, docs/migrating.md says how, and tests/stream.rs proves ours.
const STREAMS: [&str; 8] = [
    "",
    "data: one\n\ndata: two\n\ndata: [DONE]\n\ndata: late\n\n",
    "id: 1\nevent: token\ndata: {\"token\":\"Hel\"}\n\nid: 2\nevent: token\ndata: {\"token\":\"lo\"}\n\nevent: done\ndata: {}\n\n",
    "data: YHOO\r\ndata: +2\r\ndata: 10\r\n\r\n",
    ": keepalive\n\ndata:tight\nunknown: x\n\ndata:  loose\n\ndata\n\ndata\ndata\n\n",
    "id: a\nretry: 3000\ndata: x\n\ndata: the same id\n\nid\ndata: none\n\n",
    "event: only\nid: 5\n\ndata: \u{1F30A}\u{FFFD}\u{E9}\n\ndata: cut",
    "data: old Mac\r\revent: x\rdata: y\r\r\n",
];

#[test]
fn the_same_events_come_of_the_same_stream_in_any_pieces() {
    for stream in STREAMS {
        for seed in 0..50 {
            let pieces = || splits::random(stream.as_bytes(), seed).into_iter().map(Ok);
            let before = before::consumer::run(pieces()).now_or_never().unwrap();
            let after = after::consumer::run(pieces()).now_or_never().unwrap();
            assert_eq!(before, after, "{stream:?} with seed {seed}");
        }
    }
}

#[test]
fn the_program_sees_what_is_to_be_seen() {
    let chunks =
        [Ok(&b"id: 1\ndata: a\n\ndata: b\n\n"[..]), Err("reset"), Ok(b"data: [DONE]\n\ndata: late\n\n")];
    let seen = after::consumer::run(chunks.into_iter()).now_or_never().unwrap();
    assert_eq!(seen, before::consumer::run(chunks.into_iter()).now_or_never().unwrap());
    assert_eq!(
        seen.printed,
        [
            "message 1 a None",
            "message 1 b None",
            "failed: reset",
            "message 1 [DONE] None",
            "message 1 late None"
        ]
    );
    assert_eq!(seen.tokens, ["a", "b"]);
    assert_eq!((&*seen.stopped_by, &*seen.last_event_id), ("reset", "1"));
    assert_eq!(seen.default, "   None");
}

#[test]
fn where_they_differ_it_is_as_the_page_says() {
    let both = |chunks: &[&'static [u8]]| {
        let chunks: Vec<_> = chunks.iter().map(|chunk| Ok(*chunk)).collect();
        let before = before::consumer::run(chunks.clone().into_iter()).now_or_never().unwrap();
        (before.printed, after::consumer::run(chunks.into_iter()).now_or_never().unwrap().printed)
    };

    let mark = std::panic::catch_unwind(|| {
        let chunks = [Ok(&b"\xEF\xBB\xBFdata: a\n\n"[..])];
        before::consumer::run(chunks.into_iter()).now_or_never().unwrap()
    });
    assert!(mark.is_err(), "it reads a byte order mark");
    let chunks = [Ok(&b"\xEF\xBB\xBFdata: a\n\n"[..])];
    let after = after::consumer::run(chunks.into_iter()).now_or_never().unwrap();
    assert_eq!(after.printed, ["message  a None"]);

    let (before, after) = both(&[b"data: \xFF\n\n", b"data: b\n\n"]);
    assert!(matches!(&before[..], [only] if only.starts_with("bad: ")), "{before:?}");
    assert_eq!(after, ["message  \u{FFFD} None", "message  b None"]);

    let (before, after) = both(&[b"retry: 7\n\ndata: a\n\n"]);
    assert_eq!(before, ["message  a None"]);
    assert_eq!(after, ["message  a Some(7ms)"]);
}

#[test]
fn a_resumed_stream_keeps_its_id() {
    use futures_util::{StreamExt, stream};
    let chunks = || stream::iter([Ok::<_, ()>("data: a\n\n")]);
    let mut before = eventsource_stream::EventStream::new(chunks());
    before.set_last_event_id("7");
    assert_eq!(before.next().now_or_never().unwrap().unwrap().unwrap().id, "");
    assert_eq!(before.last_event_id(), "");
    let mut after = tidewire_sse::stream::EventStream::new(chunks());
    after.set_last_event_id("7");
    assert_eq!(after.next().now_or_never().unwrap().unwrap().unwrap().id, "7");
    assert_eq!(after.last_event_id(), "7");
}
