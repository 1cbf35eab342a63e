//! Class Q: whoever polls a connection, and for whatever: pings are answered, a close is echoed, heartbeats are sent, every
//! deadline runs, and what is no message yet is activity all the same. Time is paused.
#![allow(clippy::unwrap_used, missing_docs)]

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tidewire_lifecycle::{Heartbeat, Timer};
use tidewire_tokio::websocket::{Cause, ClosingHandshake, Config, Ended, Message, ReadAhead, WebSocket};
use tidewire_ws::frame::CloseCode;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex, split},
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

const MASKED_PING: &[u8] = b"\x89\x84\0\0\0\0ping";
const PONG: &[u8] = b"\x8A\x04ping";
const MASKED_CLOSE: &[u8] = b"\x88\x82\0\0\0\0\x03\xE8";
const CLOSE: &[u8] = b"\x88\x02\x03\xE8";

/// How often those come by who only write.
const EVERY: Duration = Duration::from_secs(1);

/// What an application does with its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Reads,
    ReadsAStream,
    /// Sends nothing, and flushes that.
    Flushes,
    Sends,
    SendsToASink,
    ReadsByAHalf,
    SendsByAHalf,
    /// Waits for messages by one half, and sends by the other.
    DoesBoth,
    /// Leaves all to a driver.
    Idles,
}

const EVERYBODY: [Who; 9] = [
    Who::Reads,
    Who::ReadsAStream,
    Who::Flushes,
    Who::Sends,
    Who::SendsToASink,
    Who::ReadsByAHalf,
    Who::SendsByAHalf,
    Who::DoesBoth,
    Who::Idles,
];

impl Who {
    /// Does that until the connection is over.
    fn lives(self, mut websocket: WebSocket<DuplexStream>) -> JoinHandle<Ended> {
        tokio::spawn(async move {
            match self {
                Self::Reads => while websocket.next().await.is_some() {},
                Self::ReadsAStream => while StreamExt::next(&mut websocket).await.is_some() {},
                Self::Flushes => {
                    while websocket.ended().is_none() {
                        websocket.flush().await;
                        sleep(EVERY).await;
                    }
                }
                Self::Sends => {
                    while websocket.ended().is_none() {
                        let _ = websocket.send(Message::text("x")).await;
                        // Our close frame is out, or there is nobody: what is left to do is done by a flush.
                        websocket.flush().await;
                        sleep(EVERY).await;
                    }
                }
                Self::SendsToASink => {
                    while websocket.ended().is_none() {
                        let _ = SinkExt::send(&mut websocket, Message::text("x")).await;
                        let _ = SinkExt::flush(&mut websocket).await;
                        sleep(EVERY).await;
                    }
                }
                Self::ReadsByAHalf | Self::SendsByAHalf | Self::DoesBoth | Self::Idles => {
                    return self.lives_in_halves(websocket).await;
                }
            }
            websocket.ended().unwrap().clone()
        })
    }

    async fn lives_in_halves(self, websocket: WebSocket<DuplexStream>) -> Ended {
        if self == Self::Idles {
            let (read, _write, driver) = websocket.with_driver(&ReadAhead::default());
            driver.await;
            return read.ended().unwrap();
        }
        let (mut read, mut write) = websocket.split();
        let writing = (self != Self::ReadsByAHalf).then(|| {
            tokio::spawn(async move {
                loop {
                    let _ = write.send(Message::text("x")).await;
                    write.flush().await;
                    sleep(EVERY).await;
                }
            })
        });
        if self == Self::SendsByAHalf {
            while read.ended().is_none() {
                sleep(EVERY).await;
            }
        } else {
            while read.next().await.is_some() {}
        }
        if let Some(writing) = writing {
            writing.abort();
        }
        read.ended().unwrap()
    }

    /// Whether this one looks for the end, and does not wait for it.
    fn hears_early(self) -> bool {
        self.is_late_by() >= EVERY
    }

    /// How much later than at once this one does anything.
    fn is_late_by(self) -> Duration {
        match self {
            Self::Reads | Self::ReadsAStream | Self::ReadsByAHalf | Self::DoesBoth | Self::Idles => {
                Duration::from_millis(50)
            }
            Self::Flushes | Self::Sends | Self::SendsToASink | Self::SendsByAHalf => {
                // What it finds is dealt with, and what came of that with the next.
                EVERY * 3 + Duration::from_millis(50)
            }
        }
    }
}

