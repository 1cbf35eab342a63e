//! `GET /ws` and `GET /ws/{topic}`: what arrives is published, what is published is sent.
//!
//! The request is judged before anything else: the opening handshake, then the parameters, then whether there is
//! room. Only then the 101 goes out and the socket leaves hyper with the bytes that came behind the request.

mod json;
mod raw;
mod session;

use crate::app::App;
use crate::error::{ApiError, Code};
use crate::params::{Params, topic_in_path};
use crate::stream::start_headers;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderValue, header};
use session::{Dialect, Session};
use std::error::Error;
use std::sync::Arc;
use tidewire_tokio::websocket::Config;
use tidewire_ws::handshake;
use tracing::debug;

/// The limits of WebSockets whose messages have at most `max_message_len` bytes; heartbeat, idle rule and closing
/// as the lifecycle's defaults say.
pub(crate) fn config(max_message_len: usize) -> Config {
    let mut messages = tidewire_ws::message::Config::default();
    messages.max_message_len = max_message_len;
    Config::new(messages, tidewire_lifecycle::Config::default())
}

/// Opens a WebSocket.
pub(crate) async fn upgrade(State(app): State<Arc<App>>, mut request: Request) -> Result<Response, ApiError> {
    let upgrade = app.acceptor().upgrade(&mut request).map_err(|refused| in_our_words(refused.refusal()))?;
    let in_path = request.uri().path().strip_prefix("/ws/").map(topic_in_path).transpose()?;
    let params = Params::parse(request.uri().query())?;
    let topics = params.topics(in_path)?;
    let resume = params.resume()?;
    let dialect = params.choice("format", [("raw", Dialect::Raw), ("json", Dialect::Json)])?;
    let exclude_self = params.choice("exclude_self", [("0", ExcludeSelf::No), ("1", ExcludeSelf::Yes)])?;
    let (subscriber, connection) = app.subscriber(&topics, resume.as_ref())?;

    let cursor = subscriber.cursor();
    let bare = handshake::Response::new();
    let (mut response, upgrading) =
        upgrade.respond(bare).map_err(|refused| in_our_words(refused.refusal()))?;
    response.headers_mut().extend(start_headers(&cursor, connection));

    let exclude = match exclude_self {
        ExcludeSelf::No => None,
        ExcludeSelf::Yes => Some(connection),
    };
    let Some(topic) = topics.into_iter().next() else {
        return Err(ApiError::field("topic", "the parameter is missing"));
    };
    let drain = app.drain().clone();
    drain.spawn(async move {
        let socket = match upgrading.websocket_on().await {
            Ok(socket) => socket,
            Err(error) => return debug!(error = &error as &dyn Error, "the upgrade did not come about"),
        };
        let session = Session::new(app, socket, subscriber, topic, exclude);
        session.run(dialect.dialogue(&cursor, connection)).await;
    });
    Ok(response.map(Body::new))
}

/// Whether a connection's own messages come back to it.
#[derive(Clone, Copy)]
enum ExcludeSelf {
    No,
    Yes,
}

/// A refused handshake, in the words of the gateway.
fn in_our_words(refusal: &handshake::Refusal) -> ApiError {
    let (parts, ()) = refusal.to_http(http::Version::HTTP_11).into_parts();
    let mut headers = parts.headers;
    if headers.contains_key(header::UPGRADE) {
        // RFC 9110 §7.8: the option goes with the header.
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade, close"));
    }
    ApiError::new(Code::of_status(parts.status), refusal.detail()).with_headers(headers)
}
