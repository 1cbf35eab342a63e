//! Connections that open, and what is said on the way.

use std::collections::HashSet;

use crate::server::{Server, Then, error, exchange, head};
use tidewire_tokio::{
    accept::Acceptor,
    connect::{ConnectError, Connector, InvalidRequest, InvalidUrl, Request, connect},
    websocket::{Cause, ClosingHandshake, Message},
};
use tidewire_ws::{frame::CloseCode, handshake::Response};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex},
    net::TcpListener,
};

/// The answer to the key in a request's head.
fn accept_key(head: &str) -> String {
    let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
    tidewire_ws::handshake::AcceptKey::answer(key.as_bytes()).unwrap().as_str().to_owned()
}

fn switching(head: &str) -> String {
    let accept = accept_key(head);
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )
}

#[tokio::test]
async fn an_address_is_enough() {
    let server = Server::start([("", Then::Echo), ("", Then::Echo)]).await;
    let mut websocket = connect(format!("ws://{}/chat?x=y", server.address)).await.unwrap();
    exchange(&mut websocket).await;
    let socket = websocket.io().socket();
    assert!(socket.nodelay().unwrap());
    #[cfg(target_os = "linux")]
    assert_eq!(
        socket2::SockRef::from(socket).tcp_user_timeout().unwrap(),
        Some(std::time::Duration::from_secs(10)),
        "the write deadline"
    );
    websocket.close(CloseCode::NORMAL, "").await.unwrap();
    assert_eq!(websocket.ended().unwrap().closing_handshake, ClosingHandshake::Complete);
    assert!(server.requests()[0].starts_with("/chat\r\n"));

    // A name with several addresses, of which one at least takes nobody.
    let port = server.address.rsplit_once(':').unwrap().1;
    let (mut websocket, _) = Connector::default().connect(format!("ws://localhost:{port}")).await.unwrap();
    exchange(&mut websocket).await;
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
//= type=test
//# When the client is to _Establish a WebSocket Connection_ given a set
//# of (/host/, /port/, /resource name/, and /secure/ flag), along with a
//# list of /protocols/ and /extensions/ to be used, and an /origin/ in
//# the case of web browsers, it MUST open a connection, send an opening
//# handshake, and read the server's handshake in response.
//= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
//= type=test
//# If the client is not configured to use a proxy, then a direct TCP
//# connection SHOULD be opened to the host given by /host/ and the
//# port given by /port/.
#[tokio::test]
async fn what_the_request_says_arrives_and_what_the_server_chose_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://Aladdin:open%20sesame@{}/room", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let answer = |request: &tidewire_ws::handshake::Request<'_>| {
            assert_eq!(request.header("authorization"), Some(&b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="[..]));
            assert_eq!(request.header("x-tag"), Some(&b"1"[..]));
            assert_eq!(request.query(), Some("cursor=abc"));
            assert_eq!(request.subprotocols(), ["chat.v2", "chat"]);
            Ok(Response::new().subprotocol("chat").unwrap().header("X-Shard", "7").unwrap())
        };
        Acceptor::default().accept_with(stream, answer).await.unwrap()
    });
    let request = Request::new(&url)
        .subprotocol("chat.v2")
        .subprotocol("chat")
        .header("X-Tag", "1")
        .query("cursor", "abc");
    let (websocket, opened) = Connector::default().connect(request).await.unwrap();
    assert_eq!((opened.subprotocol(), opened.header("x-shard")), (Some("chat"), Some(&b"7"[..])));
    assert!(websocket.ended().is_none());
    server.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn any_transport_will_do_and_what_follows_the_response_is_not_lost() {
    for width in [1, 7, 4096] {
        let (client, mut server) = duplex(width);
        let script = tokio::spawn(async move {
            let head = head(&mut server).await;
            assert!(head.starts_with("GET /a HTTP/1.1\r\nHost: example.org\r\n"), "{head}");
            let answer = [switching(&head).as_bytes(), b"\x81\x05Hello\x88\x02\x03\xE8"].concat();
            server.write_all(&answer).await.unwrap();
            let mut close = [0; 8];
            server.read_exact(&mut close).await.unwrap();
        });
        let connector = Connector::default();
        let (mut websocket, _) = connector.connect_over(client, "ws://example.org/a").await.unwrap();
        assert_eq!(websocket.next().await, Some(Message::Text("Hello".into())));
        assert_eq!(websocket.next().await, None);
        let ended = websocket.ended().unwrap();
        assert!(matches!(ended.cause, Cause::Close { code: Some(CloseCode::NORMAL), .. }), "{ended}");
        script.await.unwrap();
    }
}

