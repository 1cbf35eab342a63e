//! S8: hundreds of MiB of pings, and nobody reads a pong.

use std::time::Duration;

use tidewire_bench::Server;
use tokio::{
    io::AsyncWriteExt,
    time::{Instant, sleep_until, timeout},
};

use crate::{
    Failed,
    client::{PATIENCE, masked, open, source},
    options::Options,
    report::Check,
};

/// How much is sent in all, and over how long: a generator that never rests would take from the honest clients what the
/// server does not.
const BYTES: usize = 750 * 1024 * 1024;
const TIME: Duration = Duration::from_secs(5);

/// What the server's memory may grow by.
const GROWTH: u64 = 2 * 1024 * 1024;

/// The longest payload of a ping.
const PING_LEN: usize = 125;

/// Connections that it takes at most: the write deadline ends one that never reads.
const CONNECTIONS: usize = 1_000;

pub(super) async fn run(server: &Server, options: &Options) -> Result<Vec<Check>, Failed> {
    let bytes = options.share(BYTES);
    let pings = masked(9, &[b'p'; PING_LEN]).repeat(500);
    let before = server.resident_bytes()?;
    let (mut sent, mut most, mut connections) = (0, before, 0);
    let (begun, time) = (Instant::now(), options.hurried(TIME));
    while sent < bytes && connections < CONNECTIONS {
        let mut stream = open(server.address, source(connections)).await?;
        connections += 1;
        let (mut progress, mut at) = (Instant::now(), 0);
        loop {
            let writing = timeout(Duration::from_millis(200), stream.write(&pings[at..]));
            match writing.await {
                Ok(Ok(len)) => {
                    (sent, at) = (sent + len, (at + len) % pings.len());
                    progress = Instant::now();
                }
                // It was given up.
                Ok(Err(_)) => break,
                Err(_) if progress.elapsed() > PATIENCE => {
                    return Err("a peer that never reads is neither read from nor given up".into());
                }
                Err(_) => {}
            }
            most = most.max(server.resident_bytes()?);
            if sent >= bytes {
                break;
            }
            sleep_until(begun + time.mul_f64(sent as f64 / bytes as f64)).await;
        }
    }
    let mib = |bytes: u64| bytes as f64 / (1024.0 * 1024.0);
    Ok(vec![
        Check::told("sent", format!("{:.0} MiB over {connections} connections", mib(sent as u64))),
        Check::exactly("all of it sent", usize::from(sent >= bytes), 1),
        Check::at_most("MiB more memory", mib(most - before), mib(GROWTH)),
    ])
}
