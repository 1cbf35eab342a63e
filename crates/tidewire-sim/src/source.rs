//! The client's side of an event stream: one machine over as many connections as it takes.

use std::sync::Arc;
use std::time::Duration;

use tidewire_connection::event_source::{self, EventSource, Loss, Response, Task};
use tidewire_lifecycle::{Config, Timer, Usage};
use tidewire_sse::Item;

use crate::application::{Form, Message, salt, shown};
use crate::client::Link;
use crate::connection::{Connection, End, Side, Transport};
use crate::event::{ClientId, Refused};
use crate::flaw::Flaw;
use crate::heard::{Appetite, appetite, piece};
use crate::host::Timed;
use crate::invariants::{Breach, Checked, Invariant, Phase, Seen, Watch, check, source_reason};
use crate::settings;
use crate::time::Nanos;
use crate::world::World;

#[derive(Debug)]
pub(crate) struct Source {
    source: EventSource,
    config: Arc<event_source::Config>,
    keep_alive: Duration,
    pub(crate) watch: Watch,
    /// What was used before the attempt that is watched.
    before: Usage,
    task: Task,
    /// The number of the last event.
    last: Option<u64>,
}

impl Source {
    /// What this attempt used.
    fn usage(&self, clock: Duration) -> Usage {
        let mut usage = self.source.usage(clock);
        usage.open = usage.open.saturating_sub(self.before.open);
        usage.quiet = usage.quiet.saturating_sub(self.before.quiet);
        usage.received_bytes -= self.before.received_bytes;
        usage.sent_bytes -= self.before.sent_bytes;
        usage.received_messages -= self.before.received_messages;
        usage.sent_messages -= self.before.sent_messages;
        usage
    }
}

impl World {
    /// A client without a machine makes one; it asks for its stream at once.
    pub(crate) fn begin_source(&mut self, id: ClientId) {
        let host = self.client(id).host;
        let clock = self.hosts[host.0 as usize].clock(self.now);
        let keep_alive = settings::keep_alive(&mut self.random);
        let config = settings::source(&mut self.random, keep_alive);
        let source = EventSource::new(config.clone(), clock, self.random.bits());
        let watch = Watch::new(config.lifecycle.clone(), self.now);
        let source = Source {
            source,
            config,
            keep_alive,
            watch,
            before: Usage::default(),
            task: Task::Request,
            last: None,
        };
        let key = self.hosts[host.0 as usize].new_timer(Timed::Client(id));
        let now = self.now;
        let client = self.client(id);
        (client.source, client.timer) = (Some(Box::new(source)), Some(key));
        self.dial_at(id, now);
        self.settle_source(id, None, Ok(()));
    }

    /// How a stream for this client is to be, on the server and on the client, and behind which event it begins.
    pub(crate) fn stream_settings(&mut self, id: ClientId, grace: Nanos) -> (Arc<Config>, Arc<Config>, u64) {
        let client = &self.clients[id.0 as usize];
        let newest = client.newest;
        let Some(source) = &client.source else { return (Arc::default(), Arc::default(), newest) };
        let last = source.source.last_event_id().and_then(|id| id.parse().ok()).unwrap_or(newest);
        let (keep_alive, config) = (source.keep_alive, source.config.lifecycle.clone());
        (settings::stream(&mut self.random, grace, keep_alive), config, last)
    }

    pub(crate) fn source_refused(&mut self, id: ClientId, refused: Refused) {
        let client = &mut self.clients[id.0 as usize];
        let clock = self.hosts[client.host.0 as usize].clock(self.now);
        let Some(source) = &mut client.source else { return };
        match refused {
            Refused::Nobody => source.source.handle_transport_error(clock),
            Refused::Busy => {
                let retry_after = Some(Duration::from_secs(1));
                let response = Response { retry_after, ..Response::with_status(503) };
                let _ = source.source.handle_response(clock, response);
            }
        }
        self.settle_source(id, None, Ok(()));
    }

