//! The server's opening handshake on a raw transport: one head, one answer, all under one deadline.

use std::{io, sync::Arc, time::Duration};

#[cfg(feature = "deflate")]
use tidewire_ws::deflate;
use tidewire_ws::handshake::{self, HeadReader, Progress, Refusal, Request, Response};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::timeout,
};

use crate::websocket::{Config, WebSocket};

/// Bytes taken off the transport at a time while the head is incomplete.
const READ_LEN: usize = 2048;

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

/// What a request came to.
struct Accepted {
    /// The 101.
    switching: Vec<u8>,
    /// What came behind the request.
    unread: Vec<u8>,
    #[cfg(feature = "deflate")]
    agreement: Option<deflate::Agreement>,
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

    /// Reads a request, answers it with a bare 101, and hands out the connection.
    ///
    /// # Errors
    /// [`AcceptError`]; a refused client was answered with the status that fits.
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
    pub async fn accept_with<IO>(
        &self,
        mut io: IO,
        respond: impl FnOnce(&Request<'_>) -> Result<Response, Refusal>,
    ) -> Result<WebSocket<IO>, AcceptError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let limit = self.websocket.lifecycle.opening_timeout.unwrap_or(Duration::MAX);
        // The reading lives on the heap, so that the task of an open connection does not carry its state.
        let answer = Box::pin(timeout(limit, self.answer(&mut io, respond)))
            .await
            .map_err(|_| AcceptError::Timeout)??;
        match answer {
            Ok(accepted) => {
                let websocket = WebSocket::accepted(io, &accepted.unread, &self.websocket);
                #[cfg(feature = "deflate")]
                if let Some(agreement) = &accepted.agreement {
                    return Ok(websocket.with_deflate(agreement));
                }
                Ok(websocket)
            }
            Err(refusal) => {
                Box::pin(self.refuse(io, &refusal)).await?;
                Err(AcceptError::Refused(refusal))
            }
        }
    }

    /// Reads the request and writes its 101; a refusal is not written yet.
    async fn answer<IO: AsyncRead + AsyncWrite + Unpin>(
        &self,
        io: &mut IO,
        respond: impl FnOnce(&Request<'_>) -> Result<Response, Refusal>,
    ) -> Result<Result<Accepted, Refusal>, AcceptError> {
        let answer = self.read_head(io, respond).await?;
        if let Ok(accepted) = &answer {
            io.write_all(&accepted.switching).await?;
            io.flush().await?;
        }
        Ok(answer)
    }

    /// What the request comes to.
    async fn read_head<IO: AsyncRead + Unpin>(
        &self,
        io: &mut IO,
        respond: impl FnOnce(&Request<'_>) -> Result<Response, Refusal>,
    ) -> Result<Result<Accepted, Refusal>, AcceptError> {
        let mut head = HeadReader::new(Arc::clone(&self.handshake));
        let mut piece = vec![0; READ_LEN];
        let unread = loop {
            let len = io.read(&mut piece).await?;
            if len == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            match head.receive(&piece[..len]) {
                Ok(Progress::NeedMore) => {}
                Ok(Progress::Complete { consumed }) => break piece[consumed..len].to_vec(),
                Err(refusal) => return Ok(Err(refusal)),
            }
        };
        let request = match head.request() {
            Ok(request) => request,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let response = match respond(&request) {
            Ok(response) => response,
            Err(refusal) => return Ok(Err(refusal)),
        };
        #[cfg(feature = "deflate")]
        let response = match &self.deflate {
            // The caller may have agreed to something by itself.
            Some(pool) if response.agreement().is_none() => {
                pool.accept(request.extensions()).iter().fold(response, Response::deflate)
            }
            Some(_) | None => response,
        };
        let mut switching = Vec::new();
        match request.accept(&response, &mut switching) {
            Ok(()) => Ok(Ok(Accepted {
                switching,
                unread,
                #[cfg(feature = "deflate")]
                agreement: response.agreement().cloned(),
            })),
            // The client is not to blame.
            Err(_) => Ok(Err(Refusal::new(500, "the server chose what was not offered"))),
        }
    }

    /// Answers and lingers: to close with unread input would destroy the answer on its way. Nothing of the input is
    /// looked at.
    async fn refuse<IO>(&self, mut io: IO, refusal: &Refusal) -> io::Result<()>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let mut answer = Vec::new();
        refusal.encode(&mut answer);
        let lifecycle = &self.websocket.lifecycle;
        let limit = lifecycle.closing_timeout.unwrap_or(Duration::MAX);
        let linger = lifecycle.linger_timeout.unwrap_or(Duration::MAX);
        timeout(limit, async {
            io.write_all(&answer).await?;
            io.shutdown().await
        })
        .await
        .map_err(io::Error::from)??;
        let discard = async {
            let mut piece = vec![0; READ_LEN];
            let mut left = lifecycle.linger_max_bytes as usize;
            while left > 0 {
                match io.read(&mut piece).await {
                    Ok(0) | Err(_) => break,
                    Ok(len) => left = left.saturating_sub(len),
                }
            }
        };
        // Whether the peer ended its stream or the time is over: the answer had its chance.
        let _ = timeout(linger, discard).await;
        Ok(())
    }
}
