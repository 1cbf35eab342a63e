//! hyper over HTTP/1.1 (RFC 6455 §4.2): the answer, what comes behind the request, and upgrades that come to nothing.

use std::{convert::Infallible, error::Error as _, io, sync::Arc, time::Duration};

use http_body_util::combinators::BoxBody;
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use tidewire_tokio::{
    accept::Acceptor,
    upgrade::{Refused, UpgradeError, Upgrading},
    websocket::{Message, WebSocket},
};
use tidewire_ws::{deflate::Pool, handshake};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, DuplexStream, duplex},
    net::TcpStream,
    sync::mpsc,
};

use crate::client::{CLOSE, CLOSED, REQUEST, head, masked, plain, request, rest, take};

/// Answers requests, and passes on what comes of them.
fn answer(
    acceptor: &Acceptor,
    mut request: Request<Incoming>,
    upgrades: &mpsc::UnboundedSender<Upgrading>,
) -> Result<Response<BoxBody<Bytes, Infallible>>, Refused> {
    let upgrade = acceptor.upgrade(&mut request)?;
    let response = match request.uri().path() {
        "/forbidden" => return Err(upgrade.refuse(handshake::Refusal::new(403, "not for you"))),
        "/other" => handshake::Response::new().subprotocol("other").unwrap(),
        _ => handshake::Response::new().choose_subprotocol(upgrade.subprotocols(), |name| name == "v1"),
    };
    let (answer, upgrading) = upgrade.respond(response)?;
    upgrades.send(upgrading).unwrap();
    match request.uri().path() {
        "/instead" => Ok(Response::new(BoxBody::new("no, I think not".to_owned()))),
        "/instead-and-close" => {
            let instead = Response::builder().status(403).header("connection", "close");
            Ok(instead.body(BoxBody::new("no, I think not".to_owned())).unwrap())
        }
        "/without-body" => Ok(answer.map(|_| BoxBody::new(String::new()))),
        _ => Ok(answer.map(BoxBody::new)),
    }
}

fn refuse(refused: Refused) -> Response<BoxBody<Bytes, Infallible>> {
    refused.into_http().map(BoxBody::new)
}

/// Serves one connection by hyper; what comes of its requests.
fn serve<IO>(io: IO, acceptor: Acceptor) -> mpsc::UnboundedReceiver<Upgrading>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (upgrades, upgradings) = mpsc::unbounded_channel();
    let service = service_fn(move |request| {
        let answered = answer(&acceptor, request, &upgrades).unwrap_or_else(refuse);
        async { Ok::<_, Infallible>(answered) }
    });
    tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(io), service).with_upgrades());
    upgradings
}

