//! A client of raw bytes, and a server that echoes.

use std::{io, net::SocketAddr, time::Duration};

use tidewire_tokio::{
    drain::Drain,
    listener::{Limits, Listener, Stream},
    server::Server,
    websocket::{Config, Message, WebSocket},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
    time::timeout,
};

pub(crate) const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// As good as never on any machine.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// The length of the answer to [`REQUEST`].
const ANSWER_LEN: usize = 129;

pub(crate) fn listen(limits: Limits) -> (Listener, SocketAddr) {
    let listener = Listener::bind(SocketAddr::from(([127, 0, 0, 1], 0)), limits).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// A server that echoes until its drain begins.
pub(crate) fn echo_server(limits: Limits, opening: Duration, drain: &Drain) -> (SocketAddr, JoinHandle<()>) {
    let (listener, address) = listen(limits);
    let mut lifecycle = tidewire_lifecycle::Config::default();
    lifecycle.opening_timeout = Some(opening);
    let acceptor = tidewire_tokio::accept::Acceptor::new(Config::new(Default::default(), lifecycle));
    let drain = drain.clone();
    let running = tokio::spawn(async move {
        Server::new(acceptor).run(listener, &drain, |websocket, _| echo(websocket)).await;
    });
    (address, running)
}

pub(crate) async fn echo(mut websocket: WebSocket<Stream>) {
    while let Some(message) = websocket.next().await {
        let _ = match message {
            Message::Text(text) => websocket.feed_text(&text),
            Message::Binary(payload) => websocket.feed_binary(&payload),
        };
    }
}

/// The head of a 101.
pub(crate) async fn opened(mut socket: TcpStream) -> io::Result<TcpStream> {
    let mut answer = [0; ANSWER_LEN];
    socket.read_exact(&mut answer).await?;
    assert!(answer.starts_with(b"HTTP/1.1 101 ") && answer.ends_with(b"\r\n\r\n"));
    Ok(socket)
}

pub(crate) async fn open(address: SocketAddr) -> io::Result<TcpStream> {
    let mut socket = TcpStream::connect(address).await?;
    socket.write_all(REQUEST).await?;
    timeout(LONG, opened(socket)).await?
}

/// Says something short, under an all-zero masking key.
pub(crate) async fn say(socket: &mut TcpStream, text: &str) -> io::Result<()> {
    let header = [0x81, 0x80 | u8::try_from(text.len()).unwrap(), 0, 0, 0, 0];
    socket.write_all(&[&header, text.as_bytes()].concat()).await
}

/// The next frame: its first byte and payload.
pub(crate) async fn frame(socket: &mut TcpStream) -> io::Result<(u8, Vec<u8>)> {
    let read = async {
        let first = socket.read_u8().await?;
        let len = match socket.read_u8().await? {
            127 => usize::try_from(socket.read_u64().await?).unwrap(),
            126 => socket.read_u16().await? as usize,
            len => len as usize,
        };
        let mut payload = vec![0; len];
        socket.read_exact(&mut payload).await?;
        Ok((first, payload))
    };
    timeout(LONG, read).await?
}

/// Says `text` and hears it again.
pub(crate) async fn echoed(socket: &mut TcpStream, text: &str) -> io::Result<()> {
    say(socket, text).await?;
    assert_eq!(frame(socket).await?, (0x81, text.as_bytes().to_vec()));
    Ok(())
}

/// The close frame with this code, its echo, and the end of both sides.
pub(crate) async fn told_to_go(mut socket: TcpStream, code: u16) {
    let (first, payload) = frame(&mut socket).await.unwrap();
    assert_eq!((first, &payload[..2]), (0x88, &code.to_be_bytes()[..]));
    socket.write_all(&[&[0x88, 0x82, 0, 0, 0, 0], &payload[..2]].concat()).await.unwrap();
    assert_eq!(socket.read(&mut [0]).await.unwrap(), 0);
}
