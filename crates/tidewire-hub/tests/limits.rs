//! Every limit at its value and one past it; who pays when the hub is full.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::time::Duration;

use common::*;
use tidewire_hub::{
    Config, ConnectError, ConnectionId, Cursor, ENTRY_OVERHEAD_BYTES, Hub, PublishError, PublishOptions,
    Start, SubscribeError,
};

fn send(hub: &mut Hub<Note>, name: &str, len_bytes: usize) -> Result<u64, PublishError> {
    hub.publish(Duration::ZERO, &topic(name), Note(0, len_bytes), &PublishOptions::new())
        .map(|published| published.position().offset)
}

/// The bytes that each topic counts, in the order of the names.
fn held(hub: &Hub<Note>, names: &[&str]) -> Vec<usize> {
    names.iter().map(|name| hub.topic(&topic(name)).map_or(0, |info| info.bytes)).collect()
}

#[test]
fn the_defaults_are_those_of_the_documentation() {
    let config = Config::default();
    assert_eq!(config.max_topics, 100_000);
    assert_eq!(config.max_subscribers, 1_000_000);
    assert_eq!(config.max_subscriptions, 4_000_000);
    assert_eq!(config.max_topics_per_subscriber, 128);
    assert_eq!(config.max_messages_per_topic, 10_000);
    assert_eq!(config.max_bytes_per_topic, 1_048_576);
    assert_eq!(config.max_bytes, 268_435_456);
    assert_eq!((ENTRY_OVERHEAD_BYTES, Cursor::MAX_TOPICS, Cursor::MAX_LEN), (64, 256, 8207));
}

#[test]
fn max_topics() {
    let mut hub = hub_with(|limits| limits.max_topics = 2);
    let id = connect(&mut hub, 1);
    publish(&mut hub, "a", 1);
    hub.subscribe(Duration::ZERO, id, &topic("b"), Start::Live).unwrap();
    assert_eq!(send(&mut hub, "c", 0), Err(PublishError::TooManyTopics));
    assert_eq!(
        hub.subscribe(Duration::ZERO, id, &topic("c"), Start::Live),
        Err(SubscribeError::TooManyTopics)
    );
    assert_eq!((hub.topics_of(id), hub.usage().topics), (1, 2));
    publish(&mut hub, "a", 2);
    assert!(hub.unsubscribe(Duration::ZERO, id, &topic("b")));
    assert_eq!(send(&mut hub, "c", 0), Ok(1), "the blank topic made room");
}

#[test]
fn max_subscribers() {
    let mut hub = hub_with(|limits| limits.max_subscribers = 2);
    let first = connect(&mut hub, 1);
    connect(&mut hub, 2);
    assert_eq!(hub.connect(ConnectionId::new(3)), Err(ConnectError::TooManySubscribers));
    hub.disconnect(Duration::ZERO, first);
    connect(&mut hub, 3);
}

#[test]
fn max_subscriptions() {
    let mut hub = hub_with(|limits| limits.max_subscriptions = 2);
    let (one, two) = (connect(&mut hub, 1), connect(&mut hub, 2));
    hub.subscribe(Duration::ZERO, one, &topic("a"), Start::Live).unwrap();
    hub.subscribe(Duration::ZERO, two, &topic("a"), Start::Live).unwrap();
    assert_eq!(
        hub.subscribe(Duration::ZERO, two, &topic("b"), Start::Live),
        Err(SubscribeError::TooManySubscriptions)
    );
    assert_eq!((hub.topics_of(two), hub.usage().topics), (1, 1));
    hub.disconnect(Duration::ZERO, one);
    hub.subscribe(Duration::ZERO, two, &topic("b"), Start::Live).unwrap();
}

