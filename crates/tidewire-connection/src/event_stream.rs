//! One SSE stream from the server's side: its opening, its events, its keep-alive and its end (WHATWG HTML §9.2).

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use tidewire_lifecycle::{Action, Config, Heartbeat, Lifecycle, Timer, Usage};
use tidewire_sse::{Event, InvalidField, KEEP_ALIVE, retry};

pub use crate::Transport;
use crate::course::Course;

/// Who ended a stream, and why. Nothing comes behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// We did: [`EventStream::end`].
    Local,
    /// The client did: its side of the connection ended.
    Remote,
    /// A deadline passed.
    Timeout(Timer),
    /// The transport failed.
    Transport,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => f.write_str("local end of stream"),
            Self::Remote => f.write_str("remote end of stream"),
            Self::Timeout(timer) => write!(f, "local timeout: {timer}"),
            Self::Transport => f.write_str("remote transport error"),
        }
    }
}

/// A stream that is being served. Output goes to the caller's buffer; what a client says is nothing, for a stream
/// has one direction.
///
/// The request, its deadline and the response's head are HTTP's: [`HEADERS`](tidewire_sse::content::HEADERS) is what the
/// head has to say, and [`LAST_EVENT_ID`](tidewire_sse::content::LAST_EVENT_ID) where the client wants to go on from.
///
/// ```
/// use core::time::Duration;
/// use std::sync::Arc;
/// use tidewire_connection::event_stream::EventStream;
/// use tidewire_lifecycle::Config;
/// use tidewire_sse::Event;
///
/// let second = Duration::from_secs;
/// let mut output = Vec::new();
/// let mut stream = EventStream::open(Arc::new(Config::event_stream()), second(0), second(3), "c0", &mut output)?;
/// stream.send(second(1), &Event::new().id("c1").data("hello"), &mut output)?;
/// assert_eq!(output, b"retry: 3000\nid: c0\n\nid: c1\ndata: hello\n\n");
/// stream.handle_sent(second(1), output.len(), 0);
///
/// // After 15 s of silence a comment keeps the stream alive.
/// output.clear();
/// stream.handle_timeout(second(16), &mut output);
/// assert_eq!(output, b": keepalive\n\n");
/// # Ok::<(), tidewire_connection::event_stream::SendError>(())
/// ```
#[derive(Debug)]
pub struct EventStream {
    course: Course,
    ended: Option<Ended>,
}

/// Why an event was not appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// The stream has ended.
    NotOpen,
    /// It would inject another field or event.
    Invalid(InvalidField),
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOpen => f.write_str("the stream has ended"),
            Self::Invalid(invalid) => invalid.fmt(f),
        }
    }
}

impl core::error::Error for SendError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::NotOpen => None,
            Self::Invalid(invalid) => Some(invalid),
        }
    }
}

impl From<InvalidField> for SendError {
    fn from(invalid: InvalidField) -> Self {
        Self::Invalid(invalid)
    }
}

impl EventStream {
    /// Begins a stream whose first words are the caller's: nothing is written. A stream has no replies: where the
    /// settings ask for probes, a keep-alive is sent instead, as often.
    #[must_use]
    pub fn new(mut config: Arc<Config>, now: Duration) -> Self {
        if let Heartbeat::Probe { interval, .. } = config.heartbeat {
            Arc::make_mut(&mut config).heartbeat = Heartbeat::KeepAlive { interval };
        }
        let mut lifecycle = Lifecycle::new(config, now);
        lifecycle.handle_opened(now);
        Self { course: Course::new(lifecycle), ended: None }
    }

    /// Begins a stream: the reconnection time, and a block without data that gives the client its last event ID before
    /// the first event, so that a drop before it loses nothing.
    ///
    /// # Errors
    /// The ID has a CR, an LF or a NUL; nothing is written then.
    pub fn open(
        config: Arc<Config>,
        now: Duration,
        reconnection_time: Duration,
        last_event_id: &str,
        output: &mut Vec<u8>,
    ) -> Result<Self, InvalidField> {
        let block = Event::new().id(last_event_id);
        block.encoded_len()?;
        retry(reconnection_time, output);
        block.encode(output)?;
        Ok(Self::new(config, now))
    }

    // Questions.

    /// What the owner is to do with the transport. One that is only a response's body drops it where it says
    /// [`Transport::ShutDown`].
    #[must_use]
    pub fn transport(&self) -> Transport {
        self.course.transport
    }

    /// Who ended the stream, once it has; what is in the output is still written.
    #[must_use]
    pub fn ended(&self) -> Option<Ended> {
        self.ended
    }

