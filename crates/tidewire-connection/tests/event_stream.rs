//! The SSE composite under a hand-moved clock.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{sync::Arc, time::Duration};
use tidewire_connection::event_stream::{Ended, EventStream};
use tidewire_lifecycle::{Config, Heartbeat, Timer};
use tidewire_sse::Event;

fn second(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn opened(config: Config) -> EventStream {
    EventStream::open(Arc::new(config), second(0), second(3), "c", &mut Vec::new()).unwrap()
}

#[test]
fn a_bad_start_id_writes_nothing() {
    let mut output = Vec::new();
    let config = Arc::new(Config::event_stream());
    assert!(EventStream::open(config, second(0), second(3), "a\nb", &mut output).is_err());
    assert!(output.is_empty());
}

#[test]
fn a_stream_may_begin_with_the_callers_words_or_none() {
    let mut stream = EventStream::new(Arc::new(Config::event_stream()), second(2));
    assert_eq!((stream.poll_timeout(), stream.ended()), (Some((second(17), Timer::Heartbeat)), None));
    stream.handle_queued(second(3), 10);
    assert_eq!((stream.usage(second(4)).open, stream.usage(second(4)).sent_bytes), (second(2), 10));
}

#[test]
fn keep_alives_come_only_in_silence() {
    let (mut stream, mut output) = (opened(Config::event_stream()), Vec::new());
    stream.send(second(10), &Event::new().data("x"), &mut output).unwrap();
    output.clear();
    assert_eq!(stream.poll_timeout(), Some((second(25), Timer::Heartbeat)));
    stream.handle_timeout(second(24), &mut output);
    assert!(output.is_empty());
    for at in [25, 40, 55] {
        stream.handle_timeout(second(at), &mut output);
        assert_eq!(output, b": keepalive\n\n");
        output.clear();
    }
    assert_eq!(stream.ended(), None);
}

#[test]
fn where_probes_are_asked_for_keep_alives_are_sent() {
    let (mut stream, mut output) = (opened(Config::default()), Vec::new());
    output.clear();
    for at in [25, 50, 75, 100] {
        assert_eq!(stream.poll_timeout(), Some((second(at), Timer::Heartbeat)));
        stream.handle_timeout(second(at), &mut output);
    }
    assert_eq!((output, stream.ended()), (b": keepalive\n\n".repeat(4), None));
}

#[test]
fn without_keep_alives_an_idle_stream_ends() {
    let mut config = Config::event_stream();
    config.heartbeat = Heartbeat::Off;
    let (mut stream, mut output) = (opened(config), Vec::new());
    stream.handle_timeout(second(300), &mut output);
    assert_eq!((stream.ended(), output.len()), (Some(Ended::Timeout(Timer::Idle)), 0));
    assert_eq!(stream.poll_timeout(), None);
}

#[test]
fn the_first_end_stands_and_the_usage_is_final() {
    let (mut stream, mut output) = (opened(Config::event_stream()), Vec::new());
    stream.handle_queued(second(1), 100);
    stream.end(second(5));
    stream.handle_transport_end(second(6));
    stream.handle_timeout(second(60), &mut output);
    let usage = stream.usage(second(100));
    assert_eq!((stream.ended(), output.len()), (Some(Ended::Local), 0));
    assert_eq!((usage.open, usage.sent_bytes, usage.sent_messages), (second(5), 100, 1));
}
