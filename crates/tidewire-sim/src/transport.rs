//! What the operating systems of two hosts do for a connection: they carry, acknowledge, refuse, give up and close.

use std::time::Duration;

use crate::connection::{Connection, Machine, Reading, Side, Standing, Transport};
use crate::event::Event;
use crate::flaw::Flaw;
use crate::history::Impediment;
use crate::pipe::Route;
use crate::time::{MILLI, Nanos};
use crate::world::World;

impl World {
    /// An end whose process runs does what there is to do.
    pub(crate) fn serve(&mut self, connection: &mut Connection, side: Side) {
        let end = &connection.ends[side];
        if !end.is_alive() || !self.hosts[end.host.0 as usize].runs() {
            return;
        }
        match &end.machine {
            Machine::WebSocket(_) => self.serve_websocket(connection, side),
            Machine::Stream(_) => self.serve_stream(connection),
            Machine::Source => self.serve_source(connection),
        }
    }

    /// A deadline of an end may have come.
    pub(crate) fn due(&mut self, connection: &mut Connection, side: Side) {
        if !connection.ends[side].is_alive() {
            return;
        }
        match &connection.ends[side].machine {
            Machine::WebSocket(_) => self.websocket_due(connection, side),
            Machine::Stream(_) => self.stream_due(connection),
            Machine::Source => {}
        }
    }

    /// What this side sent arrives, or some of it.
    pub(crate) fn arrive(&mut self, connection: &mut Connection, from: Side) {
        let pipe = &mut connection.pipes[from];
        if pipe.alarm != Some(self.now) {
            return;
        }
        pipe.alarm = None;
        pipe.arrive(self.now);
        self.set_arrival(connection, from);
        self.serve(connection, from.peer());
    }

    fn set_arrival(&mut self, connection: &mut Connection, from: Side) {
        let pipe = &mut connection.pipes[from];
        let Some(next) = pipe.next_arrival() else { return };
        let next = next.max(self.now);
        if pipe.alarm.is_none_or(|alarm| next < alarm) {
            pipe.alarm = Some(next);
            self.events.push(next, Event::Arrive(connection.id, from));
        }
    }

    /// Behind each step of an end that sends: what it sent is on its way, or is refused, or nobody acknowledges it.
    pub(crate) fn after_writing(&mut self, connection: &mut Connection, side: Side) {
        self.set_arrival(connection, side);
        let now = self.now;
        let route = connection.pipes[side].route();
        let acknowledged = connection.pipes[side.peer()].route() != Route::Dropped;
        let sent = connection.pipes[side].held() > 0;
        if route == Route::Refused {
            self.refuse(connection, side);
        } else if sent && (route == Route::Dropped || !acknowledged) {
            self.plan_failure(connection, side, now + connection.retransmission, "unacknowledged");
        }
        // The transport took less than it might have: it takes more in a moment.
        if connection.pipes[side].tells_sender() {
            let at = now + 1 + self.random.below(5 * MILLI);
            self.events.push(at, Event::Writable(connection.id, side));
        }
        self.after_reading(connection, side);
    }

    /// Behind each step of an end that reads: the peer may learn that there is room.
    pub(crate) fn after_reading(&mut self, connection: &mut Connection, side: Side) {
        let back = &connection.pipes[side];
        let (acknowledges, stalled_until) = (back.route() != Route::Dropped, back.stalled_until());
        if acknowledges {
            connection.pipes[side.peer()].acknowledge();
        }
        if acknowledges && connection.pipes[side.peer()].tells_sender() {
            let at = self.now.max(stalled_until) + connection.path.latency;
            self.events.push(at, Event::Writable(connection.id, side.peer()));
        }
    }

    /// The peer's operating system refuses what this side sent: it is told, if anything reaches it.
    pub(crate) fn refuse(&mut self, connection: &mut Connection, side: Side) {
        let back = &connection.pipes[side.peer()];
        if back.route() != Route::Dropped || connection.ends[side.peer()].standing == Standing::Vanished {
            let at = self.now.max(back.stalled_until()) + 2 * connection.path.latency;
            self.plan_failure(connection, side, at, "refused");
        } else {
            self.plan_failure(connection, side, self.now + connection.retransmission, "unacknowledged");
        }
    }

    /// The transport of this side fails then, unless it does before.
    pub(crate) fn plan_failure(
        &mut self,
        connection: &mut Connection,
        side: Side,
        at: Nanos,
        why: &'static str,
    ) {
        if connection.to_fail[side].is_none_or(|(before, _)| at < before) {
            connection.to_fail[side] = Some((at, why));
            self.events.push(at, Event::Fail(connection.id, side));
        }
    }

