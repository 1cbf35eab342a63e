//! What all requests share, and which path leads where.

use crate::error::{ApiError, Code};
use crate::message::{Message, Payload};
use crate::ndjson::Ndjson;
use crate::params::{MAX_TOPICS, Resume};
use crate::sse::Sse;
use crate::{page, poll, publish, stream, topics, ws};
use axum::extract::{Request, State};
use axum::handler::Handler;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};
use axum::{Router, response::IntoResponse};
use http::{HeaderValue, StatusCode, header};
use hyper::upgrade::OnUpgrade;
use std::sync::Arc;
use tidewire_hub::{ConnectionId, Position, PublishError, PublishOptions, TopicName};
use tidewire_tokio::accept::Acceptor;
use tidewire_tokio::clock::{self, Clock};
use tidewire_tokio::drain::Drain;
use tidewire_tokio::hub::SharedHub;
use tidewire_tokio::upgrade::close_refused;

/// A subscriber of our messages.
pub(crate) type Subscriber = tidewire_tokio::hub::Subscriber<Arc<Message>>;

/// What a subscriber is handed.
pub(crate) type Delivered = tidewire_tokio::hub::Delivered<Arc<Message>>;

/// The bytes that a topic keeps, unless the longest message asks for more. They count a message with all its wire
/// forms, so ten thousand small ones fit.
const MAX_BYTES_PER_TOPIC: usize = 8 * 1024 * 1024;

/// The bytes that all topics keep, unless the longest message asks for more.
const MAX_BYTES: usize = 256 * 1024 * 1024;

/// A message with its wire forms takes at most so many times its own length, and [`FORMS_BYTES`] more: a control
/// character is six in JSON, a line feed seven in SSE.
const FORMS_FACTOR: usize = 12;

/// What the names around a message's content may take in its forms.
const FORMS_BYTES: usize = 16 * 1024;

/// What all requests share.
#[derive(Debug)]
pub(crate) struct App {
    hub: SharedHub<Arc<Message>>,
    drain: Drain,
    clock: Clock,
    max_message_len: usize,
    streams: Arc<tidewire_lifecycle::Config>,
    acceptor: Acceptor,
}

impl App {
    /// An empty hub under these limits; `history` counts messages of a topic.
    pub(crate) fn new(max_message_len: usize, history: usize) -> Self {
        let largest = max_message_len * FORMS_FACTOR + FORMS_BYTES;
        let mut config = tidewire_hub::Config::default();
        config.max_topics_per_subscriber = MAX_TOPICS;
        config.max_messages_per_topic = history;
        config.max_bytes_per_topic = MAX_BYTES_PER_TOPIC.max(largest);
        config.max_bytes = MAX_BYTES.max(largest);
        Self {
            hub: SharedHub::new(config),
            drain: Drain::new(),
            clock: Clock::start(),
            max_message_len,
            streams: Arc::new(tidewire_lifecycle::Config::event_stream()),
            acceptor: Acceptor::new(ws::config(max_message_len)),
        }
    }

    /// The hub.
    pub(crate) fn hub(&self) -> &SharedHub<Arc<Message>> {
        &self.hub
    }

    /// The server's end.
    pub(crate) fn drain(&self) -> &Drain {
        &self.drain
    }

    /// The clock of all connections.
    pub(crate) fn clock(&self) -> Clock {
        self.clock
    }

    /// The longest message, in bytes.
    pub(crate) fn max_message_len(&self) -> usize {
        self.max_message_len
    }

    /// The timers of SSE and NDJSON streams.
    pub(crate) fn streams(&self) -> &Arc<tidewire_lifecycle::Config> {
        &self.streams
    }

    /// How WebSockets are opened, and their limits.
    pub(crate) fn acceptor(&self) -> &Acceptor {
        &self.acceptor
    }

