//! Servers that drop, lie, flood or say nothing: all of it bounded, and none of it fatal to the client.

use crate::server::{Server, Then, all, builder, config, stream};
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tidewire_lifecycle::{Timer, reconnect};
use tidewire_tokio::event_source::{Config, Error, EventSource, Loss, Update};
use tokio::net::TcpListener;

fn attempts(max: u32) -> Config {
    config(|config| {
        let mut schedule = (*config.schedule).clone();
        schedule.max_attempts = Some(max);
        config.schedule = Arc::new(schedule);
    })
}

fn deadlines(opening: u64, idle: u64) -> Config {
    config(|config| {
        let mut lifecycle = (*config.lifecycle).clone();
        lifecycle.opening_timeout = Some(Duration::from_millis(opening));
        lifecycle.idle_timeout = Some(Duration::from_millis(idle));
        config.lifecycle = Arc::new(lifecycle);
    })
}

#[tokio::test]
async fn drops_at_every_byte_lose_and_double_nothing() {
    let events = "id: 1\ndata: a\n\nid: 2\r\ndata: b\r\n\r\n: c\nid: 3\ndata: d\ndata: e\n\n";
    let head = stream("").len();
    for cut in 0..=head + events.len() {
        let whole = stream(events);
        let server = Server::start([(whole[..cut].to_vec(), Then::Close), (whole, Then::Close)]).await;
        let said = all(&mut builder(&server.url("/")).connect().unwrap()).await;
        let data: Vec<&str> =
            said.iter().filter(|said| said.len() <= 3 && **said != ": c").map(|said| &**said).collect();
        let before = [15, 32, 60].iter().filter(|end| cut >= head + **end).count();
        let expected = [&["a", "b", "d\ne"][..before], &["a", "b", "d\ne"]].concat();
        assert_eq!(data, expected, "cut behind {cut} bytes");
        let id = server.header("last-event-id")[1].clone();
        assert_eq!(id, (before > 0).then(|| before.to_string()), "cut behind {cut} bytes");
    }
}

#[tokio::test]
async fn what_is_no_http_is_a_loss_and_attempts_are_counted() {
    for nonsense in
        ["", "nonsense\r\n\r\n", "HTTP/1.1 9999 x\r\n\r\n", "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"]
    {
        let server = Server::start(vec![(nonsense, Then::Close); 9]).await;
        let mut source = EventSource::builder(&server.url("/")).config(attempts(2)).connect().unwrap();
        let said = all(&mut source).await;
        let lost = "lost: the connection failed";
        assert_eq!(
            said,
            [lost, lost, "error: all attempts are used up; the last: the connection failed"],
            "{nonsense:?}"
        );
        assert_eq!(server.requests().len(), 3);
    }
}

#[tokio::test]
async fn a_port_that_nobody_listens_on_is_a_loss_with_a_reason() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut source =
        EventSource::builder(&format!("http://{address}/")).config(attempts(1)).connect().unwrap();
    let Some(Err(Error::Exhausted { loss: Loss::Transport, source: Some(reason) })) = source.next().await
    else {
        panic!()
    };
    assert!(!reason.to_string().is_empty());
    assert!(source.next().await.is_none());
}

#[tokio::test]
async fn a_head_without_an_end_is_cut_off() {
    for head in [b"HTTP/1.1 200 OK\r\nX: ".to_vec(), b"HTTP/1.1 200 OK\r\nX: y\r\n".repeat(50)] {
        let flood = [head, b"x".repeat(1000)].concat();
        let server = Server::start(vec![(flood, Then::Repeat); 3]).await;
        let mut source = EventSource::builder(&server.url("/")).config(attempts(1)).connect().unwrap();
        assert_eq!(
            all(&mut source).await.last().unwrap(),
            "error: all attempts are used up; the last: the connection failed"
        );
    }
}

