//! A request reaches the hub's host: a subscriber that starts where the token says, and the two ends of a link.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tidewire_connection::event_source::EventSource;
use tidewire_connection::event_stream::EventStream;
use tidewire_connection::websocket;
use tidewire_hub::{ConnectionId, Cursor, Start, TopicName};
use tidewire_lifecycle::Lifecycle;
use tidewire_ws::frame::MaskingKey;

use super::ledger::TopicId;
use super::link::{
    Client, ClientEnd, Link, LinkId, Server, ServerEnd, Shadow, Socket, Stage, Standing, Transport, clock,
};
use super::reader::ReaderId;
use super::record::Record;
use super::serving::line;
use super::settings::{self, CONTROL_LEN};
use super::shadow::Beginning;
use super::world::World;
use crate::connection::{Both, Trust};
use crate::flaw::Flaw;
use crate::invariants::{Breach, Invariant, check};
use crate::pipe::{Path, Pipe};
use crate::random::Random;
use crate::time::SECOND;

/// Before a number: that many of the last messages.
const LAST: &str = "last ";

/// What a reader asks for.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) transport: Transport,
    /// As the parameter `cursor`, or as `Last-Event-ID`.
    pub(crate) token: Option<String>,
}

impl Request {
    /// What its token means, as the gateway has it; `None` when nobody can read it.
    pub(crate) fn resume(&self) -> Option<Resume> {
        match self.token.as_deref() {
            None | Some("") => Some(Resume::Live),
            Some("0") => Some(Resume::Earliest),
            Some(token) if token.starts_with(LAST) => token[LAST.len()..].parse().ok().map(Resume::Last),
            Some(token) => Cursor::parse(token).ok().map(Resume::After),
        }
    }
}

/// What a cursor parameter means.
#[derive(Debug)]
pub(crate) enum Resume {
    Live,
    Earliest,
    Last(u64),
    After(Cursor),
}

impl Resume {
    pub(crate) fn start(&self, topic: &TopicName) -> Start {
        match self {
            Self::Live => Start::Live,
            Self::Earliest => Start::Earliest,
            Self::Last(count) => Start::Last(*count),
            Self::After(cursor) => cursor.start(topic),
        }
    }
}

impl World {
    /// The request is let in, or refused by what its response begins with.
    pub(crate) fn accept(&mut self, id: ReaderId) {
        let request = self.reader(id).request.clone();
        let connection = ConnectionId::new(self.random.bits());
        let path = settings::path(&mut self.random);
        let mut link = Box::new(Link {
            id: LinkId(self.links.len() as u32),
            reader: id,
            transport: request.transport,
            connection,
            server: self.server_end(&request, &path),
            client: self.client_end(&request, &path),
            pipes: Both { server: Pipe::new(path), client: Pipe::new(path) },
            path,
            retransmission: settings::retransmission(&mut self.random),
            trust: Trust::Sound,
        });
        let admitted = self.subscribe(&mut link, &request);
        self.open(&mut link, admitted);
        let link_id = link.id;
        self.reader(id).link = Some(link_id);
        self.links.push(Some(link));
        self.live.push(link_id);
        self.with(link_id, |world, link| {
            world.serve(link);
            world.settle_client(link);
        });
    }

    /// The server's subscriber for a request, or the status to refuse it with.
    fn subscribe(&mut self, link: &mut Link, request: &Request) -> Result<(), u16> {
        let resume = match request.resume() {
            Some(resume) => Some(resume),
            // A browser repeats its last event ID by itself: what cannot be read becomes a gap.
            None if request.transport == Transport::EventStream => None,
            None => return Err(400),
        };
        let subscriber = self.desk.hub.connect(link.connection).map_err(|_| 503_u16)?;
        let places = &mut self.desk.by_subscriber;
        if places.len() <= subscriber.index() {
            places.resize(subscriber.index() + 1, None);
        }
        places[subscriber.index()] = Some(link.id);
        link.server.subscriber = Some(subscriber);
        let topics: Vec<TopicId> =
            self.reader(link.reader).followed.iter().map(|followed| followed.topic).collect();
        let misread = self.errs(Flaw::MisreadToken, 50);
        for topic in topics {
            let name = self.ledger.book(topic).name.clone();
            let start = resume.as_ref().map_or(Start::Unknown, |resume| resume.start(&name));
            let given = if misread { Start::Live } else { start };
            let policy = self.policies[self.random.index(self.policies.len())];
            let answered = self.desk.hub.subscribe_with(clock(self.now), subscriber, &name, given, policy);
            let Ok(answered) = answered else { return Err(503) };
            let met = self.meets(topic, answered.epoch);
            let (shadow, expected) = Shadow::start(
                &self.ledger,
                topic,
                Beginning { start, policy, connection: link.connection, now: self.now },
                answered,
            );
            let starts = check(answered == expected, || {
                Breach::new(
                    Invariant::Token,
                    format!("a start of {name} at {expected:?} by {start:?}"),
                    format!("{answered:?}"),
                )
            });
            self.checked(link, met.and(starts));
            link.server.shadows.push(shadow);
        }
        Ok(())
    }

