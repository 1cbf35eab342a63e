//! Cohorts: subscribers whom one caller serves are named together, and given what they would be given by themselves.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::*;
use std::{num::NonZeroU16, time::Duration};

use tidewire_hub::{
    Budget, Cohort, CohortBatches, Delivery, Hub, MAX_LOOKS, Policy, PublishOptions, Start, SubscriberId,
};

fn cohort(number: u16) -> Cohort {
    Cohort::new(NonZeroU16::new(number).unwrap())
}

/// A follower of a topic, in a cohort.
fn follower(hub: &mut Hub<Note>, name: &str, number: u16) -> SubscriberId {
    let id = follow(hub, name, Start::Live);
    hub.serve_with(id, cohort(number));
    id
}

fn called(hub: &mut Hub<Note>) -> Vec<u16> {
    std::iter::from_fn(|| hub.poll_cohort()).map(|cohort| cohort.number().get()).collect()
}

/// What those of a cohort get who are served, and whether nobody is left.
fn wave(
    hub: &mut Hub<Note>,
    number: u16,
    mut serves: impl FnMut(SubscriberId) -> bool,
) -> (Vec<(SubscriberId, Vec<u64>)>, bool) {
    let mut given = Vec::new();
    let batches = hub.ready_batches_of(Duration::ZERO, Budget::default(), cohort(number));
    let Some(mut batches) = batches else { return (given, true) };
    while let Some(batch) = batches.next_if(&mut serves) {
        let id = batch.subscriber().unwrap();
        let numbers = batch.map(|delivery| match delivery {
            Delivery::Message(lent) => lent.message().0,
            Delivery::Direct(message) => message.0,
            Delivery::Gap(_) | Delivery::Dismissed(_) => panic!("{delivery:?}"),
        });
        given.push((id, numbers.collect()));
    }
    let is_over = batches.is_over();
    (given, is_over)
}

#[test]
fn a_cohort_is_named_once_and_its_members_never() {
    let mut hub = hub();
    let (one, other) = (follower(&mut hub, "a", 1), follower(&mut hub, "a", 1));
    let (third, alone) = (follower(&mut hub, "a", 2), follow(&mut hub, "a", Start::Live));
    assert_eq!((called(&mut hub), ready(&mut hub)), (vec![], vec![]));
    publish(&mut hub, "a", 1);
    publish(&mut hub, "a", 2);
    assert_eq!(called(&mut hub), [2, 1]);
    assert_eq!(ready(&mut hub), [alone]);
    publish(&mut hub, "a", 3);
    assert_eq!((called(&mut hub), ready(&mut hub)), (vec![], vec![]), "nobody has come yet");
    assert_eq!(wave(&mut hub, 1, |_| true), (vec![(one, vec![1, 2, 3]), (other, vec![1, 2, 3])], true));
    publish(&mut hub, "a", 4);
    assert_eq!(called(&mut hub), [1]);
    assert_eq!(wave(&mut hub, 2, |_| true), (vec![(third, vec![1, 2, 3, 4])], true));
    assert_eq!(numbers(&mut hub, alone), [1, 2, 3, 4]);
    assert_eq!(wave(&mut hub, 1, |_| true), (vec![(one, vec![4]), (other, vec![4])], true));
    assert_eq!(wave(&mut hub, 1, |_| true), (vec![], true));
    assert_eq!(wave(&mut hub, 9, |_| true), (vec![], true), "nobody knows it");
}

