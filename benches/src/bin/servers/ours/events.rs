//! Event streams by axum's handlers, on our own server, on hyper's or on axum's, from a topic of a shared hub whose messages
//! are events that are encoded once.

use std::{
    hash::Hasher,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tidewire_sse::{Encoded, Event};
use tidewire_tokio::{
    drain::Drain,
    hub::{Config, ConnectionId, Delivered, PublishOptions, SharedHub, Start, TopicName},
    sse::Sse,
    stream_server::{self, StreamServer},
};

use super::listen;
use crate::Failed;

/// An event as it goes to everyone.
#[derive(Clone)]
struct Shared(Encoded);

impl tidewire_hub::Message for Shared {
    fn len_bytes(&self) -> usize {
        self.0.as_bytes().len()
    }

    fn hash_body(&self, hasher: &mut dyn Hasher) {
        hasher.write(self.0.as_bytes());
    }
}

#[derive(Clone)]
struct App {
    hub: SharedHub<Shared>,
    topic: TopicName,
    connections: Arc<AtomicU64>,
}

fn router() -> Result<Router, Failed> {
    let hub = SharedHub::new(Config::default());
    let app = App { hub, topic: TopicName::new("room")?, connections: Arc::default() };
    Ok(Router::new().route("/", get(follow).post(publish)).with_state(app))
}

/// On a server whose streams keep no buffer.
pub(super) async fn serve() -> Result<(), Failed> {
    let (router, listener, drain) = (router()?, listen()?, Drain::new());
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new());
    let server = StreamServer::new(http, stream_server::Limits::default());
    loop {
        let (socket, _, permit) = listener.accept().await;
        let service = TowerToHyperService::new(router.clone());
        let serving = Box::pin(server.serve(socket, service, drain.begun()));
        drain.spawn(async move {
            drop(serving.await);
            drop(permit);
        });
    }
}

/// On axum's own.
pub(super) async fn serve_by_axum() -> Result<(), Failed> {
    let listener =
        axum::serve::ListenerExt::tap_io(crate::listen().await?, |stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, router()?).await?;
    Ok(())
}

/// On hyper's own.
pub(super) async fn serve_by_hyper() -> Result<(), Failed> {
    let (router, listener) = (router()?, crate::listen().await?);
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new());
        let service = TowerToHyperService::new(router.clone());
        tokio::spawn(http.serve_connection(TokioIo::new(socket), service));
    }
}

async fn follow(State(app): State<App>) -> Response {
    let connection = ConnectionId::new(app.connections.fetch_add(1, Ordering::Relaxed) + 1);
    let Ok(mut reader) = app.hub.subscriber(connection) else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    if reader.subscribe(&app.topic, Start::Live).is_err() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    Sse::deliver(reader, |_, delivered, outbox| match delivered {
        // Where the stream has ended there is nobody to tell.
        Delivered::Message(kept) => drop(outbox.feed(&kept.message.0)),
        Delivered::Direct(_) | Delivered::Gap(_) | Delivered::Dismissed(_) => {}
    })
    .into_response()
}

async fn publish(State(app): State<App>, body: String) -> StatusCode {
    for line in body.split('\n') {
        let Ok(event) = Event::new().data(line).encoded() else { return StatusCode::BAD_REQUEST };
        if app.hub.publish(&app.topic, Shared(event), &PublishOptions::new()).is_err() {
            return StatusCode::SERVICE_UNAVAILABLE;
        }
    }
    StatusCode::NO_CONTENT
}
