//! Clients: they dial, are let in or not, and come back.

use std::sync::Arc;
use std::time::Duration;

use tidewire_connection::event_stream::EventStream;
use tidewire_connection::websocket;
use tidewire_lifecycle::reconnect::Reconnect;
use tidewire_lifecycle::timer_queue::TimerKey;
use tidewire_ws::frame::MaskingKey;

use crate::connection::{
    Both, Connection, ConnectionId, End, Kind, Machine, Reading, Said, Settings, Side, Socket, Standing,
    Stranger, Stream, Transport, Trust,
};
use crate::event::{ClientId, Event, HostId, Refused};
use crate::flaw::Flaw;
use crate::history::{History, Impediment};
use crate::host::{Order, State, Timed};
use crate::invariants::Watch;
use crate::pipe::Pipe;
use crate::random::Random;
use crate::settings;
use crate::source::Source;
use crate::time::{MILLI, Nanos, SECOND, nanos};
use crate::world::{Stage, World};

/// Whether a client has a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    None,
    /// It waits for an answer.
    Dialing,
    Connected(ConnectionId),
}

/// Somebody who wants to be connected all the time.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) kind: Kind,
    pub(crate) host: HostId,
    pub(crate) link: Link,
    /// Of the attempts so far, the newest. What belongs to another comes too late.
    pub(crate) attempt: u32,
    pub(crate) dialed_at: Nanos,
    server: HostId,
    pub(crate) reconnect: Reconnect,
    /// The machine of an event stream's client.
    pub(crate) source: Option<Box<Source>>,
    pub(crate) timer: Option<TimerKey>,
    /// What its feed is drawn by, and the last event of it that there is.
    salt: u64,
    pub(crate) newest: u64,
}

/// A WebSocket's client waits so long for an answer.
const PATIENCE: Nanos = 6 * SECOND;

impl Client {
    pub(crate) fn new(kind: Kind, host: HostId, reconnect: Reconnect, salt: u64) -> Self {
        Self {
            kind,
            host,
            link: Link::None,
            attempt: 0,
            dialed_at: 0,
            server: HostId(0),
            reconnect,
            source: None,
            timer: None,
            salt,
            newest: 0,
        }
    }
}

impl World {
    pub(crate) fn client(&mut self, id: ClientId) -> &mut Client {
        &mut self.clients[id.0 as usize]
    }

    /// The client asks again then.
    pub(crate) fn dial_at(&mut self, id: ClientId, at: Nanos) {
        let client = self.client(id);
        client.attempt += 1;
        client.link = Link::None;
        let attempt = client.attempt;
        self.events.push(at, Event::Dial(id, attempt));
    }

    /// A WebSocket's client comes back when its schedule says.
    pub(crate) fn come_back(&mut self, id: ClientId) {
        let entropy = self.random.bits();
        match self.client(id).reconnect.next_delay(entropy) {
            Some(delay) => {
                let at = self.now + nanos(delay);
                self.dial_at(id, at);
            }
            None => self.try_anew(id),
        }
    }

    /// The schedule has no next attempt; but somebody tries anew after a while.
    fn try_anew(&mut self, id: ClientId) {
        let reconnect = Reconnect::new(settings::reconnect(&mut self.random));
        self.client(id).reconnect = reconnect;
        let at = self.random_within(8 * SECOND);
        self.dial_at(id, at);
    }

    /// The client's process is no more, and with it its machine.
    pub(crate) fn retire(&mut self, id: ClientId) {
        let client = self.client(id);
        client.source = None;
        let (host, key) = (client.host, client.timer.take());
        if let Some(key) = key {
            self.hosts[host.0 as usize].timers.remove(key);
        }
    }

    pub(crate) fn dial(&mut self, id: ClientId, attempt: u32) {
        let (now, stage) = (self.now, self.stage);
        let client = self.client(id);
        if client.attempt != attempt || client.link != Link::None {
            return;
        }
        let host = client.host;
        if stage == Stage::Epilogue {
            return self.retire(id);
        }
        match self.hosts[host.0 as usize].state {
            State::Running => {}
            State::Suspended { until } => return self.events.push(until, Event::Dial(id, attempt)),
            // Whoever boots the host dials again.
            State::Down { .. } => return,
        }
        if self.client(id).kind == Kind::EventStream && self.client(id).source.is_none() {
            // Its machine asks for itself.
            return self.begin_source(id);
        }
        let server = HostId(self.random.below(u64::from(settings::SERVERS)) as u16);
        let client = self.client(id);
        (client.link, client.dialed_at, client.server) = (Link::Dialing, now, server);
        if client.kind == Kind::WebSocket {
            self.events.push(now + PATIENCE, Event::GiveUp(id, attempt));
        }
        let travel = self.random.between(MILLI, 100 * MILLI);
        self.events.push(now + travel, Event::Ring(id, attempt));
    }

