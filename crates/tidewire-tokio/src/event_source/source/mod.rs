//! The client itself: it moves bytes and tells the time. What comes of them is in `arrived`.

mod arrived;

use std::{
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, Bytes};
use futures_core::Stream;
use tidewire_connection::event_source::{self as sans_io, Config, Ended, Task};
use tidewire_lifecycle::{Timer, Usage};
use tidewire_sse::{InvalidField, Item};

use super::builder::{Builder, InvalidRequest};
use super::error::Error;
use super::request::Target;
use super::transport::{Connector, Transport};
use super::update::{Event, Update};
use crate::{alarm::Alarm, give_way::give_way};

/// How long the beginning of a refusal's body is waited for.
const REFUSED_BODY_TIMEOUT: Duration = Duration::from_secs(2);

/// Reads in one poll before other tasks get a turn.
const MAX_READS_PER_POLL: usize = 16;

/// What the caller is told of, and what is passed over before it costs anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Events,
    Updates,
}

/// What one read came to.
#[derive(Debug)]
enum Step {
    Update(Result<Update, Error>),
    /// Nothing to tell of, yet.
    Passed,
    End,
}

/// The client of one event stream, as a [`Stream`] of its events; see the [module](super).
///
/// The end is `None`: behind a 204, behind [`close`](Self::close), and behind the end of a stream whose request is not
/// sent again. An error of which [`Error::is_end`] is true is followed by `None`. Dropped, it closes its connection.
#[derive(Debug)]
pub struct EventSource {
    machine: sans_io::EventSource,
    /// What the caller asks for.
    origin: Target,
    /// What the redirects of this attempt made of it.
    target: Target,
    connector: Connector,
    transport: Transport,
    /// What was read and not parsed.
    unread: Bytes,
    max_chunk_len: usize,
    alarm: Alarm,
    told: Told,
}

/// Whether the end was told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    NotYet,
    End,
}

impl EventSource {
    /// A source for the event stream at this address, `http` or `https`. It connects when it is polled.
    ///
    /// # Errors
    /// [`InvalidRequest::Url`].
    ///
    /// # Panics
    /// Outside a tokio runtime with time enabled.
    pub fn connect(url: &str) -> Result<Self, InvalidRequest> {
        Self::builder(url).connect()
    }

    /// A source with headers, method, body, limits or a last event ID of the caller's own.
    pub fn builder(url: &str) -> Builder {
        Builder::new(url)
    }

    pub(super) fn new(
        config: Arc<Config>,
        origin: Target,
        connector: Connector,
        last_event_id: &str,
        max_chunk_len: usize,
    ) -> Result<Self, InvalidField> {
        let alarm = Alarm::new();
        let machine =
            sans_io::EventSource::new(config, alarm.now(), rand::random()).resuming(last_event_id)?;
        Ok(Self {
            machine,
            target: origin.clone(),
            origin,
            connector,
            transport: Transport::None,
            unread: Bytes::new(),
            max_chunk_len,
            alarm,
            told: Told::NotYet,
        })
    }

    // Receiving.

