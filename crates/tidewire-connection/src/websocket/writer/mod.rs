//! The sending half, with the lifecycle inside: frames out, deadlines, and what becomes of the transport. What the
//! receiving half tells it is in `found`.

mod end;
mod found;

use self::end::End;
use super::{Cause, Config, Ended, Endpoint, Transport};
use crate::course::Course;
use alloc::{
    boxed::Box,
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::time::Duration;
use tidewire_lifecycle::{Action, Lifecycle, Timer, Usage};
use tidewire_ws::{
    Role,
    frame::{CloseCode, EncodedHeader},
    message::{self, MessageKind, SendError},
};

/// The sending half of a connection, and its lifecycle.
#[derive(Debug)]
pub struct Writer {
    pub(super) inner: message::Writer,
    course: Course,
    end: End,
    /// The payload of the newest probe.
    probe: u32,
    /// The last time at which a message came or went, or the connection opened, which makes it as active.
    message_at: Duration,
}

/// A ping that the lifecycle asked for carries the number of the probe, so that only its own pong answers it.
fn probe_payload(probe: u32) -> [u8; 4] {
    probe.to_be_bytes()
}

/// What a close frame tells the peer when a deadline caused it: to come back, but not without new credentials.
fn timeout_close(timer: Timer) -> (CloseCode, String) {
    #[expect(clippy::wildcard_enum_match_arm, reason = "any other, and those to come")]
    match timer {
        Timer::CredentialExpiry => (CloseCode::POLICY_VIOLATION, timer.to_string()),
        Timer::Drain | Timer::MaxAge => (CloseCode::GOING_AWAY, timer.to_string()),
        _ => (CloseCode::GOING_AWAY, format!("timeout: {timer}")),
    }
}

impl Writer {
    pub(super) fn new(inner: message::Writer, config: &Config, now: Duration) -> Self {
        Self::opened(inner, Lifecycle::new(config.lifecycle.clone(), now), now)
    }

    /// A connection that opens at `now`, whose life began with its opening handshake.
    pub(super) fn opened(inner: message::Writer, mut lifecycle: Lifecycle, now: Duration) -> Self {
        lifecycle.handle_opened(now);
        Self { inner, course: Course::new(lifecycle), end: End::None, probe: 0, message_at: now }
    }

    /// Compresses messages, as it was agreed to.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn with_deflate(self, agreement: &tidewire_ws::deflate::Agreement) -> Self {
        Self { inner: self.inner.with_deflate(agreement), ..self }
    }

    // Questions.

    /// Whether messages can be sent.
    #[must_use]
    #[inline]
    pub fn is_open(&self) -> bool {
        self.course.transport == Transport::Open && !self.inner.close_sent()
    }

    /// What the caller is to do with the transport.
    #[must_use]
    #[inline]
    pub fn transport(&self) -> Transport {
        self.course.transport
    }

    /// How the connection ended, once it has: no event comes any more, though the output and the transport may
    /// still want something.
    #[must_use]
    #[inline]
    pub fn ended(&self) -> Option<&Ended> {
        match &self.end {
            End::Come(ended) | End::Told(ended) => Some(ended),
            End::None | End::Begun(_) => None,
        }
    }

    /// Which endpoint this is.
    #[must_use]
    #[inline]
    pub fn role(&self) -> Role {
        self.inner.role()
    }

    /// Whether messages are compressed.
    #[must_use]
    #[inline]
    pub fn is_compressing(&self) -> bool {
        self.inner.is_compressing()
    }

    /// The lifecycle: since when it is quiet, when the peer was last seen, how far it is.
    #[must_use]
    #[inline]
    pub fn lifecycle(&self) -> &Lifecycle {
        &self.course.lifecycle
    }

    /// What the connection has used up to `now`; final once the transport is [`Transport::Closed`].
    #[must_use]
    pub fn usage(&self, now: Duration) -> Usage {
        self.course.lifecycle.usage(now)
    }

    // Commands.

    /// Appends a text message.
    ///
    /// # Errors
    /// Our close frame is out, or the connection is over.
    #[inline]
    pub fn send_text(&mut self, now: Duration, text: &str, output: &mut Vec<u8>) -> Result<(), SendError> {
        self.admit()?;
        self.inner.send_text(text, output)?;
        self.message_sent(now);
        Ok(())
    }

    /// Appends a binary message.
    ///
    /// # Errors
    /// Our close frame is out, or the connection is over.
    #[inline]
    pub fn send_binary(
        &mut self,
        now: Duration,
        payload: &[u8],
        output: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        self.admit()?;
        self.inner.send_binary(payload, output)?;
        self.message_sent(now);
        Ok(())
    }

    /// Says that the caller puts a shared [`EncodedFrame`](tidewire_ws::frame::EncodedFrame) behind the output.
    ///
    /// # Errors
    /// Our close frame is out, the connection is over, or this is a client.
    #[inline]
    pub fn admit_encoded(&mut self, now: Duration) -> Result<(), SendError> {
        self.admit()?;
        self.inner.admit_encoded()?;
        self.message_sent(now);
        Ok(())
    }

    /// The header of a message whose payload the caller puts behind the output, in pieces and without a copy.
    ///
    /// # Errors
    /// Our close frame is out, the connection is over, or this is a client.
    pub fn admit_payload(
        &mut self,
        now: Duration,
        kind: MessageKind,
        payload_len: usize,
    ) -> Result<EncodedHeader, SendError> {
        self.admit()?;
        let header = self.inner.admit_payload(kind, payload_len)?;
        self.message_sent(now);
        Ok(header)
    }

    /// The header of a message whose payload the caller owns and puts behind the output, in pieces or not and without a
    /// copy: a client's is masked where it lies. It is not compressed.
    ///
    /// # Errors
    /// Our close frame is out, or the connection is over.
    pub fn admit_owned(
        &mut self,
        now: Duration,
        kind: MessageKind,
        payload: &mut [u8],
    ) -> Result<EncodedHeader, SendError> {
        self.admit()?;
        let header = self.inner.admit_owned(kind, payload)?;
        self.message_sent(now);
        Ok(header)
    }

    /// Begins the closing handshake with our close frame; its deadline runs from here.
    ///
    /// # Errors
    /// Our close frame is out already, the connection is over, or the reason is longer than 123 bytes.
    pub fn close(
        &mut self,
        now: Duration,
        body: Option<(CloseCode, &str)>,
        output: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        let (code, reason) = match body {
            Some((code, reason)) => (Some(code), reason),
            None => (None, ""),
        };
        self.begin_close(now, body, Cause::Close { code, reason: reason.into() }, output)
    }

    /// A message goes. Most come and go at the time of the one before, and only count.
    #[inline]
    fn message_sent(&mut self, now: Duration) {
        if now == self.message_at {
            self.course.lifecycle.count_message_sent();
        } else {
            self.message_at = now;
            self.course.lifecycle.handle_message_sent(now);
        }
    }

    fn begin_close(
        &mut self,
        now: Duration,
        body: Option<(CloseCode, &str)>,
        cause: Cause,
        output: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        self.admit()?;
        self.inner.close(body, output)?;
        self.course.lifecycle.begin_closing(now);
        self.end = End::Begun(Box::new(Ended::incomplete(Endpoint::Local, cause)));
        Ok(())
    }

    /// What proved who the peer is holds up to `expiry`; see [`Lifecycle::set_credential_expiry`]. It is closed then
    /// with 1008.
    pub fn set_credential_expiry(&mut self, now: Duration, expiry: Option<Duration>) {
        self.course.lifecycle.set_credential_expiry(now, expiry);
    }

    /// The server goes away, and closes this connection at `at` with 1001; see [`Lifecycle::begin_drain`].
    pub fn begin_drain(&mut self, now: Duration, at: Duration) {
        self.course.lifecycle.begin_drain(now, at);
    }

    /// Whether anything can be sent: an end that came without a close frame of ours is one, too.
    #[inline]
    fn admit(&self) -> Result<(), SendError> {
        if self.is_open() { Ok(()) } else { Err(SendError::NotOpen) }
    }

    /// The application was busy until `now` with a message that was counted when it came; see
    /// [`Lifecycle::handle_active`].
    pub fn handle_active(&mut self, now: Duration) {
        self.course.lifecycle.handle_active(now);
    }

    /// What ended the connection was found only at `now`, by an owner who was busy before; see
    /// [`Lifecycle::handle_closing_found`].
    pub fn handle_closing_found(&mut self, now: Duration) {
        self.course.lifecycle.handle_closing_found(now);
    }

    // What happened to the transport.

    /// `len` bytes were read; call it once per read, before [`Reader::receive`](super::Reader::receive).
    #[inline]
    pub fn handle_received(&mut self, now: Duration, len: usize) {
        self.course.lifecycle.handle_received(now, len);
    }

    /// The caller reads no more for now; see [`Lifecycle::handle_read_paused`].
    pub fn handle_read_paused(&mut self, now: Duration) {
        self.course.lifecycle.handle_read_paused(now);
    }

    /// The caller reads again; see [`Lifecycle::handle_read_resumed`].
    pub fn handle_read_resumed(&mut self, now: Duration) {
        self.course.lifecycle.handle_read_resumed(now);
    }

    /// The transport took `len` bytes, 0 among them; `left` wait on. A pong that was kept back while too much waited is
    /// appended to `output` as soon as less does: look at it again before all counts as sent.
    #[inline]
    pub fn handle_sent(&mut self, now: Duration, len: usize, left: usize, output: &mut Vec<u8>) {
        self.course.sent(now, len, left);
        self.inner.poll_pong(output);
    }

    /// The writing side is shut down, as [`Transport::ShutDown`] asked for.
    //= https://www.rfc-editor.org/rfc/rfc6455#section-7.1.1
    //# An endpoint SHOULD use a method that cleanly closes the TCP
    //# connection, as well as the TLS session, if applicable, discarding
    //# any trailing bytes that may have been received.
    pub fn handle_shut_down(&mut self, now: Duration) {
        self.course.shut_down(now);
    }

    /// `len` bytes were read and thrown away, as [`Transport::Discard`] asked for.
    pub fn handle_discarded(&mut self, now: Duration, len: usize) {
        if let Some(action) = self.course.lifecycle.handle_discarded(now, len) {
            self.act(now, action, &mut Vec::new());
        }
    }

    /// The transport failed.
    //= https://www.rfc-editor.org/rfc/rfc6455#section-7.2.1
    //# If at any point the underlying transport layer connection is
    //# unexpectedly lost, the client MUST _Fail the WebSocket Connection_.
    pub fn handle_transport_error(&mut self, now: Duration) {
        self.end_as_begun(Ended::incomplete(Endpoint::Remote, Cause::Transport));
        self.closed(now);
    }

    // Time.

    /// When to call [`Writer::handle_timeout`], and what for. Its answer changes with every call that takes `now`.
    #[must_use]
    #[inline]
    pub fn poll_timeout(&self) -> Option<(Duration, Timer)> {
        self.course.lifecycle.poll_timeout()
    }

    /// Whether [`poll_timeout`](Self::poll_timeout) may answer with an earlier time than when this was asked last; see
    /// [`Lifecycle::take_sooner`].
    #[must_use]
    #[inline]
    pub fn take_sooner(&mut self) -> bool {
        self.course.lifecycle.take_sooner()
    }

    /// Time has come to `now`: heartbeats and close frames that are due go into `output`.
    pub fn handle_timeout(&mut self, now: Duration, output: &mut Vec<u8>) {
        while let Some(action) = self.course.lifecycle.handle_timeout(now) {
            self.act(now, action, output);
        }
    }

    fn act(&mut self, now: Duration, action: Action, output: &mut Vec<u8>) {
        match action {
            Action::SendHeartbeat => {
                self.probe = self.probe.wrapping_add(1);
                // Heartbeats are asked for only while open; after our close frame there is no ping to send.
                let _ = self.inner.send_ping(&probe_payload(self.probe), output);
            }
            Action::Close(timer) => {
                let (code, reason) = timeout_close(timer);
                // When our close frame is out already, its own deadline is running.
                let _ = self.begin_close(now, Some((code, &reason)), Cause::Timeout(timer), output);
                // Of a peer that stopped replying no answer is awaited: our close frame is its last chance to hear.
                if timer == Timer::HeartbeatReply {
                    self.course.transport = Transport::Finish;
                    self.end_as_begun(Ended::incomplete(Endpoint::Local, Cause::Timeout(timer)));
                }
            }
            Action::Abort(timer) => {
                self.end_as_begun(Ended::incomplete(Endpoint::Local, Cause::Timeout(timer)));
                self.closed(now);
            }
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc6455#section-7.2.2
    //# To do so, the server MUST simply _Close the WebSocket Connection_
    //# (Section 7.1.1).
    fn closed(&mut self, now: Duration) {
        self.course.close(now);
    }
}
