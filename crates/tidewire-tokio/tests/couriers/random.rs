//! Anything in any order: what each follows comes in order and once, and none of it waits for a publish that never comes.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::poll_fn,
    hash::{BuildHasher, RandomState},
    pin::pin,
    sync::{Arc, Mutex},
    task::Poll,
};

use tidewire_tokio::{
    hub::{Address, Config as HubConfig, ConnectionId, Delivered, Policy, PublishOptions, Start, TopicName},
    websocket::Delivering,
};
use tokio::{
    io::{AsyncReadExt, DuplexStream, duplex},
    task::yield_now,
};

use super::{Halves, Hub, Line, halves, name};

const TOPICS: usize = 5;
const OUTLETS: usize = 12;
const STEPS: usize = 40;
const PAUSES: usize = 12;

struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % end
    }
}

/// What was handed on to somebody.
#[derive(Default)]
struct Seen {
    /// Up to which offset, of each topic that is followed.
    stands: BTreeMap<usize, u64>,
    paused: BTreeSet<usize>,
    direct: usize,
}

/// Somebody who follows some of the topics.
struct One {
    connection: ConnectionId,
    client: DuplexStream,
    _halves: Halves,
    delivering: Delivering<Line>,
    address: Option<Address<Line>>,
    sent: usize,
    seen: Arc<Mutex<Seen>>,
}

struct World {
    hub: Hub,
    topics: Vec<TopicName>,
    /// Of each topic, who is left out of each message.
    logs: Arc<Mutex<Vec<Log>>>,
    places: Vec<Option<One>>,
    connections: u64,
}

type Log = Vec<Option<ConnectionId>>;

/// The offset of what comes for somebody behind another.
fn next_for(log: &Log, connection: ConnectionId, behind: u64) -> Option<u64> {
    let rest = log.iter().enumerate().skip(behind as usize);
    rest.filter(|(_, left_out)| **left_out != Some(connection)).map(|(at, _)| at as u64 + 1).next()
}

impl World {
    fn connect(&mut self, random: &mut Random) -> One {
        self.connections += 1;
        let connection = ConnectionId::new(self.connections);
        let (client, io) = duplex([4, 64, 1 << 14][random.below(3)]);
        let halves = halves(io);
        let mut reader = self.hub.subscriber(connection).unwrap();
        let seen = Arc::new(Mutex::new(Seen::default()));
        for topic in 0..TOPICS {
            if random.below(3) == 0 {
                let start = if random.below(2) == 0 { Start::Live } else { Start::Earliest };
                let from = reader.subscribe(&self.topics[topic], start).unwrap().offset;
                seen.lock().unwrap().stands.insert(topic, from);
            }
        }
        let (noted, logs) = (Arc::clone(&seen), Arc::clone(&self.logs));
        let (mut whim, topics) = (Random(random.below(1 << 30) as u64 + 1), self.topics.clone());
        let delivering = halves.1.deliver(reader, move |reader, delivered, outbox| {
            let mut seen = noted.lock().unwrap();
            let topic = whim.below(TOPICS);
            match whim.below(12) {
                0 => {
                    if let Ok(from) = reader.subscribe(&topics[topic], Start::Earliest) {
                        seen.stands.insert(topic, from.offset);
                    }
                }
                1 if reader.pause(&topics[topic]) => drop(seen.paused.insert(topic)),
                2 | 3 => {
                    reader.resume(&topics[topic]);
                    seen.paused.remove(&topic);
                }
                _ => {}
            }
            match delivered {
                Delivered::Message(kept) => {
                    let at: usize = kept.topic.as_str().parse().unwrap();
                    let stood = seen.stands.get_mut(&at).expect("nobody follows it");
                    let next = next_for(&logs.lock().unwrap()[at], connection, *stood);
                    assert_eq!(Some(kept.position.offset), next, "of topic {at}");
                    *stood = kept.position.offset;
                    outbox.feed_text(&kept.message).unwrap();
                }
                Delivered::Direct(line) => {
                    seen.direct += 1;
                    outbox.feed_text(line).unwrap();
                }
                Delivered::Gap(_) | Delivered::Dismissed(_) => panic!("{delivered:?}"),
            }
        });
        One { connection, client, _halves: halves, delivering, address: None, sent: 0, seen }
    }

    fn publish(&self, random: &mut Random, place: usize, topic: usize) {
        for _ in 0..1 + random.below(3) {
            let left_out = self.places[place].as_ref().filter(|_| random.below(4) == 0);
            let left_out = left_out.map(|one| one.connection);
            self.logs.lock().unwrap()[topic].push(left_out);
            let options = PublishOptions::new();
            let options = left_out.map_or(options, |left_out| options.exclude(left_out));
            let text = "x".repeat([1, 20, 700][random.below(3)]);
            self.hub.publish(&self.topics[topic], text.into(), &options).unwrap();
        }
    }