#[tokio::test]
async fn an_endless_line_is_one_error_and_the_stream_goes_on() {
    let flood = stream(&format!("data: before\n\ndata: {}", "x".repeat(2_000_000)));
    let server = Server::start([(flood, Then::Repeat)]).await;
    let mut source = builder(&server.url("/")).connect().unwrap();
    assert_eq!(source.next().await.unwrap().unwrap().data, "before");
    let Some(Err(error @ Error::LimitExceeded(_))) = source.next().await else { panic!() };
    assert!(!error.is_end());
    let more = tokio::time::timeout(Duration::from_millis(300), source.next()).await;
    assert!(more.is_err(), "no second error of the same line");
    assert!(source.usage().received_bytes > 2_000_000, "it is still read");

    let long = format!("data: {}\n\ndata: behind\n\n", "x".repeat(2_000_000));
    let server = Server::start([(stream(&long), Then::Hang)]).await;
    let mut source = builder(&server.url("/")).connect().unwrap();
    assert!(matches!(source.next().await, Some(Err(Error::LimitExceeded(_)))));
    assert_eq!(source.next().await.unwrap().unwrap().data, "behind");
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let server = Server::start(vec![("", Then::Hang); 2]).await;
    let mut source = EventSource::builder(&server.url("/")).config(deadlines(60, 60)).connect().unwrap();
    let lost = "lost: timeout: opening handshake";
    assert_eq!(all(&mut source).await, [lost, lost]);
    // A listener that accepts nothing: the connection is made by the kernel, and nobody is there.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let mut source = EventSource::builder(&url).config(deadlines(60, 60)).post("x").connect().unwrap();
    assert_eq!(all(&mut source).await, ["error: timeout: opening handshake"]);
}

#[tokio::test]
async fn redirects_in_a_circle_end() {
    let circle = "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let server = Server::start(vec![(circle, Then::Close); 50]).await;
    let said = all(&mut builder(&server.url("/")).connect().unwrap()).await;
    assert_eq!(said, ["error: expected at most 20 redirects, got more"]);
    assert_eq!(server.requests().len(), 21);
}

#[tokio::test]
async fn a_refusal_is_told_of_with_the_beginning_of_its_body() {
    for (tail, then, kept, whole) in [
        ("Content-Length: 9\r\n\r\n{\"a\": \"b\"}", Then::Hang, "{\"a\": \"b\"", true),
        ("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", Then::Hang, "abc", true),
        ("\r\nup to the end", Then::Close, "up to the end", true),
        // Nothing more comes: two seconds are enough.
        ("Content-Length: 100\r\n\r\nhalf", Then::Hang, "half", false),
    ] {
        let answer = format!("HTTP/1.1 401 No\r\nWWW-Authenticate: Bearer\r\nRetry-After: 7\r\n{tail}");
        let server = Server::start([(answer, then)]).await;
        let mut source = builder(&server.url("/")).connect().unwrap();
        let Some(Err(Error::Refused(refused))) = source.next().await else { panic!() };
        assert_eq!((refused.status, &refused.body[..]), (401, kept.as_bytes()));
        assert_eq!((refused.is_whole, refused.retry_after()), (whole, Some(Duration::from_secs(7))));
        assert_eq!(refused.headers["www-authenticate"], "Bearer");
        assert!(source.next().await.is_none());
    }
    let flood = [&b"HTTP/1.1 500 No\r\n\r\n"[..], &[b'x'; 10_000]].concat();
    let server = Server::start([(flood, Then::Repeat)]).await;
    let mut source = builder(&server.url("/")).connect().unwrap();
    let Some(Err(Error::Refused(refused))) = source.next().await else { panic!() };
    assert_eq!((refused.body.len(), refused.is_whole), (4096, false));
    for (len, whole) in [(4096, true), (4097, false)] {
        let answer = format!("HTTP/1.1 500 No\r\nContent-Length: {len}\r\n\r\n{}", "x".repeat(len));
        let server = Server::start([(answer, Then::Hang)]).await;
        let mut source = builder(&server.url("/")).connect().unwrap();
        let Some(Err(Error::Refused(refused))) = source.next().await else { panic!() };
        assert_eq!((refused.body.len(), refused.is_whole), (4096, whole));
    }
}

