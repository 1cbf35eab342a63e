//! Who is ready, and what a batch hands out: order, turns, exclusion, comings and goings.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::*;
use std::time::Duration;

use tidewire_hub::{ConnectionId, Hub, MAX_LOOKS, PublishOptions, Replay, Start, SubscribeError, TopicName};

#[test]
fn a_message_reaches_every_subscriber_of_its_topic_once() {
    let mut hub = hub();
    let (one, two) = (follow(&mut hub, "a", Start::Live), follow(&mut hub, "a", Start::Live));
    let other = follow(&mut hub, "b", Start::Live);
    assert_eq!([publish(&mut hub, "a", 1), publish(&mut hub, "a", 2)], [at(1), at(2)]);
    assert_eq!(ready(&mut hub), [one, two]);
    assert_eq!(pull_all(&mut hub, one), [note("a", 1), note("a", 2)]);
    assert_eq!(pull_all(&mut hub, two), [note("a", 1), note("a", 2)]);
    assert_eq!(pull_all(&mut hub, other), []);
}

#[test]
fn a_burst_is_one_wake_up() {
    let mut hub = hub();
    let id = connect(&mut hub, 1);
    for name in ["a", "b"] {
        hub.subscribe(Duration::ZERO, id, &topic(name), Start::Live).unwrap();
    }
    assert_eq!(ready(&mut hub), []);
    for number in 0..8 {
        publish(&mut hub, if number % 2 == 0 { "a" } else { "b" }, number);
    }
    assert_eq!(ready(&mut hub), [id]);
    publish(&mut hub, "a", 8);
    assert_eq!(ready(&mut hub), [], "named, and not yet pulled");
    assert!(pull(&mut hub, id).is_some());
    publish(&mut hub, "b", 9);
    assert_eq!(ready(&mut hub), [], "still being pulled");
    assert_eq!(pull_all(&mut hub, id).len(), 9);
    assert_eq!(ready(&mut hub), []);
    publish(&mut hub, "a", 10);
    assert_eq!(ready(&mut hub), [id], "caught up in between");
}

#[test]
fn a_wake_up_is_remembered_between_polls() {
    let mut hub = hub();
    let ids: Vec<_> = (0..3).map(|_| follow(&mut hub, "a", Start::Live)).collect();
    publish(&mut hub, "a", 1);
    assert_eq!(hub.poll_ready(), Some(ids[0]));
    publish(&mut hub, "a", 2);
    assert_eq!(ready(&mut hub), ids[1..]);
}

#[test]
fn a_pull_finds_what_the_ready_list_has_yet_to_see() {
    let mut hub = hub();
    let id = connect(&mut hub, 1);
    for name in ["a", "b"] {
        hub.subscribe(Duration::ZERO, id, &topic(name), Start::Live).unwrap();
    }
    publish(&mut hub, "b", 1);
    assert_eq!(pull_all(&mut hub, id), [note("b", 1)]);
    assert_eq!(ready(&mut hub), [], "nothing is left to name it for");
    publish(&mut hub, "a", 2);
    assert_eq!(ready(&mut hub), [id]);
    publish(&mut hub, "b", 3);
    assert_eq!(pull_all(&mut hub, id), [note("a", 2), note("b", 3)]);
}

#[test]
fn a_pull_goes_on_behind_an_excluded_message() {
    let mut hub = hub();
    let id = connect(&mut hub, 5);
    for name in ["a", "b"] {
        hub.subscribe(Duration::ZERO, id, &topic(name), Start::Live).unwrap();
    }
    publish(&mut hub, "a", 1);
    publish_without(&mut hub, "a", 2, ConnectionId::new(5));
    assert_eq!(pull(&mut hub, id), Some(note("a", 1)));
    publish(&mut hub, "b", 3);
    assert_eq!(pull(&mut hub, id), Some(note("b", 3)), "the ring held nothing but an excluded message");
    assert_eq!(pull(&mut hub, id), None);
}

#[test]
fn topics_take_turns_and_keep_their_order() {
    let mut hub = hub();
    let id = connect(&mut hub, 1);
    for name in ["a", "b", "c"] {
        hub.subscribe(Duration::ZERO, id, &topic(name), Start::Live).unwrap();
    }
    for number in 0..4 {
        publish(&mut hub, "a", number);
    }
    publish(&mut hub, "b", 10);
    for number in 20..22 {
        publish(&mut hub, "c", number);
    }
    ready(&mut hub);
    let expected = [("a", 0), ("b", 10), ("c", 20), ("a", 1), ("c", 21), ("a", 2), ("a", 3)];
    assert_eq!(pull_all(&mut hub, id), expected.map(|(name, number)| note(name, number)));
}

