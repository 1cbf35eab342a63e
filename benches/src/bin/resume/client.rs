//! A client: connects, follows, is cut off, and comes back with the position that it has.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tidewire_bench::chance::Chance;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
    time::{Instant, sleep, sleep_until},
};

use crate::{
    Failed,
    ledger::{Ledger, Origin, Violation},
    options::{Change, Options},
    report::{Outcome, Tally},
    wire::{Stage, Transport, Wire},
};

/// One connection in so many is cut off soon after its request, before there is anything to go on with.
const SOON: usize = 8;

/// What such a connection takes before it is cut off, in bytes at most: about two heads of a response.
const SOON_TAKEN: usize = 1_000;

/// How long a client stays away, in milliseconds at most.
const AWAY_MS: usize = 200;

/// How long a client does not read before it is cut off with bytes on their way, in milliseconds at least and at most.
const STALL_MS: [usize; 2] = [50, 250];

/// What a stalled client takes at last, in bytes at most: where that ends, a message is cut.
const LAST_TAKEN: usize = 8 * 1024;

/// The most topics of a client.
const MAX_TOPICS: usize = 3;

/// What all clients share.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) options: Options,
    pub(crate) address: SocketAddr,
    /// Nobody is cut off behind this.
    pub(crate) until: Instant,
    /// How many messages each topic has, once nothing more is published.
    pub(crate) heads: watch::Receiver<Option<u64>>,
}

/// When a connection is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    At(Instant),
    /// With a part of its request sent, or all of it, and so many bytes taken.
    Soon {
        sent: usize,
        taken: usize,
    },
    /// That is over.
    Never,
}

/// How a connection is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    /// By a FIN, or by a reset where there are bytes that nobody read.
    Close,
    /// By a reset, whatever is on its way.
    Reset,
}

/// What became of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    CutOff,
    /// All messages are there.
    Complete,
}

/// One client.
pub(crate) struct Client {
    world: Arc<World>,
    number: usize,
    transport: Transport,
    ledger: Ledger,
    chance: Chance,
    tally: Tally,
}

impl Client {
    /// Follows one to three topics, from the first message on or from when it came.
    pub(crate) fn new(world: Arc<World>, number: usize) -> Result<Self, Failed> {
        let mut chance = Chance::new(world.options.seed, number as u64);
        let topics = world.options.topics;
        let (first, count) = (chance.below(topics), 1 + chance.below(MAX_TOPICS.min(topics)));
        let numbers: Vec<usize> = (first..first + count).map(|topic| topic % topics).collect();
        let from = if chance.one_in(2) { Origin::Live } else { Origin::Earliest };
        let ledger = Ledger::new(&numbers, from)?;
        let transport = Transport::ALL[number % Transport::ALL.len()];
        Ok(Self { world, number, transport, ledger, chance, tally: Tally::default() })
    }

    /// Until all messages are there, or a promise is broken.
    pub(crate) async fn run(mut self) -> Outcome {
        let spread = self.world.options.every.as_micros() as usize;
        sleep(Duration::from_micros(self.chance.below(spread) as u64)).await;
        let violation = loop {
            match self.connection().await {
                Ok(End::CutOff) => {}
                Ok(End::Complete) => break None,
                Err(violation) => {
                    break Some(format!("client {} over {}: {violation}", self.number, self.transport));
                }
            }
            sleep(Duration::from_millis(self.chance.below(AWAY_MS) as u64)).await;
            if self.world.options.change == Change::Transport {
                let step = 1 + self.chance.below(Transport::ALL.len() - 1);
                self.transport = Transport::ALL[(self.transport as usize + step) % Transport::ALL.len()];
            }
        };
        let balance = self.ledger.balance(self.world.options.messages_per_topic());
        Outcome { tally: self.tally, balance, violation }
    }

    /// One connection, to its end.
    async fn connection(&mut self) -> Result<End, Violation> {
        let from = self.ledger.resume(&mut self.chance);
        let mut wire = Wire::new(self.transport, &self.ledger, &from, &mut self.chance);
        self.tally.of(self.transport).connections += 1;
        let when = self.when(wire.output.len());
        let end = self.live(&mut wire, when).await;
        let counts = self.tally.of(self.transport);
        counts.delivered += wire.came.delivered;
        counts.duplicates += wire.came.duplicates;
        end
    }