    pub(crate) fn ring(&mut self, id: ClientId, attempt: u32) {
        if self.client(id).attempt != attempt || self.client(id).link != Link::Dialing {
            return;
        }
        let server = self.client(id).server;
        let travel = self.random.between(MILLI, 100 * MILLI);
        let host = &self.hosts[server.0 as usize];
        let refused = match host.state {
            State::Suspended { until } => return self.events.push(until, Event::Ring(id, attempt)),
            State::Down { .. } if self.random.once_in(2) => return,
            State::Down { .. } => Refused::Nobody,
            State::Running if self.flaw == Some(Flaw::UnansweredCall) => return,
            State::Running if host.drain.is_some() => Refused::Busy,
            State::Running => return self.accept(id, attempt),
        };
        self.events.push(self.now + travel, Event::Refusal(id, attempt, refused));
    }

    /// Whether a client that gave up had a reason to: something was not there for it.
    pub(crate) fn was_kept_waiting(&self, id: ClientId) -> bool {
        let client = &self.clients[id.0 as usize];
        [client.host, client.server].iter().any(|host| {
            let host = &self.hosts[host.0 as usize];
            !host.runs() || host.resumed_at > client.dialed_at
        })
    }

    pub(crate) fn refusal(&mut self, id: ClientId, attempt: u32, refused: Refused) {
        if self.client(id).attempt != attempt || self.client(id).link != Link::Dialing {
            return;
        }
        let host = self.client(id).host;
        if let Some(until) = self.suspended_until(host) {
            return self.events.push(until, Event::Refusal(id, attempt, refused));
        }
        self.report.digest(u64::from(id.0) << 8 | refused as u64);
        match self.client(id).kind {
            Kind::WebSocket => self.come_back(id),
            Kind::EventStream => self.source_refused(id, refused),
        }
    }

    pub(crate) fn give_up(&mut self, id: ClientId, attempt: u32) {
        if self.client(id).attempt != attempt || self.client(id).link != Link::Dialing {
            return;
        }
        let host = self.client(id).host;
        if let Some(until) = self.suspended_until(host) {
            return self.events.push(until, Event::GiveUp(id, attempt));
        }
        self.come_back(id);
    }

    /// The server lets a client in: its end is open, and the answer on its way.
    fn accept(&mut self, id: ClientId, attempt: u32) {
        let connection_id = ConnectionId(self.connections.len() as u32);
        let (kind, host, server) = (self.client(id).kind, self.client(id).host, self.client(id).server);
        let path = settings::path(&mut self.random);
        let grace = settings::grace(&path);
        let clock = self.hosts[server.0 as usize].clock(self.now);
        let mut output = Vec::new();
        let (machine, settings, first) = match kind {
            Kind::WebSocket => {
                let server = settings::websocket(&mut self.random, grace);
                let client = settings::websocket(&mut self.random, grace);
                let (reader, writer) = websocket::server(&server, clock);
                let socket = Socket { reader, writer, told: None, ended: None };
                let settings = Settings {
                    server: server.lifecycle.clone(),
                    client: client.lifecycle.clone(),
                    websocket: Some(client),
                };
                (Machine::WebSocket(Box::new(socket)), settings, 0)
            }
            Kind::EventStream => {
                let (config, source, last) = self.stream_settings(id, grace);
                let retry = Duration::from_millis(self.random.between(500, 3000));
                let opened = EventStream::open(config.clone(), clock, retry, &last.to_string(), &mut output);
                let Ok(stream) = opened else { return };
                let stream = Stream { stream, ended: None };
                let settings = Settings { server: config, client: source, websocket: None };
                (Machine::Stream(Box::new(stream)), settings, last + 1)
            }
        };
        let settings = Arc::new(settings);
        let orders = (self.hosts[server.0 as usize].order, self.hosts[host.0 as usize].order);
        let ends = Both {
            server: end((server, orders.0), machine, Standing::Alive, first, &settings.server, self.now),
            client: end(
                (host, orders.1),
                Machine::Source,
                Standing::Awaited,
                first,
                &settings.client,
                self.now,
            ),
        };
        let salt = match kind {
            Kind::WebSocket => self.random.bits(),
            Kind::EventStream => self.client(id).salt,
        };
        let mut connection = Box::new(Connection {
            id: connection_id,
            kind,
            client: id,
            salt,
            ends,
            pipes: Both { server: Pipe::new(path), client: Pipe::new(path) },
            path,
            grace,
            retransmission: settings::retransmission(&mut self.random),
            stranger: if self.random.once_in(2) { Stranger::Refused } else { Stranger::Ignored },
            history: History::default(),
            cut_since: Both { server: None, client: None },
            awaits_since: Both { server: self.now, client: self.now },
            failures: Both { server: None, client: None },
            to_fail: Both { server: None, client: None },
            settings,
            trust: Trust::Sound,
        });
        connection.ends.server.output = output;
        if let Some(until) = self.suspended_until(host) {
            connection.history.add(Impediment::Suspended(Side::Client), self.now, until);
        }
        self.connections.push(Some(connection));
        self.live.push(connection_id);
        let answer = self.now + path.latency + path.jitter;
        self.events.push(answer, Event::Answer(id, attempt, connection_id));
        self.with(connection_id, |world, connection| {
            // What follows the answer comes behind it.
            connection.pipes.server.stall(answer + 1);
            world.begin_end(connection, Side::Server);
        });
    }

