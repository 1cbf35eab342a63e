//! S4: upgrades that are refused, in eight ways, with a second request behind each (RFC 9931), and more than anybody reads.

use std::{io, time::Duration};

use tidewire_bench::{Server, upgrade_request};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::sleep,
};

use crate::{
    Failed,
    client::{connect, masked, source, within},
    report::Check,
    server::{FORBIDDEN, SMUGGLED},
};

/// What comes behind: little, and more than a server has read when it answers.
const BEHIND: [usize; 2] = [0, 200_000];

/// The requests, and the status that refuses each.
fn table() -> [(String, u16); 8] {
    let request = upgrade_request("/");
    let with = |field: &str| request.replacen("\r\n\r\n", &format!("\r\n{field}\r\n\r\n"), 1);
    [
        (request.replace("GET", "POST"), 405),
        (request.replace("HTTP/1.1", "HTTP/1.0"), 400),
        (request.replace("Host: localhost\r\n", ""), 400),
        (request.replace("Upgrade: websocket", "Upgrade: h2c"), 426),
        (request.replace("Version: 13", "Version: 8"), 426),
        (request.replace("Sec-WebSocket-Key", "X-Key"), 400),
        (with("Content-Length: 9"), 400),
        (upgrade_request(FORBIDDEN), 403),
    ]
}

pub(super) async fn run(server: &Server) -> Result<Vec<Check>, Failed> {
    let (mut whole, mut number) = (0, 0);
    let mut wrong = Vec::new();
    for flood_len in BEHIND {
        for (request, status) in table() {
            let sent = [
                request.as_bytes(),
                upgrade_request(SMUGGLED).as_bytes(),
                &masked(1, b"Hello"),
                &vec![b'x'; flood_len],
            ]
            .concat();
            let mut stream = connect(server.address, source(number)).await?;
            number += 1;
            let answer = within(async {
                stream.write_all(&sent).await?;
                // A slow reader: a reset would have destroyed the answer by then.
                sleep(Duration::from_millis(20)).await;
                let mut answer = String::new();
                stream.read_to_string(&mut answer).await.map(|_| answer)
            });
            match answer.await.and_then(|answer| judge(&answer, status)) {
                Ok(()) => whole += 1,
                Err(error) => wrong.push(format!("{status} with {flood_len} bytes behind it: {error}")),
            }
        }
    }
    let mut checks = vec![Check::exactly("answers that are whole and alone", whole, number)];
    checks.extend(wrong.into_iter().map(Check::broken));
    Ok(checks)
}

/// One response, all of it, that says the connection is over.
fn judge(answer: &str, status: u16) -> io::Result<()> {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
    let len = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok());
    let is_right = head.starts_with(&format!("HTTP/1.1 {status} "))
        && head.to_ascii_lowercase().contains("\r\nconnection: close")
        && len == Some(body.len())
        && answer.matches("HTTP/1.1 ").count() == 1;
    if is_right { Ok(()) } else { Err(io::Error::other(format!("got {answer:?}"))) }
}
