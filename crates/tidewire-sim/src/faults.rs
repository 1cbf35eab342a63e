//! What goes wrong, and when.

use tidewire_lifecycle::Heartbeat;

use crate::connection::{
    Connection, ConnectionId, Kind, Machine, Manners, Reading, Said, Side, Standing, Whim,
};
use crate::event::{ClientId, Event};
use crate::flaw::Flaw;
use crate::history::Impediment;
use crate::invariants::CLOSE;
use crate::pipe::Route;
use crate::time::{MILLI, MINUTE, Nanos, SECOND, nanos};
use crate::world::{Stage, World};

/// A slow reader reads so often.
const SIP: Nanos = 100 * MILLI;

/// One comes so often, on the average.
const EVERY: Nanos = 5 * SECOND;

/// A fault of one connection.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// Both transports fail.
    Drop,
    /// Nothing moves for a while, one way or both.
    Stall,
    /// An application does not read for a while.
    Pause,
    /// An application pauses as soon as its end waits for an answer, and much comes.
    PauseAtProbe,
    /// An application reads little at a time for a while, and much comes.
    SlowReader,
    /// Nothing arrives any more, in both directions, and nobody is told.
    HalfOpen,
    /// Nothing arrives any more in one direction.
    OneWay,
    /// One end is no more, and the other is not told.
    Vanish,
    /// The process of one end is killed; its operating system closes the transport.
    Kill,
    /// An application has nothing to say for a while.
    Silence,
    /// Both have.
    Hush,
    /// An application says as much as it may.
    Burst,
    /// An application has much to say for a while, and the other nothing.
    Lecture,
    /// An end answers no ping any more.
    NoReplies,
    /// An end sends what no protocol knows.
    Violation,
    /// An application closes.
    Close,
    /// What proves who the client is expires at another time than it did.
    Renewal,
}

impl Fault {
    /// How often of a hundred times.
    const SHARES: [(Self, u64); 17] = [
        (Self::Drop, 16),
        (Self::Stall, 22),
        (Self::Pause, 10),
        (Self::PauseAtProbe, 4),
        (Self::SlowReader, 8),
        (Self::HalfOpen, 8),
        (Self::OneWay, 6),
        (Self::Vanish, 7),
        (Self::Kill, 6),
        (Self::Silence, 5),
        (Self::Hush, 5),
        (Self::Burst, 8),
        (Self::Lecture, 4),
        (Self::NoReplies, 4),
        (Self::Violation, 4),
        (Self::Close, 8),
        (Self::Renewal, 3),
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Stall => "stall",
            Self::Pause => "reader that pauses",
            Self::PauseAtProbe => "reader that pauses when it waits",
            Self::SlowReader => "slow reader",
            Self::HalfOpen => "half-open, both ways",
            Self::OneWay => "half-open, one way",
            Self::Vanish => "vanished end",
            Self::Kill => "killed process",
            Self::Silence => "silent application",
            Self::Hush => "silent applications",
            Self::Burst => "burst of messages",
            Self::Lecture => "lecture",
            Self::NoReplies => "no replies",
            Self::Violation => "violation",
            Self::Close => "close",
            Self::Renewal => "renewed credentials",
        }
    }
}

impl World {
    /// The next fault of the schedule.
    pub(crate) fn fault(&mut self) {
        if self.stage == Stage::Epilogue {
            return;
        }
        let next = self.now + self.random.between(EVERY / 5, EVERY * 9 / 5);
        self.events.push(next, Event::Fault);
        match self.random.below(100) {
            0..=6 => self.suspend(),
            7 | 8 => self.crash(),
            9 => self.drain(),
            _ => self.trouble(),
        }
    }

    /// A fault of a connection that both ends have.
    fn trouble(&mut self) {
        let established = |id: &ConnectionId| {
            let connection = self.connections[id.0 as usize].as_ref();
            connection.is_some_and(|connection| connection.is_established())
        };
        let candidates: Vec<ConnectionId> = self.live.iter().copied().filter(established).collect();
        if candidates.is_empty() {
            return;
        }
        let id = candidates[self.random.index(candidates.len())];
        let mut share = self.random.below(Fault::SHARES.iter().map(|(_, share)| share).sum());
        for (fault, of_it) in Fault::SHARES {
            if share < of_it {
                self.report.digest(u64::from(id.0) << 8 | fault as u64);
                return self.with(id, |world, connection| world.hit(connection, fault));
            }
            share -= of_it;
        }
    }

