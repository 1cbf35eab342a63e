//! The reader's end of a link: heads, records and events out of bytes in any pieces.

use tidewire_connection::Transport as Task;
use tidewire_connection::event_source::{Response, Task as SourceTask};
use tidewire_connection::websocket::Event as SocketEvent;
use tidewire_hub::Cursor;
use tidewire_sse::Item;

use super::link::{Client, Link, Stage, Standing, clock};
use super::post::{is_post, number_of};
use super::reader::Heard;
use super::record::{Kind, Page, Record};
use super::world::World;
use crate::connection::Side;
use crate::heard::piece;
use crate::invariants::{Breach, Checked, Invariant, check};

/// What the head of a response says.
enum Head {
    Accepted { cursor: Option<String> },
    Refused { status: u16 },
}

fn read_head(line: &[u8]) -> Option<Head> {
    let text = std::str::from_utf8(line).ok()?;
    let (status, cursor) =
        text.split_once(' ').map_or((text, None), |(status, cursor)| (status, Some(cursor)));
    match status.parse().ok()? {
        200 => Some(Head::Accepted { cursor: cursor.map(str::to_owned) }),
        status => Some(Head::Refused { status }),
    }
}

impl World {
    /// Reads what has come, as far as the application reads.
    pub(crate) fn hear(&mut self, link: &mut Link) {
        let mut read = false;
        while link.client.standing == Standing::Alive && link.client.paused_until <= self.now {
            let into = &mut link.pipes.server;
            if into.has_unread() {
                let len = piece(into.unread().len(), &mut self.random);
                let mut bytes = into.unread()[..len].to_vec();
                into.read(len);
                read = true;
                self.report.outcome.figures.bytes += len as u64;
                let checked = self.hear_piece(link, &mut bytes);
                self.checked(link, checked);
            } else {
                if into.at_end() {
                    let checked = self.hear_end(link);
                    self.checked(link, checked);
                }
                break;
            }
        }
        if read {
            self.after_reading(link, Side::Client);
        }
        self.settle_client(link);
    }

