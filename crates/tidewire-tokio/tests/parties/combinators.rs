//! The standard traits, and what they tell of a loss.

use futures_util::{SinkExt, StreamExt, future::join};
use tidewire_tokio::websocket::Message;
use tidewire_ws::message::SendError;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use crate::{CLOSE, MASKED_CLOSE, connected, read, second, text};

#[tokio::test(start_paused = true)]
async fn what_is_lost_with_the_connection_is_told_to_who_sent_it() {
    let (client, mut websocket) = connected(16);
    let sending = tokio::spawn(async move {
        let sent = websocket.send("x".repeat(1000)).await;
        (sent, SinkExt::flush(&mut websocket).await, SinkExt::close(&mut websocket).await)
    });
    tokio::task::yield_now().await;
    drop(client);
    let not_open = Err(SendError::NotOpen);
    assert_eq!(sending.await.unwrap(), (not_open, not_open, not_open));
}

#[tokio::test(start_paused = true)]
async fn combinators_forward_and_close() {
    let (mut client, websocket) = connected(1 << 20);
    let (read_half, write_half) = websocket.split();
    let server = tokio::spawn(read_half.map(Ok).forward(write_half));
    client.write_all(&[text("a"), text("b")].concat()).await.unwrap();
    assert_eq!(read::<6>(&mut client).await, *b"\x81\x01a\x81\x01b");
    client.write_all(MASKED_CLOSE).await.unwrap();
    assert_eq!(read::<4>(&mut client).await, *CLOSE);
    drop(client);
    server.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_sink_takes_64_kib_and_then_waits_for_the_peer() {
    let (mut client, mut websocket) = connected(16);
    let piece = Message::binary(vec![1; 16 * 1024]);
    for _ in 0..4 {
        websocket.feed(piece.clone()).unwrap();
    }
    assert!(timeout(second(1), SinkExt::feed(&mut websocket, piece.clone())).await.is_err(), "it is full");
    let reading = tokio::spawn(async move {
        let mut all = vec![0; 5 * (4 + 16 * 1024)];
        client.read_exact(&mut all).await.unwrap();
        client
    });
    SinkExt::feed(&mut websocket, piece).await.unwrap();
    SinkExt::flush(&mut websocket).await.unwrap();
    let mut client = reading.await.unwrap();
    let (closed, ()) = join(SinkExt::close(&mut websocket), async {
        assert_eq!(read::<4>(&mut client).await, *CLOSE);
        client.write_all(MASKED_CLOSE).await.unwrap();
        let _ = client.read(&mut [0]).await;
        drop(client);
    })
    .await;
    closed.unwrap();
    assert_eq!(SinkExt::feed(&mut websocket, Message::text("x")).await, Err(SendError::NotOpen));
    assert_eq!(StreamExt::next(&mut websocket).await, None);
}
