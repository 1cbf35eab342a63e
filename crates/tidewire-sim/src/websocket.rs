//! Either side of a WebSocket, driven as an adapter drives it: read, answer, write, shut down, drop.

use std::time::Duration;

use tidewire_connection::event_source;
use tidewire_connection::websocket::{Cause, Ended, Endpoint, Event, Transport as Task};
use tidewire_lifecycle::Timer;

use crate::application::{Form, Message, salt, shown};
use crate::connection::{Connection, End, Machine, Reading, Said, Side, Socket, Transport};
use crate::flaw::Flaw;
use crate::history::Impediment;
use crate::invariants::{
    Breach, Checked, Invariant, Phase, Seen, Watch, check, timeout_reason, websocket_reason,
};
use crate::random::Random;
use crate::time::{MINUTE, Nanos};
use crate::world::World;

/// How many events an application asks for before it does something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Appetite {
    All,
    One,
}

/// How much of what has come is read at once: mostly all that a buffer takes, and now and then a few bytes.
pub(crate) fn piece(available: usize, random: &mut Random) -> usize {
    const BUFFER_LEN: usize = 16 * 1024;
    let len = match random.below(32) {
        0 => random.between(1, 3),
        1 => random.between(1, available as u64),
        _ => BUFFER_LEN as u64,
    };
    available.min(len as usize)
}

/// Now and then an application stops in the middle of what was read, and goes on with the rest.
pub(crate) fn appetite(random: &mut Random) -> Appetite {
    if random.once_in(64) { Appetite::One } else { Appetite::All }
}

impl Socket {
    pub(crate) fn send(
        &mut self,
        clock: Duration,
        message: &Message,
        text: &mut String,
        payload: &mut Vec<u8>,
        output: &mut Vec<u8>,
    ) -> bool {
        match message.form {
            Form::Text => {
                message.write_text(text);
                self.writer.send_text(clock, text, output).is_ok()
            }
            Form::Binary => {
                message.write_binary(payload);
                self.writer.send_binary(clock, payload, output).is_ok()
            }
        }
    }
}

/// When and how bytes are read.
#[derive(Clone, Copy, Debug)]
struct Occasion {
    now: Nanos,
    /// What the reader's clock shows.
    clock: Duration,
    /// Of the direction in which they came.
    salt: u64,
    appetite: Appetite,
    flaw: Option<Flaw>,
}

/// What the application has heard so far.
struct Heard<'a> {
    next_in: &'a mut u64,
    watch: &'a mut Watch,
    told: &'a mut Option<Ended>,
}

impl Heard<'_> {
    /// Takes a message, if it is the next.
    fn message(&mut self, occasion: &Occasion, form: Form, payload: &[u8]) -> Checked {
        check(self.told.is_none(), || {
            Breach::new(Invariant::End, "no message behind the end", shown(payload))
        })?;
        let message = Message::new(occasion.salt, *self.next_in);
        check(message.form == form && message.is(form, payload), || {
            let expected = format!("message {} as it was sent, {message:?}", self.next_in);
            Breach::new(Invariant::Delivery, expected, format!("{form:?} of {}", shown(payload)))
        })?;
        *self.next_in += 1;
        self.watch.message_in(occasion.now);
        Ok(())
    }

    /// Takes the end, if it is the first.
    fn end(&mut self, ended: Ended) -> Checked {
        let before = self.told.replace(ended.clone());
        check(before.is_none(), || {
            Breach::new(Invariant::End, "one end, told once", format!("{before:?} and {ended:?}"))
        })
    }
}

/// Gives bytes to the machine; answers how many it is done with.
fn receive(end: &mut End, occasion: &Occasion, bytes: &mut [u8]) -> Result<usize, Box<Breach>> {
    let End { machine, output, next_in, watch, .. } = end;
    let Machine::WebSocket(socket) = machine else { return Ok(bytes.len()) };
    let Socket { reader, writer, told, .. } = &mut **socket;
    let mut heard = Heard { next_in, watch, told };
    let len = bytes.len();
    let mut events = reader.receive(bytes);
    loop {
        let before = output.len();
        let Some(event) = events.next(occasion.clock, writer, output) else { return Ok(len) };
        match event {
            Event::Text(text) => heard.message(occasion, Form::Text, text.as_bytes())?,
            Event::Binary(payload) => heard.message(occasion, Form::Binary, &payload)?,
            Event::Ping(_) if occasion.flaw == Some(Flaw::NoPongs) => output.truncate(before),
            Event::Ping(_) | Event::Pong(_) => {}
            Event::Ended(ended) => {
                heard.end(ended)?;
                if occasion.flaw == Some(Flaw::LateMessage) {
                    heard.message(occasion, Form::Text, b"late")?;
                }
            }
        }
        if occasion.appetite == Appetite::One {
            return Ok(events.consumed());
        }
    }
}

