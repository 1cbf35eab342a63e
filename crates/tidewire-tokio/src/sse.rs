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
//! An event that would inject is refused where it is [encoded](tidewire_sse::Event::encoded), by its producer, who may
//! leave it out or send another. An error that the stream hands on ends the body with it: the connection breaks off, and
//! the client comes back.
//!
//! A client that goes away drops the body, and with it the stream: what it waits for is cancelled. A client that does not
//! read is not polled for, and neither is the stream. A server that shuts down gracefully waits for its responses, and an
//! event stream may have no end: [`Sse::drain`] gives it one, each in its turn, so that not all clients come back at once.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures_core::Stream;
use http::{HeaderValue, Response};
use http_body::Frame;
use pin_project_lite::pin_project;
use tidewire_connection::event_stream::EventStream;
use tidewire_lifecycle::{Config, Heartbeat, Timer};
pub use tidewire_sse::{Encoded, Event, InvalidField};
use tidewire_sse::{body, content::HEADERS};

use crate::{
    alarm::Alarm,
    drain::{Drain, Notice},
};

/// A response of status 200 whose body is a stream of events.
///
/// It sends what the stream gives and nothing before that: for a reconnection time, or a last event ID before the first
/// event, begin with [`Encoded::retry`] and an event without data.
#[derive(Clone, Debug)]
#[must_use]
pub struct Sse<S> {
    events: S,
    config: Arc<Config>,
    keep_alive: Option<Duration>,
    drain: Option<Drain>,
}

impl<S> Sse<S> {
    /// These events, and a comment after 15 s of silence: [`Config::event_stream`].
    pub fn new(events: S) -> Self {
        Self { events, config: Arc::new(Config::event_stream()), keep_alive: None, drain: None }
    }

    /// A comment after so much silence, whatever the `heartbeat` of [`lifecycle`](Self::lifecycle): less than what any
    /// proxy on the way allows a connection to be silent.
    pub fn keep_alive(mut self, interval: Duration) -> Self {
        self.keep_alive = Some(interval);
        self
    }

    /// Other limits of time: `heartbeat` is how often a comment breaks the silence; with none, the body ends when
    /// `idle_timeout` has passed without an event. `max_age` ends it, though events never pause. The others are of the
    /// connection, not of its body.
    pub fn lifecycle(mut self, config: Arc<Config>) -> Self {
        self.config = config;
        self
    }

    /// Ends the body when this drain tells it to go. Events that wait are sent before that, if it does not take longer than
    /// its turn.
    pub fn drain(mut self, drain: &Drain) -> Self {
        self.drain = Some(drain.clone());
        self
    }

    /// The response, with the [headers](HEADERS) that keep caches and proxies from holding events back.
    ///
    /// # Panics
    /// Outside a tokio runtime with time enabled.
    pub fn into_http(self) -> Response<Body<S>> {
        let mut response = Response::new(Body::new(self));
        for (name, value) in HEADERS {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        #[cfg(feature = "hyper")]
        response.extensions_mut().insert(crate::stream_server::Streamed);
        response
    }
}

#[cfg(feature = "axum")]
impl<S, E> axum_core::response::IntoResponse for Sse<S>
where
    S: Stream<Item = Result<Encoded, E>> + Send + 'static,
    E: Into<axum_core::BoxError>,
{
    /// As [`Sse::into_http`].
    ///
    /// # Panics
    /// Outside a tokio runtime with time enabled.
    fn into_response(self) -> axum_core::response::Response {
        self.into_http().map(axum_core::body::Body::new)
    }
}

pin_project! {
    /// The body of an [`Sse`], a frame for each event.
    #[derive(Debug)]
    pub struct Body<S> {
        // `None` behind its end.
        #[pin]
        events: Option<body::Body<S>>,
        stream: EventStream,
        alarm: Alarm,
        // Until it has heard of the drain.
        notice: Option<Notice>,
    }
}

impl<S> Body<S> {
    fn new(sse: Sse<S>) -> Self {
        let alarm = Alarm::new();
        let mut config = sse.config;
        if let Some(interval) = sse.keep_alive {
            Arc::make_mut(&mut config).heartbeat = Heartbeat::KeepAlive { interval };
        }
        let stream = EventStream::new(config, alarm.now());
        let notice = sse.drain.as_ref().map(Drain::notice);
        Self { events: Some(body::Body::new(sse.events)), stream, alarm, notice }
    }

    /// The keep-alive that is due, or `None` when a limit of time ends the body.
    fn poll_silence(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let this = self.project();
        loop {
            let mut output = Vec::new();
            this.stream.handle_timeout(this.alarm.now(), &mut output);
            if !output.is_empty() {
                this.stream.handle_sent(this.alarm.now(), output.len(), 0);
                return Poll::Ready(Some(output.into()));
            }
            if this.stream.ended().is_some() {
                return Poll::Ready(None);
            }
            let Some((deadline, _)) = this.stream.poll_timeout() else { return Poll::Pending };
            ready!(this.alarm.poll(cx, deadline));
        }
    }
}

/// Says when the server goes away, once that is known.
fn hear_of_drain(notice: &mut Option<Notice>, stream: &mut EventStream, cx: &mut Context<'_>, now: Duration) {
    if let Some(Poll::Ready(told_in)) = notice.as_mut().map(|notice| notice.poll_told(cx)) {
        *notice = None;
        stream.begin_drain(now, now.saturating_add(told_in));
    }
}

/// A body whose events never pause gets no older than it may, and goes when it is told to. Silence is looked at when none
/// comes.
fn end_if_it_is_time(stream: &mut EventStream, now: Duration) {
    if let Some((at, Timer::MaxAge | Timer::Drain)) = stream.poll_timeout() {
        if at <= now {
            // A stream has no words for its end.
            stream.handle_timeout(now, &mut Vec::new());
        }
    }
}

impl<S, E> http_body::Body for Body<S>
where
    S: Stream<Item = Result<Encoded, E>>,
{
    type Data = Bytes;
    type Error = E;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let mut this = self.as_mut().project();
        let now = this.alarm.now();
        hear_of_drain(this.notice, this.stream, cx, now);
        end_if_it_is_time(this.stream, now);
        if this.stream.ended().is_some() {
            this.events.set(None);
        }
        let Some(events) = this.events.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        let frame = match events.poll_frame(cx) {
            Poll::Ready(frame) => {
                if let Some(Ok(data)) = frame.as_ref().map(|frame| frame.as_ref().map(Frame::data_ref)) {
                    let now = this.alarm.now();
                    // Whoever takes a frame off a body is its transport.
                    if this.stream.admit_encoded(now).is_ok() {
                        this.stream.handle_sent(now, data.map_or(0, Bytes::len), 0);
                    }
                }
                frame
            }
            Poll::Pending => {
                ready!(self.as_mut().poll_silence(cx)).map(|keep_alive| Ok(Frame::data(keep_alive)))
            }
        };
        if !matches!(frame, Some(Ok(_))) {
            let mut this = self.project();
            this.stream.end(this.alarm.now());
            this.events.set(None);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.events.is_none()
    }
}