async fn echo<IO: AsyncRead + AsyncWrite + Unpin>(mut websocket: WebSocket<IO>) {
    while let Some(message) = websocket.next().await {
        if websocket.send(message).await.is_err() {
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_behind_the_request_is_the_first_message() {
    // The request in one piece with what follows, and byte by byte, over a pipe of any width.
    for (width, step) in [(1 << 16, usize::MAX), (1 << 16, 1), (1, usize::MAX)] {
        let (mut client, server) = duplex(width);
        let mut upgradings = serve(server, Acceptor::default());
        let serving = tokio::spawn(async move {
            let upgrading = upgradings.recv().await.unwrap();
            echo(upgrading.websocket().await.unwrap()).await;
        });
        let offer = request("Sec-WebSocket-Protocol: v2, v1\r\n");
        let sent = [offer.as_bytes(), &masked(0x81, b"Hello"), &masked(0x82, &[7; 300]), CLOSE].concat();
        let (mut reading, mut writing) = tokio::io::split(&mut client);
        let send = async {
            for piece in sent.chunks(step.min(sent.len())) {
                writing.write_all(piece).await.unwrap();
            }
        };
        let read = async {
            let head = head(&mut reading).await;
            let messages = [plain(0x81, b"Hello"), plain(0x82, &[7; 300]), CLOSED.to_vec()].concat();
            assert_eq!(take(&mut reading, messages.len()).await, messages);
            head
        };
        let ((), head) = tokio::join!(send, read);
        assert!(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{head}");
        for line in [
            "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
            "sec-websocket-protocol: v1",
            "upgrade: websocket",
        ] {
            assert!(head.contains(&format!("\r\n{line}\r\n")), "{head}");
        }
        assert!(!head.contains("content-length"), "{head}");
        drop(client);
        serving.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn who_knows_the_type_of_the_transport_gets_it() {
    let (mut client, server) = duplex(1024);
    let mut upgradings = serve(server, Acceptor::default());
    client.write_all(&[REQUEST.as_bytes(), &masked(0x81, b"Hello")].concat()).await.unwrap();
    let upgrading = upgradings.recv().await.unwrap();
    let mut websocket: WebSocket<DuplexStream> = upgrading.websocket_on().await.unwrap();
    assert_eq!(websocket.next().await, Some(Message::Text("Hello".to_owned())));

    let (mut client, server) = duplex(1024);
    let mut upgradings = serve(server, Acceptor::default());
    client.write_all(REQUEST.as_bytes()).await.unwrap();
    let outcome = upgradings.recv().await.unwrap().websocket_on::<TcpStream>().await;
    assert!(matches!(outcome, Err(UpgradeError::OtherTransport)), "{outcome:?}");
}

/// hyper-util looks at the first bytes to tell HTTP/1.1 from HTTP/2, and wraps the transport for that.
#[tokio::test(start_paused = true)]
async fn so_it_is_through_the_server_that_tells_versions_apart() {
    let (mut client, server) = duplex(1024);
    let (upgrades, mut upgradings) = mpsc::unbounded_channel();
    let service = service_fn(move |request| {
        let answered = answer(&Acceptor::default(), request, &upgrades).unwrap_or_else(refuse);
        async { Ok::<_, Infallible>(answered) }
    });
    tokio::spawn(async move {
        let builder = auto::Builder::new(TokioExecutor::new());
        builder.serve_connection_with_upgrades(TokioIo::new(server), service).await.unwrap();
    });
    client.write_all(&[REQUEST.as_bytes(), &masked(0x81, b"Hello")].concat()).await.unwrap();
    let upgrading = upgradings.recv().await.unwrap();
    let mut websocket: WebSocket<DuplexStream> = upgrading.websocket_on().await.unwrap();
    assert_eq!(websocket.next().await, Some(Message::Text("Hello".to_owned())));
}

#[tokio::test(start_paused = true)]
async fn who_offers_compression_gets_it_and_who_does_not_does_not() {
    for (offer, agreed, hello) in [
        (
            "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n",
            "sec-websocket-extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n",
            masked(0xC1, b"\xF2\x48\xCD\xC9\xC9\x07\0"),
        ),
        ("", "", masked(0x81, b"Hello")),
    ] {
        let (mut client, server) = duplex(4096);
        let mut acceptor = Acceptor::default();
        acceptor.deflate = Some(Pool::default());
        let mut upgradings = serve(server, acceptor);
        client.write_all(&[request(offer).as_bytes(), &hello].concat()).await.unwrap();
        let mut websocket = upgradings.recv().await.unwrap().websocket().await.unwrap();
        assert_eq!(websocket.next().await, Some(Message::Text("Hello".to_owned())));
        websocket.send(Message::Text("tide ".repeat(100))).await.unwrap();
        let head = head(&mut client).await;
        assert!(head.contains(agreed), "{head}");
        assert_eq!(head.contains("sec-websocket-extensions"), !agreed.is_empty(), "{head}");
        assert_eq!(take(&mut client, 1).await, [if agreed.is_empty() { 0x81 } else { 0xC1 }]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_that_comes_to_nothing_says_why() {
    // The handler answers with something else, and hyper waits for the next request.
    let (mut client, server) = duplex(4096);
    let mut upgradings = serve(server, Acceptor::default());
    client.write_all(REQUEST.replace("/echo", "/instead").as_bytes()).await.unwrap();
    let outcome = upgradings.recv().await.unwrap().websocket().await;
    assert!(matches!(outcome, Err(UpgradeError::Timeout)), "{outcome:?}");

    // The client goes away before the answer.
    let (mut client, server) = duplex(64);
    let mut upgradings = serve(server, Acceptor::default());
    client.write_all(REQUEST.as_bytes()).await.unwrap();
    let upgrading = upgradings.recv().await.unwrap();
    drop(client);
    let outcome = upgrading.websocket().await;
    assert!(matches!(outcome, Err(UpgradeError::Http(_))), "{outcome:?}");
    let error = outcome.unwrap_err();
    assert!(error.source().is_some());
    assert_eq!(io::Error::from(error).to_string(), "the server did not send the answer");
}

/// hyper hands out the transport whatever was answered: what comes behind a 403 is no frames (class G).
#[tokio::test(start_paused = true)]
async fn an_answer_that_was_replaced_opens_nothing() {
    for (path, status) in [("/instead-and-close", 403), ("/without-body", 101)] {
        let (mut client, server) = duplex(1 << 16);
        let mut upgradings = serve(server, Acceptor::default());
        let sent = [REQUEST.replace("/echo", path).as_bytes(), &masked(0x81, b"Hello")].concat();
        client.write_all(&sent).await.unwrap();
        let upgrading = upgradings.recv().await.unwrap();
        let (outcome, answer) = tokio::join!(upgrading.websocket(), rest(&mut client));
        assert!(matches!(outcome, Err(UpgradeError::Replaced)), "{outcome:?}");
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_take_its_answer_is_given_up_at_the_opening_deadline() {
    let start = tokio::time::Instant::now();
    let (mut client, server) = duplex(64);
    let mut upgradings = serve(server, Acceptor::default());
    client.write_all(REQUEST.as_bytes()).await.unwrap();
    let outcome = upgradings.recv().await.unwrap().websocket().await;
    assert!(matches!(outcome, Err(UpgradeError::Timeout)), "{outcome:?}");
    assert_eq!(start.elapsed(), Duration::from_secs(5));
    assert_eq!(io::Error::from(outcome.unwrap_err()).kind(), io::ErrorKind::TimedOut);

    // Without a deadline it waits for as long as the client does.
    let mut acceptor = Acceptor::default();
    Arc::make_mut(&mut acceptor.websocket.lifecycle).opening_timeout = None;
    let (mut client, server) = duplex(64);
    let mut upgradings = serve(server, acceptor);
    client.write_all(REQUEST.as_bytes()).await.unwrap();
    let upgrading = upgradings.recv().await.unwrap();
    let reads_late = async {
        tokio::time::sleep(Duration::from_secs(3600)).await;
        head(&mut client).await
    };
    let (outcome, head) = tokio::join!(upgrading.websocket(), reads_late);
    assert!(outcome.is_ok() && head.starts_with("HTTP/1.1 101 "), "{head}");
}

#[tokio::test(start_paused = true)]
async fn the_servers_own_refusals_and_faults_are_whole_responses() {
    for (path, status, detail) in
        [("/forbidden", 403, "not for you\n"), ("/other", 500, "the server chose what was not offered\n")]
    {
        let (mut client, server) = duplex(4096);
        let _upgradings = serve(server, Acceptor::default());
        client.write_all(REQUEST.replace("/echo", path).as_bytes()).await.unwrap();
        let answer = String::from_utf8(rest(&mut client).await).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert!(answer.contains("connection: close\r\n"), "{answer}");
        assert!(answer.ends_with(&format!("\r\n\r\n{detail}")), "{answer}");
    }
}

#[test]
fn a_server_that_keeps_its_connections_is_told_so() {
    // No hyper has had this request.
    let mut request = Request::new(());
    for line in REQUEST.trim_end().split("\r\n").skip(1) {
        let (name, value) = line.split_once(": ").unwrap();
        let name = hyper::header::HeaderName::from_bytes(name.as_bytes()).unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    let refused = Acceptor::default().upgrade(&mut request).unwrap_err();
    assert_eq!(refused.status(), 500);
    assert_eq!(
        refused.to_string(),
        "500 Internal Server Error: the server does not hand out its connections"
    );
}
