//! The world: its time, its hosts, its connections, and what happens next in it.

use crate::application::{HIGH_WATER, Message, salt};
use crate::client::Client;
use crate::connection::{Connection, ConnectionId, Kind, Machine, Side, Trust};
use crate::event::{ClientId, Event, Events, HostId};
use crate::flaw::{Damage, Flaw};
use crate::host::{Host, Order, State, Timed};
use crate::invariants::Breach;
use crate::random::Random;
use crate::report::{Outcome, Report, place};
use crate::settings;
use crate::time::{MILLI, MINUTE, NEVER, Nanos, SECOND, shown};
use std::io::Write as _;

/// What a run is to be.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How much is simulated.
    pub length: std::time::Duration,
    /// What is wrong on purpose.
    pub flaw: Option<Flaw>,
    /// Whose steps are to be printed.
    pub follow: Option<Follow>,
}

/// Somebody whose steps are to be printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// The connection of this number.
    Connection(u32),
    /// The hub's reader of this number.
    Reader(u32),
}

/// Whether faults still happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Running,
    /// Nothing begins any more: what is left comes to its end.
    Epilogue,
}

/// How long what is left may take to come to its end: longer than the longest bound.
const EPILOGUE: Nanos = 20 * MINUTE;

/// How often deadlines are looked over, and how often everything.
const GLANCE: Nanos = 250 * MILLI;
const SWEEP: Nanos = SECOND;

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) now: Nanos,
    pub(crate) random: Random,
    pub(crate) events: Events<Event>,
    pub(crate) hosts: Vec<Host>,
    pub(crate) clients: Vec<Client>,
    /// By their ids; one that is over is `None`.
    pub(crate) connections: Vec<Option<Box<Connection>>>,
    /// Those that are not over, in no order but that of what happened.
    pub(crate) live: Vec<ConnectionId>,
    pub(crate) stage: Stage,
    pub(crate) flaw: Option<Flaw>,
    follow: Option<Follow>,
    pub(crate) report: Report,
    text: String,
    payload: Vec<u8>,
}

/// Simulates the connections of one seed.
pub(crate) fn run(seed: u64, options: &Options) -> Outcome {
    let mut world = World::new(seed, options);
    let end = u64::try_from(options.length.as_nanos()).unwrap_or(NEVER);
    world.populate();
    world.run_until(end);
    world.stage = Stage::Epilogue;
    world.run_until(end + EPILOGUE);
    world.finish();
    world.report.outcome.figures.events = world.events.count();
    world.report.outcome
}

impl World {
    fn new(seed: u64, options: &Options) -> Self {
        Self {
            now: 0,
            random: Random::new(seed),
            events: Events::default(),
            hosts: Vec::new(),
            clients: Vec::new(),
            connections: Vec::new(),
            live: Vec::new(),
            stage: Stage::Running,
            flaw: options.flaw,
            follow: options.follow,
            report: Report::new(seed, options),
            text: String::new(),
            payload: Vec::new(),
        }
    }

    fn populate(&mut self) {
        for _ in 0..settings::SERVERS + settings::CLIENT_HOSTS {
            let host = self.new_host();
            self.hosts.push(host);
        }
        for index in 0..settings::CLIENT_HOSTS * settings::CLIENTS_EACH {
            let kind = if index % settings::STREAM_EVERY == 0 { Kind::EventStream } else { Kind::WebSocket };
            let host = HostId(settings::SERVERS + index / settings::CLIENTS_EACH);
            let schedule = settings::reconnect(&mut self.random);
            self.clients.push(Client::new(kind, host, schedule, self.random.bits()));
            let at = self.random_within(5 * SECOND);
            self.dial_at(ClientId(index), at);
        }
        self.events.push(10 * SECOND, Event::Fault);
        self.events.push(GLANCE, Event::Glance);
        self.events.push(SWEEP, Event::Sweep);
    }

