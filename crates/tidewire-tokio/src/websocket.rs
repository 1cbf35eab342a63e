//! A WebSocket on a tokio transport: it moves bytes and tells the time; every rule is in `tidewire-connection`.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_core::Stream;
use tidewire_connection::websocket::{self as sans_io, Event, Transport};
use tidewire_lifecycle::{Lifecycle, Usage};
use tidewire_ws::{
    frame::{CloseCode, EncodedFrame},
    message::{MessageKind, SendError},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

pub use tidewire_connection::websocket::{Cause, ClosingHandshake, Config, Ended, Endpoint};

use crate::{alarm::Alarm, clock::Clock, output::Output, pool::ReadBuffer};

/// While so many bytes of output wait, nothing more is read: a peer that does not take answers asks no questions.
const MAX_OUTPUT_LEN: usize = 1024 * 1024;

/// Reads in one poll before other tasks get a turn.
const MAX_READS_PER_POLL: usize = 16;

/// An application that is busy with a message for less than this reads on all the time.
const SHORT_BUSY: Duration = Duration::from_millis(1);

/// Messages dropped in one poll while closing.
const MAX_DROPPED_PER_POLL: usize = 64;

/// A message that the peer sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// UTF-8 text.
    Text(String),
    /// Any bytes.
    Binary(Vec<u8>),
}

/// A WebSocket after its opening handshake, as a [`Stream`] of messages.
///
/// Pings are answered, heartbeats sent and deadlines kept while [`next`](Self::next) (or the stream) is polled. What
/// is fed goes out, all in one write, when the input is drained, or with [`flush`](Self::flush). While idle it owns
/// neither a read nor a write buffer.
#[derive(Debug)]
pub struct WebSocket<IO> {
    io: IO,
    reader: sans_io::Reader,
    writer: sans_io::Writer,
    output: Output,
    /// Bytes that were read and hold more events.
    unread: Option<ReadBuffer>,
    alarm: Alarm,
    /// When the application was given a message, before it asked for the next.
    busy_since: Option<Duration>,
}

impl<IO: AsyncRead + AsyncWrite + Unpin> WebSocket<IO> {
    /// A server's connection on a transport that the 101 has been written to. `unread` is what the client sent
    /// behind its request.
    ///
    /// # Panics
    /// Outside a tokio runtime with time enabled.
    #[must_use]
    pub fn accepted(io: IO, unread: &[u8], config: &Config) -> Self {
        let alarm = Alarm::new();
        let halves = sans_io::server(config, alarm.now());
        Self::new(io, unread, alarm, halves)
    }