#[tokio::test]
async fn a_server_in_trouble_is_asked_again_if_that_is_wanted() {
    let busy = "HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let script = [(busy.as_bytes().to_vec(), Then::Close), (stream("data: x\n\n"), Then::Close)];
    let server = Server::start(script).await;
    let said = all(&mut builder(&server.url("/")).retry_server_trouble().connect().unwrap()).await;
    assert_eq!(said[..3], ["lost: the server answered 503", "open", "x"]);
}

#[tokio::test]
async fn a_retry_of_nothing_does_not_make_it_hammer() {
    let server = Server::start(vec![(stream("retry: 0\n\n"), Then::Close); 1000]).await;
    let mut source = EventSource::connect(&server.url("/")).unwrap();
    let run = async { while source.next().await.is_some() {} };
    assert!(tokio::time::timeout(Duration::from_millis(900), run).await.is_err());
    let requests = server.requests().len();
    assert!((2..=6).contains(&requests), "{requests} requests in 0.9 s");
    assert_eq!(reconnect::Config::event_stream().min_delay, Duration::from_millis(100));
}

#[tokio::test]
async fn events_are_not_lost_to_a_cancelled_wait() {
    let events: String = (0..200).map(|index| format!("data: {index}\n\n")).collect();
    let server = Server::start([(stream(&events), Then::Hang)]).await;
    let mut source = builder(&server.url("/")).connect().unwrap();
    let mut data = Vec::new();
    while data.len() < 200 {
        tokio::select! {
            biased;
            () = tokio::task::yield_now() => {}
            event = source.next() => data.push(event.unwrap().unwrap().data),
        }
        if let Ok(event) = tokio::time::timeout(Duration::from_millis(1), source.next()).await {
            data.push(event.unwrap().unwrap().data);
        }
    }
    assert_eq!(data, (0..200).map(|index| index.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn who_closes_or_drops_it_closes_the_connection() {
    use tokio::io::AsyncReadExt;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    for drops in [false, true] {
        let mut source = builder(&url).connect().unwrap();
        let accept = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await.unwrap();
            tokio::io::AsyncWriteExt::write_all(&mut stream, &crate::server::stream("data: x\n\n"))
                .await
                .unwrap();
            stream
        };
        let (mut stream, event) = tokio::join!(accept, source.next());
        assert_eq!(event.unwrap().unwrap().data, "x");
        if drops {
            drop(source);
        } else {
            source.close();
            assert!(source.next().await.is_none());
        }
        let end = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut [0; 16])).await;
        assert!(matches!(end, Ok(Ok(0) | Err(_))), "{end:?}");
    }
}

/// Polls a future, and counts how often.
struct Counted<F>(F, usize);

impl<F: Future + Unpin> Future for &mut Counted<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.1 += 1;
        Pin::new(&mut self.0).poll(cx)
    }
}

#[tokio::test]
async fn without_deadlines_it_sleeps() {
    let server = Server::start([(stream("data: x\n\n"), Then::Hang)]).await;
    let mut source = builder(&server.url("/")).opening_timeout(None).idle_timeout(None).connect().unwrap();
    assert_eq!(source.next().await.unwrap().unwrap().data, "x");
    let mut next = Counted(Box::pin(source.next()), 0);
    assert!(tokio::time::timeout(Duration::from_millis(300), &mut next).await.is_err());
    assert!(next.1 < 10, "polled {} times while nothing came", next.1);
}

