//! S10: peers whose packets are dropped from one moment on: while idle, and with data on its way to them.
//!
//! The kernel drops what comes to a socket of theirs (a filter that takes no packet), so that nothing is acknowledged any
//! more, and they say nothing.

use std::{io, time::Duration};

use futures_util::future::join_all;
use tidewire_bench::Server;
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

use super::gone;
use crate::{
    Failed,
    client::{masked, open, source},
    options::Options,
    report::Check,
};

/// Peers of each kind.
const PEERS: usize = 20;

/// How long each may be there.
const IDLE_WITHIN: Duration = Duration::from_secs(35);
const QUEUED_WITHIN: Duration = Duration::from_secs(15);

/// The messages of who reads no echo.
const LARGE_LEN: usize = 50_000;

/// A server that takes nothing for so long waits for its output to be read.
const FULL: Duration = Duration::from_millis(100);

pub(super) async fn run(server: &Server, options: &Options) -> Result<Vec<Check>, Failed> {
    let mut checks = Vec::new();
    for kind in [Kind::Small, Kind::Large, Kind::Idle] {
        sleep(Duration::from_millis(100)).await;
        let open_files = server.open_files()?;
        let mut peers = Vec::new();
        for number in 0..PEERS {
            peers.push(open(server.address, source(number)).await?);
        }
        if let Kind::Large = kind {
            join_all(peers.iter().map(fill)).await;
        }
        let begun = Instant::now();
        for stream in &mut peers {
            vanish(stream)?;
            if let Kind::Small = kind {
                // What they say last is answered into the void.
                stream.write_all(&masked(2, b"still there?")).await?;
            }
        }
        let within = match kind {
            Kind::Idle => IDLE_WITHIN,
            Kind::Small | Kind::Large => QUEUED_WITHIN,
        };
        let took = gone(server, open_files, begun, within * 2).await?;
        checks.push(Check::within(kind.what(), took, options.at_most(within)));
        drop(peers);
    }
    Ok(checks)
}

/// Says more than it reads the echoes of, until the server takes no more, or has given it up.
async fn fill(stream: &TcpStream) {
    let message = masked(2, &[0; LARGE_LEN]);
    let mut at = 0;
    while let Ok(Ok(())) = timeout(FULL, stream.writable()).await {
        match stream.try_write(&message[at..]) {
            Ok(len) => at = (at + len) % message.len(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}

/// What a peer was doing.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Small,
    Large,
    Idle,
}

impl Kind {
    fn what(self) -> &'static str {
        match self {
            Self::Small => "gone with a little on its way",
            Self::Large => "gone with much on its way",
            Self::Idle => "gone while idle",
        }
    }
}

/// From here on nothing comes to a socket.
#[cfg(target_os = "linux")]
fn vanish(stream: &TcpStream) -> io::Result<()> {
    /// Of a packet zero bytes are taken: `BPF_RET`.
    const TAKE: u16 = 0x06;
    socket2::SockRef::from(stream).attach_filter(&[socket2::SockFilter::new(TAKE, 0, 0, 0)])
}

#[cfg(not(target_os = "linux"))]
fn vanish(_: &TcpStream) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
