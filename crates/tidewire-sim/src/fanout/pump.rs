//! Bytes into and out of a link: what the operating systems do for it, and the server's side of its machines.

use tidewire_connection::Transport as Task;
use tidewire_lifecycle::Action;

use super::desk::State;
use super::link::{Client, Link, Server, Socket, Standing, clock};
use super::record::Record;
use super::serving::line;
use super::world::{Event, World};
use crate::connection::Side;
use crate::flaw::Flaw;
use crate::pipe::Route;
use crate::time::{MILLI, Nanos, nanos};

/// What a machine tells of its transport.
fn task(server: &Server, standing: Standing) -> Task {
    match server {
        Server::WebSocket(socket) => socket.writer.transport(),
        Server::Stream(stream) => stream.transport(),
        Server::Lines(_) | Server::Poll { .. } => match standing {
            Standing::Alive => Task::Open,
            Standing::Finishing => Task::Finish,
            Standing::Gone => Task::Closed,
        },
    }
}

/// Reads and throws away what a WebSocket's application does not care for.
fn drain_events(socket: &mut Socket, now: Nanos, bytes: &mut [u8], output: &mut Vec<u8>) {
    let mut events = socket.reader.receive(bytes);
    while events.next(clock(now), &mut socket.writer, output).is_some() {}
}

impl World {
    // What the operating systems do.

    /// What this side sent arrives, or some of it.
    pub(crate) fn arrive(&mut self, link: &mut Link, from: Side) {
        let pipe = &mut link.pipes[from];
        if pipe.alarm != Some(self.now) {
            return;
        }
        pipe.alarm = None;
        pipe.arrive(self.now);
        self.set_arrival(link, from);
        match from {
            Side::Server => self.hear(link),
            Side::Client => self.serve(link),
        }
    }

    pub(crate) fn set_arrival(&mut self, link: &mut Link, from: Side) {
        let pipe = &mut link.pipes[from];
        let Some(next) = pipe.next_arrival() else { return };
        let next = next.max(self.now);
        if pipe.alarm.is_none_or(|alarm| next < alarm) {
            pipe.alarm = Some(next);
            self.events.push(next, Event::Arrive(link.id, from));
        }
    }

    /// Behind each write: what is on its way, and whether the transport takes the rest in a moment.
    pub(crate) fn after_writing(&mut self, link: &mut Link, side: Side) {
        self.set_arrival(link, side);
        if link.pipes[side].tells_sender() {
            let at = self.now + 1 + self.random.below(5 * MILLI);
            self.events.push(at, Event::Writable(link.id, side));
        }
    }

    /// Behind each read: the peer may learn that there is room.
    pub(crate) fn after_reading(&mut self, link: &mut Link, side: Side) {
        let back = &link.pipes[side];
        let (acknowledges, stalled_until) = (back.route() != Route::Dropped, back.stalled_until());
        let forward = &mut link.pipes[side.peer()];
        if acknowledges {
            forward.acknowledge();
        }
        if acknowledges && forward.tells_sender() {
            let at = self.now.max(stalled_until) + link.path.latency;
            self.events.push(at, Event::Writable(link.id, side.peer()));
        }
    }

    pub(crate) fn writable(&mut self, link: &mut Link, side: Side) {
        if side == Side::Server && self.errs(Flaw::LostRoom, 1) {
            return;
        }
        link.pipes[side].sender_told();
        match side {
            Side::Server => self.serve(link),
            Side::Client => self.hear(link),
        }
    }

    /// The transport of this side fails.
    pub(crate) fn fail(&mut self, link: &mut Link, side: Side) {
        match side {
            Side::Server => {
                if let State::Suspended { until } = self.desk.state {
                    return self.events.push(until, Event::Fail(link.id, side));
                }
                if link.server.standing != Standing::Gone {
                    match &mut link.server.machine {
                        Server::WebSocket(socket) => socket.writer.handle_transport_error(clock(self.now)),
                        Server::Stream(stream) => stream.handle_transport_error(clock(self.now)),
                        Server::Lines(_) | Server::Poll { .. } => {}
                    }
                    self.leave(link);
                }
            }
            Side::Client => self.lost(link),
        }
    }

    // The server's side.

    /// An end whose process runs does what there is to do.
    pub(crate) fn serve(&mut self, link: &mut Link) {
        if !self.desk.runs() || link.server.standing == Standing::Gone {
            return;
        }
        self.read_requests(link);
        self.flush_server(link);
        self.after_writing(link, Side::Server);
        if link.server.standing == Standing::Gone {
            return;
        }
        if task(&link.server.machine, link.server.standing) == Task::Closed {
            self.let_go(link);
        } else {
            if !self.takes_more(link) {
                self.forget_subscriber(link);
            }
            self.set_server_alarm(link);
            self.enqueue(link);
        }
    }

    /// Whether the machine still sends what is published.
    fn takes_more(&self, link: &Link) -> bool {
        match &link.server.machine {
            Server::WebSocket(socket) => socket.writer.is_open(),
            Server::Stream(stream) => stream.ended().is_none(),
            Server::Lines(_) | Server::Poll { .. } => link.server.standing == Standing::Alive,
        }
    }

