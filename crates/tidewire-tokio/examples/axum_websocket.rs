//! WebSockets from axum: `cargo run -p tidewire-tokio --features axum,deflate --example axum_websocket -- 127.0.0.1:9005`.
//!
//! `/rooms/{name}` passes on what its visitors say, compressed for those who offer it; `/count` says how many there are, to
//! those who speak `count.v1`. Both answer HTTP/1.1 and HTTP/2. A room that there is not is refused with a 404. Ctrl-C tells
//! every visitor to go (1001), and waits for them.

use std::{error::Error, net::SocketAddr, sync::Arc};

use axum::{
    Extension, Router,
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::any,
};
use tidewire_tokio::{
    accept::Acceptor,
    drain::{Drain, ShutdownSignals},
    listener::{Limits, Listener},
    upgrade::{Upgraded, WebSocketUpgrade},
    websocket::{Config, Message, WebSocket},
};
use tidewire_ws::{deflate::Pool, frame::CloseCode, handshake::Refusal, message};
use tokio::sync::broadcast::{self, error::RecvError};

/// What a room holds for visitors who are slow; beyond that they miss something. `examples/chat.rs` keeps what was said.
const ROOM_LEN: usize = 256;

/// What all connections share.
#[derive(Clone)]
struct App {
    kitchen: broadcast::Sender<Arc<str>>,
    drain: Drain,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address: SocketAddr = match std::env::args().nth(1) {
        Some(address) => address.parse()?,
        None => SocketAddr::from(([127, 0, 0, 1], 9005)),
    };
    let mut messages = message::Config::default();
    messages.max_message_len = 64 * 1024;
    // The settings of all WebSockets, whoever upgrades them.
    let mut acceptor = Acceptor::new(Config::new(messages, Default::default()));
    acceptor.deflate = Some(Pool::default());
    let drain = Drain::new();
    let app = App { kitchen: broadcast::Sender::new(ROOM_LEN), drain: drain.clone() };
    // `any`, for HTTP/1.1 asks with GET and HTTP/2 with CONNECT.
    let router = Router::new().route("/rooms/{name}", any(room)).route("/count", any(count));
    let router = router.layer(Extension(acceptor)).with_state(app);

    // Its limits hold for whatever axum serves: connections in total, and from one address.
    let listener = Listener::bind(address, Limits::default())?;
    println!("listening on ws://{}", listener.local_addr()?);
    let mut signals = ShutdownSignals::listen()?;
    let begin = drain.clone();
    let shutdown = async move {
        signals.next().await;
        begin.begin();
    };
    axum::serve(listener, router).with_graceful_shutdown(shutdown).await?;
    // axum does not wait for the connections that it has handed out.
    drain.wind_up().await;
    Ok(())
}

async fn room(State(app): State<App>, Path(name): Path<String>, upgrade: WebSocketUpgrade) -> Response {
    if name != "kitchen" {
        return upgrade.refuse(Refusal::new(404, "there is no such room")).into_response();
    }
    let drain = app.drain.clone();
    upgrade
        .on_failed(|error| eprintln!("no visitor: {error}"))
        .on_upgrade(&drain, |websocket| visit(websocket, app))
}

/// What a visitor says goes to everybody, and what is said to the visitor, until the visitor goes, or the drain says so.
async fn visit(mut websocket: WebSocket<Upgraded>, app: App) {
    let mut said = app.kitchen.subscribe();
    loop {
        tokio::select! {
            message = websocket.next() => match message {
                // Somebody listens: this visitor does.
                Some(Message::Text(text)) => drop(app.kitchen.send(text.into())),
                // The rest of the closing handshake comes from `next`, and a close that is under way goes on.
                Some(Message::Binary(_)) => drop(websocket.start_close(CloseCode::UNSUPPORTED_DATA, "text only")),
                None => return,
            },
            heard = said.recv() => {
                let text: &str = match &heard {
                    Ok(text) => text,
                    Err(RecvError::Lagged(_)) => "(you missed something)",
                    Err(RecvError::Closed) => return,
                };
                // The room waits for a visitor who is slow, as far as it holds; what is fed would wait without a limit.
                // Behind a close nothing goes.
                let _ = websocket.send(text).await;
            }
        }
    }
}

/// Tells how many visitors there are, each time that it is asked.
async fn count(State(app): State<App>, upgrade: WebSocketUpgrade) -> Response {
    let upgrade = upgrade.choose_subprotocol(["count.v1"]);
    if upgrade.subprotocol().is_none() {
        return upgrade.refuse(Refusal::new(400, "expected the subprotocol count.v1")).into_response();
    }
    upgrade.on_upgrade(&app.drain, |mut websocket| async move {
        while websocket.next().await.is_some() {
            let _ = websocket.feed_text(&app.kitchen.receiver_count().to_string());
        }
    })
}