#[cfg(feature = "deflate")]
#[tokio::test]
async fn compression_is_offered_where_there_is_a_pool() {
    use tidewire_ws::deflate::Pool;
    for (ours, theirs) in [(true, true), (true, false), (false, true)] {
        let (client, server) = duplex(4096);
        let mut acceptor = Acceptor::default();
        acceptor.deflate = theirs.then(Pool::default);
        tokio::spawn(async move {
            let mut websocket = acceptor.accept(server).await.unwrap();
            while let Some(message) = websocket.next().await {
                websocket.send(message).await.unwrap();
            }
        });
        let mut connector = Connector::default();
        connector.deflate = ours.then(Pool::default);
        let (mut websocket, opened) = connector.connect_over(client, "ws://a/").await.unwrap();
        assert_eq!(opened.agreement().is_some(), ours && theirs);
        exchange(&mut websocket).await;
        let sent = websocket.usage().sent_bytes;
        assert_eq!(sent < 10_000, ours && theirs, "{sent}");
    }
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-5.3
//= type=test
//# The masking key needs to be unpredictable; thus, the masking key MUST
//# be derived from a strong source of entropy, and the masking key for a
//# given frame MUST NOT make it simple for a server/proxy to predict the
//# masking key for a subsequent frame.
#[tokio::test]
async fn each_frame_has_a_key_of_its_own() {
    let (client, mut server) = duplex(64 * 1024);
    let script = tokio::spawn(async move {
        let head = head(&mut server).await;
        server.write_all(switching(&head).as_bytes()).await.unwrap();
        let mut keys = Vec::new();
        for _ in 0..1000 {
            let mut frame = [0; 6];
            server.read_exact(&mut frame).await.unwrap();
            assert_eq!(frame[..2], [0x82, 0x80], "a masked frame without payload");
            keys.push(u32::from_be_bytes([frame[2], frame[3], frame[4], frame[5]]));
        }
        keys
    });
    let (mut websocket, _) = Connector::default().connect_over(client, "ws://a/").await.unwrap();
    for _ in 0..1000 {
        websocket.feed_binary(b"").unwrap();
    }
    websocket.flush().await;
    let keys = script.await.unwrap();
    // Of 1,000 keys of 32 bits two are the same in one run of 8,600, and three never.
    assert!(keys.iter().collect::<HashSet<_>>().len() >= 999);
    // Each bit is set in about half of them: 12 standard deviations are allowed.
    for bit in 0..32 {
        let set = keys.iter().filter(|key| (**key >> bit) & 1 == 1).count();
        assert!((310..=690).contains(&set), "bit {bit}: {set}");
    }
    // So do the differences of those in a row: no counter, no constant.
    let differences: HashSet<u32> = keys.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])).collect();
    assert!(differences.len() >= 998);
}

#[tokio::test]
async fn what_cannot_be_asked_is_an_error_before_anything_is_dialled() {
    for (request, expected) in [
        (Request::new("http://a/"), InvalidRequest::Url(InvalidUrl::Scheme("http".into()))),
        (Request::new("ws://a/#b"), InvalidRequest::Url(InvalidUrl::Fragment)),
        (Request::new("ws://a/").header("Upgrade", "x"), InvalidRequest::Header("Upgrade".into())),
    ] {
        let error = error(Connector::default().connect(request).await);
        assert!(matches!(&error, ConnectError::Request(found) if *found == expected), "{error}");
        assert!(!error.invites_back());
    }
}

#[tokio::test]
async fn a_port_that_nobody_listens_on_is_an_error_with_its_address() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let taken = listener.local_addr().unwrap();
    drop(listener);
    let error = error(Connector::default().connect(format!("ws://{taken}/")).await);
    assert!(error.invites_back());
    let ConnectError::Connect { address, source } = error else { panic!("{error}") };
    assert_eq!((address, source.kind()), (taken, std::io::ErrorKind::ConnectionRefused));
}

#[tokio::test]
async fn a_name_that_nobody_has_is_an_error() {
    // No name has so long a part, which a resolver knows without asking anybody.
    let url = format!("ws://{}.invalid/", "a".repeat(64));
    let error = error(Connector::default().connect(url).await);
    assert!(matches!(error, ConnectError::Resolve(_)), "{error}");
    assert!(error.invites_back(), "the network may be down");
}

#[tokio::test]
async fn a_client_that_does_not_wait_leaves_nothing_behind() {
    let (client, mut server) = duplex(4096);
    let connector = Connector::default();
    let mut connecting = Box::pin(connector.connect_over(client, "ws://a/"));
    tokio::select! {
        biased;
        _ = &mut connecting => panic!("nobody answered"),
        _ = head(&mut server) => {}
    }
    drop(connecting);
    assert_eq!(server.read(&mut [0; 16]).await.unwrap(), 0);
}

#[tokio::test]
async fn whoever_brings_tls_may_say_so_in_the_address() {
    let (client, mut server) = duplex(4096);
    let said = tokio::spawn(async move {
        let head = head(&mut server).await;
        server.write_all(switching(&head).as_bytes()).await.unwrap();
        head
    });
    let connector = Connector::default();
    connector.connect_over(client, "wss://example.org:443/").await.unwrap();
    assert!(said.await.unwrap().contains("Host: example.org\r\n"));
    // Without the feature there is nothing to dial it with.
    #[cfg(not(feature = "tls"))]
    {
        let error = error(connector.connect("wss://127.0.0.1:1/").await);
        let ConnectError::Request(reason) = error else { panic!("{error}") };
        assert_eq!(reason, InvalidRequest::Url(InvalidUrl::NoTls));
    }
}
