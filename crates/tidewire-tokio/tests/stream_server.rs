//! Streams that go on without hyper: what is written, in what order, and every way in which they end.
#![cfg(all(feature = "axum", feature = "hyper"))]
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "common/counted.rs"]
mod counted;

use std::{
    convert::Infallible,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::{
    Request, Response,
    body::{Body, Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use tidewire_sse::Event;
use tidewire_tokio::{
    accept::Acceptor,
    sse::Sse,
    stream_server::{Limits, StreamServer, Streamed},
    upgrade::Refused,
    websocket::Message,
};
use tidewire_ws::handshake;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::Instant,
};

use counted::Counted;

type Answer = Response<UnsyncBoxBody<Bytes, io::Error>>;
type Frames = mpsc::UnboundedReceiver<io::Result<&'static [u8]>>;

/// A body of what a test sends.
struct Pieces(Frames);

impl Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.0
            .poll_recv(cx)
            .map(|piece| piece.map(|piece| piece.map(|piece| Frame::data(Bytes::from_static(piece)))))
    }
}

/// A server of one connection, whose streams say what the test sends.
struct Served {
    client: DuplexStream,
    pieces: mpsc::UnboundedSender<io::Result<&'static [u8]>>,
    end: Option<oneshot::Sender<()>>,
    task: JoinHandle<Result<(), hyper::Error>>,
}

impl Served {
    fn new(width: usize) -> Self {
        Self::with_limits(width, Limits::default())
    }

    fn with_limits(width: usize, limits: Limits) -> Self {
        let (client, server) = duplex(width);
        let (pieces, frames) = mpsc::unbounded_channel();
        let frames = Arc::new(std::sync::Mutex::new(Some(frames)));
        let (end, ended) = oneshot::channel::<()>();
        let service = service_fn(move |request| {
            let frames = Arc::clone(&frames);
            async move { Ok::<_, Infallible>(respond(request, || frames.lock().unwrap().take().unwrap())) }
        });
        let server_of_streams = StreamServer::new(http1::Builder::new(), limits);
        let end_of_all = async move { drop(ended.await) };
        let task = tokio::spawn(server_of_streams.serve(server, service, end_of_all));
        Self { client, pieces, end: Some(end), task }
    }

    async fn ask(&mut self, head: &str) {
        self.client.write_all(head.as_bytes()).await.unwrap();
    }

    fn say(&self, piece: &'static str) {
        self.pieces.send(Ok(piece.as_bytes())).unwrap();
    }

    /// What comes, up to and with `last`.
    async fn until(&mut self, last: &str) -> String {
        let mut heard = Vec::new();
        while !heard.ends_with(last.as_bytes()) {
            heard.push(self.client.read_u8().await.unwrap());
        }
        String::from_utf8(heard).unwrap()
    }

    async fn rest(&mut self) -> String {
        let mut rest = String::new();
        self.client.read_to_string(&mut rest).await.unwrap();
        rest
    }
}

fn respond(request: Request<Incoming>, pieces: impl FnOnce() -> Frames) -> Answer {
    let path = request.uri().path().to_owned();
    let full = |text: &'static str| UnsyncBoxBody::new(Full::from(text).map_err(|never| match never {}));
    let mut response = Response::new(match path.as_str() {
        "/stream" | "/of-known-length" => UnsyncBoxBody::new(Pieces(pieces())),
        "/upgrade" => {
            return upgrade(request).unwrap_or_else(|refused| refused.into_http().map(|_| full("refused")));
        }
        "/sse" => {
            let hello = stream::once(async { Event::new().data("hello").encoded() });
            let events = hello.chain(stream::pending());
            return Sse::new(events)
                .into_http()
                .map(|body| UnsyncBoxBody::new(body.map_err(io::Error::other)));
        }
        _ => full("a page"),
    });
    response.extensions_mut().insert(Streamed);
    response.headers_mut().insert("x-path", path.parse().unwrap());
    response.headers_mut().insert("connection", "keep-alive".parse().unwrap());
    if path == "/of-known-length" || path == "/page" {
        response.headers_mut().insert("content-length", "6".parse().unwrap());
    }
    response
}

fn upgrade(mut request: Request<Incoming>) -> Result<Answer, Refused> {
    let upgrade = Acceptor::default().upgrade(&mut request)?;
    let (answer, upgrading) = upgrade.respond(handshake::Response::new())?;
    tokio::spawn(async move {
        let mut websocket = upgrading.websocket().await.unwrap();
        websocket.send(Message::Text("hi".into())).await.unwrap();
    });
    Ok(answer.map(|body| UnsyncBoxBody::new(body.map_err(|never| match never {}))))
}

