//! The golden cases (`cases.json`), a test each; and a test that none is missing.

use crate::server::{Server, Then, all, builder, stream};
use tidewire_tokio::event_source::{EventSource, Task};

/// Each case that is a client's, and the tests that try it; and those that only a browser's client has.
const TRIED: [&str; 19] = [
    "wpt-status-error",
    "ld-204",
    "wpt-redirect",
    "ld-redirect-no-location",
    "wpt-mime-bogus",
    "wpt-mime-valid-bogus",
    "wpt-mime-trailing-semicolon",
    "wpt-mime-charset",
    "wpt-accept",
    "wpt-cache-control",
    "ld-first-request",
    "wpt-reconnect",
    "wpt-reconnect-fail",
    "wpt-last-event-id",
    "wpt-id-null",
    "ld-empty-id",
    "ld-partial",
    "wpt-retry",
    "ld-read-timeout",
];
const BROWSERS_ONLY: [&str; 2] = ["wpt-cors", "wpt-cors-preflight"];

#[test]
fn no_case_is_missing() {
    let cases: serde_json::Value = serde_json::from_str(include_str!("cases.json")).unwrap();
    let names: Vec<&str> =
        cases.as_array().unwrap().iter().map(|case| case["name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 21);
    for name in &names {
        assert!(TRIED.contains(name) != BROWSERS_ONLY.contains(name), "{name}");
    }
}

async fn said(answer: &str) -> (Vec<String>, usize) {
    let server = Server::start([(answer, Then::Close)]).await;
    let mut source = builder(&server.url("/")).connect().unwrap();
    let said = all(&mut source).await;
    assert_eq!(source.task(), Task::Done);
    (said, server.requests().len())
}

/// wpt-status-error, ld-204: the end, and no second request.
#[tokio::test]
async fn any_status_but_200_is_the_end() {
    for status in [205, 210, 299, 404, 410, 503] {
        let answer = format!("HTTP/1.1 {status} No\r\nContent-Type: text/event-stream\r\n\r\ndata: data\n\n");
        let (said, requests) = said(&answer).await;
        assert!(said[0].starts_with(&format!("error: expected status 200, got {status}")), "{said:?}");
        assert_eq!(said.len(), 1);
        assert_eq!(requests, 1);
    }
    assert_eq!(said("HTTP/1.1 204 No\r\nContent-Type: text/event-stream\r\n\r\n").await, (vec![], 1));
}

/// wpt-redirect.
#[tokio::test]
async fn redirects_are_followed() {
    for status in [301, 302, 303, 307, 308] {
        let redirect = format!("HTTP/1.1 {status} Moved\r\nLocation: /new?x\r\nContent-Length: 0\r\n\r\n");
        let server =
            Server::start([(redirect.into_bytes(), Then::Close), (stream("data: there\n\n"), Then::Hang)])
                .await;
        let mut source = builder(&server.url("/old")).connect().unwrap();
        assert_eq!(source.next().await.unwrap().unwrap().data, "there");
        assert!(server.requests()[1].starts_with("GET /new?x HTTP/1.1\r\n"));
        assert_eq!(source.url(), server.url("/new?x"));
    }
}

/// ld-redirect-no-location.
#[tokio::test]
async fn a_redirect_to_nowhere_is_an_error_and_no_loop() {
    for (status, location) in [
        (301, ""),
        (307, ""),
        (301, "Location:\r\n"),
        (307, "Location: \r\n"),
        (302, "Location: http://[\r\n"),
    ] {
        let answer = format!("HTTP/1.1 {status} Moved\r\n{location}Content-Length: 0\r\n\r\n");
        let expected =
            format!("error: expected a Location that can be followed in the redirect {status}, got none");
        assert_eq!(said(&answer).await, (vec![expected], 1), "{location:?}");
    }
}

/// wpt-mime-bogus, wpt-mime-valid-bogus.
#[tokio::test]
async fn another_content_type_is_an_error() {
    for (content_type, got) in [
        ("Content-Type: x bogus\r\n", "got \"x bogus\""),
        ("Content-Type: text/x-bogus\r\n", "got \"text/x-bogus\""),
        ("", "got none"),
        (
            "Content-Type: text/event-stream\r\nContent-Type: text/plain\r\n",
            "got \"text/event-stream, text/plain\"",
        ),
    ] {
        let answer = format!("HTTP/1.1 200 OK\r\n{content_type}\r\ndata: data\n\n");
        let expected = format!("error: expected content type text/event-stream, {got}: data: data");
        assert_eq!(said(&answer).await, (vec![expected], 1));
    }
}

/// wpt-mime-trailing-semicolon, wpt-mime-charset: the text is UTF-8 whatever it says.
#[tokio::test]
async fn parameters_of_the_content_type_do_not_matter() {
    for content_type in ["text/event-stream;", "text/event-stream;charset=windows-1252", "TEXT/EVENT-STREAM"]
    {
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\n\r\ndata: ok…\n\n");
        let (said, _) = said(&answer).await;
        assert_eq!(said[..2], ["open", "ok…"]);
    }
}

/// wpt-accept, wpt-cache-control, ld-first-request.
#[tokio::test]
async fn every_request_says_what_the_standard_wants() {
    let server =
        Server::start([(stream("data: 1\n\n"), Then::Close), (stream("data: 2\n\n"), Then::Close)]).await;
    all(&mut builder(&server.url("/")).connect().unwrap()).await;
    assert_eq!(server.requests().len(), 3);
    assert!(server.requests()[0].starts_with("GET / HTTP/1.1\r\n"));
    assert_eq!(server.header("accept"), vec![Some("text/event-stream".to_owned()); 3]);
    assert_eq!(server.header("cache-control"), vec![Some("no-cache".to_owned()); 3]);
    assert_eq!(server.header("last-event-id"), [None, None, None]);
}

/// wpt-reconnect.
#[tokio::test]
async fn behind_the_end_it_comes_back() {
    for first in ["retry: 2\n", "retry: 2\ndata: ok\n\n"] {
        let server =
            Server::start([(stream(first), Then::Close), (stream("data: data\n\n"), Then::Close)]).await;
        let said = all(&mut builder(&server.url("/")).connect().unwrap()).await;
        let mut expected =
            vec!["open", "retry 2", "lost: the stream ended", "open", "data", "lost: the stream ended"];
        if first.contains("ok") {
            expected.insert(2, "ok");
        }
        assert_eq!(said, expected);
    }
}

/// wpt-reconnect-fail.
#[tokio::test]
async fn a_204_stops_it() {
    let server = Server::start([
        (stream("retry: 2\ndata: opened\n\n"), Then::Close),
        (stream("data: reconnected\n\n"), Then::Close),
        (b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(), Then::Close),
    ])
    .await;
    let mut source = builder(&server.url("/")).connect().unwrap();
    let said = all(&mut source).await;
    let lost = "lost: the stream ended";
    assert_eq!(said, ["open", "retry 2", "opened", lost, "open", "reconnected", lost]);
    assert!(source.next().await.is_none(), "and it stays the end");
    assert_eq!(server.requests().len(), 3, "no fourth request");
}

/// wpt-last-event-id.
#[tokio::test]
async fn the_last_event_id_goes_with_each_request() {
    let server = Server::start([
        (stream("id: …\nretry: 2\ndata: hello\n\n"), Then::Close),
        (stream("data: hello\n\n"), Then::Close),
    ])
    .await;
    let mut source = builder(&server.url("/")).connect().unwrap();
    all(&mut source).await;
    assert_eq!(server.header("last-event-id"), [None, Some("…".to_owned()), Some("…".to_owned())]);
    assert_eq!(source.last_event_id(), Some("…"));
}

/// wpt-id-null, ld-empty-id.
#[tokio::test]
async fn an_id_with_nul_is_none_and_an_empty_one_takes_it_back() {
    for (events, sent) in [
        ("id: a\0b\ndata: x\n\n", None),
        ("id: abc\ndata: x\n\nid: \ndata: y\n\n", None),
        ("id: abc\ndata: x\n\nid\ndata: y\n\n", None),
        ("id: abc\ndata: x\n\nid: a\0b\ndata: y\n\n", Some("abc".to_owned())),
    ] {
        let server = Server::start([(stream(events), Then::Close)]).await;
        all(&mut builder(&server.url("/")).connect().unwrap()).await;
        assert_eq!(server.header("last-event-id"), [None, sent], "{events:?}");
    }
}

/// ld-partial.
#[tokio::test]
async fn half_an_event_is_lost_with_its_connection() {
    for then in [Then::Close, Then::Reset] {
        let partial = stream("id: abc\ndata: Hello\n\nid: def\ndata: Goodbye");
        let server = Server::start([(partial, then), (stream("data: new\n\n"), Then::Close)]).await;
        let said = all(&mut builder(&server.url("/")).connect().unwrap()).await;
        assert_eq!(
            said.iter().filter(|said| !said.contains("lost")).collect::<Vec<_>>(),
            ["open", "Hello", "open", "new"]
        );
        assert_eq!(server.header("last-event-id")[1..], vec![Some("abc".to_owned()); 2]);
    }
}

/// wpt-retry: 3000 ms, or up to a quarter more.
#[tokio::test]
async fn the_server_says_how_long_to_wait() {
    use tidewire_tokio::event_source::Update;
    let server = Server::start([(stream("retry:03000\ndata: x\n\n"), Then::Close)]).await;
    let mut source = EventSource::connect(&server.url("/")).unwrap();
    let delay = loop {
        if let Update::Lost { delay, .. } = source.next_update().await.unwrap().unwrap() {
            break delay.as_millis();
        }
    };
    assert!((2990..=3750).contains(&delay), "{delay}");
}

/// ld-read-timeout.
#[tokio::test]
async fn silence_ends_a_connection() {
    use std::{sync::Arc, time::Duration};
    let server =
        Server::start([(stream("data: x\n\n"), Then::Hang), (stream("data: y\n\n"), Then::Close)]).await;
    let config = crate::server::config(|config| {
        let mut lifecycle = (*config.lifecycle).clone();
        lifecycle.idle_timeout = Some(Duration::from_millis(100));
        config.lifecycle = Arc::new(lifecycle);
    });
    let said = all(&mut EventSource::builder(&server.url("/")).config(config).connect().unwrap()).await;
    assert_eq!(said, ["open", "x", "lost: timeout: idle", "open", "y", "lost: the stream ended"]);
}

/// The server is heard, though late: what it said while nobody listened breaks the silence.
#[tokio::test]
async fn an_owner_that_is_away_for_longer_than_the_idle_timeout_keeps_its_connection() {
    use std::io::{Read, Write};
    use std::{sync::Arc, time::Duration};
    let millis = Duration::from_millis;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    // The server has a thread of its own, and is not held up by its client's.
    let server = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let (mut request, mut beats) = ([0; 4096], 0);
        let _ = socket.read(&mut request).unwrap();
        socket.write_all(&stream("data: x\n\ndata: y\n\n")).unwrap();
        while socket.write_all(b": still here\n\ndata: z\n\n").is_ok() {
            beats += 1;
            std::thread::sleep(millis(50));
        }
        beats
    });
    let config = crate::server::config(|config| {
        let mut lifecycle = (*config.lifecycle).clone();
        lifecycle.idle_timeout = Some(millis(400));
        config.lifecycle = Arc::new(lifecycle);
    });
    let mut source = EventSource::builder(&url).config(config).connect().unwrap();
    for round in 0..3 {
        for _ in 0..4 {
            assert!(source.next().await.unwrap().is_ok());
            assert_eq!(source.task(), tidewire_tokio::event_source::Task::Read, "round {round}");
        }
        // Busy with something else, once in a way that lets the runtime run and once in a way that no task should.
        tokio::time::sleep(millis(600)).await;
        assert!(source.next().await.unwrap().is_ok());
        std::thread::sleep(millis(600));
    }
    assert_eq!(source.next_update().await.unwrap().map(|_| ()).ok(), Some(()));
    drop(source);
    let beats = tokio::task::spawn_blocking(|| server.join().unwrap()).await.unwrap();
    assert!(beats > 10, "{beats}");
}