    /// A process that has just begun, on a clock that shows anything up to a year.
    pub(crate) fn new_host(&mut self) -> Host {
        let offset = self.random.below(365 * 24 * 3600 * SECOND);
        let order = if self.random.once_in(4) { Order::TimersFirst } else { Order::ReadsFirst };
        Host::new(self.now, offset, order)
    }

    fn run_until(&mut self, end: Nanos) {
        while let Some((at, event)) = self.events.pop(end) {
            if self.report.is_full() {
                return;
            }
            self.now = at;
            self.step(event);
        }
        self.now = end;
    }

    fn step(&mut self, event: Event) {
        match event {
            Event::Wake(host) => {
                if self.hosts[host.0 as usize].alarm == Some(self.now) {
                    self.hosts[host.0 as usize].alarm = None;
                    self.wake(host);
                }
            }
            Event::Speak(id, side) => self.with(id, |world, connection| world.speak(connection, side)),
            Event::Arrive(id, from) => self.with(id, |world, connection| world.arrive(connection, from)),
            Event::Writable(id, side) => self.with(id, |world, connection| {
                connection.pipes[side].sender_told();
                world.serve(connection, side);
            }),
            Event::Fail(id, side) => self.with(id, |world, connection| world.fail(connection, side)),
            Event::ReadAgain(id, side) => {
                self.with(id, |world, connection| world.read_again(connection, side));
            }
            Event::Sip(id, side) => self.with(id, |world, connection| world.sip(connection, side)),
            Event::Dial(client, attempt) => self.dial(client, attempt),
            Event::Ring(client, attempt) => self.ring(client, attempt),
            Event::Answer(client, attempt, id) => self.answer(client, attempt, id),
            Event::Refusal(client, attempt, refused) => self.refusal(client, attempt, refused),
            Event::GiveUp(client, attempt) => self.give_up(client, attempt),
            Event::Fault => self.fault(),
            Event::Resume(host) => self.resume(host),
            Event::Boot(host) => self.boot(host),
            Event::DrainOver(host) => self.drain_over(host),
            Event::Glance => {
                self.glance();
                self.events.push(self.now + GLANCE, Event::Glance);
            }
            Event::Sweep => {
                self.sweep();
                self.events.push(self.now + SWEEP, Event::Sweep);
            }
        }
    }

    /// Something with a connection, if it is not over; it is out of its place meanwhile.
    pub(crate) fn with(&mut self, id: ConnectionId, act: impl FnOnce(&mut Self, &mut Connection)) {
        let Some(mut connection) = self.connections[id.0 as usize].take() else { return };
        act(self, &mut connection);
        if connection.is_over() {
            self.live.retain(|live| *live != id);
            self.last_look(&mut connection);
        } else {
            self.connections[id.0 as usize] = Some(connection);
        }
    }

    pub(crate) fn random_within(&mut self, span: Nanos) -> Nanos {
        self.now + self.random.below(span)
    }

    pub(crate) fn breach(&mut self, connection: &mut Connection, side: Side, breach: Breach) {
        if connection.trust == Trust::Broken {
            return;
        }
        connection.trust = Trust::Broken;
        self.report.violated(self.now, place(connection.id, connection.kind, side), breach);
    }

    /// Prints a step, if that was asked for.
    pub(crate) fn told(&self, connection: &Connection, side: Side, what: impl FnOnce() -> String) {
        if self.follow == Some(Follow::Connection(connection.id.0)) {
            // Whoever reads the beginning alone, as `head` does, may go.
            let _ = writeln!(
                std::io::stdout(),
                "{} {}: {}",
                shown(self.now),
                place(connection.id, connection.kind, side),
                what()
            );
        }
    }

    /// Whether something is to go wrong here and now that should not, once in so many times.
    pub(crate) fn errs(&mut self, flaw: Flaw, once_in: u64) -> bool {
        self.flaw == Some(flaw) && self.random.once_in(once_in)
    }

    /// What a pipe is to do to the next bytes.
    pub(crate) fn damage(&mut self) -> Option<Damage> {
        let damage = self.flaw.and_then(Flaw::damage)?;
        self.random.once_in(500).then_some(damage)
    }