    /// Compresses messages and takes compressed ones, as it was agreed to in the opening handshake. Before the first
    /// message.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn with_deflate(self, agreement: &tidewire_ws::deflate::Agreement) -> Self {
        let reader = self.reader.with_deflate(agreement);
        let writer = self.writer.with_deflate(agreement);
        Self { reader, writer, ..self }
    }

    pub(crate) fn new(
        io: IO,
        unread: &[u8],
        alarm: Alarm,
        halves: (sans_io::Reader, sans_io::Writer),
    ) -> Self {
        let (reader, mut writer) = halves;
        let unread = (!unread.is_empty()).then(|| ReadBuffer::from(unread));
        if let Some(unread) = &unread {
            writer.handle_received(alarm.now(), unread.len());
        }
        Self { io, reader, writer, output: Output::default(), unread, alarm, busy_since: None }
    }

    // Receiving.

    /// The next message; `None` once the connection is over and the transport was left as the protocol asks:
    /// [`ended`](Self::ended) then says why. Cancel safe: a message is taken only when it is returned.
    pub async fn next(&mut self) -> Option<Message> {
        poll_fn(|cx| self.poll_message(cx)).await
    }

    /// Polls for the next message; see [`next`](Self::next).
    pub fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        let polled = self.poll_next_message(cx);
        if self.writer.transport() == Transport::Closed {
            // There is nobody to take it.
            self.output = Output::default();
        }
        polled
    }

    fn poll_next_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.come_back();
        for _ in 0..MAX_READS_PER_POLL {
            if let Some(message) = self.take_message() {
                return Poll::Ready(Some(message));
            }
            let moved = match self.writer.transport() {
                Transport::Closed => return Poll::Ready(None),
                Transport::ShutDown | Transport::Finish => self.poll_last_output(cx),
                Transport::Open if self.output.len() >= MAX_OUTPUT_LEN => {
                    self.writer.handle_read_paused(self.alarm.now());
                    self.poll_output(cx)
                }
                Transport::Open | Transport::Discard => {
                    // Whether all of it goes out or not, reading goes on; but not on a transport that failed.
                    let _ = self.poll_output(cx);
                    match self.writer.transport() {
                        Transport::Closed => return Poll::Ready(None),
                        Transport::Open | Transport::ShutDown | Transport::Discard | Transport::Finish => {
                            self.poll_read(cx)
                        }
                    }
                }
            };
            // The transport has its say first: what it brings may be what a deadline waits for.
            if moved.is_pending() && self.poll_timers(cx).is_pending() {
                return Poll::Pending;
            }
        }
        // A peer that never pauses must not hold up the deadlines.
        let _ = self.poll_timers(cx);
        // Others want a turn; this task goes on behind them.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// The application asks again: while it was busy with a message nothing was read, and nobody was silent.
    fn come_back(&mut self) {
        let Some(since) = self.busy_since.take() else { return };
        let now = self.alarm.now();
        if now.saturating_sub(since) >= SHORT_BUSY {
            self.writer.handle_read_paused(since);
            self.writer.handle_read_resumed(now);
        }
    }

    /// The next message of what was read already.
    fn take_message(&mut self) -> Option<Message> {
        let unread = self.unread.as_mut()?;
        let now = self.alarm.now();
        let mut message = None;
        let mut events = self.reader.receive(unread.unread());
        while message.is_none() {
            message = match events.next(now, &mut self.writer, &mut self.output.tail) {
                Some(Event::Text(text)) => Some(Message::Text(text.into_owned())),
                Some(Event::Binary(payload)) => Some(Message::Binary(payload.into_owned())),
                Some(Event::Ping(_) | Event::Pong(_)) => None,
                // It is asked for when the transport was left as the protocol wants.
                Some(Event::Ended(_)) | None => break,
            };
        }
        let consumed = events.consumed();
        unread.consume(consumed);
        if message.is_none() || unread.is_empty() {
            self.unread = None;
        }
        if message.is_some() {
            // A peer that sends on and on does not outlive its deadlines.
            if self.writer.poll_timeout().is_some_and(|(at, _)| at <= now) {
                self.writer.handle_timeout(now, &mut self.output.tail);
            }
            self.busy_since = Some(now);
        }
        message
    }

    /// Reads once: `Ready` when something came of it.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.writer.lifecycle().is_reading() {
            self.writer.handle_read_resumed(self.alarm.now());
        }
        let mut buffer = ReadBuffer::take();
        let mut room = ReadBuf::new(buffer.room());
        let outcome = ready!(Pin::new(&mut self.io).poll_read(cx, &mut room));
        let len = room.filled().len();
        let now = self.alarm.now();
        match outcome {
            Err(_) => self.writer.handle_transport_error(now),
            Ok(()) if len == 0 => self.reader.handle_eof(now, &mut self.writer),
            Ok(()) if self.writer.transport() == Transport::Discard => self.writer.handle_discarded(now, len),
            Ok(()) => {
                self.writer.handle_received(now, len);
                buffer.filled(len);
                self.unread = Some(buffer);
            }
        }
        Poll::Ready(())
    }

    // Sending.

    /// Queues a text message.
    ///
    /// # Errors
    /// Our close frame is out, or the connection is over.
    pub fn feed_text(&mut self, text: &str) -> Result<(), SendError> {
        self.writer.send_text(self.alarm.now(), text, &mut self.output.tail)
    }

    /// Queues a binary message.
    ///
    /// # Errors
    /// Our close frame is out, or the connection is over.
    pub fn feed_binary(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.writer.send_binary(self.alarm.now(), payload, &mut self.output.tail)
    }

    /// Queues a frame that other connections share; a large one goes out without being copied.
    ///
    /// # Errors
    /// Our close frame is out, the connection is over, or this is a client.
    pub fn feed_encoded(&mut self, frame: &EncodedFrame) -> Result<(), SendError> {
        self.writer.admit_encoded(self.alarm.now())?;
        self.output.push_shared(frame.bytes());
        Ok(())
    }

    /// Queues one message whose payload is the `pieces` in order; large ones go out without being copied.
    ///
    /// # Errors
    /// Our close frame is out, the connection is over, or this is a client.
    pub fn feed_pieces(&mut self, kind: MessageKind, pieces: &[bytes::Bytes]) -> Result<(), SendError> {
        let payload_len = pieces.iter().map(bytes::Bytes::len).sum();
        let header = self.writer.admit_payload(self.alarm.now(), kind, payload_len)?;
        self.output.tail.extend_from_slice(header.as_bytes());
        pieces.iter().for_each(|piece| self.output.push_shared(piece));
        Ok(())
    }

    /// Bytes that were queued and that the transport has not taken.
    #[must_use]
    pub fn output_len(&self) -> usize {
        self.output.len()
    }

    /// Queues a message and waits until the transport took all output. Cancel safe: once queued, the message goes
    /// out with later calls.
    ///
    /// # Errors
    /// Our close frame is out, or the connection is over.
    pub async fn send(&mut self, message: &Message) -> Result<(), SendError> {
        match message {
            Message::Text(text) => self.feed_text(text)?,
            Message::Binary(payload) => self.feed_binary(payload)?,
        }
        self.flush().await;
        Ok(())
    }

    /// Waits until the transport took all output, or is gone: then [`ended`](Self::ended) says so. Deadlines run
    /// meanwhile. Cancel safe.
    pub async fn flush(&mut self) {
        poll_fn(|cx| self.poll_flush(cx)).await;
    }

    /// Polls for the end of the output; see [`flush`](Self::flush).
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let written = match self.writer.transport() {
                Transport::Closed => {
                    // There is nobody to take it.
                    self.output = Output::default();
                    return Poll::Ready(());
                }
                Transport::Open | Transport::ShutDown | Transport::Discard | Transport::Finish => {
                    self.poll_output(cx)
                }
            };
            if written.is_ready() || self.poll_timers(cx).is_pending() {
                return written;
            }
        }
    }

    // Ending.

    /// Queues our close frame; go on with [`next`](Self::next) until it is `None`.
    ///
    /// # Errors
    /// Our close frame is out already, the connection is over, or the reason is longer than 123 bytes.
    pub fn start_close(&mut self, code: CloseCode, reason: &str) -> Result<(), SendError> {
        self.writer.close(self.alarm.now(), Some((code, reason)), &mut self.output.tail)
    }

    /// Closes: our close frame, the peer's, the end of its stream, each within its deadline. Messages that come
    /// meanwhile are dropped. When a close is under way already, it waits for its end. Cancel safe.
    ///
    /// # Errors
    /// The reason is longer than 123 bytes.
    pub async fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), SendError> {
        match self.start_close(code, reason) {
            Ok(()) | Err(SendError::NotOpen) => {}
            Err(error) => return Err(error),
        }
        poll_fn(|cx| self.poll_closed(cx)).await;
        Ok(())
    }

    /// Drops messages until the end.
    fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..MAX_DROPPED_PER_POLL {
            if ready!(self.poll_message(cx)).is_none() {
                return Poll::Ready(());
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// How the connection ended, once it has.
    #[must_use]
    pub fn ended(&self) -> Option<&Ended> {
        self.writer.ended()
    }

    /// What the connection has used.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.writer.usage(self.alarm.now())
    }

    /// Its life: since when it is quiet, when the peer was last seen, how far it is.
    #[must_use]
    pub fn lifecycle(&self) -> &Lifecycle {
        self.writer.lifecycle()
    }

    /// The clock that its times are told by.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.alarm.clock()
    }

    // What ends it.

    /// What proved who the peer is holds for so long from now, or for ever: then it is closed with 1008; see
    /// [`Lifecycle::set_credential_expiry`].
    pub fn set_credential_expiry(&mut self, expires_in: Option<Duration>) {
        let now = self.alarm.now();
        self.writer.set_credential_expiry(now, expires_in.map(|after| now.saturating_add(after)));
    }

    /// The server goes away: it is closed with 1001, so long from now, whatever [`drain`](tidewire_lifecycle::drain) says for
    /// it.
    pub fn begin_drain(&mut self, told_in: Duration) {
        let now = self.alarm.now();
        self.writer.begin_drain(now, now.saturating_add(told_in));
    }

    // Pumps.

    /// Writes what waits, and flushes the transport; `Ready` when nothing waits.
    fn poll_output(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.output.pending_len() == 0 {
                return Poll::Ready(());
            }
            let mut written = 0;
            let outcome = self.output.poll_write(&mut self.io, cx, &mut written);
            let now = self.alarm.now();
            let left = self.output.pending_len();
            self.writer.handle_sent(now, written, left, &mut self.output.tail);
            match outcome {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => {
                    self.writer.handle_transport_error(now);
                    self.output = Output::default();
                    return Poll::Ready(());
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Writes what waits and shuts down the writing side.
    fn poll_last_output(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        ready!(self.poll_output(cx));
        self.poll_shut_down(cx)
    }

    fn poll_shut_down(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let outcome: io::Result<()> = ready!(Pin::new(&mut self.io).poll_shutdown(cx));
        let now = self.alarm.now();
        match outcome {
            Ok(()) => self.writer.handle_shut_down(now),
            Err(_) => self.writer.handle_transport_error(now),
        }
        Poll::Ready(())
    }

    /// Lets the lifecycle act; `Ready` when a deadline passed, else the task is woken at the next one.
    fn poll_timers(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some((at, _)) = self.writer.poll_timeout() else { return Poll::Pending };
        ready!(self.alarm.poll(cx, at));
        self.writer.handle_timeout(self.alarm.now(), &mut self.output.tail);
        Poll::Ready(())
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Stream for WebSocket<IO> {
    type Item = Message;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.get_mut().poll_message(cx)
    }
}
