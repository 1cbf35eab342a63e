//! Either side of a WebSocket, driven as an adapter drives it: read, answer, write, shut down, drop.

use std::time::Duration;

use tidewire_connection::event_source;
use tidewire_connection::websocket::{Cause, Endpoint, Transport as Task};
use tidewire_lifecycle::Timer;

use crate::application::{Form, Message, salt};
use crate::connection::{Connection, End, Machine, Manners, Said, Side, Socket, Transport};
use crate::flaw::Flaw;
use crate::heard::{Appetite, Occasion, appetite, piece, receive};
use crate::history::Impediment;
use crate::invariants::{Breach, Checked, Invariant, Phase, Seen, check, timeout_reason, websocket_reason};
use crate::time::MINUTE;
use crate::world::World;

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
                end.watch.heartbeat(now, end.reading);
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
        if let Some((_, event_source::Timer::Connection(Timer::Heartbeat))) = due {
            self.at_probe(connection, side);
        }
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
            self.write_websocket(connection, side, clock)?;
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
            let most = end.appetite();
            let Machine::WebSocket(socket) = &mut end.machine else { return Ok(()) };
            match socket.writer.transport() {
                Task::Open if most > 0 => {}
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
                let len = piece(into.unread().len().min(most), &mut self.random);
                socket.writer.handle_received(clock, len);
                end.watch.received(now, len);
                self.report.outcome.figures.bytes += len as u64;
                let bytes = &mut into.unread()[..len];
                let before = end.next_in;
                let consumed = receive(end, &occasion, bytes)?;
                end.inbox.extend_from_slice(&bytes[consumed..]);
                into.read(len);
                end.drank(len);
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

    fn write_websocket(&mut self, connection: &mut Connection, side: Side, clock: Duration) -> Checked {
        let now = self.now;
        let (end, out) = (&mut connection.ends[side], &mut connection.pipes[side]);
        let replies = end.manners != Manners::NeverReplies;
        let Machine::WebSocket(socket) = &mut end.machine else { return Ok(()) };
        while socket.writer.transport() != Task::Closed {
            if !end.output.is_empty() {
                out.damage = self.damage();
                let len = out.write(now, &end.output, &mut self.random);
                end.output.drain(..len);
                let left = end.output.len();
                end.watch.sent(now, len, left);
                let wrong = self.errs(Flaw::WrongCount, 500);
                let mut unsaid = Vec::new();
                let output = if replies { &mut end.output } else { &mut unsaid };
                socket.writer.handle_sent(clock, len + usize::from(wrong), left, output);
                if left > 0 {
                    return Ok(());
                }
                // A kept pong may have come.
                continue;
            }
            let before = socket.writer.transport();
            match before {
                Task::ShutDown | Task::Finish => {
                    out.shut_down(now, &mut self.random);
                    socket.writer.handle_shut_down(clock);
                    end.watch.shut_down(now);
                }
                Task::Open | Task::Discard | Task::Closed => return Ok(()),
            }
            let after = socket.writer.transport();
            let expected = if before == Task::Finish { Task::Closed } else { Task::Discard };
            return check(after == expected, || {
                let expected = format!("{expected:?} behind the shutting down in {before:?}");
                Breach::new(Invariant::End, expected, format!("{after:?}"))
            });
        }
        Ok(())
    }

    /// Behind each step: timers, checks, and the end, if that was it.
    fn settle_websocket(&mut self, connection: &mut Connection, side: Side, checked: Checked) {
        let now = self.now;
        self.after_writing(connection, side);
        let end = &mut connection.ends[side];
        let Some((task, seen)) = self.see_websocket(end) else { return };
        let checked = checked
            .and_then(|()| end.watch.observe(now, &seen))
            .and_then(|()| self.websocket_ended(connection, side));
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

    fn see_websocket(&self, end: &End) -> Option<(Task, Seen)> {
        let host = &self.hosts[end.host.0 as usize];
        let Machine::WebSocket(socket) = &end.machine else { return None };
        let task = socket.writer.transport();
        let deadline = socket.writer.poll_timeout();
        let mut seen = Seen {
            phase: match task {
                Task::Closed => Phase::Closed,
                Task::Open if socket.writer.is_open() => Phase::Open,
                Task::Open | Task::ShutDown | Task::Discard | Task::Finish => Phase::Closing,
            },
            deadline: deadline.map(|(at, timer)| (host.moment(at), event_source::Timer::Connection(timer))),
            usage: socket.writer.usage(host.clock(self.now)),
            output_len: end.output.len(),
            held_len: socket.reader.held_len_bytes() + end.inbox.len(),
        };
        if self.flaw == Some(Flaw::LateDeadline) && task == Task::Closed {
            seen.deadline = Some((self.now, event_source::Timer::Connection(Timer::Idle)));
        }
        Some((task, seen))
    }

    /// A record of the end was told, stands, and has a reason.
    fn websocket_ended(&mut self, connection: &mut Connection, side: Side) -> Checked {
        let Machine::WebSocket(socket) = &mut connection.ends[side].machine else { return Ok(()) };
        if let (Some(Flaw::ChangedEnd), Some(told), Some(_)) = (self.flaw, &mut socket.told, &socket.ended) {
            (told.by, told.cause) = (Endpoint::Local, Cause::Transport);
        }
        let (told, record) = (socket.told.as_ref(), socket.writer.ended());
        check(told == record, || {
            Breach::new(Invariant::End, format!("the end that was told, {told:?}"), format!("{record:?}"))
        })?;
        if record == socket.ended.as_ref() {
            return Ok(());
        }
        check(socket.ended.is_none(), || {
            Breach::new(Invariant::End, format!("{:?}", socket.ended), format!("{record:?}"))
        })?;
        let Some(ended) = record.cloned() else { return Ok(()) };
        check(!socket.writer.is_open(), || {
            Breach::new(Invariant::End, "nothing to be sent behind the end", "an open writer")
        })?;
        socket.ended = Some(ended.clone());
        connection.ends[side].watch.begins_to_close(self.now);
        self.report.ended(connection.kind, side, &ended);
        websocket_reason(connection, side, &ended)
    }
}

fn task(end: &End) -> Option<Task> {
    match &end.machine {
        Machine::WebSocket(socket) => Some(socket.writer.transport()),
        Machine::Stream(_) | Machine::Source => None,
    }
}
