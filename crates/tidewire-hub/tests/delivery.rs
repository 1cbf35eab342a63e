//! Who is ready, and what a pull hands out: order, turns, exclusion, comings and goings.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::*;
use std::time::Duration;

use tidewire_hub::{Budget, ConnectionId, Delivery, Hub, PublishOptions, Start, SubscribeError, TopicName};

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

/// Two topics with backlogs of that many notes each, "a" from 0 and "b" from 100.
fn two_backlogs(hub: &mut tidewire_hub::Hub<Note>, count: u64) -> tidewire_hub::SubscriberId {
    let id = connect(hub, 1);
    for (name, first) in [("a", 0), ("b", 100)] {
        hub.subscribe(Duration::ZERO, id, &topic(name), Start::Live).unwrap();
        for number in first..first + count {
            publish(hub, name, number);
        }
    }
    ready(hub);
    id
}

#[test]
fn a_batch_ends_with_its_messages_or_its_bytes_and_the_next_goes_on() {
    let mut hub = hub();
    let id = follow(&mut hub, "a", Start::Live);
    for number in 0..6 {
        hub.publish(
            std::time::Duration::from_millis(number),
            &topic("a"),
            Note(number, 100),
            &PublishOptions::new(),
        )
        .unwrap();
    }
    ready(&mut hub);
    let notes = |range: std::ops::Range<u64>| range.map(|number| note("a", number)).collect::<Vec<_>>();
    assert_eq!(batch(&mut hub, id, 2, 1000), notes(0..2));
    assert_eq!(batch(&mut hub, id, 10, 200), notes(2..4), "exactly full");
    assert_eq!(batch(&mut hub, id, 10, 199), notes(4..5), "one byte less");
    assert!(hub.wants_batch(id));
    assert_eq!(batch(&mut hub, id, 0, 1), notes(5..6), "the first whatever its length, and 0 counts as 1");
    assert!(!hub.wants_batch(id));
}

#[test]
fn a_batch_dropped_half_way_loses_nothing() {
    let mut hub = hub();
    let id = two_backlogs(&mut hub, 40);
    let mut all = Vec::new();
    for most in [0, 1, 33, 5, 100] {
        for delivery in hub.batch(Duration::ZERO, id, Budget::default()).take(most) {
            let Delivery::Message(lent) = delivery else { panic!("{delivery:?}") };
            all.push((lent.topic().clone(), lent.message().0));
        }
    }
    assert!(!hub.wants_batch(id));
    for (name, first) in [("a", 0), ("b", 100)] {
        let of_topic: Vec<u64> =
            all.iter().filter(|(topic, _)| topic.as_str() == name).map(|(_, number)| *number).collect();
        assert_eq!(of_topic, (first..first + 40).collect::<Vec<_>>());
    }
}

#[test]
fn a_turn_in_a_batch_is_bounded_by_messages_and_by_bytes() {
    let turns = |got: Vec<Got>| {
        let mut turns: Vec<usize> = Vec::new();
        let mut last = None;
        for got in got {
            let Got::Note(name, _) = got else { panic!("{got:?}") };
            match last.as_ref() == Some(&name) {
                true => *turns.last_mut().unwrap() += 1,
                false => turns.push(1),
            }
            last = Some(name);
        }
        turns
    };
    let mut hub = hub_with(|limits| limits.max_turn_messages = 3);
    let id = two_backlogs(&mut hub, 4);
    assert_eq!(turns(batch(&mut hub, id, 100, usize::MAX)), [3, 3, 1, 1]);
    let mut hub = hub_with(|limits| limits.max_turn_bytes = 0);
    let id = two_backlogs(&mut hub, 2);
    assert_eq!(turns(batch(&mut hub, id, 100, usize::MAX)), [1, 1, 1, 1], "a turn gives something");
}

#[test]
fn what_a_batch_lends_outlives_the_batch() {
    let mut hub = hub();
    let id = two_backlogs(&mut hub, 3);
    let lent: Vec<_> = hub.batch(Duration::ZERO, id, Budget::default()).collect();
    assert_eq!(lent.len(), 6);
    assert!(format!("{:?}", lent[0]).contains("Note(0, 0)"));
}

/// Everybody's notes in one go, by the place of the subscriber.
fn wave(hub: &mut tidewire_hub::Hub<Note>, budget: Budget) -> Vec<(usize, Vec<u64>)> {
    let mut given = Vec::new();
    let mut batches = hub.ready_batches(Duration::ZERO, budget);
    while let Some(batch) = batches.next() {
        let reader = batch.subscriber().unwrap().index();
        let numbers = batch.map(|delivery| match delivery {
            Delivery::Message(lent) => lent.message().0,
            Delivery::Gap(_) | Delivery::Dismissed(_) | Delivery::Direct(_) => panic!("{delivery:?}"),
        });
        given.push((reader, numbers.collect()));
    }
    given
}