#[tokio::test]
async fn a_flood_of_what_is_no_event_leaves_other_tasks_their_turn() {
    for flood in [": c\n", "retry: 1\n", "\n\n", "event: e\n\n"] {
        let server = Server::start([(stream(&flood.repeat(2000)), Then::Repeat)]).await;
        let mut source = builder(&server.url("/")).connect().unwrap();
        let flooded = tokio::spawn(async move {
            let none = tokio::time::timeout(Duration::from_millis(300), source.next()).await;
            assert!(none.is_err(), "no event, and no end: {none:?}");
            source.usage().received_bytes
        });
        // One thread: the flood's task gives way, or this never sleeps so often.
        let mut slept = 0;
        while !flooded.is_finished() {
            tokio::time::sleep(Duration::from_millis(1)).await;
            slept += 1;
        }
        let received = flooded.await.unwrap();
        assert!(slept > 5 && received > 100_000, "{slept} turns, {received} bytes of {flood:?}");
    }
}

#[tokio::test]
async fn a_compressed_stream_is_refused_for_it_was_not_asked_for() {
    for (encoding, opens) in [("gzip", false), ("identity", true), ("br, identity", false)] {
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: {encoding}\r\n\r\ndata: x\n\n"
        );
        let server = Server::start([(answer, Then::Close)]).await;
        let said = all(&mut builder(&server.url("/")).connect().unwrap()).await;
        assert_eq!(server.header("accept-encoding")[0].as_deref(), Some("identity"));
        if opens {
            assert_eq!(said[..2], ["open", "x"]);
        } else {
            let expected =
                format!("error: expected no content encoding, as was asked for, got {encoding:?}: data: x");
            assert_eq!(said, [expected]);
        }
    }
}

#[tokio::test]
async fn a_refusal_says_nothing_to_a_terminal() {
    let answer = "HTTP/1.1 500 No\r\n\r\n \u{1b}]0;owned\u{7}\"it's\\\"\r\n\u{9b}2J \u{202e}é ";
    let server = Server::start([(answer, Then::Close)]).await;
    let error = builder(&server.url("/")).connect().unwrap().next().await.unwrap().unwrap_err();
    let shown = r#"expected status 200, got 500: \u{1b}]0;owned\u{7}"it's\"\r\n\u{9b}2J \u{202e}é"#;
    assert_eq!(error.to_string(), shown);
}

#[tokio::test]
async fn a_last_event_id_that_no_server_hears_again_is_an_error_at_once() {
    let long = |len: usize| format!("id: {}\ndata: x\n\n", "i".repeat(len));
    let server = Server::start([(stream(&(long(4096) + &long(4097))), Then::Close)]).await;
    let mut source = builder(&server.url("/")).connect().unwrap();
    assert_eq!(source.next().await.unwrap().unwrap().last_event_id.len(), 4096);
    assert!(matches!(source.next().await, Some(Err(Error::LimitExceeded(_)))));
    assert!(source.next().await.is_none());
    assert_eq!(server.header("last-event-id")[1].as_ref().map(String::len), Some(4096));
    for (len, fits) in [(4096, true), (4097, false)] {
        let connected = builder(&server.url("/")).last_event_id(&"i".repeat(len)).connect();
        assert_eq!(connected.is_ok(), fits);
    }
}

#[tokio::test]
async fn a_stream_that_never_pauses_does_not_outlive_its_deadlines() {
    let flood = || (stream(&"data: x\n\n".repeat(200)), Then::Repeat);
    let server = Server::start([flood(), flood()]).await;
    let config = config(|config| {
        let mut lifecycle = (*config.lifecycle).clone();
        lifecycle.max_age = Some(Duration::from_millis(200));
        config.lifecycle = Arc::new(lifecycle);
    });
    let mut source = EventSource::builder(&server.url("/")).config(config).connect().unwrap();
    let mut lost = 0;
    let read = async {
        while let Some(update) = source.next_update().await {
            lost +=
                usize::from(matches!(update, Ok(Update::Lost { loss: Loss::Timeout(Timer::MaxAge), .. })));
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(20), read).await.is_ok());
    assert_eq!(lost, 2);
}
