//! One connection: two ends on their hosts, two pipes, and what came in its way.

use std::ops::{Index, IndexMut};
use std::sync::Arc;

use tidewire_connection::event_stream::{self, EventStream};
use tidewire_connection::websocket::{self, Reader, Writer};
use tidewire_lifecycle::Share;
use tidewire_lifecycle::timer_queue::TimerKey;

use crate::event::{ClientId, HostId};
use crate::history::History;
use crate::host::Order;
use crate::invariants::Watch;
use crate::pipe::{Path, Pipe};
use crate::time::Nanos;

/// Which connection of the world; none is used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ConnectionId(pub(crate) u32);

/// An end of a connection; of its pipes, the one out of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Server,
    Client,
}

impl Side {
    pub(crate) const BOTH: [Self; 2] = [Self::Server, Self::Client];

    pub(crate) fn peer(self) -> Self {
        match self {
            Self::Server => Self::Client,
            Self::Client => Self::Server,
        }
    }
}

/// Something that each side has.
#[derive(Debug)]
pub(crate) struct Both<T> {
    pub(crate) server: T,
    pub(crate) client: T,
}

impl<T> Both<T> {
    /// This side's, and the other's.
    pub(crate) fn split(&mut self, side: Side) -> (&mut T, &mut T) {
        match side {
            Side::Server => (&mut self.server, &mut self.client),
            Side::Client => (&mut self.client, &mut self.server),
        }
    }
}

impl<T> Index<Side> for Both<T> {
    type Output = T;

    fn index(&self, side: Side) -> &T {
        match side {
            Side::Server => &self.server,
            Side::Client => &self.client,
        }
    }
}

impl<T> IndexMut<Side> for Both<T> {
    fn index_mut(&mut self, side: Side) -> &mut T {
        match side {
            Side::Server => &mut self.server,
            Side::Client => &mut self.client,
        }
    }
}

/// What speaks on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    WebSocket,
    EventStream,
}

/// What an end is made of.
#[derive(Debug)]
pub(crate) enum Machine {
    /// Either side of a WebSocket.
    WebSocket(Box<Socket>),
    /// The server's side of an event stream.
    Stream(Box<Stream>),
    /// The client's side of one: the machine is the client's, and goes on behind this connection.
    Source,
}

/// A WebSocket's two halves, and the record of its end once there was one.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) reader: Reader,
    pub(crate) writer: Writer,
    /// As it was told by the last event.
    pub(crate) told: Option<websocket::Ended>,
    pub(crate) ended: Option<websocket::Ended>,
}

#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) stream: EventStream,
    pub(crate) ended: Option<event_stream::Ended>,
}

/// Where an end is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The client has not heard yet that it is connected.
    Awaited,
    Alive,
    /// It has dropped its transport, at this time.
    Gone(Nanos),
    /// Its host crashed, or its process was killed: nobody there knows of it any more.
    Vanished,
}

/// Whether the application reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    On,
    Paused,
    /// So much at a time, up to the end of that time.
    Sips {
        len: usize,
        until: Nanos,
    },
}

/// What an application is up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whim {
    None,
    /// It pauses as soon as its end waits for an answer.
    PausesAtProbe,
}

/// Whether an end keeps the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manners {
    Good,
    /// It talks, and answers no ping but with a pong that is none.
    NeverReplies,
    /// It has sent what no protocol knows.
    Violates,
}

/// What the operating system has to tell of a transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Fine,
    /// It failed, and the process does not know yet.
    Failed,
}

/// What this end's application said about the end, for the peer to hear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Nothing,
    /// It closed.
    Close,
    /// A deadline closed for it: the one that was due, unless several were.
    Timeout(Option<tidewire_lifecycle::Timer>),
}

#[derive(Debug)]
pub(crate) struct End {
    pub(crate) host: HostId,
    /// What its process does first when it runs again.
    pub(crate) order: Order,
    pub(crate) machine: Machine,
    pub(crate) standing: Standing,
    pub(crate) transport: Transport,
    pub(crate) reading: Reading,
    /// What is left of a sip.
    pub(crate) thirst: usize,
    pub(crate) manners: Manners,
    pub(crate) whim: Whim,
    pub(crate) said: Said,
    pub(crate) output: Vec<u8>,
    /// Bytes that were read, whose messages the application has not asked for.
    pub(crate) inbox: Vec<u8>,
    pub(crate) timer: Option<TimerKey>,
    pub(crate) share: Option<Share>,
    /// Until when the application has nothing to say.
    pub(crate) silent_until: Nanos,
    /// Until when it has a lot.
    pub(crate) lectures_until: Nanos,
    /// The number of the next message to send.
    pub(crate) next_out: u64,
    /// The number of the next message to come.
    pub(crate) next_in: u64,
    pub(crate) watch: Watch,
}