#[test]
fn who_gets_the_same_takes_it_along() {
    let mut hub = hub();
    let ids: Vec<_> = (0..9).map(|_| follower(&mut hub, "a", 1)).collect();
    let follows_more = ids[3];
    hub.subscribe(Duration::ZERO, follows_more, &topic("b"), Start::Live).unwrap();
    hub.send_to(ids[6], Note(9, 0)).unwrap();
    publish(&mut hub, "a", 1);
    publish(&mut hub, "a", 2);
    let mut batches = hub.ready_batches_of(Duration::ZERO, Budget::default(), cohort(1)).unwrap();
    batches.take_as_before_while(|_| panic!("nobody was before"));
    let first = batches.next_if(|_| true).map(|batch| (batch.subscriber(), batch.count()));
    assert_eq!(first, Some((Some(ids[0]), 2)));
    let mut along = Vec::new();
    let take_along = |batches: &mut CohortBatches<'_, Note>, along: &mut Vec<_>| {
        batches.take_as_before_while(|id| {
            along.push(id);
            id != ids[4]
        });
    };
    take_along(&mut batches, &mut along);
    assert!(!batches.is_over());
    // Who was refused is not put off, and gets it all the same.
    let next = batches.next_if(|_| true).map(|batch| (batch.subscriber(), batch.take_as_before()));
    assert_eq!(next, Some((Some(ids[4]), true)));
    take_along(&mut batches, &mut along);
    let direct = batches.next_if(|_| true).map(|batch| (batch.subscriber(), batch.count()));
    assert_eq!(direct, Some((Some(ids[6]), 3)), "its inbox is its own");
    take_along(&mut batches, &mut along);
    assert_eq!(along, [ids[1], ids[2], ids[3], ids[4], ids[5]], "not behind another");
    let after = batches.next_if(|_| true).map(|batch| (batch.subscriber(), batch.count()));
    assert_eq!(after, Some((Some(ids[7]), 2)));
    take_along(&mut batches, &mut along);
    assert!(batches.is_over());
    drop(batches);
    assert_eq!(along.last(), Some(&ids[8]));
    assert!(ids.iter().all(|id| !hub.wants_batch(*id) && pull(&mut hub, *id).is_none()));
    publish(&mut hub, "a", 3);
    let (given, _) = wave(&mut hub, 1, |_| true);
    assert!(given.len() == 9 && given.iter().all(|(_, numbers)| *numbers == [3]), "{given:?}");
}

/// The second in a wave, whose first takes two messages of one topic, is not alike.
fn does_not_go_along(second: impl FnOnce(&mut Hub<Note>) -> SubscriberId, takes: Option<usize>) {
    let mut hub = hub();
    let first = follower(&mut hub, "a", 1);
    let second = second(&mut hub);
    publish(&mut hub, "a", 8);
    publish(&mut hub, "a", 9);
    let mut batches = hub.ready_batches_of(Duration::ZERO, Budget::default(), cohort(1)).unwrap();
    let given = batches.next_if(|_| true).map(|batch| (batch.subscriber(), batch.count()));
    assert_eq!(given, Some((Some(first), 2)));
    batches.take_as_before_while(|_| panic!("nobody is alike"));
    let given = batches.next_if(|_| true).map(|batch| (batch.subscriber(), batch.count()));
    assert_eq!(given, takes.map(|count| (Some(second), count)));
}

#[test]
fn who_stands_elsewhere_does_not_go_along() {
    let mut hub = hub();
    let (first, second) = (follower(&mut hub, "a", 1), follower(&mut hub, "a", 1));
    assert!(hub.pause(second, &topic("a")));
    publish(&mut hub, "a", 1);
    assert_eq!(wave(&mut hub, 1, |_| true).0.len(), 1);
    publish(&mut hub, "a", 2);
    assert!(hub.resume(second, &topic("a")));
    let mut batches = hub.ready_batches_of(Duration::ZERO, Budget::default(), cohort(1)).unwrap();
    for expected in [(first, 1), (second, 2)] {
        let given = batches.next_if(|_| true).map(|batch| (batch.subscriber().unwrap(), batch.count()));
        assert_eq!(given, Some(expected));
        batches.take_as_before_while(|_| panic!("nobody is alike"));
    }
}