    /// The response has come, and its body begins.
    pub(crate) fn source_connected(&mut self, connection: &mut Connection) {
        let client = &mut self.clients[connection.client.0 as usize];
        let clock = self.hosts[client.host.0 as usize].clock(self.now);
        let Some(source) = &mut client.source else { return };
        let response = Response { content_type: Some("text/event-stream"), ..Response::with_status(200) };
        let _ = source.source.handle_response(clock, response);
        (source.watch.last_received, source.watch.last_traffic) = (self.now, self.now);
        source.watch.message(self.now);
        if let Some(last) = source.last {
            connection.ends.client.next_in = last + 1;
        }
    }

    /// The client's deadline may have come.
    pub(crate) fn client_due(&mut self, id: ClientId) {
        match self.client(id).link {
            Link::Connected(connection) => self.with(connection, |world, connection| {
                let checked = world.source_due(id);
                world.settle_source(id, Some(connection), checked);
            }),
            Link::None | Link::Dialing => {
                let checked = self.source_due(id);
                self.settle_source(id, None, checked);
            }
        }
    }

    fn source_due(&mut self, id: ClientId) -> Checked {
        let client = &mut self.clients[id.0 as usize];
        let clock = self.hosts[client.host.0 as usize].clock(self.now);
        let Some(source) = &mut client.source else { return Ok(()) };
        let checked = source.watch.on_time(self.now);
        source.source.handle_timeout(clock);
        checked
    }

    pub(crate) fn serve_source(&mut self, connection: &mut Connection) {
        let checked = self.read_source(connection);
        self.settle_source(connection.client, Some(connection), checked);
    }

    fn read_source(&mut self, connection: &mut Connection) -> Checked {
        let now = self.now;
        let (end, into) = (&mut connection.ends.client, &mut connection.pipes.server);
        let salt = salt(connection.salt, Side::Server as u64);
        let clock = self.hosts[end.host.0 as usize].clock(now);
        let Some(source) = &mut self.clients[connection.client.0 as usize].source else { return Ok(()) };
        source.watch.on_time(now)?;
        if end.transport == Transport::Failed {
            source.source.handle_transport_error(clock);
            return Ok(());
        }
        while end.appetite() > 0 && source.source.task() == Task::Read {
            let appetite = appetite(&mut self.random);
            if !end.inbox.is_empty() {
                let mut inbox = std::mem::take(&mut end.inbox);
                let consumed = receive(source, end, salt, now, clock, &inbox, appetite)?;
                inbox.drain(..consumed);
                end.inbox = inbox;
            } else if into.has_unread() {
                let len = piece(into.unread().len().min(end.appetite()), &mut self.random);
                source.source.handle_received(clock, len);
                source.watch.received(now, len);
                self.report.outcome.figures.bytes += len as u64;
                let bytes = &into.unread()[..len];
                let before = end.next_in;
                let consumed = receive(source, end, salt, now, clock, bytes, appetite)?;
                end.inbox.extend_from_slice(&bytes[consumed..]);
                into.read(len);
                end.drank(len);
                self.report.outcome.figures.messages += end.next_in - before;
                self.report.digest(end.next_in << 20 ^ len as u64);
            } else {
                if into.at_end() && self.flaw != Some(Flaw::ForgottenEnd) {
                    source.source.handle_eof(clock);
                }
                return Ok(());
            }
        }
        Ok(())
    }

