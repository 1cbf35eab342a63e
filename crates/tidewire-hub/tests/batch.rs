//! Batches: what one takes at a time, its budget and the turns of its topics, and what is left when it ends.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::*;
use std::time::Duration;

use tidewire_hub::{Budget, Delivery, Hub, MAX_LOOKS, PublishOptions, Start};

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

/// A batch that nobody ends: what it gave in the turn that it was in comes again, and nothing is lost.
#[test]
fn a_forgotten_batch_loses_nothing() {
    let mut hub = hub();
    let id = two_backlogs(&mut hub, 40);
    let mut forgotten = hub.batch(Duration::ZERO, id, Budget::default());
    assert_eq!(forgotten.by_ref().take(33).count(), 33, "a turn of one topic, and one of the other's");
    std::mem::forget(forgotten);
    assert!(hub.wants_batch(id));
    let of =
        |name: &str, range: std::ops::Range<u64>| range.map(|number| note(name, number)).collect::<Vec<_>>();
    let expected = [of("b", 100..132), of("a", 32..40), of("b", 132..140)].concat();
    assert_eq!(batch(&mut hub, id, 100, usize::MAX), expected);
    assert!(!hub.wants_batch(id));
    publish(&mut hub, "a", 200);
    publish(&mut hub, "b", 201);
    assert_eq!(ready(&mut hub), [id]);
    assert_eq!(pull_all(&mut hub, id), [note("a", 200), note("b", 201)]);
}

#[test]
fn one_who_was_not_named_is_after_a_forgotten_batch() {
    let mut hub = hub();
    let id = connect(&mut hub, 1);
    for name in ["a", "b"] {
        hub.subscribe(Duration::ZERO, id, &topic(name), Start::Live).unwrap();
        publish(&mut hub, name, 1);
    }
    let mut forgotten = hub.batch(Duration::ZERO, id, Budget::default());
    assert!(matches!(forgotten.next(), Some(Delivery::Message(_))));
    std::mem::forget(forgotten);
    assert!(hub.wants_batch(id), "what it looked for is its to come back for");
    assert_eq!(pull_all(&mut hub, id), [note("a", 1), note("b", 1)]);
    hub.send_to(id, Note(9, 0)).unwrap();
    let mut forgotten = hub.batch(Duration::ZERO, id, Budget::ONE);
    assert!(matches!(forgotten.next(), Some(Delivery::Direct(_))));
    std::mem::forget(forgotten);
    assert_eq!(ready(&mut hub), [], "its inbox is empty");
    publish(&mut hub, "a", 2);
    assert_eq!(ready(&mut hub), [id]);
}

/// Whoever sends something ahead of each batch holds up no topic: each second batch begins with one.
#[test]
fn what_is_sent_before_each_batch_puts_no_topic_off() {
    for (budget, len_bytes) in [(Budget::default(), 65_536), (Budget::ONE, 0)] {
        let mut hub = hub();
        let id = follow(&mut hub, "a", Start::Live);
        let long = Note(7, len_bytes);
        hub.publish(Duration::ZERO, &topic("a"), long, &PublishOptions::new()).unwrap();
        assert_eq!(ready(&mut hub), [id]);
        let mut given = Vec::new();
        for number in 1..=3 {
            hub.send_to(id, Note(number, 1)).unwrap();
            let Budget { max_messages, max_bytes } = budget;
            given.push(batch(&mut hub, id, max_messages, max_bytes));
        }
        let (one, two) = (vec![Got::Direct(1)], Got::Direct(2));
        let expected = match len_bytes {
            0 => [one, vec![note("a", 7)], vec![two]],
            _ => [one, vec![note("a", 7)], vec![two, Got::Direct(3)]],
        };
        assert_eq!(given, expected);
        assert_eq!(pull_all(&mut hub, id).len(), 4 - given.iter().flatten().count());
        hub.send_to(id, Note(4, 0)).unwrap();
        publish(&mut hub, "a", 8);
        assert_eq!(ready(&mut hub), [id]);
        assert_eq!(pull_all(&mut hub, id), [Got::Direct(4), note("a", 8)], "nobody was put off");
    }
}