impl End {
    /// An end that nothing has happened to yet.
    pub(crate) fn new((host, order): (HostId, Order), machine: Machine, first: u64, watch: Watch) -> Self {
        Self {
            host,
            order,
            machine,
            standing: Standing::Awaited,
            transport: Transport::Fine,
            reading: Reading::On,
            thirst: 0,
            manners: Manners::Good,
            whim: Whim::None,
            said: Said::Nothing,
            output: Vec::new(),
            inbox: Vec::new(),
            timer: None,
            share: None,
            silent_until: 0,
            lectures_until: 0,
            next_out: first,
            next_in: first,
            watch,
        }
    }

    /// How much of what has come the application takes now.
    pub(crate) fn appetite(&self) -> usize {
        match self.reading {
            Reading::On => usize::MAX,
            Reading::Paused => 0,
            Reading::Sips { .. } => self.thirst,
        }
    }

    /// So much was read.
    pub(crate) fn drank(&mut self, len: usize) {
        self.thirst = self.thirst.saturating_sub(len);
    }

    pub(crate) fn is_alive(&self) -> bool {
        self.standing == Standing::Alive
    }

    /// Whether its end was told of.
    pub(crate) fn has_ended(&self) -> bool {
        match &self.machine {
            Machine::WebSocket(socket) => socket.ended.is_some(),
            Machine::Stream(stream) => stream.ended.is_some(),
            // The client lets go of the connection where it is lost.
            Machine::Source => !self.is_alive(),
        }
    }
}

/// What the operating system of a host that has come back says to bytes of a connection that it knows nothing of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stranger {
    /// It refuses them.
    Refused,
    /// Something on the way drops them.
    Ignored,
}

#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) id: ConnectionId,
    pub(crate) kind: Kind,
    pub(crate) client: ClientId,
    /// What the contents of its messages are drawn by.
    pub(crate) salt: u64,
    pub(crate) ends: Both<End>,
    /// Each by the side that sends.
    pub(crate) pipes: Both<Pipe>,
    pub(crate) path: Path,
    /// In so much time, with nothing in the way, all that waits on a side is on the other.
    pub(crate) grace: Nanos,
    /// Unacknowledged bytes fail the transport after this.
    pub(crate) retransmission: Nanos,
    pub(crate) stranger: Stranger,
    pub(crate) history: History,
    /// Since when a side can hear nothing of the other any more, if so.
    pub(crate) cut_since: Both<Option<Nanos>>,
    /// Since when something waits to reach a side, at the latest.
    pub(crate) awaits_since: Both<Nanos>,
    /// Why the transport of a side failed.
    pub(crate) failures: Both<Option<&'static str>>,
    /// When the transport of a side is to fail, and why, if it is.
    pub(crate) to_fail: Both<Option<(Nanos, &'static str)>>,
    pub(crate) settings: Settings,
    pub(crate) trust: Trust,
}

/// Whether something was wrong with a connection: what follows from it says nothing new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    Sound,
    Broken,
}

/// The limits of both ends.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) server: Arc<tidewire_lifecycle::Config>,
    pub(crate) client: Arc<tidewire_lifecycle::Config>,
    /// What a WebSocket's client begins with.
    pub(crate) websocket: Option<websocket::Config>,
}

impl Connection {
    /// Whether there is nothing more to come of it.
    pub(crate) fn is_over(&self) -> bool {
        let over = |side: Side| match self.ends[side].standing {
            Standing::Gone(_) | Standing::Vanished => true,
            Standing::Awaited | Standing::Alive => false,
        };
        over(Side::Server) && over(Side::Client)
    }

    /// Both ends have it, and neither has begun to end it.
    pub(crate) fn is_established(&self) -> bool {
        Side::BOTH.iter().all(|side| {
            let end = &self.ends[*side];
            let sound = self.cut_since[*side].is_none() && self.failures[*side].is_none();
            sound && end.is_alive() && !end.has_ended() && end.said == Said::Nothing
        })
    }
}
