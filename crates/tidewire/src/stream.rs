//! A response that goes on: what SSE and NDJSON have in common.
//!
//! It is a response body, which hyper polls while the socket takes bytes. A client that does not read is not polled,
//! and is nothing but a cursor that falls behind; what it misses by that is told by a gap.

use crate::app::{App, Delivered, Subscriber};
use crate::error::ApiError;
use crate::message::{Form, Message};
use crate::params::{Params, Resume};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use http_body::Frame;
use std::convert::Infallible;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tidewire_hub::{ConnectionId, Cursor, Gap, Position, TopicName};
use tidewire_lifecycle::{Action, Lifecycle};
use tidewire_sse::content::{HEADERS, LAST_EVENT_ID};
use tidewire_tokio::alarm::Alarm;
use tidewire_tokio::hub::{Budget, Kept};
use tidewire_tokio::stream_server::Streamed;

/// Where a stream starts, as a header.
pub(crate) const CURSOR: HeaderName = HeaderName::from_static("tidewire-cursor");

/// What the connection is called, as a header.
pub(crate) const CONNECTION: HeaderName = HeaderName::from_static("tidewire-connection");

/// What one chunk may take from the hub. Bytes are those that the hub counts, which are the message's forms
/// together; the chunk itself is about a quarter of that.
const CHUNK: Budget = Budget { max_messages: 256, max_bytes: 256 * 1024 };

/// How a stream is written.
pub(crate) trait Format: Send + Unpin + 'static {
    /// The media type.
    const CONTENT_TYPE: &'static str;

    /// Whether `Last-Event-ID` says where to go on. It wins over `cursor`: a browser repeats the URL that it was
    /// given, and adds what it has seen since.
    const LAST_EVENT_ID: LastEventId;

    /// Appends what a stream begins with: its start, so that a client has a position before its first message.
    fn open(cursor: &Cursor, connection: ConnectionId, output: &mut Vec<u8>);

    /// The shared form of a message.
    fn form<'a>(message: &'a Message, topic: &TopicName, position: Position) -> &'a Form;

    /// Appends what is sent when nothing else was for a while.
    fn keep_alive(output: &mut Vec<u8>);

    /// Appends a gap.
    fn gap(gap: &Gap, cursor: &Cursor, output: &mut Vec<u8>);
}

/// Whether a format has a `Last-Event-ID`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LastEventId {
    /// The header says where to go on.
    Resumes,
    /// The header is ignored.
    Ignored,
}

/// Opens a stream.
pub(crate) async fn open<F: Format>(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, ApiError> {
    let params = Params::parse(request.uri().query())?;
    let topics = params.topics(None)?;
    let resume = params.resume()?;
    let resume = last_event_id::<F>(request.headers()).or(resume);
    let (subscriber, connection) = app.subscriber(&topics, resume.as_ref())?;
    let cursor = subscriber.cursor();
    let stream = Stream::<F>::new(&app, subscriber, connection, &cursor);
    let mut response = Response::new(Body::new(stream));
    let headers = response.headers_mut();
    // What holds an event stream back would hold back any other.
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(F::CONTENT_TYPE));
    headers.extend(start_headers(&cursor, connection));
    response.extensions_mut().insert(Streamed);
    Ok(response)
}

fn last_event_id<F: Format>(headers: &HeaderMap) -> Option<Resume> {
    match F::LAST_EVENT_ID {
        LastEventId::Resumes => Resume::from_last_event_id(headers.get(LAST_EVENT_ID)?.as_bytes()),
        LastEventId::Ignored => None,
    }
}

/// Where a connection starts and what it is called, as headers.
pub(crate) fn start_headers(cursor: &Cursor, connection: ConnectionId) -> HeaderMap {
    let value =
        |text: String| HeaderValue::try_from(text).expect("base64url and hex digits are visible ASCII");
    HeaderMap::from_iter([(CURSOR, value(cursor.encode())), (CONNECTION, value(connection.to_string()))])
}

