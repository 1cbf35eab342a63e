//! Rooms over WebSockets: `cargo run --release -p tidewire-tokio --example chat -- 127.0.0.1:9003`.
//!
//! `ws://127.0.0.1:9003/kitchen` joins a room, with the last twenty lines of it. Each text that a client sends is a
//! line for all of the room; each line comes with a cursor, and who was cut off comes back to `/kitchen?CURSOR` and
//! misses nothing:
//!
//! ```text
//! {"type":"open","name":"guest 7","cursor":C}
//! {"type":"line","text":"guest 7: hello","cursor":C}
//! {"type":"gap","reason":"evicted","cursor":C}       lines are lost: the room had no room for them any more
//! {"type":"error","detail":"…"}                      a line of ours was not taken
//! ```

use std::{
    error::Error,
    future::poll_fn,
    mem,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::Poll,
};

use serde_json::json;
use tidewire_tokio::{
    accept::Acceptor,
    drain::{Drain, ShutdownSignals},
    hub::{Budget, Config, ConnectionId, Delivered, PublishOptions, SharedHub, Start, Subscriber, TopicName},
    listener::{Limits, Listener, Stream},
    server::Server,
    websocket::{Message, WebSocket},
};
use tidewire_ws::{
    frame::CloseCode,
    handshake::{Refusal, Request, Response},
};

/// Lines are shared: a clone of one is a clone of its `Arc`.
type Line = Arc<str>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address: SocketAddr = match std::env::args().nth(1) {
        Some(address) => address.parse()?,
        None => SocketAddr::from(([127, 0, 0, 1], 9003)),
    };
    let listener = Listener::bind(address, Limits::default())?;
    let mut signals = ShutdownSignals::listen()?;
    let (hub, drain) = (SharedHub::new(Config::default()), Drain::new());
    println!("listening on ws://{}", listener.local_addr()?);
    tokio::select! {
        () = serve(listener, hub, &drain) => {}
        _ = signals.next() => {}
    }
    // A second signal does not wait for the guests.
    tokio::select! {
        _ = drain.wound_up() => {}
        _ = signals.next() => {}
    }
    Ok(())
}

/// Serves guests until the drain begins.
pub(crate) async fn serve(listener: Listener, hub: SharedHub<Line>, drain: &Drain) {
    let (guests, rooms) = (AtomicU64::new(1), hub.clone());
    Server::new(Acceptor::default())
        .respond(move |request, _| {
            let guest = guests.fetch_add(1, Ordering::Relaxed);
            Ok((Response::new(), (guest, join(request, guest, &rooms)?)))
        })
        .run(listener, drain, move |websocket, (guest, (room, reader))| {
            let hub = hub.clone();
            Guest { websocket, reader, hub, room, name: format!("guest {guest}") }.chat()
        })
        .await;
}

/// The room that a request asks for, and a place in it. A bad name or a full house is told before the 101, by a status.
fn join(
    request: &Request<'_>,
    guest: u64,
    hub: &SharedHub<Line>,
) -> Result<(TopicName, Subscriber<Line>), Refusal> {
    let room = TopicName::new(request.path().trim_start_matches('/'))
        .map_err(|_| Refusal::new(404, "expected the name of a room as the path"))?;
    let mut reader = hub
        .subscriber(ConnectionId::new(guest))
        .map_err(|_| Refusal::new(503, "as many guests as there may be"))?;
    // A token that cannot be read is told as a gap: nothing is lost in silence.
    let start = match request.query() {
        token @ Some(_) => Start::resume(token, &room),
        None => Start::Last(20),
    };
    reader.subscribe(&room, start).map_err(|_| Refusal::new(503, "as many rooms as there may be"))?;
    Ok((room, reader))
}

struct Guest {
    websocket: WebSocket<Stream>,
    reader: Subscriber<Line>,
    hub: SharedHub<Line>,
    room: TopicName,
    name: String,
}

/// What happened to a guest.
enum Turn {
    Said(Message),
    Heard,
    Left,
}

impl Guest {
    /// Until the guest leaves, or the drain has told it to.
    async fn chat(mut self) {
        let mut batch = Vec::new();
        // Who drops before the first line has a place to come back to.
        let cursor = self.reader.progress().cursor().encode();
        self.send(&json!({ "type": "open", "name": self.name, "cursor": cursor }));
        loop {
            let turn = poll_fn(|cx| {
                // This writes, too: what was fed goes out when the input is drained.
                if let Poll::Ready(message) = self.websocket.poll_message(cx) {
                    return Poll::Ready(message.map_or(Turn::Left, Turn::Said));
                }
                // Nothing is taken from the hub for a socket that is full: a guest who does not read is a cursor
                // that falls behind, and no queue. (So this comes last: what was written above made room, or will
                // wake us.)
                if self.websocket.output_len() == 0 && !self.reader.is_dismissed() {
                    return self.reader.poll_batch(cx, Budget::default(), &mut batch).map(|_| Turn::Heard);
                }
                Poll::Pending
            });
            match turn.await {
                Turn::Said(message) => self.say(message),
                Turn::Heard => {
                    for delivered in mem::take(&mut batch) {
                        self.hear(&delivered);
                    }
                }
                Turn::Left => return,
            }
        }
    }

    fn say(&mut self, message: Message) {
        let published = match message {
            Message::Text(text) => {
                let line = format!("{}: {text}", self.name).into();
                self.hub.publish(&self.room, line, &PublishOptions::new()).map_err(|error| error.to_string())
            }
            Message::Binary(_) => Err("expected text, got bytes".to_owned()),
        };
        if let Err(detail) = published {
            self.send(&json!({ "type": "error", "detail": detail }));
        }
    }

    fn hear(&mut self, delivered: &Delivered<Line>) {
        let cursor = self.reader.cursor_after(delivered).encode();
        match delivered {
            Delivered::Message(kept) => {
                self.send(&json!({ "type": "line", "text": &*kept.message, "cursor": cursor }));
            }
            Delivered::Gap(gap) => {
                self.send(&json!({ "type": "gap", "reason": gap.reason.as_str(), "cursor": cursor }));
            }
            // Neither is asked for here: nobody has a guest's address, and its policy skips what it has no time for.
            Delivered::Direct(_) | Delivered::Dismissed(_) => {
                let _ = self.websocket.start_close(CloseCode::TRY_AGAIN_LATER, "too slow");
            }
        }
    }

    fn send(&mut self, record: &serde_json::Value) {
        // A connection that is closing takes nothing more; the rest of its closing handshake goes on.
        let _ = self.websocket.feed_text(&record.to_string());
    }
}
