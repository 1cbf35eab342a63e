//! The server's side of an event stream: a log of numbered events, from where the client asks on.

use std::time::Duration;

use tidewire_connection::{Transport as Task, event_source};
use tidewire_sse::Event;

use crate::application::Message;
use crate::connection::{Connection, Machine, Side, Stream, Transport};
use crate::flaw::Flaw;
use crate::invariants::{Breach, Checked, Invariant, Phase, Seen, check, stream_reason};
use crate::world::World;

impl Stream {
    pub(crate) fn send(
        &mut self,
        clock: Duration,
        message: &Message,
        number: u64,
        text: &mut String,
        output: &mut Vec<u8>,
    ) -> bool {
        message.write_text(text);
        let id = number.to_string();
        self.stream.send(clock, &Event::new().id(&id).data(text), output).is_ok()
    }
}

impl World {
    pub(crate) fn serve_stream(&mut self, connection: &mut Connection) {
        let checked = connection.ends.server.watch.on_time(self.now);
        self.step_stream(connection);
        self.settle_stream(connection, checked);
    }

    /// A deadline may have come.
    pub(crate) fn stream_due(&mut self, connection: &mut Connection) {
        let end = &mut connection.ends.server;
        let clock = self.hosts[end.host.0 as usize].clock(self.now);
        let checked = end.watch.on_time(self.now);
        if let Machine::Stream(stream) = &mut end.machine {
            stream.stream.handle_timeout(clock, &mut end.output);
        }
        // Whether it had come shows before anything else is done.
        let checked = checked.and_then(|()| self.stream_ended(connection));
        self.step_stream(connection);
        self.settle_stream(connection, checked);
    }

    fn step_stream(&mut self, connection: &mut Connection) {
        let now = self.now;
        let (out, into) = connection.pipes.split(Side::Server);
        let end = &mut connection.ends.server;
        let clock = self.hosts[end.host.0 as usize].clock(now);
        let Machine::Stream(stream) = &mut end.machine else { return };
        if end.transport == Transport::Failed {
            return stream.stream.handle_transport_error(clock);
        }
        if into.at_end() && self.flaw != Some(Flaw::ForgottenEnd) {
            stream.stream.handle_eof(clock);
        }
        if stream.stream.transport() == Task::Closed {
            return;
        }
        if !end.output.is_empty() {
            out.damage = self.damage();
            let len = out.write(now, &end.output, &mut self.random);
            end.output.drain(..len);
            let left = end.output.len();
            end.watch.sent(now, len, left);
            stream.stream.handle_sent(clock, len, left);
            if left > 0 {
                return;
            }
        }
        match stream.stream.transport() {
            Task::ShutDown | Task::Finish => {
                out.shut_down(now, &mut self.random);
                end.watch.shut_down(now);
                stream.stream.handle_shut_down(clock);
            }
            Task::Open | Task::Discard | Task::Closed => {}
        }
    }

    fn settle_stream(&mut self, connection: &mut Connection, checked: Checked) {
        let now = self.now;
        self.after_writing(connection, Side::Server);
        let end = &mut connection.ends.server;
        let host = &self.hosts[end.host.0 as usize];
        let Machine::Stream(stream) = &mut end.machine else { return };
        let seen = Seen {
            phase: match stream.stream.transport() {
                Task::Open => Phase::Open,
                Task::ShutDown | Task::Discard | Task::Finish => Phase::Closing,
                Task::Closed => Phase::Closed,
            },
            deadline: stream
                .stream
                .poll_timeout()
                .map(|(at, timer)| (host.moment(at), event_source::Timer::Connection(timer))),
            usage: stream.stream.usage(host.clock(now)),
            output_len: end.output.len(),
            held_len: 0,
        };
        let mut checked = checked.and_then(|()| end.watch.observe(now, &seen));
        checked = checked.and_then(|()| self.stream_ended(connection));
        self.told(connection, Side::Server, || format!("{seen:?}"));
        if seen.phase == Phase::Closed {
            self.close_transport(connection, Side::Server);
        }
        if let Err(breach) = checked {
            self.breach(connection, Side::Server, *breach);
        }
        self.set_timer(connection, Side::Server, seen.deadline);
    }

    /// A record of the end is the first, stands, and has a reason.
    fn stream_ended(&mut self, connection: &mut Connection) -> Checked {
        let Machine::Stream(stream) = &mut connection.ends.server.machine else { return Ok(()) };
        let (before, ended) = (stream.ended, stream.stream.ended());
        if before == ended {
            return Ok(());
        }
        stream.ended = ended;
        check(before.is_none(), || Breach::new(Invariant::End, format!("{before:?}"), format!("{ended:?}")))?;
        let Some(ended) = ended else { return Ok(()) };
        self.report.ended(connection.kind, Side::Server, &ended);
        stream_reason(connection, ended, self.now)
    }
}
