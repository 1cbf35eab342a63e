//! What the hub's records cost in memory, counted. One test, because the counters are those of the whole
//! process.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::time::Duration;

use common::*;
use tidewire_hub::{ENTRY_OVERHEAD_BYTES, Hub, PublishOptions, Replay, Start};

#[global_allocator]
static ALLOC: dhat::Alloc = dhat::Alloc;

/// The bytes that are held for what was made.
fn held<T>(make: impl FnOnce() -> T) -> (usize, T) {
    let profiler = dhat::Profiler::builder().testing().build();
    let made = make();
    let bytes = dhat::HeapStats::get().curr_bytes;
    drop(profiler);
    (bytes, made)
}

/// A hub that remembers so many publishes, of which many more were made.
fn remembering(max: usize) -> Hub<Note> {
    let mut hub = hub_with(|limits| (limits.max_idempotency_keys, limits.max_messages_per_topic) = (max, 1));
    let a = topic("a");
    for number in 0..3 * max {
        let key = number.to_string();
        let options = PublishOptions::new().idempotency("p", &key);
        hub.publish(Duration::ZERO, &a, Note(0, 0), &options).unwrap();
    }
    hub
}

/// A hub whose topics took twice as much as they hold.
fn full(topics: usize, messages: usize, replay: Replay) -> Hub<&'static str> {
    let mut config = tidewire_hub::Config::default();
    config.max_bytes = topics * messages * (ENTRY_OVERHEAD_BYTES + size_of::<&str>());
    let mut hub = Hub::new(config, HUB, 7);
    for name in 0..topics {
        for _ in 0..2 * messages {
            let options = PublishOptions::new().replay(replay);
            hub.publish(Duration::ZERO, &topic(&name.to_string()), "", &options).unwrap();
        }
    }
    hub
}

/// What is published to each of some topics.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Plain,
    Ephemeral,
    /// Each under another key.
    Keyed,
}

const TOPICS: usize = 1 << 8;

/// A hub whose topics hold so many messages each, after more than that were too old.
fn shrunk(messages: usize, kind: Kind) -> Hub<&'static str> {
    let second = Duration::from_secs;
    let mut config = tidewire_hub::Config::default();
    config.max_age = second(10);
    let mut hub = Hub::new(config, HUB, 7);
    let mut publish = |now, number: usize| {
        let key = number.to_string();
        let options = match kind {
            Kind::Plain => PublishOptions::new(),
            Kind::Ephemeral => PublishOptions::new().replay(Replay::Ephemeral),
            Kind::Keyed => PublishOptions::new().key(&key),
        };
        for name in 0..TOPICS {
            hub.publish(now, &topic(&name.to_string()), "", &options).unwrap();
        }
    };
    (0..messages + 13).for_each(|number| publish(second(0), number));
    (0..messages).for_each(|number| publish(second(5), number));
    while hub.usage().messages > TOPICS * messages {
        hub.handle_timeout(second(10));
    }
    hub
}

#[test]
fn what_is_kept_costs_what_it_counts() {
    // Behind a power of two the tables have just doubled, which is when they cost most.
    for max in [1_000, 3_584, 3_585, 7_169, 20_000] {
        let (bytes, hub) = held(|| remembering(max));
        println!("{max} publishes remembered: {:.0} bytes each", bytes as f64 / max as f64);
        assert!(bytes <= max * 96 + 8 * 1024, "{max}: {bytes}");
        drop(hub);
    }
    for (topics, messages, replay) in
        [(3, 4_200, Replay::Kept), (100, 100, Replay::Kept), (3, 4_200, Replay::Ephemeral)]
    {
        let (bytes, hub) = held(|| full(topics, messages, replay));
        let counted = hub.usage().bytes;
        println!("{topics} topics of {messages}: {bytes} bytes, counted {counted}");
        assert!(
            bytes <= counted * 5 / 4 + topics * 512 + 8 * 1024,
            "{topics} of {messages}: {bytes}, counted {counted}"
        );
    }
    for kind in [Kind::Plain, Kind::Ephemeral, Kind::Keyed] {
        for messages in [0, 1, 2, 4, 8, 16, 32] {
            let (bytes, hub) = held(|| shrunk(messages, kind));
            // A ring may have a quarter of its places free.
            let beside = bytes.saturating_sub(hub.usage().bytes * 5 / 4) / TOPICS;
            println!("{kind:?}, a topic shrunk to {messages}: {beside} bytes beside what is counted");
            assert!(beside <= 512, "{kind:?}, {messages}: {beside}");
        }
    }
    // At a number that fills the tables.
    let (bytes, connected) = held(|| {
        let mut hub = hub();
        for _ in 0..1 << 14 {
            connect(&mut hub, 1);
        }
        hub
    });
    println!("a subscriber: {} bytes", bytes >> 14);
    assert!(bytes >> 14 <= 128, "{bytes}");
    drop(connected);
    let (bytes, following) = held(|| {
        let mut hub = hub();
        for _ in 0..1 << 14 {
            follow(&mut hub, "a", Start::Live);
        }
        hub
    });
    println!("a subscriber and its subscription: {} bytes", bytes >> 14);
    assert!(bytes >> 14 <= 128 + 64, "{bytes}");
    drop(following);
}
