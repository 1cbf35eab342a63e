//! One who owns the whole of it, and only reads, only writes, or is busy.

use std::{future::poll_fn, pin::pin, task::Poll, time::Duration};

use tidewire_tokio::websocket::{Cause, Endpoint, Message};
use tidewire_ws::{
    frame::{CloseCode, EncodedFrame},
    message::{MessageKind, SendError},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, sleep, timeout},
};

use crate::{CLOSE, MASKED_CLOSE, MASKED_PING, PONG, connected, read, second, text};

#[tokio::test(start_paused = true)]
async fn who_only_writes_answers_pings_and_echoes_a_close() {
    let (mut client, mut websocket) = connected(1024);
    client.write_all(MASKED_PING).await.unwrap();
    websocket.send("a").await.unwrap();
    assert_eq!(read::<9>(&mut client).await, *[b"\x81\x01a", PONG].concat());
    client.write_all(&[&text("kept")[..], MASKED_PING].concat()).await.unwrap();
    for _ in 0..3 {
        websocket.send("b").await.unwrap();
    }
    assert_eq!(read::<9>(&mut client).await, *b"\x81\x01b\x81\x01b\x81\x01b");
    assert_eq!(websocket.next().await, Some(Message::text("kept")), "the message was kept");
    client.write_all(MASKED_CLOSE).await.unwrap();
    websocket.flush().await;
    websocket.flush().await;
    assert_eq!(read::<6>(&mut client).await, *PONG);
    assert_eq!(read::<4>(&mut client).await, *CLOSE);
    assert_eq!(websocket.send("c").await, Err(SendError::NotOpen));
    assert_eq!(websocket.ended().unwrap().by, Endpoint::Remote);
}

#[tokio::test(start_paused = true)]
async fn who_only_reads_sends_pongs_heartbeats_and_the_echo_of_a_close() {
    let (mut client, mut websocket) = connected(1024);
    let server = tokio::spawn(async move {
        let message = websocket.next().await;
        (message, websocket)
    });
    client.write_all(MASKED_PING).await.unwrap();
    assert_eq!(read::<6>(&mut client).await, *PONG);
    sleep(second(26)).await;
    assert_eq!(read::<2>(&mut client).await, *b"\x89\x04");
    let _ = read::<4>(&mut client).await;
    client.write_all(MASKED_CLOSE).await.unwrap();
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, CLOSE);
    drop(client);
    assert_eq!(server.await.unwrap().0, None);
}

#[tokio::test(start_paused = true)]
async fn a_flush_that_waits_for_the_peer_still_answers_it() {
    let (mut client, mut websocket) = connected(64);
    websocket.feed_binary(&[7; 300]).unwrap();
    let server = tokio::spawn(async move {
        websocket.flush().await;
        websocket
    });
    client.write_all(MASKED_PING).await.unwrap();
    let mut all = vec![0; 4 + 300 + 6];
    client.read_exact(&mut all).await.unwrap();
    assert!(all.ends_with(PONG));
    server.await.unwrap();
}

