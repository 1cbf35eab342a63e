//! The server: a hub, and a session for each connection, as in the example `chat`.

use std::{
    convert::Infallible, future::poll_fn, mem, num::NonZeroUsize, sync::Arc, task::Poll, time::Duration,
};

use tidewire_testkit::splits::Seeded;
use tidewire_tokio::{
    accept::Acceptor,
    drain::{self, Drain},
    hub::{
        self, Budget, ConnectionId, Delivered, Position, PublishOptions, SharedHub, Start, Subscriber,
        TopicName,
    },
    websocket::{self, Message, WebSocket},
};
use tidewire_ws::handshake::{Refusal, Request, Response};
use tokio::time::{sleep, timeout};
use turmoil::net::{TcpListener, TcpStream};

use crate::{
    FAULTS, PORT, TOPICS,
    ledger::{Ledger, Place},
    lifecycle,
};

type Hub = SharedHub<Arc<str>>;

/// Longer than any run.
const FOREVER: Duration = Duration::from_secs(1 << 20);

/// One life of the server: until it crashes, or drains.
pub(crate) async fn serve(mut chance: Seeded, ledger: Arc<Ledger>) -> turmoil::Result {
    ledger.forgotten();
    let mut config = hub::Config::default();
    // Who is away for long misses something.
    config.max_messages_per_topic = 20 + chance.below(200);
    let (hub, drain) = (Hub::with_shards(config, NonZeroUsize::MIN), Drain::with_config(soon()));
    let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
    // One life in three ends by a drain, if there is the time for that.
    let left = FAULTS.saturating_sub(turmoil::sim_elapsed().unwrap_or_default());
    let life = if chance.below(3) == 0 && !left.is_zero() {
        left.min(Duration::from_secs(10 + chance.below(30) as u64))
    } else {
        FOREVER
    };
    // It ends by its time alone.
    let _ = timeout(life, accept(&listener, &hub, &drain, &ledger)).await;
    drop(listener);
    drain.wind_up().await;
    // A moment until its last words are out.
    sleep(Duration::from_millis(200)).await;
    Ok(())
}

fn soon() -> drain::Config {
    let mut config = drain::Config::default();
    config.spread = Duration::from_secs(2);
    config.deadline = Duration::from_secs(10);
    config
}

async fn accept(
    listener: &TcpListener,
    hub: &Hub,
    drain: &Drain,
    ledger: &Arc<Ledger>,
) -> turmoil::Result<Infallible> {
    for number in 1.. {
        let (stream, _) = listener.accept().await?;
        let (hub, ledger, notice) = (hub.clone(), ledger.clone(), drain.notice());
        drain.spawn(async move {
            let acceptor = Acceptor::new(websocket::Config::new(Default::default(), lifecycle()));
            let mut reader = None;
            let opened = acceptor.accept_with(stream, |request| {
                reader = Some(follow(request, number, &hub)?);
                Ok(Response::new())
            });
            if let (Ok(websocket), Some((reader, starts))) = (opened.await, reader) {
                let open = Open::new(ledger);
                let mut session = Session { websocket: websocket.with_notice(notice), reader, hub, open };
                session.begin(starts);
                session.run().await;
            }
        });
    }
    unreachable!("there are more numbers than connections")
}

/// A connection in the ledger.
struct Open(Arc<Ledger>);

impl Open {
    fn new(ledger: Arc<Ledger>) -> Self {
        ledger.opened();
        Self(ledger)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.closed();
    }
}

type Starts = Vec<(TopicName, Position)>;

fn follow(request: &Request<'_>, number: u64, hub: &Hub) -> Result<(Subscriber<Arc<str>>, Starts), Refusal> {
    let mut reader = hub.subscriber(ConnectionId::new(number)).map_err(|_| Refusal::new(503, "full"))?;
    let mut starts = Vec::new();
    let token = request.query().and_then(|query| query.strip_prefix("cursor="));
    for topic in TOPICS {
        let topic = TopicName::new(topic).unwrap();
        let start = Start::resume(token, &topic);
        let position = reader.subscribe(&topic, start).map_err(|_| Refusal::new(503, "full"))?;
        starts.push((topic, position));
    }
    Ok((reader, starts))
}

fn place(position: Position) -> Place {
    (position.epoch.to_string(), position.offset)
}

struct Session {
    websocket: WebSocket<TcpStream>,
    reader: Subscriber<Arc<str>>,
    hub: Hub,
    open: Open,
}

enum Turn {
    Said(Message),
    Heard,
    Left,
}

impl Session {
    /// Who is new has a place to come back to before the first message.
    fn begin(&mut self, starts: Starts) {
        let cursor = self.reader.progress().cursor().encode();
        for (topic, position) in starts {
            let (epoch, offset) = place(position);
            self.send(&format!("at {topic} {epoch} {offset} {cursor}"));
        }
    }

    async fn run(mut self) {
        let mut batch = Vec::new();
        loop {
            let turn = poll_fn(|cx| {
                if let Poll::Ready(message) = self.websocket.poll_message(cx) {
                    return Poll::Ready(message.map_or(Turn::Left, Turn::Said));
                }
                if self.websocket.output_len() == 0 {
                    return self.reader.poll_batch(cx, Budget::default(), &mut batch).map(|_| Turn::Heard);
                }
                Poll::Pending
            });
            match turn.await {
                Turn::Said(message) => self.publish(&message),
                Turn::Heard => {
                    for delivered in mem::take(&mut batch) {
                        self.tell(&delivered);
                    }
                }
                Turn::Left => return,
            }
        }
    }

    fn publish(&self, message: &Message) {
        let (topic, text) = message.as_text().unwrap().split_once(' ').unwrap();
        let name = TopicName::new(topic).unwrap();
        let published = self.hub.publish(&name, text.into(), &PublishOptions::new()).unwrap();
        self.open.0.published(topic, place(published.position()), text);
    }

    fn tell(&mut self, delivered: &Delivered<Arc<str>>) {
        let cursor = self.reader.cursor_after(delivered).encode();
        match delivered {
            Delivered::Message(kept) => {
                let (epoch, offset) = place(kept.position);
                self.send(&format!("line {} {epoch} {offset} {cursor} {}", kept.topic, kept.message));
            }
            Delivered::Gap(gap) => {
                let (epoch, offset) = place(gap.to);
                let (from_epoch, from_offset) = gap.from.map_or(("-".to_owned(), 0), place);
                self.send(&format!("gap {} {from_epoch} {from_offset} {epoch} {offset} {cursor}", gap.topic));
            }
            Delivered::Direct(_) | Delivered::Dismissed(_) => panic!("{delivered:?}"),
        }
    }

    fn send(&mut self, record: &str) {
        // A connection that is closing takes nothing more; the client comes back behind what it has.
        let _ = self.websocket.feed_text(record);
    }
}
