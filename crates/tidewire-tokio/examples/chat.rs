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
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use serde_json::json;
use tidewire_tokio::{
    accept::Acceptor,
    drain::{Drain, ShutdownSignals},
    hub::{Config, ConnectionId, Delivered, PublishOptions, Reader, SharedHub, Start, Subscriber, TopicName},
    listener::{Limits, Listener, Stream},
    server::Server,
    websocket::{Message, Outbox, WebSocket, WriteHalf},
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
        _ = drain.wind_up() => {}
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
            chat(websocket, reader, hub.clone(), room, format!("guest {guest}"))
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
    write: WriteHalf<Stream>,
    hub: SharedHub<Line>,
    room: TopicName,
    name: String,
}

/// Until the guest leaves, or the drain has told it to.
async fn chat(
    websocket: WebSocket<Stream>,
    reader: Subscriber<Line>,
    hub: SharedHub<Line>,
    room: TopicName,
    name: String,
) {
    let (mut read, mut write) = websocket.split();
    // Who drops before the first line has a place to come back to.
    let cursor = reader.progress().cursor().encode();
    let _ = write.feed_text(&json!({ "type": "open", "name": name, "cursor": cursor }).to_string());
    // What is said in the room goes from the hub straight to the socket, and nothing is taken from it for one that is full:
    // a guest who does not read is a cursor that falls behind, and no queue.
    let _delivering = write.deliver(reader, hear);
    let mut guest = Guest { write, hub, room, name };
    while let Some(message) = read.next().await {
        guest.say(message);
    }
}

fn hear(reader: &mut Reader<'_, Line>, delivered: &Delivered<Line>, outbox: &mut Outbox<'_, Stream>) {
    let cursor = reader.cursor_after(delivered).encode();
    let record = match delivered {
        Delivered::Message(kept) => json!({ "type": "line", "text": &*kept.message, "cursor": cursor }),
        Delivered::Gap(gap) => json!({ "type": "gap", "reason": gap.reason.as_str(), "cursor": cursor }),
        // Neither is asked for here: nobody has a guest's address, and its policy skips what it has no time for.
        Delivered::Direct(_) | Delivered::Dismissed(_) => {
            let _ = outbox.start_close(CloseCode::TRY_AGAIN_LATER, "too slow");
            return;
        }
    };
    // A connection that is closing takes nothing more; the rest of its closing handshake goes on.
    let _ = outbox.feed_text(&record.to_string());
}

impl Guest {
    fn say(&mut self, message: Message) {
        let published = match message {
            Message::Text(text) => {
                let line = format!("{}: {text}", self.name).into();
                self.hub.publish(&self.room, line, &PublishOptions::new()).map_err(|error| error.to_string())
            }
            Message::Binary(_) => Err("expected text, got bytes".to_owned()),
        };
        if let Err(detail) = published {
            // It goes out when the reading half is asked for the next message.
            let _ = self.write.feed_text(&json!({ "type": "error", "detail": detail }).to_string());
        }
    }
}
