//! Drains: nobody new, everybody told in their turn, what waits is flushed, and an end within a bound.

use std::{
    io,
    time::{Duration, Instant},
};

use tidewire_tokio::{
    accept::Acceptor,
    drain::{Config, Drain},
    listener::Limits,
    server::Server,
};
use tidewire_ws::handshake::{Refusal, Response};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::client::{LONG, REQUEST, echo_server, echoed, frame, listen, open, opened, told_to_go};

fn drain_over(spread: Duration) -> Drain {
    let mut config = Config::default();
    config.spread = spread;
    Drain::with_config(config)
}

#[tokio::test]
async fn everybody_is_told_in_their_turn_and_nobody_is_new() {
    let spread = Duration::from_millis(300);
    let drain = drain_over(spread);
    let (address, server) = echo_server(Limits::default(), LONG, &drain);
    let mut clients = Vec::new();
    for _ in 0..30 {
        let mut client = open(address).await.unwrap();
        echoed(&mut client, "hello").await.unwrap();
        clients.push(client);
    }
    // One is in the middle of its opening handshake: it goes on, and is told with the last.
    let mut late = TcpStream::connect(address).await.unwrap();
    late.write_all(&REQUEST[..10]).await.unwrap();
    while drain.running() < 31 {
        sleep(Duration::from_millis(1)).await;
    }
    let begun = Instant::now();
    drain.begin();
    timeout(LONG, server).await.unwrap().unwrap();
    assert_eq!(TcpStream::connect(address).await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    late.write_all(&REQUEST[10..]).await.unwrap();
    clients.push(opened(late).await.unwrap());
    let told: Vec<_> = clients
        .into_iter()
        .map(|client| {
            tokio::spawn(async move {
                told_to_go(client, 1001).await;
                begun.elapsed()
            })
        })
        .collect();
    assert_eq!(drain.wind_up().await, 0);
    let mut times = Vec::new();
    for told in told {
        times.push(told.await.unwrap());
    }
    times.sort_unstable();
    // Never early: of 30 the k-th goes at k/30 of the time, and the one that came late at its end.
    for (index, time) in times.iter().enumerate() {
        assert!(*time >= spread * u32::try_from(index).unwrap() / 30, "{index}: {time:?}");
    }
}

#[tokio::test]
async fn what_waits_goes_out_before_the_close() {
    let drain = drain_over(Duration::ZERO);
    let (listener, address) = listen(Limits::default());
    let end = drain.clone();
    tokio::spawn(async move {
        let server = Server::new(Acceptor::default());
        let send = |mut websocket: tidewire_tokio::websocket::WebSocket<_>, _| async move {
            websocket.feed_binary(&vec![7; 8 << 20]).unwrap();
            assert_eq!(websocket.next().await, None);
            websocket
        };
        server
            .run(listener, &end, move |websocket, peer| async move {
                drop(send(websocket, peer).await);
            })
            .await;
    });
    let mut client = open(address).await.unwrap();
    // It stands in the way of its own end until it reads.
    let mut first = [0; 1];
    client.read_exact(&mut first).await.unwrap();
    drain.begin();
    sleep(Duration::from_millis(20)).await;
    let mut header = [0; 9];
    client.read_exact(&mut header).await.unwrap();
    assert_eq!((first[0], u64::from_be_bytes(header[1..].try_into().unwrap())), (0x82, 8 << 20));
    let mut payload = vec![0; 8 << 20];
    client.read_exact(&mut payload).await.unwrap();
    assert!(payload.iter().all(|byte| *byte == 7));
    told_to_go(client, 1001).await;
    assert_eq!(drain.wind_up().await, 0);
}

#[tokio::test]
async fn a_handler_that_never_ends_is_counted_at_the_deadline() {
    let mut config = Config::default();
    config.deadline = Duration::from_millis(50);
    let drain = Drain::with_config(config);
    let (listener, address) = listen(Limits::default());
    let end = drain.clone();
    tokio::spawn(async move {
        Server::new(Acceptor::default())
            .run(listener, &end, |websocket, _| async move {
                std::future::pending::<()>().await;
                drop(websocket);
            })
            .await;
    });
    let _client = open(address).await.unwrap();
    assert_eq!(drain.wind_up().await, 1);
}

#[tokio::test]
async fn a_place_is_kept_until_the_handler_is_over() {
    let mut limits = Limits::default();
    limits.max_connections = 1;
    let (address, _server) = echo_server(limits, LONG, &Drain::new());
    let mut first = open(address).await.unwrap();
    let second = tokio::spawn(open(address));
    echoed(&mut first, "hello").await.unwrap();
    sleep(Duration::from_millis(30)).await;
    assert!(!second.is_finished());
    drop(first);
    echoed(&mut second.await.unwrap().unwrap(), "hello").await.unwrap();
}

#[tokio::test]
async fn a_request_is_judged_and_what_it_asks_for_reaches_the_handler() {
    let drain = Drain::new();
    let (listener, address) = listen(Limits::default());
    tokio::spawn(async move {
        Server::new(Acceptor::default())
            .respond(|request, peer| match request.path() {
                "/" => Ok((Response::new(), format!("{} from {}", request.path(), peer.ip().unwrap()))),
                _ => Err(Refusal::new(404, "expected /")),
            })
            .secure(|stream| async move {
                tokio::task::yield_now().await;
                Ok(stream)
            })
            .run(listener, &drain, |mut websocket, asked| async move {
                websocket.feed_text(&asked).unwrap();
                while websocket.next().await.is_some() {}
            })
            .await;
    });
    let mut client = open(address).await.unwrap();
    assert_eq!(frame(&mut client).await.unwrap(), (0x81, b"/ from 127.0.0.1".to_vec()));
    let mut lost = TcpStream::connect(address).await.unwrap();
    let request = String::from_utf8(REQUEST.to_vec()).unwrap().replace("GET / ", "GET /lost ");
    lost.write_all(request.as_bytes()).await.unwrap();
    let mut answer = [0; 13];
    lost.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 404 ");
}
