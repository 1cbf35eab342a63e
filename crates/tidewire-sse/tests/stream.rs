//! The decoder over a stream of chunks: the golden vectors, errors of the transport, pending chunks, the end.
#![cfg(feature = "stream")]
#![allow(clippy::unwrap_used, missing_docs)]

use std::{
    collections::VecDeque,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use futures_core::stream::FusedStream;
use futures_util::{FutureExt, Stream, StreamExt, stream};
use serde::Deserialize;
use tidewire_sse::{
    Config, Limit, LimitExceeded,
    stream::{Event, EventStream, EventStreamError, Eventsource},
};
use tidewire_testkit::splits;

/// A vector whose input is text or bytes; the generated ones are of the parser's own test.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vector {
    name: String,
    input: Option<String>,
    #[serde(rename = "input_b64")]
    input_b64: Option<String>,
    chunks: Option<Vec<String>>,
    #[serde(rename = "chunks_b64")]
    chunks_b64: Option<Vec<String>>,
    #[serde(default)]
    expect: Vec<Expected>,
    retry: Option<u64>,
    #[serde(default)]
    last_event_id: String,
    #[serde(default)]
    last_event_id_init: String,
}

#[derive(Deserialize, Debug, PartialEq)]
struct Expected {
    event: String,
    data: String,
    id: String,
}

impl Vector {
    fn input(&self) -> Option<Vec<u8>> {
        use base64::Engine;
        let from_base64 = |text: &String| base64::engine::general_purpose::STANDARD.decode(text).unwrap();
        let text = self.input.as_ref().map(|text| text.clone().into_bytes());
        let chunks = self.chunks.as_ref().map(|chunks| chunks.concat().into_bytes());
        let coded = self.chunks_b64.as_ref().map(|chunks| chunks.iter().flat_map(from_base64).collect());
        text.or(chunks).or(coded).or(self.input_b64.as_ref().map(from_base64))
    }

    fn check(&self, pieces: Vec<&[u8]>) {
        let mut stream = stream::iter(pieces.into_iter().map(Ok::<_, ()>)).eventsource();
        stream.set_last_event_id(&*self.last_event_id_init);
        let items: Vec<_> = stream.by_ref().collect().now_or_never().unwrap();
        let events: Vec<_> = items
            .into_iter()
            .map(|event| event.unwrap())
            .map(|Event { event, data, id, .. }| Expected { event, data, id })
            .collect();
        assert_eq!(events, self.expect, "{}", self.name);
        assert_eq!(stream.last_event_id(), self.last_event_id, "{}", self.name);
        assert_eq!(stream.reconnection_time(), self.retry.map(Duration::from_millis), "{}", self.name);
    }
}

#[test]
fn every_vector_holds_whole_byte_by_byte_and_at_random_splits() {
    let vectors: Vec<Vector> = serde_json::from_str(include_str!("vectors/sse.json")).unwrap();
    let mut checked = 0;
    for vector in vectors {
        let Some(input) = vector.input() else { continue };
        vector.check(splits::whole(&input));
        vector.check(splits::bytewise(&input));
        for seed in 0..20 {
            vector.check(splits::random(&input, seed));
        }
        checked += 1;
    }
    assert!(checked >= 153, "{checked}");
}