#[test]
fn a_topic_that_never_rests_starves_no_other() {
    let mut hub = hub();
    let id = connect(&mut hub, 1);
    for name in ["busy", "quiet"] {
        hub.subscribe(Duration::ZERO, id, &topic(name), Start::Live).unwrap();
    }
    for number in 0..100 {
        publish(&mut hub, "busy", number);
    }
    ready(&mut hub);
    pull(&mut hub, id);
    publish(&mut hub, "quiet", 1000);
    ready(&mut hub);
    let turns: Vec<_> = (0..2).map(|_| pull(&mut hub, id).unwrap()).collect();
    assert!(turns.contains(&note("quiet", 1000)), "{turns:?}");
}

#[test]
fn the_excluded_connection_is_skipped_without_a_gap_and_without_a_wake_up() {
    let mut hub = hub();
    let sender = connect(&mut hub, 7);
    hub.subscribe(Duration::ZERO, sender, &topic("a"), Start::Live).unwrap();
    let other = follow(&mut hub, "a", Start::Live);
    publish_without(&mut hub, "a", 1, ConnectionId::new(7));
    assert_eq!(ready(&mut hub), [other]);
    assert_eq!(numbers(&mut hub, other), [1]);
    assert_eq!(numbers(&mut hub, sender), []);
    assert_eq!(hub.cursor(sender).start(&topic("a")), Start::After(at(1)));
    publish(&mut hub, "a", 2);
    publish_without(&mut hub, "a", 3, ConnectionId::new(7));
    publish(&mut hub, "a", 4);
    assert_eq!(ready(&mut hub), [sender, other]);
    assert_eq!(numbers(&mut hub, sender), [2, 4]);
    assert_eq!(numbers(&mut hub, other), [2, 3, 4]);
}

#[test]
fn an_excluded_backlog_wakes_nobody() {
    let mut hub = hub();
    for number in 0..3 {
        publish_without(&mut hub, "a", number, ConnectionId::new(7));
    }
    let id = connect(&mut hub, 7);
    hub.subscribe(Duration::ZERO, id, &topic("a"), Start::Earliest).unwrap();
    assert_eq!(ready(&mut hub), []);
    assert_eq!(pull(&mut hub, id), None);
}

#[test]
fn who_leaves_while_ready_is_named_no_more() {
    let mut hub = hub();
    let ids: Vec<_> = (0..4).map(|_| follow(&mut hub, "a", Start::Live)).collect();
    publish(&mut hub, "a", 1);
    hub.disconnect(Duration::ZERO, ids[0]);
    assert_eq!(hub.poll_ready(), Some(ids[1]));
    hub.disconnect(Duration::ZERO, ids[1]);
    assert!(hub.unsubscribe(Duration::ZERO, ids[2], &topic("a")));
    assert_eq!(ready(&mut hub), [ids[3]]);
    assert_eq!(pull(&mut hub, ids[2]), None);
    assert_eq!(numbers(&mut hub, ids[3]), [1]);
    assert_eq!((hub.usage().subscribers, hub.usage().subscriptions), (2, 1));
}

#[test]
fn unsubscribing_ends_the_deliveries_of_that_topic_alone() {
    let mut hub = hub();
    let id = connect(&mut hub, 1);
    for name in ["a", "b"] {
        hub.subscribe(Duration::ZERO, id, &topic(name), Start::Live).unwrap();
        publish(&mut hub, name, 1);
        publish(&mut hub, name, 2);
    }
    assert_eq!(ready(&mut hub), [id]);
    assert_eq!(pull(&mut hub, id), Some(note("a", 1)));
    assert!(hub.unsubscribe(Duration::ZERO, id, &topic("a")));
    assert!(!hub.unsubscribe(Duration::ZERO, id, &topic("a")));
    assert!(!hub.unsubscribe(Duration::ZERO, id, &topic("never")));
    assert_eq!(pull_all(&mut hub, id), [note("b", 1), note("b", 2)]);
    assert_eq!(hub.topics_of(id), 1);
}

#[test]
fn an_id_never_names_another() {
    let mut hub = hub();
    let first = follow(&mut hub, "a", Start::Live);
    hub.disconnect(Duration::ZERO, first);
    let second = follow(&mut hub, "a", Start::Live);
    assert_eq!(first.index(), second.index(), "the place is taken again");
    assert_ne!(first, second);
    publish(&mut hub, "a", 1);
    assert_eq!(pull(&mut hub, first), None);
    assert_eq!(
        hub.subscribe(Duration::ZERO, first, &topic("b"), Start::Live),
        Err(SubscribeError::UnknownSubscriber)
    );
    assert!(!hub.unsubscribe(Duration::ZERO, first, &topic("a")));
    assert_eq!((hub.cursor(first).topics(), hub.topics_of(first)), (0, 0));
    hub.disconnect(Duration::ZERO, first);
    assert_eq!(ready(&mut hub), [second]);
    assert_eq!(numbers(&mut hub, second), [1]);
}

#[test]
fn following_twice_is_refused_and_changes_nothing() {
    let mut hub = hub();
    publish(&mut hub, "a", 1);
    let id = follow(&mut hub, "a", Start::Earliest);
    assert_eq!(
        hub.subscribe(Duration::ZERO, id, &topic("a"), Start::Live),
        Err(SubscribeError::AlreadySubscribed)
    );
    assert_eq!(numbers(&mut hub, id), [1]);
    assert_eq!(hub.topic(&topic("a")).unwrap().subscribers, 1);
}

