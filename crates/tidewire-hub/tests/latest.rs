//! Conflation: which message of a key is handed to those who read the latest.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::time::Duration;

use common::*;
use tidewire_hub::{Hub, Policy, PublishOptions, Reads, Replay, Start, SubscriberId};

const KEY: PublishOptions<'static> = PublishOptions::new().key("k");

fn second(number: u64) -> Duration {
    Duration::from_secs(number)
}

/// A subscriber of the topic "a" that reads the latest.
fn reader(hub: &mut Hub<Note>, start: Start) -> SubscriberId {
    let id = connect(hub, 5);
    let mut policy = Policy::default();
    policy.reads = Reads::Latest;
    hub.subscribe_with(Duration::ZERO, id, &topic("a"), start, policy).unwrap();
    id
}

fn send(hub: &mut Hub<Note>, number: u64, options: PublishOptions<'_>) {
    hub.publish(Duration::ZERO, &topic("a"), Note(number, 0), &options).unwrap();
}

#[test]
fn one_that_goes_sooner_takes_the_place_of_none_that_is_there_for_longer() {
    let ephemeral = KEY.replay(Replay::Ephemeral);
    for (longer, shorter) in [
        (ephemeral, ephemeral.expires_in(second(1))),
        (ephemeral, KEY.expires_in(second(1))),
        (ephemeral.expires_in(second(2)), KEY.expires_in(second(1))),
        (KEY, KEY.expires_in(second(1))),
        (KEY.expires_in(second(2)), ephemeral),
    ] {
        let mut hub = hub();
        let id = reader(&mut hub, Start::Live);
        send(&mut hub, 1, longer);
        send(&mut hub, 2, shorter);
        assert_eq!(numbers(&mut hub, id), [1, 2], "{shorter:?}");
    }
}

#[test]
fn lives_that_alternate_are_all_conflated_by_one_that_lasts_as_long() {
    let mut hub = hub();
    let id = reader(&mut hub, Start::Live);
    for number in 1..=1_000 {
        send(&mut hub, number, KEY.expires_in(second(3_600 - number % 2)));
    }
    send(&mut hub, 1_001, KEY.expires_in(second(3_599)));
    assert_eq!(numbers(&mut hub, id), [1_000, 1_001]);
    let id = reader(&mut hub, Start::Earliest);
    send(&mut hub, 1_002, KEY);
    assert_eq!(numbers(&mut hub, id), [1_002]);
}

#[test]
fn what_was_swept_out_hides_nothing_that_a_newer_one_takes_the_place_of() {
    let mut hub = hub_with(|limits| limits.max_messages_per_topic = 3);
    send(&mut hub, 1, KEY.expires_in(second(9)));
    send(&mut hub, 2, KEY.expires_in(second(5)));
    send(&mut hub, 3, KEY.expires_in(second(3)));
    hub.publish(second(6), &topic("a"), Note(4, 0), &KEY.expires_in(second(2))).unwrap();
    let id = reader(&mut hub, Start::Earliest);
    hub.publish(second(6), &topic("a"), Note(5, 0), &KEY.expires_in(second(3))).unwrap();
    assert_eq!(hub.usage().messages, 3, "two were expired");
    assert_eq!(numbers(&mut hub, id), [5]);
}

#[test]
fn a_topic_that_lost_all_it_had_tells_those_who_read_the_latest_of_what_they_missed_alone() {
    for (latest, gap) in [(2, 0), (1, 1)] {
        let mut hub = hub_with(|limits| limits.max_age = second(10));
        send(&mut hub, 1, KEY);
        send(&mut hub, 2, KEY);
        let id = reader(&mut hub, Start::After(at(latest)));
        hub.handle_timeout(second(10));
        publish(&mut hub, "a", 3);
        let got = hub.batch(second(10), id, tidewire_hub::Budget::default());
        let gaps = got.filter(|delivery| matches!(delivery, tidewire_hub::Delivery::Gap(_)));
        assert_eq!(gaps.count(), gap, "after {latest}");
    }
}
