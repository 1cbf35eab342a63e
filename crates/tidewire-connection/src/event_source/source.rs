//! The client's machine: what its owner is to do, and what becomes of what happens.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::time::Duration;

use tidewire_lifecycle::{Action, Lifecycle, Usage, reconnect::Reconnect};
use tidewire_sse::{
    Event, InvalidField, Parser,
    content::{self, Verdict},
};

use super::{Config, Ended, Items, Loss, Refusal, Repeat, ServerTrouble};

/// What the owner is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Send the request, with [`EventSource::last_event_id`], and wait for the response; without a connection, open one.
    /// `readyState` 0.
    Request,
    /// Read the response's body. `readyState` 1.
    Read,
    /// Wait for [`EventSource::poll_timeout`]. `readyState` 0.
    Wait,
    /// Nothing, any more: [`EventSource::ended`] says why. `readyState` 2.
    Done,
}

/// The parts of a response that matter.
#[derive(Clone, Copy, Debug)]
pub struct Response<'a> {
    /// Its status.
    pub status: u16,
    /// Its `Content-Type`: the values of all fields of that name, in their order, joined by `", "`.
    pub content_type: Option<&'a str>,
    /// Its `Content-Encoding`, joined likewise.
    pub content_encoding: Option<&'a str>,
    /// Its `Location`.
    pub location: Option<&'a str>,
    /// The delay that its `Retry-After` asks for (RFC 9110 §10.2.3).
    pub retry_after: Option<Duration>,
}

impl Response<'_> {
    /// A response with this status and no headers.
    #[must_use]
    pub fn with_status(status: u16) -> Self {
        Self { status, content_type: None, content_encoding: None, location: None, retry_after: None }
    }
}

/// What to do with a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Read its body.
    Read,
    /// Ask again, where its `Location` says. Credentials stay behind when that is another origin.
    Follow,
    /// Drop it: [`EventSource::task`] tells what comes next.
    Drop,
}

/// A deadline, by what it watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// One of the connection's.
    Connection(tidewire_lifecycle::Timer),
    /// The end of the wait for the next attempt.
    Reconnection,
}

/// The client of one event stream, over as many connections as it takes.
///
/// The owner does what [`task`](Self::task) says and reports what happened. A lost connection is asked for again with
/// the last event ID, after a delay that grows until an event comes.
///
/// ```
/// use core::time::Duration;
/// use std::sync::Arc;
/// use tidewire_connection::event_source::{Answer, Config, EventSource, Response, Task};
/// use tidewire_sse::Item;
///
/// let second = Duration::from_secs;
/// let mut source = EventSource::new(Arc::new(Config::default()), second(0), 7);
/// assert_eq!((source.task(), source.last_event_id()), (Task::Request, None));
///
/// let response = Response { content_type: Some("text/event-stream"), ..Response::with_status(200) };
/// assert_eq!(source.handle_response(second(1), response), Answer::Read);
/// let chunk = b"retry: 2000\nid: 5\ndata: hello\n\n";
/// source.handle_received(second(2), chunk.len());
/// let mut items = source.receive(second(2), chunk);
/// while let Some(item) = items.next() {
///     if let Item::Event(event) = item? {
///         assert_eq!(event.data, "hello");
///     }
/// }
/// drop(items);
///
/// // The stream ends: back in 2 s, or up to a quarter more, and on from the last event.
/// source.handle_eof(second(3));
/// assert_eq!(source.task(), Task::Wait);
/// let (at, _) = source.poll_timeout().unwrap();
/// assert!(at >= second(5) && at <= Duration::from_millis(5500));
/// source.handle_timeout(at);
/// assert_eq!((source.task(), source.last_event_id()), (Task::Request, Some("5")));
/// # Ok::<(), tidewire_sse::LimitExceeded>(())
/// ```
#[derive(Debug)]
pub struct EventSource {
    config: Arc<Config>,
    state: State,
    parser: Parser,
    lifecycle: Lifecycle,
    reconnect: Reconnect,
    /// Redirects of this attempt.
    redirects: u32,
    /// What the next delay is drawn by.
    entropy: u64,
    /// What the connections before this one used.
    used_before: Usage,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Connecting,
    Open,
    Waiting { until: Duration, loss: Loss },
    Closed(Ended),
}