#[test]
fn who_has_a_policy_does_not_go_along() {
    let with_policy = |hub: &mut Hub<Note>| {
        let (id, mut policy) = (connect(hub, 1), Policy::default());
        policy.max_lag_messages = 100;
        hub.subscribe_with(Duration::ZERO, id, &topic("a"), Start::Live, policy).unwrap();
        hub.serve_with(id, cohort(1));
        id
    };
    does_not_go_along(with_policy, Some(2));
}

#[test]
fn who_is_in_hand_elsewhere_does_not_go_along() {
    let in_hand = |hub: &mut Hub<Note>| {
        let id = follower(hub, "a", 1);
        hub.send_to(id, Note(1, 0)).unwrap();
        assert_eq!(ready(hub), [id]);
        assert_eq!(batch(hub, id, 1, 0), [Got::Direct(1)]);
        hub.subscribe(Duration::ZERO, id, &topic("b"), Start::Live).unwrap();
        publish(hub, "b", 2);
        assert_eq!(wave(hub, 1, |_| false), (vec![], true));
        id
    };
    does_not_go_along(in_hand, None);
}

#[test]
fn who_is_put_off_is_to_be_come_back_for_and_who_is_left_too() {
    let mut hub = hub();
    let ids: Vec<_> = (0..4).map(|_| follower(&mut hub, "a", 1)).collect();
    publish(&mut hub, "a", 1);
    assert_eq!(called(&mut hub), [1]);
    let mut batches = hub.ready_batches_of(Duration::ZERO, Budget::default(), cohort(1)).unwrap();
    let served = batches.next_if(|id| id != ids[0]).and_then(|batch| batch.subscriber());
    assert_eq!((served, batches.is_over()), (Some(ids[1]), false));
    drop(batches);
    assert!(hub.wants_batch(ids[0]));
    assert!(!hub.wants_batch(ids[2]), "that is for the next wave");
    publish(&mut hub, "a", 2);
    assert_eq!(called(&mut hub), [], "whoever leaves some comes back");
    let (given, is_over) = wave(&mut hub, 1, |_| true);
    // A batch that was not taken comes again.
    assert_eq!(given, [(ids[2], vec![1, 2]), (ids[3], vec![1, 2])]);
    assert!(is_over && hub.wants_batch(ids[1]));
    assert_eq!((numbers(&mut hub, ids[0]), numbers(&mut hub, ids[1])), (vec![1, 2], vec![1, 2]));
    publish(&mut hub, "a", 3);
    assert_eq!(wave(&mut hub, 1, |_| true).0.len(), 4);
}

#[test]
fn one_call_puts_off_no_more_than_it_may_look_at() {
    for (count, is_over) in [(MAX_LOOKS, true), (MAX_LOOKS + 1, false)] {
        let mut hub = hub_with(|limits| limits.max_subscribers = 2 * MAX_LOOKS);
        let ids: Vec<_> = (0..count).map(|_| follower(&mut hub, "a", 1)).collect();
        publish(&mut hub, "a", 1);
        assert_eq!(wave(&mut hub, 1, |_| false), (vec![], is_over));
        assert_eq!(ids.iter().filter(|id| hub.wants_batch(**id)).count(), MAX_LOOKS);
        let left = wave(&mut hub, 1, |_| true).0;
        assert_eq!(left.len(), count - MAX_LOOKS);
    }
}

#[test]
fn what_is_there_already_is_the_callers_to_come_for() {
    let mut hub = hub();
    let (waits, ready_id) = (follow(&mut hub, "a", Start::Live), follow(&mut hub, "b", Start::Live));
    publish(&mut hub, "b", 1);
    hub.serve_with(waits, cohort(1));
    hub.serve_with(ready_id, cohort(1));
    assert!(hub.wants_batch(ready_id) && !hub.wants_batch(waits));
    assert_eq!((called(&mut hub), ready(&mut hub)), (vec![], vec![]));
    assert_eq!(numbers(&mut hub, ready_id), [1]);
    publish(&mut hub, "a", 2);
    publish(&mut hub, "b", 3);
    assert_eq!(called(&mut hub), [1]);
    // In another cohort it is the business of no other.
    hub.serve_with(ready_id, cohort(2));
    assert_eq!(wave(&mut hub, 1, |_| true), (vec![(waits, vec![2])], true));
    assert_eq!(numbers(&mut hub, ready_id), [3]);
    publish(&mut hub, "b", 4);
    assert_eq!(called(&mut hub), [2]);
}

