//! Slow consumers: limits on their lag, what happens beyond them, the latest of each key, and topics that
//! pause.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::time::Duration;

use common::*;
use tidewire_hub::{
    Budget, GapReason, Hub, OnLag, Policy, PublishError, PublishOptions, Reads, Replay, Start,
    SubscribeError, SubscriberId,
};

/// A subscriber of "a" under a policy.
fn under(hub: &mut Hub<Note>, start: Start, set: impl FnOnce(&mut Policy)) -> SubscriberId {
    let mut policy = Policy::default();
    set(&mut policy);
    let id = connect(hub, 1);
    hub.subscribe_with(Duration::ZERO, id, &topic("a"), start, policy).unwrap();
    id
}

fn publish_many(hub: &mut Hub<Note>, numbers: std::ops::RangeInclusive<u64>) {
    for number in numbers {
        publish(hub, "a", number);
    }
}

fn gap(reason: GapReason, from: u64, to: u64) -> Got {
    Got::Gap("a".to_owned(), reason, Some(at(from)), to)
}

#[test]
fn max_lag_messages() {
    let mut hub = hub();
    let limited = |policy: &mut Policy| policy.max_lag_messages = 3;
    let id = under(&mut hub, Start::Live, limited);
    publish_many(&mut hub, 1..=3);
    assert_eq!(numbers(&mut hub, id), [1, 2, 3], "as many as may be");
    publish_many(&mut hub, 4..=7);
    let rest = [gap(GapReason::Lagged, 3, 4), note("a", 5), note("a", 6), note("a", 7)];
    assert_eq!(batch(&mut hub, id, 9, 9), rest);
}

#[test]
fn max_lag_bytes() {
    let mut hub = hub();
    let id = under(&mut hub, Start::Live, |policy| policy.max_lag_bytes = 3 * 64);
    publish_many(&mut hub, 1..=3);
    assert_eq!(numbers(&mut hub, id), [1, 2, 3]);
    publish_many(&mut hub, 4..=6);
    hub.publish(Duration::ZERO, &topic("a"), Note(7, 1), &PublishOptions::new()).unwrap();
    assert_eq!(batch(&mut hub, id, 9, 9), [gap(GapReason::Lagged, 3, 5), note("a", 6), note("a", 7)]);
    hub.publish(Duration::ZERO, &topic("a"), Note(8, 1000), &PublishOptions::new()).unwrap();
    assert_eq!(numbers(&mut hub, id), [8], "the newest is handed out whatever its length");
}

#[test]
fn a_replay_is_no_lag() {
    let mut hub = hub();
    publish_many(&mut hub, 1..=5);
    let id = under(&mut hub, Start::Earliest, |policy| {
        policy.max_lag_messages = 2;
        policy.on_lag = OnLag::Disconnect;
    });
    publish_many(&mut hub, 6..=7);
    assert_eq!(pull(&mut hub, id), Some(note("a", 1)));
    publish_many(&mut hub, 8..=8);
    assert_eq!(pull(&mut hub, id), Some(Got::Dismissed("a".to_owned(), 1, 7, 7 * 64)));
}

#[test]
fn skipping_to_the_newest() {
    let mut hub = hub_with(|limits| limits.max_messages_per_topic = 4);
    let newest = |policy: &mut Policy| {
        policy.max_lag_messages = 2;
        policy.on_lag = OnLag::SkipToNewest;
    };
    let id = under(&mut hub, Start::Live, newest);
    publish_many(&mut hub, 1..=3);
    assert_eq!(batch(&mut hub, id, 9, 9), [gap(GapReason::Lagged, 0, 2), note("a", 3)]);
    publish_many(&mut hub, 4..=9);
    assert_eq!(batch(&mut hub, id, 9, 9), [gap(GapReason::Evicted, 3, 8), note("a", 9)]);
}

