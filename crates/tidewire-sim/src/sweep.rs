//! Looking everything over: what no step would show, because nothing happens.

use tidewire_connection::websocket::Transport;

use crate::connection::{Connection, ConnectionId, Machine, Side, Standing, Trust};
use crate::invariants::{Breach, Checked, Invariant, check, overdue};
use crate::world::World;

/// What a host's queue of timers holds at most: for each, and for its slots.
const TIMER_BYTES: usize = 48;
const SLOT_BYTES: usize = 12 * 1024;

impl World {
    /// No deadline of a host that runs was forgotten.
    pub(crate) fn glance(&mut self) {
        for index in 0..self.live.len() {
            let id = self.live[index];
            let Some(connection) = &self.connections[id.0 as usize] else { continue };
            if connection.trust == Trust::Broken {
                continue;
            }
            for side in Side::BOTH {
                let end = &connection.ends[side];
                if !end.is_alive() || !self.hosts[end.host.0 as usize].runs() {
                    continue;
                }
                let checked = match &end.machine {
                    Machine::WebSocket(_) | Machine::Stream(_) => end.watch.on_time(self.now),
                    Machine::Source => Ok(()),
                };
                if let Err(breach) = checked {
                    self.broken(id, side, *breach);
                    break;
                }
            }
        }
        self.glance_at_clients();
    }

    fn glance_at_clients(&mut self) {
        for index in 0..self.clients.len() {
            let client = &self.clients[index];
            if let (Some(source), true) = (&client.source, self.hosts[client.host.0 as usize].runs()) {
                if let Err(breach) = source.watch.on_time(self.now) {
                    self.report.violated(self.now, format!("client {index} (event stream)"), *breach);
                    return;
                }
            }
        }
    }

    fn broken(&mut self, id: ConnectionId, side: Side, breach: Breach) {
        self.with(id, |world, connection| world.breach(connection, side, breach));
    }

    /// Nobody waits for what should have come.
    pub(crate) fn sweep(&mut self) {
        let mut alive = 0;
        for index in 0..self.live.len() {
            let id = self.live[index];
            let Some(connection) = &self.connections[id.0 as usize] else { continue };
            let both = |side: &Side| connection.ends[*side].is_alive();
            alive += u64::from(Side::BOTH.iter().all(both));
            for side in Side::BOTH {
                if let Err(breach) = self.look_at(connection, side) {
                    self.broken(id, side, *breach);
                    break;
                }
            }
        }
        if self.stage == crate::world::Stage::Running {
            self.report.alive(alive);
        }
        for index in 0..self.hosts.len() {
            if let Err(breach) = self.look_at_timers(index) {
                self.report.violated(self.now, format!("host {index}"), *breach);
            }
        }
    }

    fn look_at(&self, connection: &Connection, side: Side) -> Checked {
        let end = &connection.ends[side];
        if !end.is_alive() || !self.hosts[end.host.0 as usize].runs() {
            return Ok(());
        }
        match (&end.machine, &self.clients[connection.client.0 as usize].source) {
            (Machine::WebSocket(_) | Machine::Stream(_), _) => {
                overdue(connection, side, &end.watch, self.now)
            }
            (Machine::Source, Some(source)) => overdue(connection, side, &source.watch, self.now),
            (Machine::Source, None) => Ok(()),
        }
    }

    /// At the end of the world: whoever is still there has all that was sent to it.
    pub(crate) fn last_words(&mut self, connection: &mut Connection) {
        for side in Side::BOTH {
            let (here, there) = (&connection.ends[side], &connection.ends[side.peer()]);
            let complete = here.next_in == there.next_out;
            if here.is_alive() && !here.has_ended() && !complete && connection.cut_since[side].is_none() {
                let expected = format!("all {} messages, or an end", there.next_out);
                let breach = Breach::new(Invariant::Delivery, expected, format!("{}", here.next_in));
                self.breach(connection, side, *breach);
            }
        }
    }