impl World {
    pub(crate) fn serve_websocket(&mut self, connection: &mut Connection, side: Side) {
        let checked = self.pump(connection, side);
        self.settle_websocket(connection, side, checked);
    }

    /// A deadline may have come.
    pub(crate) fn websocket_due(&mut self, connection: &mut Connection, side: Side) {
        let now = self.now;
        let end = &mut connection.ends[side];
        let mut clock = self.hosts[end.host.0 as usize].clock(now);
        if self.errs(Flaw::EarlyDeadline, 20) {
            clock += Duration::from_nanos(5 * MINUTE);
        }
        let mut checked = end.watch.on_time(now);
        let Machine::WebSocket(socket) = &mut end.machine else { return };
        if self.errs(Flaw::ImaginedFailure, 20) {
            socket.writer.handle_transport_error(clock);
        }
        let was_open = socket.writer.is_open();
        socket.writer.handle_timeout(clock, &mut end.output);
        let due = end.watch.deadline.filter(|(at, _)| *at <= now);
        let timer = match due {
            Some((_, event_source::Timer::Connection(Timer::Heartbeat))) => {
                end.watch.heartbeat_at = now;
                None
            }
            Some((_, event_source::Timer::Connection(timer))) => Some(timer),
            Some((_, event_source::Timer::Reconnection)) | None => None,
        };
        if was_open && !socket.writer.is_open() {
            checked = checked.and_then(|()| {
                let reason =
                    |timer| timeout_reason(connection, side, &connection.ends[side].watch, timer, now);
                match timer {
                    Some(timer) => reason(timer),
                    // A heartbeat was due, and something else after it.
                    None if Timer::ALL.iter().any(|timer| reason(*timer).is_ok()) => Ok(()),
                    None => Err(Breach::new(
                        Invariant::Reason,
                        "a deadline that had come, for a reason",
                        "a close right behind a heartbeat",
                    )),
                }
            });
            connection.ends[side].said = Said::Timeout(timer);
        }
        let checked = checked.and_then(|()| self.pump(connection, side));
        self.settle_websocket(connection, side, checked);
    }

    /// Reads and writes until neither has anything to do.
    fn pump(&mut self, connection: &mut Connection, side: Side) -> Checked {
        let end = &mut connection.ends[side];
        end.watch.on_time(self.now)?;
        let clock = self.hosts[end.host.0 as usize].clock(self.now);
        let Machine::WebSocket(socket) = &mut end.machine else { return Ok(()) };
        if end.transport == Transport::Failed {
            socket.writer.handle_transport_error(clock);
        }
        loop {
            let before = task(&connection.ends[side]);
            self.read_websocket(connection, side, clock)?;
            self.write_websocket(connection, side, clock);
            if task(&connection.ends[side]) == before {
                break;
            }
        }
        let end = &mut connection.ends[side];
        let Machine::WebSocket(socket) = &mut end.machine else { return Ok(()) };
        if socket.writer.ended().is_some() && socket.told.is_none() {
            // The last event comes without input, too.
            end.inbox.clear();
            let occasion =
                Occasion { now: self.now, clock, salt: 0, appetite: Appetite::All, flaw: self.flaw };
            receive(end, &occasion, &mut [])?;
        }
        Ok(())
    }

    fn read_websocket(&mut self, connection: &mut Connection, side: Side, clock: Duration) -> Checked {
        let salt = salt(connection.salt, side.peer() as u64);
        let now = self.now;
        let (end, into) = (&mut connection.ends[side], &mut connection.pipes[side.peer()]);
        loop {
            let Machine::WebSocket(socket) = &mut end.machine else { return Ok(()) };
            match socket.writer.transport() {
                Task::Open if end.reading == Reading::On => {}
                Task::Discard => {
                    let len = into.unread().len();
                    if len > 0 {
                        into.read(len);
                        end.watch.received(now, len);
                        socket.writer.handle_discarded(clock, len);
                    }
                    if into.at_end() && socket.writer.transport() == Task::Discard {
                        socket.reader.handle_eof(clock, &mut socket.writer);
                    }
                    return Ok(());
                }
                Task::Open | Task::ShutDown | Task::Finish | Task::Closed => return Ok(()),
            }
            let appetite = appetite(&mut self.random);
            let occasion = Occasion { now, clock, salt, appetite, flaw: self.flaw };
            if !end.inbox.is_empty() {
                let mut inbox = std::mem::take(&mut end.inbox);
                let consumed = receive(end, &occasion, &mut inbox)?;
                inbox.drain(..consumed);
                end.inbox = inbox;
            } else if into.has_unread() {
                let len = piece(into.unread().len(), &mut self.random);
                socket.writer.handle_received(clock, len);
                end.watch.received(now, len);
                self.report.outcome.figures.bytes += len as u64;
                let bytes = &mut into.unread()[..len];
                let before = end.next_in;
                let consumed = receive(end, &occasion, bytes)?;
                end.inbox.extend_from_slice(&bytes[consumed..]);
                into.read(len);
                self.report.outcome.figures.messages += end.next_in - before;
                self.report.digest(end.next_in << 20 ^ len as u64);
            } else {
                let ends = into.at_end() && self.flaw != Some(Flaw::ForgottenEnd);
                if ends {
                    socket.reader.handle_eof(clock, &mut socket.writer);
                }
                return Ok(());
            }
        }
    }