fn second(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn connected(
    buffer_len: usize,
    change: impl FnOnce(&mut tidewire_lifecycle::Config),
) -> (DuplexStream, WebSocket<DuplexStream>) {
    let (client, server) = duplex(buffer_len);
    let mut lifecycle = tidewire_lifecycle::Config::default();
    change(&mut lifecycle);
    let config = Config::new(tidewire_ws::message::Config::default(), lifecycle);
    (client, WebSocket::accepted(server, b"", &config))
}

/// Reads until these bytes end what came, but for what the server says by itself.
async fn until(client: &mut DuplexStream, expected: &[u8], who: Who) {
    let mut came = Vec::new();
    let reading = async {
        while !came.ends_with(expected) {
            came.push(client.read_u8().await.unwrap());
        }
    };
    assert!(timeout(who.is_late_by(), reading).await.is_ok(), "{who:?}");
}

/// How it ended, within ten minutes.
async fn over(who: Who, server: JoinHandle<Ended>) -> Ended {
    timeout(second(600), server).await.unwrap_or_else(|_| panic!("{who:?} goes on for ever")).unwrap()
}

#[tokio::test(start_paused = true)]
async fn pings_are_answered_and_a_close_is_echoed() {
    for who in EVERYBODY {
        let (mut client, websocket) = connected(1024, |_| {});
        let server = who.lives(websocket);
        for _ in 0..5 {
            sleep(second(7)).await;
            client.write_all(MASKED_PING).await.unwrap();
            until(&mut client, PONG, who).await;
        }
        client.write_all(MASKED_CLOSE).await.unwrap();
        until(&mut client, CLOSE, who).await;
        let mut rest = Vec::new();
        timeout(who.is_late_by(), client.read_to_end(&mut rest)).await.unwrap().unwrap();
        assert_eq!(rest, b"", "{who:?}: behind the close there is nothing");
        drop(client);
        let ended = timeout(who.is_late_by(), server).await.unwrap().unwrap();
        assert_eq!(ended.closing_handshake, ClosingHandshake::Complete, "{who:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_asked_and_then_dropped() {
    for who in EVERYBODY {
        let (client, websocket) = connected(1 << 16, |_| {});
        let begun = Instant::now();
        let ended = over(who, who.lives(websocket)).await;
        assert_eq!(ended.cause, Cause::Timeout(Timer::HeartbeatReply), "{who:?}");
        let took = begun.elapsed();
        assert!(took >= second(33) && took <= second(33) + who.is_late_by(), "{who:?}: {took:?}");
        drop(client);
    }
}

type Change = fn(&mut tidewire_lifecycle::Config);
type Sets = fn(&mut WebSocket<DuplexStream>);

/// What ends a connection whose peer takes nothing, and when: the close that cannot be said takes 5 s.
fn ends() -> [(Change, Sets, Cause, u64); 8] {
    [
        (|_| {}, |_| {}, Cause::Timeout(Timer::WriteStall), 10),
        (|config| config.max_age = Some(second(4)), |_| {}, Cause::Timeout(Timer::MaxAge), 9),
        (|config| config.quiet_timeout = Some(second(4)), |_| {}, Cause::Timeout(Timer::Quiet), 9),
        (|config| config.idle_timeout = Some(second(4)), |_| {}, Cause::Timeout(Timer::Idle), 9),
        (
            |_| {},
            |websocket| websocket.set_credential_expiry(Some(second(3))),
            Cause::Timeout(Timer::CredentialExpiry),
            8,
        ),
        (|_| {}, |websocket| websocket.begin_drain(second(2)), Cause::Timeout(Timer::Drain), 7),
        (
            |_| {},
            |websocket| websocket.start_close(CloseCode::NORMAL, "").unwrap(),
            Cause::Close { code: Some(CloseCode::NORMAL), reason: "".into() },
            5,
        ),
        (
            |config| {
                config.write_stall_timeout = None;
                config.heartbeat = Heartbeat::Probe { interval: second(3), timeout: second(2) };
            },
            |_| {},
            Cause::Timeout(Timer::HeartbeatReply),
            10,
        ),
    ]
}

#[tokio::test(start_paused = true)]
async fn every_deadline_runs_while_a_write_blocks() {
    for who in EVERYBODY {
        for (change, sets, cause, at) in ends() {
            let (client, mut websocket) = connected(64, change);
            let begun = Instant::now();
            websocket.feed_binary(&[7; 10_000]).unwrap();
            sets(&mut websocket);
            let ended = over(who, who.lives(websocket)).await;
            let took = begun.elapsed();
            assert_eq!(ended.cause, cause, "{who:?}");
            // Who does not wait for the end hears of it when it is known: before the close that cannot be said is given up.
            let at_least = if who.hears_early() { second(at.saturating_sub(5)) } else { second(at) };
            let at_most = second(at) + who.is_late_by();
            assert!((at_least..=at_most).contains(&took), "{who:?}: {cause:?} after {took:?}");
            drop(client);
        }
    }
}

/// A message that never ends, a byte each four seconds, and a peer that answers pings, if a bit late.
#[tokio::test(start_paused = true)]
async fn fragments_are_activity() {
    for who in EVERYBODY {
        let (client, websocket) = connected(1024, |config| config.idle_timeout = Some(second(5)));
        let (mut from, mut to) = split(client);
        let server = who.lives(websocket);
        let heard = tokio::spawn(async move {
            let mut heard = Vec::new();
            from.read_to_end(&mut heard).await.unwrap();
            heard
        });
        let begun = Instant::now();
        to.write_all(b"\x02\x80\0\0\0\0").await.unwrap();
        for _ in 0..6 {
            sleep(second(4)).await;
            assert!(!server.is_finished(), "{who:?}: after {:?}", begun.elapsed());
            to.write_all(b"\x00\x81\0\0\0\0x").await.unwrap();
        }
        // Those who send are not idle for as long as they are heard; the silent peer is asked, and dropped.
        let ended = over(who, server).await;
        let is_sender = matches!(who, Who::Sends | Who::SendsToASink | Who::SendsByAHalf | Who::DoesBoth);
        let expected = if is_sender { Timer::HeartbeatReply } else { Timer::Idle };
        assert_eq!(ended.cause, Cause::Timeout(expected), "{who:?} after {:?}", begun.elapsed());
        assert!(begun.elapsed() >= second(28), "{who:?}");
        drop(to);
        heard.await.unwrap();
    }
}