    /// Behind each step: what the machine asks for, its timer, and the checks.
    pub(crate) fn settle_source(
        &mut self,
        id: ClientId,
        connection: Option<&mut Connection>,
        checked: Checked,
    ) {
        let now = self.now;
        let Some(mut source) = self.client(id).source.take() else { return };
        let host = self.client(id).host;
        let clock = self.hosts[host.0 as usize].clock(now);
        let task = source.source.task();
        let before = std::mem::replace(&mut source.task, task);
        let deadline =
            source.source.poll_timeout().map(|(at, timer)| (self.hosts[host.0 as usize].moment(at), timer));
        let mut checked = checked;
        match (before, task) {
            (Task::Wait, Task::Wait) => source.watch.set_deadline(now, deadline),
            (Task::Wait, Task::Request) => {
                // Another attempt, counted by itself.
                let mut used = source.source.usage(clock);
                used.requests = 0;
                source.before = used;
                source.watch = Watch::new(source.config.lifecycle.clone(), now);
                checked = checked.and_then(|()| observe(&mut source, now, clock, deadline, Phase::Open));
                let at = now;
                self.dial_at(id, at);
            }
            (Task::Request | Task::Read, Task::Request | Task::Read) => {
                checked = checked.and_then(|()| observe(&mut source, now, clock, deadline, Phase::Open));
            }
            (Task::Request | Task::Read, Task::Wait) => {
                checked = checked.and_then(|()| observe(&mut source, now, clock, None, Phase::Closed));
                source.watch.set_deadline(now, deadline);
                let lost = self.source_lost(id, &source, connection.as_deref());
                checked = checked.and(lost);
                self.client(id).link = Link::None;
            }
            (_, Task::Done) | (Task::Wait, Task::Read) | (Task::Done, _) => {
                checked = Err(Breach::new(Invariant::Reason, "a client that goes on", format!("{task:?}")));
            }
        }
        if let Some(key) = &self.clients[id.0 as usize].timer {
            let host = &mut self.hosts[host.0 as usize];
            let at = deadline.map(|(at, _)| host.clock(at));
            host.timers.set(key, at);
        }
        self.client(id).source = Some(source);
        self.set_alarm(host);
        match connection {
            Some(connection) => {
                self.told(connection, Side::Client, || format!("{task:?}, {deadline:?}"));
                if let Err(breach) = checked {
                    self.breach(connection, Side::Client, *breach);
                }
                if task == Task::Wait {
                    self.close_transport(connection, Side::Client);
                } else {
                    self.after_reading(connection, Side::Client);
                }
            }
            None => {
                if let Err(breach) = checked {
                    self.report.violated(now, format!("client {} (event stream)", id.0), *breach);
                }
            }
        }
    }

    /// The attempt or the connection was lost; whether for a reason.
    fn source_lost(&mut self, id: ClientId, source: &Source, connection: Option<&Connection>) -> Checked {
        let Some(loss) = source.source.loss() else { return Ok(()) };
        self.report.ended(crate::connection::Kind::EventStream, Side::Client, &loss);
        match (connection, loss) {
            (Some(connection), loss) => source_reason(connection, &source.watch, loss, self.now),
            (None, Loss::Timeout(Timer::Opening)) => {
                let waited = self.was_kept_waiting(id);
                check(waited, || {
                    let expected = "an answer from a server that runs, to a client that does";
                    Breach::new(Invariant::Reason, expected, loss.to_string())
                })
            }
            (None, _) => Ok(()),
        }
    }
}

fn observe(
    source: &mut Source,
    now: Nanos,
    clock: Duration,
    deadline: Option<(Nanos, event_source::Timer)>,
    phase: Phase,
) -> Checked {
    let seen = Seen {
        phase,
        deadline,
        usage: source.usage(clock),
        output_len: 0,
        held_len: source.source.held_len_bytes(),
    };
    source.watch.observe(now, &seen)
}

/// Gives bytes to the machine; answers how many it is done with.
fn receive(
    source: &mut Source,
    end: &mut End,
    salt: u64,
    now: Nanos,
    clock: Duration,
    bytes: &[u8],
    appetite: Appetite,
) -> Result<usize, Box<Breach>> {
    let Source { source, watch, last, .. } = source;
    let mut items = source.receive(clock, bytes);
    while let Some(item) = items.next() {
        match item {
            Ok(Item::Event(event)) => {
                let message = Message::new(salt, end.next_in);
                let is_next = event.last_event_id.parse() == Ok(end.next_in);
                check(is_next && message.is(Form::Text, event.data.as_bytes()), || {
                    Breach::new(
                        Invariant::Delivery,
                        format!("event {} as it was sent, {message:?}", end.next_in),
                        format!("event {} of {}", event.last_event_id, shown(event.data.as_bytes())),
                    )
                })?;
                *last = Some(end.next_in);
                end.next_in += 1;
                watch.message_in(now);
            }
            Ok(Item::Comment(_) | Item::Retry(_)) => {}
            Err(error) => {
                return Err(Breach::new(Invariant::Delivery, "events within limits", error.to_string()));
            }
        }
        if appetite == Appetite::One {
            return Ok(items.consumed());
        }
    }
    Ok(bytes.len())
}