    fn hit(&mut self, connection: &mut Connection, fault: Fault) {
        let now = self.now;
        let side = if self.random.once_in(2) { Side::Server } else { Side::Client };
        self.report.fault(fault.name());
        self.told(connection, side, || format!("fault: {fault:?}"));
        match fault {
            Fault::Drop => {
                for side in Side::BOTH {
                    connection.pipes[side].clear();
                    let at = self.random_within(connection.path.latency);
                    self.plan_failure(connection, side, at, "dropped");
                }
            }
            Fault::Stall => {
                let until = now + self.long(20 * SECOND);
                self.stall(connection, side, until);
                if self.random.once_in(2) {
                    self.stall(connection, side.peer(), until);
                }
            }
            Fault::Pause => {
                let lasts = self.long(40 * SECOND);
                self.pause(connection, side, lasts);
                if self.random.once_in(2) {
                    self.burst(connection, side.peer());
                }
            }
            Fault::PauseAtProbe => {
                connection.ends[side].whim = Whim::PausesAtProbe;
                connection.ends[side].silent_until = now + 2 * MINUTE;
            }
            Fault::SlowReader => {
                let until = now + self.long(80 * SECOND);
                self.slow_down(connection, side, until);
                self.burst(connection, side.peer());
                if self.random.once_in(2) {
                    connection.ends[side].silent_until = until;
                    connection.ends[side.peer()].lectures_until = until;
                }
            }
            Fault::HalfOpen => {
                self.cut(connection, side);
                self.cut(connection, side.peer());
            }
            Fault::OneWay => self.cut(connection, side),
            Fault::Vanish => {
                self.vanish(connection, Side::Client);
                let back = now + SECOND + self.long(30 * SECOND);
                self.begin_anew(connection.client, back);
            }
            Fault::Kill => {
                self.close_transport(connection, Side::Client);
                let back = now + SECOND + self.long(10 * SECOND);
                self.begin_anew(connection.client, back);
            }
            Fault::Silence => connection.ends[side].silent_until = now + self.long(5 * MINUTE),
            Fault::Hush => {
                let until = now + self.long(8 * MINUTE);
                for side in Side::BOTH {
                    connection.ends[side].silent_until = until;
                }
            }
            Fault::Burst => self.burst(connection, side),
            Fault::Lecture => {
                let until = now + self.long(40 * SECOND);
                connection.ends[side].lectures_until = until;
                connection.ends[side.peer()].silent_until = until;
            }
            Fault::NoReplies => {
                connection.ends[side].manners = Manners::NeverReplies;
                connection.history.begin(Impediment::Mute(side), now);
                connection.ends[side.peer()].silent_until = now + 5 * MINUTE;
            }
            Fault::Violation => self.violate(connection, side),
            Fault::Close => self.close(connection, side),
            Fault::Renewal => self.renew(connection),
        }
    }

    /// Mostly short, at times as long as `longest`.
    pub(crate) fn long(&mut self, longest: Nanos) -> Nanos {
        let span = if self.random.once_in(3) { longest } else { longest / 8 };
        self.random.between(50 * MILLI, span)
    }

    fn stall(&mut self, connection: &mut Connection, from: Side, until: Nanos) {
        connection.pipes[from].stall(until);
        connection.history.add(Impediment::Stalled(from), self.now, until);
    }

    fn pause(&mut self, connection: &mut Connection, side: Side, lasts: Nanos) {
        let end = &mut connection.ends[side];
        if end.reading != Reading::On || !self.hosts[end.host.0 as usize].runs() {
            return;
        }
        let clock = self.hosts[end.host.0 as usize].clock(self.now);
        if let Machine::WebSocket(socket) = &mut end.machine {
            socket.writer.handle_read_paused(clock);
        }
        end.reading = Reading::Paused;
        connection.history.begin(Impediment::Deaf(side), self.now);
        self.events.push(self.now + lasts, Event::ReadAgain(connection.id, side));
        self.serve(connection, side);
    }

    /// A reader that takes a little ten times a second: as much as goes through the window in half of the time in which
    /// its peer wants an answer, so that whoever waits for it to answer hears it.
    fn slow_down(&mut self, connection: &mut Connection, side: Side, until: Nanos) {
        let end = &mut connection.ends[side];
        if end.reading != Reading::On {
            return;
        }
        let config = match side {
            Side::Server => &connection.settings.client,
            Side::Client => &connection.settings.server,
        };
        let patience = match config.heartbeat {
            Heartbeat::Probe { timeout, .. } => nanos(timeout),
            Heartbeat::Off | Heartbeat::KeepAlive { .. } => 8 * SECOND,
        };
        let sips = (patience / 2 / SIP).max(1) as usize;
        end.reading = Reading::Sips { len: connection.path.window / sips + 64, until };
        connection.history.begin(Impediment::Slow(side), self.now);
        self.events.push(self.now + SIP, Event::Sip(connection.id, side));
    }

