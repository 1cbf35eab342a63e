//! S1: thousands of opening handshakes, a byte each in ten seconds.

use std::{io, time::Duration};

use tidewire_bench::{Server, upgrade_request};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::{Instant, timeout},
};

use crate::{
    Failed,
    client::{connect, opened, source, within},
    options::Options,
    report::Check,
};

/// How many there are.
const HANDSHAKES: usize = 5_000;

/// The time between two of their bytes.
const DRIP: Duration = Duration::from_secs(10);

/// How long behind its acceptance each may be there.
const GONE_WITHIN: Duration = Duration::from_millis(5_500);

pub(super) async fn run(server: &Server, options: &Options) -> Result<Vec<Check>, Failed> {
    let (count, every) = (options.share(HANDSHAKES), options.hurried(DRIP));
    let mut clients = JoinSet::new();
    for number in 0..count {
        let stream = connect(server.address, source(number)).await?;
        clients.spawn(drip(stream, every));
    }
    let mut longest = Duration::ZERO;
    // In the midst of it whoever comes is served.
    let mut honest = connect(server.address, source(count)).await?;
    honest.write_all(upgrade_request("/").as_bytes()).await?;
    let asked = Instant::now();
    opened(&mut honest).await?;
    let opened_within = asked.elapsed();
    while let Some(took) = clients.join_next().await {
        longest = longest.max(took??);
    }
    Ok(vec![
        Check::within(format!("the last of {count} is gone"), longest, options.at_most(GONE_WITHIN)),
        Check::told("an honest handshake among them", format!("{} ms", opened_within.as_millis())),
    ])
}

/// Sends a request a byte at a time, until the end: how long that took.
async fn drip(mut stream: TcpStream, every: Duration) -> io::Result<Duration> {
    let begun = Instant::now();
    for byte in upgrade_request("/").bytes() {
        // An error is the end, too: what we write behind it is answered with a reset.
        if stream.write_all(&[byte]).await.is_err() {
            break;
        }
        match timeout(every, within(stream.read_u8())).await {
            Ok(Ok(byte)) => return Err(io::Error::other(format!("expected no answer, got {byte:#x}"))),
            Ok(Err(_)) => break,
            Err(_) => {}
        }
    }
    Ok(begun.elapsed())
}