    pub(crate) fn fail(&mut self, connection: &mut Connection, side: Side) {
        let Some((at, why)) = connection.to_fail[side] else { return };
        if at != self.now || connection.failures[side].is_some() {
            return;
        }
        connection.failures[side] = Some(why);
        connection.pipes[side.peer()].clear();
        connection.pipes[side].reroute(Route::Dropped);
        if connection.ends[side].standing == Standing::Awaited {
            return;
        }
        connection.ends[side].transport = Transport::Failed;
        self.serve(connection, side);
    }

    pub(crate) fn read_again(&mut self, connection: &mut Connection, side: Side) {
        let end = &mut connection.ends[side];
        if !end.is_alive() || end.reading != Reading::Paused {
            return;
        }
        let host = &self.hosts[end.host.0 as usize];
        if let Some(until) = self.suspended_until(end.host) {
            return self.events.push(until, Event::ReadAgain(connection.id, side));
        }
        let clock = host.clock(self.now);
        end.reading = Reading::On;
        end.watch.read_again(self.now);
        match &mut end.machine {
            Machine::WebSocket(socket) => {
                socket.writer.handle_read_resumed(clock);
                end.watch.listens(self.now);
            }
            Machine::Stream(_) => {}
            Machine::Source => {
                let client = &mut self.clients[connection.client.0 as usize];
                if let Some(source) = &mut client.source {
                    source.watch.read_again(self.now);
                }
            }
        }
        connection.history.end(Impediment::Deaf(side), self.now);
        self.serve(connection, side);
    }

    /// The process has dropped its transport, or is no more: the operating system closes it.
    pub(crate) fn close_transport(&mut self, connection: &mut Connection, side: Side) {
        let now = self.now;
        let end = &mut connection.ends[side];
        if matches!(end.standing, Standing::Gone(_)) {
            return;
        }
        end.standing = Standing::Gone(now);
        self.forget(connection, side);
        let (out, into) = connection.pipes.split(side);
        if into.has_unread() {
            // What was not read makes it a reset, which takes along what was on its way.
            let reaches = out.route() != Route::Dropped;
            let at = now.max(out.stalled_until()) + connection.path.latency;
            out.reroute(Route::Dropped);
            if into.route() == Route::Through {
                into.reroute(Route::Refused);
            }
            if reaches {
                self.plan_failure(connection, side.peer(), at, "reset, for bytes that nobody read");
            }
        } else {
            out.shut_down(now, &mut self.random);
            if into.route() == Route::Through {
                let on_its_way = into.held() > 0;
                into.reroute(Route::Refused);
                if on_its_way {
                    self.refuse(connection, side.peer());
                }
            }
            self.set_arrival(connection, side);
        }
        match &connection.ends[side].machine {
            Machine::WebSocket(socket) if side == Side::Client => {
                let dismissed = socket.ended.as_ref().is_some_and(|ended| !ended.invites_back());
                let heard = connection.ends.client.next_in > 0;
                let client = self.client(connection.client);
                if heard {
                    client.progressed();
                }
                if dismissed {
                    client.reconnect.handle_dismissed();
                }
                self.come_back(connection.client);
            }
            Machine::WebSocket(_) | Machine::Stream(_) | Machine::Source => {}
        }
    }

    /// The host has no timer for this end any more, and charges it nothing.
    pub(crate) fn forget(&mut self, connection: &mut Connection, side: Side) {
        let end = &mut connection.ends[side];
        let keeps_timer = self.flaw == Some(Flaw::KeptTimers);
        let loses_share = self.errs(Flaw::LostShare, 20);
        let host = &mut self.hosts[end.host.0 as usize];
        let clock = host.clock(self.now);
        if let Some(key) = end.timer.take().filter(|_| !keeps_timer) {
            host.timers.remove(key);
        }
        if let Some(share) = end.share.take() {
            let charged = host.deployment.handle_closed(clock, share);
            host.charged += if loses_share { Duration::ZERO } else { charged };
        }
    }

    pub(crate) fn set_timer(
        &mut self,
        connection: &Connection,
        side: Side,
        deadline: Option<(Nanos, tidewire_connection::event_source::Timer)>,
    ) {
        let end = &connection.ends[side];
        let Some(key) = &end.timer else { return };
        if self.errs(Flaw::ForgottenDeadline, 50) {
            return;
        }
        let host = &mut self.hosts[end.host.0 as usize];
        let at = deadline.map(|(at, _)| host.clock(at));
        host.timers.set(key, at);
        self.set_alarm(end.host);
    }
}