#[test]
fn who_is_dismissed_is_told_once_and_may_resume() {
    let mut hub = hub_with(|limits| limits.max_messages_per_topic = 4);
    let id = under(&mut hub, Start::Live, |policy| policy.on_lag = OnLag::Disconnect);
    hub.subscribe(Duration::ZERO, id, &topic("b"), Start::Live).unwrap();
    publish_many(&mut hub, 1..=4);
    publish(&mut hub, "b", 100);
    assert_eq!(pull(&mut hub, id), Some(note("a", 1)));
    publish_many(&mut hub, 5..=6);
    assert_eq!(pull(&mut hub, id), Some(note("b", 100)));
    assert_eq!(batch(&mut hub, id, 9, 9), [Got::Dismissed("a".to_owned(), 1, 5, 4 * 64)]);
    for name in ["a", "b"] {
        publish(&mut hub, name, 7);
    }
    assert_eq!((ready(&mut hub), pull(&mut hub, id), hub.wants_batch(id)), (vec![], None, false));
    assert!(hub.ready_batches(Duration::ZERO, Budget::default()).next().is_none());
    for number in 8..=12 {
        publish(&mut hub, "b", number);
    }
    assert_eq!(hub.take_gaps(Duration::ZERO, id), [], "nor of gaps");
    let refused = hub.subscribe(Duration::ZERO, id, &topic("c"), Start::Live);
    assert_eq!(refused, Err(SubscribeError::UnknownSubscriber), "and nothing would come of another topic");
    let token = hub.cursor(id);
    hub.disconnect(Duration::ZERO, id);
    let again = follow(&mut hub, "a", token.start(&topic("a")));
    assert_eq!(pull(&mut hub, again), Some(gap(GapReason::Evicted, 1, 3)), "a loss of before is a gap");
    assert_eq!(numbers(&mut hub, again), [4, 5, 6, 7]);
}

#[test]
fn what_would_have_been_skipped_is_no_gap() {
    let mut hub = hub();
    let id = under(&mut hub, Start::Live, |policy| policy.max_lag_messages = 1);
    for number in 1..=3 {
        let options = PublishOptions::new().expires_in(Duration::ZERO);
        hub.publish(Duration::ZERO, &topic("a"), Note(number, 0), &options).unwrap();
    }
    publish(&mut hub, "a", 4);
    assert_eq!(numbers(&mut hub, id), [4]);
}

#[test]
fn what_has_expired_by_the_time_of_the_batch_is_no_gap() {
    let mut hub = hub();
    let id = under(&mut hub, Start::Live, |policy| policy.max_lag_messages = 1);
    for number in 1..=3 {
        let options = PublishOptions::new().expires_in(Duration::from_secs(number));
        hub.publish(Duration::ZERO, &topic("a"), Note(number, 0), &options).unwrap();
    }
    assert_eq!(ready(&mut hub), [id]);
    hub.handle_timeout(Duration::from_secs(2));
    assert_eq!(numbers(&mut hub, id), [3]);
}

#[test]
fn the_latest_of_each_key() {
    let mut hub = hub_with(|limits| limits.max_messages_per_topic = 5);
    let latest = under(&mut hub, Start::Live, |policy| policy.reads = Reads::Latest);
    let every = follow(&mut hub, "a", Start::Live);
    let keyed = |hub: &mut Hub<Note>, key: &str, number: u64| {
        let options = PublishOptions::new().key(key);
        hub.publish(Duration::ZERO, &topic("a"), Note(number, 0), &options).unwrap();
    };
    for (key, number) in [("x", 1), ("y", 2), ("x", 3)] {
        keyed(&mut hub, key, number);
    }
    publish(&mut hub, "a", 4);
    assert_eq!(numbers(&mut hub, latest), [2, 3, 4]);
    assert_eq!(numbers(&mut hub, every), [1, 2, 3, 4]);
    for number in 5..=20 {
        keyed(&mut hub, "x", number);
    }
    assert_eq!(numbers(&mut hub, latest), [20], "what was superseded is no loss");
    assert_eq!(pull(&mut hub, every), Some(gap(GapReason::Evicted, 4, 15)));
    keyed(&mut hub, "y", 21);
    for number in 22..=30 {
        keyed(&mut hub, "x", number);
    }
    assert_eq!(pull(&mut hub, latest), Some(gap(GapReason::Evicted, 20, 25)), "the latest y is lost");
    assert_eq!(numbers(&mut hub, latest), [30]);
    keyed(&mut hub, "z", 31);
    let Some(tidewire_hub::Delivery::Message(lent)) = hub.pull(Duration::ZERO, latest) else { panic!("z") };
    assert_eq!(lent.key(), Some("z"));
}

#[test]
fn a_key_has_a_limit() {
    let mut hub = hub();
    let (longest, longer) = ("k".repeat(255), "k".repeat(256));
    let options = PublishOptions::new().key(&longest).replay(Replay::Ephemeral);
    hub.publish(Duration::ZERO, &topic("a"), Note(1, 0), &options).unwrap();
    let refused = hub.publish(Duration::ZERO, &topic("a"), Note(1, 0), &PublishOptions::new().key(&longer));
    assert_eq!(refused, Err(PublishError::KeyTooLong));
}

