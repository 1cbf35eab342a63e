//! Ends: hands and transports that panic, closes, and all that ends a subscription.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tidewire_tokio::{
    hub::{Config as HubConfig, ConnectionId, PublishOptions, Start, TopicName},
    websocket::{Config, WebSocket},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, DuplexStream, ReadBuf, duplex},
    time::timeout,
};

use super::{Hub, deliver, frame, publish, settle, topic};

#[tokio::test(start_paused = true)]
async fn a_hand_that_panics_closes_its_connection_and_no_other() {
    let hub = Hub::new(HubConfig::default());
    let ((mut bad, bad_socket), (mut good, good_socket)) = (duplex(1024), duplex(1024));
    let _bad = deliver(&hub, 1, bad_socket);
    let (_read, write) = WebSocket::accepted(good_socket, b"", &Config::default()).split();
    let mut reader = hub.subscriber(ConnectionId::new(2)).unwrap();
    reader.subscribe(&topic(), Start::Live).unwrap();
    let _good = write.deliver(reader, |_, delivered, outbox| {
        outbox.feed_text(&delivered.message().unwrap().message).unwrap();
    });
    publish(&hub, "panic");
    assert_eq!(frame(&mut good).await, "panic");
    // 1011 is no UTF-8.
    assert_eq!(frame(&mut bad).await, String::from_utf8_lossy(&1011u16.to_be_bytes()));
    settle().await;
    assert_eq!(hub.usage().subscribers, 1);
    publish(&hub, "on");
    assert_eq!(frame(&mut good).await, "on");
}

#[tokio::test(start_paused = true)]
async fn a_close_that_a_delivery_begins_has_its_deadline() {
    let hub = Hub::new(HubConfig::default());
    let (mut client, io) = duplex(1024);
    let (mut read, _write, _delivering) = deliver(&hub, 1, io);
    let reading = tokio::spawn(async move { read.next().await });
    settle().await;
    let start = tokio::time::Instant::now();
    publish(&hub, "panic");
    let _ = frame(&mut client).await;
    assert_eq!(reading.await.unwrap(), None);
    assert_eq!(start.elapsed().as_secs(), 5);
}

/// Everything that comes within a second of silence.
async fn everything(client: &mut DuplexStream) -> Vec<u8> {
    let (mut all, mut piece) = (Vec::new(), [0; 1024]);
    while let Ok(read) = timeout(Duration::from_secs(1), client.read(&mut piece)).await {
        match read.unwrap() {
            0 => break,
            len => all.extend_from_slice(&piece[..len]),
        }
    }
    all
}

#[tokio::test(start_paused = true)]
async fn two_deliveries_to_one_socket_both_come_to_their_end() {
    let hub = Hub::new(HubConfig::default());
    let (mut client, io) = duplex(64);
    let (mut read, write) = WebSocket::accepted(io, b"", &Config::default()).split();
    tokio::spawn(async move { read.next().await });
    let delivering = |number, name: &str| {
        let mut reader = hub.subscriber(ConnectionId::new(number)).unwrap();
        reader.subscribe(&TopicName::new(name).unwrap(), Start::Live).unwrap();
        write.deliver(reader, |_, delivered, outbox| {
            outbox.feed_text(&delivered.message().unwrap().message).unwrap();
        })
    };
    let (first, _second) = (delivering(1, "a"), delivering(2, "b"));
    settle().await;
    for name in ["a", "b"].repeat(500) {
        hub.publish(&TopicName::new(name).unwrap(), name.repeat(100).into(), &PublishOptions::new()).unwrap();
    }
    settle().await;
    // One that ends while the socket is full takes no other's place with it.
    let third = delivering(3, "c");
    drop(first);
    let all = everything(&mut client).await;
    assert_eq!(all.iter().filter(|octet| **octet == b'b').count(), 50_000);
    hub.publish(&TopicName::new("c").unwrap(), "c".into(), &PublishOptions::new()).unwrap();
    assert_eq!(frame(&mut client).await, "c");
    drop(third);
}

/// A transport that panics when it is written to.
struct Panics(DuplexStream);

impl AsyncRead for Panics {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, room)
    }
}

impl AsyncWrite for Panics {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        panic!("a transport that panics")
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_transport_that_panics_stops_nobody_else() {
    let hub = Hub::new(HubConfig::default());
    let (_bad_client, bad_io) = duplex(1024);
    let _bad = deliver(&hub, 1, Panics(bad_io));
    let (mut good, good_io) = duplex(1024);
    let _good = deliver(&hub, 2, good_io);
    for line in ["one", "two", "three"] {
        publish(&hub, line);
        assert_eq!(frame(&mut good).await, line);
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_ends_it_ends_the_subscription() {
    let hub = Hub::new(HubConfig::default());
    let socket = || duplex(1024);
    // Dropped by itself.
    let (_client, io) = socket();
    let (read, write, delivering) = deliver(&hub, 1, io);
    assert_eq!(delivering.reader(|reader| reader.progress().topics()), Some(1));
    drop(delivering);
    assert_eq!(hub.usage().subscribers, 0);
    drop((read, write));
    // The halves are dropped, and the transport with them.
    let (mut client, io) = socket();
    let (read, write, delivering) = deliver(&hub, 2, io);
    drop((read, write));
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
    publish(&hub, "x");
    settle().await;
    assert_eq!(hub.usage().subscribers, 0);
    assert_eq!(delivering.reader(|_| ()), None);
    // The client is gone.
    let (client, io) = socket();
    let (mut read, _write, _delivering) = deliver(&hub, 3, io);
    drop(client);
    assert_eq!(read.next().await, None);
    publish(&hub, "x");
    settle().await;
    assert_eq!(hub.usage().subscribers, 0);
}
