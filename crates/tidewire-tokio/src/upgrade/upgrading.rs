//! From the answer to the connection: the server writes a 101 or a 200, and hands out the transport behind it.

use std::{
    future::{Future, poll_fn},
    io,
    pin::Pin,
    task::Poll,
};

use bytes::Bytes;
use http::Version;
use hyper::upgrade::OnUpgrade;
use hyper_util::{rt::TokioIo, server::conn::auto};
use tidewire_connection::websocket as sans_io;
#[cfg(feature = "deflate")]
use tidewire_ws::deflate;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Upgraded, answer::Sent, refused::linger};
use crate::{
    alarm::Alarm,
    stream_server::Watched,
    websocket::{Config, WebSocket},
};

/// A connection whose answer is on its way: spawn a task that waits for the [`websocket`](Self::websocket), for the answer
/// goes out only when the request's handler has returned it.
#[derive(Debug)]
#[must_use = "the connection is closed with it"]
pub struct Upgrading {
    pub(super) pending: OnUpgrade,
    pub(super) sent: Sent,
    pub(super) version: Version,
    pub(super) config: Config,
    #[cfg(feature = "deflate")]
    pub(super) agreement: Option<deflate::Agreement>,
}

/// Why no connection came of an answer.
#[derive(Debug)]
#[non_exhaustive]
pub enum UpgradeError {
    /// The answer was not taken within the opening deadline, or was not sent: the handler still waits.
    Timeout,
    /// The server did not send an answer: the connection broke off, say.
    Http(hyper::Error),
    /// The answer was replaced on its way to the client, or lost its body, an [`Answer`](super::Answer).
    Replaced,
    /// The transport is not of the type that was asked for.
    OtherTransport,
}

impl std::fmt::Display for UpgradeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Timeout => "the answer was not taken within the opening deadline",
            Self::Http(_) => "the server did not send the answer",
            Self::Replaced => "expected the answer to be sent with its body, got another answer",
            Self::OtherTransport => "expected a transport of another type",
        })
    }
}

impl std::error::Error for UpgradeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Http(error) => Some(error),
            Self::Timeout | Self::Replaced | Self::OtherTransport => None,
        }
    }
}

impl From<UpgradeError> for io::Error {
    fn from(error: UpgradeError) -> Self {
        match error {
            UpgradeError::Timeout => Self::new(io::ErrorKind::TimedOut, error),
            UpgradeError::Http(_) | UpgradeError::Replaced | UpgradeError::OtherTransport => {
                Self::other(error)
            }
        }
    }
}

impl Upgrading {
    /// The WebSocket, when the server has sent the answer. Not cancel safe: the connection is closed with it.
    ///
    /// # Errors
    /// [`UpgradeError`]: the client is gone, or takes nothing.
    ///
    /// # Panics
    /// Outside a tokio runtime with time enabled.
    pub async fn websocket(mut self) -> Result<WebSocket<Upgraded>, UpgradeError> {
        let mut alarm = Alarm::new();
        let upgraded = self.upgraded(&mut alarm).await?;
        let (io, unread) = Upgraded::of(upgraded, self.version);
        Ok(self.open(io, &unread, alarm))
    }

    /// The WebSocket on the very transport that the server was given, in a [`TokioIo`], by those who know its type: it
    /// costs one call less for each read and write. Over HTTP/2 there is no such transport. Not cancel safe.
    ///
    /// # Errors
    /// [`UpgradeError`]; also where the transport is of another type.
    ///
    /// # Panics
    /// Outside a tokio runtime with time enabled.
    pub async fn websocket_on<IO>(mut self) -> Result<WebSocket<IO>, UpgradeError>
    where
        IO: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let mut alarm = Alarm::new();
        let upgraded = self.upgraded(&mut alarm).await?;
        let (io, unread) = downcast(upgraded).map_err(|_| UpgradeError::OtherTransport)?;
        Ok(self.open(io, &unread, alarm))
    }

    /// Waits for the server, for as long as an opening handshake may take.
    async fn upgraded(&mut self, alarm: &mut Alarm) -> Result<hyper::upgrade::Upgraded, UpgradeError> {
        let timeout = self.config.lifecycle.opening_timeout;
        let deadline = timeout.map(|after| alarm.now().saturating_add(after));
        let upgraded = poll_fn(|cx| match (Pin::new(&mut self.pending).poll(cx), deadline) {
            (Poll::Ready(upgraded), _) => Poll::Ready(upgraded.map_err(UpgradeError::Http)),
            (Poll::Pending, Some(at)) => alarm.poll(cx, at).map(|()| Err(UpgradeError::Timeout)),
            (Poll::Pending, None) => Poll::Pending,
        })
        .await?;
        // Over HTTP/2 a stream is handed out behind a 200 and nothing else.
        if self.version < Version::HTTP_2 && !self.sent.is_sent() {
            linger(upgraded, &self.config.lifecycle).await;
            return Err(UpgradeError::Replaced);
        }
        Ok(upgraded)
    }

    fn open<IO: AsyncRead + AsyncWrite + Unpin>(self, io: IO, unread: &[u8], alarm: Alarm) -> WebSocket<IO> {
        let now = alarm.now();
        let halves = sans_io::server(&self.config, now);
        let websocket = WebSocket::new(io, unread, alarm, now, halves);
        #[cfg(feature = "deflate")]
        if let Some(agreement) = &self.agreement {
            return websocket.with_deflate(agreement);
        }
        websocket
    }
}

/// What the server was given, whether hyper itself, or that of hyper-util which tells the versions of HTTP apart, or that of
/// this crate; and what the client sent behind its request.
pub(super) fn downcast<IO>(
    upgraded: hyper::upgrade::Upgraded,
) -> Result<(IO, Bytes), hyper::upgrade::Upgraded>
where
    IO: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let upgraded = match upgraded.downcast::<TokioIo<IO>>() {
        Ok(parts) => return Ok((parts.io.into_inner(), parts.read_buf)),
        Err(upgraded) => upgraded,
    };
    let upgraded = match upgraded.downcast::<TokioIo<Watched<IO>>>() {
        Ok(parts) => return Ok((parts.io.into_inner().into_inner(), parts.read_buf)),
        Err(upgraded) => upgraded,
    };
    let parts = auto::upgrade::downcast::<TokioIo<IO>>(upgraded)?;
    Ok((parts.io.into_inner(), parts.read_buf))
}