    /// The lifecycle: what was used, since when it is quiet.
    #[must_use]
    pub fn lifecycle(&self) -> &Lifecycle {
        &self.course.lifecycle
    }

    /// What the stream has used up to `now`; final once the transport is [`Transport::Closed`].
    #[must_use]
    pub fn usage(&self, now: Duration) -> Usage {
        self.course.lifecycle.usage(now)
    }

    // Commands.

    /// Appends an event.
    ///
    /// # Errors
    /// [`SendError`]; nothing is written then.
    pub fn send(&mut self, now: Duration, event: &Event<'_>, output: &mut Vec<u8>) -> Result<(), SendError> {
        self.admit()?;
        event.encode(output)?;
        self.course.lifecycle.handle_message_sent(now);
        Ok(())
    }

    /// Says that the caller puts an event that is encoded already behind the output.
    ///
    /// # Errors
    /// The stream has ended.
    pub fn admit_encoded(&mut self, now: Duration) -> Result<(), SendError> {
        self.admit()?;
        self.course.lifecycle.handle_message_sent(now);
        Ok(())
    }

    /// The same of `count` of them at a time.
    ///
    /// # Errors
    /// The stream has ended.
    pub fn admit_all_encoded(&mut self, now: Duration, count: usize) -> Result<(), SendError> {
        self.admit()?;
        self.course.lifecycle.handle_messages_sent(now, count);
        Ok(())
    }

    /// Ends the stream from our side. The first end stands.
    pub fn end(&mut self, now: Duration) {
        self.finish(now, Ended::Local);
    }

    /// What proved who the client is holds up to `expiry`; see [`Lifecycle::set_credential_expiry`].
    pub fn set_credential_expiry(&mut self, now: Duration, expiry: Option<Duration>) {
        self.course.lifecycle.set_credential_expiry(now, expiry);
    }

    /// The server goes away, and ends this stream at `at`; see [`Lifecycle::begin_drain`].
    pub fn begin_drain(&mut self, now: Duration, at: Duration) {
        self.course.lifecycle.begin_drain(now, at);
    }

    fn admit(&self) -> Result<(), SendError> {
        if self.ended.is_some() { Err(SendError::NotOpen) } else { Ok(()) }
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

    /// `len` bytes of the client's were read and thrown away, in any state.
    pub fn handle_discarded(&mut self, now: Duration, len: usize) {
        match self.course.transport {
            Transport::Open => self.course.lifecycle.handle_received(now, len),
            Transport::ShutDown | Transport::Discard | Transport::Finish => {
                if self.course.lifecycle.handle_discarded(now, len).is_some() {
                    self.course.close(now);
                }
            }
            Transport::Closed => {}
        }
    }

    /// The client's side of the connection ended. While the stream is open the client is gone: there is nothing that it
    /// could still want to say.
    pub fn handle_eof(&mut self, now: Duration) {
        match self.course.transport {
            Transport::Open => {
                self.ended.get_or_insert(Ended::Remote);
                self.course.close(now);
            }
            Transport::ShutDown => self.course.transport = Transport::Finish,
            Transport::Discard => self.course.close(now),
            Transport::Finish | Transport::Closed => {}
        }
    }

    /// The transport failed.
    pub fn handle_transport_error(&mut self, now: Duration) {
        self.ended.get_or_insert(Ended::Transport);
        self.course.close(now);
    }

    // Time.

    /// When to call [`handle_timeout`](Self::handle_timeout), and what for. Any call that takes `now` may change it.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Duration, Timer)> {
        self.course.lifecycle.poll_timeout()
    }

    /// Time has come to `now`: a keep-alive that is due goes into `output`.
    pub fn handle_timeout(&mut self, now: Duration, output: &mut Vec<u8>) {
        while let Some(action) = self.course.lifecycle.handle_timeout(now) {
            match action {
                Action::SendHeartbeat => output.extend_from_slice(KEEP_ALIVE),
                Action::Close(timer) => self.finish(now, Ended::Timeout(timer)),
                Action::Abort(timer) => {
                    self.ended.get_or_insert(Ended::Timeout(timer));
                    self.course.close(now);
                }
            }
        }
    }

    /// Nothing more is said: a stream has no words for its end, it just ends.
    fn finish(&mut self, now: Duration, ended: Ended) {
        self.ended.get_or_insert(ended);
        if self.course.transport == Transport::Open {
            self.course.transport = Transport::ShutDown;
        }
        self.course.begin_closing(now);
    }
}