    /// What a response begins with.
    fn open(&mut self, link: &mut Link, admitted: Result<(), u16>) {
        let cursor = link.server.subscriber.map(|subscriber| self.desk.hub.cursor(subscriber));
        let (Ok(()), Some(cursor)) = (admitted, cursor) else {
            let status = admitted.err().unwrap_or(503);
            self.forget_subscriber(link);
            link.server.machine = Server::Poll { until: self.now };
            link.server.output = format!("{status}\n").into_bytes();
            link.server.most_output = link.server.output.len();
            link.server.standing = Standing::Finishing;
            return;
        };
        let (now, grace) = (clock(self.now), crate::settings::grace(&link.path));
        let (transport, end) = (link.transport, &mut link.server);
        let token = cursor.encode();
        end.output = match transport {
            Transport::EventStream => format!("200 {token}\n").into_bytes(),
            Transport::WebSocket | Transport::Lines | Transport::Poll => b"200\n".to_vec(),
        };
        if transport == Transport::EventStream {
            let keep_alive = crate::settings::keep_alive(&mut self.random);
            let config = crate::settings::stream(&mut self.random, grace, keep_alive);
            let retry = Duration::from_secs(1);
            if let Ok(stream) = EventStream::open(config, now, retry, &token, &mut end.output) {
                end.machine = Server::Stream(Box::new(stream));
            }
        }
        match &mut end.machine {
            Server::WebSocket(socket) => {
                let _ = socket.writer.send_text(now, &Record::open(&cursor).to_text(), &mut end.output);
            }
            Server::Lines(_) => line(&Record::open(&cursor), &mut end.output),
            Server::Stream(_) | Server::Poll { .. } => {}
        }
        end.most_output = end.output.len() + CONTROL_LEN;
    }

    fn server_end(&mut self, request: &Request, path: &Path) -> ServerEnd {
        let (now, grace) = (clock(self.now), crate::settings::grace(path));
        let machine = match request.transport {
            Transport::WebSocket => {
                let config = crate::settings::websocket(&mut self.random, grace);
                let (reader, writer) = websocket::server(&config, now);
                Server::WebSocket(Box::new(Socket { reader, writer }))
            }
            // It begins with its start, which is yet to be known.
            Transport::EventStream => Server::Poll { until: self.now },
            Transport::Lines => {
                let mut life = Lifecycle::new(Arc::new(tidewire_lifecycle::Config::event_stream()), now);
                life.handle_opened(now);
                Server::Lines(Box::new(life))
            }
            Transport::Poll => Server::Poll { until: self.now + self.random.between(SECOND, 25 * SECOND) },
        };
        ServerEnd {
            machine,
            standing: Standing::Alive,
            subscriber: None,
            shadows: Vec::new(),
            inbox: VecDeque::new(),
            direct: Vec::new(),
            output: Vec::new(),
            most_output: 0,
            queued: None,
            announced: true,
            dismissed: false,
            alarm: None,
        }
    }

    fn client_end(&mut self, request: &Request, path: &Path) -> ClientEnd {
        let (now, grace) = (clock(self.now), crate::settings::grace(path));
        let machine = match request.transport {
            Transport::WebSocket => {
                let config = crate::settings::websocket(&mut self.random, grace);
                let mut keys = Random::new(self.random.bits());
                let keys = move || MaskingKey((keys.bits() as u32).to_be_bytes());
                let (reader, writer) = websocket::client(&config, now, keys);
                Client::WebSocket(Box::new(Socket { reader, writer }))
            }
            Transport::EventStream => {
                let config = crate::settings::source(&mut self.random, Duration::from_secs(15));
                Client::Source(Box::new(EventSource::new(config, now, self.random.bits())))
            }
            Transport::Lines => Client::Lines(Vec::new()),
            Transport::Poll => Client::Poll(Vec::new()),
        };
        ClientEnd {
            machine,
            standing: Standing::Alive,
            stage: Stage::Head,
            direct: 0,
            head: Vec::new(),
            output: Vec::new(),
            paused_until: 0,
            alarm: None,
        }
    }
}