    /// When a process that is suspended runs again.
    pub(crate) fn suspended_until(&self, host: HostId) -> Option<Nanos> {
        match self.hosts[host.0 as usize].state {
            State::Suspended { until } => Some(until),
            State::Running | State::Down { .. } => None,
        }
    }

    // Time.

    /// Does what is due on a host.
    pub(crate) fn wake(&mut self, id: HostId) {
        let host = id.0 as usize;
        if !self.hosts[host].runs() {
            return;
        }
        let clock = self.hosts[host].clock(self.now);
        while let Some(timed) = self.hosts[host].timers.pop(clock).map(|timed| *timed) {
            match timed {
                Timed::End(id, side) => self.with(id, |world, connection| world.due(connection, side)),
                Timed::Client(client) => self.client_due(client),
            }
        }
        self.set_alarm(id);
    }

    /// Sees to it that the host's queue is asked in time.
    pub(crate) fn set_alarm(&mut self, id: HostId) {
        let host = &mut self.hosts[id.0 as usize];
        let Some(next) = host.timers.poll_timeout() else { return };
        let next = host.moment(next).max(self.now);
        if host.alarm.is_none_or(|alarm| next < alarm) {
            host.alarm = Some(next);
            self.events.push(next, Event::Wake(id));
        }
    }

    /// Whatever is left at the end is looked over once more.
    fn finish(&mut self) {
        if self.report.is_full() {
            return;
        }
        self.sweep();
        for id in self.live.clone() {
            self.with(id, |world, connection| world.last_words(connection));
        }
    }

    // What an application says.

    fn speak(&mut self, connection: &mut Connection, side: Side) {
        let end = &mut connection.ends[side];
        if !end.is_alive() || end.has_ended() || self.stage == Stage::Epilogue {
            return;
        }
        let gap = self.random.between(settings::SPEAKS_EVERY / 2, settings::SPEAKS_EVERY * 3 / 2);
        if let Some(until) = self.suspended_until(end.host) {
            self.events.push(until + gap / 2, Event::Speak(connection.id, side));
            return;
        }
        let again = end.silent_until.max(self.now) + gap;
        self.events.push(again, Event::Speak(connection.id, side));
        let times = if self.now < end.silent_until {
            0
        } else if self.now < end.lectures_until {
            self.random.between(20, 120)
        } else {
            1
        };
        for _ in 0..times {
            self.say(connection, side);
        }
    }

    /// The next message, unless too much waits already.
    pub(crate) fn say(&mut self, connection: &mut Connection, side: Side) {
        let end = &mut connection.ends[side];
        let waits = end.output.len() >= HIGH_WATER && self.flaw != Some(Flaw::EndlessOutput);
        if waits || !end.is_alive() || !self.hosts[end.host.0 as usize].runs() {
            return;
        }
        let lost = self.flaw == Some(Flaw::LostMessage) && self.random.once_in(500);
        let message = Message::new(salt(connection.salt, side as u64), end.next_out);
        let (mut text, mut payload) = (std::mem::take(&mut self.text), std::mem::take(&mut self.payload));
        let clock = self.hosts[end.host.0 as usize].clock(self.now);
        let before = end.output.len();
        let sent = match &mut end.machine {
            Machine::WebSocket(socket) => {
                socket.send(clock, &message, &mut text, &mut payload, &mut end.output)
            }
            Machine::Stream(stream) => stream.send(clock, &message, end.next_out, &mut text, &mut end.output),
            Machine::Source => false,
        };
        (self.text, self.payload) = (text, payload);
        if lost {
            end.output.truncate(before);
        }
        if sent {
            if connection.ends[side.peer()].next_in == connection.ends[side].next_out {
                connection.awaits_since[side.peer()] = self.now;
            }
            let end = &mut connection.ends[side];
            end.next_out += 1;
            end.watch.message_out(self.now);
            let (number, client) = (end.next_out - 1, self.client(connection.client));
            client.newest = client.newest.max(number);
            self.serve(connection, side);
        }
    }
}
