//! Where nobody takes the deliveries over, they are a body like any other, of the same bytes.

use std::{convert::Infallible, sync::Mutex, time::Duration};

use http_body_util::BodyExt;
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tidewire_sse::Encoded;
use tidewire_tokio::{
    drain::Drain,
    hub::{OnLag, Policy},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use crate::served::{ASK, KEEP_ALIVE, Served, Wanted, hub, publish, reader, respond, settle};

/// What comes of these lines, by a body that is asked for all of it.
async fn body_of(lines: &[&str], wanted: &Wanted) -> String {
    let hub = hub();
    let response = respond(reader(&hub, wanted.policy), wanted);
    lines.iter().for_each(|line| publish(&hub, line));
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(hub.usage().subscribers, 0);
    String::from_utf8(body.to_vec()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_body_is_the_bytes_that_a_socket_is_written() {
    let wanted = Wanted { first: vec![Encoded::retry(Duration::from_secs(3))], ..Wanted::default() };
    let long = "x".repeat(3000);
    let lines = ["one", "inject", &long, "silence", "own", "two", "end", "three"];
    let body = body_of(&lines, &wanted).await;
    assert!(body.starts_with("retry: 3000\ndata: one\n\n") && body.ends_with("data: bye\n\n"), "{body}");

    let hub = hub();
    let mut stream = Served::with(&hub, 1 << 16, wanted).await;
    stream.head().await;
    let mut written = stream.chunk().await;
    lines.iter().for_each(|line| publish(&hub, line));
    while !written.ends_with("bye\n\n") {
        written += &stream.chunk().await;
    }
    // Tokens are of their hubs.
    let without_token = |text: &str| {
        text.lines().filter(|line| !line.starts_with("id: ")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(without_token(&body), without_token(&written));
    assert_eq!(body.matches("id: ").count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_body_waits_is_kept_alive_and_hears_of_the_drain() {
    let (hub, drain) = (hub(), Drain::new());
    let wanted = Wanted { drain: Some(drain.clone()), ..Wanted::default() };
    let mut body = Box::pin(respond(reader(&hub, Policy::default()), &wanted).into_body());
    let start = tokio::time::Instant::now();
    for seconds in [15, 30] {
        let frame = body.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), KEEP_ALIVE);
        assert_eq!(start.elapsed().as_secs(), seconds);
    }
    publish(&hub, "one");
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "data: one\n\n");
    drain.begin();
    assert!(body.frame().await.is_none());
    assert_eq!(hub.usage().subscribers, 0);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_was_dismissed_says_so_and_ends() {
    let mut policy = Policy::default();
    (policy.max_lag_messages, policy.on_lag) = (3, OnLag::Disconnect);
    let wanted = Wanted { policy, ..Wanted::default() };
    let body = body_of(&["0", "1", "2", "3", "4"], &wanted).await;
    assert_eq!(body, "data: too slow\n\n");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_dropped_ends_the_subscription_though_the_head_lives_on() {
    let hub = hub();
    let (head, body) = respond(reader(&hub, Policy::default()), &Wanted::default()).into_parts();
    assert_eq!(hub.usage().subscribers, 1);
    drop(body);
    assert_eq!(hub.usage().subscribers, 0);
    drop(head);
}

#[tokio::test(start_paused = true)]
async fn hyper_serves_it_too() {
    let hub = hub();
    let readers = Mutex::new(Some(reader(&hub, Policy::default())));
    let service = service_fn(move |_: Request<Incoming>| {
        let response = respond(readers.lock().unwrap().take().unwrap(), &Wanted::default());
        async { Ok::<_, Infallible>(response) }
    });
    let (mut client, server) = duplex(1 << 16);
    tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(server), service));
    client.write_all(ASK.as_bytes()).await.unwrap();
    settle().await;
    ["one", "end"].iter().for_each(|line| publish(&hub, line));
    let mut heard = vec![0; 4096];
    let mut len = 0;
    while !heard[..len].ends_with(b"0\r\n\r\n") {
        len += client.read(&mut heard[len..]).await.unwrap();
    }
    let text = String::from_utf8_lossy(&heard[..len]);
    assert!(text.contains("data: one\n\n") && text.contains("data: bye\n\n"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_a_layer_encodes_is_asked_for_what_comes() {
    let hub = hub();
    let wanted = Wanted { content_encoding: Some("identity"), ..Wanted::default() };
    let mut stream = Served::with(&hub, 1 << 16, wanted).await;
    let head = stream.head().await;
    assert!(head.contains("\r\ncontent-encoding: identity\r\n"), "{head}");
    ["one", "two"].iter().for_each(|line| publish(&hub, line));
    // A frame of a body is a chunk.
    assert_eq!(stream.chunk().await, "data: one\n\n");
    assert_eq!(stream.chunk().await, "data: two\n\n");
}