const ASK: &str = "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n";

/// Without its date, which is another each second.
fn undated(head: &str) -> String {
    let (dates, others): (Vec<_>, Vec<_>) =
        head.split_inclusive("\r\n").partition(|line| line.starts_with("date: "));
    assert!(dates.len() == 1 && dates[0].ends_with(" GMT\r\n"), "{head}");
    others.concat()
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_chunks_behind_a_head_and_ends_with_the_connection() {
    let mut served = Served::new(1 << 16);
    served.ask(ASK).await;
    let head = served.until("\r\n\r\n").await;
    assert_eq!(
        undated(&head),
        "HTTP/1.1 200 OK\r\nx-path: /stream\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    );
    // Nothing of no length, for that would be the end.
    for piece in ["one", "", "and another one, of more than fifteen"] {
        served.say(piece);
    }
    assert_eq!(
        served.until("fifteen\r\n").await,
        "3\r\none\r\n25\r\nand another one, of more than fifteen\r\n"
    );
    let Served { pieces, .. } = &mut served;
    *pieces = mpsc::unbounded_channel().0;
    assert_eq!(served.rest().await, "0\r\n\r\n");
    drop(served.client);
    served.task.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_burst_is_one_write() {
    let (mut client, io) = duplex(1 << 16);
    let writes = Arc::new(AtomicUsize::new(0));
    let (pieces, frames) = mpsc::unbounded_channel::<io::Result<&'static [u8]>>();
    let frames = std::sync::Mutex::new(Some(frames));
    let service = service_fn(move |_: Request<Incoming>| {
        let mut response = Response::new(Pieces(frames.lock().unwrap().take().unwrap()));
        response.extensions_mut().insert(Streamed);
        async { Ok::<_, Infallible>(response) }
    });
    let server = StreamServer::new(http1::Builder::new(), Limits::default());
    let io = Counted::new(io, &writes);
    tokio::spawn(server.serve(io, service, std::future::pending()));
    client.write_all(ASK.as_bytes()).await.unwrap();
    let mut head = [0; 4096];
    assert!(client.read(&mut head).await.unwrap() > 0);
    assert_eq!(writes.load(Ordering::Relaxed), 1);
    for _ in 0..100 {
        pieces.send(Ok(b"eight to a burst, or a hundred")).unwrap();
    }
    let mut burst = vec![0; 100 * (4 + 30 + 2)];
    client.read_exact(&mut burst).await.unwrap();
    assert_eq!(writes.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn to_http_1_0_it_is_no_chunks() {
    let mut served = Served::new(1 << 16);
    served.ask("GET /stream HTTP/1.0\r\n\r\n").await;
    let head = served.until("\r\n\r\n").await;
    assert_eq!(undated(&head), "HTTP/1.1 200 OK\r\nx-path: /stream\r\nconnection: close\r\n\r\n");
    served.say("one");
    served.say("two");
    served.pieces = mpsc::unbounded_channel().0;
    assert_eq!(served.rest().await, "onetwo");
}

#[tokio::test(start_paused = true)]
async fn what_was_answered_before_it_goes_out_before_it() {
    for width in [1, 7, 1 << 16] {
        let mut served = Served::new(width);
        // In one piece, so that hyper has read all of them before any answer goes out.
        let page = "GET /page HTTP/1.1\r\nHost: a\r\n\r\n";
        let sent = [page, page, ASK, "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
        served.say("one");
        served.pieces = mpsc::unbounded_channel().0;
        let (mut reading, mut writing) = tokio::io::split(served.client);
        let write = async { writing.write_all(sent.as_bytes()).await.unwrap() };
        let mut heard = String::new();
        let ((), read) = tokio::join!(write, reading.read_to_string(&mut heard));
        read.unwrap();
        assert_eq!(heard.matches("HTTP/1.1 200 OK").count(), 3, "{heard}");
        assert_eq!(heard.matches("\r\n\r\na page").count(), 2, "{heard}");
        assert!(heard.ends_with("\r\n\r\n3\r\none\r\n0\r\n\r\n"), "{heard}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_stream_is_hypers() {
    let mut served = Served::new(1 << 16);
    served.ask("HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let head = served.until("\r\n\r\n").await;
    assert!(!head.contains("connection: close"), "{head}");
    let mut served = Served::new(1 << 16);
    served.ask("GET /of-known-length HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let head = served.until("\r\n\r\n").await;
    assert!(head.contains("content-length: 6\r\n") && !head.contains("chunked"), "{head}");
    served.say("sixsix");
    assert_eq!(served.until("sixsix").await, "sixsix");
    served.ask("GET /page HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(served.until("a page").await.contains("200 OK"));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_away_takes_its_stream_with_it() {
    let mut served = Served::new(1 << 16);
    served.ask(ASK).await;
    served.until("\r\n\r\n").await;
    // It has nothing to say, and may say it.
    served.client.write_all(&vec![b'x'; 1 << 20]).await.unwrap();
    served.say("one");
    assert_eq!(served.until("one\r\n").await, "3\r\none\r\n");
    drop(served.client);
    served.task.await.unwrap().unwrap();
    assert!(served.pieces.is_closed());
}

#[tokio::test(start_paused = true)]
async fn a_body_that_fails_breaks_off() {
    let mut served = Served::new(1 << 16);
    served.ask(ASK).await;
    served.say("one");
    served.until("one\r\n").await;
    served.pieces.send(Err(io::Error::other("no more"))).unwrap();
    assert_eq!(served.rest().await, "");
    served.task.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_is_given_up_and_asked_nothing_for() {
    let mut limits = Limits::default();
    limits.max_output_len = 1000;
    let mut served = Served::with_limits(64, limits);
    served.ask(ASK).await;
    served.until("\r\n\r\n").await;
    let start = Instant::now();
    for _ in 0..1000 {
        served.say("ten bytes.");
    }
    // It takes something now and then.
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_secs(9)).await;
        let mut some = [0; 10];
        served.client.read_exact(&mut some).await.unwrap();
    }
    assert!(!served.pieces.is_closed());
    served.pieces.closed().await;
    assert_eq!(start.elapsed().as_secs(), 37);
    served.task.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_end_is_waited_for_by_streams_and_not_by_idle_connections() {
    let mut idle = Served::new(1 << 16);
    idle.ask("GET /page HTTP/1.1\r\nHost: a\r\n\r\n").await;
    idle.until("a page").await;
    drop(idle.end.take());
    assert_eq!(idle.rest().await, "");
    idle.task.await.unwrap().unwrap();

    let mut streaming = Served::new(1 << 16);
    streaming.ask(ASK).await;
    streaming.until("\r\n\r\n").await;
    drop(streaming.end.take());
    streaming.say("one");
    assert_eq!(streaming.until("one\r\n").await, "3\r\none\r\n");
    streaming.pieces = mpsc::unbounded_channel().0;
    assert_eq!(streaming.rest().await, "0\r\n\r\n");
}

#[tokio::test(start_paused = true)]
async fn upgrades_are_made_as_ever() {
    let mut served = Served::new(1 << 16);
    served
        .ask(
            "GET /upgrade HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        )
        .await;
    assert!(served.until("\r\n\r\n").await.starts_with("HTTP/1.1 101 "));
    let mut hi = [0; 4];
    served.client.read_exact(&mut hi).await.unwrap();
    assert_eq!(hi, *b"\x81\x02hi");
}

#[tokio::test(start_paused = true)]
async fn an_event_stream_is_kept_alive() {
    let mut served = Served::new(1 << 16);
    served.ask("GET /sse HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let head = served.until("\r\n\r\n").await;
    assert!(head.contains("\r\ncontent-type: text/event-stream\r\n"), "{head}");
    let start = Instant::now();
    assert_eq!(served.until("\n\n\r\n").await, "d\r\ndata: hello\n\n\r\n");
    assert_eq!(served.until("\n\n\r\n").await, "d\r\n: keepalive\n\n\r\n");
    assert_eq!(start.elapsed().as_secs(), 15);
    drop(served.client);
    served.task.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_head_that_drips_is_not_waited_for() {
    let (mut client, socket) = duplex(1024);
    let service = service_fn(|_: Request<Incoming>| async {
        let none = futures_util::stream::empty::<Result<tidewire_sse::Encoded, Infallible>>();
        Ok::<_, Infallible>(Sse::new(none).into_http())
    });
    let server = StreamServer::new(http1::Builder::new(), Limits::default());
    let start = tokio::time::Instant::now();
    let serving = tokio::spawn(server.serve(socket, service, std::future::pending()));
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n").await.unwrap();
    let _ = serving.await.unwrap();
    let waited = start.elapsed().as_secs_f64();
    assert!((5.0..8.0).contains(&waited), "{waited}");
}
