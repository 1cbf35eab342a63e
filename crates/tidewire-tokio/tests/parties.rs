//! Whoever polls a WebSocket: who only reads, who only writes, two halves, a driver, combinators, and whom none of it is
//! lost to.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{future::poll_fn, pin::pin, task::Poll, time::Duration};

use futures_util::{SinkExt, StreamExt, future::join};
use tidewire_tokio::websocket::{Cause, Config, Endpoint, Message, ReadAhead, WebSocket};
use tidewire_ws::{
    frame::{CloseCode, EncodedFrame},
    message::{MessageKind, SendError},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    time::{Instant, sleep, timeout},
};

const MASKED_PING: &[u8] = b"\x89\x84\0\0\0\0ping";
const PONG: &[u8] = b"\x8A\x04ping";
const MASKED_CLOSE: &[u8] = b"\x88\x82\0\0\0\0\x03\xE8";
const CLOSE: &[u8] = b"\x88\x02\x03\xE8";

fn second(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The client's end, and a server's connection on the other.
fn connected(buffer_len: usize) -> (DuplexStream, WebSocket<DuplexStream>) {
    let (client, server) = duplex(buffer_len);
    (client, WebSocket::accepted(server, b"", &Config::default()))
}

/// A text of up to 125 bytes under an all-zero masking key.
fn text(payload: &str) -> Vec<u8> {
    [&[0x81, 0x80 | payload.len() as u8, 0, 0, 0, 0], payload.as_bytes()].concat()
}

async fn read<const N: usize>(client: &mut DuplexStream) -> [u8; N] {
    let mut bytes = [0; N];
    timeout(second(1), client.read_exact(&mut bytes)).await.expect("nothing came").unwrap();
    bytes
}

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