#[tokio::test]
async fn a_peer_that_pings_on_and_on_holds_up_no_message() {
    let (client, mut websocket) = connected(1 << 16);
    let (mut from, mut to) = tokio::io::split(client);
    let flood = tokio::spawn(async move { while to.write_all(&MASKED_PING.repeat(1000)).await.is_ok() {} });
    let reading =
        tokio::spawn(async move { while from.read(&mut [0; 4096]).await.is_ok_and(|len| len > 0) {} });
    for _ in 0..100 {
        timeout(second(10), websocket.send("x")).await.expect("held up by pings").unwrap();
    }
    drop(websocket);
    flood.await.unwrap();
    reading.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn whoever_takes_the_transport_gets_what_is_on_its_way() {
    let (mut client, mut websocket) = connected(1024);
    client.write_all(&[text("a"), text("b"), text("c")].concat()).await.unwrap();
    assert_eq!(websocket.next().await, Some(Message::text("a")));
    websocket.feed_text("out").unwrap();
    websocket.feed_encoded(&EncodedFrame::binary(&[5; 600])).unwrap();
    let mut inner = websocket.into_inner();
    assert_eq!((inner.messages, inner.unread), (vec![], [text("b"), text("c")].concat()));
    let expected = [&b"\x81\x03out\x82\x7E\x02\x58"[..], &[5; 600]].concat();
    assert_eq!(inner.unwritten, expected);
    inner.io.write_all(b"raw").await.unwrap();
    assert_eq!(read::<3>(&mut client).await, *b"raw");

    let (mut client, mut websocket) = connected(1024);
    client.write_all(&text("ahead")).await.unwrap();
    websocket.send("x").await.unwrap();
    assert_eq!(websocket.into_inner().messages, [Message::text("ahead")]);
}

#[tokio::test(start_paused = true)]
async fn large_messages_that_are_given_away_go_out_as_any_other() {
    let (mut client, mut websocket) = connected(1 << 20);
    let payload = vec![9; 70_000];
    websocket.feed_text("before").unwrap();
    websocket.feed(Message::Binary(payload.clone())).unwrap();
    websocket.feed(Message::Text("z".repeat(4096))).unwrap();
    websocket.feed_pieces(MessageKind::Text, &[b"af".to_vec().into(), b"ter".to_vec().into()]).unwrap();
    websocket.flush().await;
    let expected = [
        &b"\x81\x06before\x82\x7F"[..],
        &70_000u64.to_be_bytes(),
        &payload,
        b"\x81\x7E\x10\0",
        "z".repeat(4096).as_bytes(),
        b"\x81\x05after",
    ]
    .concat();
    let mut back = vec![0; expected.len()];
    client.read_exact(&mut back).await.unwrap();
    assert!(back == expected);
}

/// Every future is dropped at every point where it waits, on pipes of one byte: nothing is lost and nothing comes twice.
#[tokio::test(start_paused = true)]
async fn nothing_is_lost_to_futures_that_are_dropped_while_they_wait() {
    let (client, mut websocket) = connected(1);
    let (mut from, mut to) = tokio::io::split(client);
    let sender = tokio::spawn(async move {
        for number in 0..100 {
            to.write_all(&[MASKED_PING, &text(&number.to_string())].concat()).await.unwrap();
        }
        to
    });
    let collected = tokio::spawn(async move {
        let mut back = Vec::new();
        from.read_to_end(&mut back).await.unwrap();
        back
    });
    let (mut received, mut fed) = (Vec::new(), 0);
    while received.len() < 100 {
        if fed < 50 {
            // Polled once and dropped: what it queued goes out with whatever is polled next.
            let mut sending = pin!(websocket.send(Message::binary([fed as u8; 10])));
            let _ = poll_fn(|cx| Poll::Ready(sending.as_mut().poll(cx).is_ready())).await;
            fed += 1;
        }
        if let Ok(message) = timeout(Duration::ZERO, websocket.next()).await {
            received.push(message.unwrap());
        }
        let _ = timeout(Duration::ZERO, websocket.flush()).await;
    }
    websocket.flush().await;
    let expected: Vec<_> = (0..100).map(|number: i32| Message::Text(number.to_string())).collect();
    assert_eq!(received, expected);
    drop(sender.await.unwrap());
    drop(websocket);
    let back = collected.await.unwrap();
    let mut rest = &back[..];
    let (mut pongs, mut messages) = (0, 0);
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix(PONG) {
            (pongs, rest) = (pongs + 1, after);
        } else {
            assert_eq!(rest[..2], [0x82, 10]);
            assert!(rest[2..12].iter().all(|octet| *octet == messages));
            (messages, rest) = (messages + 1, &rest[12..]);
        }
    }
    assert_eq!(messages, 50);
    assert!(pongs > 0);
}

#[tokio::test(start_paused = true)]
async fn a_close_that_is_dropped_goes_on_with_the_next() {
    let (mut client, mut websocket) = connected(64);
    assert!(timeout(second(1), websocket.close(CloseCode::NORMAL, "")).await.is_err());
    assert_eq!(read::<4>(&mut client).await, *CLOSE);
    let start = Instant::now();
    assert!(websocket.next().await.is_none());
    assert!(start.elapsed() <= second(5), "its deadline ran from the first call");
    assert!(matches!(websocket.ended().unwrap().cause, Cause::Close { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_waits_for_a_busy_application_holds_what_came_and_no_more() {
    let (mut client, mut websocket) = connected(1 << 20);
    client.write_all(&text("m").repeat(1000)).await.unwrap();
    let usage = websocket.next().await;
    assert_eq!(usage, Some(Message::text("m")));
    sleep(second(60)).await;
    for _ in 1..1000 {
        assert_eq!(websocket.next().await, Some(Message::text("m")));
    }
    assert!(websocket.ended().is_none(), "who was not read from was not silent");
}

#[tokio::test(start_paused = true)]
async fn a_close_that_is_found_late_is_finished_all_the_same() {
    for busy in [0, 20] {
        let (mut client, mut websocket) = connected(1024);
        client.write_all(&[&text("work")[..], MASKED_CLOSE].concat()).await.unwrap();
        assert_eq!(websocket.next().await, Some(Message::text("work")));
        sleep(second(busy)).await;
        let start = Instant::now();
        let server = tokio::spawn(async move { websocket.next().await });
        sleep(second(1)).await;
        assert_eq!(read::<4>(&mut client).await, *CLOSE);
        client.write_all(b"still on its way").await.expect("the transport is dropped");
        drop(client);
        assert_eq!(server.await.unwrap(), None);
        assert!(start.elapsed() < second(2));
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_is_not_judged_while_what_it_sent_is_worked_off() {
    let (client, mut websocket) = connected(1 << 20);
    let (mut from, mut to) = tokio::io::split(client);
    to.write_all(&text("").repeat(10_000)).await.unwrap();
    // It answers each ping at once.
    let peer = tokio::spawn(async move {
        let mut ping = [0; 6];
        while from.read_exact(&mut ping).await.is_ok() {
            let _ = to.write_all(&[b"\x8A\x84\0\0\0\0", &ping[2..]].concat()).await;
        }
    });
    for number in 0..10_000 {
        assert_eq!(websocket.next().await, Some(Message::text("")), "{number}: {:?}", websocket.ended());
        // Never as long as a millisecond, and 99 s in all.
        tokio::time::advance(Duration::from_micros(990)).await;
        if number % 100 == 0 {
            tokio::task::yield_now().await;
        }
        tokio::time::advance(Duration::from_millis(9)).await;
    }
    drop(websocket);
    peer.await.unwrap();
}