#[test]
fn a_past_and_the_end_of_a_pause_call_it_too() {
    let mut hub = hub();
    let id = follower(&mut hub, "a", 1);
    publish(&mut hub, "b", 1);
    hub.subscribe(Duration::ZERO, id, &topic("b"), Start::Earliest).unwrap();
    assert_eq!(called(&mut hub), [1]);
    assert_eq!(wave(&mut hub, 1, |_| true), (vec![(id, vec![1])], true));
    assert!(hub.pause(id, &topic("b")));
    publish(&mut hub, "b", 2);
    assert_eq!(called(&mut hub), []);
    assert!(hub.resume(id, &topic("b")));
    assert_eq!(called(&mut hub), [1]);
    assert_eq!(wave(&mut hub, 1, |_| true), (vec![(id, vec![2])], true));
}

#[test]
fn its_inbox_names_a_member_and_comes_first_all_the_same() {
    let mut hub = hub();
    let (one, other) = (follower(&mut hub, "a", 1), follower(&mut hub, "a", 1));
    hub.send_to(one, Note(1, 0)).unwrap();
    assert_eq!((ready(&mut hub), called(&mut hub)), (vec![one], vec![]));
    publish(&mut hub, "a", 2);
    assert_eq!(wave(&mut hub, 1, |_| true), (vec![(other, vec![2])], true), "one is in hand already");
    assert_eq!(batch(&mut hub, one, 9, 9), [Got::Direct(1), note("a", 2)]);
    hub.send_to(one, Note(3, 0)).unwrap();
    publish(&mut hub, "a", 4);
    let (given, _) = wave(&mut hub, 1, |_| true);
    assert!(given.contains(&(one, vec![3, 4])) && given.contains(&(other, vec![4])), "{given:?}");
    assert_eq!(ready(&mut hub), []);
}

#[test]
fn whoever_leaves_takes_nobody_along() {
    let mut hub = hub();
    for _ in 0..3 {
        let ids: Vec<_> = (1..=3).map(|number| follower(&mut hub, "a", number)).collect();
        publish(&mut hub, "a", 1);
        hub.disconnect(Duration::ZERO, ids[1]);
        assert!(hub.unsubscribe(Duration::ZERO, ids[0], &topic("a")));
        hub.subscribe(Duration::ZERO, ids[0], &topic("a"), Start::Live).unwrap();
        publish(&mut hub, "a", 2);
        let all: Vec<_> = (1..=3).map(|number| wave(&mut hub, number, |_| true).0).collect();
        assert_eq!(all, [vec![(ids[0], vec![2])], vec![], vec![(ids[2], vec![1, 2])]]);
        ids.iter().for_each(|id| hub.disconnect(Duration::ZERO, *id));
        publish(&mut hub, "a", 3);
        called(&mut hub);
    }
}

#[test]
fn what_is_skipped_is_neither_given_nor_left() {
    let mut hub = hub();
    let id = follower(&mut hub, "a", 1);
    let me = tidewire_hub::ConnectionId::new(0);
    hub.publish(Duration::ZERO, &topic("a"), Note(1, 0), &PublishOptions::new().exclude(me)).unwrap();
    assert_eq!(wave(&mut hub, 1, |_| true), (vec![(id, vec![])], true));
    hub.publish(Duration::ZERO, &topic("a"), Note(2, 0), &PublishOptions::new().exclude(me)).unwrap();
    assert_eq!(wave(&mut hub, 1, |_| false), (vec![], true));
    assert!(!hub.wants_batch(id));
}