#[test]
fn what_is_sent_finds_no_topic_in_its_way_that_has_nothing_to_give() {
    let mut hub = hub();
    let id = connect(&mut hub, 1);
    hub.subscribe(Duration::ZERO, id, &topic("a"), Start::Live).unwrap();
    publish(&mut hub, "a", 1);
    assert_eq!(ready(&mut hub), [id]);
    for number in 1..=2 {
        hub.send_to(id, Note(number, 0)).unwrap();
    }
    assert_eq!(pull(&mut hub, id), Some(Got::Direct(1)));
    hub.unsubscribe(Duration::ZERO, id, &topic("a"));
    assert_eq!(pull_all(&mut hub, id), [Got::Direct(2)]);
    assert!(!hub.wants_batch(id));
}

/// A batch passes so many messages that are skipped, and no more: who stands before others is come back for.
#[test]
fn what_is_skipped_in_one_batch_is_bounded() {
    let ephemeral = PublishOptions::new().replay(tidewire_hub::Replay::Ephemeral);
    for (skipped, expected) in [
        (MAX_LOOKS - 1, [vec![7], vec![]]),
        (MAX_LOOKS, [vec![], vec![7]]),
        (2 * MAX_LOOKS, [vec![], vec![7]]),
    ] {
        let mut hub = hub();
        for number in 0..skipped {
            let note = Note(number as u64, 0);
            hub.publish(Duration::ZERO, &topic("a"), note, &ephemeral).unwrap();
        }
        publish(&mut hub, "a", 7);
        let id = connect(&mut hub, 1);
        hub.subscribe(Duration::ZERO, id, &topic("a"), Start::Earliest).unwrap();
        let given = [0; 2].map(|_| {
            let taken = batch(&mut hub, id, 9, 9);
            taken.into_iter().map(|got| if got == note("a", 7) { 7 } else { 0 }).collect::<Vec<_>>()
        });
        assert_eq!(given, expected, "{skipped}");
        assert!(!hub.wants_batch(id));
    }
}

#[test]
fn a_topic_of_which_much_is_skipped_holds_up_no_other() {
    let ephemeral = PublishOptions::new().replay(tidewire_hub::Replay::Ephemeral);
    let mut hub = hub();
    for number in 0..3 * MAX_LOOKS as u64 {
        hub.publish(Duration::ZERO, &topic("a"), Note(number, 0), &ephemeral).unwrap();
    }
    publish(&mut hub, "b", 5);
    let id = connect(&mut hub, 1);
    for name in ["a", "b"] {
        hub.subscribe(Duration::ZERO, id, &topic(name), Start::Earliest).unwrap();
    }
    hub.send_to(id, Note(6, 0)).unwrap();
    assert_eq!(ready(&mut hub), [id]);
    assert_eq!(batch(&mut hub, id, 9, 9), [Got::Direct(6)]);
    assert!(hub.wants_batch(id));
    assert_eq!(batch(&mut hub, id, 9, 9), [note("b", 5)]);
    let mut batches = 0;
    while hub.wants_batch(id) {
        assert_eq!(batch(&mut hub, id, 9, 9), []);
        batches += 1;
    }
    assert!(batches <= 2, "{batches}");
    publish(&mut hub, "a", 7);
    assert_eq!(ready(&mut hub), [id]);
    assert_eq!(pull(&mut hub, id), Some(note("a", 7)));
}

/// Nor where nobody polls between: a batch that gave nothing of a topic looks after what is yet to be named.
#[test]
fn what_is_sent_hides_nothing_that_is_yet_to_be_named() {
    let mut hub = hub();
    let id = follow(&mut hub, "a", Start::Live);
    hub.publish(Duration::ZERO, &topic("a"), Note(7, 65_536), &PublishOptions::new()).unwrap();
    let mut given = Vec::new();
    for number in 1..=2 {
        hub.send_to(id, Note(number, 1)).unwrap();
        given.push(batch(&mut hub, id, 256, 65_536));
    }
    assert_eq!(given, [vec![Got::Direct(1)], vec![note("a", 7)]]);
    assert!(hub.wants_batch(id));
    assert_eq!(batch(&mut hub, id, 9, 9), [Got::Direct(2)]);
    assert_eq!((hub.wants_batch(id), ready(&mut hub)), (false, vec![]));
}
