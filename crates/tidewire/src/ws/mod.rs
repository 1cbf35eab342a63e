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
use crate::server::Place;
use crate::stream::start_headers;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderValue, header};
use hyper_util::rt::TokioIo;
use session::{Dialect, Session};
use std::sync::Arc;
use tidewire_tokio::linger::Lingering;
use tidewire_tokio::listener::Stream;
use tidewire_tokio::websocket::{Config, WebSocket};
use tidewire_ws::handshake::http as handshake;
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
    let accepted = handshake::accept(&request, &tidewire_ws::handshake::Config::default())
        .map_err(|refusal| refused(&refusal))?;
    let in_path = request.uri().path().strip_prefix("/ws/").map(topic_in_path).transpose()?;
    let params = Params::parse(request.uri().query())?;
    let topics = params.topics(in_path)?;
    let resume = params.resume()?;
    let dialect = params.choice("format", [("raw", Dialect::Raw), ("json", Dialect::Json)])?;
    let exclude_self = params.choice("exclude_self", [("0", ExcludeSelf::No), ("1", ExcludeSelf::Yes)])?;
    let (subscriber, connection) = app.subscriber(&topics, resume.as_ref())?;

    let cursor = subscriber.cursor();
    let (mut parts, ()) = switching(&accepted)?.into_parts();
    parts.headers.extend(start_headers(&cursor, connection));

    let place = request.extensions().get::<Place>().cloned();
    let upgrading = hyper::upgrade::on(&mut request);
    let exclude = match exclude_self {
        ExcludeSelf::No => None,
        ExcludeSelf::Yes => Some(connection),
    };
    let Some(topic) = topics.into_iter().next() else {
        return Err(ApiError::field("topic", "the parameter is missing"));
    };
    let drain = app.drain().clone();
    drain.spawn(async move {
        let socket = match upgrading.await.map(hyper::upgrade::Upgraded::downcast::<Transport>) {
            Ok(Ok(parts)) => {
                let socket = parts.io.into_inner().into_inner();
                WebSocket::accepted(socket, &parts.read_buf, app.websockets())
            }
            Ok(Err(_)) => return debug!("the transport is not the one that was accepted"),
            Err(error) => return debug!(%error, "the upgrade did not come about"),
        };
        let session = Session::new(app, socket, subscriber, topic, exclude);
        session.run(dialect.dialogue(&cursor, connection)).await;
        drop(place);
    });
    Ok(Response::from_parts(parts, Body::empty()))
}

/// What the server gives to hyper, and gets back.
type Transport = TokioIo<Lingering<Stream>>;

/// Whether a connection's own messages come back to it.
#[derive(Clone, Copy)]
enum ExcludeSelf {
    No,
    Yes,
}

/// The bare 101.
fn switching(accepted: &handshake::Accepted) -> Result<http::Response<()>, ApiError> {
    let bare = tidewire_ws::handshake::Response::new();
    accepted.respond(&bare).map_err(|error| ApiError::new(Code::BadRequest, error.to_string()))
}

/// A refused handshake, in the words of the gateway.
fn refused(refusal: &tidewire_ws::handshake::Refusal) -> ApiError {
    let (parts, ()) = refusal.to_http(http::Version::HTTP_11).into_parts();
    let mut headers = parts.headers;
    if headers.contains_key(header::UPGRADE) {
        // RFC 9110 §7.8: the option goes with the header.
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade, close"));
    }
    ApiError::new(Code::of_status(parts.status), refusal.detail()).with_headers(headers)
}