    fn hear_piece(&mut self, link: &mut Link, bytes: &mut [u8]) -> Checked {
        if link.client.stage != Stage::Head {
            return self.hear_body(link, bytes);
        }
        let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
            link.client.head.extend_from_slice(bytes);
            return Ok(());
        };
        link.client.head.extend_from_slice(&bytes[..end]);
        let rest = &mut bytes[end + 1..];
        match read_head(&link.client.head) {
            Some(Head::Accepted { cursor }) => {
                link.client.stage = Stage::Opening;
                self.report.outcome.figures.fanout.links += 1;
                if let Client::Source(source) = &mut link.client.machine {
                    let content_type = Some("text/event-stream");
                    let response = Response { content_type, ..Response::with_status(200) };
                    let _ = source.handle_response(clock(self.now), response);
                }
                if let Some(cursor) = cursor {
                    self.opened(link, &cursor)?;
                }
                if rest.is_empty() { Ok(()) } else { self.hear_body(link, rest) }
            }
            Some(Head::Refused { status }) => {
                self.refused(link, status);
                Ok(())
            }
            None => Err(Breach::new(Invariant::Delivery, "a head", String::from_utf8_lossy(bytes))),
        }
    }

    /// The start cursor has come: the reader has a position before its first message.
    fn opened(&mut self, link: &mut Link, cursor: &str) -> Checked {
        check(link.client.stage == Stage::Opening, || {
            Breach::new(Invariant::Delivery, "an opening once, and first", "another")
        })?;
        link.client.stage = Stage::Open;
        self.heard(link, &Heard::Token(cursor))
    }

    fn hear_body(&mut self, link: &mut Link, bytes: &mut [u8]) -> Checked {
        match &mut link.client.machine {
            Client::WebSocket(_) => self.hear_frames(link, bytes),
            Client::Source(_) => self.hear_events(link, bytes),
            Client::Lines(_) => self.hear_lines(link, bytes),
            Client::Poll(body) => {
                body.extend_from_slice(bytes);
                Ok(())
            }
        }
    }

    fn hear_frames(&mut self, link: &mut Link, bytes: &mut [u8]) -> Checked {
        let Client::WebSocket(socket) = &mut link.client.machine else { return Ok(()) };
        if socket.writer.transport() != Task::Open {
            socket.writer.handle_discarded(clock(self.now), bytes.len());
            return Ok(());
        }
        socket.writer.handle_received(clock(self.now), bytes.len());
        let mut texts = Vec::new();
        let mut events = socket.reader.receive(bytes);
        while let Some(event) = events.next(clock(self.now), &mut socket.writer, &mut link.client.output) {
            match event {
                SocketEvent::Text(text) => texts.push(text.to_string()),
                SocketEvent::Binary(_)
                | SocketEvent::Ping(_)
                | SocketEvent::Pong(_)
                | SocketEvent::Ended(_) => {}
            }
        }
        texts.iter().try_for_each(|text| self.hear_record(link, text.as_bytes()))
    }

    fn hear_lines(&mut self, link: &mut Link, bytes: &[u8]) -> Checked {
        let Client::Lines(held) = &mut link.client.machine else { return Ok(()) };
        held.extend_from_slice(bytes);
        let Some(end) = held.iter().rposition(|byte| *byte == b'\n') else { return Ok(()) };
        let rest = held.split_off(end + 1);
        let whole = std::mem::replace(held, rest);
        let mut lines = whole.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.try_for_each(|line| self.hear_record(link, line))
    }

    fn hear_events(&mut self, link: &mut Link, bytes: &[u8]) -> Checked {
        let Client::Source(source) = &mut link.client.machine else { return Ok(()) };
        let now = clock(self.now);
        source.handle_received(now, bytes.len());
        let mut events = Vec::new();
        let mut items = source.receive(now, bytes);
        while let Some(item) = items.next() {
            match item {
                Ok(Item::Event(event)) => {
                    let (kind, id) = (event.event_type.to_string(), event.last_event_id.to_string());
                    events.push((kind, event.data.to_string(), id));
                }
                Ok(Item::Comment(_) | Item::Retry(_)) => {}
                Err(error) => {
                    return Err(Breach::new(Invariant::Delivery, "events within limits", error.to_string()));
                }
            }
        }
        drop(items);
        events.iter().try_for_each(|(kind, data, id)| match kind.as_str() {
            "gap" => match Record::read(data.as_bytes()) {
                Some(record) => self.heard(link, &Heard::Gap(&record, Some(id))),
                None => Err(Breach::new(Invariant::Delivery, "a gap", data.as_str())),
            },
            "direct" => self.hear_direct(link, data),
            event => self.hear_text(link, (data, Some(event).filter(|event| *event != "message")), id),
        })
    }

    /// An event has its message and a token: what it is about is known by its number alone.
    fn hear_text(&mut self, link: &mut Link, said: (&str, Option<&str>), id: &str) -> Checked {
        let number = number_of(said.0);
        let place = number.and_then(|number| self.placed.get(number as usize).copied());
        let Some((topic, position)) = place else {
            return Err(Breach::new(Invariant::Delivery, "a message that was published", said.0));
        };
        self.heard(link, &Heard::Message { topic, position, said, cursor: Some(id) })
    }

    fn hear_record(&mut self, link: &mut Link, text: &[u8]) -> Checked {
        let Some(record) = Record::read(text) else {
            return Err(Breach::new(Invariant::Delivery, "a record", String::from_utf8_lossy(text)));
        };
        if record.kind != Kind::Open {
            check(link.client.stage == Stage::Open, || {
                Breach::new(
                    Invariant::Delivery,
                    "an opening before anything else",
                    format!("{:?}", record.kind),
                )
            })?;
        }
        let cursor = Some(&*record.cursor);
        match record.kind {
            Kind::Open => self.opened(link, &record.cursor),
            Kind::Ping => Ok(()),
            Kind::Gap => self.heard(link, &Heard::Gap(&record, cursor)),
            Kind::Direct => self.hear_direct(link, &record.data),
            Kind::Message => self.hear_message(link, &record, cursor),
        }
    }

    /// A message to this connection alone: the next that was sent to it.
    fn hear_direct(&mut self, link: &mut Link, text: &str) -> Checked {
        let next = link.server.direct.get(link.client.direct).copied();
        link.client.direct += 1;
        self.report.outcome.figures.fanout.direct += 1;
        check(next.is_some_and(|number| is_post(number, text)), || {
            let expected = format!("message {next:?} to this connection");
            Breach::new(Invariant::Order, expected, crate::application::shown(text.as_bytes()))
        })
    }

    fn hear_message(&mut self, link: &mut Link, record: &Record<'_>, cursor: Option<&str>) -> Checked {
        let place = self.ledger.find(&record.topic).zip(record.position());
        let Some((topic, position)) = place else {
            let got = format!("{:?} of {}", record.position(), record.topic);
            return Err(Breach::new(Invariant::Delivery, "a place", got));
        };
        let said = (&*record.data, Some(&*record.event).filter(|event| !event.is_empty()));
        self.heard(link, &Heard::Message { topic, position, said, cursor })
    }

    /// A whole answer: gaps come before what is behind them.
    fn hear_page(&mut self, link: &mut Link, body: &[u8]) -> Checked {
        let Some(page) = Page::read(body) else {
            return Err(Breach::new(Invariant::Delivery, "an answer", String::from_utf8_lossy(body)));
        };
        for gap in &page.gaps {
            self.heard(link, &Heard::Gap(gap, None))?;
        }
        for message in &page.messages {
            match message.kind {
                Kind::Direct => self.hear_direct(link, &message.data)?,
                Kind::Message | Kind::Open | Kind::Gap | Kind::Ping => {
                    self.hear_message(link, message, None)?
                }
            }
        }
        check(Cursor::parse(&page.cursor).is_ok(), || {
            Breach::new(Invariant::Token, "a cursor", page.cursor.to_string())
        })?;
        self.heard(link, &Heard::Token(&page.cursor))
    }

    /// The stream of a response has ended.
    fn hear_end(&mut self, link: &mut Link) -> Checked {
        let now = clock(self.now);
        match &mut link.client.machine {
            Client::WebSocket(socket) => {
                socket.reader.handle_eof(now, &mut socket.writer);
                Ok(())
            }
            Client::Source(source) => {
                source.handle_eof(now);
                Ok(())
            }
            Client::Lines(_) => {
                self.lost(link);
                Ok(())
            }
            Client::Poll(body) => {
                let body = std::mem::take(body);
                let checked = if body.is_empty() { Ok(()) } else { self.hear_page(link, &body) };
                self.lost(link);
                checked
            }
        }
    }

    /// Behind each step: what the machine has to say, its deadline, and its end, if that was it.
    pub(crate) fn settle_client(&mut self, link: &mut Link) {
        if link.client.standing == Standing::Gone {
            return;
        }
        let now = clock(self.now);
        let over = match &mut link.client.machine {
            Client::WebSocket(socket) => loop {
                let (output, out) = (&mut link.client.output, &mut link.pipes.client);
                if !output.is_empty() && socket.writer.transport() != Task::Closed {
                    let len = out.write(self.now, output, &mut self.random);
                    output.drain(..len);
                    let left = output.len();
                    socket.writer.handle_sent(now, len, left, output);
                    if left > 0 {
                        break false;
                    }
                    continue;
                }
                match socket.writer.transport() {
                    Task::ShutDown | Task::Finish => {
                        out.shut_down(self.now, &mut self.random);
                        socket.writer.handle_shut_down(now);
                    }
                    Task::Open | Task::Discard => break false,
                    Task::Closed => break true,
                }
            },
            Client::Source(source) => source.task() == SourceTask::Wait || source.task() == SourceTask::Done,
            Client::Lines(_) | Client::Poll(_) => false,
        };
        self.after_writing(link, Side::Client);
        if over {
            self.lost(link);
        } else {
            self.set_client_alarm(link);
        }
    }

    pub(crate) fn client_due(&mut self, link: &mut Link) {
        if link.client.standing == Standing::Gone {
            return;
        }
        let now = clock(self.now);
        match &mut link.client.machine {
            Client::WebSocket(socket) => socket.writer.handle_timeout(now, &mut link.client.output),
            Client::Source(source) => source.handle_timeout(now),
            Client::Lines(_) | Client::Poll(_) => {}
        }
        self.settle_client(link);
    }

    /// The application of this reader reads again.
    pub(crate) fn read_again(&mut self, link: &mut Link) {
        if link.client.paused_until > self.now || link.client.standing == Standing::Gone {
            return;
        }
        if let Client::WebSocket(socket) = &mut link.client.machine {
            socket.writer.handle_read_resumed(clock(self.now));
        }
        self.hear(link);
    }
}
