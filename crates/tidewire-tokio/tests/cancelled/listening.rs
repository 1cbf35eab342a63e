//! `Listener::accept`, `Server::run`, and the waits of a `Drain`.

use std::{io, net::SocketAddr, time::Duration};

use tidewire_tokio::{
    accept::Acceptor,
    drain::Drain,
    listener::{Limits, Listener, Stream},
    server::Server,
    websocket::WebSocket,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
    time::sleep,
};

use crate::{cut::everywhere, opening::REQUEST};

/// One place, which is there again when the one before is gone: the listener waits for a place, and for clients. (Time is
/// not paused: the operating system has a say.)
#[tokio::test]
async fn accept_loses_no_client_and_no_place() {
    const CLIENTS: usize = 4;
    everywhere(async |cut| {
        let mut limits = Limits::default();
        limits.max_connections = 1;
        let listener = Listener::bind(SocketAddr::from(([127, 0, 0, 1], 0)), limits).unwrap();
        let address = listener.local_addr().unwrap();
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                tokio::spawn(async move {
                    let mut client = TcpStream::connect(address).await.unwrap();
                    client.read_u8().await.unwrap_err().kind()
                })
            })
            .collect();
        for _ in 0..CLIENTS {
            let accepted = cut.again(async || listener.accept().await).await;
            // It goes while the next is waited for.
            tokio::spawn(async move {
                tokio::task::yield_now().await;
                drop(accepted);
            });
        }
        for client in clients {
            assert_eq!(client.await.unwrap(), std::io::ErrorKind::UnexpectedEof, "served, and closed");
        }
    })
    .await;
}

async fn echo(mut websocket: WebSocket<Stream>) {
    while let Some(message) = websocket.next().await {
        let _ = websocket.feed(message);
    }
}

/// A client who is open, or was not served.
async fn open(address: SocketAddr) -> io::Result<TcpStream> {
    let mut client = TcpStream::connect(address).await?;
    client.write_all(REQUEST).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await?);
    }
    Ok(client)
}

#[tokio::test]
async fn a_server_that_is_dropped_has_closed_its_listener_and_no_connection() {
    let points = everywhere(async |cut| {
        let listener = Listener::bind(SocketAddr::from(([127, 0, 0, 1], 0)), Limits::default()).unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, told) = oneshot::channel();
        let client = tokio::spawn(async move {
            let client = open(address).await;
            let _ = tell.send(());
            client
        });
        let drain = Drain::new();
        let _ = cut
            .once(async {
                tokio::select! {
                    () = Server::new(Acceptor::default()).run(listener, &drain, |socket, _| echo(socket)) => {}
                    _ = told => {}
                }
            })
            .await;
        assert!(TcpStream::connect(address).await.is_err(), "{cut:?}");
        // Whoever came that far has a connection, which goes on.
        if let Ok(mut client) = client.await.unwrap() {
            client.write_all(b"\x81\x82\0\0\0\0hi").await.unwrap();
            let mut echoed = [0; 4];
            client.read_exact(&mut echoed).await.unwrap();
            assert_eq!(&echoed, b"\x81\x02hi", "{cut:?}");
        }
    })
    .await;
    assert!(points >= 1, "{points}");
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_a_drain_is_told_though_they_asked_before() {
    let points = everywhere(async |cut| {
        let drain = Drain::new();
        let running = drain.spawn({
            let drain = drain.clone();
            async move {
                drain.begun().await;
                sleep(Duration::from_secs(3)).await;
            }
        });
        tokio::spawn({
            let drain = drain.clone();
            async move {
                sleep(Duration::from_secs(1)).await;
                drain.begin();
            }
        });
        cut.again(async || drain.begun().await).await;
        assert!(drain.has_begun());
        let mut notice = drain.notice();
        cut.again(async || (&mut notice).await).await;
        let _ = cut.once(drain.finished(Duration::from_secs(1))).await;
        assert_eq!(cut.again(async || drain.wind_up().await).await, 0, "{cut:?}");
        running.await.unwrap();
    })
    .await;
    assert!(points >= 2, "{points}");
}