    fn write_websocket(&mut self, connection: &mut Connection, side: Side, clock: Duration) {
        let now = self.now;
        let (end, out) = (&mut connection.ends[side], &mut connection.pipes[side]);
        let Machine::WebSocket(socket) = &mut end.machine else { return };
        while socket.writer.transport() != Task::Closed {
            if !end.output.is_empty() {
                out.damage = self.damage();
                let len = out.write(now, &end.output, &mut self.random);
                end.output.drain(..len);
                let left = end.output.len();
                end.watch.sent(now, len, left);
                let wrong = self.errs(Flaw::WrongCount, 500);
                socket.writer.handle_sent(clock, len + usize::from(wrong), left);
                let pong = socket.writer.poll_pong(&mut end.output);
                if left > 0 {
                    return;
                }
                if pong {
                    continue;
                }
            } else if socket.writer.poll_pong(&mut end.output) {
                continue;
            }
            match socket.writer.transport() {
                Task::ShutDown | Task::Finish => {
                    out.shut_down(now, &mut self.random);
                    socket.writer.handle_shut_down(clock);
                }
                Task::Open | Task::Discard | Task::Closed => {}
            }
            return;
        }
    }

    /// Behind each step: timers, checks, and the end, if that was it.
    fn settle_websocket(&mut self, connection: &mut Connection, side: Side, checked: Checked) {
        let now = self.now;
        let host = connection.ends[side].host;
        self.after_writing(connection, side);
        let end = &mut connection.ends[side];
        let clock = self.hosts[host.0 as usize].clock(now);
        let Machine::WebSocket(socket) = &mut end.machine else { return };
        let mut seen = Seen {
            phase: match socket.writer.transport() {
                Task::Closed => Phase::Closed,
                Task::Open if socket.writer.is_open() => Phase::Open,
                Task::Open | Task::ShutDown | Task::Discard | Task::Finish => Phase::Closing,
            },
            deadline: socket.writer.poll_timeout().map(|(at, timer)| {
                (self.hosts[host.0 as usize].moment(at), event_source::Timer::Connection(timer))
            }),
            usage: socket.writer.usage(clock),
            output_len: end.output.len(),
            held_len: socket.reader.held_len_bytes() + end.inbox.len(),
        };
        let task = socket.writer.transport();
        match self.flaw {
            Some(Flaw::LateDeadline) if task == Task::Closed => {
                seen.deadline = Some((now, event_source::Timer::Connection(Timer::Idle)));
            }
            Some(Flaw::ChangedEnd) => {
                if let (Some(told), Some(_)) = (&mut socket.told, &socket.ended) {
                    told.by = Endpoint::Local;
                    told.cause = Cause::Transport;
                }
            }
            Some(_) | None => {}
        }
        let mut checked = checked.and_then(|()| end.watch.observe(now, &seen));
        let ended = socket.told.as_ref();
        checked = checked.and_then(|()| {
            check(ended == socket.writer.ended(), || {
                let expected = format!("the end that was told, {ended:?}");
                Breach::new(Invariant::End, expected, format!("{:?}", socket.writer.ended()))
            })
        });
        if ended != socket.ended.as_ref() {
            let stands = socket.ended.is_none();
            let before = format!("{:?}", socket.ended);
            socket.ended = ended.cloned();
            let ended = socket.ended.clone();
            checked = checked.and_then(|()| {
                let ended = ended.as_ref();
                check(stands, || Breach::new(Invariant::End, before, format!("{ended:?}")))?;
                ended.map_or(Ok(()), |ended| {
                    self.report.ended(connection.kind, side, ended);
                    websocket_reason(connection, side, ended)
                })
            });
        }
        self.told(connection, side, || format!("{task:?}, {seen:?}"));
        match task {
            // Nothing is read before the last words are out.
            Task::ShutDown | Task::Finish => connection.history.begin(Impediment::Deaf(side), now),
            Task::Discard => connection.history.end(Impediment::Deaf(side), now),
            Task::Open => {}
            Task::Closed => {
                connection.history.end(Impediment::Deaf(side), now);
                self.close_transport(connection, side);
            }
        }
        if let Err(breach) = checked {
            self.breach(connection, side, *breach);
        }
        self.set_timer(connection, side, seen.deadline);
    }
}

fn task(end: &End) -> Option<Task> {
    match &end.machine {
        Machine::WebSocket(socket) => Some(socket.writer.transport()),
        Machine::Stream(_) | Machine::Source => None,
    }
}
