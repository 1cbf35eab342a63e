//! S1: handshakes that drip are given up, and nobody else feels them; how many there may be at a time.
//!
//! `TIDEWIRE_SLOW_HANDSHAKES=5000` runs it as it stands in the list: so many, a byte each ten seconds, gone 5.5 s behind
//! their acceptance, and honest clients answered within 50 ms.

use std::{
    env,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tidewire_tokio::{drain::Drain, listener::Limits};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::client::{LONG, REQUEST, echo_server, echoed, open, opened};

/// How it is tried: scaled down, unless it is asked for in full.
struct Scale {
    slow: usize,
    canaries: usize,
    opening: Duration,
    byte_every: Duration,
    echo_every: Duration,
    /// How long behind its beginning a handshake may be gone, and how long an echo may take; where a machine may be slow,
    /// no time is too long.
    gone_within: Duration,
    answered_within: Duration,
}

impl Scale {
    fn chosen() -> Self {
        let millis = Duration::from_millis;
        match env::var("TIDEWIRE_SLOW_HANDSHAKES") {
            Ok(slow) => Self {
                slow: slow.parse().unwrap(),
                canaries: 100,
                opening: millis(5000),
                byte_every: millis(10_000),
                echo_every: millis(1000),
                gone_within: millis(5500),
                answered_within: millis(50),
            },
            Err(_) => Self {
                slow: 200,
                canaries: 20,
                opening: millis(300),
                byte_every: millis(50),
                echo_every: millis(10),
                gone_within: LONG,
                answered_within: LONG,
            },
        }
    }
}

/// How long it takes until a client is given up that sends its request a byte at a time.
async fn drips(address: SocketAddr, byte_every: Duration) -> Duration {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let begun = Instant::now();
    for byte in REQUEST {
        if socket.write_all(&[*byte]).await.is_err() {
            break;
        }
        match timeout(byte_every, socket.read(&mut [0])).await {
            // It is not answered; the end, or a reset, is all that comes.
            Ok(Ok(len)) => {
                assert_eq!(len, 0);
                break;
            }
            Ok(Err(_)) => break,
            Err(_) => {}
        }
    }
    begun.elapsed()
}

/// The times of the echoes of an honest client.
async fn canary(address: SocketAddr, every: Duration, over: Arc<AtomicBool>) -> Vec<Duration> {
    let (mut socket, mut times) = (open(address).await.unwrap(), Vec::new());
    while !over.load(Ordering::Relaxed) {
        let said = Instant::now();
        echoed(&mut socket, "still here?").await.unwrap();
        times.push(said.elapsed());
        sleep(every).await;
    }
    times
}

#[tokio::test]
async fn handshakes_that_drip_are_gone_at_their_deadline_and_nobody_else_feels_them() {
    let (scale, drain, over) = (Scale::chosen(), Drain::new(), Arc::new(AtomicBool::new(false)));
    let (address, _server) = echo_server(Limits::default(), scale.opening, &drain);
    let canaries: Vec<_> =
        (0..scale.canaries).map(|_| tokio::spawn(canary(address, scale.echo_every, over.clone()))).collect();
    let slow: Vec<_> = (0..scale.slow).map(|_| tokio::spawn(drips(address, scale.byte_every))).collect();
    for slow in slow {
        let gone = slow.await.unwrap();
        assert!(gone <= scale.gone_within, "{gone:?}");
    }
    // New ones are served as ever.
    echoed(&mut open(address).await.unwrap(), "hello").await.unwrap();
    over.store(true, Ordering::Relaxed);
    let mut times = Vec::new();
    for canary in canaries {
        times.extend(canary.await.unwrap());
    }
    times.sort_unstable();
    let p99 = times[times.len() * 99 / 100];
    assert!(p99 <= scale.answered_within, "{p99:?}");
}

#[tokio::test]
async fn one_handshake_more_than_there_may_be_waits_for_its_turn() {
    let mut limits = Limits::default();
    limits.max_handshakes = 2;
    let (address, _server) = echo_server(limits, LONG, &Drain::new());
    let mut slow = Vec::new();
    for _ in 0..2 {
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.write_all(&REQUEST[..10]).await.unwrap();
        slow.push(socket);
    }
    let mut third = TcpStream::connect(address).await.unwrap();
    third.write_all(REQUEST).await.unwrap();
    assert!(timeout(Duration::from_millis(50), third.readable()).await.is_err(), "three at a time");
    // One that is open, or gone, is none.
    slow[0].write_all(&REQUEST[10..]).await.unwrap();
    let mut first = timeout(LONG, opened(slow.remove(0))).await.unwrap().unwrap();
    let mut third = timeout(LONG, opened(third)).await.unwrap().unwrap();
    drop(slow);
    let mut fourth = open(address).await.unwrap();
    for socket in [&mut first, &mut third, &mut fourth] {
        echoed(socket, "hello").await.unwrap();
    }
}
