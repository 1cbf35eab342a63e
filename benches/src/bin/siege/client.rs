//! Raw clients, from any address of this machine.

use std::{io, net::SocketAddr, time::Duration};

use tidewire_bench::{frames, upgrade_request};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

/// How long a server may keep anybody waiting; whoever waits longer waits in vain.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Clients of one address before the next is taken: fewer than the server takes from one.
const PER_ADDRESS: usize = 200;

/// An address of the loopback for the client of this number.
pub(crate) fn source(number: usize) -> [u8; 4] {
    let [_, _, high, low] = u32::try_from(number / PER_ADDRESS + 1).unwrap_or(u32::MAX).to_be_bytes();
    [127, 1, high, low]
}

/// Connects from an address.
pub(crate) async fn connect(address: SocketAddr, from: [u8; 4]) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((from, 0)))?;
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Connects, and opens a WebSocket.
pub(crate) async fn open(address: SocketAddr, from: [u8; 4]) -> io::Result<TcpStream> {
    let mut stream = connect(address, from).await?;
    stream.write_all(upgrade_request("/").as_bytes()).await?;
    opened(&mut stream).await?;
    Ok(stream)
}

/// Reads the head of the response, which is a 101.
pub(crate) async fn opened(stream: &mut TcpStream) -> io::Result<()> {
    let head = within(head(stream)).await?;
    if head.starts_with(b"HTTP/1.1 101 ") {
        Ok(())
    } else {
        Err(io::Error::other(String::from_utf8_lossy(&head).into_owned()))
    }
}

async fn head(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    Ok(head)
}

/// A frame as a server sends it.
pub(crate) struct Frame {
    pub(crate) first: u8,
    pub(crate) payload: Vec<u8>,
}

/// The next frame of a server.
pub(crate) async fn frame(stream: &mut TcpStream) -> io::Result<Frame> {
    let first = stream.read_u8().await?;
    let len = match stream.read_u8().await? {
        len @ 0..=125 => usize::from(len),
        126 => usize::from(stream.read_u16().await?),
        _ => return Err(io::Error::other("expected a short frame that is not masked")),
    };
    let mut payload = vec![0; len];
    stream.read_exact(&mut payload).await?;
    Ok(Frame { first, payload })
}

/// A masked frame in one piece.
pub(crate) fn masked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    frames::frame(opcode, payload, Some(frames::KEY))
}

/// Waits no longer than anybody should.
pub(crate) async fn within<T>(step: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    match timeout(PATIENCE, step).await {
        Ok(done) => done,
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the server says nothing")),
    }
}
