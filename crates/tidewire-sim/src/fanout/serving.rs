//! What is taken from the hub for a link, and in which form it is said.

use tidewire_hub::{Budget, Cursor, Delivery, Gap, Position, SubscriberId, TopicName};
use tidewire_sse::Event as SseEvent;

use super::link::{Link, Server, ServerEnd, Standing, clock};
use super::post::is_post;
use super::record::{Page, Record};
use super::settings::{CONTROL_LEN, TURN_BYTES, TURN_MESSAGES};
use super::shadow::Observer;
use super::world::World;
use crate::flaw::Flaw;
use crate::invariants::{Breach, Checked, Invariant, check};
use crate::time::Nanos;

impl ServerEnd {
    /// A message, as this transport has it.
    fn say(
        &mut self,
        now: Nanos,
        (topic, position): (&TopicName, Position),
        (text, event): (&str, Option<&str>),
        cursor: String,
    ) {
        let record = |cursor| Record::message(topic.as_str(), position, (text, event), cursor);
        match &mut self.machine {
            Server::WebSocket(socket) => {
                let _ = socket.writer.send_text(clock(now), &record(cursor).to_text(), &mut self.output);
            }
            Server::Stream(stream) => {
                let unnamed = SseEvent::new().id(&cursor).data(text);
                let event = event.map_or(unnamed, |event| unnamed.event(event));
                let _ = stream.send(clock(now), &event, &mut self.output);
            }
            Server::Lines(_) => line(&record(cursor), &mut self.output),
            Server::Poll { .. } => {}
        }
    }

    /// A message to this connection alone: the next of its inbox.
    fn say_direct(&mut self, now: Nanos, text: &str) -> Checked {
        let next = self.inbox.pop_front().map(|(number, _)| number);
        let is_next = next.is_some_and(|number| is_post(number, text));
        check(is_next, || {
            let expected = format!("number {next:?} of the inbox");
            Breach::new(Invariant::Order, expected, crate::application::shown(text.as_bytes()))
        })?;
        self.direct.extend(next);
        match &mut self.machine {
            Server::WebSocket(socket) => {
                let text = Record::direct(text).to_text();
                let _ = socket.writer.send_text(clock(now), &text, &mut self.output);
            }
            Server::Stream(stream) => {
                let event = SseEvent::new().event("direct").data(text);
                let _ = stream.send(clock(now), &event, &mut self.output);
            }
            Server::Lines(_) => line(&Record::direct(text), &mut self.output),
            Server::Poll { .. } => {}
        }
        Ok(())
    }

    fn say_gap(&mut self, now: Nanos, gap: &Gap, cursor: String) {
        match &mut self.machine {
            Server::WebSocket(socket) => {
                let text = Record::gap(gap, cursor).to_text();
                let _ = socket.writer.send_text(clock(now), &text, &mut self.output);
            }
            Server::Stream(stream) => {
                let text = Record::gap(gap, String::new()).to_text();
                let event = SseEvent::new().id(&cursor).event("gap").data(&text);
                let _ = stream.send(clock(now), &event, &mut self.output);
            }
            Server::Lines(_) => line(&Record::gap(gap, cursor), &mut self.output),
            Server::Poll { .. } => {}
        }
    }
}

pub(crate) fn line(record: &Record<'_>, output: &mut Vec<u8>) {
    record.encode(output);
    output.push(b'\n');
}

/// What was handed out, for when the hub is not borrowed any more.
enum Taken {
    Message { topic: TopicName, position: Position, text: String, event: Option<String> },
    Gap(Gap),
}

/// What one turn takes.
const TURN: Budget = Budget { max_messages: TURN_MESSAGES, max_bytes: TURN_BYTES };

impl World {
    /// One turn: as much as it may take, or all there is.
    pub(crate) fn take(&mut self, link: &mut Link) {
        let Some(subscriber) = link.server.subscriber else { return };
        let before = link.server.output.len();
        match &link.server.machine {
            Server::Poll { .. } => return self.answer_poll(link),
            Server::WebSocket(_) | Server::Stream(_) | Server::Lines(_) if link.server.shadows.len() == 1 => {
                self.take_batch(link, subscriber);
            }
            Server::WebSocket(_) | Server::Stream(_) | Server::Lines(_) => self.take_singly(link, subscriber),
        }
        let taken = link.server.output.len() - before;
        link.server.announced = self.desk.hub.wants_batch(subscriber);
        link.server.most_output = taken + CONTROL_LEN;
        if link.server.dismissed {
            self.report.outcome.figures.fanout.dismissed += 1;
            self.forget_subscriber(link);
            self.dismiss(link);
        }
        let announced = link.server.announced;
        self.told(link.reader, || format!("{taken} bytes taken, more: {announced}"));
    }

    /// One topic: its cursor follows from each position.
    fn take_batch(&mut self, link: &mut Link, subscriber: SubscriberId) {
        let observer =
            Observer::new(&self.ledger, self.desk.config.max_turn_messages, link.connection, self.now);
        let (mut taken, mut checked) = (0, Ok(()));
        for delivery in self.desk.hub.batch(clock(self.now), subscriber, TURN) {
            taken += 1;
            checked = checked.and_then(|()| observer.sees(&mut link.server.shadows, &delivery));
            match delivery {
                Delivery::Message(lent) => {
                    let cursor = Cursor::for_position(lent.topic(), lent.position()).encode();
                    let place = (lent.topic(), lent.position());
                    link.server.say(self.now, place, (lent.message().text(), lent.event()), cursor);
                }
                Delivery::Gap(gap) => {
                    let cursor = Cursor::for_position(&gap.topic, gap.to).encode();
                    link.server.say_gap(self.now, &gap, cursor);
                }
                Delivery::Direct(post) => {
                    checked = checked.and_then(|()| link.server.say_direct(self.now, post.text()));
                }
                Delivery::Dismissed(_) => link.server.dismissed = true,
            }
        }
        self.report.outcome.figures.fanout.taken += taken;
        self.checked(link, checked);
    }

