//! One connection between the hub's host and a reader: two ends, two pipes.

use std::collections::VecDeque;
use std::time::Duration;

use tidewire_connection::event_source::EventSource;
use tidewire_connection::event_stream::EventStream;
use tidewire_connection::websocket;
use tidewire_hub::{ConnectionId, GapReason, Policy, Position, SubscriberId};
use tidewire_lifecycle::Lifecycle;

use super::contract::View;
use super::ledger::{Ledger, TopicId};
use super::reader::ReaderId;
use crate::connection::{Both, Trust};
use crate::pipe::{Path, Pipe};
use crate::time::Nanos;

/// Which link of the world; none is used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LinkId(pub(crate) u32);

/// How a reader is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    WebSocket,
    EventStream,
    Lines,
    Poll,
}

impl Transport {
    pub(crate) const ALL: [Self; 4] = [Self::WebSocket, Self::EventStream, Self::Lines, Self::Poll];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::WebSocket => "WebSocket",
            Self::EventStream => "event stream",
            Self::Lines => "NDJSON",
            Self::Poll => "poll",
        }
    }
}

/// Either side of a WebSocket.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) reader: websocket::Reader,
    pub(crate) writer: websocket::Writer,
}

/// What speaks on the hub's side.
#[derive(Debug)]
pub(crate) enum Server {
    WebSocket(Box<Socket>),
    Stream(Box<EventStream>),
    /// With its keep-alives.
    Lines(Box<Lifecycle>),
    /// It answers then at the latest.
    Poll {
        until: Nanos,
    },
}

/// What listens on the reader's side.
#[derive(Debug)]
pub(crate) enum Client {
    WebSocket(Box<Socket>),
    Source(Box<EventSource>),
    /// What has come of a line.
    Lines(Vec<u8>),
    /// What has come of an answer.
    Poll(Vec<u8>),
}

/// Where an end is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Alive,
    /// It has said all that it will; what waits is still written.
    Finishing,
    Gone,
}

/// Whether a subscription is handed anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    Open,
    Paused,
}

/// Where the hub stands with one subscription, by our own count.
#[derive(Clone, Debug)]
pub(crate) struct Shadow {
    pub(crate) topic: TopicId,
    pub(crate) at: Position,
    /// The head when it began.
    pub(crate) live_from: u64,
    /// A gap that is to be told first.
    pub(crate) gap: Option<(GapReason, Option<Position>)>,
    pub(crate) policy: Policy,
    pub(crate) flow: Flow,
    /// Messages of other topics since this one had something, too.
    pub(crate) waited: usize,
}

#[derive(Debug)]
pub(crate) struct ServerEnd {
    pub(crate) machine: Server,
    pub(crate) standing: Standing,
    pub(crate) subscriber: Option<SubscriberId>,
    pub(crate) shadows: Vec<Shadow>,
    /// What waits in its inbox: numbers, and what they count.
    pub(crate) inbox: VecDeque<(u64, usize)>,
    /// What was sent to its connection alone, by number.
    pub(crate) direct: Vec<u64>,
    pub(crate) output: Vec<u8>,
    /// What may be in it: what the last turn took, and what the protocol has to say.
    pub(crate) most_output: usize,
    /// When it waits for its turn: since how many turns, and behind how many.
    pub(crate) queued: Option<(u64, usize)>,
    /// The hub has told that there is something, and was not pulled empty since.
    pub(crate) announced: bool,
    /// The hub has told it to go.
    pub(crate) dismissed: bool,
    pub(crate) alarm: Option<Nanos>,
}

/// How far a response is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Its head is on its way.
    Head,
    /// Its body; for WebSockets and lines the first record is yet to come.
    Opening,
    Open,
}

#[derive(Debug)]
pub(crate) struct ClientEnd {
    pub(crate) machine: Client,
    pub(crate) standing: Standing,
    pub(crate) stage: Stage,
    /// How many messages to its connection alone came.
    pub(crate) direct: usize,
    pub(crate) head: Vec<u8>,
    pub(crate) output: Vec<u8>,
    /// Until when the application does not read.
    pub(crate) paused_until: Nanos,
    pub(crate) alarm: Option<Nanos>,
}

#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) id: LinkId,
    pub(crate) reader: ReaderId,
    pub(crate) transport: Transport,
    /// What publishers exclude it by.
    pub(crate) connection: ConnectionId,
    pub(crate) server: ServerEnd,
    pub(crate) client: ClientEnd,
    /// Each by the side that sends.
    pub(crate) pipes: Both<Pipe>,
    pub(crate) path: Path,
    pub(crate) retransmission: Nanos,
    pub(crate) trust: Trust,
}

impl Link {
    pub(crate) fn is_over(&self) -> bool {
        self.server.standing == Standing::Gone && self.client.standing == Standing::Gone
    }

    /// What came of it, as its reader may look at it.
    pub(crate) fn view<'a>(&'a self, ledger: &'a Ledger, now: Nanos) -> View<'a> {
        View { ledger, connection: self.connection, shadows: &self.server.shadows, now }
    }

    /// For people.
    pub(crate) fn place(&self) -> String {
        format!("reader {} ({}, link {})", self.reader.0, self.transport.name(), self.id.0)
    }
}

/// The time as machines are told it.
pub(crate) fn clock(now: Nanos) -> Duration {
    Duration::from_nanos(now)
}
