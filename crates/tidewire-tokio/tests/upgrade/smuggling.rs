//! Class G (RFC 9931), S4: a refused upgrade is answered once, the answer arrives whole, and what was pipelined behind the
//! request is taken neither for a request nor for frames.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::any,
};
use tidewire_tokio::{
    drain::Drain,
    linger::{Limits, Lingering},
    upgrade::WebSocketUpgrade,
};
use tidewire_ws::handshake::Refusal;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
};

use crate::client::{REQUEST, masked, request, rest};

/// Sockets that linger when they are closed.
struct Lingers(TcpListener);

impl axum::serve::Listener for Lingers {
    type Io = Lingering<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        let (socket, peer) = axum::serve::Listener::accept(&mut self.0).await;
        (Lingering::new(socket, Limits::default()), peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// Counts the requests that get through to where none should.
type Smuggled = Arc<AtomicUsize>;

async fn websocket(State(smuggled): State<Smuggled>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(&Drain::new(), |mut websocket| async move {
        while websocket.next().await.is_some() {
            smuggled.fetch_add(1, Ordering::Relaxed);
        }
    })
}

async fn forbidden(upgrade: WebSocketUpgrade) -> Response {
    let Ok(refusal) = Refusal::new(401, "expected a token").header("WWW-Authenticate", "Bearer") else {
        unreachable!("a header of letters")
    };
    upgrade.refuse(refusal).into_response()
}

async fn admin(State(smuggled): State<Smuggled>) -> &'static str {
    smuggled.fetch_add(1, Ordering::Relaxed);
    "secrets"
}

async fn answered(address: SocketAddr, sent: &[u8]) -> String {
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(sent).await.unwrap();
    // A slow reader: a reset would have destroyed the answer by then.
    tokio::time::sleep(Duration::from_millis(10)).await;
    String::from_utf8(rest(&mut client).await).unwrap()
}

#[tokio::test]
async fn what_follows_a_refused_upgrade_is_never_seen() {
    let smuggled = Smuggled::default();
    let router = Router::new()
        .route("/echo", any(websocket))
        .route("/forbidden", any(forbidden))
        .route("/admin", any(admin))
        .with_state(Arc::clone(&smuggled));
    let bare = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let lingering = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addresses = [bare.local_addr().unwrap(), lingering.local_addr().unwrap()];
    let other = router.clone();
    tokio::spawn(async move { axum::serve(bare, other).await });
    tokio::spawn(async move { axum::serve(Lingers(lingering), router).await });

    let table = [
        (REQUEST.replace("GET", "POST"), 405),
        (REQUEST.replace("HTTP/1.1", "HTTP/1.0"), 400),
        (REQUEST.replace("Host: a\r\n", ""), 400),
        (REQUEST.replace("websocket", "h2c"), 426),
        (REQUEST.replace("n: Upgrade", "n: keep-alive"), 426),
        (REQUEST.replace("n: 13", "n: 8"), 426),
        (REQUEST.replace("Sec-WebSocket-Key", "X-Key"), 400),
        (request("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"), 400),
        (request("Content-Length: 9\r\n"), 400),
        (request("Transfer-Encoding: chunked\r\n"), 400),
        (REQUEST.replace("/echo", "/forbidden"), 401),
    ];
    // Little, and more than the server has read when it closes.
    for flood_len in [0, 100_000] {
        for (address, (head, status)) in
            addresses.iter().flat_map(|address| table.iter().map(move |row| (address, row)))
        {
            if head.contains("HTTP/1.0") && *address == addresses[0] && flood_len > 0 {
                // There is no upgrade in HTTP/1.0: hyper closes a bare socket without a linger.
                continue;
            }
            let second = b"GET /admin HTTP/1.1\r\nHost: a\r\n\r\n";
            let sent = [head.as_bytes(), second, &masked(0x81, b"Hello"), &vec![b'x'; flood_len]].concat();
            let answer = answered(*address, &sent).await;
            assert!(answer[8..].starts_with(&format!(" {status} ")), "{head}\n{answer}");
            assert_eq!(answer.matches("content-length: ").count(), 1, "{head}\n{answer}");
            let (fields, body) = answer.split_once("\r\n\r\n").unwrap();
            assert!(fields.contains(&format!("content-length: {}", body.len())), "{answer}");
            assert!(fields.contains("\r\nconnection: close"), "{answer}");
        }
    }
    assert_eq!(smuggled.load(Ordering::Relaxed), 0);
}