    /// When the connection is to be cut off, whose request is so long.
    fn when(&mut self, request_len: usize) -> When {
        if Instant::now() >= self.world.until {
            return When::Never;
        }
        if self.chance.one_in(SOON) {
            return if self.chance.one_in(4) {
                When::Soon { sent: self.chance.below(request_len), taken: 0 }
            } else {
                When::Soon { sent: request_len, taken: self.chance.below(SOON_TAKEN) }
            };
        }
        // Half the time and half as much again.
        let every = self.world.options.every.as_micros() as usize;
        let at = Instant::now() + Duration::from_micros((every / 2 + self.chance.below(every)) as u64);
        if at < self.world.until { When::At(at) } else { When::Never }
    }

    async fn live(&mut self, wire: &mut Wire, when: When) -> Result<End, Violation> {
        let mut stream = TcpStream::connect(self.world.address).await?;
        stream.set_nodelay(true)?;
        let allowed = match when {
            When::Soon { sent, .. } if sent < wire.output.len() => {
                stream.write_all(&wire.output[..sent]).await?;
                self.cut(stream, wire).await?;
                return Ok(End::CutOff);
            }
            When::Soon { taken, .. } => taken,
            When::At(_) | When::Never => usize::MAX,
        };
        let heads = self.world.heads.clone();
        // Few bytes at a time or many: a cut may come between any two.
        let mut buffer = vec![0; self.chance.pick([256, 2 * 1024, 16 * 1024])];
        let end = tokio::select! {
            end = follow(&mut stream, wire, &mut self.ledger, heads, &mut buffer, allowed) => end?,
            () = due(when) => End::CutOff,
        };
        if end == End::CutOff {
            self.cut(stream, wire).await?;
        }
        Ok(end)
    }

    /// Cuts a connection off: at once, or when it has not been read for a while.
    async fn cut(&mut self, stream: TcpStream, wire: &mut Wire) -> Result<(), Violation> {
        if self.chance.one_in(2) {
            let [least, most] = STALL_MS;
            sleep(Duration::from_millis((least + self.chance.below(most - least)) as u64)).await;
            let mut last = vec![0; 1 + self.chance.below(LAST_TAKEN)];
            if let Some(len) = take(&stream, &mut last)? {
                wire.receive(&mut last[..len], &mut self.ledger)?;
            }
            if take(&stream, &mut [0])?.is_some() {
                self.tally.cuts.unread += 1;
            }
        }
        let cut = self.chance.pick([Cut::Close, Cut::Reset]);
        if cut == Cut::Reset {
            stream.set_zero_linger()?;
            self.tally.cuts.reset += 1;
        }
        match wire.stage {
            Stage::Asked => self.tally.cuts.asked += 1,
            Stage::Answered => self.tally.cuts.answered += 1,
            Stage::Positioned => self.tally.cuts.positioned += 1,
        }
        Ok(())
    }
}

/// What is there, without waiting; `None` when nothing is.
fn take(stream: &TcpStream, buffer: &mut [u8]) -> Result<Option<usize>, Violation> {
    match stream.try_read(buffer) {
        Ok(0) => Err(Violation("the gateway closed".into())),
        Ok(len) => Ok(Some(len)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Waits until it is time to be cut off; for ever, where no time says so.
async fn due(when: When) {
    match when {
        When::At(at) => sleep_until(at).await,
        When::Soon { .. } | When::Never => std::future::pending().await,
    }
}

/// Reads until all messages are there, or so many bytes are taken. Every await is a place to be cut off at.
async fn follow(
    stream: &mut TcpStream,
    wire: &mut Wire,
    ledger: &mut Ledger,
    mut heads: watch::Receiver<Option<u64>>,
    buffer: &mut [u8],
    mut allowed: usize,
) -> Result<End, Violation> {
    loop {
        let head = *heads.borrow_and_update();
        if head.is_some_and(|head| ledger.is_complete(head)) {
            return Ok(End::Complete);
        }
        if !wire.output.is_empty() {
            stream.write_all(&wire.output).await?;
            wire.output.clear();
        }
        let room = buffer.len().min(allowed);
        if room == 0 {
            return Ok(End::CutOff);
        }
        tokio::select! {
            read = stream.read(&mut buffer[..room]) => {
                let len = read?;
                if len == 0 {
                    return Err(Violation("the gateway closed".into()));
                }
                wire.receive(&mut buffer[..len], ledger)?;
                allowed -= len;
            }
            changed = heads.changed() => changed?,
        }
    }
}
