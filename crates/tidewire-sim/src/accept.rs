//! A server lets a client in: two ends, on a path and under limits that are drawn for them.

use std::sync::Arc;
use std::time::Duration;

use tidewire_connection::event_stream::EventStream;
use tidewire_connection::websocket;
use tidewire_lifecycle::Config;
use tidewire_ws::frame::MaskingKey;

use crate::client::Link;
use crate::connection::{
    Both, Connection, ConnectionId, End, Kind, Machine, Reading, Settings, Side, Socket, Standing, Stranger,
    Stream, Trust,
};
use crate::event::{ClientId, Event, HostId};
use crate::flaw::Flaw;
use crate::history::{History, Impediment};
use crate::host::Timed;
use crate::invariants::Watch;
use crate::pipe::Pipe;
use crate::random::Random;
use crate::settings;
use crate::time::Nanos;
use crate::world::World;

/// What a server answers a client with.
struct Offer {
    machine: Machine,
    /// What it has to say at once.
    output: Vec<u8>,
    settings: Settings,
    /// The number of its first message.
    first: u64,
    salt: u64,
}

impl World {
    /// The server lets a client in: its end is open, and the answer on its way.
    pub(crate) fn accept(&mut self, id: ClientId, attempt: u32) {
        let connection_id = ConnectionId(self.connections.len() as u32);
        let (kind, host, server) = (self.client(id).kind, self.client(id).host, self.client(id).server);
        let path = settings::path(&mut self.random);
        let grace = settings::grace(&path);
        let clock = self.hosts[server.0 as usize].clock(self.now);
        let offer = match kind {
            Kind::WebSocket => self.offer_websocket(clock, grace),
            Kind::EventStream => self.offer_stream(id, clock, grace),
        };
        let Some(Offer { machine, output, settings, first, salt }) = offer else { return };
        let end = |host: HostId, machine, config: &Arc<Config>| {
            let order = self.hosts[host.0 as usize].order;
            End::new((host, order), machine, first, Watch::new(config.clone(), self.now))
        };
        let mut ends = Both {
            server: end(server, machine, &settings.server),
            client: end(host, Machine::Source, &settings.client),
        };
        (ends.server.standing, ends.server.output) = (Standing::Alive, output);
        let mut history = History::default();
        if let Some(until) = self.suspended_until(host) {
            history.add(Impediment::Suspended(Side::Client), self.now, until);
        }
        self.connections.push(Some(Box::new(Connection {
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
            history,
            cut_since: Both { server: None, client: None },
            awaits_since: Both { server: self.now, client: self.now },
            failures: Both { server: None, client: None },
            to_fail: Both { server: None, client: None },
            settings,
            trust: Trust::Sound,
        })));
        self.live.push(connection_id);
        let answer = self.now + path.latency + path.jitter;
        self.events.push(answer, Event::Answer(id, attempt, connection_id));
        self.with(connection_id, |world, connection| {
            // What follows the answer comes behind it.
            connection.pipes.server.stall(answer + 1);
            world.begin_end(connection, Side::Server);
        });
    }

    fn offer_websocket(&mut self, clock: Duration, grace: Nanos) -> Option<Offer> {
        let server = settings::websocket(&mut self.random, grace);
        let client = settings::websocket(&mut self.random, grace);
        let (reader, writer) = websocket::server(&server, clock);
        let socket = Socket { reader, writer, told: None, ended: None };
        let (of_server, of_client) = (server.lifecycle.clone(), client.lifecycle.clone());
        Some(Offer {
            machine: Machine::WebSocket(Box::new(socket)),
            output: Vec::new(),
            settings: Settings { server: of_server, client: of_client, websocket: Some(client) },
            first: 0,
            salt: self.random.bits(),
        })
    }

    /// The stream goes on behind the last event that the client has, or with the next there is.
    fn offer_stream(&mut self, id: ClientId, clock: Duration, grace: Nanos) -> Option<Offer> {
        let (server, client, last) = self.stream_settings(id, grace);
        let retry = Duration::from_millis(self.random.between(500, 3000));
        let mut output = Vec::new();
        let stream = EventStream::open(server.clone(), clock, retry, &last.to_string(), &mut output).ok()?;
        Some(Offer {
            machine: Machine::Stream(Box::new(Stream { stream, ended: None })),
            output,
            settings: Settings { server, client, websocket: None },
            first: last + 1,
            salt: self.client(id).salt,
        })
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
