//! Publishing the same once: repeats, conflicts, and the window in which they are known.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::time::Duration;

use common::*;
use tidewire_hub::{Config, Due, Hub, PublishError, PublishOptions, Published, Start};

const MS: Duration = Duration::from_millis(1);

fn once(hub: &mut Hub<Note>, number: u64, publisher: &str, key: &str) -> Result<Published, PublishError> {
    let options = PublishOptions::new().idempotency(publisher, key);
    hub.publish(Duration::ZERO, &topic("a"), Note(number, 0), &options)
}

#[test]
fn a_repeat_answers_with_the_first_position_and_is_not_handed_out() {
    let mut hub = hub();
    let id = follow(&mut hub, "a", Start::Live);
    assert_eq!(once(&mut hub, 1, "p", "k"), Ok(Published::New(at(1))));
    publish(&mut hub, "a", 2);
    assert_eq!(once(&mut hub, 1, "p", "k"), Ok(Published::Repeated(at(1))));
    assert_eq!(once(&mut hub, 1, "p", "k").unwrap().position(), at(1));
    assert_eq!(numbers(&mut hub, id), [1, 2]);
}

#[test]
fn another_message_or_event_under_the_same_key_is_a_conflict() {
    let mut hub = hub();
    once(&mut hub, 1, "p", "k").unwrap();
    assert_eq!(once(&mut hub, 2, "p", "k"), Err(PublishError::Conflict));
    let options = PublishOptions::new().idempotency("p", "k").event("e");
    let refused = hub.publish(MS, &topic("a"), Note(1, 0), &options);
    assert_eq!(refused, Err(PublishError::Conflict));
    assert_eq!(hub.usage().messages, 1);
}

#[test]
fn publishers_topics_and_keys_are_apart() {
    let mut hub = hub();
    for (number, publisher, key) in [(1, "p", "k"), (2, "q", "k"), (3, "p", "l"), (4, "", "")] {
        assert_eq!(once(&mut hub, number, publisher, key), Ok(Published::New(at(number))));
    }
    let options = PublishOptions::new().idempotency("p", "k");
    let elsewhere = hub.publish(MS, &topic("b"), Note(9, 0), &options);
    assert_eq!(elsewhere, Ok(Published::New(at(1))));
}

#[test]
fn max_idempotency_keys() {
    let mut hub = hub_with(|limits| limits.max_idempotency_keys = 2);
    for (number, key) in [(1, "k"), (2, "l")] {
        once(&mut hub, number, "p", key).unwrap();
    }
    assert_eq!(once(&mut hub, 1, "p", "k"), Ok(Published::Repeated(at(1))));
    once(&mut hub, 3, "p", "m").unwrap();
    assert_eq!(once(&mut hub, 2, "p", "l"), Ok(Published::Repeated(at(2))));
    assert_eq!(once(&mut hub, 1, "p", "k"), Ok(Published::New(at(4))), "the oldest is forgotten");
    let mut hub = hub_with(|limits| limits.max_idempotency_keys = 0);
    once(&mut hub, 1, "p", "k").unwrap();
    assert_eq!(once(&mut hub, 1, "p", "k"), Ok(Published::New(at(2))), "none is remembered");
}

#[test]
fn idempotency_window() {
    let mut hub = hub_with(|limits| {
        limits.idempotency_window = 10 * MS;
        limits.max_age = Duration::MAX;
    });
    let options = PublishOptions::new().idempotency("p", "k");
    let mut send = |now| hub.publish(now, &topic("a"), Note(1, 0), &options);
    assert_eq!(send(MS), Ok(Published::New(at(1))));
    assert_eq!(send(11 * MS - Duration::from_nanos(1)), Ok(Published::Repeated(at(1))));
    assert_eq!(hub.poll_timeout(), Some((11 * MS, Due::IdempotencyWindow)));
    hub.handle_timeout(11 * MS);
    assert_eq!(hub.poll_timeout(), None);
    let again = hub.publish(11 * MS, &topic("a"), Note(1, 0), &options);
    assert_eq!(again, Ok(Published::New(at(2))));
}

#[test]
fn the_window_ends_in_time_however_much_else_is_due() {
    for number in [1, 2] {
        let window = Duration::from_secs(60);
        let mut hub = hub_with(|limits| (limits.max_age, limits.idempotency_window) = (window, window));
        once(&mut hub, 1, "p", "k").unwrap();
        for other in 0..3_000 {
            publish(&mut hub, "a", other);
        }
        let options = PublishOptions::new().idempotency("p", "k");
        let late = hub.publish(window, &topic("a"), Note(number, 0), &options);
        assert_eq!(late, Ok(Published::New(at(3_002))));
        let again = hub.publish(window, &topic("a"), Note(number, 0), &options);
        assert_eq!(again, Ok(Published::Repeated(at(3_002))));
    }
}

#[test]
fn a_repeat_is_known_though_the_message_is_gone() {
    let mut hub = hub_with(|limits| limits.max_messages_per_topic = 1);
    once(&mut hub, 1, "p", "k").unwrap();
    publish(&mut hub, "a", 2);
    assert_eq!(once(&mut hub, 1, "p", "k"), Ok(Published::Repeated(at(1))));
}

#[test]
fn what_is_refused_is_not_remembered() {
    let mut hub = hub_with(|limits| limits.max_bytes_per_topic = 100);
    let options = PublishOptions::new().idempotency("p", "k");
    let refused = hub.publish(MS, &topic("a"), Note(1, 37), &options);
    assert_eq!(refused, Err(PublishError::TooLarge));
    assert_eq!(hub.publish(MS, &topic("a"), Note(1, 36), &options), Ok(Published::New(at(1))));
}

#[test]
fn publisher_and_key_have_a_limit() {
    let mut hub = hub();
    let (longest, longer) = ("x".repeat(255), "x".repeat(256));
    assert!(once(&mut hub, 1, &longest, &longest).is_ok());
    assert_eq!(once(&mut hub, 1, &longer, "k"), Err(PublishError::IdempotencyTooLong));
    assert_eq!(once(&mut hub, 1, "p", &longer), Err(PublishError::IdempotencyTooLong));
    let config = Config::default();
    assert_eq!(config.max_idempotency_keys, 100_000);
    assert_eq!(config.idempotency_window, Duration::from_secs(300));
}
