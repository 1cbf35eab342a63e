//! What goes wrong with a host: it is suspended, it crashes, it goes away; and it comes back.

use std::time::Duration;

use tidewire_lifecycle::drain::{self, Drain};

use crate::client::Link;
use crate::connection::{ConnectionId, Machine, Side, Standing, Stranger};
use crate::event::{ClientId, Event, HostId};
use crate::history::Impediment;
use crate::host::{Order, State};
use crate::invariants::{Breach, Invariant};
use crate::pipe::Route;
use crate::settings;
use crate::time::SECOND;
use crate::world::World;

impl World {
    fn a_host_that_runs(&mut self) -> Option<HostId> {
        let running: Vec<usize> = (0..self.hosts.len()).filter(|host| self.hosts[*host].runs()).collect();
        let host = *running.get(self.random.index(running.len()))?;
        Some(HostId(host as u16))
    }

    /// The live connections with an end on a host, and which.
    fn on(&self, host: HostId) -> Vec<(ConnectionId, Side)> {
        let mut found = Vec::new();
        for id in &self.live {
            let Some(connection) = &self.connections[id.0 as usize] else { continue };
            for side in Side::BOTH {
                if connection.ends[side].host == host {
                    found.push((*id, side));
                }
            }
        }
        found
    }

    pub(crate) fn suspend(&mut self) {
        let Some(id) = self.a_host_that_runs() else { return };
        self.report.fault("suspended host");
        let until = self.now + self.long(80 * SECOND);
        self.hosts[id.0 as usize].state = State::Suspended { until };
        self.events.push(until, Event::Resume(id));
        let now = self.now;
        for (connection, side) in self.on(id) {
            self.with(connection, |_, connection| {
                connection.history.add(Impediment::Suspended(side), now, until);
            });
        }
    }

    pub(crate) fn resume(&mut self, id: HostId) {
        let now = self.now;
        let host = &mut self.hosts[id.0 as usize];
        host.state = State::Running;
        host.resumed_at = now;
        let order = host.order;
        let ends = self.on(id);
        for (connection, side) in &ends {
            self.with(*connection, |_, connection| connection.ends[*side].watch.resumed_at = now);
        }
        for client in &mut self.clients {
            if let (true, Some(source)) = (client.host == id, &mut client.source) {
                source.watch.resumed_at = now;
            }
        }
        if order == Order::TimersFirst {
            self.wake(id);
        }
        for (connection, side) in ends {
            self.with(connection, |world, connection| world.serve(connection, side));
        }
        self.wake(id);
    }

    pub(crate) fn crash(&mut self) {
        let Some(id) = self.a_host_that_runs() else { return };
        self.report.fault("crashed host");
        let until = self.now + SECOND + self.long(30 * SECOND);
        for (connection, side) in self.on(id) {
            self.with(connection, |world, connection| match connection.ends[side].standing {
                Standing::Alive | Standing::Awaited => world.vanish(connection, side),
                Standing::Gone(_) | Standing::Vanished => {}
            });
        }
        self.leave(id);
        let mut host = self.new_host();
        host.state = State::Down { until };
        self.hosts[id.0 as usize] = host;
        self.events.push(until, Event::Boot(id));
    }

    /// The clients of a host that goes have nothing any more; the server's time adds up.
    fn leave(&mut self, id: HostId) {
        self.check_deployment(id);
        for client in &mut self.clients {
            if client.host == id {
                (client.source, client.timer) = (None, None);
                client.link = Link::None;
                client.attempt += 1;
            }
        }
    }

    pub(crate) fn boot(&mut self, id: HostId) {
        let host = &mut self.hosts[id.0 as usize];
        host.state = State::Running;
        host.resumed_at = self.now;
        for (connection, side) in self.on(id) {
            self.with(connection, |world, connection| {
                let vanished = connection.ends[side].standing == Standing::Vanished;
                let cut = connection.cut_since[side].is_some() && connection.cut_since[side.peer()].is_some();
                if vanished && !cut && connection.stranger == Stranger::Refused {
                    connection.pipes[side.peer()].reroute(Route::Refused);
                    if connection.pipes[side.peer()].held() > 0 {
                        world.refuse(connection, side.peer());
                    }
                }
            });
        }
        for index in 0..self.clients.len() {
            if self.clients[index].host == id {
                let id = ClientId(index as u16);
                self.new_schedule(id);
                let at = self.random_within(3 * SECOND);
                self.dial_at(id, at);
            }
        }
    }

    /// A server goes away: it tells its connections, in a spread, and drops what is left at the deadline.
    pub(crate) fn drain(&mut self) {
        let id = HostId(self.random.below(u64::from(settings::SERVERS)) as u16);
        let host = &mut self.hosts[id.0 as usize];
        if !host.runs() || host.drain.is_some() {
            return;
        }
        self.report.fault("drained server");
        let mut config = drain::Config::default();
        config.spread = Duration::from_nanos(self.random.between(SECOND, 12 * SECOND));
        config.deadline = Duration::from_nanos(self.random.between(5 * SECOND, 30 * SECOND));
        let host = &mut self.hosts[id.0 as usize];
        let clock = host.clock(self.now);
        let drain = Drain::new(&config, clock);
        host.drain = Some(drain);
        self.events.push(host.moment(drain.deadline()), Event::DrainOver(id));
        let ends = self.on(id);
        for (index, (connection, side)) in ends.iter().enumerate() {
            let told_at = drain.told_at(index, ends.len());
            let moment = self.hosts[id.0 as usize].moment(told_at);
            self.with(*connection, |world, connection| {
                let end = &mut connection.ends[*side];
                match &mut end.machine {
                    Machine::WebSocket(socket) => socket.writer.begin_drain(clock, told_at),
                    Machine::Stream(stream) => stream.stream.begin_drain(clock, told_at),
                    Machine::Source => {}
                }
                end.watch.told_at = Some(moment);
                if world.random.once_in(4) {
                    world.renew(connection);
                }
                world.serve(connection, *side);
            });
        }
    }

    /// The process ends, and another begins.
    pub(crate) fn drain_over(&mut self, id: HostId) {
        let host = &self.hosts[id.0 as usize];
        if host.drain.is_none() {
            return;
        }
        if let Some(until) = self.suspended_until(id) {
            return self.events.push(until, Event::DrainOver(id));
        }
        for (connection, side) in self.on(id) {
            self.with(connection, |world, connection| {
                if connection.ends[side].is_alive() {
                    world.close_transport(connection, side);
                }
            });
        }
        self.check_deployment(id);
        let fresh = self.new_host();
        self.hosts[id.0 as usize] = fresh;
    }

    /// Everything that was opened and closed on a host adds up.
    pub(crate) fn check_deployment(&mut self, id: HostId) {
        let host = &self.hosts[id.0 as usize];
        let (busy, open) = (host.deployment.busy(host.clock(self.now)), host.deployment.open());
        if (open, host.charged) != (0, busy) {
            let breach = Breach::new(
                Invariant::Usage,
                format!("shares of {busy:?} that add up, and nothing open"),
                format!("{:?}, and {open} open", host.charged),
            );
            self.report.violated(self.now, format!("host {}", id.0), *breach);
        }
    }
}
