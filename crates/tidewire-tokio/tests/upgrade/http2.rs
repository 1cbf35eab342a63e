//! hyper over HTTP/2 (RFC 8441): extended CONNECT, many streams on one connection, windows that are small, and refusals.

use std::{convert::Infallible, time::Duration};

use http_body_util::{BodyExt, Empty, combinators::BoxBody};
use hyper::{
    Method, Request, Response,
    body::{Bytes, Incoming},
    client::conn::http2 as client,
    ext::Protocol,
    server::conn::http2,
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tidewire_tokio::{accept::Acceptor, drain::Drain, upgrade::Refused, websocket::Cause};
use tidewire_ws::{deflate::Pool, handshake};
use tokio::{
    io::{AsyncWriteExt, duplex},
    sync::mpsc,
};

use crate::client::{CLOSE, CLOSED, masked, plain, rest, take};

type Client = client::SendRequest<Empty<Bytes>>;
type Stream = TokioIo<hyper::upgrade::Upgraded>;

/// How connections of the server ended, and what the drain that they are spawned with counts.
struct Server {
    client: Client,
    ends: mpsc::UnboundedReceiver<Cause>,
    drain: Drain,
}

async fn echo(
    mut request: Request<Incoming>,
    acceptor: Acceptor,
    drain: Drain,
    ends: mpsc::UnboundedSender<Cause>,
) -> Result<Response<BoxBody<Bytes, Infallible>>, Refused> {
    let upgrade = acceptor.upgrade(&mut request)?;
    if request.uri().path() == "/forbidden" {
        return Err(upgrade.refuse(handshake::Refusal::new(403, "not for you")));
    }
    let response = handshake::Response::new().choose_subprotocol(upgrade.subprotocols(), |name| name == "v1");
    let (answer, upgrading) = upgrade.respond(response)?;
    drain.spawn(async move {
        let mut websocket = upgrading.websocket().await.unwrap();
        while let Some(message) = websocket.next().await {
            if websocket.send(message).await.is_err() {
                break;
            }
        }
        ends.send(websocket.ended().unwrap().cause.clone()).unwrap();
    });
    Ok(answer.map(BoxBody::new))
}

fn refuse(refused: Refused) -> Response<BoxBody<Bytes, Infallible>> {
    refused.into_http().map(BoxBody::new)
}

/// A client whose streams have a window of so many bytes, and the server that it talks to.
async fn connected(acceptor: Acceptor, window_len: u32) -> Server {
    let (near, far) = duplex(1 << 16);
    let (told, ends) = mpsc::unbounded_channel();
    let drain = Drain::new();
    let spawned = drain.clone();
    let service = service_fn(move |request| {
        let answer = echo(request, acceptor.clone(), spawned.clone(), told.clone());
        async { Ok::<_, Infallible>(answer.await.unwrap_or_else(refuse)) }
    });
    let mut http = http2::Builder::new(TokioExecutor::new());
    http.timer(TokioTimer::new()).enable_connect_protocol().initial_stream_window_size(window_len);
    tokio::spawn(http.serve_connection(TokioIo::new(far), service));
    let mut http = client::Builder::new(TokioExecutor::new());
    http.initial_stream_window_size(window_len).initial_connection_window_size(1 << 20);
    let (mut client, connection) = http.handshake(TokioIo::new(near)).await.unwrap();
    tokio::spawn(connection);
    // Until the server's settings have come it is not known to speak extended CONNECT.
    let found = client.send_request(get("/")).await.unwrap();
    assert_eq!(found.status(), 405);
    assert_eq!(found.headers()["allow"], "CONNECT");
    Server { client, ends, drain }
}

fn get(path: &str) -> Request<Empty<Bytes>> {
    Request::get(format!("https://server.example.com{path}")).body(Empty::new()).unwrap()
}

fn connect(path: &str) -> Request<Empty<Bytes>> {
    let mut request = get(path);
    *request.method_mut() = Method::CONNECT;
    // As HAProxy writes it.
    request.extensions_mut().insert(Protocol::from_static("WebSocket"));
    request.headers_mut().insert("sec-websocket-version", "13".parse().unwrap());
    request
}

async fn open(client: &mut Client, request: Request<Empty<Bytes>>) -> (Response<()>, Stream) {
    let mut response = client.send_request(request).await.unwrap();
    assert_eq!(response.status(), 200);
    let stream = hyper::upgrade::on(&mut response).await.unwrap();
    (response.map(|_| ()), TokioIo::new(stream))
}

#[tokio::test(start_paused = true)]
async fn an_extended_connect_opens_a_websocket() {
    let mut server = connected(Acceptor::default(), 65_535).await;
    let mut request = connect("/echo");
    request.headers_mut().insert("sec-websocket-protocol", "v2, v1".parse().unwrap());
    let (response, mut stream) = open(&mut server.client, request).await;
    assert_eq!(response.headers()["sec-websocket-protocol"], "v1");
    for absent in ["sec-websocket-accept", "upgrade", "connection", "content-length"] {
        assert!(!response.headers().contains_key(absent), "{absent}");
    }
    stream.write_all(&masked(0x81, b"Hello")).await.unwrap();
    let hello = plain(0x81, b"Hello");
    assert_eq!(take(&mut stream, hello.len()).await, hello);
    stream.write_all(CLOSE).await.unwrap();
    stream.shutdown().await.unwrap();
    // The stream ends as a connection would.
    assert_eq!(rest(&mut stream).await, CLOSED);
    assert!(matches!(server.ends.recv().await, Some(Cause::Close { .. })));
    assert_eq!(server.drain.finished(Duration::from_secs(1)).await, 0);
}

#[tokio::test(start_paused = true)]
async fn many_streams_of_one_connection_do_not_wait_for_each_other() {
    let mut server = connected(Acceptor::default(), 65_535).await;
    let mut streams = Vec::new();
    for _ in 0..50 {
        streams.push(open(&mut server.client, connect("/echo")).await.1);
    }
    assert_eq!(server.drain.running(), 50);
    for round in 0..3u8 {
        for (index, stream) in (0..50u8).zip(&mut streams) {
            stream.write_all(&masked(0x82, &[round, index])).await.unwrap();
        }
        for (index, stream) in (0..50u8).zip(&mut streams).rev() {
            assert_eq!(take(stream, 4).await, plain(0x82, &[round, index]));
        }
    }
    // One that is dropped takes no other with it.
    drop(streams.swap_remove(7));
    assert!(matches!(server.ends.recv().await, Some(Cause::Eof(_) | Cause::Transport)));
    for stream in &mut streams {
        stream.write_all(&masked(0x89, b"")).await.unwrap();
        assert_eq!(take(stream, 2).await, plain(0x8A, b""));
    }
    assert_eq!(server.drain.running(), 49);
}

#[tokio::test(start_paused = true)]
async fn messages_larger_than_any_window_go_through() {
    for window_len in [1, 16 * 1024, 1 << 20] {
        let mut server = connected(Acceptor::default(), window_len).await;
        let (_, stream) = open(&mut server.client, connect("/echo")).await;
        let (mut reading, mut writing) = tokio::io::split(stream);
        let len = if window_len == 1 { 300 } else { 1_000_000 };
        let payload: Vec<u8> =
            (0..len).map(|index: u32| index.to_be_bytes()[3] ^ index.to_be_bytes()[1]).collect();
        let sent = masked(0x82, &payload);
        let expected = plain(0x82, &payload);
        let write = async { writing.write_all(&sent).await.unwrap() };
        let ((), found) = tokio::join!(write, take(&mut reading, expected.len()));
        assert!(found == expected, "window {window_len}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_takes_nothing_is_given_up_and_the_others_go_on() {
    let mut server = connected(Acceptor::default(), 16 * 1024).await;
    let (_, mut stuck) = open(&mut server.client, connect("/echo")).await;
    let (_, mut other) = open(&mut server.client, connect("/echo")).await;
    let start = tokio::time::Instant::now();
    stuck.write_all(&masked(0x82, &[0; 500_000])).await.unwrap();
    let end = loop {
        other.write_all(&masked(0x81, b"Hello")).await.unwrap();
        assert_eq!(take(&mut other, 7).await, plain(0x81, b"Hello"));
        tokio::time::sleep(Duration::from_secs(1)).await;
        match server.ends.try_recv() {
            Ok(end) => break end,
            Err(_) => assert!(start.elapsed() < Duration::from_secs(15)),
        }
    };
    assert!(matches!(end, Cause::Timeout(_)), "{end:?}");
    assert_eq!(server.drain.running(), 1);
    // What hyper has of it is little, and ends where the message is cut.
    let left = rest(&mut stuck).await;
    assert!(left.len() <= 5 * 16 * 1024, "{}", left.len());
}

#[tokio::test(start_paused = true)]
async fn who_offers_compression_gets_it_and_who_does_not_does_not() {
    let mut acceptor = Acceptor::default();
    acceptor.deflate = Some(Pool::default());
    let mut server = connected(acceptor, 65_535).await;
    let mut request = connect("/echo");
    request.headers_mut().insert("sec-websocket-extensions", "permessage-deflate".parse().unwrap());
    let (response, mut stream) = open(&mut server.client, request).await;
    let agreed = &response.headers()["sec-websocket-extensions"];
    assert_eq!(agreed, "permessage-deflate; server_no_context_takeover; client_no_context_takeover");
    stream.write_all(&masked(0xC1, b"\xF2\x48\xCD\xC9\xC9\x07\0")).await.unwrap();
    assert_eq!(take(&mut stream, 7).await, plain(0x81, b"Hello"), "too short to compress");

    let (response, mut stream) = open(&mut server.client, connect("/echo")).await;
    assert!(!response.headers().contains_key("sec-websocket-extensions"));
    stream.write_all(&masked(0xC1, b"\xF2\x48\xCD\xC9\xC9\x07\0")).await.unwrap();
    assert_eq!(take(&mut stream, 4).await, plain(0x88, &1002u16.to_be_bytes()));
}

#[tokio::test(start_paused = true)]
async fn what_is_no_opening_handshake_is_refused_and_the_connection_lives() {
    type Change = fn(&mut Request<Empty<Bytes>>);
    let mut server = connected(Acceptor::default(), 65_535).await;
    let table: [(Change, u16, &str); 6] = [
        (
            |request| drop(request.headers_mut().remove("sec-websocket-version")),
            400,
            "sec-websocket-version: 13",
        ),
        (
            |request| drop(request.headers_mut().insert("sec-websocket-version", "8".parse().unwrap())),
            400,
            "sec-websocket-version: 13",
        ),
        (|request| drop(request.extensions_mut().insert(Protocol::from_static("connect-udp"))), 501, ""),
        (
            |request| drop(request.headers_mut().insert("sec-websocket-protocol", "a b".parse().unwrap())),
            400,
            "",
        ),
        (|request| *request.uri_mut() = "https://a/forbidden".parse().unwrap(), 403, ""),
        (|request| *request.method_mut() = Method::GET, 405, "allow: CONNECT"),
    ];
    for (change, status, header) in table {
        let mut request = connect("/echo");
        change(&mut request);
        if *request.method() == Method::GET {
            request.extensions_mut().remove::<Protocol>();
        }
        let response = server.client.send_request(request).await.unwrap();
        assert_eq!(response.status(), status);
        if let Some((name, value)) = header.split_once(": ") {
            assert_eq!(response.headers()[name], value);
        }
        for absent in ["connection", "upgrade"] {
            assert!(!response.headers().contains_key(absent));
        }
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert!(body.ends_with(b"\n"), "{body:?}");
    }
    assert_eq!(server.drain.running(), 0);
    let (_, mut stream) = open(&mut server.client, connect("/echo")).await;
    stream.write_all(&masked(0x81, b"Hello")).await.unwrap();
    assert_eq!(take(&mut stream, 7).await, plain(0x81, b"Hello"));
}
