//! What the caller may say of a request, what goes with a redirect, and what is sent once.

use crate::server::{Server, Then, all, builder, stream};
use tidewire_tokio::event_source::{EventSource, InvalidRequest, InvalidUrl};

#[tokio::test]
async fn a_post_is_sent_once() {
    let post = |server: &Server| {
        builder(&server.url("/v1/messages"))
            .header("Content-Type", "application/json")
            .secret_header("x-api-key", "secret")
            .post(r#"{"stream":true}"#)
            .retry_server_trouble()
            .connect()
            .unwrap()
    };
    let server = Server::start([(stream("retry: 1\ndata: [DONE]\n\n"), Then::Close)]).await;
    let said = all(&mut post(&server)).await;
    assert_eq!(said, ["open", "retry 1", "[DONE]"], "its end is the end");
    assert!(server.requests()[0].starts_with("POST /v1/messages HTTP/1.1\r\n"));
    assert!(server.requests()[0].ends_with("\r\n\r\n{\"stream\":true}"));
    assert_eq!(server.header("x-api-key"), [Some("secret".to_owned())]);
    for (answer, then, error) in [
        (stream("data: x\n\ndata: cut"), Then::Reset, "error: the connection failed"),
        (
            b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n".to_vec(),
            Then::Close,
            "error: expected status 200, got 503",
        ),
        (Vec::new(), Then::Close, "error: the connection failed"),
    ] {
        let server = Server::start([(answer, then)]).await;
        assert_eq!(all(&mut post(&server)).await.last().unwrap(), error);
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn secrets_stay_with_their_origin() {
    let elsewhere = Server::start([(stream("data: there\n\n"), Then::Hang)]).await;
    let to = |url: &str| {
        format!("HTTP/1.1 302 Found\r\nLocation: {url}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    };
    let here = Server::start([(to("/again"), Then::Close), (to(&elsewhere.url("/x")), Then::Close)]).await;
    let mut source = builder(&here.url("/").replace("http://", "http://user:password@"))
        .header("Cookie", "session=1")
        .secret_header("x-api-key", "secret")
        .header("x-plain", "v")
        .last_event_id("7")
        .connect()
        .unwrap();
    assert_eq!(source.next().await.unwrap().unwrap().data, "there");
    for (name, value) in
        [("authorization", "Basic dXNlcjpwYXNzd29yZA=="), ("cookie", "session=1"), ("x-api-key", "secret")]
    {
        assert_eq!(here.header(name), vec![Some(value.to_owned()); 2], "{name}");
        assert_eq!(elsewhere.header(name), [None], "{name}");
    }
    for (name, value) in [("x-plain", "v"), ("last-event-id", "7"), ("accept", "text/event-stream")] {
        assert_eq!(elsewhere.header(name), [Some(value.to_owned())], "{name}");
    }
    assert!(!format!("{source:?}").contains("secret"));
}

#[tokio::test]
async fn the_callers_authorization_replaces_that_of_the_address() {
    let server = Server::start([(stream(""), Then::Close)]).await;
    let url = server.url("/").replace("http://", "http://user:password@");
    all(&mut builder(&url).header("authorization", "Bearer x").connect().unwrap()).await;
    assert_eq!(server.header("authorization")[0].as_deref(), Some("Bearer x"));
    assert!(server.requests().iter().all(|request| request.matches("uthorization").count() == 1));
}

#[tokio::test]
async fn deadlines_and_schedule_may_be_said_before_and_after_other_settings() {
    use std::time::Duration;
    for first in [true, false] {
        let server = Server::start([("", Then::Hang), ("", Then::Hang), ("", Then::Hang)]).await;
        let (config, timeout) = (crate::server::config(|_| {}), Duration::from_millis(50));
        let mut schedule = (*config.schedule).clone();
        schedule.max_attempts = Some(2);
        let builder = EventSource::builder(&server.url("/"));
        let builder = if first {
            builder.opening_timeout(timeout).schedule(schedule).config(config)
        } else {
            builder.config(config).schedule(schedule).opening_timeout(timeout)
        };
        let said = all(&mut builder.connect().unwrap()).await;
        let (lost, timeout) = ("lost: timeout: opening handshake", "timeout: opening handshake");
        assert_eq!(said, [lost, lost, &format!("error: all attempts are used up; the last: {timeout}")]);
    }
    let server = Server::start([(stream("data: x\n\n"), Then::Hang)]).await;
    let source = builder(&server.url("/")).idle_timeout(Duration::from_millis(50));
    let said = all(&mut source.connect().unwrap()).await;
    assert_eq!(said, ["open", "x", "lost: timeout: idle"]);
}

#[test]
fn debug_shows_no_secrets() {
    let builder = EventSource::builder("http://user:password@a/b")
        .header("Authorization", "Bearer secret")
        .secret_header("x-api-key", "secret");
    let shown = format!("{builder:?}");
    assert!(shown.contains("http://a/b") && shown.contains("x-api-key"), "{shown}");
    assert!(!shown.contains("secret") && !shown.contains("password"), "{shown}");
}

#[tokio::test]
async fn what_the_caller_says_holds_in_any_order() {
    use tidewire_tokio::event_source::Repeat;
    let busy = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let script = [
        (busy.as_bytes().to_vec(), Then::Close),
        (busy.as_bytes().to_vec(), Then::Close),
        (stream("data: x\n\n"), Then::Close),
    ];
    let server = Server::start(script).await;
    let config = crate::server::config(|config| config.repeat = Repeat::Never);
    let mut once =
        EventSource::builder(&server.url("/")).retry_server_trouble().config(config).connect().unwrap();
    assert_eq!(all(&mut once).await, ["error: expected status 200, got 503"]);
    let config = crate::server::config(|_| {});
    let mut again =
        EventSource::builder(&server.url("/")).retry_server_trouble().config(config).connect().unwrap();
    let lost = "lost: the server answered 503";
    assert_eq!(all(&mut again).await, [lost, "open", "x", "lost: the stream ended"]);
}

#[tokio::test]
async fn the_next_attempt_begins_where_the_caller_asked() {
    let redirect = "HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let server =
        Server::start([(redirect.as_bytes().to_vec(), Then::Close), (stream("data: x\n\n"), Then::Close)])
            .await;
    all(&mut builder(&server.url("/a")).connect().unwrap()).await;
    let targets: Vec<String> =
        server.requests().iter().map(|request| request.split(' ').nth(1).unwrap().to_owned()).collect();
    assert_eq!(targets, ["/a", "/b", "/a"]);
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_at_once() {
    assert!(matches!(EventSource::connect("example.org"), Err(InvalidRequest::Url(InvalidUrl::Syntax(_)))));
    assert!(matches!(EventSource::connect("ftp://a/"), Err(InvalidRequest::Url(InvalidUrl::Scheme(_)))));
    for (name, value) in [
        ("a b", "c"),
        ("a", "b\r\nc: d"),
        ("", "a"),
        ("Host", "a"),
        ("Last-Event-ID", "1"),
        ("Content-Length", "1"),
    ] {
        let refused = EventSource::builder("http://a/").header(name, value).connect().map(|_| ());
        assert_eq!(refused.unwrap_err(), InvalidRequest::Header(name.to_owned()));
    }
    let refused = EventSource::builder("http://a/").body("x").connect().map(|_| ());
    assert_eq!(refused.unwrap_err(), InvalidRequest::Body("GET".parse().unwrap()));
    for id in ["a\nb", "a\rb", "a\0b"] {
        let refused = EventSource::builder("http://a/").last_event_id(id).connect().map(|_| ());
        assert_eq!(refused.unwrap_err(), InvalidRequest::LastEventId);
    }
}

#[tokio::test]
async fn the_parser_may_be_fed_any_number_of_bytes_at_a_time() {
    let events = "\u{FEFF}: c\r\nid: 1\r\nevent: e\r\ndata: …\r\ndata: x\r\n\r\nretry: 7\n\n";
    let mut all_said = Vec::new();
    for len in [0, 1, 2, 3, 7, 1000] {
        let server = Server::start([(stream(events), Then::Close)]).await;
        all_said.push(all(&mut builder(&server.url("/")).max_chunk_len(len).connect().unwrap()).await);
    }
    assert_eq!(all_said[0], ["open", ": c", "…\nx", "retry 7", "lost: the stream ended"]);
    assert!(all_said.iter().all(|said| *said == all_said[0]));
}
