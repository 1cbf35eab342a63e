//! Event streams from axum: `cargo run -p tidewire-tokio --features axum --example axum_sse -- 127.0.0.1:9002`.
//!
//! `GET /ticks` never ends, and resumes: a browser's `EventSource` sends the last ID that it saw when it reconnects, as
//! `curl -N -H 'Last-Event-ID: 7' 127.0.0.1:9002/ticks` does. `GET /tokens` ends, and says so: its last event is `done`,
//! and who reconnects behind that is told by a 204 to stop. Ctrl-C ends both.
//!
//! `axum::serve(listener, router)` would do, and cost 19 KiB for each stream that is idle. Served as here it is 1.1 KiB, over
//! HTTP/1.1 alone.

use std::{convert::Infallible, error::Error, future::ready, net::SocketAddr, time::Duration};

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
    listener::{Limits, Listener},
    sse::Sse,
    stream_server::{self, StreamServer},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address: SocketAddr = match std::env::args().nth(1) {
        Some(address) => address.parse()?,
        None => SocketAddr::from(([127, 0, 0, 1], 9002)),
    };
    let drain = Drain::new();
    let router =
        Router::new().route("/ticks", get(ticks)).route("/tokens", get(tokens)).with_state(drain.clone());

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
    State(drain): State<Drain>,
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
    Sse::new(beginning.chain(ticks)).drain(&drain)
}

/// A model's answer, token by token; when the client goes away the rest is not asked for.
async fn tokens(State(drain): State<Drain>, headers: HeaderMap) -> Response {
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
    Sse::new(events).drain(&drain).into_response()
}