#[test]
fn all_who_are_ready_get_their_batches_in_one_go() {
    let mut hub = hub();
    let one = follow(&mut hub, "a", Start::Live);
    let both = follow(&mut hub, "a", Start::Live);
    hub.subscribe(Duration::ZERO, both, &topic("b"), Start::Live).unwrap();
    let announced = follow(&mut hub, "a", Start::Live);
    let two = follow(&mut hub, "b", Start::Live);
    let last = follow(&mut hub, "a", Start::Live);
    hub.subscribe(Duration::ZERO, announced, &topic("c"), Start::Live).unwrap();
    publish(&mut hub, "c", 9);
    assert_eq!(ready(&mut hub), [announced]);
    for turn in 0..3 {
        for (name, number) in [("a", 1), ("b", 2), ("a", 3)] {
            publish(&mut hub, name, number);
        }
        let given = wave(&mut hub, Budget::default());
        let index = |id: tidewire_hub::SubscriberId| id.index();
        let mut all = vec![vec![]; 5];
        for (reader, numbers) in given {
            all[reader].extend(numbers);
        }
        assert_eq!(all[index(one)], [1, 3]);
        all[index(both)].sort_unstable();
        assert_eq!(all[index(both)], [1, 2, 3]);
        assert_eq!(all[index(two)], [2]);
        assert_eq!(all[index(last)], [1, 3]);
        assert_eq!(all[index(announced)], [0; 0], "it is in hand elsewhere");
        assert_eq!(ready(&mut hub), []);
        if turn == 1 {
            hub.unsubscribe(Duration::ZERO, one, &topic("a"));
            hub.subscribe(Duration::ZERO, one, &topic("a"), Start::Live).unwrap();
        }
    }
    assert_eq!(numbers(&mut hub, announced), [9, 1, 3, 1, 3, 1, 3]);
    publish(&mut hub, "c", 10);
    publish(&mut hub, "a", 11);
    assert_eq!(ready(&mut hub).len(), 4);
}

#[test]
fn who_is_not_given_everything_is_to_be_come_back_for() {
    let mut hub = hub();
    let ids: Vec<_> = (0..3).map(|_| follow(&mut hub, "a", Start::Live)).collect();
    publish(&mut hub, "a", 1);
    publish(&mut hub, "a", 2);
    assert_eq!(wave(&mut hub, Budget::ONE), [(0, vec![1]), (1, vec![1]), (2, vec![1])]);
    assert!(ids.iter().all(|id| hub.wants_batch(*id)));
    assert_eq!((wave(&mut hub, Budget::ONE), ready(&mut hub)), (vec![], vec![]));
    assert!(ids.iter().all(|id| numbers(&mut hub, *id) == [2]));
    publish(&mut hub, "a", 3);
    drop(hub.ready_batches(Duration::ZERO, Budget::default()));
    hub.ready_batches(Duration::ZERO, Budget::default()).next();
    assert_eq!(ready(&mut hub).len(), 2, "the first was named by its batch, and left it");
    assert!(hub.wants_batch(ids[0]));
    assert!(ids.iter().all(|id| numbers(&mut hub, *id) == [3]));
}

/// What does not fit behind the others' turns is first in the next batch, and taken whatever its length.
#[test]
fn a_message_that_never_fits_behind_the_others_is_not_put_off_for_ever() {
    let mut hub = hub();
    let id = connect(&mut hub, 1);
    for name in ["a", "b"] {
        hub.subscribe(Duration::ZERO, id, &topic(name), Start::Live).unwrap();
    }
    let note = |hub: &mut Hub<Note>, name: &str, number: u64, len_bytes| {
        hub.publish(Duration::ZERO, &topic(name), Note(number, len_bytes), &PublishOptions::new()).unwrap();
    };
    (0..100).for_each(|number| note(&mut hub, "a", number, 10));
    note(&mut hub, "b", 7, 1000);
    let mut batches = 0;
    loop {
        // The one with a backlog never runs out.
        (0..40).for_each(|number| note(&mut hub, "a", number, 10));
        batches += 1;
        if batch(&mut hub, id, 200, 1000).iter().any(|got| matches!(got, Got::Note(name, 7) if name == "b")) {
            break;
        }
        assert!(batches < 3, "put off");
    }
}