    /// Publishes, stamped with the time of day.
    pub(crate) fn publish(
        &self,
        topic: &TopicName,
        payload: Payload<'_>,
        event: Option<&str>,
        exclude: Option<ConnectionId>,
    ) -> Result<Position, ApiError> {
        let message = Arc::new(Message::new(topic, payload, event, clock::unix_millis()));
        let mut options = PublishOptions::new();
        if let Some(connection) = exclude {
            options = options.exclude(connection);
        }
        let published = self.hub.publish(topic, message, &options).map_err(|error| {
            // Whatever is not the message's fault is ours.
            let code = if error == PublishError::TooLarge {
                Code::PayloadTooLarge
            } else {
                Code::ServiceUnavailable
            };
            ApiError::new(code, error.to_string())
        })?;
        Ok(published.position())
    }

    /// A subscriber of these topics, with the id that it is excluded by.
    pub(crate) fn subscriber(
        &self,
        topics: &[TopicName],
        resume: Option<&Resume>,
    ) -> Result<(Subscriber, ConnectionId), ApiError> {
        let full = |error: &dyn std::error::Error| ApiError::new(Code::ServiceUnavailable, error.to_string());
        let connection = ConnectionId::new(rand::random());
        let mut subscriber = self.hub.subscriber(connection).map_err(|error| full(&error))?;
        for topic in topics {
            subscriber.subscribe(topic, Resume::start(resume, topic)).map_err(|error| full(&error))?;
        }
        Ok((subscriber, connection))
    }
}

/// All paths.
pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(page::page).fallback(refuse_method::<GetOrHead>))
        .route("/ws", only_get(ws::upgrade))
        .route("/ws/{topic}", only_get(ws::upgrade))
        .route("/sse", only_get(stream::open::<Sse>))
        .route("/ndjson", only_get(stream::open::<Ndjson>))
        .route("/poll", only_get(poll::poll))
        .route("/publish", post(publish::publish).fallback(refuse_method::<Post>))
        .route("/topics", get(topics::topics).fallback(refuse_method::<GetOrHead>))
        .route("/healthz", get(topics::healthz).fallback(refuse_method::<GetOrHead>))
        .fallback(not_found)
        .layer(middleware::from_fn_with_state(app.clone(), close_after_refused_upgrade))
        .with_state(app)
}

/// A path that takes GET. HEAD, which elsewhere is a GET whose body stays behind, would open a stream for nobody.
fn only_get<H, T>(handler: H) -> MethodRouter<Arc<App>>
where
    H: Handler<T, Arc<App>>,
    T: 'static,
{
    get(handler).head(refuse_method::<Get>).fallback(refuse_method::<Get>)
}

/// The methods of a path, as `Allow` lists them.
trait Methods {
    const ALLOW: &'static str;
}

struct Get;

impl Methods for Get {
    const ALLOW: &'static str = "GET";
}

struct GetOrHead;

impl Methods for GetOrHead {
    const ALLOW: &'static str = "GET, HEAD";
}

struct Post;

impl Methods for Post {
    const ALLOW: &'static str = "POST";
}

async fn refuse_method<M: Methods>() -> ApiError {
    ApiError::method_not_allowed(M::ALLOW)
}

async fn not_found() -> ApiError {
    ApiError::new(Code::NotFound, "no such path")
}

/// After an upgrade that was not made nobody knows in which protocol the next bytes are: nothing that follows is
/// read as a request. Of such a connection hyper lets go without closing it, so the answer is seen read here.
async fn close_after_refused_upgrade(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let upgrade = request.headers().contains_key(header::UPGRADE);
    let pending = request.extensions().get::<OnUpgrade>().cloned();
    let mut response = next.run(request).await.into_response();
    if upgrade && response.status() != StatusCode::SWITCHING_PROTOCOLS {
        let close = HeaderValue::from_static("close");
        response.headers_mut().entry(header::CONNECTION).or_insert(close);
        if let Some(pending) = pending {
            app.drain().spawn(close_refused(pending, app.acceptor().websocket.lifecycle.clone()));
        }
    }
    response
}