#[test]
fn max_policies() {
    for (given, most) in [(0, 1), (3, 3), (256, 256), (257, 256)] {
        let mut hub = hub_with(|limits| limits.max_policies = given);
        for number in 1..most {
            under(&mut hub, Start::Live, |policy| policy.max_lag_messages = number);
        }
        under(&mut hub, Start::Live, |_| {});
        let id = connect(&mut hub, 1);
        let mut another = Policy::default();
        another.max_lag_messages = 9_999;
        let refused = hub.subscribe_with(Duration::ZERO, id, &topic("b"), Start::Live, another);
        assert_eq!(refused, Err(SubscribeError::TooManyPolicies));
        assert_eq!((hub.topics_of(id), hub.usage().topics), (0, 1));
    }
    assert_eq!(tidewire_hub::Config::default().max_policies, 64);
}

#[test]
fn a_topic_that_pauses_loses_nothing_and_holds_up_no_other() {
    let mut hub = hub();
    let id = connect(&mut hub, 1);
    for name in ["a", "b"] {
        hub.subscribe(Duration::ZERO, id, &topic(name), Start::Live).unwrap();
    }
    publish(&mut hub, "a", 1);
    assert!(hub.pause(id, &topic("a")));
    assert!(hub.pause(id, &topic("a")));
    publish(&mut hub, "a", 2);
    assert_eq!((ready(&mut hub), pull(&mut hub, id)), (vec![], None));
    publish(&mut hub, "b", 3);
    assert_eq!(ready(&mut hub), [id]);
    assert_eq!(numbers(&mut hub, id), [3]);
    assert_eq!(hub.cursor(id).start(&topic("a")), Start::After(at(0)));
    assert!(hub.resume(id, &topic("a")));
    assert!(hub.resume(id, &topic("a")));
    assert_eq!(ready(&mut hub), [id]);
    assert_eq!(numbers(&mut hub, id), [1, 2]);
    publish(&mut hub, "a", 4);
    assert_eq!((ready(&mut hub), numbers(&mut hub, id)), (vec![id], vec![4]));
    assert!(!hub.pause(id, &topic("never")) && !hub.resume(id, &topic("never")));
    hub.pause(id, &topic("a"));
    assert!(hub.unsubscribe(Duration::ZERO, id, &topic("a")));
    hub.disconnect(Duration::ZERO, id);
    assert!(!hub.resume(id, &topic("a")));
}

#[test]
fn who_comes_later_and_reads_the_latest_finds_the_last_state_that_is_kept() {
    let mut hub = hub();
    let keyed = PublishOptions::new().key("k");
    let expiring = keyed.expires_in(Duration::from_secs(5));
    let ephemeral = keyed.replay(Replay::Ephemeral);
    let live = under(&mut hub, Start::Live, |policy| policy.reads = Reads::Latest);
    for (number, options) in
        [(1, keyed), (2, keyed), (3, expiring), (4, expiring), (5, ephemeral), (6, ephemeral)]
    {
        hub.publish(Duration::ZERO, &topic("a"), Note(number, 0), &options).unwrap();
    }
    assert_eq!(numbers(&mut hub, live), [2, 4, 6], "one of each that lasts differently");
    let late = under(&mut hub, Start::Earliest, |policy| policy.reads = Reads::Latest);
    assert_eq!(numbers(&mut hub, late), [2, 4]);
    let later = under(&mut hub, Start::Earliest, |policy| policy.reads = Reads::Latest);
    hub.handle_timeout(Duration::from_secs(5));
    assert_eq!(numbers(&mut hub, later), [2]);
    hub.publish(Duration::ZERO, &topic("a"), Note(7, 0), &keyed).unwrap();
    let last = under(&mut hub, Start::Earliest, |policy| policy.reads = Reads::Latest);
    assert_eq!(numbers(&mut hub, last), [7]);
}

