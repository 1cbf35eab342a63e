//! Honest clients, in a thread of their own: an echo a second each, and how long it took.

use std::{io, net::SocketAddr, thread::JoinHandle, time::Duration};

use tidewire_bench::histogram::Histogram;
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep_until},
};

use crate::{
    Failed,
    client::{frame, masked, open, within},
};

/// The time between two echoes of one client.
const PERIOD: Duration = Duration::from_secs(1);

/// Where they come from: an address that nobody attacks from.
const FROM: [u8; 4] = [127, 0, 0, 1];

/// Honest clients at work.
pub(crate) struct Canary {
    over: watch::Sender<bool>,
    thread: JoinHandle<io::Result<Felt>>,
}

/// What they felt.
#[derive(Debug, Default)]
pub(crate) struct Felt {
    pub(crate) latencies: Histogram,
    /// What went wrong, one each at most.
    pub(crate) errors: Vec<String>,
}

impl Canary {
    /// Lets so many begin. They are open when it returns.
    pub(crate) fn start(address: SocketAddr, count: usize) -> io::Result<Self> {
        let (over, is_over) = watch::channel(false);
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let mut streams = Vec::new();
                for _ in 0..count {
                    streams.push(open(address, FROM).await?);
                }
                // Whoever waits for it is there, or gone with an error of its own.
                let _ = tell.send(());
                Ok(echoes(streams, &is_over).await)
            })
        });
        if told.recv().is_ok() {
            return Ok(Self { over, thread });
        }
        match thread.join() {
            Ok(Err(error)) => Err(error),
            Ok(Ok(_)) | Err(_) => Err(io::Error::other("the honest clients ended")),
        }
    }

    /// Lets them finish, and asks what they felt.
    pub(crate) fn stop(self) -> Result<Felt, Failed> {
        // Clients that are gone have said why.
        let _ = self.over.send(true);
        match self.thread.join() {
            Ok(felt) => Ok(felt?),
            Err(_) => Err("an honest client panicked".into()),
        }
    }
}

async fn echoes(streams: Vec<TcpStream>, over: &watch::Receiver<bool>) -> Felt {
    let (mut felt, mut tasks, count) = (Felt::default(), JoinSet::new(), streams.len() as u32);
    let start = Instant::now();
    for (number, stream) in streams.into_iter().enumerate() {
        tasks.spawn(client(stream, start + PERIOD * number as u32 / count, over.clone()));
    }
    while let Some(ended) = tasks.join_next().await {
        match ended {
            Ok((latencies, outcome)) => {
                felt.latencies.add(&latencies);
                felt.errors.extend(outcome.err().map(|error| error.to_string()));
            }
            Err(error) => felt.errors.push(error.to_string()),
        }
    }
    felt
}

async fn client(
    mut stream: TcpStream,
    start: Instant,
    mut over: watch::Receiver<bool>,
) -> (Histogram, io::Result<()>) {
    let (mut latencies, mut due, mut number) = (Histogram::default(), start, 0u64);
    loop {
        tokio::select! {
            () = sleep_until(due) => {}
            _ = over.changed() => return (latencies, Ok(())),
        }
        if let Err(error) = within(echo(&mut stream, number)).await {
            return (latencies, Err(error));
        }
        // From when it was due: whoever is kept waiting is not spared by saying less.
        latencies.record(due.elapsed());
        due = (due + PERIOD).max(Instant::now());
        number += 1;
    }
}

async fn echo(stream: &mut TcpStream, number: u64) -> io::Result<()> {
    const PONG: u8 = 0x0A;
    let said = format!("still here, for the {number}th time");
    stream.write_all(&masked(1, said.as_bytes())).await?;
    loop {
        let came = frame(stream).await?;
        match came.first {
            0x89 => stream.write_all(&masked(PONG, &came.payload)).await?,
            0x81 if came.payload == said.as_bytes() => return Ok(()),
            first => return Err(io::Error::other(format!("expected an echo, got a frame of {first:#x}"))),
        }
    }
}
