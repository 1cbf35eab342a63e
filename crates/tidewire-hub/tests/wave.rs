//! Waves: batches for all who are ready, one after another.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::*;
use std::time::Duration;

use tidewire_hub::{Budget, ConnectionId, Delivery, Hub, Policy, PublishOptions, Start, SubscriberId};

/// Everybody's notes in one go, by the place of the subscriber.
fn wave(hub: &mut Hub<Note>, budget: Budget) -> Vec<(usize, Vec<u64>)> {
    let mut given = Vec::new();
    let mut batches = hub.ready_batches(Duration::ZERO, budget);
    while let Some(batch) = batches.next() {
        let reader = batch.subscriber().unwrap().index();
        let numbers = batch.map(|delivery| match delivery {
            Delivery::Message(lent) => lent.message().0,
            Delivery::Direct(message) => message.0,
            Delivery::Gap(_) | Delivery::Dismissed(_) => panic!("{delivery:?}"),
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
        let index = |id: SubscriberId| id.index();
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

/// The notes 1 to 6 of ten bytes each, of which the readers have taken none, all, or some.
#[test]
fn who_stands_elsewhere_or_reads_otherwise_gets_what_is_its_own() {
    let mut hub = hub();
    let live: Vec<_> = (0..2).map(|_| follow(&mut hub, "a", Start::Live)).collect();
    publish(&mut hub, "a", 1);
    publish(&mut hub, "a", 2);
    ready(&mut hub);
    assert!(live.iter().all(|id| numbers(&mut hub, *id) == [1, 2]));
    let late = follow(&mut hub, "a", Start::Last(1));
    let early = follow(&mut hub, "a", Start::Earliest);
    let mut policy = Policy::default();
    policy.max_lag_messages = 1;
    let bounded = connect(&mut hub, 3);
    hub.subscribe_with(Duration::ZERO, bounded, &topic("a"), Start::Live, policy).unwrap();
    let foreign = connect(&mut hub, 4);
    hub.subscribe(Duration::ZERO, foreign, &topic("a"), Start::Unknown).unwrap();
    publish(&mut hub, "a", 3);
    publish(&mut hub, "a", 4);
    let mut given = Vec::new();
    let mut batches = hub.ready_batches(Duration::ZERO, Budget::default());
    while let Some(batch) = batches.next() {
        let reader = batch.subscriber().unwrap();
        let mut numbers = Vec::new();
        let mut gaps = 0;
        for delivery in batch {
            match delivery {
                Delivery::Message(lent) => numbers.push((lent.position().offset, lent.message().0)),
                Delivery::Gap(_) => gaps += 1,
                Delivery::Direct(_) | Delivery::Dismissed(_) => panic!("{delivery:?}"),
            }
        }
        given.push((reader, gaps, numbers));
    }
    drop(batches);
    let notes =
        |range: std::ops::RangeInclusive<u64>| range.map(|number| (number, number)).collect::<Vec<_>>();
    let expected = [
        (late, 0, notes(2..=4)),
        (early, 0, notes(1..=4)),
        (foreign, 1, notes(1..=4)),
        (live[0], 0, notes(3..=4)),
        (live[1], 0, notes(3..=4)),
        (bounded, 1, notes(4..=4)),
    ];
    assert_eq!(given, expected);
    publish(&mut hub, "a", 5);
    assert_eq!(wave(&mut hub, Budget::default()).len(), 6, "all wait again");
}

#[test]
fn whoever_is_left_out_of_a_message_is_so_in_a_wave() {
    let mut hub = hub();
    let ids: Vec<_> = (1..4).map(|connection| connect(&mut hub, connection)).collect();
    for id in &ids {
        hub.subscribe(Duration::ZERO, *id, &topic("a"), Start::Live).unwrap();
    }
    publish(&mut hub, "a", 1);
    publish_without(&mut hub, "a", 2, ConnectionId::new(2));
    publish(&mut hub, "a", 3);
    assert_eq!(wave(&mut hub, Budget::default()), [(0, vec![1, 2, 3]), (1, vec![1, 3]), (2, vec![1, 2, 3])]);
    publish(&mut hub, "a", 4);
    assert_eq!(wave(&mut hub, Budget::default()), [(0, vec![4]), (1, vec![4]), (2, vec![4])]);
}

/// What one takes at once is what a turn and a batch may give, to the message and to the byte.
#[test]
fn a_wave_keeps_to_its_budget() {
    let sized = |max_messages, max_bytes, turn: (usize, usize)| {
        let mut hub = hub_with(|limits| (limits.max_turn_messages, limits.max_turn_bytes) = turn);
        for _ in 0..2 {
            follow(&mut hub, "a", Start::Live);
        }
        for number in 1..=3 {
            let options = PublishOptions::new();
            hub.publish(Duration::ZERO, &topic("a"), Note(number, 10), &options).unwrap();
        }
        let mut counts = Vec::new();
        let given = wave(&mut hub, Budget { max_messages, max_bytes });
        given.iter().for_each(|(_, numbers)| counts.push(numbers.len()));
        let left: Vec<bool> =
            given.iter().map(|(reader, _)| *reader).map(|reader| reader < 2 && counts[reader] < 3).collect();
        assert_eq!(left, [counts[0] < 3, counts[1] < 3]);
        (0..2)
            .for_each(|reader| assert_eq!(given[reader].1, (1..=counts[reader] as u64).collect::<Vec<_>>()));
        counts
    };
    assert_eq!(sized(3, 30, (3, 30)), [3, 3]);
    assert_eq!(sized(2, 30, (3, 30)), [2, 2]);
    assert_eq!(sized(3, 29, (3, 30)), [2, 2]);
    assert_eq!(sized(0, 0, (3, 30)), [1, 1], "the first whatever its length, and 0 counts as 1");
    assert_eq!(sized(3, 30, (2, 30)), [3, 3], "the only topic has turn after turn");
    assert_eq!(sized(3, 30, (3, 29)), [3, 3]);
}

#[test]
fn a_wave_that_is_broken_off_goes_on_with_the_next() {
    let mut hub = hub();
    let ids: Vec<_> = (0..3).map(|_| follow(&mut hub, "a", Start::Live)).collect();
    for number in 1..=3 {
        publish(&mut hub, "a", number);
    }
    let mut batches = hub.ready_batches(Duration::ZERO, Budget::default());
    assert_eq!(batches.next().unwrap().count(), 3);
    assert_eq!(batches.next().unwrap().take(1).count(), 1);
    drop(batches);
    assert_eq!(ids.iter().map(|id| hub.wants_batch(*id)).collect::<Vec<_>>(), [false, true, false]);
    assert_eq!(ready(&mut hub), [ids[2]]);
    assert_eq!(
        ids.iter().map(|id| numbers(&mut hub, *id)).collect::<Vec<_>>(),
        [vec![], vec![2, 3], vec![1, 2, 3]]
    );
}

#[test]
fn a_forgotten_wave_loses_nothing() {
    let mut hub = hub();
    let ids: Vec<_> = (0..4).map(|_| follow(&mut hub, "a", Start::Live)).collect();
    hub.send_to(ids[3], Note(9, 0)).unwrap();
    for number in 1..=2 {
        publish(&mut hub, "a", number);
    }
    let mut batches = hub.ready_batches(Duration::ZERO, Budget::default());
    assert_eq!(batches.next().unwrap().subscriber(), Some(ids[3]));
    assert_eq!(batches.next().unwrap().count(), 2);
    assert_eq!(batches.next().unwrap().take(1).count(), 1);
    std::mem::forget(batches);
    assert!(!ids[..3].iter().any(|id| hub.wants_batch(*id)));
    assert!(hub.wants_batch(ids[3]), "it was named by its batch");
    assert_eq!(ready(&mut hub), ids[1..3], "the first is caught up");
    assert_eq!(numbers(&mut hub, ids[1]), [1, 2], "one comes again");
    assert_eq!(numbers(&mut hub, ids[2]), [1, 2]);
    assert_eq!(pull_all(&mut hub, ids[3]), [Got::Direct(9), note("a", 1), note("a", 2)]);
    publish(&mut hub, "a", 3);
    assert_eq!(ready(&mut hub).len(), 4);
}

#[test]
fn those_who_are_named_get_what_each_would_get_alone() {
    let setup = |hub: &mut Hub<Note>| {
        let first =
            [follow(hub, "a", Start::Live), follow(hub, "a", Start::Live), follow(hub, "a", Start::Live)];
        publish(hub, "a", 1);
        publish(hub, "a", 2);
        let (late, both) = (follow(hub, "a", Start::Last(1)), follow(hub, "a", Start::Last(2)));
        hub.subscribe(Duration::ZERO, both, &topic("b"), Start::Live).unwrap();
        publish(hub, "b", 9);
        let (gone, sent) = (follow(hub, "a", Start::Last(2)), follow(hub, "a", Start::Last(2)));
        hub.disconnect(Duration::ZERO, gone);
        hub.send_to(sent, Note(7, 1)).unwrap();
        let named = ready(hub);
        assert_eq!(named.len(), 6, "{named:?}");
        [first[0], first[1], late, both, gone, sent, first[2], first[0]]
    };
    let (mut one_by_one, mut together) = (hub(), hub());
    let ids = setup(&mut one_by_one);
    assert_eq!(setup(&mut together), ids);
    for budget in [Budget::ONE, Budget { max_messages: 2, ..Budget::default() }, Budget::default()] {
        let alone: Vec<Vec<String>> = ids
            .iter()
            .map(|id| {
                one_by_one.batch(Duration::ZERO, *id, budget).map(|given| format!("{given:?}")).collect()
            })
            .collect();
        let mut batches = together.batches(Duration::ZERO, budget);
        let named: Vec<Vec<String>> =
            ids.iter().map(|id| batches.of(*id).map(|given| format!("{given:?}")).collect()).collect();
        drop(batches);
        assert_eq!(named, alone);
        for id in ids {
            assert_eq!(together.wants_batch(id), one_by_one.wants_batch(id));
        }
    }
    publish(&mut one_by_one, "a", 3);
    publish(&mut together, "a", 3);
    assert_eq!(ready(&mut together), ready(&mut one_by_one));
}

#[test]
fn a_batch_that_is_the_same_as_the_one_before_is_taken_at_once() {
    let mut hub = hub();
    let ids: Vec<_> = (0..4).map(|_| follow(&mut hub, "a", Start::Live)).collect();
    publish(&mut hub, "a", 1);
    let late = follow(&mut hub, "a", Start::Live);
    publish(&mut hub, "a", 2);
    assert_eq!(ready(&mut hub).len(), 5);
    let mut batches = hub.batches(Duration::ZERO, Budget::default());
    let first = batches.of(ids[0]);
    assert!(!first.take_as_before());
    assert_eq!(first.count(), 2);
    let second = batches.of(ids[1]);
    assert!(second.take_as_before());
    assert_eq!(second.count(), 0, "it is taken");
    let third = batches.of(ids[2]);
    assert!(third.next().is_some());
    assert!(!third.take_as_before(), "some of it is taken already");
    assert_eq!(third.count(), 1);
    let late = batches.of(late);
    assert!(!late.take_as_before(), "it stands elsewhere");
    assert_eq!(late.count(), 1);
    assert!(!batches.of(ids[3]).take_as_before());
    drop(batches);
    // Nothing of the last was taken.
    assert_eq!(ids.iter().filter(|id| hub.wants_batch(**id)).count(), 1);
    assert_eq!(hub.batch(Duration::ZERO, ids[3], Budget::default()).count(), 2);
    assert!(!hub.batch(Duration::ZERO, ids[3], Budget::default()).take_as_before());
}
