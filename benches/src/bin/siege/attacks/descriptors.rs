//! S3: more connections than the server has file descriptors, held for half a minute.

use std::time::Duration;

use tidewire_bench::{Server, upgrade_request};
use tokio::{
    io::AsyncWriteExt,
    time::{Instant, sleep},
};

use crate::{
    Failed,
    client::{PATIENCE, connect, opened, source},
    options::Options,
    report::Check,
};

/// How long they are held.
const HELD: Duration = Duration::from_secs(30);

/// How soon it accepts again.
const AGAIN_WITHIN: Duration = Duration::from_secs(1);

/// What it may use of a processor meanwhile, in percent; its honest clients' echoes are part of that.
const PERCENT: f64 = 5.0;

/// So many more come than it has descriptors.
const MORE: u64 = 44;

pub(super) async fn run(server: &Server, open_files: u64, options: &Options) -> Result<Vec<Check>, Failed> {
    let mut clients = Vec::new();
    for number in 0..open_files + MORE {
        let mut stream = connect(server.address, source(number as usize)).await?;
        stream.write_all(upgrade_request("/").as_bytes()).await?;
        clients.push(stream);
    }
    let begun = Instant::now();
    while (server.open_files()? as u64) < open_files {
        if begun.elapsed() > PATIENCE {
            return Err(format!("expected {open_files} open files, got {}", server.open_files()?).into());
        }
        sleep(Duration::from_millis(5)).await;
    }
    // It has had the time to notice.
    sleep(Duration::from_millis(200)).await;
    let (used, begun) = (server.processor_time()?, Instant::now());
    sleep(options.hurried(HELD)).await;
    let percent = 100.0 * (server.processor_time()? - used).as_secs_f64() / begun.elapsed().as_secs_f64();
    let mut last = clients.pop().ok_or("no clients")?;
    let released = Instant::now();
    clients.truncate(clients.len() / 2);
    drop(clients);
    opened(&mut last).await?;
    Ok(vec![
        Check::at_most("percent of a processor", percent, PERCENT),
        Check::within("accepts again", released.elapsed(), AGAIN_WITHIN + options.slack),
    ])
}
