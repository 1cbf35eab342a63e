//! `WebSocket`, its halves and its driver.

use futures_util::{SinkExt, StreamExt};
use tidewire_tokio::websocket::{
    ClosingHandshake, Config, Message, ReadAhead, ReadHalf, WebSocket, WriteHalf,
};
use tidewire_ws::frame::CloseCode;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    task::JoinHandle,
};

use crate::cut::{Cut, everywhere};

const PING: &[u8] = b"\x89\x84\0\0\0\0ping";
const PONG: &[u8] = b"\x8A\x04ping";
const CLOSE: &[u8] = b"\x88\x82\0\0\0\0\x03\xE8";
const OUR_CLOSE: &[u8] = b"\x88\x02\x03\xE8";

/// What the client says: texts, one of them in fragments with a ping between them.
fn said() -> Vec<u8> {
    [
        &b"\x81\x83\0\0\0\0one"[..],
        PING,
        b"\x01\x82\0\0\0\0tw",
        PING,
        b"\x80\x81\0\0\0\0o",
        b"\x82\x85\0\0\0\0three",
    ]
    .concat()
}

fn heard() -> [Message; 3] {
    [Message::text("one"), Message::text("two"), Message::binary(*b"three")]
}

/// Both ends of a pipe of one byte: the server's connection, and what the client hears in the end, which says these bytes.
fn talks(bytes: Vec<u8>) -> (WebSocket<DuplexStream>, JoinHandle<Vec<u8>>) {
    let (client, server) = duplex(1);
    let client = tokio::spawn(async move {
        let (mut from, mut to) = tokio::io::split(client);
        let saying = tokio::spawn(async move {
            to.write_all(&bytes).await.unwrap();
            to
        });
        let mut heard = Vec::new();
        // The end, or a reset behind a close that came with our bytes on their way.
        let _ = from.read_to_end(&mut heard).await;
        drop(saying.await.unwrap());
        heard
    });
    (WebSocket::accepted(server, b"", &Config::default()), client)
}

/// Takes the pongs out of what a client heard, and says how many there were.
fn without_pongs(mut heard: &[u8]) -> (Vec<u8>, usize) {
    let (mut rest, mut pongs) = (Vec::new(), 0);
    while !heard.is_empty() {
        if let Some(behind) = heard.strip_prefix(PONG) {
            (heard, pongs) = (behind, pongs + 1);
        } else {
            let frame_len = 2 + usize::from(heard[1]);
            rest.extend_from_slice(&heard[..frame_len]);
            heard = &heard[frame_len..];
        }
    }
    (rest, pongs)
}

#[tokio::test(start_paused = true)]
async fn next() {
    let points = everywhere(async |cut| {
        let (mut websocket, client) = talks([&said(), CLOSE].concat());
        for message in heard() {
            assert_eq!(cut.again(async || websocket.next().await).await, Some(message), "{cut:?}");
        }
        assert_eq!(cut.again(async || websocket.next().await).await, None);
        assert_eq!(websocket.ended().unwrap().closing_handshake, ClosingHandshake::Complete);
        drop(websocket);
        let (rest, pongs) = without_pongs(&client.await.unwrap());
        assert_eq!(rest, OUR_CLOSE);
        assert!((1..=2).contains(&pongs), "while output is blocked only the newest stays");
    })
    .await;
    assert!(points > 50, "{points}");
}

#[tokio::test(start_paused = true)]
async fn the_stream() {
    everywhere(async |cut| {
        let (mut websocket, client) = talks([&said(), CLOSE].concat());
        for message in heard() {
            assert_eq!(cut.again(async || StreamExt::next(&mut websocket).await).await, Some(message));
        }
        assert_eq!(cut.again(async || StreamExt::next(&mut websocket).await).await, None);
        drop(websocket);
        client.await.unwrap();
    })
    .await;
}

/// What is sent, and as it arrives.
fn sent() -> ([Message; 3], Vec<u8>) {
    let sent = [Message::text("uno"), Message::binary(*b"dos"), Message::text("tres")];
    (sent, b"\x81\x03uno\x82\x03dos\x81\x04tres".to_vec())
}

