//! Two halves.

use tidewire_tokio::websocket::{Endpoint, Message};
use tidewire_ws::frame::CloseCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{CLOSE, MASKED_CLOSE, MASKED_PING, PONG, connected, read, text};

#[tokio::test(start_paused = true)]
async fn halves_in_two_tasks_carry_everything_and_come_together_again() {
    for buffer_len in [1, 7, 1 << 16] {
        let (client, websocket) = connected(buffer_len);
        let (mut read, mut write) = websocket.split();
        let reader = tokio::spawn(async move {
            for number in 0..300 {
                assert_eq!(read.next().await, Some(Message::Text(number.to_string())));
            }
            read
        });
        let writer = tokio::spawn(async move {
            for number in 0..300u16 {
                write.send(Message::binary(number.to_be_bytes())).await.unwrap();
            }
            write
        });
        let (mut from, mut to) = tokio::io::split(client);
        let sender = tokio::spawn(async move {
            for number in 0..300 {
                to.write_all(&text(&number.to_string())).await.unwrap();
            }
        });
        let mut back = vec![0; 300 * 4];
        from.read_exact(&mut back).await.unwrap();
        let sent: Vec<u8> = (0..300u16).flat_map(|n| [&[0x82, 2][..], &n.to_be_bytes()].concat()).collect();
        assert_eq!(back, sent);
        sender.await.unwrap();
        let (read, write) = (reader.await.unwrap(), writer.await.unwrap());
        let mut websocket = read.reunite(write).unwrap();
        let whole = tokio::spawn(async move {
            let mut whole = [0; 7];
            from.read_exact(&mut whole).await.unwrap();
            whole
        });
        websocket.send("whole").await.unwrap();
        assert_eq!(whole.await.unwrap(), *b"\x81\x05whole");
    }
}

#[tokio::test(start_paused = true)]
async fn either_half_alone_keeps_the_connection_alive() {
    let (mut client, websocket) = connected(1024);
    let (read_half, mut write_half) = websocket.split();
    client.write_all(MASKED_PING).await.unwrap();
    write_half.flush().await;
    write_half.flush().await;
    assert_eq!(read::<6>(&mut client).await, *PONG);
    let mut read_half = read_half;
    let reading = tokio::spawn(async move { read_half.next().await });
    client.write_all(MASKED_PING).await.unwrap();
    assert_eq!(read::<6>(&mut client).await, *PONG);
    // The half that waits for messages writes what the other fed.
    write_half.feed_text("x").unwrap();
    assert_eq!(read::<3>(&mut client).await, *b"\x81\x01x");
    client.write_all(&text("y")).await.unwrap();
    assert_eq!(reading.await.unwrap(), Some(Message::text("y")));
}

#[tokio::test(start_paused = true)]
async fn a_close_by_one_half_ends_the_other() {
    let (mut client, websocket) = connected(1024);
    let (mut read_half, mut write_half) = websocket.split();
    let reading = tokio::spawn(async move {
        let message = read_half.next().await;
        (message, read_half.ended().unwrap())
    });
    let closing = tokio::spawn(async move { write_half.close(CloseCode::NORMAL, "").await });
    assert_eq!(read::<4>(&mut client).await, *CLOSE);
    client.write_all(MASKED_CLOSE).await.unwrap();
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).await.unwrap();
    drop(client);
    closing.await.unwrap().unwrap();
    let (message, ended) = reading.await.unwrap();
    assert_eq!((message, ended.by), (None, Endpoint::Local));
}

#[tokio::test(start_paused = true)]
async fn halves_of_two_do_not_come_together() {
    let (_first_client, first) = connected(64);
    let (_second_client, second) = connected(64);
    let ((read, _write), (_read, write)) = (first.split(), second.split());
    let unrelated = read.reunite(write).unwrap_err();
    assert_eq!(unrelated.to_string(), "expected the two halves of one WebSocket that nobody drives");
}
