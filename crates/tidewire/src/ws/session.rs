//! One open WebSocket: what comes in, what goes out, and the end, in whatever dialect.

use super::{json, raw};
use crate::app::{App, Delivered, Subscriber};
use crate::error::ApiError;
use crate::message::Payload;
use std::borrow::Cow;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tidewire_hub::{ConnectionId, Cursor, Position, TopicName};
use tidewire_tokio::hub::Budget;
use tidewire_tokio::listener::Connection;
use tidewire_tokio::websocket::{Message, WebSocket};
use tidewire_ws::frame::CloseCode;
use tracing::debug;

/// What is taken from the hub at a time; the bytes are those of a message with all its forms, a quarter of which goes
/// out. What the socket does not take of it is all that a client that does not read costs beside its cursor.
const BATCH: Budget = Budget { max_messages: 256, max_bytes: 64 * 1024 };

/// Messages received in a row before what is published gets its turn. Until then it waits, so that the answers to
/// all that came in one read go out in one write.
const MAX_RECEIVED_IN_A_ROW: u32 = 64;

/// What the messages of a connection look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Payloads as they are.
    Raw,
    /// Records.
    Json,
}

/// A dialect in use, with what it has to remember.
#[derive(Debug)]
pub(super) enum Dialogue {
    /// Payloads as they are.
    Raw,
    /// Records.
    Json(json::Dialogue),
}

impl Dialect {
    /// The dialect at the start of a connection.
    pub(super) fn dialogue(self, cursor: &Cursor, connection: ConnectionId) -> Dialogue {
        match self {
            Self::Raw => Dialogue::Raw,
            Self::Json => Dialogue::Json(json::Dialogue::new(cursor, connection)),
        }
    }
}

/// Whether the connection goes on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// It does.
    Continue,
    /// We close it.
    Close(CloseCode, Cow<'static, str>),
}

/// Closes for a client that lags further behind than it may: it comes back with its cursor.
pub(super) fn dismissed() -> Flow {
    Flow::Close(CloseCode::TRY_AGAIN_LATER, Cow::Borrowed("slow consumer"))
}

/// What happened.
enum Turn {
    Draining,
    Received(Message),
    Delivered(Vec<Delivered>),
    Over,
}

/// An open WebSocket with its place in the hub.
#[derive(Debug)]
pub(super) struct Session {
    app: Arc<App>,
    pub(super) socket: WebSocket<Connection>,
    subscriber: Subscriber,
    /// Where messages without a topic of their own are published.
    topic: TopicName,
    exclude: Option<ConnectionId>,
}

impl Session {
    pub(super) fn new(
        app: Arc<App>,
        socket: WebSocket<Connection>,
        subscriber: Subscriber,
        topic: TopicName,
        exclude: Option<ConnectionId>,
    ) -> Self {
        Self { app, socket, subscriber, topic, exclude }
    }

    /// Serves the connection to its end.
    pub(super) async fn run(mut self, mut dialogue: Dialogue) {
        let mut draining = pin!(self.app.drain().begun());
        if let Dialogue::Json(dialogue) = &mut dialogue {
            dialogue.open(&mut self);
        }
        let mut received = 0;
        loop {
            let turn = poll_fn(|cx| self.poll_turn(cx, draining.as_mut(), &mut received)).await;
            let flow = match (turn, &mut dialogue) {
                (Turn::Over, _) => break,
                (Turn::Draining, _) => {
                    Flow::Close(CloseCode::GOING_AWAY, "the server is shutting down".into())
                }
                (Turn::Received(message), Dialogue::Raw) => raw::receive(&mut self, &message),
                (Turn::Received(message), Dialogue::Json(dialogue)) => dialogue.receive(&mut self, &message),
                (Turn::Delivered(batch), Dialogue::Raw) => raw::deliver(&mut self, &batch),
                (Turn::Delivered(batch), Dialogue::Json(_)) => json::deliver(&mut self, &batch),
            };
            if let Flow::Close(code, reason) = flow {
                // Nothing more is delivered: the hub need not keep a cursor for the time of the closing handshake.
                let Self { mut socket, subscriber, .. } = self;
                drop(subscriber);
                if let Err(error) = socket.close(code, &reason).await {
                    debug!(%error, "the close frame was not sent");
                }
                return log_end(&socket);
            }
        }
        log_end(&self.socket);
    }

    fn poll_turn(
        &mut self,
        cx: &mut Context<'_>,
        draining: Pin<&mut impl Future<Output = ()>>,
        received: &mut u32,
    ) -> Poll<Turn> {
        if draining.poll(cx).is_ready() {
            return Poll::Ready(Turn::Draining);
        }
        if *received < MAX_RECEIVED_IN_A_ROW {
            match self.socket.poll_message(cx) {
                Poll::Ready(Some(message)) => {
                    *received += 1;
                    return Poll::Ready(Turn::Received(message));
                }
                Poll::Ready(None) => return Poll::Ready(Turn::Over),
                Poll::Pending => {}
            }
        }
        // As long as something waits, the socket has been asked to wake us when it takes more: a client that does not
        // read is a cursor that falls behind, not a queue.
        if self.socket.output_len() == 0 {
            let mut batch = Vec::new();
            if self.subscriber.poll_batch(cx, BATCH, &mut batch).is_ready() {
                *received = 0;
                return Poll::Ready(Turn::Delivered(batch));
            }
        }
        if *received >= MAX_RECEIVED_IN_A_ROW {
            *received = 0;
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// The cursor behind what was delivered so far, this included.
    pub(super) fn cursor_after(&mut self, delivered: &Delivered) -> Cursor {
        self.subscriber.cursor_after(delivered)
    }

    /// Notes that this is delivered.
    pub(super) fn reach(&mut self, delivered: &Delivered) {
        self.subscriber.reach(delivered);
    }

    /// The cursor behind what was delivered so far, and behind all gaps that no batch has told of yet.
    pub(super) fn cursor_behind_gaps(&mut self) -> Cursor {
        // The close tells of all of them at once.
        let _ = self.subscriber.take_gaps();
        self.subscriber.progress().cursor()
    }

    /// Publishes to the connection's own topic.
    pub(super) fn publish(&self, payload: Payload<'_>) -> Result<Position, ApiError> {
        self.app.publish(&self.topic, payload, None, self.exclude)
    }

    /// Publishes to any topic.
    pub(super) fn publish_to(
        &self,
        topic: &TopicName,
        payload: Payload<'_>,
        event: Option<&str>,
    ) -> Result<Position, ApiError> {
        self.app.publish(topic, payload, event, self.exclude)
    }

    /// The time, for what is counted within a window.
    pub(super) fn now(&self) -> Duration {
        self.app.clock().now()
    }
}

fn log_end(socket: &WebSocket<Connection>) {
    if let Some(ended) = socket.ended() {
        debug!(%ended, "websocket");
    }
}
