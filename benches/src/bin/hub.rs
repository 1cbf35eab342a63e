//! What fan-out costs in the hub alone: `cargo run --release -p tidewire-bench --features peers --bin hub`.
//!
//! Publishes to caught-up subscribers and lets all of them take what there is, beside tokio's `broadcast` and beside one
//! `VecDeque<Bytes>` a subscriber: the three take turns within one run, and medians of many rounds are what is printed, in
//! nanoseconds for each delivery. No sockets and no wakers; each delivery looks at the message's first byte.

use std::collections::VecDeque;
use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tidewire_hub::{
    Batch, Budget, Config, ConnectionId, Delivery, Hub, Incarnation, PublishOptions, Start, SubscriberId,
    TopicName,
};
use tokio::sync::broadcast;

/// Messages that each log holds, ours and broadcast's.
const HISTORY: usize = 1024;
const ROUNDS: usize = 101;
const REPLAYED: u64 = 1000;

fn payload() -> Bytes {
    Bytes::from(vec![b'x'; 128])
}

/// One way to fan out.
trait FanOut {
    /// Publishes that many messages, then lets everybody take everything; answers with the number of deliveries.
    fn round(&mut self, burst: usize) -> usize;
}

struct Ours {
    hub: Hub<Bytes>,
    topic: TopicName,
    now: Duration,
}

impl Ours {
    fn new(subscribers: usize) -> Self {
        let mut config = Config::default();
        config.max_messages_per_topic = HISTORY;
        let mut hub = Hub::new(config, Incarnation::new(1), 2);
        let topic = topic();
        for _ in 0..subscribers {
            follow(&mut hub, &topic, Start::Live);
        }
        Self { hub, topic, now: Duration::ZERO }
    }

    fn publish(&mut self, message: Bytes) {
        self.now += Duration::from_micros(1);
        let published = self.hub.publish(self.now, &self.topic, message, &PublishOptions::new());
        black_box(published.is_ok());
    }

    fn take(&mut self, id: SubscriberId) -> usize {
        look_at(&mut self.hub.batch(self.now, id, EVERYTHING))
    }
}

const EVERYTHING: Budget = Budget { max_messages: usize::MAX, max_bytes: usize::MAX };

/// How many messages there were.
fn look_at(batch: &mut Batch<'_, Bytes>) -> usize {
    let mut count = 0;
    for delivery in batch {
        match delivery {
            Delivery::Message(lent) => {
                black_box(lent.message()[0]);
                count += 1;
            }
            Delivery::Direct(message) => drop(message),
            Delivery::Gap(gap) => drop(gap),
            Delivery::Dismissed(dismissal) => drop(dismissal),
        }
    }
    count
}

fn topic() -> TopicName {
    TopicName::new("room/1").unwrap_or_else(|error| unreachable!("{error}"))
}

fn follow(hub: &mut Hub<Bytes>, topic: &TopicName, start: Start) -> Option<SubscriberId> {
    let id = hub.connect(ConnectionId::new(1)).ok()?;
    hub.subscribe(Duration::ZERO, id, topic, start).ok()?;
    Some(id)
}

impl FanOut for Ours {
    fn round(&mut self, burst: usize) -> usize {
        for _ in 0..burst {
            self.publish(payload());
        }
        let mut count = 0;
        let mut batches = self.hub.ready_batches(self.now, EVERYTHING);
        while let Some(batch) = batches.next() {
            count += look_at(batch);
        }
        count
    }
}

struct Broadcast {
    sender: broadcast::Sender<Bytes>,
    receivers: Vec<broadcast::Receiver<Bytes>>,
}

impl Broadcast {
    fn new(subscribers: usize) -> Self {
        let (sender, _) = broadcast::channel(HISTORY);
        let receivers = (0..subscribers).map(|_| sender.subscribe()).collect();
        Self { sender, receivers }
    }
}

impl FanOut for Broadcast {
    fn round(&mut self, burst: usize) -> usize {
        for _ in 0..burst {
            black_box(self.sender.send(payload()).is_ok());
        }
        let mut count = 0;
        for receiver in &mut self.receivers {
            while let Ok(message) = receiver.try_recv() {
                black_box(message[0]);
                count += 1;
            }
        }
        count
    }
}

struct Queues(Vec<VecDeque<Bytes>>);

impl FanOut for Queues {
    fn round(&mut self, burst: usize) -> usize {
        for _ in 0..burst {
            let message = payload();
            for queue in &mut self.0 {
                queue.push_back(message.clone());
            }
        }
        let mut count = 0;
        for queue in &mut self.0 {
            while let Some(message) = queue.pop_front() {
                black_box(message[0]);
                count += 1;
            }
        }
        count
    }
}

