//! axum: its `ws` in one loop, and split for fan-out as its example `chat` has it; its `Sse` over a `broadcast`.

use std::convert::Infallible;

use axum::{
    Router,
    extract::{
        State,
        ws::{Message, WebSocket, WebSocketUpgrade},
    },
    http::StatusCode,
    response::{
        Response,
        sse::{Event, KeepAlive, Sse},
    },
    routing::{any, get},
};
use futures_util::{SinkExt, Stream, StreamExt, stream};
use tokio::sync::broadcast;

use super::BROADCAST_LEN;
use crate::{Failed, Work, listen, unknown};

pub(super) async fn serve(work: Work) -> Result<(), Failed> {
    let router = match work {
        Work::Echo => Router::new().route("/", any(upgrade_to_echo)),
        Work::Fanout => Router::new()
            .route("/", any(upgrade_to_fan_out))
            .with_state(broadcast::channel::<Message>(BROADCAST_LEN).0),
        Work::Events => Router::new()
            .route("/", get(follow).post(publish))
            .with_state(broadcast::channel::<String>(BROADCAST_LEN).0),
        Work::Deflate => return Err(unknown(work)),
    };
    let listener = axum::serve::ListenerExt::tap_io(listen().await?, |stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, router).await?;
    Ok(())
}

async fn upgrade_to_echo(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(echo)
}

async fn echo(mut websocket: WebSocket) {
    while let Some(Ok(message)) = websocket.recv().await {
        if matches!(message, Message::Text(_) | Message::Binary(_)) && websocket.send(message).await.is_err()
        {
            return;
        }
    }
}

async fn upgrade_to_fan_out(
    upgrade: WebSocketUpgrade,
    State(room): State<broadcast::Sender<Message>>,
) -> Response {
    upgrade.on_upgrade(|websocket| fan_out(websocket, room))
}

async fn fan_out(websocket: WebSocket, room: broadcast::Sender<Message>) {
    let (mut going, mut coming) = websocket.split();
    let mut heard = room.subscribe();
    let mut hear = tokio::spawn(async move {
        while let Ok(message) = heard.recv().await {
            if going.send(message).await.is_err() {
                return;
            }
        }
    });
    let mut publish = tokio::spawn(async move {
        while let Some(Ok(message)) = coming.next().await {
            if matches!(message, Message::Binary(_)) {
                drop(room.send(message));
            }
        }
    });
    tokio::select! {
        _ = &mut hear => publish.abort(),
        _ = &mut publish => hear.abort(),
    }
}

async fn follow(
    State(room): State<broadcast::Sender<String>>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let events = stream::unfold(room.subscribe(), |mut heard| async {
        let text = heard.recv().await.ok()?;
        Some((Ok(Event::default().data(text)), heard))
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}

async fn publish(State(room): State<broadcast::Sender<String>>, body: String) -> StatusCode {
    body.split('\n').for_each(|line| drop(room.send(line.to_owned())));
    StatusCode::NO_CONTENT
}