    pub(crate) fn sip(&mut self, connection: &mut Connection, side: Side) {
        let end = &mut connection.ends[side];
        let Reading::Sips { len, until } = end.reading else { return };
        if let Some(resumed) = self.suspended_until(end.host) {
            return self.events.push(resumed, Event::Sip(connection.id, side));
        }
        if self.now < until {
            end.thirst = len;
            self.events.push(self.now + SIP, Event::Sip(connection.id, side));
        } else {
            end.reading = Reading::On;
            connection.history.end(Impediment::Slow(side), self.now);
        }
        self.serve(connection, side);
    }

    /// An application does as it is up to when its end has sent a probe.
    pub(crate) fn at_probe(&mut self, connection: &mut Connection, side: Side) {
        match std::mem::replace(&mut connection.ends[side].whim, Whim::None) {
            Whim::None => {}
            Whim::PausesAtProbe => {
                // Longer than an answer takes, shorter than the peer waits for room.
                let lasts = self.random.between(3 * SECOND, 12 * SECOND);
                self.pause(connection, side, lasts);
                self.burst(connection, side.peer());
                self.burst(connection, side.peer());
            }
        }
    }

    fn burst(&mut self, connection: &mut Connection, side: Side) {
        let times = if self.flaw == Some(Flaw::EndlessOutput) { 10 } else { 1 };
        for _ in 0..self.random.between(10, 400) * times {
            self.say(connection, side);
        }
    }

    /// A frame with an opcode that is reserved (RFC 6455 §5.2).
    fn violate(&mut self, connection: &mut Connection, side: Side) {
        let end = &mut connection.ends[side];
        if !self.hosts[end.host.0 as usize].runs() || connection.kind == Kind::EventStream {
            return;
        }
        end.manners = Manners::Violates;
        end.output.extend_from_slice(match side {
            Side::Server => b"\x83\x00",
            Side::Client => b"\x83\x80\0\0\0\0",
        });
        self.serve(connection, side);
    }

    /// Nothing of what this side sends arrives any more.
    fn cut(&mut self, connection: &mut Connection, from: Side) {
        connection.pipes[from].reroute(Route::Dropped);
        connection.history.add(Impediment::Cut(from), self.now, crate::time::NEVER);
        connection.cut_since[from.peer()] = Some(self.now);
        let give_up = self.now + connection.retransmission;
        for side in Side::BOTH {
            if connection.pipes[side].held() > 0 {
                self.plan_failure(connection, side, give_up, "unacknowledged");
            }
        }
    }

    /// This side is no more.
    pub(crate) fn vanish(&mut self, connection: &mut Connection, side: Side) {
        self.forget(connection, side);
        connection.ends[side].standing = Standing::Vanished;
        connection.history.add(Impediment::Vanished(side), self.now, crate::time::NEVER);
        for side in Side::BOTH {
            connection.pipes[side].reroute(Route::Dropped);
        }
        connection.cut_since[side.peer()].get_or_insert(self.now);
        if connection.pipes[side.peer()].held() > 0 {
            let give_up = self.now + connection.retransmission;
            self.plan_failure(connection, side.peer(), give_up, "unacknowledged");
        }
    }

    /// A client's process is no more; another begins then.
    fn begin_anew(&mut self, id: ClientId, at: Nanos) {
        self.new_schedule(id);
        self.retire(id);
        self.dial_at(id, at);
    }

    fn close(&mut self, connection: &mut Connection, side: Side) {
        // The client's side of a stream has nothing to close but its transport.
        let side = if connection.kind == Kind::EventStream { Side::Server } else { side };
        let end = &mut connection.ends[side];
        if !self.hosts[end.host.0 as usize].runs() {
            return;
        }
        let clock = self.hosts[end.host.0 as usize].clock(self.now);
        match &mut end.machine {
            Machine::WebSocket(socket) => {
                if socket.writer.close(clock, Some(CLOSE), &mut end.output).is_ok() {
                    end.said = Said::Close;
                }
            }
            Machine::Stream(stream) => {
                stream.stream.end(clock);
                end.said = Said::Close;
            }
            Machine::Source => {}
        }
        self.serve(connection, side);
    }

    /// The server learns until when the client is who it says.
    pub(crate) fn renew(&mut self, connection: &mut Connection) {
        let lasts = self.random.between(SECOND, 10 * MINUTE);
        let end = &mut connection.ends.server;
        let host = &self.hosts[end.host.0 as usize];
        if !host.runs() {
            return;
        }
        let (clock, expiry) = (host.clock(self.now), host.clock(self.now + lasts));
        match &mut end.machine {
            Machine::WebSocket(socket) => socket.writer.set_credential_expiry(clock, Some(expiry)),
            Machine::Stream(stream) => stream.stream.set_credential_expiry(clock, Some(expiry)),
            Machine::Source => return,
        }
        end.watch.renewed(self.now + lasts);
        self.serve(connection, Side::Server);
    }
}
