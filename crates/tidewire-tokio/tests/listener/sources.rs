//! S2: one address opens more connections than it may.

use std::{io, net::SocketAddr};

use tidewire_tokio::listener::{Limits, Listener, Permit, Stream};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

use crate::accepting::loopback;

/// A client that connects from another address of this machine. Not every system has them all.
async fn connect_from(host: u8, server: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from(([127, 0, 0, host], 0)))?;
    socket.connect(server).await
}

async fn is_closed(mut client: TcpStream) -> bool {
    matches!(client.read(&mut [0]).await, Ok(0) | Err(_))
}

/// Accepts all that comes, until a connection from the proxy is among it.
async fn accept_until(listener: &Listener, last: &TcpStream) -> Vec<(Stream, Permit)> {
    let mut kept = Vec::new();
    loop {
        let (stream, peer, permit) = listener.accept().await;
        kept.push((stream, permit));
        if peer.to_string() == last.local_addr().unwrap().to_string() {
            return kept;
        }
    }
}

#[tokio::test]
async fn the_257th_of_an_address_is_closed_and_nobody_else_feels_it() {
    let listener = Listener::bind(loopback(), Limits::default()).unwrap();
    let server = listener.local_addr().unwrap();
    let mut clients = Vec::new();
    for _ in 0..300 {
        match connect_from(2, server).await {
            Ok(client) => clients.push(client),
            // Only Linux has all of 127.0.0.0/8.
            Err(_) => return,
        }
    }
    let mut canary = connect_from(3, server).await.unwrap();
    let mut kept = accept_until(&listener, &canary).await;
    assert_eq!(kept.len(), 257);
    kept[256].0.write_all(b"!").await.unwrap();
    assert_eq!(canary.read_u8().await.unwrap(), b'!');
    for refused in clients.drain(256..) {
        assert!(is_closed(refused).await);
    }

    // One that leaves makes room for one.
    kept.remove(0);
    let again = [connect_from(2, server).await.unwrap(), connect_from(2, server).await.unwrap()];
    let last = connect_from(3, server).await.unwrap();
    kept.extend(accept_until(&listener, &last).await);
    assert_eq!(kept.len(), 258);
    let [_first, second] = again;
    assert!(is_closed(second).await);
}

#[tokio::test]
async fn a_proxy_opens_as_many_as_all_may() {
    let mut limits = Limits::default();
    limits.max_connections_per_address = 2;
    let listener = Listener::bind(loopback(), limits.clone()).unwrap();
    let server = listener.local_addr().unwrap();
    let mut kept = Vec::new();
    for _ in 0..3 {
        kept.push((TcpStream::connect(server).await.unwrap(), listener.accept().await));
    }
    limits.proxies.clear();
    let listener = Listener::bind(loopback(), limits).unwrap();
    let server = listener.local_addr().unwrap();
    let mut clients = Vec::new();
    for _ in 0..3 {
        clients.push(TcpStream::connect(server).await.unwrap());
    }
    let two = [listener.accept().await, listener.accept().await];
    let third = clients.pop().unwrap();
    assert!(tokio::time::timeout(std::time::Duration::from_millis(20), listener.accept()).await.is_err());
    assert!(is_closed(third).await);
    drop(two);
}
