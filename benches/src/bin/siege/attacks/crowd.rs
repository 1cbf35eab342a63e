//! S2: one address opens as many connections as it may, and ten more.

use std::time::Duration;

use tidewire_bench::Server;
use tidewire_tokio::listener::Limits;
use tokio::time::{Instant, sleep};

use crate::{
    Failed,
    client::{PATIENCE, open},
    options::Options,
    report::Check,
};

/// Whose address it is, and whose is another.
const CROWD: [u8; 4] = [127, 0, 0, 2];
const OTHER: [u8; 4] = [127, 0, 0, 3];

/// So many more than there may be.
const MORE: usize = 10;

pub(super) async fn run(server: &Server, options: &Options) -> Result<Vec<Check>, Failed> {
    let cap = Limits::default().max_connections_per_address;
    let mut taken = Vec::new();
    let mut refused = 0;
    for number in 0..cap + MORE {
        match open(server.address, CROWD).await {
            Ok(stream) => taken.push(stream),
            Err(_) if number >= cap => refused += 1,
            Err(error) => return Err(format!("connection {number}: {error}").into()),
        }
    }
    let mut checks = vec![Check::exactly("refused beyond the cap", refused, MORE)];
    // Meanwhile others come and go.
    let mut others = 0;
    for _ in 0..MORE {
        others += usize::from(open(server.address, OTHER).await.is_ok());
    }
    checks.push(Check::exactly("others that are served", others, MORE));
    sleep(options.hurried(Duration::from_secs(5))).await;
    // A place that is given back is there again.
    drop(taken.pop());
    let left = Instant::now();
    while open(server.address, CROWD).await.is_err() {
        if left.elapsed() > PATIENCE {
            return Err("a place that was given back is not there again".into());
        }
        sleep(Duration::from_millis(10)).await;
    }
    checks.push(Check::told("a place is there again after", format!("{} ms", left.elapsed().as_millis())));
    Ok(checks)
}
