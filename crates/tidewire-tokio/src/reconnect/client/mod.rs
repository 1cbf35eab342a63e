//! The client itself: what it is doing, and what it is asked. What comes next is in `step`.

mod step;

use std::{
    future::{Future, poll_fn},
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_core::Stream;
use tidewire_connection::websocket::Ended;
use tidewire_lifecycle::reconnect::{Config, Reconnect};
use tidewire_ws::{frame::CloseCode, message::SendError};
use tokio::io::{AsyncRead, AsyncWrite};

use super::builder::Builder;
use super::resume::{Preparing, Resume};
use super::update::{Error, Update};
use crate::{
    alarm::Alarm,
    connect::{self, ConnectError, InvalidRequest, Opened, Request},
    give_way::give_way,
    websocket::{Message, WebSocket},
};
use step::Step;

/// Things passed over in one poll before other tasks get a turn.
const MAX_PASSED_PER_POLL: usize = 16;

type Connecting<IO> = Pin<Box<dyn Future<Output = Result<(WebSocket<IO>, Opened), ConnectError>> + Send>>;

/// How connections are made.
pub(super) type Connect<IO> = Box<dyn FnMut(Request) -> Connecting<IO> + Send>;

/// What a client is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Task {
    /// It connects.
    Connect,
    /// A connection is open.
    Open,
    /// It closes, and does not come back.
    Close,
    /// It waits before the next attempt.
    Wait,
    /// Nothing, any more.
    Done,
}

/// A WebSocket that comes back by itself; see the [module](super). As a [`Stream`] it gives messages.
///
/// The end is `None`: behind [`close`](Self::close), and behind a server that has done what it was to do (close code 1000).
/// An error of which [`Error::is_end`] is true is followed by `None`. Dropped, it drops its connection without a close frame.
pub struct ReconnectingWebSocket<R = (), IO = connect::Stream> {
    request: Request,
    connect: Connect<IO>,
    schedule: Reconnect,
    resume: R,
    entropy: u64,
    state: State<IO>,
    last_ended: Option<Ended>,
}

enum State<IO> {
    /// The next attempt is due.
    Attempt,
    Preparing(Preparing),
    Connecting(Connecting<IO>),
    Open(Box<WebSocket<IO>>),
    /// By us; whatever comes of it, there is no way back.
    Closing(Box<WebSocket<IO>>),
    Waiting {
        alarm: Alarm,
        until: Duration,
    },
    Done,
}

impl ReconnectingWebSocket {
    /// A client for this address, `ws` or `wss`. It connects when it is polled.
    ///
    /// # Errors
    /// [`InvalidRequest`].
    pub fn connect(request: impl Into<Request>) -> Result<Self, InvalidRequest> {
        Self::builder(request).connect()
    }

    /// A client with a connector, a schedule or a way to go on of the caller's own.
    pub fn builder(request: impl Into<Request>) -> Builder {
        Builder::new(request.into())
    }
}

impl<R, IO> ReconnectingWebSocket<R, IO> {
    pub(super) fn new(
        request: Request,
        connect: Connect<IO>,
        schedule: Arc<Config>,
        resume: R,
        entropy: u64,
    ) -> Self {
        let schedule = Reconnect::new(schedule);
        Self { request, connect, schedule, resume, entropy, state: State::Attempt, last_ended: None }
    }

    // Questions.

    /// What it is doing.
    #[must_use]
    pub fn task(&self) -> Task {
        match &self.state {
            State::Attempt | State::Preparing(_) | State::Connecting(_) => Task::Connect,
            State::Open(_) => Task::Open,
            State::Closing(_) => Task::Close,
            State::Waiting { .. } => Task::Wait,
            State::Done => Task::Done,
        }
    }

    /// The connection that is open or closing: what it has used, when the server was last seen.
    #[must_use]
    pub fn websocket(&self) -> Option<&WebSocket<IO>> {
        match &self.state {
            State::Open(websocket) | State::Closing(websocket) => Some(websocket),
            State::Attempt
            | State::Preparing(_)
            | State::Connecting(_)
            | State::Waiting { .. }
            | State::Done => None,
        }
    }

    /// How the last connection ended, once one has.
    #[must_use]
    pub fn last_ended(&self) -> Option<&Ended> {
        self.last_ended.as_ref()
    }

    /// What it does to go on where it was.
    #[must_use]
    pub fn resume(&self) -> &R {
        &self.resume
    }

    /// The same, to change it.
    #[must_use]
    pub fn resume_mut(&mut self) -> &mut R {
        &mut self.resume
    }

    fn open(&mut self) -> Result<&mut WebSocket<IO>, SendError> {
        match &mut self.state {
            State::Open(websocket) => Ok(websocket),
            State::Attempt
            | State::Preparing(_)
            | State::Connecting(_)
            | State::Closing(_)
            | State::Waiting { .. }
            | State::Done => Err(SendError::NotOpen),
        }
    }
}

