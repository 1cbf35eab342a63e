//! What the hub costs in memory, by a counting allocator: `cargo run --release -p tidewire-bench --bin
//! hub_memory`.
//!
//! Prints what is promised beside what is found, and fails where a promise is broken. (Counting slows every
//! allocation down, so the times are those of a program of their own: `hub`.)

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tidewire_hub::{
    Budget, Config, ConnectionId, Hub, Incarnation, PublishOptions, Replay, Start, SubscriberId, TopicName,
};

#[global_allocator]
static COUNTED: dhat::Alloc = dhat::Alloc;

type Message = Arc<[u8]>;

/// Subscribers, and subscriptions of each: numbers that fill the tables, which double when they are full.
const SUBSCRIBERS: u64 = 1 << 17;
const TOPICS_OF_EACH: usize = 8;
const TOPICS: usize = 1 << 12;

fn main() -> ExitCode {
    let profiler = dhat::Profiler::builder().testing().build();
    println!("| | found | promised |\n|---|---|---|");
    let mut broken = false;
    let mut line = |what: &str, found: f64, promised: f64| {
        println!("| {what} | {found:.2} | {promised:.2} at most |");
        broken |= found > promised;
    };
    let (subscriber, subscription) = of_subscribers();
    line("bytes per subscriber", subscriber, 128.0);
    line("bytes per subscription", subscription, 64.0);
    let (holding, blank) = of_topics(0, &PublishOptions::new());
    line(
        "bytes per topic with a name of 255 bytes and one message, beside what the message counts",
        holding,
        512.0,
    );
    line("bytes per topic with a name of 255 bytes that has lost its messages", blank, 512.0);
    let of_a_key = PublishOptions::new().key("key").replay(Replay::Ephemeral);
    let (holding, blank) = of_topics(5, &of_a_key);
    let name = TopicName::MAX_LEN as f64;
    line(
        "the same beside its name, of one that is ephemeral and has a key, where there were five more",
        holding - name,
        512.0,
    );
    line("the same when it has lost them", blank, 512.0);
    line("allocations per publish that nobody hears, beside the message's", of_a_publish(), 0.0);
    let (caught_up, stuck) = (of_readers(2_000, 0), of_readers(2_000, 1_000));
    line(
        "memory of 2,000 subscribers of whom half are stuck, to that of as many of whom none is",
        stuck / caught_up,
        1.05,
    );
    drop(profiler);
    if broken {
        println!("\na promise is broken");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn bytes_held() -> usize {
    dhat::HeapStats::get().curr_bytes
}

/// The bytes that it adds to what is held.
fn added(make: impl FnOnce()) -> f64 {
    let before = bytes_held();
    make();
    bytes_held().saturating_sub(before) as f64
}

fn hub(set: impl FnOnce(&mut Config)) -> Hub<Message> {
    let mut config = Config::default();
    set(&mut config);
    Hub::new(config, Incarnation::new(1), 2)
}

/// A name, made as long as it may be.
fn name(number: usize) -> TopicName {
    let name = format!("{number:0>width$}", width = TopicName::MAX_LEN);
    TopicName::new(&name).unwrap_or_else(|error| unreachable!("{error}"))
}

fn connect(hub: &mut Hub<Message>, number: u64) -> SubscriberId {
    hub.connect(ConnectionId::new(number)).unwrap_or_else(|error| unreachable!("{error}"))
}

fn follow(hub: &mut Hub<Message>, id: SubscriberId, topic: &TopicName) {
    let start = hub.subscribe(Duration::ZERO, id, topic, Start::Live);
    assert!(start.is_ok(), "{start:?}");
}

fn publish(hub: &mut Hub<Message>, topic: &TopicName, message: Message) {
    let published = hub.publish(Duration::ZERO, topic, message, &PublishOptions::new());
    assert!(published.is_ok(), "{published:?}");
}

/// Bytes of a subscriber, and of a subscription.
fn of_subscribers() -> (f64, f64) {
    let mut hub = hub(|_| {});
    let names: Vec<TopicName> = (0..TOPICS_OF_EACH).map(name).collect();
    let mut ids = Vec::with_capacity(SUBSCRIBERS as usize);
    let subscribers = added(|| ids.extend((0..SUBSCRIBERS).map(|number| connect(&mut hub, number))));
    let subscriptions = added(|| {
        for id in &ids {
            names.iter().for_each(|name| follow(&mut hub, *id, name));
        }
    });
    (subscribers / SUBSCRIBERS as f64, subscriptions / (SUBSCRIBERS as usize * TOPICS_OF_EACH) as f64)
}

/// Bytes of a topic that holds one message, and held so many more before, without what that counts; and of one that
/// has lost it.
fn of_topics(before: usize, options: &PublishOptions<'_>) -> (f64, f64) {
    let empty = bytes_held();
    let second = Duration::from_secs;
    let mut hub = hub(|limits| limits.max_age = second(2));
    for time in core::iter::repeat_n(0, before).chain([1]) {
        for number in 0..TOPICS {
            let published = hub.publish(second(time), &name(number), Arc::from([]), options);
            assert!(published.is_ok(), "{published:?}");
        }
    }
    while hub.usage().messages > TOPICS {
        hub.handle_timeout(second(2));
    }
    let each = |bytes: usize| bytes as f64 / TOPICS as f64;
    let holding = each(bytes_held() - empty - hub.usage().bytes);
    while hub.usage().messages > 0 {
        hub.handle_timeout(second(3));
    }
    (holding, each(bytes_held() - empty))
}

/// Allocations of a publish to a topic that is full, beside that of its message.
fn of_a_publish() -> f64 {
    const PUBLISHED: usize = 10_000;
    let mut hub = hub(|limits| limits.max_messages_per_topic = 1_024);
    let (topic, message) = (name(1), Message::from([b'x'; 128]));
    let mut some = || (0..PUBLISHED).for_each(|_| publish(&mut hub, &topic, message.clone()));
    some();
    let before = dhat::HeapStats::get().total_blocks;
    some();
    (dhat::HeapStats::get().total_blocks - before) as f64 / PUBLISHED as f64
}

/// The most that a hub held while messages went to so many subscribers, of whom some take nothing.
fn of_readers(subscribers: u64, stuck: u64) -> f64 {
    let before = bytes_held();
    let mut hub = hub(|_| {});
    let topic = name(1);
    let ids: Vec<SubscriberId> = (0..subscribers).map(|number| connect(&mut hub, number)).collect();
    ids.iter().for_each(|id| follow(&mut hub, *id, &topic));
    let mut most = 0;
    for _ in 0..5_000 {
        publish(&mut hub, &topic, Message::from([b'x'; 1_024]));
        while let Some(id) = hub.poll_ready() {
            if id.index() as u64 >= stuck {
                let taken = hub.batch(Duration::ZERO, id, Budget::default()).count();
                assert!(taken > 0);
            }
        }
        most = most.max(bytes_held() - before);
    }
    most as f64
}
