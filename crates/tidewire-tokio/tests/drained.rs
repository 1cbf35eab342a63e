//! A drain reaches a WebSocket whoever polls it: its owner, who reads or writes, a half of it, a driver; silent or in a flood.
#![allow(clippy::unwrap_used, missing_docs)]

use std::time::Duration;

use tidewire_lifecycle::Timer;
use tidewire_tokio::{
    drain::Drain,
    websocket::{Cause, Config, ReadAhead, WebSocket},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    time::{Instant, sleep, timeout},
};

fn connected(buffer_len: usize, drain: &Drain) -> (DuplexStream, WebSocket<DuplexStream>) {
    let (client, server) = duplex(buffer_len);
    (client, WebSocket::accepted(server, b"", &Config::default()).with_notice(drain.notice()))
}

/// Reads up to the close frame, and echoes it.
async fn hears(mut client: DuplexStream) -> Duration {
    let start = Instant::now();
    let mut heard = Vec::new();
    while !heard.ends_with(b"\x88\x0c\x03\xE9going away") {
        assert!(client.read_buf(&mut heard).await.unwrap() > 0, "{heard:?}");
    }
    client.write_all(b"\x88\x82\0\0\0\0\x03\xE9").await.unwrap();
    client.read_to_end(&mut heard).await.unwrap();
    start.elapsed()
}

/// Runs `served` a second, begins the drain, and looks that the client is told at once.
async fn is_told<F>(buffer_len: usize, served: impl FnOnce(WebSocket<DuplexStream>, Drain) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let drain = Drain::new();
    let (client, websocket) = connected(buffer_len, &drain);
    let client = tokio::spawn(hears(client));
    let served = tokio::spawn(served(websocket, drain.clone()));
    sleep(Duration::from_secs(1)).await;
    drain.begin();
    let heard = client.await.unwrap();
    assert!((1000..1010).contains(&heard.as_millis()), "{heard:?}");
    served.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_reads() {
    is_told(1024, |mut websocket, _| async move {
        assert_eq!(websocket.next().await, None);
        assert_eq!(websocket.ended().unwrap().cause, Cause::Timeout(Timer::Drain));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn who_writes_now_and_then() {
    is_told(1024, |mut websocket, _| async move {
        while websocket.feed_text("tick").is_ok() {
            websocket.flush().await;
            sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(websocket.next().await, None);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn half_of_it() {
    is_told(1024, |websocket, _| async move {
        let (mut read, _write) = websocket.split();
        assert_eq!(read.next().await, None);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_driver() {
    is_told(1024, |websocket, drain| async move {
        let (read, _write, driver) = websocket.with_driver(&ReadAhead::default());
        drain.spawn(driver);
        assert_eq!(drain.finished(Duration::from_secs(10)).await, 0);
        assert_eq!(read.ended().unwrap().cause, Cause::Timeout(Timer::Drain));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn whoever_is_there_when_it_has_begun() {
    let drain = Drain::new();
    drain.begin();
    let start = Instant::now();
    let (client, mut websocket) = connected(1024, &drain);
    let client = tokio::spawn(hears(client));
    assert_eq!(websocket.next().await, None);
    client.await.unwrap();
    // There is nobody else to be told first.
    assert_eq!(start.elapsed().as_secs(), 0);
}

/// A peer that sends faster than it is read lets nobody wait for anything, and the deadline before had been a long way off.
#[tokio::test]
async fn in_a_flood() {
    let mut lifecycle = tidewire_lifecycle::Config::default();
    lifecycle.closing_timeout = Some(Duration::from_millis(500));
    let (drain, (client, server)) = (Drain::new(), duplex(1 << 20));
    let config = Config::new(Default::default(), lifecycle);
    let mut websocket = WebSocket::accepted(server, b"", &config).with_notice(drain.notice());
    assert!(timeout(Duration::from_millis(1), websocket.next()).await.is_err());
    let (mut read, mut write) = tokio::io::split(client);
    let flood = tokio::spawn(async move {
        let frames = b"\x82\x81\0\0\0\0a".repeat(100_000);
        while write.write_all(&frames).await.is_ok() {}
    });
    let mut count = 0;
    while websocket.next().await.is_some() {
        count += 1;
        if count == 50_000 {
            drain.begin();
        }
        if count % 1000 == 0 {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(websocket.ended().unwrap().cause, Cause::Timeout(Timer::Drain));
    drop(websocket);
    let mut heard = Vec::new();
    read.read_to_end(&mut heard).await.unwrap();
    assert_eq!(heard, b"\x88\x0c\x03\xE9going away");
    drop(read);
    flood.await.unwrap();
}