#[expect(clippy::disallowed_methods, reason = "what it takes is measured")]
fn now() -> Instant {
    Instant::now()
}

/// Nanoseconds for each unit of what the work says that it did.
fn timed(work: impl FnOnce() -> usize) -> f64 {
    let start = now();
    let count = work();
    start.elapsed().as_nanos() as f64 / count.max(1) as f64
}

/// The median of each; they take turns.
fn medians(runs: &mut [&mut dyn FnMut() -> f64]) -> Vec<f64> {
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); runs.len()];
    for round in 0..ROUNDS + ROUNDS / 10 {
        for (run, times) in runs.iter_mut().zip(&mut times) {
            let each = run();
            if round >= ROUNDS / 10 {
                times.push(each);
            }
        }
    }
    for times in &mut times {
        times.sort_by(f64::total_cmp);
    }
    times.iter().map(|times| times[times.len() / 2]).collect()
}

fn fan_out(subscribers: usize, burst: usize) {
    let (mut ours, mut broadcast) = (Ours::new(subscribers), Broadcast::new(subscribers));
    let mut queues = Queues(vec![VecDeque::new(); subscribers]);
    let found = medians(&mut [
        &mut || timed(|| ours.round(burst)),
        &mut || timed(|| broadcast.round(burst)),
        &mut || timed(|| queues.round(burst)),
    ]);
    let better = found[1].min(found[2]);
    println!(
        "| {subscribers} subscribers, bursts of {burst} | {:.1} | {:.1} | {:.1} | {:.2} |",
        found[0],
        found[1],
        found[2],
        found[0] / better
    );
}

/// A publish that nobody hears; broadcast keeps no message when it has no receiver at all, so one has one that sleeps.
fn nobody_listens() {
    const BURST: usize = 10_000;
    let mut ours = Ours::new(0);
    let (nobody, asleep) = (Broadcast::new(0), Broadcast::new(1));
    let message = payload();
    let repeat = |publish: &mut dyn FnMut(Bytes)| {
        timed(|| {
            (0..BURST).for_each(|_| publish(message.clone()));
            BURST
        })
    };
    let send = |to: &Broadcast| repeat(&mut |message| drop(black_box(to.sender.send(message))));
    let found = medians(&mut [
        &mut || repeat(&mut |message| ours.publish(message)),
        &mut || send(&asleep),
        &mut || send(&nobody),
    ]);
    println!(
        "\nPublish when nobody listens: {:.1} ns; broadcast {:.1} ns to one that sleeps (ratio {:.2}), {:.1} ns to nobody",
        found[0],
        found[1],
        found[0] / found[1],
        found[2]
    );
}

/// A resume of many messages, its subscription included, beside the live delivery of as many.
fn resume() {
    let (mut ours, mut live) = (Ours::new(0), Ours::new(0));
    let topic = topic();
    let reader = follow(&mut live.hub, &topic, Start::Live);
    for _ in 0..REPLAYED {
        ours.publish(payload());
    }
    let start = ours.hub.topic(&topic).map_or(Start::Earliest, |info| Start::After(info.before_earliest));
    let found = medians(&mut [
        &mut || {
            timed(|| {
                let Some(id) = follow(&mut ours.hub, &topic, start) else { return 0 };
                let count = ours.take(id);
                ours.hub.disconnect(Duration::ZERO, id);
                count
            })
        },
        &mut || {
            for _ in 0..REPLAYED {
                live.publish(payload());
            }
            timed(|| reader.map_or(0, |id| live.take(id)))
        },
    ]);
    println!(
        "\nResume of {REPLAYED} messages: {:.2} ns each; live delivery of as many: {:.2} ns each (ratio {:.2})",
        found[0],
        found[1],
        found[0] / found[1]
    );
}

fn flatness() {
    let mut few = Ours::new(1_000);
    let mut many = Ours::new(100_000);
    let found = medians(&mut [&mut || timed(|| few.round(1)), &mut || timed(|| many.round(1))]);
    println!(
        "\nOne delivery among 1,000: {:.1} ns, among 100,000: {:.1} ns (ratio {:.2})",
        found[0],
        found[1],
        found[1] / found[0]
    );
}

fn main() {
    println!("Nanoseconds for each delivery, publish included\n");
    println!(
        "| | tidewire | tokio broadcast | VecDeque<Bytes> each | ratio to the better |\n|---|---|---|---|---|"
    );
    for (subscribers, burst) in [(10_000, 1), (10_000, 8)] {
        fan_out(subscribers, burst);
    }
    nobody_listens();
    flatness();
    resume();
}