#[test]
fn max_topics_per_subscriber() {
    for (given, most) in [(0, 0), (3, 3), (Cursor::MAX_TOPICS, 256), (Cursor::MAX_TOPICS + 1, 256)] {
        let mut hub = hub_with(|limits| limits.max_topics_per_subscriber = given);
        let id = connect(&mut hub, 1);
        for index in 0..most {
            hub.subscribe(Duration::ZERO, id, &topic(&format!("t{index}")), Start::Live).unwrap();
        }
        let beyond = hub.subscribe(Duration::ZERO, id, &topic("beyond"), Start::Live);
        assert_eq!(beyond, Err(SubscribeError::TooManyTopicsOfSubscriber));
        assert_eq!(Cursor::parse(&hub.cursor(id).encode()).unwrap().topics(), most);
        assert_eq!(hub.usage().topics, most);
    }
}

#[test]
fn max_messages_per_topic() {
    for (given, most) in [(0, 1), (1, 1), (3, 3)] {
        let mut hub = hub_with(|limits| limits.max_messages_per_topic = given);
        for number in 1..=most {
            publish(&mut hub, "a", number);
        }
        let id = follow(&mut hub, "a", Start::Earliest);
        assert_eq!(numbers(&mut hub, id), (1..=most).collect::<Vec<_>>());
        publish(&mut hub, "a", most + 1);
        let id = follow(&mut hub, "a", Start::Earliest);
        assert_eq!(numbers(&mut hub, id), (2..=most + 1).collect::<Vec<_>>());
    }
}

#[test]
fn max_bytes_per_topic() {
    let mut hub = hub_with(|limits| limits.max_bytes_per_topic = 300);
    for _ in 0..3 {
        send(&mut hub, "a", 100 - ENTRY_OVERHEAD_BYTES).unwrap();
    }
    assert_eq!(hub.topic(&topic("a")).unwrap().messages, 3, "exactly full");
    send(&mut hub, "a", 101 - ENTRY_OVERHEAD_BYTES).unwrap();
    assert_eq!(held(&hub, &["a"]), [201 + 100 - 100], "two made room for one byte more");
    assert_eq!(send(&mut hub, "a", 300 - ENTRY_OVERHEAD_BYTES), Ok(5));
    assert_eq!(hub.topic(&topic("a")).unwrap().messages, 1);
    assert_eq!(send(&mut hub, "a", 301 - ENTRY_OVERHEAD_BYTES), Err(PublishError::TooLarge));
    assert_eq!(send(&mut hub, "new", 301 - ENTRY_OVERHEAD_BYTES), Err(PublishError::TooLarge));
    assert_eq!(send(&mut hub, "a", usize::MAX), Err(PublishError::TooLarge));
    assert_eq!(hub.usage().topics, 1, "a refused message makes no topic");
    assert_eq!(hub.topic(&topic("a")).unwrap().head, at(5));
}

#[test]
fn max_bytes() {
    let mut hub = hub_with(|limits| limits.max_bytes = 400);
    for name in ["a", "b", "c", "d"] {
        send(&mut hub, name, 100 - ENTRY_OVERHEAD_BYTES).unwrap();
    }
    assert_eq!((hub.usage().bytes, hub.usage().messages), (400, 4), "exactly full");
    send(&mut hub, "a", 0).unwrap();
    assert_eq!(hub.usage().bytes, 364);
    assert_eq!(send(&mut hub, "e", 400 - ENTRY_OVERHEAD_BYTES), Ok(1));
    assert_eq!(held(&hub, &["a", "b", "c", "d", "e"]), [0, 0, 0, 0, 400]);
    assert_eq!(send(&mut hub, "e", 401 - ENTRY_OVERHEAD_BYTES), Err(PublishError::TooLarge));
    assert_eq!(send(&mut hub, "a", 0), Ok(3), "an emptied topic counts on");
    assert_eq!(hub.usage().bytes, ENTRY_OVERHEAD_BYTES);
}

