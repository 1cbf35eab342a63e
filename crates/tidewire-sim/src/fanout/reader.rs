//! Readers: what they follow, how far they are, and how they come back: over another transport, with their token or a lie.

use tidewire_hub::{Cursor, Epoch, Incarnation, Position, Start};

use super::accept::Request;
use super::contract::{Followed, REASONS, View};
use super::desk::State;
use super::ledger::TopicId;
use super::link::{Link, LinkId, Standing, Transport};
use super::record::Record;
use super::settings;
use super::world::{Calm, Event, World, topic_of};
use crate::connection::Side;
use crate::invariants::{Breach, Checked, Invariant};
use crate::pipe::Route;
use crate::time::{MILLI, Nanos, SECOND};

/// An index into the world's readers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReaderId(pub(crate) u16);

/// Somebody who follows topics for as long as the world lasts.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) followed: Vec<Followed>,
    /// The last token that came, and some older one.
    pub(crate) token: Option<String>,
    older: Option<String>,
    pub(crate) request: Request,
    pub(crate) link: Option<LinkId>,
    /// Of the attempts so far, the newest. What belongs to another comes too late.
    attempt: u32,
    /// Since when it has not had a link.
    pub(crate) away_since: Nanos,
}

/// What a reader hears.
#[derive(Debug)]
pub(crate) enum Heard<'a> {
    Message { topic: TopicId, position: Position, said: (&'a str, Option<&'a str>), cursor: Option<&'a str> },
    Gap(&'a Record<'a>, Option<&'a str>),
    Token(&'a str),
}

impl Reader {
    pub(crate) fn new() -> Self {
        Self {
            followed: Vec::new(),
            token: None,
            older: None,
            request: Request { transport: Transport::Lines, token: None },
            link: None,
            attempt: 0,
            away_since: 0,
        }
    }

    /// Follows a topic, unless it does.
    pub(crate) fn follow(&mut self, topic: TopicId) {
        if !self.followed.iter().any(|followed| followed.topic == topic) {
            self.followed.push(Followed::new(topic));
        }
    }

    fn topic(&mut self, topic: TopicId) -> Option<&mut Followed> {
        self.followed.iter_mut().find(|followed| followed.topic == topic)
    }

    /// A token came: it is where the reader is, in all its topics.
    fn keeps(&mut self, view: &View<'_>, token: &str) -> Checked {
        let cursor = Cursor::parse(token)
            .map_err(|error| Breach::new(Invariant::Token, "a token that can be read", error.to_string()))?;
        for followed in &mut self.followed {
            followed.token(view, &cursor)?;
        }
        if token.len() % 7 == 0 || self.older.is_none() {
            self.older.clone_from(&self.token);
        }
        self.token = Some(token.to_owned());
        Ok(())
    }

    fn hears(&mut self, view: &View<'_>, heard: &Heard<'_>) -> Checked {
        let (topic, cursor) = match heard {
            Heard::Token(cursor) => return self.keeps(view, cursor),
            Heard::Message { topic, cursor, .. } => (Some(*topic), cursor),
            Heard::Gap(record, cursor) => (view.ledger.find(&record.topic), cursor),
        };
        let followed = topic.and_then(|topic| self.topic(topic));
        let Some(followed) = followed else {
            return Err(Breach::new(Invariant::Token, "a topic that it follows", format!("{topic:?}")));
        };
        match heard {
            Heard::Message { position, said, .. } => followed.message(view, *position, *said)?,
            Heard::Gap(record, _) => followed.gap(view, record)?,
            Heard::Token(_) => {}
        }
        // The items of a poll have none.
        cursor.filter(|cursor| !cursor.is_empty()).map_or(Ok(()), |cursor| self.keeps(view, cursor))
    }
}

impl World {
    pub(crate) fn heard(&mut self, link: &Link, heard: &Heard<'_>) -> Checked {
        let figures = &mut self.report.outcome.figures.fanout;
        match heard {
            Heard::Message { position, .. } => {
                figures.delivered[link.transport as usize] += 1;
                self.report.digest(position.offset << 16 | u64::from(link.reader.0));
            }
            Heard::Gap(record, _) => {
                let reason = REASONS.iter().position(|reason| reason.as_str() == record.reason);
                if let Some(count) = reason.and_then(|reason| figures.gaps.get_mut(reason)) {
                    *count += 1;
                }
            }
            Heard::Token(_) => {}
        }
        self.told(link.reader, || format!("hears {}", shown(heard)));
        let view = link.view(&self.ledger, self.now);
        self.readers[link.reader.0 as usize].hears(&view, heard)
    }

    pub(crate) fn reader(&mut self, id: ReaderId) -> &mut Reader {
        &mut self.readers[id.0 as usize]
    }

    /// The reader asks again then.
    pub(crate) fn dial_at(&mut self, id: ReaderId, at: Nanos) {
        let reader = self.reader(id);
        reader.attempt += 1;
        let attempt = reader.attempt;
        self.events.push(at, Event::Dial(id, attempt));
    }

    pub(crate) fn dial(&mut self, id: ReaderId, attempt: u32) {
        if self.reader(id).attempt != attempt || self.reader(id).link.is_some() {
            return;
        }
        if self.random.once_in(16) {
            self.change_topics(id);
        }
        // Whoever polls asks again and again; else it is another transport each time, or mostly.
        let polls = self.reader(id).request.transport == Transport::Poll && !self.random.once_in(24);
        let drawn = Transport::ALL[self.random.index(Transport::ALL.len())];
        let transport = if polls { Transport::Poll } else { drawn };
        let token = self.token_of(id);
        let request = Request { transport, token };
        // What the reader may count on is what it says.
        let start = request.resume();
        for followed in &mut self.readers[id.0 as usize].followed {
            let name = &self.ledger.book(followed.topic).name;
            followed.resumes(start.as_ref().map_or(Start::Unknown, |resume| resume.start(name)));
        }
        self.told(id, || format!("asks: {request:?}"));
        self.reader(id).request = request;
        let travel = self.random.between(MILLI, 100 * MILLI);
        self.events.push(self.now + travel, Event::Ring(id, attempt));
    }

    fn change_topics(&mut self, id: ReaderId) {
        let topics = self.ledger.books.len();
        let another = TopicId(topic_of(&mut self.random, topics));
        let drops = self.random.once_in(2);
        let which = self.random.bits() as usize;
        let reader = self.reader(id);
        if drops && reader.followed.len() > 1 {
            reader.followed.swap_remove(which % reader.followed.len());
        } else if reader.followed.len() < settings::MAX_FOLLOWED {
            reader.follow(another);
        }
    }

    /// The token to come with: mostly the last that came.
    fn token_of(&mut self, id: ReaderId) -> Option<String> {
        let token = self.reader(id).token.clone();
        let once_in = if self.reader(id).request.transport == Transport::Poll { 100 } else { 8 };
        // In peace everybody is to be caught up: there is no time for the way back from a lie.
        if self.calm != Calm::Over || !self.random.once_in(once_in) {
            return token;
        }
        self.report.outcome.figures.fanout.lies += 1;
        let topics = self.ledger.books.len();
        let name = self.ledger.books[self.random.index(topics)].name.clone();
        let known = token.as_deref().and_then(|token| Cursor::parse(token).ok());
        let incarnation = known.map_or(Incarnation::new(self.random.bits()), |cursor| cursor.incarnation());
        let (drawn, small) = (self.random.bits(), self.random.below(2000));
        match self.random.below(8) {
            0 => None,
            1 if drawn & 1 == 0 => Some("0".to_owned()),
            1 => Some(format!("last {}", small % 100)),
            2 => self.reader(id).older.clone().or(token),
            3 => token.map(|token| damaged(token, drawn)),
            4 => token.map(|token| token[..token.len() / 2].to_owned()),
            5 => {
                let other = self.random.index(self.readers.len());
                self.readers[other].token.clone().or(token)
            }
            6 => {
                let epoch = Epoch { incarnation: Incarnation::new(drawn), life: 0 };
                Some(Cursor::for_position(&name, Position { epoch, offset: small }).encode())
            }
            _ => {
                let epoch = Epoch { incarnation, life: 0 };
                let offset = if drawn & 1 == 0 { small } else { drawn >> 11 };
                Some(Cursor::for_position(&name, Position { epoch, offset }).encode())
            }
        }
    }

    /// A request reaches the hub's host.
    pub(crate) fn ring(&mut self, id: ReaderId, attempt: u32) {
        if self.reader(id).attempt != attempt || self.reader(id).link.is_some() {
            return;
        }
        match self.desk.state {
            State::Running => self.accept(id),
            State::Suspended { until } => self.events.push(until, Event::Ring(id, attempt)),
            State::Down => {
                let at = self.now + self.random.between(100 * MILLI, 2 * SECOND);
                self.dial_at(id, at);
            }
        }
    }

    // The end of a link, as the reader has it.

    /// The request was refused.
    pub(crate) fn refused(&mut self, link: &mut Link, status: u16) {
        if status == 400 {
            // Its program has no use for the token any more, and begins anew.
            self.reader(link.reader).token = None;
        }
        self.lost(link);
    }

    /// The reader has its link no longer, and comes back.
    pub(crate) fn lost(&mut self, link: &mut Link) {
        if link.client.standing == Standing::Gone {
            return;
        }
        link.client.standing = Standing::Gone;
        if link.server.standing == Standing::Gone {
            link.pipes.server.clear();
        } else if link.pipes.server.route() == Route::Through {
            // Its operating system refuses what still comes.
            link.pipes.server.reroute(Route::Refused);
            let at = self.now.max(link.pipes.client.stalled_until()) + link.path.latency;
            self.events.push(at, Event::Fail(link.id, Side::Server));
        }
        self.told(link.reader, || "has no link any more".to_owned());
        let polls = link.transport == Transport::Poll;
        let away = if polls { 1 + self.random.below(50 * MILLI) } else { settings::away(&mut self.random) };
        let (now, calm) = (self.now, self.calm != Calm::Over);
        let reader = self.reader(link.reader);
        (reader.link, reader.away_since) = (None, now);
        let away = if calm { away.min(2 * SECOND) } else { away };
        self.dial_at(link.reader, now + away);
    }
}

/// A token with one character changed.
fn damaged(token: String, drawn: u64) -> String {
    let at = drawn as usize % token.len().max(1);
    let change = |(index, byte): (usize, char)| match index == at {
        true if byte == 'A' => 'B',
        true => 'A',
        false => byte,
    };
    token.chars().enumerate().map(change).collect()
}

/// For people.
fn shown(heard: &Heard<'_>) -> String {
    match heard {
        Heard::Message { topic, position, .. } => format!("{position:?} of topic {}", topic.0),
        Heard::Gap(record, _) => format!("{record:?}"),
        Heard::Token(token) => format!("token {token}"),
    }
}
