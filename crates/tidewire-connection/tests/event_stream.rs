//! The SSE composite under a hand-moved clock.
#![cfg(feature = "sse")]
#![allow(clippy::unwrap_used, missing_docs)]

use std::{sync::Arc, time::Duration};
use tidewire_connection::event_stream::{Ended, EventStream, SendError, Transport};
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
    stream.admit_encoded(second(3)).unwrap();
    stream.handle_sent(second(3), 10, 0);
    assert_eq!((stream.usage(second(4)).open, stream.usage(second(4)).sent_bytes), (second(2), 10));
}

#[test]
fn keep_alives_come_only_in_silence() {
    let (mut stream, mut output) = (opened(Config::event_stream()), Vec::new());
    stream.send(second(10), &Event::new().data("x"), &mut output).unwrap();
    stream.handle_sent(second(10), output.len(), 0);
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
    assert_eq!(stream.transport(), Transport::ShutDown);
    assert_eq!(stream.poll_timeout(), Some((second(305), Timer::Closing)));
}

#[test]
fn the_first_end_stands_and_the_usage_is_final() {
    let (mut stream, mut output) = (opened(Config::event_stream()), Vec::new());
    stream.admit_encoded(second(1)).unwrap();
    stream.admit_all_encoded(second(1), 7).unwrap();
    stream.handle_sent(second(1), 100, 0);
    stream.end(second(4));
    stream.handle_transport_error(second(5));
    stream.handle_eof(second(6));
    stream.handle_timeout(second(60), &mut output);
    stream.begin_drain(second(60), second(61));
    let usage = stream.usage(second(100));
    assert_eq!((stream.ended(), output.len()), (Some(Ended::Local), 0));
    assert_eq!((usage.open, usage.sent_bytes, usage.sent_messages), (second(5), 100, 8));
}

#[test]
fn every_end_says_who_and_why_and_nothing_is_sent_behind_it() {
    type Ends = fn(&mut EventStream, &mut Vec<u8>);
    let ends: [(Ends, Ended, Transport, &str); 7] = [
        (|stream, _| stream.end(second(1)), Ended::Local, Transport::ShutDown, "local end of stream"),
        (|stream, _| stream.handle_eof(second(1)), Ended::Remote, Transport::Closed, "remote end of stream"),
        (
            |stream, _| stream.handle_transport_error(second(1)),
            Ended::Transport,
            Transport::Closed,
            "remote transport error",
        ),
        (
            |stream, output| {
                stream.begin_drain(second(1), second(2));
                stream.handle_timeout(second(2), output);
            },
            Ended::Timeout(Timer::Drain),
            Transport::ShutDown,
            "local timeout: going away",
        ),
        (
            |stream, output| {
                stream.set_credential_expiry(second(1), Some(second(2)));
                stream.handle_timeout(second(2), output);
            },
            Ended::Timeout(Timer::CredentialExpiry),
            Transport::ShutDown,
            "local timeout: credentials expired",
        ),
        (
            |stream, output| {
                stream.handle_sent(second(1), 10, 10);
                stream.handle_timeout(second(11), output);
            },
            Ended::Timeout(Timer::WriteStall),
            Transport::Closed,
            "local timeout: write stalled",
        ),
        (
            |stream, output| {
                stream.end(second(1));
                stream.handle_timeout(second(6), output);
            },
            Ended::Local,
            Transport::Closed,
            "local end of stream",
        ),
    ];
    for (end, ended, transport, text) in ends {
        let (mut stream, mut output) = (opened(Config::event_stream()), Vec::new());
        assert_eq!((stream.ended(), stream.transport()), (None, Transport::Open));
        end(&mut stream, &mut output);
        assert_eq!((stream.ended(), stream.transport()), (Some(ended), transport), "{text}");
        assert_eq!(ended.to_string(), text);
        output.clear();
        assert_eq!(stream.send(second(7), &Event::new().data("x"), &mut output), Err(SendError::NotOpen));
        assert_eq!(stream.admit_encoded(second(7)), Err(SendError::NotOpen));
        assert_eq!(stream.admit_all_encoded(second(7), 0), Err(SendError::NotOpen));
        assert!(output.is_empty());
    }
}

#[test]
fn behind_its_end_what_the_client_says_is_thrown_away_within_bounds() {
    let ended = || {
        let mut stream = opened(Config::event_stream());
        stream.handle_discarded(second(1), 300_000);
        stream.end(second(1));
        stream.handle_sent(second(1), 100, 0);
        stream.handle_shut_down(second(1));
        assert_eq!(stream.transport(), Transport::Discard);
        assert_eq!(stream.poll_timeout(), Some((second(3), Timer::Linger)));
        stream
    };
    // The client ends its side, too.
    let mut stream = ended();
    stream.handle_discarded(second(2), 1000);
    stream.handle_eof(second(2));
    assert_eq!((stream.transport(), stream.usage(second(9)).received_bytes), (Transport::Closed, 301_000));
    // It does not, and the time is over.
    let mut stream = ended();
    stream.handle_timeout(second(3), &mut Vec::new());
    assert_eq!((stream.transport(), stream.ended()), (Transport::Closed, Some(Ended::Local)));
    // It goes on and on.
    let mut stream = ended();
    stream.handle_discarded(second(2), 256 * 1024);
    assert_eq!(stream.transport(), Transport::Discard);
    stream.handle_discarded(second(2), 1);
    assert_eq!((stream.transport(), stream.ended()), (Transport::Closed, Some(Ended::Local)));
    stream.handle_discarded(second(2), 1);
    stream.handle_shut_down(second(2));
    // It had ended before we did: there is nothing to wait for.
    let mut stream = opened(Config::event_stream());
    stream.end(second(1));
    stream.handle_eof(second(1));
    assert_eq!(stream.transport(), Transport::Finish);
    stream.handle_eof(second(1));
    stream.handle_shut_down(second(1));
    assert_eq!((stream.transport(), stream.poll_timeout()), (Transport::Closed, None));
}

#[test]
fn an_event_that_would_inject_is_refused_and_the_stream_goes_on() {
    let (mut stream, mut output) = (opened(Config::event_stream()), Vec::new());
    let refused = stream.send(second(1), &Event::new().id("a\nb"), &mut output).unwrap_err();
    assert!(matches!(refused, SendError::Invalid(_)) && output.is_empty());
    assert!(refused.to_string().contains("last event ID"), "{refused}");
    assert_eq!(stream.usage(second(1)).sent_messages, 0);
    stream.send(second(1), &Event::new().data("x"), &mut output).unwrap();
    assert_eq!((output.as_slice(), stream.usage(second(1)).sent_messages), (&b"data: x\n\n"[..], 1));
}