    async fn step(&mut self, random: &mut Random) {
        let (place, topic) = (random.below(OUTLETS), random.below(TOPICS));
        match random.below(16) {
            0..=4 => self.publish(random, place, topic),
            5 => {
                self.places[place] = None;
                self.places[place] = Some(self.connect(random));
            }
            6 if random.below(3) == 0 => self.places[place] = None,
            6..=13 => {
                let Some(one) = &mut self.places[place] else { return };
                let topic_name = &self.topics[topic];
                match random.below(9) {
                    0 | 1 => {
                        let start = if random.below(2) == 0 { Start::Live } else { Start::Earliest };
                        let mut policy = Policy::default();
                        policy.max_lag_messages = 1 << 20;
                        let policy = if random.below(3) == 0 { policy } else { Policy::default() };
                        let seen = Arc::clone(&one.seen);
                        one.delivering.reader(|reader| {
                            if let Ok(from) = reader.subscribe_with(topic_name, start, policy) {
                                seen.lock().unwrap().stands.insert(topic, from.offset);
                            }
                        });
                    }
                    2 => {
                        let seen = Arc::clone(&one.seen);
                        one.delivering.reader(|reader| {
                            if reader.unsubscribe(topic_name) {
                                let mut seen = seen.lock().unwrap();
                                seen.stands.remove(&topic);
                                seen.paused.remove(&topic);
                            }
                        });
                    }
                    3 => {
                        let seen = Arc::clone(&one.seen);
                        one.delivering.reader(|reader| {
                            if reader.pause(topic_name) {
                                seen.lock().unwrap().paused.insert(topic);
                            }
                        });
                    }
                    4 => {
                        let seen = Arc::clone(&one.seen);
                        one.delivering.reader(|reader| {
                            reader.resume(topic_name);
                            seen.lock().unwrap().paused.remove(&topic);
                        });
                    }
                    5 => {
                        if one.address.is_none() {
                            one.address = one.delivering.reader(|reader| reader.address().unwrap());
                        }
                        if let Some(address) = &one.address {
                            one.sent += usize::from(address.send("direct".into()).is_ok());
                        }
                    }
                    _ => {
                        let mut piece = vec![0; 1 + random.below(2000)];
                        let _ = at_once(one.client.read(&mut piece)).await;
                    }
                }
            }
            _ => {
                for _ in 0..random.below(4) {
                    yield_now().await;
                }
            }
        }
    }

    /// Everybody reads all; nobody asks anything.
    async fn drain(&mut self) {
        let (mut piece, mut idle) = (vec![0; 1 << 15], 0);
        while idle < 100 {
            idle += 1;
            for one in self.places.iter_mut().flatten() {
                while at_once(one.client.read(&mut piece)).await.is_some() {
                    idle = 0;
                    yield_now().await;
                }
            }
            yield_now().await;
        }
    }

    /// Everybody has what is there, but for what pauses.
    fn nobody_waits(&self) {
        let logs = self.logs.lock().unwrap();
        for (place, one) in self.places.iter().enumerate() {
            let Some(One { connection, seen, sent, .. }) = one else { continue };
            let seen = seen.lock().unwrap();
            for (topic, stands) in seen.stands.iter().filter(|(topic, _)| !seen.paused.contains(*topic)) {
                let next = next_for(&logs[*topic], *connection, *stands);
                assert_eq!(next, None, "{place} waits for what is there in topic {topic}, behind {stands}");
            }
            assert_eq!(seen.direct, *sent, "those that were sent to {place} alone");
        }
    }
}

/// Polls once.
async fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

async fn play(seed: u64) {
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let shards = [1, 2][random.below(2)];
    let mut world = World {
        hub: Hub::with_shards(HubConfig::default(), shards.try_into().unwrap()),
        topics: (0..TOPICS).map(|number| name(&number.to_string())).collect(),
        logs: Arc::new(Mutex::new(vec![Vec::new(); TOPICS])),
        places: (0..OUTLETS).map(|_| None).collect(),
        connections: 0,
    };
    for _ in 0..PAUSES {
        for _ in 0..STEPS {
            world.step(&mut random).await;
        }
        world.drain().await;
        world.nobody_waits();
    }
}

/// A number from the environment, for a longer run or to repeat one.
fn given(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// `TIDEWIRE_COURIERS_ROUNDS` makes it longer, `TIDEWIRE_COURIERS_SEED` repeats it.
#[tokio::test(start_paused = true)]
async fn whatever_is_followed_comes() {
    let seed = given("TIDEWIRE_COURIERS_SEED").unwrap_or_else(|| RandomState::new().hash_one(0));
    for round in 0..given("TIDEWIRE_COURIERS_ROUNDS").unwrap_or(2) {
        println!("TIDEWIRE_COURIERS_SEED={} TIDEWIRE_COURIERS_ROUNDS=1", seed.wrapping_add(round));
        play(seed.wrapping_add(round)).await;
    }
}