    /// The next event. Cancel safe: an event is taken only when it is returned.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn next(&mut self) -> Option<Result<Event, Error>> {
        poll_fn(|cx| self.poll_event(cx)).await
    }

    /// The next thing that happens, comments and losses included. Cancel safe.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn next_update(&mut self) -> Option<Result<Update, Error>> {
        poll_fn(|cx| self.poll_update(cx)).await
    }

    /// Polls for the next event; see [`next`](Self::next).
    pub fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Event, Error>>> {
        for _ in 0..MAX_READS_PER_POLL {
            match ready!(self.poll_step(cx, Wanted::Events)) {
                Step::Update(Ok(Update::Event(event))) => return Poll::Ready(Some(Ok(event))),
                Step::Update(Err(error)) => return Poll::Ready(Some(Err(error))),
                Step::End => return Poll::Ready(None),
                Step::Update(Ok(
                    Update::Open | Update::Comment(_) | Update::Retry(_) | Update::Lost { .. },
                ))
                | Step::Passed => {}
            }
        }
        give_way(cx)
    }

    /// Polls for the next thing that happens; see [`next_update`](Self::next_update).
    pub fn poll_update(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Update, Error>>> {
        for _ in 0..MAX_READS_PER_POLL {
            match ready!(self.poll_step(cx, Wanted::Updates)) {
                Step::Update(update) => return Poll::Ready(Some(update)),
                Step::End => return Poll::Ready(None),
                Step::Passed => {}
            }
        }
        give_way(cx)
    }

    // Questions and commands.

    /// What it is doing: `Request` and `Wait` are the standard's `CONNECTING`, `Read` is `OPEN`, `Done` is `CLOSED`.
    #[must_use]
    pub fn task(&self) -> Task {
        self.machine.task()
    }

    /// The last event ID, to go on from in another [`EventSource`].
    #[must_use]
    pub fn last_event_id(&self) -> Option<&str> {
        self.machine.last_event_id()
    }

    /// The address that is asked, redirects included.
    #[must_use]
    pub fn url(&self) -> &str {
        self.target.url().as_str()
    }

    /// How it ended, once it has.
    #[must_use]
    pub fn ended(&self) -> Option<&Ended> {
        self.machine.ended()
    }

    /// What all its connections have used.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.machine.usage(self.alarm.now())
    }

    /// Ends it: the connection is closed, and nothing more comes.
    pub fn close(&mut self) {
        self.machine.close(self.alarm.now());
        self.transport = Transport::None;
        self.unread = Bytes::new();
        self.told = Told::End;
    }

    // Pumps.

    /// Goes on by one item, one read or one deadline.
    fn poll_step(&mut self, cx: &mut Context<'_>, wanted: Wanted) -> Poll<Step> {
        if let Some(update) = self.parse(wanted) {
            return Poll::Ready(Step::Update(update));
        }
        if let Some(update) = self.outlived() {
            return Poll::Ready(Step::Update(update));
        }
        if self.told == Told::End {
            return Poll::Ready(Step::End);
        }
        if matches!(self.transport, Transport::None) {
            match self.machine.task() {
                Task::Request => {
                    let request = self.target.request(self.machine.last_event_id());
                    self.transport = self.connector.ask(request);
                }
                Task::Done => {
                    return Poll::Ready(self.end(None).map_or(Step::End, |error| Step::Update(Err(error))));
                }
                Task::Wait | Task::Read => {}
            }
        }
        let update = match self.transport.poll(cx) {
            Poll::Ready(arrived) => self.handle(arrived),
            Poll::Pending => ready!(self.poll_timers(cx)),
        };
        Poll::Ready(update.map_or(Step::Passed, Step::Update))
    }

    /// The next item of what was read.
    fn parse(&mut self, wanted: Wanted) -> Option<Result<Update, Error>> {
        while !self.unread.is_empty() {
            let len = self.unread.len().min(self.max_chunk_len);
            let mut items = self.machine.receive(self.alarm.now(), &self.unread[..len]);
            let update = loop {
                match items.next() {
                    Some(Ok(Item::Comment(_) | Item::Retry(_))) if wanted == Wanted::Events => {}
                    item => break item.map(|item| item.map(Update::from)),
                }
            };
            let consumed = items.consumed();
            drop(items);
            self.unread.advance(consumed);
            if let Some(update) = update {
                return Some(update.map_err(Error::LimitExceeded));
            }
        }
        self.unread = Bytes::new();
        None
    }

    /// Lets the deadlines act; `Ready` when one passed, else the task is woken at the next one.
    fn poll_timers(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Update, Error>>> {
        let deadline = self.transport.deadline();
        let timeout = self.machine.poll_timeout();
        let Some(deadline) = deadline.or_else(|| timeout.map(|(at, _)| at)) else {
            return Poll::Pending;
        };
        ready!(self.alarm.poll(cx, deadline));
        if let Some(refused) = self.transport.take_refused() {
            self.transport = Transport::None;
            self.told = Told::End;
            return Poll::Ready(Some(Err(Error::Refused(refused))));
        }
        Poll::Ready(self.act())
    }

    /// A connection whose stream never pauses does not outlive its deadlines. Silence is looked at when nothing comes.
    fn outlived(&mut self) -> Option<Result<Update, Error>> {
        match self.machine.poll_timeout()? {
            (_, sans_io::Timer::Reconnection | sans_io::Timer::Connection(Timer::Idle)) => None,
            (at, sans_io::Timer::Connection(_)) if at <= self.alarm.now() => self.act(),
            (_, sans_io::Timer::Connection(_)) => None,
        }
    }

    /// Lets a deadline act that has passed.
    fn act(&mut self) -> Option<Result<Update, Error>> {
        let before = self.machine.task();
        self.machine.handle_timeout(self.alarm.now());
        match (before, self.machine.task()) {
            (Task::Request | Task::Read, Task::Wait | Task::Done) => self.lost(None),
            (Task::Request | Task::Read | Task::Wait | Task::Done, _) => None,
        }
    }
}

impl Stream for EventSource {
    type Item = Result<Event, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_event(cx)
    }
}
