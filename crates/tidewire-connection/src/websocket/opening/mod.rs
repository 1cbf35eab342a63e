//! A WebSocket before it is one: the opening handshake of either side under its deadline (RFC 6455 §4), and the end of
//! those that come to nothing.

mod client;
mod server;

pub use client::{Answered, Client, Connecting};
pub use server::{Accepting, Received, Server};

use crate::Transport;
use crate::course::Course;
use core::time::Duration;
use tidewire_lifecycle::{Action, Lifecycle, Timer, Usage};

/// Why an opening handshake came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failed {
    /// The server refused, or the client did not take the server's answer.
    Refused,
    /// A deadline passed.
    Timeout(Timer),
    /// The peer's stream ended.
    Eof,
    /// The transport failed.
    Transport,
}

impl core::fmt::Display for Failed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Refused => f.write_str("the opening handshake was refused"),
            Self::Timeout(timer) => write!(f, "timeout: {timer}"),
            Self::Eof => f.write_str("the stream ended before the opening handshake was complete"),
            Self::Transport => f.write_str("the transport failed during the opening handshake"),
        }
    }
}

impl core::error::Error for Failed {}

/// One side of an opening handshake, its life, and a transport that is left as it should be.
#[derive(Debug)]
pub struct Opening<Side> {
    side: Side,
    config: super::Config,
    course: Course,
    failed: Option<Failed>,
}

impl<Side> Opening<Side> {
    fn begin(side: Side, config: super::Config, now: Duration) -> Self {
        let lifecycle = Lifecycle::new(config.lifecycle.clone(), now);
        Self { side, config, course: Course::new(lifecycle), failed: None }
    }

    // Questions.

    /// What the owner is to do with the transport.
    #[must_use]
    pub fn transport(&self) -> Transport {
        self.course.transport
    }

    /// Why it came to nothing, once it has. The output and the transport may still want something.
    #[must_use]
    pub fn failed(&self) -> Option<Failed> {
        self.failed
    }

    /// What was used up to `now`; final once the transport is [`Transport::Closed`]. A connection that comes of it counts
    /// on from here.
    #[must_use]
    pub fn usage(&self, now: Duration) -> Usage {
        self.course.lifecycle.usage(now)
    }

    // What happened to the transport.

    /// The transport took `len` bytes of the output, 0 among them; `left` wait on. Only so does a stall show.
    pub fn handle_sent(&mut self, now: Duration, len: usize, left: usize) {
        self.course.sent(now, len, left);
    }

    /// The writing side is shut down, as [`Transport::ShutDown`] asked for.
    pub fn handle_shut_down(&mut self, now: Duration) {
        self.course.shut_down(now);
    }

    /// `len` bytes were read and thrown away, as [`Transport::Discard`] asked for.
    pub fn handle_discarded(&mut self, now: Duration, len: usize) {
        if self.course.lifecycle.handle_discarded(now, len).is_some() {
            self.course.close(now);
        }
    }

    /// The transport failed.
    pub fn handle_transport_error(&mut self, now: Duration) {
        self.end(now, Failed::Transport);
    }

    // Time.

    /// When to call [`handle_timeout`](Self::handle_timeout), and what for. Any call that takes `now` may change it.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Duration, Timer)> {
        self.course.lifecycle.poll_timeout()
    }

    /// Time has come to `now`.
    pub fn handle_timeout(&mut self, now: Duration) {
        while let Some(action) = self.course.lifecycle.handle_timeout(now) {
            match action {
                Action::Close(timer) | Action::Abort(timer) => self.end(now, Failed::Timeout(timer)),
                // None is sent before the connection is open.
                Action::SendHeartbeat => {}
            }
        }
    }

    /// It comes to nothing: what is in the output is written, and then the transport goes as `next` says.
    fn fail(&mut self, now: Duration, failed: Failed, next: Transport) {
        self.failed.get_or_insert(failed);
        self.course.transport = next;
        self.course.begin_closing(now);
    }

    /// The peer's stream ended, and nothing was to come of it any more, or something was.
    fn end_of_stream(&mut self, now: Duration) {
        match self.course.transport {
            // What waits in the output, a refusal say, still goes out: the peer may have shut down only its writing.
            Transport::ShutDown => self.course.transport = Transport::Finish,
            Transport::Open | Transport::Discard => self.end(now, Failed::Eof),
            Transport::Finish | Transport::Closed => {}
        }
    }

    /// The transport is to be dropped. The first failure stands.
    fn end(&mut self, now: Duration, failed: Failed) {
        self.failed.get_or_insert(failed);
        self.course.close(now);
    }
}