    /// An end that has just begun: its timer, and what it has to say.
    fn begin_end(&mut self, connection: &mut Connection, side: Side) {
        let end = &mut connection.ends[side];
        let host = &mut self.hosts[end.host.0 as usize];
        let clock = host.clock(self.now);
        match connection.kind {
            Kind::EventStream if side == Side::Client => {}
            Kind::WebSocket | Kind::EventStream => {
                end.timer = Some(host.new_timer(Timed::End(connection.id, side)));
            }
        }
        if side == Side::Server {
            end.share = Some(host.deployment.handle_opened(clock));
            if self.random.once_in(6) {
                self.renew(connection);
            }
        }
        let first = self.random_within(settings::SPEAKS_EVERY);
        match connection.ends[side].machine {
            Machine::WebSocket(_) | Machine::Stream(_) => {
                self.events.push(first, Event::Speak(connection.id, side));
            }
            Machine::Source => {}
        }
        self.serve(connection, side);
    }

    /// The server's answer has come.
    pub(crate) fn answer(&mut self, id: ClientId, attempt: u32, connection_id: ConnectionId) {
        let host = self.client(id).host;
        if let Some(until) = self.suspended_until(host) {
            return self.events.push(until, Event::Answer(id, attempt, connection_id));
        }
        let is_awaited = self.client(id).attempt == attempt && self.client(id).link == Link::Dialing;
        self.with(connection_id, |world, connection| {
            if connection.ends.client.standing != Standing::Awaited {
                return;
            }
            if !is_awaited {
                // The client has gone on to something else.
                connection.ends.client.standing = Standing::Vanished;
                return world.close_transport(connection, Side::Client);
            }
            world.client(id).link = Link::Connected(connection_id);
            world.connect(connection);
        });
    }

    fn connect(&mut self, connection: &mut Connection) {
        self.report.outcome.figures.connections += 1;
        let clock = self.hosts[connection.ends.client.host.0 as usize].clock(self.now);
        let end = &mut connection.ends.client;
        end.standing = Standing::Alive;
        end.watch = Watch::new(connection.settings.client.clone(), self.now);
        if let Some(config) = &connection.settings.websocket {
            let mut keys = Random::new(connection.salt);
            let keys = move || MaskingKey((keys.bits() as u32).to_be_bytes());
            let (reader, writer) = websocket::client(config, clock, keys);
            let mut socket = Socket { reader, writer, told: None, ended: None };
            match self.flaw {
                Some(Flaw::PretendedPause) => socket.writer.handle_read_paused(clock),
                Some(Flaw::DeafHost) => end.reading = Reading::Paused,
                Some(_) | None => {}
            }
            end.machine = Machine::WebSocket(Box::new(socket));
        } else {
            self.source_connected(connection);
        }
        self.begin_end(connection, Side::Client);
    }
}

fn end(
    (host, order): (HostId, Order),
    machine: Machine,
    standing: Standing,
    first: u64,
    config: &Arc<tidewire_lifecycle::Config>,
    now: Nanos,
) -> End {
    End {
        host,
        order,
        machine,
        standing,
        transport: Transport::Fine,
        reading: Reading::On,
        said: Said::Nothing,
        output: Vec::new(),
        inbox: Vec::new(),
        timer: None,
        share: None,
        silent_until: 0,
        next_out: first,
        next_in: first,
        watch: Watch::new(config.clone(), now),
    }
}
