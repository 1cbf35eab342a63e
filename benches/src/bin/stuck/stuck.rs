//! A subscriber that takes nothing, until all is over: then it reads what there is, and sees how it was ended.

use std::{
    io,
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use socket2::{Domain, Socket, Type};
use tidewire_bench::upgrade;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::JoinSet,
    time::timeout,
};

use crate::{Failed, World, reader::Sequence};

/// The longest segment, in bytes, which is that of an Ethernet: what the kernel holds for a connection follows from it, and over
/// loopback that would be some MiB.
const SEGMENT_LEN: u32 = 1448;

/// What the kernel takes for us, in bytes.
const RECEIVE_BUFFER_LEN: usize = 16 * 1024;

/// How long a connection may be silent before its end, once it is read: longer than a close takes.
const SILENCE: Duration = Duration::from_secs(8);

/// How the stuck ones were ended.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ends {
    /// Closed with the code that tells of a gap.
    pub(crate) gap: usize,
    /// Closed with another code.
    pub(crate) closed: usize,
    /// Cut off.
    pub(crate) cut_off: usize,
    /// Nothing was missing.
    pub(crate) complete: usize,
    /// Something was missing, and nobody said so.
    pub(crate) silent: usize,
    /// Something was wrong with what came.
    pub(crate) wrong: usize,
    /// Messages that came at last, of all of them.
    pub(crate) received: u64,
}

enum End {
    Closed(u16),
    CutOff,
    Complete,
    Silent,
    Wrong,
}

/// The code that tells of a gap where there is no other place for it.
const GAP: u16 = 4010;

/// Opens one.
pub(crate) fn open(address: SocketAddr, target: &str) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER_LEN)?;
    socket.set_tcp_mss(SEGMENT_LEN)?;
    socket.connect(&address.into())?;
    upgrade(socket.into(), target)
}

/// Reads all of them to their ends.
pub(crate) async fn ends(world: &Arc<World>, sockets: Vec<TcpStream>) -> Result<Ends, Failed> {
    let mut tasks = JoinSet::new();
    for socket in sockets {
        tasks.spawn(read(world.clone(), socket));
    }
    let mut ends = Ends::default();
    while let Some(outcome) = tasks.join_next().await {
        let (end, received) = outcome?;
        ends.received += received;
        match end {
            End::Closed(GAP) => ends.gap += 1,
            End::Closed(_) => ends.closed += 1,
            End::CutOff => ends.cut_off += 1,
            End::Complete => ends.complete += 1,
            End::Silent => ends.silent += 1,
            End::Wrong => ends.wrong += 1,
        }
    }
    Ok(ends)
}

async fn read(world: Arc<World>, socket: TcpStream) -> (End, u64) {
    let mut sequence = Sequence::new();
    let end = follow(&world, socket, &mut sequence).await.unwrap_or(End::Wrong);
    (end, sequence.next)
}

async fn follow(world: &World, socket: TcpStream, sequence: &mut Sequence) -> Result<End, Failed> {
    socket.set_nonblocking(true)?;
    let mut stream = tokio::net::TcpStream::from_std(socket)?;
    let mut buffer = vec![0; 16 * 1024];
    while sequence.next < world.messages {
        match timeout(SILENCE, stream.read(&mut buffer)).await {
            Err(_) => return Ok(End::Silent),
            Ok(Ok(0) | Err(_)) => return Ok(End::CutOff),
            Ok(Ok(len)) => sequence.receive(&mut buffer[..len], |_| {})?,
        }
        if let Some(code) = sequence.closed {
            return Ok(End::Closed(code));
        }
        if !sequence.output.is_empty() && stream.write_all(&sequence.output).await.is_err() {
            return Ok(End::CutOff);
        }
        sequence.output.clear();
    }
    Ok(End::Complete)
}
