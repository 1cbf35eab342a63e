//! What goes wrong with links, readers and the hub's process, and the times in which nothing does.

use super::contract::{Followed, Place};
use super::desk::State;
use super::ledger::{Life, TopicId};
use super::link::{Client, Flow, Link, Standing, Transport, clock};
use super::settings;
use super::world::{Calm, Event, World};
use crate::connection::Side;
use crate::invariants::{Breach, Invariant};
use crate::pipe::Route;
use crate::time::{MILLI, Nanos, SECOND};

/// From one fault to the next, on the average.
const EVERY: Nanos = 3 * SECOND / 2;

#[derive(Clone, Copy, Debug)]
enum Fault {
    /// Both transports fail, and what is on its way is lost.
    Drop,
    /// Nothing moves for a while, one way or both.
    Stall,
    /// A reader does not read for a while.
    Pause,
    /// The hub's host hands a reader nothing of one topic for a while.
    PauseTopic,
    /// A reader is gone, and the hub's host is not told.
    Vanish,
    /// The server ends the link.
    Dismiss,
    /// A reader ends it.
    HangUp,
    /// Many messages at once.
    Burst,
    /// The hub's process does nothing for a while.
    Suspend,
    /// It is no more, and another begins.
    Crash,
}

impl Fault {
    /// How often of so many times.
    const SHARES: [(Self, u64); 10] = [
        (Self::Drop, 170),
        (Self::Stall, 42),
        (Self::Pause, 48),
        (Self::PauseTopic, 20),
        (Self::Vanish, 36),
        (Self::Dismiss, 18),
        (Self::HangUp, 24),
        (Self::Burst, 10),
        (Self::Suspend, 3),
        (Self::Crash, 1),
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Drop => "hub: drop",
            Self::Stall => "hub: stall",
            Self::Pause => "hub: reader that pauses",
            Self::PauseTopic => "hub: topic that pauses",
            Self::Vanish => "hub: vanished reader",
            Self::Dismiss => "hub: stream ended by the server",
            Self::HangUp => "hub: reader that hangs up",
            Self::Burst => "hub: burst of messages",
            Self::Suspend => "hub: suspended process",
            Self::Crash => "hub: another process",
        }
    }
}

impl World {
    /// The next fault of the schedule.
    pub(crate) fn fault(&mut self) {
        let next = self.now + self.random.between(EVERY / 5, EVERY * 9 / 5);
        self.events.push(next, Event::Fault);
        if self.calm != Calm::Over {
            return;
        }
        let mut share = self.random.below(Fault::SHARES.iter().map(|(_, share)| share).sum());
        let mut fault = Fault::Drop;
        for (of, shares) in Fault::SHARES {
            fault = of;
            if share < shares {
                break;
            }
            share -= shares;
        }
        self.hit(fault);
    }

    fn hit(&mut self, fault: Fault) {
        self.report.fault(fault.name());
        match fault {
            Fault::Burst => return self.burst(),
            Fault::Suspend if self.desk.runs() => {
                let until = self.now + self.random.between(100 * MILLI, 20 * SECOND);
                return self.suspend(until);
            }
            Fault::Crash if self.desk.runs() => return self.crash(),
            Fault::Suspend | Fault::Crash => return,
            Fault::Drop
            | Fault::Stall
            | Fault::Pause
            | Fault::PauseTopic
            | Fault::Vanish
            | Fault::Dismiss
            | Fault::HangUp => {}
        }
        if self.live.is_empty() {
            return;
        }
        let id = self.live[self.random.index(self.live.len())];
        self.report.digest(u64::from(id.0) << 8 | fault as u64);
        self.with(id, |world, link| {
            if link.client.standing == Standing::Alive {
                world.told(link.reader, || format!("fault: {fault:?}"));
                world.hit_link(link, fault);
            }
        });
    }

