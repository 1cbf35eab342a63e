//! The server's opening handshake on a raw transport: one head, one answer, all under one deadline.

mod opening;

use std::{future, io, sync::Arc};

#[cfg(feature = "deflate")]
use tidewire_ws::deflate;
use tidewire_ws::handshake::{self, Refusal, Request, Response};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::websocket::{Config, WebSocket};
use opening::Opening;

/// What an opening handshake may cost, and what the connection behind it may.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Acceptor {
    /// The limits of the request head.
    pub handshake: Arc<handshake::Config>,
    /// The settings of the connection; the opening deadline is among them.
    pub websocket: Config,
    /// Compresses with whoever offers it, unless `None`, which is the default.
    #[cfg(feature = "deflate")]
    pub deflate: Option<deflate::Pool>,
}

/// Why no connection came of a transport. The transport is closed.
#[derive(Debug)]
#[non_exhaustive]
pub enum AcceptError {
    /// The request was refused; the client was told.
    Refused(Refusal),
    /// The head was not complete, or its answer not taken, within the opening deadline.
    Timeout,
    /// The transport failed or ended.
    Io(io::Error),
}

impl std::fmt::Display for AcceptError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(refusal) => write!(f, "refused: {refusal}"),
            Self::Timeout => f.write_str("no complete opening handshake within its deadline"),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for AcceptError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::Timeout => None,
            Self::Io(error) => Some(error),
        }
    }
}

impl From<io::Error> for AcceptError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Acceptor {
    /// An acceptor with these settings for its connections.
    #[must_use]
    pub fn new(websocket: Config) -> Self {
        Self { websocket, ..Self::default() }
    }

    /// Reads a request, answers it with a bare 101, and hands out the connection. Not cancel safe: dropped half way, it drops
    /// the transport with it.
    ///
    /// # Errors
    /// [`AcceptError`]; a refused client was answered with the status that fits.
    ///
    /// # Panics
    /// Outside a tokio runtime with time enabled.
    pub async fn accept<IO>(&self, io: IO) -> Result<WebSocket<IO>, AcceptError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        self.accept_with(io, |_| Ok(Response::new())).await
    }

    /// Reads a request, lets `respond` choose the subprotocol and headers or refuse, and hands out the connection.
    /// Not cancel safe: dropped half way, it drops the transport with it.
    ///
    /// # Errors
    /// [`AcceptError`]; a refused client was answered with the status that fits.
    ///
    /// # Panics
    /// Outside a tokio runtime with time enabled.
    pub async fn accept_with<IO>(
        &self,
        io: IO,
        respond: impl FnOnce(&Request<'_>) -> Result<Response, Refusal>,
    ) -> Result<WebSocket<IO>, AcceptError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        self.accept_secured(future::ready(Ok(io)), respond).await
    }

    /// The same on a transport that has an opening of its own, as TLS does: the deadline of the opening handshake is that of
    /// both together. Not cancel safe: dropped half way, it drops the transport with it.
    ///
    /// ```
    /// # use tidewire_tokio::accept::{AcceptError, Acceptor};
    /// # use tidewire_ws::handshake::Response;
    /// # use tokio::io::{AsyncRead, AsyncWrite};
    /// # struct TlsAcceptor;
    /// # impl TlsAcceptor { async fn accept<IO>(&self, io: IO) -> std::io::Result<IO> { Ok(io) } }
    /// # async fn example<IO: AsyncRead + AsyncWrite + Unpin>(tcp: IO, tls: TlsAcceptor) -> Result<(), AcceptError> {
    /// let websocket = Acceptor::default().accept_secured(tls.accept(tcp), |_| Ok(Response::new())).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`AcceptError`]; a refused client was answered with the status that fits.
    ///
    /// # Panics
    /// Outside a tokio runtime with time enabled.
    pub async fn accept_secured<IO>(
        &self,
        transport: impl Future<Output = io::Result<IO>>,
        respond: impl FnOnce(&Request<'_>) -> Result<Response, Refusal>,
    ) -> Result<WebSocket<IO>, AcceptError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        // The handshake lives on the heap, so that the task of an open connection does not carry its state.
        Box::pin(self.open(transport, respond)).await
    }

    /// As [`accept_secured`](Self::accept_secured), and all of its state in the future.
    #[expect(clippy::manual_async_fn, reason = "an `async fn` keeps its arguments twice")]
    pub(crate) fn open<IO>(
        &self,
        transport: impl Future<Output = io::Result<IO>>,
        respond: impl FnOnce(&Request<'_>) -> Result<Response, Refusal>,
    ) -> impl Future<Output = Result<WebSocket<IO>, AcceptError>>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        async move {
            let mut opening = Opening::new(self);
            let mut io = opening.secure(transport).await?;
            let request = opening.read_request(&mut io).await?;
            match request.and_then(|unread| opening.answer(self, respond).map(|()| unread)) {
                Ok(unread) => {
                    opening.write_output(&mut io).await?;
                    opening.finish(io, &unread)
                }
                // On the heap: whoever is not refused carries none of its state.
                Err(refusal) => Err(Box::pin(opening.refused(&mut io, refusal)).await),
            }
        }
    }

    #[cfg(feature = "deflate")]
    fn compressing(&self, request: &Request<'_>, response: Response) -> Response {
        match &self.deflate {
            // The caller may have agreed to something by itself.
            Some(pool) if response.agreement().is_none() => {
                pool.accept(request.extensions()).iter().fold(response, Response::deflate)
            }
            Some(_) | None => response,
        }
    }

    #[cfg(not(feature = "deflate"))]
    #[expect(clippy::unused_self, reason = "there is nothing to compress with")]
    fn compressing(&self, _: &Request<'_>, response: Response) -> Response {
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So small that an allocator hands the memory of one handshake on to the next: where it does not, holes are left between
    /// the connections.
    #[test]
    fn an_opening_handshake_is_small() {
        let acceptor = Acceptor::default();
        let (io, _) = tokio::io::duplex(1);
        let opening = acceptor.open(future::ready(Ok(io)), |_| Ok(Response::new()));
        let len = size_of_val(&opening);
        assert!(len <= 720, "{len}");
    }
}
