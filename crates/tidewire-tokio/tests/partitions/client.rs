//! A client: it says something now and then, hears everything, and comes back behind what it has heard.

use std::{io, sync::Arc, time::Duration};

use tidewire_lifecycle::reconnect;
use tidewire_testkit::splits::Seeded;
use tidewire_tokio::{
    connect::{ConnectError, Connector, Request},
    reconnect::{Preparing, ReconnectingWebSocket, Resume},
    websocket::{self, Message},
};
use tokio::time::{Instant, sleep_until};
use turmoil::net::TcpStream;

use crate::{PORT, TOPICS, ledger::Ledger, lifecycle};

pub(crate) fn name(number: usize) -> String {
    format!("client-{number}")
}

/// What it would keep on disk is in the ledger: it survives a crash.
#[derive(Debug)]
struct Behind {
    client: usize,
    ledger: Arc<Ledger>,
}

impl Resume for Behind {
    fn request(&mut self, request: Request) -> Preparing {
        let request = match self.ledger.cursor(self.client) {
            Some(cursor) => request.query("cursor", &cursor),
            None => request,
        };
        Box::pin(async { Ok(request) })
    }

    fn received(&mut self, message: &Message) {
        let words: Vec<&str> = message.as_text().unwrap().split(' ').collect();
        let place = |epoch: &str, offset: &str| (epoch.to_owned(), offset.parse().unwrap());
        match words[..] {
            ["at", topic, epoch, offset, cursor] => {
                self.ledger.starts(self.client, topic, place(epoch, offset), cursor);
            }
            ["line", topic, epoch, offset, cursor, text] => {
                self.ledger.heard(self.client, topic, place(epoch, offset), text, cursor);
            }
            ["gap", topic, from_epoch, from_offset, epoch, offset, cursor] => {
                let from = (from_epoch != "-").then(|| place(from_epoch, from_offset));
                self.ledger.missed(self.client, topic, from, place(epoch, offset), cursor);
            }
            _ => panic!("{message:?}"),
        }
    }
}

pub(crate) async fn live(number: usize, mut chance: Seeded, ledger: Arc<Ledger>) -> turmoil::Result {
    let mut schedule = reconnect::Config::default();
    schedule.max_delay = Duration::from_secs(4);
    let connector = Arc::new(Connector::new(websocket::Config::new(Default::default(), lifecycle())));
    let mut client = ReconnectingWebSocket::builder("ws://server/")
        .connect_by(move |request| {
            let connector = connector.clone();
            async move {
                let connecting = TcpStream::connect(("server", PORT));
                let stream = tokio::time::timeout(Duration::from_secs(5), connecting).await;
                let stream =
                    stream.map_err(|_| io::Error::from(io::ErrorKind::TimedOut)).and_then(|done| done);
                connector.connect_over(stream.map_err(ConnectError::Io)?, request).await
            }
        })
        .schedule(schedule)
        .entropy(chance.next_u64())
        .resume(Behind { client: number, ledger: ledger.clone() })
        .connect()?;
    let (mut due, mut said, life) = (Instant::now(), 0, chance.below(1 << 30));
    loop {
        tokio::select! {
            // What it is is judged where it arrives.
            came = client.next() => {
                came.ok_or("the client ended")??;
            }
            () = sleep_until(due) => {
                due += Duration::from_millis(50 + chance.below(700) as u64);
                let topic = TOPICS[chance.below(TOPICS.len())];
                // Without a connection it is lost, as it would be on its way.
                if !ledger.is_peace() && client.feed_text(&format!("{topic} {number}/{life}/{said}")).is_ok() {
                    said += 1;
                }
            }
        }
    }
}
