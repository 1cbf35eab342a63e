//! The task of one connection: its opening handshake, on the heap for as long as that takes, and then what its handler
//! makes of it, with nothing beside it but its place.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tidewire_ws::handshake::{Refusal, Request, Response};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::OwnedSemaphorePermit,
};

use crate::{
    accept::Acceptor,
    drain::Notice,
    listener::{Parked, Peer, Permit, Stream},
    websocket::WebSocket,
};

/// What all connections of a server share.
pub(super) struct Serving<R, S, H> {
    pub(super) acceptor: Acceptor,
    pub(super) respond: R,
    pub(super) secure: S,
    pub(super) handler: H,
}

/// A connection that was accepted.
pub(super) enum Arrived {
    /// In the runtime that serves it.
    Here(Stream),
    /// On its way there.
    Elsewhere(Parked),
}

impl Arrived {
    fn here(self) -> io::Result<Stream> {
        match self {
            Self::Here(stream) => Ok(stream),
            Self::Elsewhere(parked) => parked.unpark(),
        }
    }
}

impl<R, S, H> Serving<R, S, H> {
    /// The opening handshake; what the handler makes of the WebSocket, if one came of it.
    #[expect(clippy::manual_async_fn, reason = "an `async fn` keeps its arguments twice")]
    pub(super) fn open<F, T, IO, O>(
        self: Arc<Self>,
        arrived: Arrived,
        peer: Peer,
        notice: Notice,
        handshake: OwnedSemaphorePermit,
    ) -> impl Future<Output = Option<F>>
    where
        R: Fn(&Request<'_>, &Peer) -> Result<(Response, T), Refusal>,
        S: Fn(Stream) -> O,
        O: Future<Output = io::Result<IO>>,
        IO: AsyncRead + AsyncWrite + Unpin,
        H: Fn(WebSocket<IO>, T) -> F,
    {
        async move {
            let mut chosen = None;
            let opened = match arrived.here() {
                Ok(stream) => {
                    let respond = |request: &Request<'_>| {
                        let (response, state) = (self.respond)(request, &peer)?;
                        chosen = Some(state);
                        Ok(response)
                    };
                    self.acceptor.open((self.secure)(stream), respond).await
                }
                Err(error) => Err(error.into()),
            };
            drop(handshake);
            match (opened, chosen) {
                (Ok(websocket), Some(state)) => Some((self.handler)(websocket.with_notice(notice), state)),
                (Ok(_), None) => unreachable!("a WebSocket opens by a response"),
                (Err(error), _) => {
                    tracing::debug!(%peer, %error, "no WebSocket came of a connection");
                    None
                }
            }
        }
    }
}

/// An opening handshake, whose kind does not matter to the task.
type Opening<F> = Pin<Box<dyn Future<Output = Option<F>> + Send>>;

pin_project! {
    /// How far a connection is.
    #[project = Projected]
    enum Stage<F> {
        Opening { opening: Opening<F> },
        Open { #[pin] handled: F },
    }
}

pin_project! {
    /// A connection and its place.
    pub(super) struct Connection<F> {
        #[pin]
        stage: Stage<F>,
        // Behind the stage: a place is given back when the socket is closed.
        permit: Permit,
    }
}

impl<F> Connection<F> {
    pub(super) fn new(opening: impl Future<Output = Option<F>> + Send + 'static, permit: Permit) -> Self {
        Self { stage: Stage::Opening { opening: Box::pin(opening) }, permit }
    }
}

impl<F: Future<Output = ()>> Future for Connection<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut stage = self.project().stage;
        loop {
            match stage.as_mut().project() {
                Projected::Opening { opening } => match ready!(opening.as_mut().poll(cx)) {
                    Some(handled) => stage.set(Stage::Open { handled }),
                    None => return Poll::Ready(()),
                },
                Projected::Open { handled } => return handled.poll(cx),
            }
        }
    }
}
