//! One SSE stream from the server's side: its opening, its events, its keep-alive and its end (WHATWG HTML §9.2).

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use tidewire_lifecycle::{Action, Config, Heartbeat, Lifecycle, Phase, Timer, Usage};
use tidewire_sse::{Event, InvalidField, KEEP_ALIVE, retry};

/// Who ended a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// We did: [`EventStream::end`].
    Local,
    /// The client did, or the transport failed: [`EventStream::handle_transport_end`].
    Remote,
    /// A deadline passed.
    Timeout(Timer),
}

/// A stream that is being served. Output goes to the caller's buffer; what a client says is nothing, for a stream
/// has one direction.
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
///
/// // After 15 s of silence a comment keeps the stream alive.
/// output.clear();
/// stream.handle_timeout(second(16), &mut output);
/// assert_eq!(output, b": keepalive\n\n");
/// # Ok::<(), tidewire_sse::InvalidField>(())
/// ```
#[derive(Debug)]
pub struct EventStream {
    lifecycle: Lifecycle,
    ended: Option<Ended>,
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
        Self { lifecycle, ended: None }
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

    /// Appends an event.
    ///
    /// # Errors
    /// As [`Event::encode`]; nothing is written then.
    pub fn send(
        &mut self,
        now: Duration,
        event: &Event<'_>,
        output: &mut Vec<u8>,
    ) -> Result<(), InvalidField> {
        let before = output.len();
        event.encode(output)?;
        self.handle_queued(now, output.len() - before);
        Ok(())
    }

    /// The caller put `len` bytes of an event that is encoded already behind the output.
    pub fn handle_queued(&mut self, now: Duration, len: usize) {
        self.lifecycle.handle_message_sent(now);
        self.lifecycle.handle_sent(now, len);
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), and what for. Any call that takes `now` may change it.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Duration, Timer)> {
        self.lifecycle.poll_timeout()
    }

    /// Time has come to `now`: a keep-alive that is due goes into `output`.
    pub fn handle_timeout(&mut self, now: Duration, output: &mut Vec<u8>) {
        while let Some(action) = self.lifecycle.handle_timeout(now) {
            match action {
                Action::SendHeartbeat => {
                    output.extend_from_slice(KEEP_ALIVE);
                    self.lifecycle.handle_sent(now, KEEP_ALIVE.len());
                }
                // A stream has no way to say that it ends: it just does.
                Action::Close(timer) | Action::Abort(timer) => self.finish(now, Ended::Timeout(timer)),
            }
        }
    }

    /// Ends the stream from our side. The first end stands.
    pub fn end(&mut self, now: Duration) {
        self.finish(now, Ended::Local);
    }

    /// The client went away, or the transport failed.
    pub fn handle_transport_end(&mut self, now: Duration) {
        self.finish(now, Ended::Remote);
    }

    /// Who ended the stream, once it has.
    #[must_use]
    pub fn ended(&self) -> Option<Ended> {
        self.ended
    }

    /// What the stream has used up to `now`; final once it has ended.
    #[must_use]
    pub fn usage(&self, now: Duration) -> Usage {
        self.lifecycle.usage(now)
    }

    fn finish(&mut self, now: Duration, ended: Ended) {
        self.ended.get_or_insert(ended);
        if self.lifecycle.phase() != Phase::Closed {
            self.lifecycle.handle_closed(now);
        }
    }
}