    /// A host has the timers of its connections and clients, and no others; their memory is that of the most.
    fn look_at_timers(&self, index: usize) -> Checked {
        let host = &self.hosts[index];
        let of_ends = self.live.iter().filter_map(|id| self.connections[id.0 as usize].as_ref());
        let of_ends = of_ends.flat_map(|connection| [&connection.ends.server, &connection.ends.client]);
        let of_ends = of_ends.filter(|end| end.host.0 as usize == index && end.timer.is_some()).count();
        let of_clients = self.clients.iter();
        let of_clients =
            of_clients.filter(|client| client.host.0 as usize == index && client.timer.is_some()).count();
        let (had, expected) = (host.timers.len(), of_ends + of_clients);
        check(had == expected, || {
            Breach::new(Invariant::Memory, format!("{expected} timers"), format!("{had}"))
        })?;
        let held = host.timers.held_len_bytes();
        // A vector doubles.
        let most = SLOT_BYTES + TIMER_BYTES * (2 * host.most_timers + 4);
        check(held <= most, || {
            Breach::new(Invariant::Memory, format!("at most {most} bytes of timers"), format!("{held}"))
        })
    }

    /// A connection is over: nothing happens on it any more, and its two ends agree.
    pub(crate) fn last_look(&mut self, connection: &mut Connection) {
        for side in Side::BOTH {
            let checked = self.poke(connection, side);
            let checked = checked.and_then(|()| agree(connection, side));
            if let Err(breach) = checked {
                self.breach(connection, side, *breach);
            }
        }
    }

    /// Whatever is told to an end that is over, it says nothing.
    fn poke(&mut self, connection: &mut Connection, side: Side) -> Checked {
        let now = self.now;
        let end = &mut connection.ends[side];
        let Standing::Gone(_) = end.standing else { return Ok(()) };
        let host = &self.hosts[end.host.0 as usize];
        let clock = host.clock(now);
        let before = end.output.len();
        let Machine::WebSocket(socket) = &mut end.machine else { return Ok(()) };
        let (Some(record), Transport::Closed) = (socket.ended.clone(), socket.writer.transport()) else {
            // Its process was killed.
            return Ok(());
        };
        let usage = socket.writer.usage(clock);
        let mut late = *b"\x81\x04late";
        let mut events = socket.reader.receive(&mut late);
        let heard = events.next(clock, &mut socket.writer, &mut end.output).is_some();
        socket.writer.handle_timeout(clock + std::time::Duration::from_secs(600), &mut end.output);
        socket.reader.handle_eof(clock, &mut socket.writer);
        socket.writer.handle_transport_error(clock);
        let sends = socket.writer.send_text(clock, "late", &mut end.output).is_ok();
        let quiet = !heard && !sends && end.output.len() == before && socket.writer.poll_timeout().is_none();
        check(quiet, || Breach::new(Invariant::End, "silence behind the end", "something"))?;
        let still = socket.writer.usage(clock) == usage && socket.writer.ended() == Some(&record);
        check(still, || {
            let got = format!("{:?}, {:?}", socket.writer.usage(clock), socket.writer.ended());
            Breach::new(Invariant::End, format!("{usage:?}, {record}"), got)
        })
    }
}

/// Nobody has received more than was sent; where the close was clean, nobody less.
fn agree(connection: &Connection, side: Side) -> Checked {
    use tidewire_connection::websocket::ClosingHandshake;
    let (here, there) = (&connection.ends[side], &connection.ends[side.peer()]);
    let (received, sent) = (here.watch.received_bytes(), there.watch.sent_bytes());
    let counts = !matches!(here.machine, Machine::Source);
    check(!counts || received <= sent, || {
        Breach::new(Invariant::Usage, format!("at most {sent} bytes received"), format!("{received}"))
    })?;
    let Machine::WebSocket(socket) = &here.machine else { return Ok(()) };
    let clean =
        socket.ended.as_ref().is_some_and(|ended| ended.closing_handshake == ClosingHandshake::Complete);
    check(!clean || here.next_in == there.next_out, || {
        let expected = format!("all {} messages before the peer's close", there.next_out);
        Breach::new(Invariant::Delivery, expected, format!("{}", here.next_in))
    })
}
