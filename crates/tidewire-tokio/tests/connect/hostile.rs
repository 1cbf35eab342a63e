//! Servers that lie, flood, drip or say nothing: each is an error of its kind, within its limit.

use std::time::Duration;

use crate::server::{error, head};
use tidewire_tokio::connect::{ConnectError, Connector, Declined, InvalidResponse, Request, Stage};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    time::{Instant, sleep},
};

/// What a client makes of a server, and how long it took.
async fn found<F: Future<Output = ()> + Send + 'static>(
    script: impl FnOnce(DuplexStream) -> F,
) -> (ConnectError, Duration) {
    let (client, server) = duplex(64 * 1024);
    tokio::spawn(script(server));
    let start = Instant::now();
    let request = Request::new("ws://example.org/").subprotocol("chat");
    let outcome = Connector::default().connect_over(client, request).await;
    (error(outcome), start.elapsed())
}

/// What a client makes of an answer behind which nothing comes.
async fn answered(answer: impl Into<Vec<u8>>) -> (ConnectError, Duration) {
    let answer = answer.into();
    found(async move |mut server: DuplexStream| {
        head(&mut server).await;
        server.write_all(&answer).await.unwrap();
        // It stays open until the client leaves.
        let _ = server.read(&mut [0; 16]).await;
    })
    .await
}

fn declined(error: ConnectError) -> Box<Declined> {
    let ConnectError::Declined(declined) = error else { panic!("{error}") };
    declined
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_none_is_an_error_of_its_kind() {
    let switching = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
    let fine = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
    let filler = "X: y\r\n".repeat(17 * 1024 / 6);
    let interim = "HTTP/1.1 100 Continue\r\nX: y\r\n\r\n".repeat(600);
    for (answer, expected) in [
        // Frames, TLS and noise before the response.
        ("\u{1}\u{5}Hello\r\n\r\n".to_owned(), InvalidResponse::Malformed),
        ("nonsense\r\n\r\n".to_owned(), InvalidResponse::Malformed),
        (format!("{switching}{fine}\r\n"), InvalidResponse::Accept),
        (format!("{switching}\r\n"), InvalidResponse::Accept),
        ("HTTP/1.1 101 Switching Protocols\r\n\r\n".to_owned(), InvalidResponse::Upgrade),
        (format!("HTTP/1.1 101 X\r\n{filler}"), InvalidResponse::HeadTooLong),
        (format!("HTTP/1.1 101 X\r\n{}\r\n", "X: y\r\n".repeat(101)), InvalidResponse::TooManyHeaders),
        // A handshake without an end: what comes before the response counts in its length.
        (interim, InvalidResponse::HeadTooLong),
    ] {
        let shown: String = answer.chars().take(60).collect();
        let (error, after) = answered(answer).await;
        assert!(!error.invites_back(), "{shown}");
        assert!(matches!(error, ConnectError::Response(found) if found == expected), "{error}: {shown}");
        assert_eq!(after, Duration::ZERO, "it is known at once: {shown}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_goes_in_the_middle_may_be_asked_again() {
    let answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";
    for cut in 0..answer.len() - 1 {
        let (error, _) = found(async move |mut server: DuplexStream| {
            head(&mut server).await;
            server.write_all(&answer.as_bytes()[..cut]).await.unwrap();
        })
        .await;
        assert!(matches!(error, ConnectError::Response(InvalidResponse::Truncated)), "{cut}: {error}");
        assert!(error.invites_back());
    }
}

#[tokio::test(start_paused = true)]
async fn silence_and_drips_end_with_the_deadline() {
    let silent = found(async |mut server: DuplexStream| {
        head(&mut server).await;
        std::future::pending().await
    });
    let dripping = found(async |mut server: DuplexStream| {
        for byte in b"HTTP/1.1 101 Switching Protocols\r\n".iter().cycle() {
            let _ = server.write_all(&[*byte]).await;
            sleep(Duration::from_millis(500)).await;
        }
    });
    let interim = found(async |mut server: DuplexStream| {
        while server.write_all(b"HTTP/1.1 102 Processing\r\n\r\n").await.is_ok() {
            sleep(Duration::from_millis(100)).await;
        }
    });
    for (name, (error, after)) in
        [("silent", silent.await), ("dripping", dripping.await), ("interim", interim.await)]
    {
        assert!(matches!(error, ConnectError::Timeout(Stage::Handshake)), "{name}: {error}");
        assert!(error.invites_back());
        assert_eq!(after.as_secs(), 10, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_nobody_takes_ends_with_the_deadline() {
    let (client, _server) = duplex(16);
    let start = Instant::now();
    let error = error(Connector::default().connect_over(client, "ws://a/").await);
    assert!(matches!(error, ConnectError::Timeout(Stage::Handshake)), "{error}");
    assert_eq!(start.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn whoever_declines_is_heard_out_but_not_for_long() {
    for (tail, body, is_whole, seconds) in [
        ("Content-Length: 4\r\n\r\nnope", "nope", true, 0),
        ("Transfer-Encoding: chunked\r\n\r\n4\r\nnope\r\n0\r\n\r\n", "nope", true, 0),
        // Nothing more comes: two seconds are enough.
        ("Content-Length: 100\r\n\r\nhalf", "half", false, 2),
        ("\r\n", "", false, 2),
    ] {
        let (error, after) =
            answered(format!("HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nX-Why: load\r\n{tail}")).await;
        assert!(error.invites_back());
        assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
        let declined = declined(error);
        assert_eq!((declined.status(), declined.header("x-why")), (503, Some(&b"load"[..])));
        assert_eq!((declined.body(), declined.is_whole()), (body.as_bytes(), is_whole), "{tail}");
        assert_eq!(after.as_secs(), seconds, "{tail}");
    }
    let flood = format!("HTTP/1.1 500 No\r\n\r\n{}", "x".repeat(10_000));
    let (error, after) = answered(flood).await;
    assert_eq!((declined(error).body().len(), after), (4096, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_status_says_whether_to_come_back() {
    for (status, back) in [(200, false), (301, false), (401, false), (403, false), (404, false), (410, false)]
        .into_iter()
        .chain([(408, true), (425, true), (429, true), (500, true), (502, true), (503, true), (504, true)])
    {
        let (error, _) = answered(format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n")).await;
        assert_eq!((error.invites_back(), error.retry_after()), (back, None), "{status}");
        assert_eq!(error.to_string(), format!("declined with status {status}"));
    }
}
