//! Event streams from axum: `cargo run -p tidewire-tokio --features axum --example axum_sse -- 127.0.0.1:9002`.
//!
//! `GET /ticks` never ends, and resumes: a browser's `EventSource` sends the last ID that it saw when it reconnects, as
//! `curl -N -H 'Last-Event-ID: 7' 127.0.0.1:9002/ticks` does. `GET /tokens` ends, and says so: its last event is `done`,
//! and who reconnects behind that is told by a 204 to stop. `GET /room` is what everybody says there, by `curl -d hello
//! 127.0.0.1:9002/room`: a hub keeps it, and whoever reconnects goes on where it was. Ctrl-C ends all of them.
//!
//! `axum::serve(listener, router)` would do, and cost 19 KiB for each stream that is idle. Served as here it is 1.1 KiB, over
//! HTTP/1.1 alone.

use std::{
    convert::Infallible,
    error::Error,
    future::ready,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::get,
};
use futures_util::{Stream, StreamExt, stream};
use hyper::server::conn::http1;
use hyper_util::service::TowerToHyperService;
use tidewire_sse::{Encoded, Event, InvalidField, content::LAST_EVENT_ID};
use tidewire_tokio::{
    drain::{Drain, ShutdownSignals},
    hub::{Config, ConnectionId, Delivered, PublishOptions, SharedHub, Start, TopicName},
    listener::{Limits, Listener},
    sse::Sse,
    stream_server::{self, StreamServer},
};

/// What the handlers share.
#[derive(Clone)]
struct App {
    drain: Drain,
    /// What is said is shared: a clone of it is a clone of its `Arc`.
    hub: SharedHub<Arc<str>>,
    room: TopicName,
    connections: Arc<AtomicU64>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address: SocketAddr = match std::env::args().nth(1) {
        Some(address) => address.parse()?,
        None => SocketAddr::from(([127, 0, 0, 1], 9002)),
    };
    let drain = Drain::new();
    let app = App {
        drain: drain.clone(),
        hub: SharedHub::new(Config::default()),
        room: TopicName::new("room")?,
        connections: Arc::default(),
    };
    let router = Router::new()
        .route("/ticks", get(ticks))
        .route("/tokens", get(tokens))
        .route("/room", get(listen).post(say))
        .with_state(app);

    let listener = Listener::bind(address, Limits::default())?;
    println!("listening on http://{}", listener.local_addr()?);
    let mut signals = ShutdownSignals::listen()?;
    let server = StreamServer::new(http1::Builder::new(), stream_server::Limits::default());
    loop {
        tokio::select! {
            _ = signals.next() => break,
            (socket, peer, permit) = listener.accept() => {
                let service = TowerToHyperService::new(router.clone());
                let serving = Box::pin(server.serve(socket, service, drain.begun()));
                drain.spawn(async move {
                    if let Err(error) = serving.await {
                        eprintln!("{peer}: {error}");
                    }
                    drop(permit);
                });
            }
        }
    }
    drop(listener);
    drain.wind_up().await;
    Ok(())
}

/// What a client saw last. The header is UTF-8, which `HeaderValue::to_str` does not take.
fn last_event_id(headers: &HeaderMap) -> Option<&str> {
    std::str::from_utf8(headers.get(LAST_EVENT_ID)?.as_bytes()).ok()
}

/// A number every second, from where the client left off.
async fn ticks(
    State(app): State<App>,
    headers: HeaderMap,
) -> Sse<impl Stream<Item = Result<Encoded, InvalidField>>> {
    let seen: u64 = last_event_id(&headers).and_then(|id| id.parse().ok()).unwrap_or(0);
    let ticks = stream::unfold(seen, |seen| async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let tick = seen.saturating_add(1);
        let text = tick.to_string();
        Some((Event::new().id(&text).data(&text).encoded(), tick))
    });
    let beginning = stream::once(ready(Ok(Encoded::retry(Duration::from_secs(3)))));
    Sse::new(beginning.chain(ticks)).drain(&app.drain)
}

/// A model's answer, token by token; when the client goes away the rest is not asked for.
async fn tokens(State(app): State<App>, headers: HeaderMap) -> Response {
    const LAST: &str = "done";
    if last_event_id(&headers) == Some(LAST) {
        // Without this an `EventSource` comes back for ever.
        return StatusCode::NO_CONTENT.into_response();
    }
    let tokens = stream::iter(["Tide", " and", " time", " wait", " for", " none"]).then(|token| async move {
        tokio::time::sleep(Duration::from_millis(200)).await;
        Event::new().event("token").data(token).encoded()
    });
    let done = Event::new().id(LAST).event("done").data("{}").encoded();
    let events = tokens.chain(stream::once(ready(done)));
    // What cannot be encoded is left out here; an error that is handed on ends the response.
    let events = events.filter_map(|event| ready(event.ok())).map(Ok::<_, Infallible>);
    Sse::new(events).drain(&app.drain).into_response()
}

/// What is said, from where the client left off.
async fn listen(State(app): State<App>, headers: HeaderMap) -> Response {
    let connection = ConnectionId::new(app.connections.fetch_add(1, Ordering::Relaxed));
    let Ok(mut reader) = app.hub.subscriber(connection) else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let start = Start::resume(last_event_id(&headers), &app.room);
    if reader.subscribe(&app.room, start).is_err() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    // Whoever is cut off before the first line goes on here.
    let token = reader.cursor().encode();
    let sse = Sse::deliver(reader, |reader, delivered, outbox| {
        let token = reader.cursor_after(delivered).encode();
        let event = Event::new().id(&token);
        let event = match delivered {
            Delivered::Message(kept) => event.data(&kept.message),
            Delivered::Gap(_) => event.event("gap").data("lines are lost"),
            Delivered::Dismissed(_) => event.event("gap").data("too slow: come back"),
            // Nobody is given the address of a connection here.
            Delivered::Direct(_) => return,
        };
        // Nobody is there to be told of an end, and a token is fit for an ID.
        let _ = outbox.feed_event(&event);
    });
    match Event::new().id(&token).encoded() {
        Ok(beginning) => sse.begin_with(beginning).drain(&app.drain).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Says something to all who listen.
async fn say(State(app): State<App>, text: String) -> StatusCode {
    match app.hub.publish(&app.room, text.into(), &PublishOptions::new()) {
        Ok(_) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}