#[test]
fn a_slow_subscriber_costs_the_others_nothing() {
    let mut hub = hub();
    let (slow, fast) = (follow(&mut hub, "a", Start::Live), follow(&mut hub, "a", Start::Live));
    for number in 0..1000 {
        publish(&mut hub, "a", number);
        assert_eq!(ready(&mut hub), if number == 0 { vec![slow, fast] } else { vec![fast] });
        assert_eq!(numbers(&mut hub, fast), [number]);
    }
    assert_eq!(numbers(&mut hub, slow), (0..1000).collect::<Vec<_>>());
}

#[test]
fn topics_are_listed_in_the_order_of_their_places() {
    let mut hub = hub();
    let id = connect(&mut hub, 1);
    publish(&mut hub, "z", 1);
    hub.subscribe(Duration::ZERO, id, &topic("blank"), Start::Live).unwrap();
    publish(&mut hub, "a", 1);
    publish(&mut hub, "a", 2);
    hub.unsubscribe(Duration::ZERO, id, &topic("blank"));
    hub.handle_timeout(tidewire_hub::Config::default().topic_expiry + Duration::from_secs(1));
    hub.subscribe(Duration::ZERO, id, &TopicName::reserved("$user:1").unwrap(), Start::Live).unwrap();
    let listed: Vec<_> = hub
        .topics()
        .map(|info| (info.name.to_string(), info.head.offset, info.messages, info.bytes, info.subscribers))
        .collect();
    let row = |name: &str, head: u64, subscribers| {
        (name.to_owned(), head, head as usize, head as usize * 64, subscribers)
    };
    assert_eq!(listed, [row("z", 1, 0), row("$user:1", 0, 1), row("a", 2, 0)]);
    assert_eq!(hub.topic(&topic("blank")), None);
    assert_eq!(hub.incarnation(), HUB);
    assert!(format!("{hub:?}").contains("messages: 3"), "{hub:?}");
}

/// What nobody is handed is skipped in one call up to a bound; who stands beyond it is named, and finds
/// nothing.
#[test]
fn what_is_skipped_in_one_call_is_bounded() {
    let mut hub = hub();
    let options = PublishOptions::new().replay(Replay::Ephemeral);
    let publish_ephemeral = |hub: &mut Hub<Note>, count: usize| {
        for _ in 0..count {
            hub.publish(Duration::ZERO, &topic("a"), Note(0, 0), &options).unwrap();
        }
    };
    publish_ephemeral(&mut hub, MAX_LOOKS - 1);
    let first = follow(&mut hub, "a", Start::Earliest);
    assert_eq!(hub.poll_ready(), None, "as many as may be");
    publish_ephemeral(&mut hub, 1);
    assert_eq!(numbers(&mut hub, first), [0]);
    let second = follow(&mut hub, "a", Start::Earliest);
    assert_eq!(hub.poll_ready(), Some(second), "one more");
    assert_eq!(hub.poll_ready(), None);
    assert_eq!(pull_all(&mut hub, second), []);
    assert!(!hub.wants_batch(second));
    let others: Vec<_> = (0..3).map(|_| follow(&mut hub, "a", Start::Last(0))).collect();
    publish(&mut hub, "a", 1);
    assert_eq!(ready(&mut hub).len(), 5, "what is handed out takes no look");
    assert!([vec![first, second], others].concat().into_iter().all(|id| numbers(&mut hub, id) == [1]));
}

/// Who was named and has yet to take is passed, some at a time where the caller wants that.
#[test]
fn who_is_passed_takes_a_look_and_is_not_walked_again() {
    let mut hub = hub();
    let ids: Vec<_> = (0..10).map(|_| follow(&mut hub, "a", Start::Live)).collect();
    for id in &ids {
        hub.subscribe(Duration::ZERO, *id, &topic("b"), Start::Live).unwrap();
    }
    publish(&mut hub, "a", 1);
    assert_eq!(ready(&mut hub), ids);
    let last = follow(&mut hub, "b", Start::Live);
    publish(&mut hub, "b", 2);
    let mut some = |looks| {
        let mut left = looks;
        (hub.poll_ready_within(&mut left), left)
    };
    assert_eq!(some(0), (None, 0));
    assert_eq!(some(6), (None, 0), "there may be others");
    assert_eq!(some(9), (Some(last), 4));
    assert_eq!(some(1), (None, 1), "nobody is left");
    for id in &ids {
        hub.send_to(*id, Note(3, 0)).unwrap();
    }
    let mut left = 10;
    assert_eq!((hub.poll_ready_within(&mut left), left), (None, 0), "they want a batch in any case");
    assert_eq!(hub.poll_ready(), None);
    assert!(ids.iter().all(|id| pull_all(&mut hub, *id) == [Got::Direct(3), note("a", 1), note("b", 2)]));
}
