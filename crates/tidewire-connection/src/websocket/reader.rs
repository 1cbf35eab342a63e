//! The receiving half: bytes become events, and the facts in them reach the writer and its lifecycle.

use super::{Config, Ended, Writer};
use alloc::{borrow::Cow, vec::Vec};
use core::time::Duration;
use tidewire_ws::{Role, message};

/// The receiving half of a connection.
#[derive(Debug)]
pub struct Reader {
    inner: message::Reader,
}

/// Something that the peer sent, whole; borrowed from the input where it lies whole in it.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A text message.
    Text(Cow<'a, str>),
    /// A binary message.
    Binary(Cow<'a, [u8]>),
    /// A ping; it is answered already.
    Ping(&'a [u8]),
    /// A pong; when it answers our probe, the probe has ended.
    Pong(&'a [u8]),
    /// How the connection ended: the last event, and told once. The output and the transport may still want something;
    /// see [`Writer::transport`].
    Ended(Ended),
}

/// The events of one input; see [`Reader::receive`].
#[derive(Debug)]
pub struct Events<'a> {
    inner: message::Events<'a>,
}

impl Reader {
    pub(super) fn new(role: Role, config: &Config) -> Self {
        Self { inner: message::Reader::new(role, config.messages.clone()) }
    }

    /// Takes compressed messages, too, as they were agreed to.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn with_deflate(self, agreement: &tidewire_ws::deflate::Agreement) -> Self {
        Self { inner: self.inner.with_deflate(agreement) }
    }

    /// Takes the next bytes of the stream, after [`Writer::handle_received`] was told of them. They are looked at as
    /// the events are asked for; what [`Events::consumed`] does not count may be given again.
    #[must_use = "the input is read as the events are asked for"]
    #[inline]
    pub fn receive<'a>(&'a mut self, input: &'a mut [u8]) -> Events<'a> {
        Events { inner: self.inner.receive(input) }
    }

    /// The binary message that `input` begins with, if it lies whole and in one frame there: it counts as received. `None`, and
    /// nothing is read, where anything else is there; see [`message::Reader::receive_whole`].
    #[must_use]
    #[inline]
    pub fn receive_whole<'a>(
        &mut self,
        now: Duration,
        input: &'a [u8],
        writer: &mut Writer,
    ) -> Option<message::Whole<'a>> {
        // What is in the input comes too late.
        if writer.ended().is_some() {
            return None;
        }
        let whole = self.inner.receive_whole(input)?;
        writer.message_received(now);
        Some(whole)
    }

    /// Lets `read` put the next bytes of the stream where they belong, in the middle of a long binary message; see
    /// [`message::Reader::receive_direct`]. [`Writer::handle_received`] is to be told of them, and behind the last of the
    /// frame [`receive`](Self::receive) is to be called, as [`has_frame_end`](Self::has_frame_end) says.
    pub fn receive_direct<R>(
        &mut self,
        read: impl FnOnce(&mut message::Room<'_>) -> R,
    ) -> Option<(usize, R)> {
        self.inner.receive_direct(read)
    }

    /// Whether [`receive`](Self::receive) has something to tell without any input.
    #[must_use]
    #[inline]
    pub fn has_frame_end(&self) -> bool {
        self.inner.has_frame_end()
    }

    /// Whether the peer may send more: neither its close frame, nor a violation, nor the end of its stream came.
    /// [`Writer::transport`] tells whether to read.
    #[must_use]
    pub fn wants_read(&self) -> bool {
        self.inner.wants_read()
    }

    /// Bytes of memory held for a message that has not come whole; 0 when idle.
    #[must_use]
    pub fn held_len_bytes(&self) -> usize {
        self.inner.held_len_bytes()
    }

    /// The peer's stream ended at `now`.
    pub fn handle_eof(&mut self, now: Duration, writer: &mut Writer) {
        let eof = self.inner.handle_eof();
        writer.remote_eof(now, eof);
    }
}

impl Events<'_> {
    /// The next event; `None` when the input has no other. Pongs, the echo of a close and the close frame that answers a
    /// violation are in `output` by then.
    ///
    /// Whatever ended the connection, a frame, a deadline, the end of the stream or of the transport, the next call gives
    /// [`Event::Ended`]: with no input, too.
    #[inline]
    pub fn next(&mut self, now: Duration, writer: &mut Writer, output: &mut Vec<u8>) -> Option<Event<'_>> {
        // A deadline or a failed transport ends the connection while input still waits: what is in it comes too late.
        if writer.ended().is_some() {
            return writer.tell_end().map(Event::Ended);
        }
        match self.inner.next(&mut writer.inner, output)? {
            Ok(message::Event::Text(text)) => {
                writer.message_received(now);
                Some(Event::Text(text))
            }
            Ok(message::Event::Binary(payload)) => {
                writer.message_received(now);
                Some(Event::Binary(payload))
            }
            Ok(message::Event::Ping(payload)) => Some(Event::Ping(payload)),
            Ok(message::Event::Pong(payload)) => {
                writer.pong_received(now, payload);
                Some(Event::Pong(payload))
            }
            Ok(message::Event::Close(frame)) => {
                writer.close_received(now, frame);
                writer.tell_end().map(Event::Ended)
            }
            Err(error) => {
                writer.violated(now, error);
                writer.tell_end().map(Event::Ended)
            }
        }
    }

    /// Bytes of the input that are done with.
    #[must_use]
    #[inline]
    pub fn consumed(&self) -> usize {
        self.inner.consumed()
    }
}
