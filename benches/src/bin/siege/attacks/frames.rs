//! S5: the catalogue of bad frames, on live sockets, with unread input behind each.

use std::{collections::BTreeSet, io, net::SocketAddr, sync::Arc};

use tidewire_bench::{Server, upgrade_request};
use tidewire_testkit::catalogue::{self, Row};
use tidewire_ws::Role;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    sync::Semaphore,
    task::JoinSet,
};

use crate::{
    Failed,
    client::{connect, masked, opened, source, within},
    options::Options,
    report::Check,
};

/// So many at a time.
const AT_A_TIME: usize = 50;

/// What is behind a bad frame, and, one time in so many, more than the server reads at a time.
const BEHIND_LEN: usize = 2_000;
const FLOOD_LEN: usize = 150_000;
const FLOOD_EVERY: usize = 50;

/// What went wrong is told so many times.
const SHOWN: usize = 5;

pub(super) async fn run(server: &Server, options: &Options) -> Result<Vec<Check>, Failed> {
    let rows = rows(options);
    let (count, mut right, mut wrong) = (rows.len(), 0, Vec::new());
    let (turns, mut tasks) = (Arc::new(Semaphore::new(AT_A_TIME)), JoinSet::new());
    let mut codes = BTreeSet::new();
    for (number, row) in rows.into_iter().enumerate() {
        let turn = turns.clone().acquire_owned().await?;
        let address = server.address;
        codes.insert(row.code);
        tasks.spawn(async move {
            let answered = answered(address, number, &row).await;
            drop(turn);
            answered.map_err(|error| format!("{}, {} with {:02x?}: {error}", row.class, row.code, row.stream))
        });
        while let Some(done) = tasks.try_join_next() {
            tally(done?, &mut right, &mut wrong);
        }
    }
    while let Some(done) = tasks.join_next().await {
        tally(done?, &mut right, &mut wrong);
    }
    let mut checks = vec![
        Check::exactly("answered with their codes, and nothing behind", right, count),
        Check::told("codes", codes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")),
    ];
    checks.extend(wrong.into_iter().take(SHOWN).map(Check::broken));
    Ok(checks)
}

fn tally(done: Result<(), String>, right: &mut usize, wrong: &mut Vec<String>) {
    match done {
        Ok(()) => *right += 1,
        Err(error) => wrong.push(error),
    }
}

/// Those for servers: all, or a share in which each kind is.
fn rows(options: &Options) -> Vec<Row> {
    let (mut kinds, every) = (BTreeSet::new(), (100 / options.scale as usize).max(1));
    let for_servers = catalogue::all().into_iter().filter(|row| row.role == Role::Server);
    for_servers
        .enumerate()
        .filter(|(number, row)| kinds.insert((row.class, row.code)) || number % every == 0)
        .map(|(_, row)| row)
        .collect()
}

/// One bad input: the echoes of what was good, the close frame, and the end.
async fn answered(address: SocketAddr, number: usize, row: &Row) -> io::Result<()> {
    let mut stream = connect(address, source(number % 20_000)).await?;
    let request = upgrade_request("/");
    let request = match row.agreement {
        Some(_) => {
            request.replacen("\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n", 1)
        }
        None => request,
    };
    stream.write_all(request.as_bytes()).await?;
    opened(&mut stream).await?;
    let behind_len = if number % FLOOD_EVERY == 0 { FLOOD_LEN } else { BEHIND_LEN };
    let behind = masked(2, &[b'x'; 100]).repeat(behind_len / 106);
    let (mut from, mut to) = stream.split();
    let (written, read) = tokio::join!(
        within(async { to.write_all(&[&row.stream[..], &behind].concat()).await }),
        within(async { closed(&mut from, row).await })
    );
    read?;
    written
}

/// What came is echoes of what was good, and then the close frame; and then the end, which is no reset.
async fn closed(stream: &mut (impl AsyncRead + Unpin), row: &Row) -> io::Result<()> {
    let mut came = Vec::new();
    stream.read_to_end(&mut came).await?;
    let (mut rest, mut echoes) = (&came[..], 0);
    while let [0x81 | 0x82, len, after @ ..] = rest {
        echoes += 1;
        rest = after.get(usize::from(*len)..).unwrap_or_default();
    }
    let [high, low] = row.code.to_be_bytes();
    if echoes <= row.events_before && rest == [0x88, 2, high, low] {
        Ok(())
    } else {
        Err(io::Error::other(format!("got {came:02x?}")))
    }
}
