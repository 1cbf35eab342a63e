//! What a client is answered by the acceptor: the 101, or one whole refusal, and nothing behind it is looked at.
#![allow(clippy::unwrap_used, missing_docs)]

use std::time::Duration;
use tidewire_tokio::{
    accept::{AcceptError, Acceptor},
    websocket::WebSocket,
};
use tidewire_ws::handshake::{Refusal, Request, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufStream, DuplexStream, duplex};

const REQUEST: &[u8] = b"GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Protocol: v2, v1\r\n\r\n";

/// What a client reads that sends `stream` and ends it, and what the server has in the end.
async fn answered(
    stream: &[u8],
    respond: impl FnOnce(&Request<'_>) -> Result<Response, Refusal>,
) -> (String, Result<WebSocket<DuplexStream>, AcceptError>) {
    let (mut client, server) = duplex(1 << 16);
    client.write_all(stream).await.unwrap();
    client.shutdown().await.unwrap();
    let accepted = Acceptor::default().accept_with(server, respond).await;
    let mut answer = vec![0; 1 << 16];
    let len = client.read(&mut answer).await.unwrap();
    answer.truncate(len);
    (String::from_utf8(answer).unwrap(), accepted)
}

#[tokio::test(start_paused = true)]
async fn a_subprotocol_is_chosen_among_those_on_offer() {
    let (answer, accepted) = answered(REQUEST, |request| {
        let response = Response::new().choose_subprotocol(request.subprotocols(), |name| name == "v1");
        Ok(response.header("Set-Cookie", "a=1").unwrap())
    })
    .await;
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    assert!(answer.ends_with("\r\nSec-WebSocket-Protocol: v1\r\nSet-Cookie: a=1\r\n\r\n"), "{answer}");
    assert!(accepted.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_choice_that_was_not_offered_is_the_servers_fault() {
    let (answer, accepted) = answered(REQUEST, |_| Ok(Response::new().subprotocol("other").unwrap())).await;
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    assert!(matches!(accepted, Err(AcceptError::Refused(refusal)) if refusal.status() == 500));
}

/// Class G: one answer, however the refusal comes about, and what was pipelined behind the request is not read as one.
#[tokio::test(start_paused = true)]
async fn a_refused_upgrade_is_answered_once_and_what_follows_it_is_not_read() {
    let text = String::from_utf8(REQUEST.to_vec()).unwrap();
    let table = [
        (text.replace("GET", "POST"), 405),
        (text.replace("HTTP/1.1", "HTTP/1.0"), 400),
        (text.replace("Host: a\r\n", ""), 400),
        (text.replace("websocket", "h2c"), 426),
        (text.replace("n: Upgrade", "n: close"), 426),
        (text.replace("n: 13", "n: 8"), 426),
        (text.replace("Sec-WebSocket-Key", "X-Key"), 400),
        (text.replace("Host", "Content-Length: 9\r\nHost"), 400),
        (text.replace("Host", "Transfer-Encoding: chunked\r\nHost"), 400),
        (text.replace("Host", &format!("X: {}\r\nHost", "x".repeat(16 * 1024))), 431),
        (text, 401),
    ];
    for (head, status) in table {
        let stream = head.clone() + "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
        let (answer, accepted) = answered(stream.as_bytes(), |_| {
            Err(Refusal::new(401, "expected a token").header("WWW-Authenticate", "Bearer").unwrap())
        })
        .await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{head}\n{answer}");
        assert_eq!(answer.matches("Content-Length: ").count(), 1, "{answer}");
        assert!(!answer.contains("smuggled"));
        assert!(matches!(accepted, Err(AcceptError::Refused(refusal)) if refusal.status() == status));
    }
}

#[cfg(feature = "deflate")]
#[tokio::test]
async fn who_offers_compression_gets_it_and_who_does_not_does_not() {
    use tidewire_tokio::websocket::Message;
    use tidewire_ws::deflate::Pool;
    for (offer, agreed, frame) in [
        (
            "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n",
            "\r\nSec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; \
             client_no_context_takeover\r\n",
            &b"\xC1\x87\x00\x00\x00\x00\xF2\x48\xCD\xC9\xC9\x07\x00"[..],
        ),
        ("", "\r\n\r\n", b"\x81\x85\x00\x00\x00\x00Hello"),
    ] {
        let (mut client, server) = duplex(4096);
        let request = format!(
            "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{offer}\r\n"
        );
        client.write_all(&[request.as_bytes(), frame].concat()).await.unwrap();
        let mut acceptor = Acceptor::default();
        acceptor.deflate = Some(Pool::default());
        let mut websocket = acceptor.accept(server).await.unwrap();
        assert_eq!(websocket.next().await, Some(Message::Text("Hello".to_owned())));
        websocket.feed_text(&"tide ".repeat(100)).unwrap();
        websocket.flush().await;
        let mut answer = vec![0; 4096];
        let mut len = 0;
        while !answer[..len].windows(4).any(|end| end == b"\r\n\r\n") || answer[..len].ends_with(b"\r\n\r\n")
        {
            len += client.read(&mut answer[len..]).await.unwrap();
        }
        let head_len = answer.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
        let head = String::from_utf8_lossy(&answer[..head_len]).into_owned();
        assert!(head.contains(agreed), "{head}");
        let sent = answer[head_len];
        assert_eq!(sent, if offer.is_empty() { 0x81 } else { 0xC1 });
    }
}

#[tokio::test(start_paused = true)]
async fn a_transport_with_a_buffer_of_its_own_is_flushed() {
    let (mut client, server) = duplex(4096);
    client.write_all(REQUEST).await.unwrap();
    let mut websocket = Acceptor::default().accept(BufStream::new(server)).await.unwrap();
    let mut answer = [0; 4096];
    let len = client.read(&mut answer).await.unwrap();
    assert!(answer[..len].starts_with(b"HTTP/1.1 101 ") && answer[..len].ends_with(b"\r\n\r\n"));
    websocket.feed_text("hi").unwrap();
    websocket.flush().await;
    let len = client.read(&mut answer).await.unwrap();
    assert_eq!(answer[..len], *b"\x81\x02hi");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_take_its_101_is_given_up_at_the_opening_deadline() {
    let (mut client, server) = duplex(64);
    let start = tokio::time::Instant::now();
    let accept = tokio::spawn(async move { Acceptor::default().accept(server).await.map(|_| ()) });
    client.write_all(REQUEST).await.unwrap();
    let accepted = accept.await.unwrap();
    assert!(matches!(accepted, Err(AcceptError::Timeout)), "{accepted:?}");
    assert_eq!(start.elapsed(), Duration::from_secs(5));
}

#[cfg(feature = "deflate")]
#[tokio::test]
async fn what_the_caller_agreed_to_holds_for_the_connection() {
    use tidewire_tokio::websocket::Message;
    use tidewire_ws::deflate::Pool;
    let (mut client, server) = duplex(4096);
    let offer =
        b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n\xC1\x87\0\0\0\0\xF2\x48\xCD\xC9\xC9\x07\0";
    client.write_all(&[&REQUEST[..REQUEST.len() - 2], offer].concat()).await.unwrap();
    let pool = Pool::default();
    let accepted = Acceptor::default()
        .accept_with(server, |request| {
            let agreement = pool.accept(request.extensions()).unwrap();
            Ok(Response::new().deflate(&agreement))
        })
        .await;
    assert_eq!(accepted.unwrap().next().await, Some(Message::Text("Hello".to_owned())));
}

/// A handshake below the WebSocket's own, as TLS has one, has no time of its own.
#[tokio::test(start_paused = true)]
async fn the_deadline_of_the_opening_covers_what_is_below_it() {
    let start = tokio::time::Instant::now();
    let never = std::future::pending::<std::io::Result<DuplexStream>>();
    let accepted = Acceptor::default().accept_secured(never, |_| Ok(Response::new())).await;
    assert!(matches!(accepted, Err(AcceptError::Timeout)));
    assert_eq!(start.elapsed(), Duration::from_secs(5));

    let (client, server) = duplex(1024);
    let slow = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        Ok(server)
    };
    let accepted = Acceptor::default().accept_secured(slow, |_| Ok(Response::new())).await;
    assert!(matches!(accepted, Err(AcceptError::Timeout)));
    assert_eq!(start.elapsed(), Duration::from_secs(10));
    drop(client);

    let failed = async { Err::<DuplexStream, _>(std::io::ErrorKind::InvalidData.into()) };
    let accepted = Acceptor::default().accept_secured(failed, |_| Ok(Response::new())).await;
    assert!(
        matches!(accepted, Err(AcceptError::Io(error)) if error.kind() == std::io::ErrorKind::InvalidData)
    );
}
