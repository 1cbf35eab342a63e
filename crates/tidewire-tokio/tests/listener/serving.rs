//! The same behind `axum::serve`: its connections have the limits, the places and the options of the listener.

use std::{net::SocketAddr, time::Duration};

use axum::{
    Router,
    extract::{ConnectInfo, State},
    response::Response,
    routing::{any, get, post},
    serve::{Listener as _, ListenerExt},
};
use tidewire_tokio::{
    drain::Drain,
    listener::{Address, Limits, Listener, Peer, Stream},
    upgrade::WebSocketUpgrade,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
    time::timeout,
};

use crate::accepting::loopback;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

const UPGRADE: &[u8] = b"GET /websocket HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// As good as never on any machine.
const LONG: Duration = Duration::from_secs(60);

fn router(drain: &Drain) -> Router {
    Router::new()
        .route("/", get(|ConnectInfo(peer): ConnectInfo<Peer>| async move { format!("hello, {peer}") }))
        .route("/websocket", any(websocket))
        .route("/careless", post(|| async { "not read" }))
        .with_state(drain.clone())
}

async fn websocket(State(drain): State<Drain>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(&drain, |mut websocket| async move { while websocket.next().await.is_some() {} })
}

/// Serves until the test is over.
fn serve(listener: Listener) -> Drain {
    let drain = Drain::new();
    let service = router(&drain).into_make_service_with_connect_info::<Peer>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    drain
}

fn limited(limits: Limits) -> (SocketAddr, Drain) {
    let listener = Listener::bind(loopback(), limits).unwrap();
    (listener.local_addr().unwrap(), serve(listener))
}

/// Reads the head of an answer, and as much of the body as it says.
async fn answer(client: &mut (impl AsyncRead + Unpin)) -> (String, String) {
    let read = async {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(client.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        let len = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; len.map_or(0, |len| len.parse().unwrap())];
        client.read_exact(&mut body).await.unwrap();
        (head, String::from_utf8(body).unwrap())
    };
    timeout(LONG, read).await.unwrap()
}

/// What a request is answered.
async fn asked(client: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> String {
    client.write_all(REQUEST).await.unwrap();
    answer(client).await.1
}

#[tokio::test]
async fn a_connection_has_its_place_until_it_is_closed_also_as_a_websocket() {
    let mut limits = Limits::default();
    limits.max_connections = 1;
    let (address, drain) = limited(limits);
    let mut first = TcpStream::connect(address).await.unwrap();
    assert_eq!(asked(&mut first).await, format!("hello, {}", first.local_addr().unwrap()));

    let mut second = TcpStream::connect(address).await.unwrap();
    second.write_all(REQUEST).await.unwrap();
    let waiting = timeout(Duration::from_millis(50), second.read_u8()).await;
    assert!(waiting.is_err(), "served beyond the cap");
    drop(first);
    assert!(answer(&mut second).await.1.starts_with("hello, "));

    second.write_all(UPGRADE).await.unwrap();
    assert!(answer(&mut second).await.0.starts_with("HTTP/1.1 101 "));
    assert_eq!(drain.running(), 1);
    let mut third = TcpStream::connect(address).await.unwrap();
    third.write_all(REQUEST).await.unwrap();
    let waiting = timeout(Duration::from_millis(50), third.read_u8()).await;
    assert!(waiting.is_err(), "served beyond the cap, which a WebSocket is in");
    drop(second);
    assert!(answer(&mut third).await.1.starts_with("hello, "));
}

#[tokio::test]
async fn one_too_many_of_an_address_is_closed() {
    let mut limits = Limits::default();
    limits.max_connections_per_address = 2;
    limits.proxies.clear();
    let (address, _drain) = limited(limits);
    let mut http = TcpStream::connect(address).await.unwrap();
    asked(&mut http).await;
    let mut websocket = TcpStream::connect(address).await.unwrap();
    websocket.write_all(UPGRADE).await.unwrap();
    assert!(answer(&mut websocket).await.0.starts_with("HTTP/1.1 101 "));
    let mut third = TcpStream::connect(address).await.unwrap();
    let closed = timeout(LONG, third.read(&mut [0])).await.unwrap();
    assert!(matches!(closed, Ok(0) | Err(_)), "{closed:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_handler_is_told_who_came_by_whichever_socket() {
    let path = std::env::temp_dir().join(format!("tidewire-serving-{}.sock", std::process::id()));
    let listener = Listener::bind_all([Address::unix(&path), loopback().into()], Limits::default()).unwrap();
    let address = listener.local_addr().unwrap();
    assert_eq!(axum::serve::Listener::local_addr(&listener).unwrap(), Peer::Unix);
    let _drain = serve(listener);
    let mut client = tokio::net::UnixStream::connect(&path).await.unwrap();
    assert_eq!(asked(&mut client).await, "hello, unix");
    let mut client = TcpStream::connect(address).await.unwrap();
    assert_eq!(asked(&mut client).await, format!("hello, {}", client.local_addr().unwrap()));
    std::fs::remove_file(&path).unwrap();
}

#[tokio::test]
async fn sockets_have_the_options_of_the_limits() {
    let listener = Listener::bind(loopback(), Limits::default()).unwrap();
    let address = listener.local_addr().unwrap();
    let (told, mut options) = mpsc::unbounded_channel();
    // What is put around it gets the same.
    let listener = listener.tap_io(move |io| match io.io().stream() {
        Stream::Tcp(stream) => {
            let keepalive = socket2::SockRef::from(stream).keepalive().unwrap();
            told.send((stream.nodelay().unwrap(), keepalive)).unwrap();
        }
        #[cfg(unix)]
        Stream::Unix(_) => unreachable!("it listens on TCP"),
    });
    assert_eq!(listener.local_addr().unwrap(), Peer::Tcp(address));
    let service = router(&Drain::new()).into_make_service_with_connect_info::<Peer>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    let mut client = TcpStream::connect(address).await.unwrap();
    assert_eq!(asked(&mut client).await, format!("hello, {}", client.local_addr().unwrap()));
    assert_eq!(options.recv().await, Some((true, true)));
}

#[tokio::test]
async fn a_last_answer_is_read_whatever_the_client_still_sends() {
    let (address, _drain) = limited(Limits::default());
    let mut client = TcpStream::connect(address).await.unwrap();
    let piece = vec![b'x'; 64 * 1024];
    client.write_all(b"POST /careless HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n").await.unwrap();
    assert_eq!(answer(&mut client).await.1, "not read");
    // A socket that is closed would answer this with a reset.
    for _ in 0..2 {
        client.write_all(&piece).await.unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    client.shutdown().await.unwrap();
    assert_eq!(timeout(LONG, client.read(&mut [0])).await.unwrap().unwrap(), 0);
}
