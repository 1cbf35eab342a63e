//! axum's extractor: what it rejects, what it answers, and that a drain sees its connections.

use std::{io, sync::Arc, time::Duration};

use axum::{
    Extension, Router,
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::any,
};
use http_body_util::Empty;
use hyper::{Method, Request, body::Bytes, ext::Protocol};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tidewire_tokio::{
    accept::Acceptor,
    drain::Drain,
    linger::{Limits, Lingering},
    upgrade::{UpgradeError, Upgraded, WebSocketUpgrade},
    websocket::{Config, WebSocket},
};
use tidewire_ws::{
    deflate::Pool,
    handshake::{self, Refusal},
    message,
};
use tokio::{
    io::{AsyncWriteExt, DuplexStream, duplex},
    sync::mpsc,
};

use crate::client::{CLOSE, CLOSED, REQUEST, head, masked, plain, request, rest, take};

/// A listener of pipes.
struct Pipes(mpsc::UnboundedReceiver<DuplexStream>);

impl axum::serve::Listener for Pipes {
    type Io = Lingering<DuplexStream>;
    type Addr = ();

    async fn accept(&mut self) -> (Self::Io, ()) {
        match self.0.recv().await {
            Some(pipe) => (Lingering::new(pipe, Limits::default()), ()),
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<()> {
        Ok(())
    }
}

/// What the handlers know.
#[derive(Clone)]
struct App {
    drain: Drain,
    failures: mpsc::UnboundedSender<UpgradeError>,
}

struct Server {
    pipes: mpsc::UnboundedSender<DuplexStream>,
    drain: Drain,
    failures: mpsc::UnboundedReceiver<UpgradeError>,
}

impl Server {
    fn start() -> Self {
        let router = Router::new().route("/echo", any(echo)).route("/small", any(small));
        Self::of(router.route("/page", any(page)).route("/room/{name}", any(room)))
    }

    fn of(router: Router<App>) -> Self {
        let (pipes, listener) = mpsc::unbounded_channel();
        let (told, failures) = mpsc::unbounded_channel();
        let drain = Drain::new();
        let router = router.with_state(App { drain: drain.clone(), failures: told });
        tokio::spawn(async move { axum::serve(Pipes(listener), router).await });
        Self { pipes, drain, failures }
    }

    fn connect(&self, width: usize) -> DuplexStream {
        let (client, server) = duplex(width);
        self.pipes.send(server).unwrap();
        client
    }

    /// The whole answer to what the client sends.
    async fn answer(&self, sent: &str) -> String {
        let mut client = self.connect(1 << 16);
        client.write_all(sent.as_bytes()).await.unwrap();
        String::from_utf8(rest(&mut client).await).unwrap()
    }
}

async fn echo(State(app): State<App>, upgrade: WebSocketUpgrade) -> Response {
    upgrade
        .choose_subprotocol(["v1", "v2"])
        .deflate(&Pool::default())
        .on_failed(move |error| app.failures.send(error).unwrap())
        .on_upgrade(&app.drain, serve)
}

async fn serve(mut websocket: WebSocket<Upgraded>) {
    while let Some(message) = websocket.next().await {
        if websocket.send(message).await.is_err() {
            return;
        }
    }
}

async fn small(State(app): State<App>, upgrade: WebSocketUpgrade) -> Response {
    let mut messages = message::Config::default();
    messages.max_message_len = 4;
    let config = Config::new(messages, Default::default());
    upgrade.config(config).on_upgrade(&app.drain, serve)
}

/// A page, and a WebSocket at the same path.
async fn page(State(app): State<App>, upgrade: Option<WebSocketUpgrade>) -> Response {
    match upgrade {
        Some(upgrade) => upgrade.on_upgrade(&app.drain, serve),
        None => "a page".into_response(),
    }
}

async fn room(State(app): State<App>, Path(name): Path<String>, upgrade: WebSocketUpgrade) -> Response {
    if name != "kitchen" {
        return upgrade.refuse(Refusal::new(404, "there is no such room")).into_response();
    }
    let upgrade = upgrade.choose_subprotocol(["v2"]);
    let chosen = format!("{:?} of {:?}", upgrade.subprotocol(), upgrade.subprotocols());
    match upgrade.header("X-Chosen", &chosen).and_then(|upgrade| upgrade.header("X-Name", &name)) {
        Ok(upgrade) => upgrade.on_upgrade(&app.drain, |_| async {}),
        Err(error) => error.to_string().into_response(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_serves_a_websocket_and_the_drain_sees_it() {
    let server = Server::start();
    let mut client = server.connect(1 << 16);
    let offer = request("Sec-WebSocket-Protocol: v3, v2, v1\r\n");
    client.write_all(&[offer.as_bytes(), &masked(0x81, b"Hello")].concat()).await.unwrap();
    let head = head(&mut client).await;
    assert!(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{head}");
    assert!(head.contains("\r\nsec-websocket-protocol: v2\r\n"), "{head}");
    assert!(!head.contains("content-length"), "{head}");
    assert_eq!(take(&mut client, 7).await, plain(0x81, b"Hello"));
    assert_eq!(server.drain.running(), 1);
    server.drain.begin();
    let close = take(&mut client, 4).await;
    assert_eq!((close[0], &close[2..]), (0x88, &1001u16.to_be_bytes()[..]));
    client.write_all(CLOSE).await.unwrap();
    drop(client);
    assert_eq!(server.drain.wind_up().await, 0);
}

#[tokio::test(start_paused = true)]
async fn every_rejection_is_a_whole_response_with_its_status() {
    let server = Server::start();
    let table = [
        (REQUEST.replace("GET", "POST"), 405, "allow: GET"),
        (REQUEST.replace("HTTP/1.1", "HTTP/1.0"), 400, "connection: close"),
        (REQUEST.replace("Host: a\r\n", ""), 400, "connection: close"),
        (REQUEST.replace("websocket", "h2c"), 426, "upgrade: websocket"),
        (REQUEST.replace("n: Upgrade", "n: close"), 426, "connection: close, Upgrade"),
        (REQUEST.replace("n: 13", "n: 8"), 426, "sec-websocket-version: 13"),
        (REQUEST.replace("Sec-WebSocket-Key", "X-Key"), 400, "connection: close"),
        (request("Sec-WebSocket-Extensions: ;\r\n"), 400, "connection: close"),
        (request("Sec-WebSocket-Protocol: a, a\r\n"), 400, "connection: close"),
        (request("Origin: http://a\r\nOrigin: http://b\r\n"), 400, "connection: close"),
        (request(&format!("Sec-WebSocket-Protocol: {}\r\n", many_names())), 431, "connection: close"),
        (REQUEST.replace("/echo", "/room/cellar"), 404, "connection: close"),
    ];
    for (sent, status, line) in table {
        let answer = server.answer(&sent).await;
        assert!(answer[8..].starts_with(&format!(" {status} ")), "{sent}\n{answer}");
        assert!(answer.contains(&format!("\r\n{line}\r\n")), "{sent}\n{answer}");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("content-type: text/plain; charset=utf-8"), "{head}");
        assert!(head.contains(&format!("content-length: {}", body.len())), "{answer}");
        assert!(body.len() > 10 && body.ends_with('\n'), "{body}");
    }
    assert_eq!(server.drain.running(), 0);
}

fn many_names() -> String {
    (0..33).map(|index| format!("v{index}")).collect::<Vec<_>>().join(",")
}

#[tokio::test(start_paused = true)]
async fn what_was_chosen_and_added_is_said() {
    let server = Server::start();
    let mut client = server.connect(1 << 16);
    let offer = request("Sec-WebSocket-Protocol: v1, v2\r\n").replace("/echo", "/room/kitchen");
    client.write_all(offer.as_bytes()).await.unwrap();
    let found = head(&mut client).await;
    assert!(found.contains("\r\nsec-websocket-protocol: v2\r\n"), "{found}");
    assert!(found.contains("\r\nx-chosen: Some(\"v2\") of [\"v1\", \"v2\"]\r\n"), "{found}");
    let mut client = server.connect(1 << 16);
    client.write_all(REQUEST.replace("/echo", "/room/kitchen").as_bytes()).await.unwrap();
    let found = head(&mut client).await;
    assert!(!found.contains("sec-websocket-protocol"), "{found}");
    assert!(found.contains("\r\nx-chosen: None of []\r\n"), "{found}");
}

#[tokio::test(start_paused = true)]
async fn a_page_may_stand_at_the_same_path() {
    let server = Server::start();
    let answer = server.answer("GET /page HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("a page"), "{answer}");
    // Who asks for a WebSocket, and does it badly, is told so.
    let answer = server.answer(&REQUEST.replace("/echo", "/page").replace("n: 13", "n: 8")).await;
    assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
    let mut client = server.connect(1 << 16);
    client.write_all(REQUEST.replace("/echo", "/page").as_bytes()).await.unwrap();
    assert!(head(&mut client).await.starts_with("HTTP/1.1 101 "));
}

#[tokio::test(start_paused = true)]
async fn limits_and_compression_are_those_of_the_handler() {
    let server = Server::start();
    let mut client = server.connect(1 << 16);
    let small = REQUEST.replace("/echo", "/small");
    client
        .write_all(&[small.as_bytes(), &masked(0x81, b"four"), &masked(0x81, b"fiver")].concat())
        .await
        .unwrap();
    head(&mut client).await;
    assert_eq!(take(&mut client, 6).await, plain(0x81, b"four"));
    assert_eq!(take(&mut client, 4).await, plain(0x88, &1009u16.to_be_bytes()));

    let mut client = server.connect(1 << 16);
    let offer = request("Sec-WebSocket-Extensions: permessage-deflate\r\n");
    let hello = masked(0xC1, b"\xF2\x48\xCD\xC9\xC9\x07\0");
    client.write_all(&[offer.as_bytes(), &hello, CLOSE].concat()).await.unwrap();
    let head = head(&mut client).await;
    assert!(head.contains("sec-websocket-extensions: permessage-deflate; "), "{head}");
    client.shutdown().await.unwrap();
    assert_eq!(rest(&mut client).await, [plain(0x81, b"Hello"), CLOSED.to_vec()].concat());
}

/// Settings that are nobody's default.
fn small_acceptor() -> Acceptor {
    let mut messages = message::Config::default();
    messages.max_message_len = 5;
    let mut acceptor = Acceptor::new(Config::new(messages, Default::default()));
    acceptor.deflate = Some(Pool::default());
    let mut handshake = handshake::Config::default();
    handshake.max_headers = 6;
    acceptor.handshake = Arc::new(handshake);
    acceptor
}

async fn plainly(State(app): State<App>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(&app.drain, serve)
}

#[tokio::test(start_paused = true)]
async fn the_settings_are_those_of_an_acceptor_that_goes_with_the_request() {
    let router = Router::new().route("/echo", any(plainly)).route("/small", any(small));
    let server = Server::of(router.layer(Extension(small_acceptor())));
    let offer = request("Sec-WebSocket-Extensions: permessage-deflate\r\n");
    let mut client = server.connect(1 << 16);
    client
        .write_all(&[offer.as_bytes(), &masked(0x81, b"fiver"), &masked(0x81, b"sixsix")].concat())
        .await
        .unwrap();
    let answered = head(&mut client).await;
    assert!(answered.contains("sec-websocket-extensions: permessage-deflate; "), "{answered}");
    assert_eq!(take(&mut client, 7).await, plain(0x81, b"fiver"));
    assert_eq!(take(&mut client, 4).await, plain(0x88, &1009u16.to_be_bytes()));
    // The offer was the sixth header; one more than may be.
    let answer = server.answer(&request("X-Sixth: 6\r\nX-Seventh: 7\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");

    // A handler's own word counts for more.
    let mut client = server.connect(1 << 16);
    let sent = REQUEST.replace("/echo", "/small");
    client.write_all(&[sent.as_bytes(), &masked(0x81, b"fiver")].concat()).await.unwrap();
    head(&mut client).await;
    assert_eq!(take(&mut client, 4).await, plain(0x88, &1009u16.to_be_bytes()));
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_that_fails_is_heard_of_and_leaves_no_task() {
    let mut server = Server::start();
    let start = tokio::time::Instant::now();
    let mut client = server.connect(64);
    client.write_all(REQUEST.as_bytes()).await.unwrap();
    assert!(matches!(server.failures.recv().await, Some(UpgradeError::Timeout)));
    assert_eq!(start.elapsed(), Duration::from_secs(5));
    drop(client);

    let mut client = server.connect(64);
    client.write_all(REQUEST.as_bytes()).await.unwrap();
    // Where it goes before the handler is asked, there is nothing to fail.
    while server.drain.running() == 0 {
        tokio::task::yield_now().await;
    }
    drop(client);
    assert!(matches!(server.failures.recv().await, Some(UpgradeError::Http(_))));
    assert_eq!(server.drain.finished(Duration::ZERO).await, 0);
}

#[tokio::test(start_paused = true)]
async fn the_same_handler_serves_http_2() {
    let server = Server::start();
    let pipe = server.connect(1 << 16);
    let http = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
    let (mut client, connection) = http.handshake(TokioIo::new(pipe)).await.unwrap();
    tokio::spawn(connection);
    let ask = |method: Method, path: &str| {
        let uri = format!("http://a{path}");
        Request::builder().method(method).uri(uri).body(Empty::<Bytes>::new()).unwrap()
    };
    // A page by GET; it brings the settings, too.
    assert_eq!(client.send_request(ask(Method::GET, "/page")).await.unwrap().status(), 200);
    assert_eq!(client.send_request(ask(Method::GET, "/echo")).await.unwrap().status(), 405);
    for path in ["/echo", "/page"] {
        let mut connect = ask(Method::CONNECT, path);
        connect.extensions_mut().insert(Protocol::from_static("websocket"));
        connect.headers_mut().insert("sec-websocket-version", "13".parse().unwrap());
        let mut response = client.send_request(connect).await.unwrap();
        assert_eq!(response.status(), 200);
        let mut stream = TokioIo::new(hyper::upgrade::on(&mut response).await.unwrap());
        stream.write_all(&masked(0x81, b"Hello")).await.unwrap();
        assert_eq!(take(&mut stream, 7).await, plain(0x81, b"Hello"));
        assert_eq!(server.drain.running(), 1);
        stream.write_all(CLOSE).await.unwrap();
        stream.shutdown().await.unwrap();
        assert_eq!(rest(&mut stream).await, CLOSED);
        server.drain.finished(Duration::from_secs(1)).await;
    }
}
