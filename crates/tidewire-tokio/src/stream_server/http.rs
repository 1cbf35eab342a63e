//! While hyper serves: requests are answered, until an answer is a stream, which hyper never sees.

use std::{
    error::Error,
    future::{Future, pending, poll_fn},
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Poll,
};

use bytes::Bytes;
use http::{
    Method, Request, Response, StatusCode, Version,
    header::{CONTENT_ENCODING, CONTENT_LENGTH},
};
use http_body::Body;
use hyper::{
    body::Incoming,
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    Limits, Streamed,
    delivery::Delivery,
    head::Framing,
    pump::Pump,
    watched::{Flushed, Watched},
};
use crate::{linger::Lingering, sse::Live};

/// A response that begins a stream.
type Stream<B> = (Response<B>, Framing);

/// How a connection goes on without hyper.
pub(super) enum Onward<IO, B> {
    /// The body is asked for what comes.
    Pump(Pump<IO, B>),
    /// An outlet writes what comes.
    Delivery(Delivery<IO>),
}

/// One on its way past hyper.
struct Slot<B>(Arc<Mutex<Option<Stream<B>>>>);

impl<B> Slot<B> {
    fn lock(&self) -> MutexGuard<'_, Option<Stream<B>>> {
        // Nothing under the lock is left half done by a panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<B> Clone for Slot<B> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Serves until the connection is over, or goes on as a stream.
pub(super) fn serve<IO, S, B, E>(
    io: IO,
    http: &http1::Builder,
    service: S,
    limits: Arc<Limits>,
    end: E,
) -> impl Future<Output = Result<Option<Onward<IO, B>>, hyper::Error>> + use<IO, S, B, E>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<B>>,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
    E: Future<Output = ()>,
{
    let (slot, flushed) = (Slot(Arc::default()), Flushed::default());
    let stream = slot.clone();
    let service = service_fn(move |request| {
        let framing = framing(&request);
        divert(service.call(request), framing, stream.clone())
    });
    let io = TokioIo::new(Watched::new(Lingering::new(io, limits.linger), flushed.clone()));
    let mut serving = http.serve_connection(io, service).with_upgrades();
    async move {
        let mut end = pin!(Some(end));
        let taken = poll_fn(|cx| {
            if let Some(waiting) = end.as_mut().as_pin_mut() {
                if waiting.poll(cx).is_ready() {
                    end.set(None);
                    Pin::new(&mut serving).graceful_shutdown();
                }
            }
            flushed.reset();
            match Pin::new(&mut serving).poll(cx) {
                Poll::Ready(outcome) => Poll::Ready(outcome.map(|()| None)),
                // The answers before it have gone out.
                Poll::Pending if flushed.is_flushed() => {
                    slot.lock().take().map_or(Poll::Pending, |taken| Poll::Ready(Ok(Some(taken))))
                }
                Poll::Pending => Poll::Pending,
            }
        })
        .await?;
        let Some((response, framing)) = taken else { return Ok(None) };
        // Nothing that came behind the request is looked at.
        let io = serving.into_parts().map(|parts| parts.io.into_inner().into_inner());
        Ok(io.and_then(|io| go_on(io, response, framing, limits)))
    }
}

/// `None` where the response was sent before, in part or whole.
fn go_on<IO, B>(io: IO, response: Response<B>, framing: Framing, limits: Arc<Limits>) -> Option<Onward<IO, B>>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let (mut head, body) = response.into_parts();
    match head.extensions.remove::<Live>() {
        // A body that was encoded is not what the events are.
        Some(live) if !head.headers.contains_key(CONTENT_ENCODING) => {
            Delivery::new(io, &head, live, framing, limits).map(Onward::Delivery)
        }
        Some(_) | None => Some(Onward::Pump(Pump::new(io, &head, body, framing, limits))),
    }
}

/// The service, but that a stream is put into the slot, and hyper waits for a response.
async fn divert<B, E>(
    response: impl Future<Output = Result<Response<B>, E>>,
    framing: Option<Framing>,
    slot: Slot<B>,
) -> Result<Response<B>, E>
where
    B: Body,
{
    let response = response.await?;
    match framing {
        Some(framing) if is_stream(&response) => {
            *slot.lock() = Some((response, framing));
            pending().await
        }
        Some(_) | None => Ok(response),
    }
}

/// How a stream would answer a request, if one may.
fn framing(request: &Request<Incoming>) -> Option<Framing> {
    match *request.method() {
        Method::HEAD | Method::CONNECT => None,
        _ if request.version() == Version::HTTP_11 => Some(Framing::Chunked),
        _ => Some(Framing::UntilEnd),
    }
}

fn is_stream<B: Body>(response: &Response<B>) -> bool {
    response.extensions().get::<Streamed>().is_some()
        && response.status() == StatusCode::OK
        && !response.headers().contains_key(CONTENT_LENGTH)
        && !response.body().is_end_stream()
}