#[test]
fn a_busy_topic_pays_for_itself_and_leaves_the_quiet_ones_alone() {
    let quiet: Vec<String> = (0..20).map(|index| format!("quiet{index}")).collect();
    let mut hub = hub_with(|limits| limits.max_bytes = 100_000);
    for name in &quiet {
        for _ in 0..10 {
            send(&mut hub, name, 200 - ENTRY_OVERHEAD_BYTES).unwrap();
        }
    }
    for _ in 0..2000 {
        send(&mut hub, "busy", 500 - ENTRY_OVERHEAD_BYTES).unwrap();
        assert!(hub.usage().bytes <= 100_000);
    }
    for name in &quiet {
        assert_eq!(hub.topic(&topic(name)).unwrap().messages, 10, "{name}");
    }
    assert_eq!(held(&hub, &["busy"]), [60_000]);
}

#[test]
fn equally_busy_topics_share_the_room_equally() {
    let names = ["a", "b", "c", "d", "e"];
    let mut hub = hub_with(|limits| limits.max_bytes = 50_000);
    for turn in 0..5000 {
        send(&mut hub, names[turn * 7 % 5], 100 - ENTRY_OVERHEAD_BYTES).unwrap();
    }
    let held = held(&hub, &names);
    assert_eq!(held.iter().sum::<usize>(), 50_000);
    // Seven eighths of a fair share of 10,000 is what nobody goes below.
    assert!(held.iter().all(|bytes| *bytes >= 8_750), "{held:?}");
}

#[test]
fn a_newcomer_gets_its_share_from_those_that_hold_most() {
    let mut hub = hub_with(|limits| {
        limits.max_bytes = 40_000;
        limits.max_bytes_per_topic = 30_000;
    });
    for _ in 0..300 {
        send(&mut hub, "large", 100 - ENTRY_OVERHEAD_BYTES).unwrap();
    }
    for _ in 0..100 {
        send(&mut hub, "small", 100 - ENTRY_OVERHEAD_BYTES).unwrap();
    }
    assert_eq!(held(&hub, &["large", "small"]), [30_000, 10_000]);
    for _ in 0..50 {
        send(&mut hub, "new", 100 - ENTRY_OVERHEAD_BYTES).unwrap();
    }
    assert_eq!(held(&hub, &["large", "small", "new"]), [25_000, 10_000, 5_000]);
}

#[test]
fn what_was_just_published_is_held_however_full_the_hub_is() {
    let mut hub = hub_with(|limits| limits.max_bytes = 10_000);
    for index in 0..100 {
        publish(&mut hub, &format!("t{index}"), 1);
    }
    let id = follow(&mut hub, "t7", Start::Live);
    hub.publish(Duration::from_millis(2), &topic("t7"), Note(2, 9_000), &PublishOptions::new()).unwrap();
    assert_eq!(numbers(&mut hub, id), [2]);
}

#[test]
fn nobody_pays_who_holds_less_than_its_share_of_what_one_message_leaves() {
    for (each, pays) in [(4_100, false), (7_600, true)] {
        let mut hub = hub_with(|limits| (limits.max_bytes, limits.max_bytes_per_topic) = (8 << 20, 3 << 20));
        let names: Vec<String> = (0..1_000).map(|index| format!("quiet{index}")).collect();
        for name in &names {
            for _ in 0..2 {
                send(&mut hub, name, each / 2 - ENTRY_OVERHEAD_BYTES).unwrap();
            }
        }
        // Seven eighths of 5 MiB over the topics.
        let share = (5 << 20) / 1_001 * 7 / 8;
        assert_eq!(each > share, pays);
        send(&mut hub, "busy", (3 << 20) - ENTRY_OVERHEAD_BYTES).unwrap();
        send(&mut hub, "busy", (3 << 20) - ENTRY_OVERHEAD_BYTES).unwrap();
        let paid = names.iter().filter(|name| hub.topic(&topic(name)).unwrap().bytes < each).count();
        assert_eq!(paid > 0, pays, "{each}: {paid} paid");
    }
}