/// What a source of chunks does when it is polled.
enum Step {
    Chunk(&'static str),
    Error(&'static str),
    Pending,
}

/// A source that follows a script and counts its polls; behind the script it is at its end, and says so once.
struct Script {
    steps: VecDeque<Step>,
    polls: usize,
    ended: bool,
}

fn script(steps: impl IntoIterator<Item = Step>) -> EventStream<Script> {
    Script { steps: steps.into_iter().collect(), polls: 0, ended: false }.eventsource()
}

impl Stream for Script {
    type Item = Result<&'static str, &'static str>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.polls += 1;
        match self.steps.pop_front() {
            Some(Step::Chunk(chunk)) => Poll::Ready(Some(Ok(chunk))),
            Some(Step::Error(error)) => Poll::Ready(Some(Err(error))),
            Some(Step::Pending) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            None => {
                assert!(!std::mem::replace(&mut self.ended, true), "polled behind its end");
                Poll::Ready(None)
            }
        }
    }
}

fn poll<S: Stream + Unpin>(stream: &mut S) -> Poll<Option<S::Item>> {
    stream.poll_next_unpin(&mut Context::from_waker(Waker::noop()))
}

fn event(data: &str) -> Event {
    Event { event: "message".into(), data: data.into(), ..Event::default() }
}

fn ready<E>(data: &str) -> Poll<Option<Result<Event, EventStreamError<E>>>> {
    Poll::Ready(Some(Ok(event(data))))
}

#[test]
fn an_error_of_the_transport_is_passed_on_and_cuts_no_event() {
    let mut stream = script([
        Step::Error("first"),
        Step::Chunk("id: 1\ndata: a"),
        Step::Error("second"),
        Step::Chunk("b\n\n"),
    ]);
    assert_eq!(poll(&mut stream), Poll::Ready(Some(Err(EventStreamError::Transport("first")))));
    assert_eq!(poll(&mut stream), Poll::Ready(Some(Err(EventStreamError::Transport("second")))));
    assert_eq!(stream.last_event_id(), "", "its block has not ended");
    assert_eq!(poll(&mut stream), Poll::Ready(Some(Ok(Event { id: "1".into(), ..event("ab") }))));
    assert_eq!(stream.last_event_id(), "1");
    assert_eq!(poll(&mut stream), Poll::Ready(None));
}

#[test]
fn pending_chunks_are_waited_for_and_lose_nothing() {
    let mut stream = script([
        Step::Pending,
        Step::Chunk("data: a\n"),
        Step::Pending,
        Step::Chunk("\ndata: b\n\ndata: c"),
        Step::Pending,
        Step::Chunk("\n\n"),
    ]);
    assert_eq!(poll(&mut stream), Poll::Pending);
    assert_eq!(poll(&mut stream), Poll::Pending);
    // A `next` that is dropped while it waits has taken nothing.
    assert_eq!(stream.next().now_or_never(), Some(Some(Ok(event("a")))));
    assert_eq!(stream.next().now_or_never(), Some(Some(Ok(event("b")))));
    assert_eq!(stream.next().now_or_never(), None);
    assert_eq!(stream.next().now_or_never(), Some(Some(Ok(event("c")))));
    assert_eq!(poll(&mut stream), Poll::Ready(None));
}

#[test]
fn the_waker_is_that_of_the_chunks() {
    #[derive(Default)]
    struct Wakes(AtomicUsize);
    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(Arc::clone(&wakes));
    let mut stream = pin!(script([Step::Chunk(":\n"), Step::Pending]));
    assert!(stream.as_mut().poll_next(&mut Context::from_waker(&waker)).is_pending());
    assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
}

#[test]
fn a_chunk_with_several_events_is_read_to_its_end_before_the_next_is_asked_for() {
    let mut stream = script([Step::Chunk("data: a\n\ndata: b\n\n\n\ndata: c\n\ndata"), Step::Error("late")]);
    for data in ["a", "b", "c"] {
        assert_eq!(poll(&mut stream), ready(data));
    }
    assert_eq!(poll(&mut stream), Poll::Ready(Some(Err(EventStreamError::Transport("late")))));
}

#[test]
fn the_end_stays_the_end_and_the_chunks_are_not_asked_again() {
    let mut stream = script([Step::Chunk("data: a\n\n")]);
    assert_eq!(stream.size_hint(), (0, None));
    assert!(!stream.is_terminated());
    assert_eq!(poll(&mut stream), ready("a"));
    assert!(!stream.is_terminated());
    for _ in 0..3 {
        assert_eq!(poll(&mut stream), Poll::Ready(None));
        assert_eq!(stream.size_hint(), (0, Some(0)));
        assert!(stream.is_terminated());
    }
}

//= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
//= type=test
//# (If the file ends in the middle of an event, before the final empty line, the incomplete event is not dispatched.)
#[test]
fn an_event_that_the_end_cuts_is_dropped() {
    for cut in ["data: b", "data: b\n", "id: 2\ndata: b\r", "data: b\nid: 2\n"] {
        let mut stream = script([Step::Chunk("id: 1\ndata: a\n\n"), Step::Chunk(cut)]);
        assert_eq!(poll(&mut stream), Poll::Ready(Some(Ok(Event { id: "1".into(), ..event("a") }))), "{cut}");
        assert_eq!(poll(&mut stream), Poll::Ready(None), "{cut}");
        assert_eq!(stream.last_event_id(), "1", "{cut}");
    }
}

#[test]
fn a_lost_event_is_told_and_the_next_one_comes() {
    let mut config = Config::default();
    config.max_line_len = 8;
    let chunks = ["data: 12\n\ndata: 123\n\n", "data: a\n\n", "data: 123456", "789", "\n\ndata: b\n\n"];
    let chunks = stream::iter(chunks.map(Ok::<_, ()>));
    let items: Vec<_> = EventStream::with_config(chunks, config).collect().now_or_never().unwrap();
    let said: Vec<_> = items
        .into_iter()
        .map(|item| match item {
            Ok(event) => event.data,
            Err(EventStreamError::Parser(LimitExceeded { limit: Limit::Line, max_len: 8, seen_len })) => {
                assert!(seen_len > 8);
                "lost".to_owned()
            }
            Err(error) => panic!("{error:?}"),
        })
        .collect();
    assert_eq!(said, ["12", "lost", "a", "lost", "b"]);
}

#[test]
fn what_no_decoder_of_text_survives_is_read() {
    let chunks: [&[u8]; 4] = [b"\xEF\xBB", b"\xBFdata: a\n\n", b"data: \xFF\xE2\x82", b"\n\ndata: b\n\n"];
    let items: Vec<_> = stream::iter(chunks.map(Ok::<_, ()>)).eventsource().collect().now_or_never().unwrap();
    assert_eq!(items, [Ok(event("a")), Ok(event("\u{FFFD}\u{FFFD}")), Ok(event("b"))]);
}

#[test]
fn a_reconnection_time_comes_with_the_next_event_and_once() {
    let mut stream = script([
        Step::Chunk("retry: 7\n\n"),
        Step::Chunk("data: a\n\ndata: b\n\ndata: c\nretry: 9\nretry: x\n\nretry: 10\n\n"),
    ]);
    let millis = Duration::from_millis;
    let with = |data, retry| Poll::Ready(Some(Ok(Event { retry, ..event(data) })));
    assert_eq!(poll(&mut stream), with("a", Some(millis(7))));
    assert_eq!(poll(&mut stream), with("b", None));
    assert_eq!(poll(&mut stream), with("c", Some(millis(9))));
    assert_eq!(poll(&mut stream), Poll::Ready(None));
    assert_eq!(stream.reconnection_time(), Some(millis(10)));
}

#[test]
fn the_last_event_id_that_was_set_is_carried_until_the_stream_sets_one() {
    let mut stream = script([Step::Chunk("data: a\n\nid: 8\ndata: b\n\nid\ndata: c\n\n")]);
    stream.set_last_event_id("7");
    assert_eq!(stream.last_event_id(), "7");
    for (data, id) in [("a", "7"), ("b", "8"), ("c", "")] {
        assert_eq!(poll(&mut stream), Poll::Ready(Some(Ok(Event { id: id.into(), ..event(data) }))));
        assert_eq!(stream.last_event_id(), id);
    }
}

#[test]
fn errors_say_what_happened() {
    let utf8: EventStreamError<&str> = EventStreamError::Utf8(String::from_utf8(vec![0xFF]).unwrap_err());
    assert!(utf8.to_string().starts_with("not UTF-8: "), "{utf8}");
    let exceeded = LimitExceeded { limit: Limit::Id, max_len: 8, seen_len: 9 };
    let lost: EventStreamError<&str> = EventStreamError::Parser(exceeded);
    assert_eq!(lost.to_string(), format!("an event was lost: {exceeded}"));
    let failed: Box<dyn std::error::Error + Send + Sync> = EventStreamError::Transport("reset").into();
    assert_eq!(failed.to_string(), "the transport failed: reset");
}
