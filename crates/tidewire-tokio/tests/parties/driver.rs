//! A driver, for who does neither.

use std::time::Duration;

use tidewire_tokio::websocket::{Message, ReadAhead};
use tidewire_ws::message::SendError;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    time::{Instant, sleep, timeout},
};

use crate::{MASKED_PING, PONG, connected, read, second, text};

#[tokio::test(start_paused = true)]
async fn a_driver_answers_for_who_does_neither() {
    let (mut client, websocket) = connected(1024);
    let (mut read_half, mut write_half) = websocket.into_driven(&ReadAhead::default());
    for round in 0..3 {
        client.write_all(&[MASKED_PING, &text(&round.to_string())].concat()).await.unwrap();
        assert_eq!(read::<6>(&mut client).await, *PONG, "behind messages that nobody took");
    }
    write_half.feed_text("x").unwrap();
    assert_eq!(read::<3>(&mut client).await, *b"\x81\x01x", "what was fed goes out by itself");
    for round in 0..3 {
        assert_eq!(read_half.next().await, Some(Message::Text(round.to_string())));
    }
    sleep(second(26)).await;
    assert_eq!(read::<2>(&mut client).await, *b"\x89\x04", "heartbeats");
    let _ = read::<4>(&mut client).await;
    drop((read_half, write_half));
    assert_eq!(read::<4>(&mut client).await, *b"\x88\x02\x03\xE9", "who drops both halves goes away");
    client.write_all(b"\x88\x82\0\0\0\0\x03\xE9").await.unwrap();
    assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_driver_keeps_as_much_as_it_may_and_not_one_message_more() {
    let mut limits = ReadAhead::default();
    limits.max_messages = 3;
    let (mut client, websocket) = connected(1 << 20);
    let (mut read_half, _write_half) = websocket.into_driven(&limits);
    let messages = |count: usize| text("m").repeat(count);
    client.write_all(&[&messages(3)[..], MASKED_PING].concat()).await.unwrap();
    assert!(timeout(second(1), client.read_u8()).await.is_err(), "the inbox is full before the ping");
    assert_eq!(read_half.next().await, Some(Message::text("m")));
    assert_eq!(read::<6>(&mut client).await, *PONG);
    // By bytes: the message that reaches the limit is the last.
    drop(read_half);
    let (mut limits, four) = (ReadAhead::default(), text("four"));
    limits.max_bytes = 8;
    let (mut client, websocket) = connected(1 << 20);
    let (mut read_half, _write_half) = websocket.into_driven(&limits);
    client.write_all(&[&four[..], &four, MASKED_PING].concat()).await.unwrap();
    assert!(timeout(second(1), client.read_u8()).await.is_err());
    assert_eq!(read_half.next().await, Some(Message::text("four")));
    assert_eq!(read::<6>(&mut client).await, *PONG);
}

#[tokio::test(start_paused = true)]
async fn a_driver_is_a_future_for_who_tracks_their_tasks() {
    let (client, websocket) = connected(64);
    let (_read, mut write, driver) = websocket.with_driver(&ReadAhead::default());
    let driver = tokio::spawn(driver);
    drop(client);
    timeout(second(1), driver).await.unwrap().unwrap();
    assert_eq!(write.feed_text("x"), Err(SendError::NotOpen));
}

/// When a connection ends whose peer said one message or none, takes everything, and says nothing more.
async fn ends_after(
    first: &[u8],
    mut turn: impl AsyncFnMut(&mut tidewire_tokio::websocket::WriteHalf<DuplexStream>),
) -> Duration {
    let (mut client, websocket) = connected(1024);
    let (read_half, mut write_half) = websocket.into_driven(&ReadAhead::default());
    client.write_all(first).await.unwrap();
    let (mut from, _to) = tokio::io::split(client);
    tokio::spawn(async move { while from.read(&mut [0; 1024]).await.unwrap() > 0 {} });
    let start = Instant::now();
    while read_half.ended().is_none() {
        sleep(second(5)).await;
        turn(&mut write_half).await;
        assert!(start.elapsed() < second(3600), "a dead peer is never found");
    }
    start.elapsed()
}

#[tokio::test(start_paused = true)]
async fn a_dead_peer_is_found_whoever_sends_and_whatever_waits() {
    for first in [&b""[..], &text("nobody asks for it")] {
        assert_eq!(ends_after(first, async |_| ()).await, second(35), "silent {first:?}");
        let sends = async |write: &mut tidewire_tokio::websocket::WriteHalf<DuplexStream>| {
            let _ = write.send("tick").await;
        };
        assert_eq!(ends_after(first, sends).await, second(35), "sends {first:?}");
    }
}