impl<R: Resume, IO: AsyncRead + AsyncWrite + Unpin> ReconnectingWebSocket<R, IO> {
    // Receiving.

    /// The next message. Cancel safe: a message is taken only when it is returned.
    ///
    /// # Errors
    /// [`Error`]: it has given up.
    ///
    /// # Panics
    /// Outside a tokio runtime with time enabled, and with I/O where it dials.
    pub async fn next(&mut self) -> Option<Result<Message, Error>> {
        poll_fn(|cx| self.poll_message(cx)).await
    }

    /// The next thing that happens, openings and losses included. Cancel safe.
    ///
    /// # Errors
    /// [`Error`]: it has given up.
    ///
    /// # Panics
    /// As [`next`](Self::next).
    pub async fn next_update(&mut self) -> Option<Result<Update, Error>> {
        poll_fn(|cx| self.poll_update(cx)).await
    }

    /// Polls for the next message; see [`next`](Self::next).
    pub fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Error>>> {
        for _ in 0..MAX_PASSED_PER_POLL {
            match ready!(self.poll_step(cx)) {
                Step::Update(Update::Message(message)) => return Poll::Ready(Some(Ok(message))),
                Step::Update(Update::Open(_) | Update::Lost { .. }) | Step::Passed => {}
                Step::End(error) => return Poll::Ready(error.map(Err)),
            }
        }
        give_way(cx)
    }

    /// Polls for the next thing that happens; see [`next_update`](Self::next_update).
    pub fn poll_update(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Update, Error>>> {
        for _ in 0..MAX_PASSED_PER_POLL {
            match ready!(self.poll_step(cx)) {
                Step::Update(update) => return Poll::Ready(Some(Ok(update))),
                Step::Passed => {}
                Step::End(error) => return Poll::Ready(error.map(Err)),
            }
        }
        give_way(cx)
    }

    // Sending.

    /// Queues a message; it goes out with the next call that polls.
    ///
    /// # Errors
    /// There is no open connection, or it is closing.
    pub fn feed(&mut self, message: Message) -> Result<(), SendError> {
        self.open()?.feed(message)
    }

    /// Queues a text message; it goes out with the next call that polls.
    ///
    /// # Errors
    /// There is no open connection, or it is closing.
    pub fn feed_text(&mut self, text: &str) -> Result<(), SendError> {
        self.open()?.feed_text(text)
    }

    /// Queues a binary message; it goes out with the next call that polls.
    ///
    /// # Errors
    /// There is no open connection, or it is closing.
    pub fn feed_binary(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.open()?.feed_binary(payload)
    }

    /// Queues a message and waits until the transport took all output, or is gone. It does not wait for a connection.
    /// Cancel safe: once queued, the message goes out with later calls.
    ///
    /// # Errors
    /// There is no open connection, or it is closing.
    pub async fn send(&mut self, message: Message) -> Result<(), SendError> {
        self.open()?.send(message).await
    }

    /// Waits until the transport took all output, or is gone; without a connection there is none. Cancel safe.
    pub async fn flush(&mut self) {
        if let Ok(websocket) = self.open() {
            websocket.flush().await;
        }
    }

    /// Closes what is open, as [`WebSocket::close`] does, and does not come back. Messages that come meanwhile are dropped.
    /// Cancel safe: once it was polled there is no way back, and [`next`](Self::next) closes as well.
    ///
    /// # Errors
    /// The reason is longer than 123 bytes.
    pub async fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), SendError> {
        if let Ok(websocket) = self.open() {
            match websocket.start_close(code, reason) {
                Ok(()) | Err(SendError::NotOpen) => {}
                Err(error) => return Err(error),
            }
        }
        self.state = match mem::replace(&mut self.state, State::Done) {
            State::Open(websocket) | State::Closing(websocket) => State::Closing(websocket),
            State::Attempt
            | State::Preparing(_)
            | State::Connecting(_)
            | State::Waiting { .. }
            | State::Done => State::Done,
        };
        // Nothing comes any more but the end.
        while self.next().await.is_some() {}
        Ok(())
    }
}

impl<R: Resume + Unpin, IO: AsyncRead + AsyncWrite + Unpin> Stream for ReconnectingWebSocket<R, IO> {
    type Item = Result<Message, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_message(cx)
    }
}

impl<R: std::fmt::Debug, IO> std::fmt::Debug for ReconnectingWebSocket<R, IO> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReconnectingWebSocket")
            .field("request", &self.request)
            .field("task", &self.task())
            .field("schedule", &self.schedule)
            .field("resume", &self.resume)
            .field("last_ended", &self.last_ended)
            .finish_non_exhaustive()
    }
}
