//! An event stream's client without a socket: the cases of the golden vectors one level up, the table of its states,
//! deadlines, and what it holds on to.
#![cfg(feature = "sse")]
#![allow(clippy::unwrap_used, missing_docs)]

use std::sync::Arc;
use std::time::Duration;
use tidewire_connection::event_source::{
    Answer, Config, Ended, EventSource, Loss, Refusal, Repeat, Response, ServerTrouble, Task, Timer,
};
use tidewire_lifecycle::{Heartbeat, Timer as Deadline, reconnect};
use tidewire_sse::{Item, Limit};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const STREAM: &str = "text/event-stream";

fn response(status: u16, content_type: Option<&str>) -> Response<'_> {
    Response { content_type, ..Response::with_status(status) }
}

fn redirect(status: u16, location: Option<&'static str>) -> Response<'static> {
    Response { location, ..response(status, None) }
}

fn source(change: impl FnOnce(&mut Config)) -> EventSource {
    let mut config = Config::default();
    change(&mut config);
    EventSource::new(Arc::new(config), ms(0), 1)
}

fn opened(change: impl FnOnce(&mut Config)) -> EventSource {
    let mut source = source(change);
    assert_eq!(source.handle_response(ms(0), response(200, Some(STREAM))), Answer::Read);
    source
}

/// The data of the events in a chunk.
fn read(source: &mut EventSource, now: Duration, chunk: &str) -> Vec<String> {
    source.handle_received(now, chunk.len());
    let mut data = Vec::new();
    let mut items = source.receive(now, chunk.as_bytes());
    while let Some(item) = items.next() {
        if let Item::Event(event) = item.unwrap() {
            data.push(event.data.to_owned());
        }
    }
    data
}

/// Waits out the reconnection time; how long it was.
fn reconnect(source: &mut EventSource, now: Duration) -> Duration {
    let Some((at, Timer::Reconnection)) = source.poll_timeout() else { panic!("{source:?}") };
    source.handle_timeout(at - ms(1));
    assert_eq!(source.task(), Task::Wait, "a millisecond before");
    source.handle_timeout(at);
    assert_eq!(source.task(), Task::Request);
    at - now
}

#[test]
fn any_status_but_200_is_the_end_and_204_a_clean_one() {
    for status in [204, 205, 210, 299, 404, 410, 503] {
        let mut source = source(|_| {});
        assert_eq!(source.handle_response(ms(5), response(status, Some(STREAM))), Answer::Drop);
        let expected = if status == 204 { Ended::Stopped } else { Ended::Refused(Refusal::Status(status)) };
        assert_eq!((source.task(), source.ended()), (Task::Done, Some(&expected)), "{status}");
        assert_eq!(source.poll_timeout(), None, "no second request");
    }
}

#[test]
fn the_content_type_decides() {
    // Of several fields the last media type counts.
    let fields = ["text/html", STREAM, "*/*"].join(", ");
    for open in [STREAM, "text/event-stream;", "text/event-stream;charset=windows-1252", &fields] {
        assert_eq!(source(|_| {}).handle_response(ms(0), response(200, Some(open))), Answer::Read);
    }
    for fail in [Some("x bogus"), Some("text/x-bogus"), Some("text/event-stream, text/html"), Some(""), None]
    {
        let mut source = source(|_| {});
        assert_eq!(source.handle_response(ms(0), response(200, fail)), Answer::Drop);
        let refusal = Refusal::ContentType(fail.map(Box::from));
        assert_eq!(source.ended(), Some(&Ended::Refused(refusal)));
    }
}

#[test]
fn a_body_that_is_compressed_is_no_event_stream() {
    for (encoding, answer) in [
        ("identity", Answer::Read),
        ("", Answer::Read),
        ("gzip", Answer::Drop),
        ("identity, br", Answer::Drop),
    ] {
        let mut source = source(|_| {});
        let response = Response { content_encoding: Some(encoding), ..response(200, Some(STREAM)) };
        assert_eq!(source.handle_response(ms(0), response), answer, "{encoding}");
        let refused = Ended::Refused(Refusal::ContentEncoding(encoding.into()));
        assert_eq!(source.ended(), (answer == Answer::Drop).then_some(&refused));
    }
}

#[test]
fn no_heartbeat_is_sent_or_missed_whatever_the_settings_say() {
    let (interval, timeout) = (ms(1000), ms(100));
    for heartbeat in [Heartbeat::Probe { interval, timeout }, Heartbeat::KeepAlive { interval }] {
        let mut source = opened(|config| {
            let mut lifecycle = tidewire_lifecycle::Config::default();
            lifecycle.heartbeat = heartbeat;
            config.lifecycle = Arc::new(lifecycle);
        });
        for _ in 0..2 {
            assert_eq!(source.poll_timeout().unwrap().1, Timer::Connection(Deadline::Idle));
            source.handle_timeout(ms(10_000));
            assert_eq!(source.task(), Task::Read);
            source.handle_eof(ms(10_000));
            reconnect(&mut source, ms(10_000));
            assert_eq!(source.handle_response(ms(10_000), response(200, Some(STREAM))), Answer::Read);
        }
    }
}

#[test]
fn an_id_longer_than_servers_hear_again_is_told_of_at_once() {
    for (len, fits) in [(4096, true), (4097, false)] {
        let mut source = opened(|_| {});
        let chunk = format!("id: {}\ndata: x\n\n", "i".repeat(len));
        source.handle_received(ms(0), chunk.len());
        let mut items = source.receive(ms(0), chunk.as_bytes());
        let item = items.next().unwrap();
        assert_eq!(item.is_ok(), fits);
        if let Err(exceeded) = item {
            assert_eq!((exceeded.limit, exceeded.max_len), (Limit::Id, 4096));
        }
    }
}

#[test]
fn redirects_are_followed_up_to_the_limit_in_each_attempt() {
    for status in [301, 302, 303, 307, 308] {
        let mut source = source(|config| config.max_redirects = 2);
        for attempt in 0..3 {
            for _ in 0..2 {
                assert_eq!(source.handle_response(ms(0), redirect(status, Some("/b"))), Answer::Follow);
                assert_eq!(source.task(), Task::Request);
            }
            if attempt < 2 {
                source.handle_transport_error(ms(0));
                reconnect(&mut source, ms(0));
            }
        }
        assert_eq!(source.handle_response(ms(0), redirect(status, Some("/b"))), Answer::Drop);
        assert_eq!(source.ended(), Some(&Ended::Refused(Refusal::Redirects(2))));
    }
    let mut source = source(|config| config.max_redirects = 0);
    assert_eq!(source.handle_response(ms(0), redirect(301, Some("/b"))), Answer::Drop);
}

#[test]
fn a_redirect_to_nowhere_is_an_error_and_no_loop() {
    for location in [None, Some("")] {
        let mut source = source(|_| {});
        assert_eq!(source.handle_response(ms(0), redirect(307, location)), Answer::Drop);
        assert_eq!(source.ended(), Some(&Ended::Refused(Refusal::Location(307))));
    }
    let mut source = source(|_| {});
    assert_eq!(source.handle_response(ms(0), redirect(301, Some("http://["))), Answer::Follow);
    source.handle_bad_location(ms(1), 301);
    assert_eq!(source.ended(), Some(&Ended::Refused(Refusal::Location(301))));
}

#[test]
fn an_end_is_no_error_and_the_server_says_when_to_come_back() {
    let mut source = opened(|config| {
        let mut schedule = reconnect::Config::event_stream();
        schedule.min_delay = ms(1);
        config.schedule = Arc::new(schedule);
    });
    assert_eq!(read(&mut source, ms(1), "retry: 2\n"), [""; 0]);
    source.handle_eof(ms(10));
    assert_eq!((source.task(), source.loss()), (Task::Wait, Some(Loss::Eof)));
    let delay = reconnect(&mut source, ms(10));
    assert!((ms(2)..=Duration::from_micros(2500)).contains(&delay), "{delay:?}");
    assert_eq!(source.handle_response(ms(20), response(200, Some(STREAM))), Answer::Read);
    assert_eq!(read(&mut source, ms(20), "data: data\n\n"), ["data"]);
    // The time that it named holds for the connections that follow, too.
    source.handle_eof(ms(30));
    assert!(reconnect(&mut source, ms(30)) < ms(3));
    assert_eq!(source.handle_response(ms(40), response(204, None)), Answer::Drop);
    assert_eq!((source.ended(), source.poll_timeout()), (Some(&Ended::Stopped), None));
}

#[test]
fn three_thousand_milliseconds_may_be_written_with_a_zero_in_front() {
    let mut source = opened(|_| {});
    read(&mut source, ms(0), "retry:03000\ndata: x\n\n");
    source.handle_eof(ms(0));
    let delay = reconnect(&mut source, ms(0));
    assert!((ms(3000)..=ms(3750)).contains(&delay), "{delay:?}");
}

#[test]
fn a_retry_of_nothing_is_clamped() {
    let mut source = opened(|_| {});
    read(&mut source, ms(0), "retry: 0\ndata: x\n\n");
    source.handle_eof(ms(0));
    assert!(reconnect(&mut source, ms(0)) >= ms(100));
}

#[test]
fn the_last_event_id_goes_with_each_request_until_another_replaces_it() {
    let mut source = opened(|_| {});
    assert_eq!(source.last_event_id(), None);
    read(&mut source, ms(0), "id: …\nretry: 200\ndata: hello\n\n");
    for _ in 0..2 {
        source.handle_eof(ms(0));
        reconnect(&mut source, ms(0));
        assert_eq!(source.last_event_id().map(str::as_bytes), Some(&[0xE2, 0x80, 0xA6][..]));
        assert_eq!(source.handle_response(ms(0), response(200, Some(STREAM))), Answer::Read);
        assert_eq!(read(&mut source, ms(0), "data: without an id\n\n"), ["without an id"]);
    }
    read(&mut source, ms(0), "id: a\0b\ndata: x\n\n");
    assert_eq!(source.last_event_id(), Some("…"), "an ID with NUL is none");
    read(&mut source, ms(0), "id: \n\n");
    assert_eq!(source.last_event_id(), None, "an empty one takes it back");
}

//= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
//= type=test
//# Once the end of the file is reached, any pending data must be discarded.
#[test]
fn half_an_event_is_lost_with_its_connection() {
    let losses: [fn(&mut EventSource); 2] =
        [|source| source.handle_transport_error(ms(0)), |source| source.handle_eof(ms(0))];
    for lose in losses {
        let mut source = opened(|_| {});
        let data = read(&mut source, ms(0), "id: abc\ndata: Hello\n\nevent: e\nid: def\ndata: Goodbye");
        assert_eq!(data, ["Hello"]);
        lose(&mut source);
        assert_eq!(source.held_len_bytes(), 0, "nothing is held between two connections");
        reconnect(&mut source, ms(0));
        assert_eq!(source.last_event_id(), Some("abc"));
        assert_eq!(source.handle_response(ms(0), response(200, Some(STREAM))), Answer::Read);
        let chunk = b"\xEF\xBB\xBFdata: new\n\n";
        let mut items = source.receive(ms(0), chunk);
        let Some(Ok(Item::Event(event))) = items.next() else { panic!() };
        assert_eq!((event.event_type, event.data, event.last_event_id), ("message", "new", "abc"));
    }
}

#[test]
fn only_an_event_ends_the_backing_off() {
    let mut source = source(|_| {});
    let mut windows = Vec::new();
    for attempt in 0..6 {
        if attempt > 0 {
            assert_eq!(source.handle_response(ms(0), response(200, Some(STREAM))), Answer::Read);
            read(&mut source, ms(0), ": comment\nretry: 1000\nid: 1\n\n");
        }
        source.handle_eof(ms(0));
        source.handle_transport_error(ms(0));
        windows.push(reconnect(&mut source, ms(0)));
        assert_eq!(source.attempts(), attempt + 1);
    }
    assert_eq!(source.handle_response(ms(0), response(200, Some(STREAM))), Answer::Read);
    read(&mut source, ms(0), "data: x\n\n");
    assert_eq!(source.attempts(), 0);
    source.handle_eof(ms(0));
    assert!(reconnect(&mut source, ms(0)) <= ms(1250));
    assert!(
        windows.iter().all(|window| *window <= ms(30_000)) && windows.iter().any(|window| *window > ms(4000))
    );
}

#[test]
fn two_clients_with_other_entropy_come_back_at_other_times() {
    let delays: std::collections::BTreeSet<Duration> = (0..100)
        .map(|entropy| {
            let mut source = EventSource::new(Arc::default(), ms(0), entropy);
            source.handle_transport_error(ms(0));
            reconnect(&mut source, ms(0))
        })
        .collect();
    assert_eq!(delays.len(), 100);
    let (first, last) = (delays.first().unwrap(), delays.last().unwrap());
    assert!(*first < ms(3100) && *last > ms(3650), "{first:?} {last:?}");
}

#[test]
fn attempts_may_be_counted() {
    let mut source = source(|config| {
        let mut schedule = reconnect::Config::event_stream();
        schedule.max_attempts = Some(2);
        config.schedule = Arc::new(schedule);
    });
    for _ in 0..2 {
        source.handle_transport_error(ms(0));
        reconnect(&mut source, ms(0));
    }
    source.handle_transport_error(ms(0));
    assert_eq!((source.ended(), source.poll_timeout()), (Some(&Ended::Exhausted(Loss::Transport)), None));
}

#[test]
fn a_request_that_does_something_is_sent_once() {
    let once: fn(&mut Config) = |config| {
        config.repeat = Repeat::Never;
        config.server_trouble = ServerTrouble::Retry;
    };
    let mut before = source(once);
    before.handle_transport_error(ms(0));
    assert_eq!(before.ended(), Some(&Ended::NotRepeated(Loss::Transport)));
    let mut busy = source(once);
    assert_eq!(busy.handle_response(ms(0), response(503, None)), Answer::Drop);
    assert_eq!(busy.ended(), Some(&Ended::Refused(Refusal::Status(503))), "it says more than a loss");
    let mut clean = opened(once);
    assert_eq!(read(&mut clean, ms(0), "data: [DONE]\n\n"), ["[DONE]"]);
    clean.handle_eof(ms(0));
    assert_eq!(clean.ended(), Some(&Ended::NotRepeated(Loss::Eof)));
    let mut silent = opened(once);
    silent.handle_timeout(Duration::from_secs(300));
    assert_eq!(silent.ended(), Some(&Ended::NotRepeated(Loss::Timeout(Deadline::Idle))));
}

#[test]
fn a_server_in_trouble_is_asked_again_if_that_is_wanted() {
    for status in [429, 500, 502, 503, 504] {
        let mut source = source(|config| config.server_trouble = ServerTrouble::Retry);
        let response = Response { retry_after: Some(ms(20_000)), ..response(status, None) };
        assert_eq!(source.handle_response(ms(0), response), Answer::Drop);
        assert_eq!((source.task(), source.loss()), (Task::Wait, Some(Loss::Status(status))));
        assert!(reconnect(&mut source, ms(0)) >= ms(20_000));
    }
    let mut source = source(|config| config.server_trouble = ServerTrouble::Retry);
    assert_eq!(source.handle_response(ms(0), response(404, None)), Answer::Drop);
    assert_eq!(source.ended(), Some(&Ended::Refused(Refusal::Status(404))));
    let mut tired = EventSource::new(Arc::new(tired()), ms(0), 1);
    assert_eq!(tired.handle_response(ms(0), response(503, None)), Answer::Drop);
    assert_eq!(tired.ended(), Some(&Ended::Refused(Refusal::Status(503))), "no attempt is left");
}

/// Without another attempt.
fn tired() -> Config {
    let mut schedule = reconnect::Config::event_stream();
    schedule.max_attempts = Some(0);
    let mut config = Config::default();
    (config.server_trouble, config.schedule) = (ServerTrouble::Retry, Arc::new(schedule));
    config
}

/// Class J: what a request carries cannot break its line.
#[test]
fn of_all_bytes_none_that_ends_a_line_gets_into_the_last_event_id() {
    for byte in 0..=255u8 {
        let id = format!("a{}b", char::from(byte));
        let breaks = matches!(byte, b'\r' | b'\n' | 0);
        let resumed = source(|_| {}).resuming(&id);
        assert_eq!(
            resumed.map(|source| source.last_event_id() == Some(&id)).unwrap_or_default(),
            !breaks,
            "{byte}"
        );
        // From a stream it comes as a field, which ends there; a NUL is ignored with its field.
        let mut source = opened(|_| {});
        read(&mut source, ms(0), &format!("id: {id}\ndata: x\n\n"));
        let held = source.last_event_id().unwrap_or_default();
        assert!(!held.contains(['\r', '\n', '\0']), "{byte}: {held:?}");
    }
}

#[test]
fn no_response_and_silence_have_deadlines() {
    let mut source = source(|_| {});
    assert_eq!(source.poll_timeout(), Some((ms(30_000), Timer::Connection(Deadline::Opening))));
    // A redirect is within the same attempt.
    assert_eq!(source.handle_response(ms(29_000), redirect(302, Some("/b"))), Answer::Follow);
    source.handle_timeout(ms(29_999));
    assert_eq!(source.task(), Task::Request);
    source.handle_timeout(ms(30_000));
    assert_eq!(source.loss(), Some(Loss::Timeout(Deadline::Opening)));

    let mut source = opened(|_| {});
    source.handle_received(ms(1000), 1);
    assert_eq!(source.poll_timeout(), Some((ms(301_000), Timer::Connection(Deadline::Idle))));
    source.handle_timeout(ms(300_999));
    assert_eq!(source.task(), Task::Read);
    source.handle_timeout(ms(301_000));
    assert_eq!(source.loss(), Some(Loss::Timeout(Deadline::Idle)));
}

#[test]
fn an_event_beyond_a_limit_is_told_of_and_the_stream_goes_on() {
    let mut source = opened(|config| config.parser.max_data_len = 3);
    let mut items = source.receive(ms(0), b"data: long\n\ndata: on\n\n");
    let Some(Err(exceeded)) = items.next() else { panic!() };
    assert_eq!(exceeded.limit, Limit::Data);
    let Some(Ok(Item::Event(event))) = items.next() else { panic!() };
    assert_eq!(event.data, "on");
    assert_eq!(items.next(), None);
    assert_eq!(items.consumed(), 22);
}

#[test]
fn a_resumed_source_asks_with_the_id_at_once() {
    let mut source = source(|_| {}).resuming("42").unwrap();
    assert_eq!(source.last_event_id(), Some("42"));
    assert_eq!(source.handle_response(ms(0), response(200, Some(STREAM))), Answer::Read);
    let mut items = source.receive(ms(0), b"data: x\n\n");
    assert!(matches!(items.next(), Some(Ok(Item::Event(event))) if event.last_event_id == "42"));
}

#[test]
fn usage_adds_up_over_the_connections_and_leaves_the_waits_out() {
    let mut source = opened(|_| {});
    read(&mut source, ms(1000), "data: 1\n\n");
    source.handle_eof(ms(2000));
    let delay = reconnect(&mut source, ms(2000));
    let again = ms(2000) + delay;
    assert_eq!(source.handle_response(again, response(200, Some(STREAM))), Answer::Read);
    read(&mut source, again + ms(500), "data: 2\n\ndata: 3\n\n");
    let usage = source.usage(again + ms(1000));
    assert_eq!((usage.received_bytes, usage.received_messages, usage.open), (27, 3, ms(3000)));
    source.close(again + ms(1000));
    assert_eq!(source.usage(again + ms(9000)), usage);
}

type Named<F> = (&'static str, F);

/// Every state and every input: what the state is behind it.
#[test]
fn the_table_of_states() {
    let states: [Named<fn() -> EventSource>; 4] = [
        ("Request", || source(|_| {})),
        ("Read", || opened(|_| {})),
        ("Wait", || {
            let mut source = opened(|_| {});
            source.handle_eof(ms(0));
            source
        }),
        ("Done", || {
            let mut source = opened(|_| {});
            source.close(ms(0));
            source
        }),
    ];
    let inputs: [Named<fn(&mut EventSource)>; 8] = [
        ("200", |source| _ = source.handle_response(ms(0), response(200, Some(STREAM)))),
        ("204", |source| _ = source.handle_response(ms(0), response(204, None))),
        ("302", |source| _ = source.handle_response(ms(0), redirect(302, Some("/")))),
        ("bad location", |source| source.handle_bad_location(ms(0), 302)),
        ("end", |source| source.handle_eof(ms(0))),
        ("error", |source| source.handle_transport_error(ms(0))),
        ("time", |source| source.handle_timeout(Duration::from_secs(3600))),
        ("close", |source| source.close(ms(0))),
    ];
    let mut table = format!("{:<12}", "");
    for (state, _) in states {
        table.push_str(&format!(" | {state:<7}"));
    }
    table.truncate(table.trim_end().len());
    table.push('\n');
    for (name, input) in inputs {
        table.push_str(&format!("{name:<12}"));
        for (_, state) in states {
            let mut source = state();
            let ended = source.ended().cloned();
            input(&mut source);
            assert!(ended.is_none() || source.ended() == ended.as_ref(), "the first end stands");
            table.push_str(&format!(" | {:<7}", format!("{:?}", source.task())));
        }
        table.truncate(table.trim_end().len());
        table.push('\n');
    }
    assert_eq!(table, include_str!("event_source.txt"), "the table now reads:\n{table}");
}

#[test]
fn a_source_is_small_while_it_waits() {
    assert!(size_of::<EventSource>() <= 544, "{}", size_of::<EventSource>());
}