/// The body of a stream.
struct Stream<F> {
    subscriber: Subscriber,
    /// What is sent before anything else.
    opening: Option<Bytes>,
    pulse: Pulse,
    drain: Pin<Box<dyn Future<Output = ()> + Send>>,
    format: PhantomData<F>,
}

impl<F: Format> Stream<F> {
    fn new(app: &App, subscriber: Subscriber, connection: ConnectionId, cursor: &Cursor) -> Self {
        let mut opening = Vec::new();
        F::open(cursor, connection, &mut opening);
        Self {
            subscriber,
            opening: Some(opening.into()),
            pulse: Pulse::new(app.streams().clone()),
            drain: Box::pin(app.drain().begun()),
            format: PhantomData,
        }
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(opening) = self.opening.take() {
            return Poll::Ready(Some(opening));
        }
        if self.subscriber.is_dismissed() {
            return Poll::Ready(None);
        }
        let mut batch = Vec::new();
        if self.subscriber.poll_batch(cx, CHUNK, &mut batch).is_ready() {
            return Poll::Ready(Some(chunk::<F>(&mut self.subscriber, &batch)));
        }
        // What was published before the end is delivered before it.
        if self.drain.as_mut().poll(cx).is_ready() {
            return Poll::Ready(None);
        }
        match ready!(self.pulse.poll(cx)) {
            Action::SendHeartbeat => {
                let mut keep_alive = Vec::new();
                F::keep_alive(&mut keep_alive);
                Poll::Ready(Some(keep_alive.into()))
            }
            Action::Close(_) | Action::Abort(_) => Poll::Ready(None),
        }
    }
}

impl<F: Format> http_body::Body for Stream<F> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let chunk = ready!(self.poll_chunk(cx));
        if let Some(chunk) = &chunk {
            self.pulse.sent(chunk.len());
        }
        Poll::Ready(chunk.map(|chunk| Ok(Frame::data(chunk))))
    }
}

/// What was delivered at a time, in one piece: one write. A single message that is shared whole is not even copied.
fn chunk<F: Format>(subscriber: &mut Subscriber, batch: &[Delivered]) -> Bytes {
    let mut output = Vec::new();
    let mut token = String::new();
    for delivered in batch {
        let cursor = subscriber.cursor_after(delivered);
        match delivered {
            Delivered::Message(Kept { topic, position, message, .. }) => {
                let form = F::form(message, topic, *position);
                if let ([_], Some(shared)) = (batch, form.shared(&cursor)) {
                    return shared.clone();
                }
                for piece in form.pieces(&cursor, &mut token) {
                    output.extend_from_slice(piece);
                }
            }
            Delivered::Gap(gap) => F::gap(gap, &cursor, &mut output),
            // The stream ends behind what came before.
            Delivered::Dismissed(_) => {}
            // The gateway gives nobody the address of a connection.
            Delivered::Direct(_) => {}
        }
    }
    output.into()
}

/// The timers of a stream.
struct Pulse {
    life: Lifecycle,
    alarm: Alarm,
}

impl Pulse {
    fn new(config: Arc<tidewire_lifecycle::Config>) -> Self {
        let alarm = Alarm::new();
        let now = alarm.now();
        let mut life = Lifecycle::new(config, now);
        life.handle_opened(now);
        Self { life, alarm }
    }

    fn sent(&mut self, len_bytes: usize) {
        self.life.handle_sent(self.alarm.now(), len_bytes);
    }