#[test]
fn a_policy_that_nobody_has_makes_room_and_a_refused_subscription_takes_none() {
    let mut hub = hub_with(|limits| (limits.max_policies, limits.max_topics) = (2, 1));
    publish(&mut hub, "a", 1);
    let id = connect(&mut hub, 1);
    let lag = |messages| {
        let mut policy = Policy::default();
        policy.max_lag_messages = messages;
        policy
    };
    let mut subscribe =
        |name: &str, policy| hub.subscribe_with(Duration::ZERO, id, &topic(name), Start::Live, policy);
    assert_eq!(subscribe("b", lag(5)), Err(SubscribeError::TooManyTopics));
    assert_eq!(subscribe("a", lag(6)), Ok(at(1)));
    let other = under(&mut hub, Start::Live, |policy| policy.max_lag_messages = 6);
    let third = connect(&mut hub, 3);
    let refused = hub.subscribe_with(Duration::ZERO, third, &topic("a"), Start::Live, lag(7));
    assert_eq!(refused, Err(SubscribeError::TooManyPolicies));
    assert!(hub.unsubscribe(Duration::ZERO, id, &topic("a")));
    let refused = hub.subscribe_with(Duration::ZERO, third, &topic("a"), Start::Live, lag(7));
    assert_eq!(refused, Err(SubscribeError::TooManyPolicies), "one has it still");
    hub.disconnect(Duration::ZERO, other);
    assert!(hub.subscribe_with(Duration::ZERO, third, &topic("a"), Start::Live, lag(7)).is_ok());
    publish_many(&mut hub, 2..=12);
    assert_eq!(pull(&mut hub, third), Some(gap(GapReason::Lagged, 1, 5)), "it is the one in force");
}

#[test]
fn a_message_takes_the_place_of_one_that_is_for_the_same_readers() {
    use tidewire_hub::ConnectionId;
    let mut hub = hub();
    let latest = |policy: &mut Policy| policy.reads = Reads::Latest;
    let sender = under(&mut hub, Start::Live, latest);
    let keyed = PublishOptions::new().key("k");
    let (of_sender, of_other) = (keyed.exclude(ConnectionId::new(1)), keyed.exclude(ConnectionId::new(2)));
    for (number, options) in
        [(1, keyed), (2, of_sender), (3, of_sender), (4, of_other), (5, of_other), (6, of_sender)]
    {
        hub.publish(Duration::ZERO, &topic("a"), Note(number, 0), &options).unwrap();
    }
    assert_eq!(numbers(&mut hub, sender), [1, 5], "the last that is for everybody, and the last of another");
    let mut reader = |start| {
        let id = hub.connect(ConnectionId::new(3)).unwrap();
        let mut policy = Policy::default();
        policy.reads = Reads::Latest;
        hub.subscribe_with(Duration::ZERO, id, &topic("a"), start, policy).unwrap();
        numbers(&mut hub, id)
    };
    assert_eq!(reader(Start::Earliest), [1, 3, 5, 6], "of each row of one connection's the last");
    hub.publish(Duration::ZERO, &topic("a"), Note(7, 0), &keyed).unwrap();
    let id = under(&mut hub, Start::Earliest, latest);
    assert_eq!(numbers(&mut hub, id), [7], "one for all takes the place of all");
}

#[test]
fn a_message_takes_the_place_of_one_that_expires_no_later() {
    let mut hub = hub();
    let expires = |seconds| PublishOptions::new().key("k").expires_in(Duration::from_secs(seconds));
    for (number, seconds) in [(1, 9), (2, 3), (3, 3), (4, 5)] {
        hub.publish(Duration::ZERO, &topic("a"), Note(number, 0), &expires(seconds)).unwrap();
    }
    let latest = |policy: &mut Policy| policy.reads = Reads::Latest;
    let (now, later) = (under(&mut hub, Start::Earliest, latest), under(&mut hub, Start::Earliest, latest));
    assert_eq!(numbers(&mut hub, now), [1, 4]);
    hub.handle_timeout(Duration::from_secs(6));
    assert_eq!(numbers(&mut hub, later), [1]);
}

#[test]
fn the_last_few_are_those_that_this_reader_is_handed() {
    use tidewire_hub::ConnectionId;
    let mut hub = hub();
    publish_many(&mut hub, 1..=4);
    publish_without(&mut hub, "a", 5, ConnectionId::new(1));
    for number in 6..=9 {
        let options = PublishOptions::new().key("k");
        hub.publish(Duration::from_millis(9), &topic("a"), Note(number, 0), &options).unwrap();
    }
    let latest = under(&mut hub, Start::Last(3), |policy| policy.reads = Reads::Latest);
    assert_eq!(numbers(&mut hub, latest), [3, 4, 9]);
    let every = under(&mut hub, Start::Last(5), |_| {});
    assert_eq!(numbers(&mut hub, every), [4, 6, 7, 8, 9]);
}
