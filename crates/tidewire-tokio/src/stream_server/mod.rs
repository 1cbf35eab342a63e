//! HTTP/1.1 whose streams keep no buffer: hyper reads requests and answers them, until one is answered with a stream. Then
//! the socket is taken from it, and the stream alone goes on (RFC 9112 §7.1).
//!
//! An idle connection of hyper's holds 11 KiB, mostly room for a head to be read and one to be written. An event stream
//! reads no head again. Behind the response that begins one, what hyper held is freed.
//!
//! ```
//! # use std::convert::Infallible;
//! # use futures_util::{StreamExt, stream};
//! # use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
//! # use tidewire_sse::Event;
//! # use tidewire_tokio::{drain::Drain, sse::Sse, stream_server::{Limits, StreamServer}};
//! # use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
//! let (mut client, socket) = duplex(1024);
//! let drain = Drain::new();
//! let service = service_fn(|_: Request<Incoming>| async {
//!     let hello = stream::once(async { Event::new().data("hello").encoded() });
//!     Ok::<_, Infallible>(Sse::new(hello).into_http())
//! });
//! let server = StreamServer::new(http1::Builder::new(), Limits::default());
//! drain.spawn(server.serve(socket, service, drain.begun()));
//!
//! client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await?;
//! let mut response = String::new();
//! client.read_to_string(&mut response).await?;
//! assert!(response.starts_with("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"));
//! assert!(response.ends_with("\r\n\r\nd\r\ndata: hello\n\n\r\n0\r\n\r\n"));
//! # Ok(()) }
//! ```
//!
//! What comes out of a hub by `Sse::deliver` is not polled for at all: few tasks go from socket to socket and write it, and
//! the stream's own task sleeps until the client ends, a keep-alive is due, or the socket was full.
//!
//! What is a stream, its response says by [`Streamed`]: an `sse::Sse` (feature `http-body`) does. It is not in answer to a
//! HEAD, nor with a `Content-Length`; then hyper sends it like any other.

mod chunk;
mod delivery;
mod head;
mod http;
mod pump;
mod stall;
mod watched;
mod wire;

use std::{
    error::Error,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use ::http::{Request, Response};
use bytes::Bytes;
use http_body::Body;
use hyper::{body::Incoming, server::conn::http1, service::Service};
use hyper_util::rt::TokioTimer;
use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite};

use self::http::Onward;
use crate::linger::{self, Lingering};
pub(crate) use chunk::Chunk;
use delivery::Delivery;
use pump::Pump;
pub(crate) use watched::Watched;
pub(crate) use wire::{Takes, Wire};

/// What a stream may cost.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// How long a request's head may take to come, and a connection may wait for the next request. Default 5 s.
    pub head_timeout: Duration,
    /// Bytes that wait for the client before the stream is asked for no more. Default 16 KiB. (What a hub delivers waits there
    /// as soon as anything waits here.)
    pub max_output_len: usize,
    /// How long the client may take none of them. Default 10 s.
    pub write_stall_timeout: Duration,
    /// What it may cost to see the last answer of a connection read.
    pub linger: linger::Limits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_timeout: Duration::from_secs(5),
            max_output_len: 16 * 1024,
            write_stall_timeout: Duration::from_secs(10),
            linger: linger::Limits::default(),
        }
    }
}

/// Among the extensions of a response: its body is a stream that lasts, and behind it the connection ends.
#[derive(Clone, Copy, Debug)]
pub struct Streamed;

/// A server of connections of HTTP/1.1; see the [module](self).
#[derive(Clone, Debug)]
pub struct StreamServer {
    http: http1::Builder,
    limits: Arc<Limits>,
}

impl StreamServer {
    /// A server whose requests are read and answered as `http` says, but that answers are not kept back for others
    /// (`pipeline_flush`), and that heads have the deadline of the limits, by tokio's clock.
    #[must_use]
    pub fn new(mut http: http1::Builder, limits: Limits) -> Self {
        // What is not flushed at the end of a turn is known not to be.
        http.pipeline_flush(false);
        http.timer(TokioTimer::new()).header_read_timeout(limits.head_timeout);
        Self { http, limits: Arc::new(limits) }
    }

    /// Serves one connection until it is over: requests by `service`, with upgrades, and at last perhaps a stream. When
    /// `end` is ready the connection ends behind the response that is under way; a stream ends by itself, so let it hear of
    /// the same drain.
    ///
    /// The future is cancel safe: dropped, it drops the connection.
    ///
    /// # Errors
    /// hyper's, while it serves. A stream whose client goes away is no error.
    ///
    /// # Panics
    /// The future panics outside a tokio runtime with time enabled.
    pub fn serve<IO, S, B, E>(
        &self,
        io: IO,
        service: S,
        end: E,
    ) -> impl Future<Output = Result<(), hyper::Error>> + use<IO, S, B, E>
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        S: Service<Request<Incoming>, Response = Response<B>>,
        S::Error: Into<Box<dyn Error + Send + Sync>>,
        B: Body<Data = Bytes> + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
        E: Future<Output = ()>,
    {
        // On the heap, so that it is gone when a stream goes on alone.
        let http = Box::pin(http::serve(io, &self.http, service, Arc::clone(&self.limits), end));
        Connection::Http { http }
    }
}

pin_project! {
    /// A connection and how far it is.
    #[project = Phase]
    enum Connection<H, IO, B> {
        Http { http: Pin<Box<H>> },
        Streaming { #[pin] pump: Pump<IO, B> },
        Delivering { delivery: Delivery<IO> },
        Lingering { closing: Box<Lingering<IO>> },
    }
}

impl<H, IO, B> Future for Connection<H, IO, B>
where
    H: Future<Output = Result<Option<Onward<IO, B>>, hyper::Error>>,
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Output = Result<(), hyper::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let next = match self.as_mut().project() {
                Phase::Http { http } => match ready!(http.as_mut().poll(cx))? {
                    Some(Onward::Pump(pump)) => Self::Streaming { pump },
                    Some(Onward::Delivery(delivery)) => Self::Delivering { delivery },
                    None => return Poll::Ready(Ok(())),
                },
                Phase::Streaming { pump } => match ready!(pump.poll(cx)) {
                    Some(closing) => Self::Lingering { closing: Box::new(closing) },
                    None => return Poll::Ready(Ok(())),
                },
                Phase::Delivering { delivery } => match ready!(Pin::new(delivery).poll(cx)) {
                    Some(closing) => Self::Lingering { closing: Box::new(closing) },
                    None => return Poll::Ready(Ok(())),
                },
                Phase::Lingering { closing } => {
                    // What fails here fails for a client that is gone.
                    let _ = ready!(Pin::new(&mut **closing).poll_shutdown(cx));
                    return Poll::Ready(Ok(()));
                }
            };
            self.set(next);
        }
    }
}