    /// Waits for what is due next; `Pending` for ever when no timer runs.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Action> {
        loop {
            if let Some(action) = self.life.handle_timeout(self.alarm.now()) {
                return Poll::Ready(action);
            }
            let Some((deadline, _)) = self.life.poll_timeout() else { return Poll::Pending };
            ready!(self.alarm.poll(cx, deadline));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Payload;
    use crate::ndjson::Ndjson;
    use crate::sse::Sse;
    use http_body_util::BodyExt;
    use std::time::Duration;

    async fn next<F: Format>(stream: &mut Stream<F>) -> Option<String> {
        let frame = stream.frame().await?.unwrap();
        Some(String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap())
    }

    fn stream<F: Format>(app: &App) -> (Stream<F>, TopicName) {
        let topic = TopicName::new("t").unwrap();
        let (subscriber, connection) = app.subscriber(std::slice::from_ref(&topic), None).unwrap();
        let cursor = subscriber.cursor();
        (Stream::new(app, subscriber, connection, &cursor), topic)
    }

    #[tokio::test(start_paused = true)]
    async fn fifteen_silent_seconds_are_followed_by_a_keep_alive() {
        let app = App::new(1000, 10);
        let (mut sse, topic) = stream::<Sse>(&app);
        let start = tokio::time::Instant::now();
        assert!(next(&mut sse).await.unwrap().starts_with("retry: 3000\nid: "));
        assert_eq!(next(&mut sse).await.unwrap(), ": keepalive\n\n");
        assert_eq!(start.elapsed().as_secs(), 15);
        tokio::time::advance(Duration::from_secs(10)).await;
        app.publish(&topic, Payload::Text("hi"), None, None).unwrap();
        assert!(next(&mut sse).await.unwrap().contains("data: hi\n\n"));
        assert_eq!(next(&mut sse).await.unwrap(), ": keepalive\n\n");
        assert_eq!(start.elapsed().as_secs(), 40);
        let (mut ndjson, _) = stream::<Ndjson>(&app);
        next(&mut ndjson).await.unwrap();
        assert_eq!(next(&mut ndjson).await.unwrap(), "{\"type\":\"ping\"}\n");
        assert_eq!(start.elapsed().as_secs(), 55);
    }

    #[tokio::test(start_paused = true)]
    async fn keep_alives_go_on_beyond_the_idle_rule() {
        let app = App::new(1000, 10);
        let (mut ndjson, _) = stream::<Ndjson>(&app);
        next(&mut ndjson).await.unwrap();
        for _ in 0..100 {
            assert_eq!(next(&mut ndjson).await.unwrap(), "{\"type\":\"ping\"}\n");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_drain_ends_the_stream_behind_what_was_published_before() {
        let app = App::new(1000, 10);
        let (mut ndjson, topic) = stream::<Ndjson>(&app);
        next(&mut ndjson).await.unwrap();
        app.publish(&topic, Payload::Text("last"), None, None).unwrap();
        app.drain().begin();
        assert!(next(&mut ndjson).await.unwrap().contains("\"data\":\"last\""));
        assert_eq!(next(&mut ndjson).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_one_chunk_and_a_large_backlog_is_several() {
        let app = App::new(64 * 1024, 1000);
        let (mut ndjson, topic) = stream::<Ndjson>(&app);
        next(&mut ndjson).await.unwrap();
        for _ in 0..3 {
            app.publish(&topic, Payload::Text("x"), None, None).unwrap();
        }
        assert_eq!(next(&mut ndjson).await.unwrap().lines().count(), 3);
        let text = "x".repeat(10_000);
        for _ in 0..100 {
            app.publish(&topic, Payload::Text(&text), None, None).unwrap();
        }
        let mut lines = 0;
        while lines < 100 {
            let chunk = next(&mut ndjson).await.unwrap();
            assert!(chunk.len() < 128 * 1024, "{}", chunk.len());
            lines += chunk.lines().count();
        }
        assert_eq!(lines, 100);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_fell_out_of_the_history_is_told_so() {
        let app = App::new(1000, 2);
        let (mut sse, topic) = stream::<Sse>(&app);
        next(&mut sse).await.unwrap();
        for text in ["1", "2", "3"] {
            app.publish(&topic, Payload::Text(text), None, None).unwrap();
        }
        let chunk = next(&mut sse).await.unwrap();
        let events: Vec<&str> = chunk.split_terminator("\n\n").collect();
        assert_eq!(events.len(), 3, "{chunk}");
        assert!(
            events[0]
                .contains("\nevent: gap\ndata: {\"type\":\"gap\",\"topic\":\"t\",\"reason\":\"evicted\"")
        );
        assert!(events[1].ends_with("data: 2") && events[2].ends_with("data: 3"), "{chunk}");
    }
}
