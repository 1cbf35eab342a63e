//! Serving: a listener, the opening handshake on each of its connections, and a task for each that came of one, all under
//! a drain.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
//! use std::net::SocketAddr;
//! use tidewire_tokio::{
//!     accept::Acceptor,
//!     drain::Drain,
//!     listener::{Limits, Listener},
//!     server::Server,
//!     websocket::Message,
//! };
//!
//! let listener = Listener::bind(SocketAddr::from(([127, 0, 0, 1], 0)), Limits::default())?;
//! let drain = Drain::new();
//! # drain.begin();
//! // Until the drain begins, as a signal would have it.
//! Server::new(Acceptor::default())
//!     .run(listener, &drain, |mut websocket, peer| async move {
//!         // `None` comes when the client is gone, and when the drain has told it to go.
//!         while let Some(message) = websocket.next().await {
//!             if let Message::Text(text) = message {
//!                 websocket.feed_text(&format!("{peer}: {text}")).ok();
//!             }
//!         }
//!     })
//!     .await;
//! // How many are open yet, at the drain's deadline.
//! assert_eq!(drain.wind_up().await, 0);
//! # Ok(()) }
//! ```

mod connection;

use std::{
    future::{Ready, ready},
    io,
    pin::pin,
    sync::Arc,
};

use tidewire_ws::handshake::{Refusal, Request, Response};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore},
};

use crate::{
    accept::Acceptor,
    drain::Drain,
    listener::{Listener, Peer, Permit, Stream},
    runtime::Workers,
    websocket::WebSocket,
};
use connection::{Arrived, Connection, Serving};

/// The transport as it is: see [`Server::secure`].
pub type Plain = fn(Stream) -> Ready<io::Result<Stream>>;

/// The 101 as it is, and the handler is told who came: see [`Server::respond`].
pub type Bare = fn(&Request<'_>, &Peer) -> Result<(Response, Peer), Refusal>;

/// What serves WebSockets on a listener; see the [module](self).
#[derive(Clone, Debug)]
pub struct Server<R = Bare, S = Plain> {
    acceptor: Acceptor,
    respond: R,
    secure: S,
    workers: Option<Workers>,
}

impl Server {
    /// A server that accepts every opening handshake, and hands each WebSocket to its handler with its [`Peer`].
    #[must_use]
    pub fn new(acceptor: Acceptor) -> Self {
        Self {
            acceptor,
            respond: |_, peer| Ok((Response::new(), *peer)),
            secure: |stream| ready(Ok(stream)),
            workers: None,
        }
    }
}

impl<R, S> Server<R, S> {
    /// Lets `respond` choose the subprotocol and headers of the 101, or refuse; what it gives besides is handed to the
    /// handler: what the request asked for, say.
    #[must_use]
    pub fn respond<F, T>(self, respond: F) -> Server<F, S>
    where
        F: Fn(&Request<'_>, &Peer) -> Result<(Response, T), Refusal>,
    {
        Server { acceptor: self.acceptor, respond, secure: self.secure, workers: self.workers }
    }

    /// Lets `secure` open the transport, as TLS does, under the deadline of the opening handshake.
    #[must_use]
    pub fn secure<F, Fut, IO>(self, secure: F) -> Server<R, F>
    where
        F: Fn(Stream) -> Fut,
        Fut: Future<Output = io::Result<IO>>,
    {
        Server { acceptor: self.acceptor, respond: self.respond, secure, workers: self.workers }
    }

    /// Serves each connection in the runtime that has the fewest tasks, of these.
    #[must_use]
    pub fn on(self, workers: Workers) -> Self {
        Self { workers: Some(workers), ..self }
    }

    /// Accepts until the drain begins, and spawns a task for each connection, which the drain waits for: the opening
    /// handshake, and then what `handler` makes of the WebSocket. The listener is closed when it returns, and not before;
    /// the connections go on.
    ///
    /// A connection keeps its place in the listener's [limits](crate::listener::Limits) until its task is over. A handshake
    /// that fails is told in the log, at the level of debugging.
    ///
    /// Cancel safe: dropped, it has closed the listener.
    ///
    /// # Panics
    /// Outside a tokio runtime with time enabled.
    pub async fn run<H, F, T, IO, O>(self, listener: Listener, drain: &Drain, handler: H)
    where
        R: Fn(&Request<'_>, &Peer) -> Result<(Response, T), Refusal> + Send + Sync + 'static,
        S: Fn(Stream) -> O + Send + Sync + 'static,
        O: Future<Output = io::Result<IO>> + Send + 'static,
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        H: Fn(WebSocket<IO>, T) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
        T: Send + 'static,
    {
        let Self { acceptor, respond, secure, workers } = self;
        let serving = Arc::new(Serving { acceptor, respond, secure, handler });
        let max_handshakes = listener.limits().max_handshakes.min(Semaphore::MAX_PERMITS);
        let handshakes = Arc::new(Semaphore::new(max_handshakes));
        let mut begun = pin!(drain.begun());
        loop {
            let (handshake, (stream, peer, permit)) = tokio::select! {
                biased;
                () = &mut begun => return,
                next = next(&listener, &handshakes) => next,
            };
            let other = workers.as_ref().and_then(Workers::least_busy);
            let Some(arrived) = arrived(stream, other) else { continue };
            let opening = Arc::clone(&serving).open(arrived, peer, drain.notice(), handshake);
            let connection = Connection::new(opening, permit);
            match other {
                Some(runtime) => drain.spawn_on(connection, runtime),
                None => drain.spawn(connection),
            };
        }
    }
}

/// The next connection, when there may be one more opening handshake. Cancel safe.
async fn next(
    listener: &Listener,
    handshakes: &Arc<Semaphore>,
) -> (OwnedSemaphorePermit, (Stream, Peer, Permit)) {
    match Arc::clone(handshakes).acquire_owned().await {
        Ok(handshake) => (handshake, listener.accept().await),
        // It is never closed; to wait for ever is what one does that has no permits.
        Err(_) => std::future::pending().await,
    }
}

/// The connection, ready for the runtime that it is to be served in. One that cannot be moved is closed.
fn arrived(stream: Stream, other: Option<&Handle>) -> Option<Arrived> {
    match other.map(|_| ()) {
        None => Some(Arrived::Here(stream)),
        Some(()) => match stream.park() {
            Ok(parked) => Some(Arrived::Elsewhere(parked)),
            Err(error) => {
                tracing::debug!(%error, "a connection cannot be handed to another runtime");
                None
            }
        },
    }
}
