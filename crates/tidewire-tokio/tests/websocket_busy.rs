//! Peers that never pause and applications that are slow: every deadline runs, and nobody honest is taken for dead.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tidewire_lifecycle::Timer;
use tidewire_tokio::websocket::{Cause, Config, Ended, Message, WebSocket};
use tidewire_ws::frame::CloseCode;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex, split},
    sync::mpsc,
    time::{Instant, sleep, timeout},
};

const fn second(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A frame of up to 65,535 bytes under an all-zero masking key.
fn masked(first_byte: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = match payload.len() {
        len @ 0..=125 => vec![first_byte, 0x80 | len as u8],
        len => [&[first_byte, 0xFE][..], &(len as u16).to_be_bytes()].concat(),
    };
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}

fn connected(
    buffer_len: usize,
    change: impl FnOnce(&mut tidewire_lifecycle::Config),
) -> (DuplexStream, WebSocket<DuplexStream>) {
    let (client, server) = duplex(buffer_len);
    let mut lifecycle = tidewire_lifecycle::Config::default();
    change(&mut lifecycle);
    (
        client,
        WebSocket::accepted(server, b"", &Config::new(tidewire_ws::message::Config::default(), lifecycle)),
    )
}

/// Messages without a pause, for as long as they are taken.
async fn flood(mut client: impl AsyncWrite + Unpin) {
    let frames = masked(0x82, &[0; 1000]).repeat(20);
    while client.write_all(&frames).await.is_ok() {}
}

/// An application that takes so long for each message, up to the end or for ten minutes.
async fn work(websocket: &mut WebSocket<DuplexStream>, pause: Duration) -> (Duration, Option<Ended>) {
    let begun = Instant::now();
    while begun.elapsed() < second(600) && websocket.next().await.is_some() {
        sleep(pause).await;
    }
    (begun.elapsed(), websocket.ended().cloned())
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_pauses_does_not_outlive_its_deadlines() {
    type Sets = fn(&mut WebSocket<DuplexStream>);
    // What ends it, and when: a close that is never answered takes 5 s more.
    let cases: [(Sets, u64, Cause); 4] = [
        (|_| {}, 20 + 5, Cause::Timeout(Timer::MaxAge)),
        (
            |websocket| websocket.set_credential_expiry(Some(second(10))),
            10 + 5,
            Cause::Timeout(Timer::CredentialExpiry),
        ),
        (|websocket| websocket.begin_drain(second(7)), 7 + 5, Cause::Timeout(Timer::Drain)),
        (
            |websocket| websocket.start_close(CloseCode::NORMAL, "bye").unwrap(),
            5,
            Cause::Close { code: Some(CloseCode::NORMAL), reason: "bye".into() },
        ),
    ];
    for (sets, at, cause) in cases {
        let (client, mut websocket) = connected(1 << 16, |lifecycle| lifecycle.max_age = Some(second(20)));
        let client = tokio::spawn(flood(client));
        sets(&mut websocket);
        let (took, ended) = work(&mut websocket, Duration::from_millis(10)).await;
        assert_eq!(ended.unwrap().cause, cause);
        assert!(took >= second(at) && took < second(at + 1), "{cause:?} after {took:?}");
        client.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_sends_and_never_reads_is_dropped_for_the_stall() {
    let (client, mut websocket) = connected(4096, |_| {});
    let (_reader, writer) = split(client);
    tokio::spawn(flood(writer));
    websocket.feed_binary(&[0; 50_000]).unwrap();
    let (took, ended) = work(&mut websocket, Duration::from_millis(10)).await;
    assert_eq!(ended.unwrap().cause, Cause::Timeout(Timer::WriteStall));
    assert!((second(10)..second(11)).contains(&took), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn deadlines_run_while_a_buffer_of_small_messages_is_worked_off() {
    let (mut client, mut websocket) = connected(1 << 17, |lifecycle| lifecycle.max_age = Some(second(5)));
    client.write_all(&masked(0x82, b"x").repeat(9000)).await.unwrap();
    let (took, ended) = work(&mut websocket, Duration::from_millis(50)).await;
    assert_eq!(ended.unwrap().cause, Cause::Timeout(Timer::MaxAge));
    assert!((second(10)..second(11)).contains(&took), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn an_honest_peer_lives_though_the_application_is_slow() {
    let (client, mut websocket) = connected(256, |_| {});
    let (mut reader, mut writer) = split(client);
    let (frames, mut queued) = mpsc::unbounded_channel::<Vec<u8>>();
    (0..50u8).for_each(|number| frames.send(masked(0x82, &[number; 300])).unwrap());
    tokio::spawn(async move {
        while let Some(frame) = queued.recv().await {
            if writer.write_all(&frame).await.is_err() {
                return;
            }
        }
    });
    // Every ping is answered, behind what waits to be sent.
    tokio::spawn(async move {
        let mut ping = [0; 6];
        while reader.read_exact(&mut ping).await.is_ok() {
            frames.send(masked(0x8A, &ping[2..])).unwrap();
        }
    });
    for number in 0..50u8 {
        assert_eq!(
            websocket.next().await,
            Some(Message::Binary(vec![number; 300])),
            "{:?}",
            websocket.ended()
        );
        sleep(second(5)).await;
    }
}

/// A transport that always has more, and never makes its task wait.
struct Endless;

impl AsyncRead for Endless {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let frame = masked(0x82, &[0; 100]);
        while room.remaining() >= frame.len() {
            room.put_slice(&frame);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Endless {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn a_close_gives_way_and_ends_though_the_transport_never_does() {
    let mut lifecycle = tidewire_lifecycle::Config::default();
    lifecycle.closing_timeout = Some(Duration::from_millis(300));
    let config = Config::new(tidewire_ws::message::Config::default(), lifecycle);
    let mut websocket = WebSocket::accepted(Endless, b"", &config);
    assert!(
        timeout(Duration::from_millis(50), websocket.close(CloseCode::NORMAL, "")).await.is_err(),
        "others run"
    );
    websocket.close(CloseCode::NORMAL, "").await.unwrap();
    assert!(websocket.ended().is_some());
}

#[tokio::test]
async fn a_pong_that_waits_in_the_kernel_counts_though_the_thread_was_blocked() {
    use std::io::{Read, Write};
    let millis = Duration::from_millis;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().await.unwrap();
    let mut lifecycle = tidewire_lifecycle::Config::default();
    lifecycle.heartbeat =
        tidewire_lifecycle::Heartbeat::Probe { interval: millis(300), timeout: millis(200) };
    let config = Config::new(tidewire_ws::message::Config::default(), lifecycle);
    let mut websocket = WebSocket::accepted(server, b"", &config);
    // The peer answers on a thread of its own.
    let peer = std::thread::spawn(move || {
        let (mut ping, mut answered) = ([0; 6], 0);
        while client.read_exact(&mut ping).is_ok() && ping[0] == 0x89 {
            // The way takes its time: the thread is blocked by then.
            std::thread::sleep(millis(50));
            if client.write_all(&masked(0x8A, &ping[2..])).is_err() {
                break;
            }
            answered += 1;
        }
        answered
    });
    for round in 0..3 {
        assert!(timeout(millis(310), websocket.next()).await.is_err());
        // What no task should do, and every other one does once.
        std::thread::sleep(millis(600));
        assert!(timeout(millis(20), websocket.next()).await.is_err());
        assert_eq!(websocket.ended(), None, "round {round}");
    }
    drop(websocket);
    assert!(peer.join().unwrap() >= 3);
}
