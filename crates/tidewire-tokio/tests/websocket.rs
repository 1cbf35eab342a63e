//! The adapter on in-memory transports and under paused time: it moves bytes, and every deadline runs.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "common/counted.rs"]
mod counted;

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};
use tidewire_lifecycle::{Phase, Timer};
use tidewire_tokio::{
    accept::{AcceptError, Acceptor},
    websocket::{Cause, ClosingHandshake, Config, Endpoint, Message, WebSocket},
};
use tidewire_ws::{frame::CloseCode, message::SendError};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex},
    time::{Instant, timeout},
};

use counted::Counted;

const REQUEST: &[u8] = b"GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

fn second(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A frame under an all-zero masking key.
fn masked(first_byte: u8, payload: &[u8]) -> Vec<u8> {
    let len = payload.len();
    let mut frame = match len {
        0..=125 => vec![first_byte, 0x80 | len as u8],
        126..=0xFFFF => [&[first_byte, 0xFE][..], &(len as u16).to_be_bytes()].concat(),
        _ => [&[first_byte, 0xFF][..], &(len as u64).to_be_bytes()].concat(),
    };
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}

/// The client's end, and a server's connection on the other.
fn connected(buffer_len: usize) -> (DuplexStream, WebSocket<DuplexStream>) {
    let (client, server) = duplex(buffer_len);
    (client, WebSocket::accepted(server, b"", &Config::default()))
}

async fn echo<IO: AsyncRead + AsyncWrite + Unpin>(mut websocket: WebSocket<IO>) -> WebSocket<IO> {
    while let Some(message) = websocket.next().await {
        let _ = match message {
            Message::Text(text) => websocket.feed_text(&text),
            Message::Binary(payload) => websocket.feed_binary(&payload),
        };
    }
    websocket
}

#[tokio::test(start_paused = true)]
async fn a_hundred_pipelined_messages_are_answered_in_one_write() {
    let (mut client, inner) = duplex(1 << 20);
    let writes = Arc::new(AtomicUsize::new(0));
    let io = Counted::new(inner, &writes);
    let server = tokio::spawn(echo(WebSocket::accepted(io, b"", &Config::default())));
    client.write_all(&masked(0x81, b"hello").repeat(100)).await.unwrap();
    let mut back = vec![0; 700];
    client.read_exact(&mut back).await.unwrap();
    assert_eq!(back, b"\x81\x05hello".repeat(100));
    assert_eq!(writes.load(Ordering::Relaxed), 1);
    drop(client);
    let websocket = server.await.unwrap();
    assert!(matches!(websocket.ended().unwrap().cause, Cause::Eof(_)));
}

#[tokio::test(start_paused = true)]
async fn one_byte_pipes_carry_everything() {
    for buffer_len in [1, 3, 64] {
        let (client, websocket) = connected(buffer_len);
        let server = tokio::spawn(echo(websocket));
        let payload = vec![7; 70_000];
        let stream =
            [masked(0x01, b"he"), masked(0x89, b"ping"), masked(0x80, b"llo"), masked(0x82, &payload)]
                .concat();
        let (mut read, mut write) = tokio::io::split(client);
        let sender = tokio::spawn(async move {
            write.write_all(&stream).await.unwrap();
            write.write_all(&masked(0x88, &1000u16.to_be_bytes())).await.unwrap();
            write
        });
        let mut back = Vec::new();
        read.read_to_end(&mut back).await.unwrap();
        let expected = [
            &b"\x8A\x04ping\x81\x05hello\x82\x7F"[..],
            &70_000u64.to_be_bytes(),
            &payload,
            b"\x88\x02\x03\xE8",
        ]
        .concat();
        assert!(back == expected, "buffer {buffer_len}: {} bytes", back.len());
        drop(sender.await.unwrap());
        drop(read);
        let ended = server.await.unwrap().ended().unwrap().clone();
        assert_eq!((ended.by, ended.closing_handshake), (Endpoint::Remote, ClosingHandshake::Complete));
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_is_never_lost_to_a_cancelled_wait() {
    let (mut client, mut websocket) = connected(16);
    let sender = tokio::spawn(async move {
        for number in 0..200u8 {
            client.write_all(&masked(0x82, &[number; 40])).await.unwrap();
            if number % 3 == 0 {
                tokio::time::sleep(Duration::from_millis(7)).await;
            }
        }
        client
    });
    let mut received = Vec::new();
    while received.len() < 200 {
        // The wait is dropped over and over, in the middle of frames.
        if let Ok(message) = timeout(Duration::from_millis(1), websocket.next()).await {
            received.push(message.unwrap());
        }
    }
    let expected: Vec<Message> = (0..200u8).map(|number| Message::Binary(vec![number; 40])).collect();
    assert!(received == expected);
    drop(sender.await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_reads_is_dropped_ten_seconds_after_its_buffer_is_full() {
    let (_client, mut websocket) = connected(1024);
    let begun = Instant::now();
    websocket.feed_binary(&[0; 5000]).unwrap();
    websocket.flush().await;
    assert_eq!(websocket.ended().unwrap().cause, Cause::Timeout(Timer::WriteStall));
    assert!((second(10)..second(11)).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    assert_eq!(websocket.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn credentials_that_expire_and_a_server_that_goes_away_close_with_their_codes() {
    type Ends = fn(&mut WebSocket<DuplexStream>);
    let ends: [(Ends, Timer, &[u8]); 2] = [
        (
            |websocket| {
                websocket.set_credential_expiry(Some(second(20)));
                websocket.set_credential_expiry(Some(second(10)));
            },
            Timer::CredentialExpiry,
            b"\x88\x15\x03\xF0credentials expired",
        ),
        (|websocket| websocket.begin_drain(second(10)), Timer::Drain, b"\x88\x0c\x03\xE9going away"),
    ];
    for (end, timer, close) in ends {
        let (mut client, mut websocket) = connected(1024);
        let begun = Instant::now();
        end(&mut websocket);
        let told = tokio::spawn(async move {
            let mut heard = vec![0; 64];
            let len = client.read(&mut heard).await.unwrap();
            client.write_all(&masked(0x88, &heard[2..4])).await.unwrap();
            (heard[..len].to_vec(), client)
        });
        assert_eq!(websocket.next().await, None);
        let (heard, _client) = told.await.unwrap();
        assert_eq!(heard, close);
        let ended = websocket.ended().unwrap();
        assert_eq!(ended.cause, Cause::Timeout(timer));
        assert_eq!(ended.closing_handshake, ClosingHandshake::Complete);
        assert!((second(10)..second(13)).contains(&begun.elapsed()), "{:?}", begun.elapsed());
        assert_eq!(websocket.lifecycle().phase(), Phase::Closed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_gets_a_ping_and_is_gone_33_seconds_after_its_last_byte() {
    let (mut client, mut websocket) = connected(1024);
    let begun = Instant::now();
    assert_eq!(websocket.next().await, None);
    assert!((second(33)..second(34)).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    assert_eq!(websocket.ended().unwrap().cause, Cause::Timeout(Timer::HeartbeatReply));
    let mut heard = Vec::new();
    client.read_to_end(&mut heard).await.unwrap();
    assert_eq!(heard[..8], *b"\x89\x04\x00\x00\x00\x01\x88\x22");
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_waits_in_the_transport_counts_though_the_reader_came_late() {
    let (mut client, mut websocket) = connected(1024);
    // The probe goes out, then the application looks away for a minute while its reply lies in the transport.
    assert!(timeout(second(26), websocket.next()).await.is_err());
    client.write_all(&masked(0x8A, &[0, 0, 0, 1])).await.unwrap();
    tokio::time::sleep(second(60)).await;
    assert!(timeout(second(1), websocket.next()).await.is_err());
    assert_eq!(websocket.ended(), None);
}

/// While so much output waits that nothing is read, no reply can be missed.
#[tokio::test(start_paused = true)]
async fn a_slow_client_with_a_backlog_is_not_taken_for_a_silent_one() {
    let (mut client, mut websocket) = connected(16 * 1024);
    assert!(timeout(second(26), websocket.next()).await.is_err());
    let mut ping = [0; 6];
    client.read_exact(&mut ping).await.unwrap();
    assert_eq!(ping, *b"\x89\x04\x00\x00\x00\x01");
    client.write_all(&masked(0x8A, &[0, 0, 0, 1])).await.unwrap();
    // 3 MiB at 16 KiB a second: for two minutes there is too much to read anything.
    websocket.feed_binary(&vec![7; 3 << 20]).unwrap();
    let reader = tokio::spawn(async move {
        let (mut taken, mut piece) = (0, vec![0; 16 * 1024]);
        while taken < 3 << 20 {
            taken += client.read(&mut piece).await.unwrap();
            tokio::time::sleep(second(1)).await;
        }
        client
    });
    assert!(timeout(second(120), websocket.next()).await.is_err());
    assert_eq!((websocket.ended(), websocket.usage().received_bytes), (None, 0));
    assert!(timeout(second(50), websocket.next()).await.is_err());
    assert_eq!((websocket.ended(), websocket.usage().received_bytes), (None, 10), "there is room again");
    reader.abort();
}

#[tokio::test(start_paused = true)]
async fn a_close_that_is_never_answered_ends_in_five_seconds_though_data_floods_in() {
    let (mut client, mut websocket) = connected(1 << 16);
    let flood = tokio::spawn(async move {
        let frames = masked(0x82, &[0; 1000]).repeat(20);
        while client.write_all(&frames).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    let begun = Instant::now();
    websocket.close(CloseCode::NORMAL, "enough").await.unwrap();
    assert!((second(5)..second(6)).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    assert_eq!(websocket.ended().unwrap().closing_handshake, ClosingHandshake::Incomplete);
    drop(websocket);
    flood.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_message_over_the_limit_is_answered_with_1009_though_the_peer_keeps_sending() {
    let (mut client, mut websocket) = connected(4096);
    let server = tokio::spawn(async move { (websocket.next().await, websocket) });
    let header = [&[0x82, 0xFF][..], &(1u64 << 40).to_be_bytes(), &[0; 4]].concat();
    client.write_all(&header).await.unwrap();
    let mut answer = [0; 4];
    client.write_all(&[0; 2000]).await.unwrap();
    client.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, *b"\x88\x02\x03\xF1");
    let (message, websocket) = server.await.unwrap();
    assert_eq!((message, websocket.ended().unwrap().by), (None, Endpoint::Remote));
}

#[tokio::test(start_paused = true)]
async fn bytes_behind_the_request_are_the_first_frames() {
    let (mut client, server) = duplex(4096);
    let accepted = tokio::spawn(async move { Acceptor::default().accept(server).await });
    client.write_all(&[REQUEST, &masked(0x81, b"early")].concat()).await.unwrap();
    let mut websocket = accepted.await.unwrap().unwrap();
    assert_eq!(websocket.next().await, Some(Message::Text("early".into())));
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_drips_is_given_up_after_five_seconds() {
    let (mut client, server) = duplex(4096);
    let begun = Instant::now();
    let accepted = tokio::spawn(async move { Acceptor::default().accept(server).await });
    for byte in REQUEST {
        if client.write_all(&[*byte]).await.is_err() {
            break;
        }
        tokio::time::sleep(second(1)).await;
    }
    assert!(matches!(accepted.await.unwrap(), Err(AcceptError::Timeout)));
    assert!(begun.elapsed() < second(7), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_refusal_arrives_whole_and_what_follows_is_never_answered() {
    let (mut client, server) = duplex(64);
    let accepted = tokio::spawn(async move { Acceptor::default().accept(server).await });
    let sender = tokio::spawn(async move {
        let second_request = REQUEST.repeat(3);
        client.write_all(b"GET /plain HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        let (mut read, mut write) = tokio::io::split(client);
        let writing = tokio::spawn(async move {
            let _ = write.write_all(&second_request).await;
        });
        let mut answer = Vec::new();
        read.read_to_end(&mut answer).await.unwrap();
        writing.await.unwrap();
        answer
    });
    let Err(AcceptError::Refused(refusal)) = accepted.await.unwrap() else { panic!("accepted") };
    assert_eq!(refusal.status(), 426);
    let answer = String::from_utf8(sender.await.unwrap()).unwrap();
    assert_eq!(answer.matches("HTTP/1.1").count(), 1);
    assert!(answer.starts_with("HTTP/1.1 426 ") && answer.ends_with("\n"), "{answer}");
}

#[test]
fn what_a_task_holds_is_a_pointer() {
    assert_eq!(size_of::<WebSocket<tokio::net::TcpStream>>(), size_of::<usize>());
}

/// A transport that cannot be written to, and says nothing.
struct Broken;

impl AsyncRead for Broken {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

impl AsyncWrite for Broken {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_transport_that_fails_to_write_ends_the_connection_at_once() {
    let mut websocket = WebSocket::accepted(Broken, b"", &Config::default());
    websocket.feed_text("x").unwrap();
    let start = Instant::now();
    assert_eq!(timeout(second(3600), websocket.next()).await, Ok(None));
    assert_eq!((start.elapsed(), &websocket.ended().unwrap().cause), (second(0), &Cause::Transport));
}

#[tokio::test(start_paused = true)]
async fn after_the_end_nothing_is_taken_and_nothing_is_held() {
    let (client, mut gone) = connected(1 << 16);
    gone.feed_text("on its way").unwrap();
    drop(client);
    assert_eq!(gone.next().await, None);
    let mut failed = WebSocket::accepted(Broken, b"", &Config::default());
    failed.feed_text("x").unwrap();
    failed.flush().await;
    assert_eq!(failed.output_len(), 0, "at once, and not with the next call");
    async fn is_over<IO: AsyncRead + AsyncWrite + Unpin>(websocket: &mut WebSocket<IO>) {
        assert!(websocket.ended().is_some());
        for _ in 0..3 {
            let sent = websocket.send(Message::Text("y".repeat(1 << 20))).await;
            assert_eq!(sent, Err(SendError::NotOpen));
        }
        assert_eq!(websocket.feed_binary(b"y"), Err(SendError::NotOpen));
        assert_eq!(websocket.start_close(CloseCode::NORMAL, ""), Err(SendError::NotOpen));
        assert_eq!(websocket.close(CloseCode::NORMAL, "").await, Ok(()));
        assert_eq!(websocket.output_len(), 0);
    }
    is_over(&mut gone).await;
    is_over(&mut failed).await;
}