    /// Several topics: the hub composes the cursor behind each.
    fn take_singly(&mut self, link: &mut Link, subscriber: SubscriberId) {
        let start = link.server.output.len();
        for _ in 0..TURN_MESSAGES {
            if link.server.output.len() - start >= TURN_BYTES {
                break;
            }
            let stale = self.errs(Flaw::StaleToken, 50).then(|| self.desk.hub.cursor(subscriber));
            let observer = Observer::new(&self.ledger, 1, link.connection, self.now);
            let Some(delivery) = self.desk.hub.pull(clock(self.now), subscriber) else { break };
            let checked = observer.sees(&mut link.server.shadows, &delivery);
            let taken = match delivery {
                Delivery::Message(lent) => Taken::Message {
                    topic: lent.topic().clone(),
                    position: lent.position(),
                    text: lent.message().text().to_owned(),
                    event: lent.event().map(str::to_owned),
                },
                Delivery::Gap(gap) => Taken::Gap(*gap),
                Delivery::Direct(post) => {
                    let said = link.server.say_direct(self.now, post.text());
                    self.checked(link, checked.and(said));
                    continue;
                }
                Delivery::Dismissed(_) => {
                    link.server.dismissed = true;
                    self.checked(link, checked);
                    break;
                }
            };
            self.report.outcome.figures.fanout.taken += 1;
            self.checked(link, checked);
            let foreign = self.foreign_cursor();
            let cursor = stale.or(foreign).unwrap_or_else(|| self.desk.hub.cursor(subscriber));
            self.say(link, taken, &cursor.encode());
        }
    }

    fn say(&mut self, link: &mut Link, taken: Taken, cursor: &str) {
        match taken {
            Taken::Message { topic, position, text, event } => {
                let times = match () {
                    () if self.errs(Flaw::SkippedMessage, 500) => 0,
                    () if self.errs(Flaw::DoubledMessage, 500) => 2,
                    () => 1,
                };
                for _ in 0..times {
                    let said = (text.as_str(), event.as_deref());
                    link.server.say(self.now, (&topic, position), said, cursor.to_owned());
                }
                if self.errs(Flaw::InventedGap, 500) {
                    let gap = Gap {
                        topic,
                        reason: tidewire_hub::GapReason::Evicted,
                        from: Some(position),
                        to: Position { offset: position.offset + 1, ..position },
                    };
                    link.server.say_gap(self.now, &gap, cursor.to_owned());
                }
            }
            Taken::Gap(_) if self.errs(Flaw::SilentGap, 2) => {}
            Taken::Gap(gap) => link.server.say_gap(self.now, &gap, cursor.to_owned()),
        }
    }

    /// Another subscriber's, where that flaw is.
    fn foreign_cursor(&mut self) -> Option<Cursor> {
        if !self.errs(Flaw::ForeignToken, 200) {
            return None;
        }
        let others = self.live.iter().filter_map(|id| self.links[id.0 as usize].as_ref());
        let other = others.filter_map(|other| other.server.subscriber).next_back()?;
        Some(self.desk.hub.cursor(other))
    }

    /// The answer to a poll, once there is something, or when it has waited long enough: a batch over all topics, with one
    /// cursor behind all of it.
    pub(crate) fn answer_poll(&mut self, link: &mut Link) {
        let Some(subscriber) = link.server.subscriber else { return };
        let observer =
            Observer::new(&self.ledger, self.desk.config.max_turn_messages, link.connection, self.now);
        let (mut messages, mut gaps, mut checked) = (Vec::new(), Vec::new(), Ok(()));
        // Now and then an answer is cut short, and what was not taken is not lost.
        let most = if self.random.once_in(4) { self.random.between(1, 4) as usize } else { TURN_MESSAGES };
        let mut taken = 0;
        for delivery in self.desk.hub.batch(clock(self.now), subscriber, TURN).take(most) {
            taken += 1;
            checked = checked.and_then(|()| observer.sees(&mut link.server.shadows, &delivery));
            match delivery {
                Delivery::Message(lent) => {
                    let said = (lent.message().text(), lent.event());
                    let record = Record::message(lent.topic().as_str(), lent.position(), said, String::new());
                    messages.push(record.to_text());
                }
                Delivery::Gap(gap) => gaps.push(Record::gap(&gap, String::new()).to_text()),
                Delivery::Direct(post) => {
                    checked = checked.and_then(|()| link.server.say_direct(self.now, post.text()));
                    messages.push(Record::direct(post.text()).to_text());
                }
                Delivery::Dismissed(_) => self.report.outcome.figures.fanout.dismissed += 1,
            }
        }
        self.report.outcome.figures.fanout.taken += taken;
        self.checked(link, checked);
        if taken == 0 && !self.has_waited(link) {
            link.server.announced = self.desk.hub.wants_batch(subscriber);
            return;
        }
        let cursor = self.desk.hub.cursor(subscriber).encode();
        Page::write(&messages, &gaps, &cursor, &mut link.server.output);
        link.server.most_output = link.server.output.len();
        link.server.standing = Standing::Finishing;
        self.forget_subscriber(link);
        self.told(link.reader, || format!("answers {taken} items"));
    }
}