    /// What a client says: control frames, and its end.
    fn read_requests(&mut self, link: &mut Link) {
        let (now, into) = (self.now, &mut link.pipes.client);
        let len = into.unread().len();
        if len > 0 {
            if let Server::WebSocket(socket) = &mut link.server.machine {
                match socket.writer.transport() {
                    Task::Open => {
                        socket.writer.handle_received(clock(now), len);
                        drain_events(socket, now, into.unread(), &mut link.server.output);
                    }
                    Task::ShutDown | Task::Discard | Task::Finish | Task::Closed => {
                        socket.writer.handle_discarded(clock(now), len);
                    }
                }
            }
            into.read(len);
        }
        if into.at_end() {
            match &mut link.server.machine {
                Server::WebSocket(socket) => socket.reader.handle_eof(clock(now), &mut socket.writer),
                Server::Stream(stream) => stream.handle_eof(clock(now)),
                Server::Lines(_) | Server::Poll { .. } => {
                    link.server.standing = Standing::Finishing;
                    link.server.output.clear();
                }
            }
        }
        if len > 0 {
            self.after_reading(link, Side::Server);
        }
    }

    fn flush_server(&mut self, link: &mut Link) {
        let now = self.now;
        while task(&link.server.machine, link.server.standing) != Task::Closed {
            let (end, out) = (&mut link.server, &mut link.pipes.server);
            if !end.output.is_empty() {
                let len = out.write(now, &end.output, &mut self.random);
                end.output.drain(..len);
                let left = end.output.len();
                match &mut end.machine {
                    Server::WebSocket(socket) => {
                        socket.writer.handle_sent(clock(now), len, left, &mut end.output);
                    }
                    Server::Stream(stream) => stream.handle_sent(clock(now), len, left),
                    Server::Lines(life) => life.handle_sent(clock(now), len),
                    Server::Poll { .. } => {}
                }
                if left > 0 {
                    return;
                }
                // A kept pong may have come.
                continue;
            }
            match task(&end.machine, end.standing) {
                Task::ShutDown | Task::Finish => out.shut_down(now, &mut self.random),
                Task::Open | Task::Discard | Task::Closed => return,
            }
            match &mut end.machine {
                Server::WebSocket(socket) => socket.writer.handle_shut_down(clock(now)),
                Server::Stream(stream) => stream.handle_shut_down(clock(now)),
                Server::Lines(_) | Server::Poll { .. } => return self.let_go(link),
            }
        }
    }

    /// The server's end is over in good order: what it sent is on its way, and its end behind.
    fn let_go(&mut self, link: &mut Link) {
        link.pipes.server.shut_down(self.now, &mut self.random);
        self.set_arrival(link, Side::Server);
        self.leave(link);
    }

    /// The server ends a link that is fine.
    pub(crate) fn dismiss(&mut self, link: &mut Link) {
        let now = clock(self.now);
        match &mut link.server.machine {
            Server::WebSocket(socket) => {
                let code = Some((tidewire_ws::frame::CloseCode::GOING_AWAY, ""));
                let _ = socket.writer.close(now, code, &mut link.server.output);
            }
            Server::Stream(stream) => stream.end(now),
            Server::Lines(_) => link.server.standing = Standing::Finishing,
            Server::Poll { .. } => {}
        }
        self.serve(link);
    }

    // Deadlines.

    fn set_server_alarm(&mut self, link: &mut Link) {
        let next = match &link.server.machine {
            Server::WebSocket(socket) => socket.writer.poll_timeout().map(|(at, _)| nanos(at)),
            Server::Stream(stream) => stream.poll_timeout().map(|(at, _)| nanos(at)),
            Server::Lines(life) => life.poll_timeout().map(|(at, _)| nanos(at)),
            Server::Poll { until } => (link.server.standing == Standing::Alive).then_some(*until),
        };
        let next = next.map(|next| next.max(self.now));
        if let Some(next) = next.filter(|next| link.server.alarm.is_none_or(|alarm| *next < alarm)) {
            link.server.alarm = Some(next);
            self.events.push(next, Event::Due(link.id, Side::Server));
        }
    }

    pub(crate) fn set_client_alarm(&mut self, link: &mut Link) {
        let next = match &link.client.machine {
            Client::WebSocket(socket) => socket.writer.poll_timeout().map(|(at, _)| nanos(at)),
            Client::Source(source) => source.poll_timeout().map(|(at, _)| nanos(at)),
            Client::Lines(_) | Client::Poll(_) => None,
        };
        let next = next.map(|next| next.max(self.now));
        if let Some(next) = next.filter(|next| link.client.alarm.is_none_or(|alarm| *next < alarm)) {
            link.client.alarm = Some(next);
            self.events.push(next, Event::Due(link.id, Side::Client));
        }
    }

    /// A deadline of this side may have come.
    pub(crate) fn due(&mut self, link: &mut Link, side: Side) {
        match side {
            Side::Server => self.server_due(link),
            Side::Client => {
                if link.client.alarm == Some(self.now) {
                    link.client.alarm = None;
                    self.client_due(link);
                }
            }
        }
    }

    fn server_due(&mut self, link: &mut Link) {
        if link.server.alarm != Some(self.now) || link.server.standing == Standing::Gone {
            return;
        }
        link.server.alarm = None;
        if let State::Suspended { until } = self.desk.state {
            link.server.alarm = Some(until);
            return self.events.push(until, Event::Due(link.id, Side::Server));
        }
        let (now, end) = (clock(self.now), &mut link.server);
        match &mut end.machine {
            Server::WebSocket(socket) => socket.writer.handle_timeout(now, &mut end.output),
            Server::Stream(stream) => stream.handle_timeout(now, &mut end.output),
            Server::Lines(life) => match life.handle_timeout(now) {
                Some(Action::SendHeartbeat) => line(&Record::ping(), &mut end.output),
                Some(Action::Close(_) | Action::Abort(_)) => end.standing = Standing::Finishing,
                None => {}
            },
            Server::Poll { .. } => self.answer_poll(link),
        }
        self.serve(link);
    }
}
