//! What the reader found, and what becomes of the connection by it (RFC 6455 §5.5, §7.1).

use super::{End, Transport, Writer, probe_payload};
use crate::websocket::{Cause, ClosingHandshake, Ended, Endpoint};
use core::time::Duration;
use tidewire_ws::{
    Role,
    frame::{CloseFrame, ProtocolError},
    message::Eof,
};

impl Writer {
    /// A message came. Most come and go at the time of the one before, and only count.
    #[inline]
    pub(in crate::websocket) fn message_received(&mut self, now: Duration) {
        if now == self.message_at {
            self.course.lifecycle.count_message_received();
        } else {
            self.message_at = now;
            self.course.lifecycle.handle_message_received(now);
        }
    }

    pub(in crate::websocket) fn pong_received(&mut self, now: Duration, payload: &[u8]) {
        if payload == probe_payload(self.probe) {
            self.course.lifecycle.handle_heartbeat_reply(now);
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc6455#section-5.5.1
    //# After both sending and receiving a Close message, an endpoint considers
    //# the WebSocket connection closed and MUST close the underlying TCP
    //# connection.
    //= https://www.rfc-editor.org/rfc/rfc6455#section-7.1.2
    //# Once an endpoint has both sent and received a Close control frame,
    //# that endpoint SHOULD _Close the WebSocket Connection_ as defined in
    //# Section 7.1.1.
    pub(in crate::websocket) fn close_received(&mut self, now: Duration, frame: Option<CloseFrame<'_>>) {
        if let End::Begun(begun) = &mut self.end {
            begun.closing_handshake = ClosingHandshake::Complete;
        }
        let reason = frame.map_or("", |frame| frame.reason()).into();
        let cause = Cause::Close { code: frame.map(|frame| frame.code()), reason };
        let closing_handshake = ClosingHandshake::Complete;
        self.end_as_begun(Ended { by: Endpoint::Remote, cause, closing_handshake });
        self.course.begin_closing(now);
        //= https://www.rfc-editor.org/rfc/rfc6455#section-7.1.1
        //# The underlying TCP connection, in most normal cases, SHOULD be closed
        //# first by the server, so that it holds the TIME_WAIT state and not the
        //# client
        //= https://www.rfc-editor.org/rfc/rfc6455#section-7.1.1
        //# As such, when a server is instructed to _Close the WebSocket
        //# Connection_ it SHOULD initiate a TCP Close immediately, and when
        //# a client is instructed to do the same, it SHOULD wait for a TCP
        //# Close from the server.
        self.course.transport = match self.role() {
            //= https://www.rfc-editor.org/rfc/rfc6455#section-5.5.1
            //# The server MUST close the underlying TCP connection immediately; the
            //# client SHOULD wait for the server to close the connection but MAY close
            //# the connection at any time after sending and receiving a Close message,
            //# e.g., if it has not received a TCP Close from the server in a reasonable
            //# time period.
            Role::Server => Transport::ShutDown,
            // What waits in the output, our echo with it, is written while the server's end of stream is awaited.
            Role::Client => Transport::Discard,
        };
    }

    //= https://www.rfc-editor.org/rfc/rfc6455#section-7.1.7
    //# To do so, the client MUST _Close the WebSocket Connection_, and MAY
    //# report the problem to the user (which would be especially useful for
    //# developers) in an appropriate manner.
    //= https://www.rfc-editor.org/rfc/rfc6455#section-7.1.7
    //# Similarly, to do so, the server MUST _Close the WebSocket Connection_,
    pub(in crate::websocket) fn violated(&mut self, now: Duration, error: ProtocolError) {
        self.end(Ended::incomplete(Endpoint::Remote, Cause::Violation(error)));
        self.course.begin_closing(now);
        self.course.transport = Transport::ShutDown;
    }

    /// The peer says nothing more, and we have said all: what of it waits is written under the deadline of the close.
    fn finish(&mut self, now: Duration) {
        self.course.transport = Transport::Finish;
        self.course.begin_closing(now);
    }

    pub(in crate::websocket) fn remote_eof(&mut self, now: Duration, eof: Eof) {
        self.end_as_begun(Ended::incomplete(Endpoint::Remote, Cause::Eof(eof)));
        match self.course.transport {
            // Our close frame, or the answer to theirs, still goes out: the peer may have shut down only its writing.
            Transport::ShutDown | Transport::Finish => self.course.transport = Transport::Finish,
            Transport::Open if self.inner.close_sent() => self.finish(now),
            Transport::Discard if self.role() == Role::Client => self.finish(now),
            Transport::Open | Transport::Discard | Transport::Closed => self.closed(now),
        }
    }
}