    fn hit_link(&mut self, link: &mut Link, fault: Fault) {
        match fault {
            Fault::Drop => {
                for side in [Side::Server, Side::Client] {
                    link.pipes[side].tear(&mut self.random);
                    let at = self.random_within(link.path.latency);
                    self.events.push(at, Event::Fail(link.id, side));
                }
                self.hear(link);
            }
            Fault::Stall => {
                let until = self.now + self.long();
                link.pipes.server.stall(until);
                if self.random.once_in(2) {
                    link.pipes.client.stall(until);
                }
            }
            Fault::Pause => {
                let until = self.now + self.long();
                link.client.paused_until = until;
                if let Client::WebSocket(socket) = &mut link.client.machine {
                    socket.writer.handle_read_paused(clock(self.now));
                }
                self.events.push(until, Event::ReadAgain(link.id));
            }
            Fault::PauseTopic => self.pause_topic(link),
            Fault::Vanish => {
                for side in [Side::Server, Side::Client] {
                    link.pipes[side].reroute(Route::Dropped);
                }
                self.lost(link);
                self.events.push(self.now + link.retransmission, Event::Fail(link.id, Side::Server));
            }
            Fault::Dismiss if self.desk.runs() => self.dismiss(link),
            Fault::HangUp => self.lost(link),
            Fault::Dismiss | Fault::Burst | Fault::Suspend | Fault::Crash => {}
        }
    }

    fn pause_topic(&mut self, link: &mut Link) {
        let lasts = self.long();
        let which = self.random.index(link.server.shadows.len());
        let (Some(subscriber), Some(shadow)) = (link.server.subscriber, link.server.shadows.get_mut(which))
        else {
            return;
        };
        if self.desk.runs() {
            shadow.flow = Flow::Paused;
            self.desk.hub.pause(subscriber, &self.ledger.book(shadow.topic).name);
            self.events.push(self.now + lasts, Event::GoOn(link.id, shadow.topic));
        }
    }

    pub(crate) fn go_on(&mut self, link: &mut Link, topic: TopicId) {
        if let State::Suspended { until } = self.desk.state {
            return self.events.push(until, Event::GoOn(link.id, topic));
        }
        let shadow = link.server.shadows.iter_mut().find(|shadow| shadow.topic == topic);
        if let (Some(subscriber), Some(shadow)) = (link.server.subscriber, shadow) {
            shadow.flow = Flow::Open;
            self.desk.hub.resume(subscriber, &self.ledger.book(topic).name);
        }
    }

    /// Mostly short, at times as long as it gets.
    fn long(&mut self) -> Nanos {
        let span = if self.random.once_in(3) { settings::LONG } else { settings::LONG / 8 };
        self.random.between(50 * MILLI, span)
    }

    // Times without faults.

    pub(crate) fn begin_calm(&mut self) {
        self.calm(Calm::Settling);
    }

    pub(crate) fn calm(&mut self, calm: Calm) {
        self.calm = calm;
        match calm {
            Calm::Settling => self.events.push(self.now + settings::CALM_SETTLES, Event::Calm(Calm::Still)),
            Calm::Still => {
                self.events.push(self.now + settings::CALM_LASTS - SECOND, Event::Calm(Calm::Over))
            }
            Calm::Over => {
                self.everybody_is_caught_up();
                self.events.push(self.now + settings::CALM_EVERY, Event::Calm(Calm::Settling));
            }
        }
    }

    /// Nothing was in the way: every reader has a link, and all there is.
    fn everybody_is_caught_up(&mut self) {
        let incarnation = self.desk.hub.incarnation();
        for index in 0..self.readers.len() {
            let reader = &self.readers[index];
            let link = reader.link.and_then(|id| self.links[id.0 as usize].as_ref());
            let Some(link) = link else {
                // A poll may be between two.
                if self.now - reader.away_since > 5 * SECOND {
                    let breach = Breach::new(Invariant::CaughtUp, "a link", "none");
                    self.breach(format!("reader {index}"), *breach);
                }
                continue;
            };
            // A poll without a cursor has no beginning before its answer.
            let unpromised = |followed: &Followed| {
                link.transport == Transport::Poll && followed.place == Place::Unpromised
            };
            let view = link.view(&self.ledger, self.now);
            let mut followed = reader.followed.iter().filter(|followed| !unpromised(followed));
            let behind = followed.find(|followed| !followed.is_caught_up(&view, incarnation));
            if let Some(behind) = behind {
                let book = self.ledger.book(behind.topic);
                let head = book.current(incarnation).map_or(0, Life::head);
                let expected = format!("to be at {head} of {}", book.name);
                let breach = Breach::new(Invariant::CaughtUp, expected, format!("{:?}", behind.place));
                let place = link.place();
                self.breach(place, *breach);
            }
        }
    }
}
