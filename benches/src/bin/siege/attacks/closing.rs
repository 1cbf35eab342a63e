//! S7: a close frame that is never answered, and one whose answer nobody takes an end from.

use std::time::Duration;

use tidewire_bench::Server;
use tokio::{
    io::AsyncWriteExt,
    time::{Instant, sleep},
};

use super::gone;
use crate::{
    Failed,
    client::{PATIENCE, frame, masked, open, source, within},
    options::Options,
    report::Check,
    server::CLOSE,
};

/// Clients of each kind.
const CLIENTS: usize = 50;

/// How long behind the close frame the connection may be there.
const GONE_WITHIN: Duration = Duration::from_millis(5_500);

pub(super) async fn run(server: &Server, options: &Options) -> Result<Vec<Check>, Failed> {
    let mut checks = Vec::new();
    for kind in [Kind::NeverAnswers, Kind::NeverEnds] {
        // What was closed before takes its time to be gone.
        sleep(Duration::from_millis(50)).await;
        let open_files = server.open_files()?;
        let mut clients = Vec::new();
        for number in 0..CLIENTS {
            clients.push(open(server.address, source(number)).await?);
        }
        let begun = Instant::now();
        for stream in &mut clients {
            match kind {
                Kind::NeverAnswers => {
                    stream.write_all(&masked(2, CLOSE)).await?;
                    let closed = within(frame(stream)).await?;
                    if closed.first != 0x88 {
                        return Err(format!("expected a close frame, got {:#x}", closed.first).into());
                    }
                }
                Kind::NeverEnds => {
                    stream.write_all(&masked(8, &1000u16.to_be_bytes())).await?;
                    let echoed = within(frame(stream)).await?;
                    if (echoed.first, &echoed.payload[..]) != (0x88, &1000u16.to_be_bytes()) {
                        return Err("expected the close frame back".into());
                    }
                }
            }
        }
        let took = gone(server, open_files, begun, PATIENCE).await?;
        checks.push(Check::within(kind.what(), took, options.at_most(GONE_WITHIN)));
        drop(clients);
    }
    Ok(checks)
}

/// What the client does not do.
#[derive(Clone, Copy, Debug)]
enum Kind {
    NeverAnswers,
    NeverEnds,
}

impl Kind {
    fn what(self) -> &'static str {
        match self {
            Self::NeverAnswers => "gone whose close frame is never answered",
            Self::NeverEnds => "gone who has our answer and stays",
        }
    }
}