impl EventSource {
    /// A client that asks for its stream at `now`. `entropy` is any 64 bits, others for each client: they spread its
    /// delays.
    #[must_use]
    pub fn new(config: Arc<Config>, now: Duration, entropy: u64) -> Self {
        Self {
            state: State::Connecting,
            parser: Parser::new(config.parser.clone()),
            lifecycle: Lifecycle::new(config.silent(), now),
            reconnect: Reconnect::new(config.schedule.clone()),
            redirects: 0,
            entropy,
            used_before: Usage::default(),
            config,
        }
    }

    /// The same, going on behind an event that was received before: the first request carries its ID, too.
    ///
    /// # Errors
    /// The ID has a CR, an LF or a NUL, and is no event's.
    pub fn resuming(self, last_event_id: &str) -> Result<Self, InvalidField> {
        Event::new().id(last_event_id).encoded_len()?;
        Ok(Self { parser: Parser::resuming(self.config.parser.clone(), last_event_id.into()), ..self })
    }

    // Questions.

    /// What the owner is to do.
    #[must_use]
    pub fn task(&self) -> Task {
        match self.state {
            State::Connecting => Task::Request,
            State::Open => Task::Read,
            State::Waiting { .. } => Task::Wait,
            State::Closed(_) => Task::Done,
        }
    }

    /// The value of the request's `Last-Event-ID`; `None` when it has none. It has neither CR, LF nor NUL.
    #[must_use]
    pub fn last_event_id(&self) -> Option<&str> {
        Some(self.parser.last_event_id()).filter(|id| !id.is_empty())
    }

    /// How the connection was lost that the client waits to replace.
    #[must_use]
    pub fn loss(&self) -> Option<Loss> {
        match &self.state {
            State::Waiting { loss, .. } => Some(*loss),
            State::Connecting | State::Open | State::Closed(_) => None,
        }
    }

    /// How it ended, once it has.
    #[must_use]
    pub fn ended(&self) -> Option<&Ended> {
        match &self.state {
            State::Closed(ended) => Some(ended),
            State::Connecting | State::Open | State::Waiting { .. } => None,
        }
    }

