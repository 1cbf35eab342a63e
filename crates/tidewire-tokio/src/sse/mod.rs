//! Event streams as HTTP responses: the headers, the events, a keep-alive in silence (WHATWG HTML §9.2.5, §9.2.7).
//!
//! ```
//! use futures_util::{Stream, StreamExt, stream};
//! use tidewire_sse::{Encoded, Event, InvalidField};
//! use tidewire_tokio::sse::Sse;
//!
//! /// With the feature `axum` this is a handler.
//! async fn tokens() -> Sse<impl Stream<Item = Result<Encoded, InvalidField>>> {
//!     let tokens = stream::iter(["Hel", "lo"]).map(|token| Event::new().event("token").data(token).encoded());
//!     let done = stream::once(async { Event::new().event("done").data("{}").encoded() });
//!     Sse::new(tokens.chain(done))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let response = tokens().await.into_http();
//! assert_eq!(response.headers()["content-type"], "text/event-stream");
//! # use http_body_util::BodyExt;
//! let body = response.into_body().collect().await.unwrap().to_bytes();
//! assert_eq!(body, "event: token\ndata: Hel\n\nevent: token\ndata: lo\n\nevent: done\ndata: {}\n\n");
//! # }
//! ```
//!
//! What a hub's reader is handed becomes events by a hand, on the same terms, for very many clients ([`Sse::deliver`]):
//!
//! ```
//! # use tidewire_tokio::{hub::{ConnectionId, Delivered, SharedHub, Start, TopicName}, sse::Sse};
//! use futures_util::Stream;
//! use std::{convert::Infallible, error::Error, sync::Arc};
//! use tidewire_sse::{Encoded, Event};
//!
//! fn follow(
//!     hub: &SharedHub<Arc<str>>,
//!     room: &TopicName,
//!     last_event_id: Option<&str>,
//! ) -> Result<Sse<impl Stream<Item = Result<Encoded, Infallible>> + use<>>, Box<dyn Error>> {
//!     let mut reader = hub.subscriber(ConnectionId::new(1))?;
//!     reader.subscribe(room, Start::resume(last_event_id, room))?;
//!     Ok(Sse::deliver(reader, |reader, delivered, outbox| {
//!         let token = reader.cursor_after(delivered).encode();
//!         let event = Event::new().id(&token);
//!         // What an outbox refuses is for a stream that has ended, or would inject.
//!         let _ = match delivered {
//!             Delivered::Message(kept) => outbox.feed_event(&event.data(&kept.message)),
//!             Delivered::Direct(message) => outbox.feed_event(&event.event("direct").data(message)),
//!             Delivered::Gap(_) => outbox.feed_event(&event.event("gap").data("")),
//!             Delivered::Dismissed(_) => outbox.feed_event(&event.event("too-slow").data("")),
//!         };
//!     }))
//! }
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn Error>> {
//! # use {http_body_util::BodyExt, tidewire_tokio::hub::{Config, PublishOptions}};
//! # let (hub, room) = (SharedHub::new(Config::default()), TopicName::new("room")?);
//! # let mut body = Box::pin(follow(&hub, &room, None)?.into_http().into_body());
//! # hub.publish(&room, "hello".into(), &PublishOptions::new())?;
//! # let frame = body.frame().await.unwrap()?.into_data().unwrap();
//! # assert!(frame.starts_with(b"id: ") && frame.ends_with(b"\ndata: hello\n\n"));
//! # Ok(()) }
//! ```
//!
//! An event that would inject is refused where it is [encoded](tidewire_sse::Event::encoded), by its producer, who may
//! leave it out or send another. An error that the stream hands on ends the body with it: the connection breaks off, and
//! the client comes back.
//!
//! A client that goes away drops the body, and with it the stream: what it waits for is cancelled. A client that does not
//! read is not polled for, and neither is the stream. A server that shuts down gracefully waits for its responses, and an
//! event stream may have no end: [`Sse::drain`] gives it one, each in its turn, so that not all clients come back at once.

mod body;
mod deliver;
mod outbox;
#[cfg(feature = "hyper")]
mod outlet;
mod timing;

use std::{sync::Arc, time::Duration};

#[cfg(feature = "axum")]
use futures_core::Stream;
use http::{HeaderValue, Response};
use tidewire_lifecycle::Config;
use tidewire_sse::content::HEADERS;
pub use tidewire_sse::{Encoded, Event, InvalidField};

pub use self::{body::Body, deliver::Deliveries, outbox::Outbox};
pub use tidewire_connection::event_stream::SendError;

use self::timing::Timing;
#[cfg(feature = "hyper")]
pub(crate) use self::{
    outlet::{Delivering, Source},
    timing::hear_of_drain,
};
use crate::drain::Drain;

/// A response of status 200 whose body is a stream of events.
///
/// It sends what the stream gives and nothing before that: for a reconnection time, or a last event ID before the first
/// event, begin with [`Encoded::retry`] and an event without data.
#[derive(Clone, Debug)]
#[must_use]
pub struct Sse<S> {
    events: S,
    timing: Timing,
    /// Of deliveries.
    #[cfg(feature = "hyper")]
    source: Option<Source>,
}

/// Among the extensions of a response: its events can be had without its body.
#[cfg(feature = "hyper")]
#[derive(Clone, Debug)]
pub(crate) struct Live {
    pub(crate) source: Source,
    pub(crate) timing: Timing,
}

impl<S> Sse<S> {
    /// These events, and a comment after 15 s of silence: [`Config::event_stream`].
    pub fn new(events: S) -> Self {
        Self {
            events,
            timing: Timing::new(),
            #[cfg(feature = "hyper")]
            source: None,
        }
    }

    /// A comment after so much silence, whatever the `heartbeat` of [`lifecycle`](Self::lifecycle): less than what any
    /// proxy on the way allows a connection to be silent.
    pub fn keep_alive(mut self, interval: Duration) -> Self {
        self.timing.keep_alive = Some(interval);
        self
    }

    /// Other limits of time: `heartbeat` is how often a comment breaks the silence; with none, the body ends when
    /// `idle_timeout` has passed without an event. `max_age` ends it, though events never pause. The others are of the
    /// connection, not of its body.
    pub fn lifecycle(mut self, config: Arc<Config>) -> Self {
        self.timing.config = config;
        self
    }

    /// Ends the body when this drain tells it to go. Events that wait are sent before that, if it does not take longer than
    /// its turn.
    pub fn drain(mut self, drain: &Drain) -> Self {
        self.timing.drain = Some(drain.clone());
        self
    }

    /// The response, with the [headers](HEADERS) that keep caches and proxies from holding events back.
    ///
    /// # Panics
    /// Outside a tokio runtime with time enabled.
    pub fn into_http(self) -> Response<Body<S>> {
        let mut response = Response::new(());
        for (name, value) in HEADERS {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        #[cfg(feature = "hyper")]
        {
            response.extensions_mut().insert(crate::stream_server::Streamed);
            if let Some(source) = self.source.clone() {
                response.extensions_mut().insert(Live { source, timing: self.timing.clone() });
            }
        }
        response.map(|()| Body::new(self.events, self.timing))
    }
}

#[cfg(feature = "axum")]
impl<S, E> axum::response::IntoResponse for Sse<S>
where
    S: Stream<Item = Result<Encoded, E>> + Send + 'static,
    E: Into<axum::BoxError>,
{
    /// As [`Sse::into_http`].
    ///
    /// # Panics
    /// Outside a tokio runtime with time enabled.
    fn into_response(self) -> axum::response::Response {
        self.into_http().map(axum::body::Body::new)
    }
}