#[tokio::test(start_paused = true)]
async fn send_flush_and_close() {
    let points = everywhere(async |cut| {
        let (mut websocket, client) = talks([PING, CLOSE].concat());
        let (messages, mut expected) = sent();
        for message in messages {
            // Queued with the first poll: whoever was dropped has not to be asked again.
            let sending = cut.once(websocket.send(message)).await;
            assert!(sending.is_none_or(|sent| sent.is_ok()) || websocket.ended().is_some());
            if cut.once(websocket.flush()).await.is_none() {
                tokio::task::yield_now().await;
            }
            if websocket.ended().is_some() {
                break;
            }
        }
        cut.again(async || websocket.close(CloseCode::NORMAL, "").await).await.unwrap();
        let complete = websocket.ended().unwrap().closing_handshake;
        assert_eq!(complete, ClosingHandshake::Complete, "{cut:?}");
        drop(websocket);
        expected.extend_from_slice(OUR_CLOSE);
        // The client's close may come before the last message was fed.
        let (rest, _) = without_pongs(&client.await.unwrap());
        assert!(rest.ends_with(OUR_CLOSE) && expected.starts_with(&rest[..rest.len() - OUR_CLOSE.len()]));
    })
    .await;
    assert!(points > 10, "{points}");
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_arrives_once_and_in_order() {
    everywhere(async |cut| {
        let (mut websocket, client) = talks(Vec::new());
        let (messages, expected) = sent();
        for message in messages {
            let _ = cut.once(websocket.send(message)).await;
        }
        cut.again(async || websocket.flush().await).await;
        drop(websocket);
        assert_eq!(client.await.unwrap(), expected, "{cut:?}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_sink() {
    everywhere(async |cut| {
        let (mut websocket, client) = talks(Vec::new());
        let (messages, expected) = sent();
        for message in messages {
            // Fed with its first poll, as there is room.
            let _ = cut.once(SinkExt::send(&mut websocket, message)).await;
        }
        cut.again(async || SinkExt::flush(&mut websocket).await).await.unwrap();
        drop(websocket);
        assert_eq!(client.await.unwrap(), expected, "{cut:?}");
    })
    .await;
}

/// A half that reads to the end in a task of its own, cut as the other is not.
fn reads(mut read: ReadHalf<DuplexStream>) -> JoinHandle<(Vec<Message>, ReadHalf<DuplexStream>)> {
    tokio::spawn(async move {
        let mut messages = Vec::new();
        while let Some(message) = read.next().await {
            messages.push(message);
        }
        (messages, read)
    })
}

async fn writes(cut: &Cut, write: &mut WriteHalf<DuplexStream>) {
    for message in sent().0 {
        let _ = cut.once(write.send(message)).await;
        let _ = cut.once(write.flush()).await;
    }
    cut.again(async || write.flush().await).await;
    cut.again(async || write.close(CloseCode::NORMAL, "").await).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_half_that_writes() {
    let points = everywhere(async |cut| {
        let (client, server) = duplex(1);
        let (read, mut write) = WebSocket::accepted(server, b"", &Config::default()).split();
        let reading = reads(read);
        let client = tokio::spawn(async move {
            let (mut from, mut to) = tokio::io::split(client);
            to.write_all(&said()).await.unwrap();
            let mut heard = Vec::new();
            while !heard.ends_with(OUR_CLOSE) {
                heard.push(from.read_u8().await.unwrap());
            }
            to.write_all(CLOSE).await.unwrap();
            heard
        });
        writes(cut, &mut write).await;
        let (messages, read) = reading.await.unwrap();
        // A close drops what is not taken; the other half takes all that it is given.
        let all = heard();
        assert!(messages.iter().all(|message| all.contains(message)), "{messages:?}");
        let (rest, _) = without_pongs(&client.await.unwrap());
        assert_eq!(rest, [&sent().1, OUR_CLOSE].concat(), "{cut:?}");
        assert_eq!(read.ended().unwrap().closing_handshake, ClosingHandshake::Complete);
    })
    .await;
    assert!(points > 3, "{points}");
}

#[tokio::test(start_paused = true)]
async fn the_half_that_reads() {
    everywhere(async |cut| {
        let (websocket, client) = talks([&said(), CLOSE].concat());
        let (mut read, mut write) = websocket.split();
        let writing = tokio::spawn(async move {
            write.send(Message::text("hello")).await.unwrap();
            write
        });
        for message in heard() {
            assert_eq!(cut.again(async || read.next().await).await, Some(message), "{cut:?}");
        }
        assert_eq!(cut.again(async || read.next().await).await, None);
        drop((read, writing.await.unwrap()));
        let (rest, _) = without_pongs(&client.await.unwrap());
        assert_eq!(rest, [b"\x81\x05hello", OUR_CLOSE].concat());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_driver_leaves_what_it_read_to_the_halves() {
    everywhere(async |cut| {
        let (websocket, client) = talks([&said(), CLOSE].concat());
        let (mut read, write, driver) = websocket.with_driver(&ReadAhead::default());
        let _ = cut.once(driver).await;
        for message in heard() {
            assert_eq!(read.next().await, Some(message), "{cut:?}");
        }
        assert_eq!(read.next().await, None);
        drop((read, write));
        assert_eq!(without_pongs(&client.await.unwrap()).0, OUR_CLOSE);
    })
    .await;
}

#[cfg(feature = "json")]
#[tokio::test(start_paused = true)]
async fn json() {
    everywhere(async |cut| {
        let (mut websocket, client) = talks(b"\x81\x83\0\0\0\0[1]\x81\x83\0\0\0\0[2]".to_vec());
        for expected in [[1], [2]] {
            let next = cut.again(async || websocket.next_json::<[u8; 1]>().await).await;
            assert_eq!(next.unwrap().unwrap(), expected);
            let _ = cut.once(websocket.send_json(&expected)).await;
        }
        cut.again(async || websocket.flush().await).await;
        drop(websocket);
        assert_eq!(client.await.unwrap(), b"\x81\x03[1]\x81\x03[2]");
    })
    .await;
}