    /// Attempts since the last event.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.reconnect.attempts()
    }

    /// What all connections have used up to `now`, the waits between them left out.
    #[must_use]
    pub fn usage(&self, now: Duration) -> Usage {
        self.used_before.plus(self.lifecycle.usage(now))
    }

    /// Bytes of memory held for an event that has not come whole.
    #[must_use]
    pub fn held_len_bytes(&self) -> usize {
        self.parser.held_len_bytes()
    }

    // What happened.

    /// A response came to the request. While none is awaited it is to be dropped.
    #[must_use]
    pub fn handle_response(&mut self, now: Duration, response: Response<'_>) -> Answer {
        if self.state != State::Connecting {
            return Answer::Drop;
        }
        let refusal = match content::verdict(response.status, response.content_type) {
            Verdict::Open if !response.content_encoding.is_none_or(content::is_identity) => {
                Refusal::ContentEncoding(response.content_encoding.unwrap_or_default().into())
            }
            Verdict::Open => {
                self.state = State::Open;
                self.lifecycle.handle_opened(now);
                return Answer::Read;
            }
            Verdict::Stop => {
                self.end(now, Ended::Stopped);
                return Answer::Drop;
            }
            Verdict::Redirect if response.location.is_none_or(str::is_empty) => {
                Refusal::Location(response.status)
            }
            Verdict::Redirect if self.redirects >= self.config.max_redirects => {
                Refusal::Redirects(self.config.max_redirects)
            }
            Verdict::Redirect => {
                self.redirects += 1;
                return Answer::Follow;
            }
            Verdict::Fail if response.status == 200 => {
                Refusal::ContentType(response.content_type.map(Box::from))
            }
            Verdict::Fail => Refusal::Status(response.status),
        };
        if self.may_pass(response.status) {
            if let Some(delay) = response.retry_after {
                self.reconnect.handle_retry_after(delay);
            }
            self.lose(now, Loss::Status(response.status));
        }
        // Where nothing is asked again the response itself says the most.
        if !matches!(self.state, State::Waiting { .. }) {
            self.end(now, Ended::Refused(refusal));
        }
        Answer::Drop
    }

    /// A redirect leads nowhere: its `Location`, against the place that was asked, is no address that can be asked.
    pub fn handle_bad_location(&mut self, now: Duration, status: u16) {
        if self.state == State::Connecting {
            self.end(now, Ended::Refused(Refusal::Location(status)));
        }
    }

    /// `len_bytes` of the body came off the transport.
    pub fn handle_received(&mut self, now: Duration, len_bytes: usize) {
        self.lifecycle.handle_received(now, len_bytes);
    }

    /// Takes the next bytes of the body, after [`handle_received`](Self::handle_received) was told of them. They are
    /// parsed as the items are asked for; what [`Items::consumed`] does not count may be given again. Of a body that is
    /// not to be read any more, nothing is.
    #[must_use = "the chunk is parsed as the items are asked for"]
    pub fn receive<'a>(&'a mut self, now: Duration, chunk: &'a [u8]) -> Items<'a> {
        let chunk = if self.state == State::Open { chunk } else { &[] };
        Items {
            inner: self.parser.receive(chunk),
            lifecycle: &mut self.lifecycle,
            reconnect: &mut self.reconnect,
            now,
        }
    }

    /// The body ended, as it may; or the connection did, without a response, which it may not.
    pub fn handle_eof(&mut self, now: Duration) {
        match self.state {
            State::Connecting => self.lose(now, Loss::Transport),
            State::Open => self.lose(now, Loss::Eof),
            State::Waiting { .. } | State::Closed(_) => {}
        }
    }

    /// There is no connection, or it broke.
    pub fn handle_transport_error(&mut self, now: Duration) {
        if matches!(self.state, State::Connecting | State::Open) {
            self.lose(now, Loss::Transport);
        }
    }

    /// Ends it from our side. The first end stands.
    pub fn close(&mut self, now: Duration) {
        if !matches!(self.state, State::Closed(_)) {
            self.end(now, Ended::Local);
        }
    }

    // Time.

    /// When to call [`handle_timeout`](Self::handle_timeout), and what for. Any call that takes `now` may change it.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Duration, Timer)> {
        match self.state {
            State::Waiting { until, .. } => Some((until, Timer::Reconnection)),
            State::Connecting | State::Open => {
                self.lifecycle.poll_timeout().map(|(at, timer)| (at, Timer::Connection(timer)))
            }
            State::Closed(_) => None,
        }
    }

    /// Time has come to `now`.
    pub fn handle_timeout(&mut self, now: Duration) {
        match self.state {
            State::Waiting { until, .. } if now >= until => {
                self.state = State::Connecting;
                self.redirects = 0;
                self.used_before = self.usage(now);
                self.lifecycle = Lifecycle::new(self.config.silent(), now);
            }
            State::Connecting | State::Open => match self.lifecycle.handle_timeout(now) {
                Some(Action::Close(timer) | Action::Abort(timer)) => self.lose(now, Loss::Timeout(timer)),
                // Nothing is sent on a stream that is read: a heartbeat has nowhere to go.
                Some(Action::SendHeartbeat) | None => {}
            },
            State::Waiting { .. } | State::Closed(_) => {}
        }
    }

    /// Whether a failed response is worth another attempt.
    fn may_pass(&self, status: u16) -> bool {
        match (self.config.server_trouble, self.config.repeat) {
            (ServerTrouble::Retry, Repeat::WhenLost) => content::is_passing(status),
            (ServerTrouble::Fail, _) | (ServerTrouble::Retry, Repeat::Never) => false,
        }
    }

    fn lose(&mut self, now: Duration, loss: Loss) {
        self.disconnect(now);
        let entropy = self.draw();
        self.state = match self.config.repeat {
            Repeat::Never => State::Closed(Ended::NotRepeated(loss)),
            Repeat::WhenLost => match self.reconnect.next_delay(entropy) {
                Some(delay) => State::Waiting { until: now.saturating_add(delay), loss },
                None => State::Closed(Ended::Exhausted(loss)),
            },
        };
    }

    fn end(&mut self, now: Duration, ended: Ended) {
        self.disconnect(now);
        self.state = State::Closed(ended);
    }

    /// The connection is gone. Whatever was unfinished on it is discarded; the last event ID goes on.
    //= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
    //# Once the end of the file is reached, any pending data must be discarded.
    fn disconnect(&mut self, now: Duration) {
        self.lifecycle.handle_closed(now);
        let last_event_id = self.parser.last_event_id().into();
        self.parser = Parser::resuming(self.config.parser.clone(), last_event_id);
    }

    /// The next of a sequence that passes the usual tests of randomness (`SplitMix64`).
    fn draw(&mut self) -> u64 {
        self.entropy = self.entropy.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.entropy ^ (self.entropy >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}
