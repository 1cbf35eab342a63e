//! Where a subscription starts: replay then live, gaps, and cursors that lose nothing.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::time::Duration;

use common::*;
use tidewire_hub::{
    Budget, Config, ConnectionId, Cursor, Epoch, GapReason, Hub, Incarnation, Position, Progress,
    PublishOptions, Start,
};

const FOREIGN: Epoch = Epoch { incarnation: Incarnation::new(0xF0), life: 0 };
const LATER_LIFE: Epoch = Epoch { incarnation: HUB, life: 1 };

fn gap(reason: GapReason, from: Option<Position>, to: u64) -> Option<Got> {
    Some(Got::Gap("a".to_owned(), reason, from, to))
}

/// Ten messages were published, the first four are gone.
fn evicted_to_five() -> Hub<Note> {
    let mut hub = hub_with(|limits| limits.max_messages_per_topic = 6);
    for number in 1..=10 {
        publish(&mut hub, "a", number);
    }
    hub
}

#[test]
fn every_start_and_what_comes_first() {
    let foreign = Position { epoch: FOREIGN, offset: 7 };
    let later = Position { epoch: LATER_LIFE, offset: 7 };
    for (start, answer, first_gap, first_number) in [
        (Start::Live, 10, None, None),
        (Start::Earliest, 4, None, Some(5)),
        (Start::After(at(10)), 10, None, None),
        (Start::After(at(9)), 9, None, Some(10)),
        (Start::After(at(4)), 4, None, Some(5)),
        (Start::After(at(3)), 4, gap(GapReason::Evicted, Some(at(3)), 4), Some(5)),
        (Start::After(at(0)), 4, gap(GapReason::Evicted, Some(at(0)), 4), Some(5)),
        (Start::After(at(11)), 4, gap(GapReason::Unknown, Some(at(11)), 4), Some(5)),
        (Start::After(at(Position::MAX_OFFSET)), 4, gap(GapReason::Unknown, Some(at(1 << 53)), 4), Some(5)),
        (Start::After(at(u64::MAX)), 4, gap(GapReason::Unknown, Some(at(u64::MAX)), 4), Some(5)),
        (Start::After(foreign), 4, gap(GapReason::Epoch, Some(foreign), 4), Some(5)),
        (Start::After(later), 4, gap(GapReason::Epoch, Some(later), 4), Some(5)),
        (Start::Unknown, 4, gap(GapReason::Unknown, None, 4), Some(5)),
    ] {
        let mut hub = evicted_to_five();
        let id = connect(&mut hub, 1);
        assert_eq!(hub.subscribe(Duration::ZERO, id, &topic("a"), start), Ok(at(answer)), "{start:?}");
        let behind = first_gap.is_some() || first_number.is_some();
        assert_eq!(ready(&mut hub).len(), usize::from(behind), "{start:?}");
        if first_gap.is_some() {
            assert_eq!(pull(&mut hub, id), first_gap, "{start:?}");
        }
        let rest: Vec<u64> = first_number.map_or(vec![], |first| (first..=10).collect());
        assert_eq!(numbers(&mut hub, id), rest, "{start:?}");
        publish(&mut hub, "a", 11);
        assert_eq!(ready(&mut hub), [id], "{start:?}");
        assert_eq!(numbers(&mut hub, id), [11], "{start:?}");
    }
}

#[test]
fn a_topic_that_holds_nothing_gives_gaps_up_to_its_head() {
    // The other topic is as large as the hub, so it takes all the room there is.
    let mut hub = hub_with(|limits| limits.max_bytes = 1024);
    for number in 1..=3 {
        publish(&mut hub, "a", number);
    }
    hub.publish(core::time::Duration::ZERO, &topic("b"), Note(0, 1024 - 64), &PublishOptions::new()).unwrap();
    let info = hub.topic(&topic("a")).unwrap();
    assert_eq!((info.messages, info.head, info.before_earliest), (0, at(3), at(3)));
    for (start, first) in [
        (Start::Live, None),
        (Start::Earliest, None),
        (Start::After(at(3)), None),
        (Start::After(at(2)), gap(GapReason::Evicted, Some(at(2)), 3)),
        (Start::After(at(4)), gap(GapReason::Unknown, Some(at(4)), 3)),
        (Start::Unknown, gap(GapReason::Unknown, None, 3)),
    ] {
        let id = follow(&mut hub, "a", start);
        assert_eq!(pull(&mut hub, id), first, "{start:?}");
        assert_eq!(pull(&mut hub, id), None);
        hub.disconnect(Duration::ZERO, id);
    }
}

#[test]
fn a_topic_that_nobody_knows_gives_the_gap_too() {
    let mut hub = hub();
    let id = follow(&mut hub, "a", Start::After(Position { epoch: FOREIGN, offset: 0 }));
    assert_eq!(ready(&mut hub), [id]);
    let from = Some(Position { epoch: FOREIGN, offset: 0 });
    assert_eq!(pull(&mut hub, id), gap(GapReason::Epoch, from, 0));
    assert_eq!(pull(&mut hub, id), None);
}

#[test]
fn replay_then_live_with_nothing_between() {
    let mut hub = hub();
    for number in 1..=5 {
        publish(&mut hub, "a", number);
    }
    let id = follow(&mut hub, "a", Start::After(at(2)));
    publish(&mut hub, "a", 6);
    assert_eq!(pull(&mut hub, id), Some(note("a", 3)));
    publish(&mut hub, "a", 7);
    assert_eq!(numbers(&mut hub, id), [4, 5, 6, 7]);
    publish(&mut hub, "a", 8);
    assert_eq!(ready(&mut hub), [id]);
    assert_eq!(numbers(&mut hub, id), [8]);
}

#[test]
fn who_lags_out_of_the_log_gets_one_gap_and_goes_on() {
    let mut hub = hub_with(|limits| limits.max_messages_per_topic = 3);
    let id = follow(&mut hub, "a", Start::Live);
    publish(&mut hub, "a", 1);
    assert_eq!(numbers(&mut hub, id), [1]);
    for number in 2..=9 {
        publish(&mut hub, "a", number);
    }
    assert_eq!(pull(&mut hub, id), gap(GapReason::Evicted, Some(at(1)), 6));
    publish(&mut hub, "a", 10);
    assert_eq!(pull(&mut hub, id), gap(GapReason::Evicted, Some(at(6)), 7), "evicted in the meantime");
    assert_eq!(numbers(&mut hub, id), [8, 9, 10]);
}

#[test]
fn a_gap_says_what_is_held_when_it_is_handed_out() {
    let mut hub = hub_with(|limits| limits.max_messages_per_topic = 3);
    publish(&mut hub, "a", 1);
    let id = follow(&mut hub, "a", Start::Unknown);
    for number in 2..=9 {
        publish(&mut hub, "a", number);
    }
    assert_eq!(pull(&mut hub, id), gap(GapReason::Unknown, None, 6));
    assert_eq!(numbers(&mut hub, id), [7, 8, 9]);
}

#[test]
fn a_gap_comes_before_a_backlog_that_excludes_its_reader() {
    let mut hub = hub();
    for number in 1..=3 {
        publish_without(&mut hub, "a", number, ConnectionId::new(7));
    }
    let id = connect(&mut hub, 7);
    hub.subscribe(Duration::ZERO, id, &topic("a"), Start::Unknown).unwrap();
    assert_eq!(ready(&mut hub), [id]);
    assert_eq!(hub.cursor(id).start(&topic("a")), Start::Unknown);
    assert_eq!(pull(&mut hub, id), gap(GapReason::Unknown, None, 0));
    assert_eq!(pull(&mut hub, id), None);
    assert_eq!(hub.cursor(id).start(&topic("a")), Start::After(at(3)));
}

#[test]
fn a_cursor_taken_before_a_gap_was_told_meets_the_gap_again() {
    for start in [Start::Unknown, Start::After(at(99)), Start::After(Position { epoch: FOREIGN, offset: 3 })]
    {
        let mut hub = evicted_to_five();
        let id = follow(&mut hub, "a", start);
        let before = hub.cursor(id);
        assert!(matches!(pull(&mut hub, id), Some(Got::Gap(..))));
        let after = hub.cursor(id);
        let again = follow(&mut hub, "a", Cursor::parse(&before.encode()).unwrap().start(&topic("a")));
        assert_eq!(pull(&mut hub, again), gap(GapReason::Unknown, None, 4), "{start:?}");
        let on = follow(&mut hub, "a", Cursor::parse(&after.encode()).unwrap().start(&topic("a")));
        assert_eq!(numbers(&mut hub, on), [5, 6, 7, 8, 9, 10]);
    }
    let mut hub = evicted_to_five();
    let id = follow(&mut hub, "a", Start::After(at(2)));
    assert_eq!(hub.cursor(id).start(&topic("a")), Start::After(at(2)), "an eviction keeps its beginning");
}

#[test]
fn a_drop_before_the_first_message_loses_nothing() {
    let mut hub = hub();
    let id = follow(&mut hub, "a", Start::Live);
    let token = hub.cursor(id).encode();
    hub.disconnect(Duration::ZERO, id);
    hub.handle_timeout(Config::default().topic_expiry);
    assert_eq!(hub.usage().topics, 0, "nobody listens and nothing was said");
    publish(&mut hub, "a", 1);
    let id = follow(&mut hub, "a", Cursor::parse(&token).unwrap().start(&topic("a")));
    assert_eq!(numbers(&mut hub, id), [1]);
}

#[test]
fn a_topic_with_a_past_outlives_its_subscribers() {
    let mut hub = hub();
    let id = follow(&mut hub, "a", Start::Live);
    publish(&mut hub, "a", 1);
    hub.disconnect(Duration::ZERO, id);
    assert_eq!(hub.topic(&topic("a")).unwrap().head, at(1));
    let id = follow(&mut hub, "a", Start::After(at(0)));
    assert_eq!(numbers(&mut hub, id), [1]);
}

#[test]
fn a_client_resumes_in_all_its_topics_from_one_token() {
    let mut hub = hub();
    let id = connect(&mut hub, 1);
    for name in ["a", "b"] {
        hub.subscribe(Duration::ZERO, id, &topic(name), Start::Live).unwrap();
        publish(&mut hub, name, 1);
        publish(&mut hub, name, 2);
    }
    assert_eq!(pull(&mut hub, id), Some(note("a", 1)));
    assert_eq!(pull(&mut hub, id), Some(note("b", 1)));
    assert_eq!(pull(&mut hub, id), Some(note("a", 2)));
    let cursor = Cursor::parse(&hub.cursor(id).encode()).unwrap();
    hub.disconnect(Duration::ZERO, id);
    publish(&mut hub, "a", 3);
    publish(&mut hub, "new", 3);
    let id = connect(&mut hub, 2);
    for name in ["a", "b", "new"] {
        hub.subscribe(Duration::ZERO, id, &topic(name), cursor.start(&topic(name))).unwrap();
    }
    assert_eq!(pull_all(&mut hub, id), [note("a", 3), note("b", 2)], "what the token lacks starts live");
}

#[test]
fn a_restarted_hub_tells_a_gap() {
    let mut old = Hub::<Note>::new(tidewire_hub::Config::default(), FOREIGN.incarnation, 1);
    let id = follow(&mut old, "a", Start::Live);
    publish(&mut old, "a", 1);
    assert!(old.pull(std::time::Duration::ZERO, id).is_some());
    let token = old.cursor(id).encode();
    let mut hub = hub();
    publish(&mut hub, "a", 5);
    let id = follow(&mut hub, "a", Cursor::parse(&token).unwrap().start(&topic("a")));
    assert_eq!(pull(&mut hub, id), gap(GapReason::Epoch, Some(Position { epoch: FOREIGN, offset: 1 }), 0));
    assert_eq!(numbers(&mut hub, id), [5]);
}

#[test]
fn a_token_of_any_kind_is_a_place_to_start() {
    let (mut hub, a, b) = (evicted_to_five(), topic("a"), topic("b"));
    let id = connect(&mut hub, 1);
    hub.subscribe(Duration::ZERO, id, &a, Start::Last(2)).unwrap();
    let token = hub.cursor(id).encode();
    assert_eq!(Start::resume(Some(&token), &a), Start::After(at(8)));
    assert_eq!(Start::resume(Some(&token), &b), Start::Live, "it does not have the topic");
    assert_eq!(Start::resume(Some("no token"), &a), Start::Unknown);
    assert_eq!(Start::resume(None, &a), Start::Live);
}

#[test]
fn the_reasons_have_their_words() {
    let words = [GapReason::Evicted, GapReason::Lagged, GapReason::Epoch, GapReason::Unknown]
        .map(|reason| reason.to_string());
    assert_eq!(words, ["evicted", "lagged", "epoch", "unknown"]);
}

#[test]
fn gaps_of_all_topics_can_be_taken_before_any_message() {
    let mut hub = hub_with(|limits| limits.max_messages_per_topic = 2);
    let id = connect(&mut hub, 1);
    for name in ["a", "b", "c", "d"] {
        hub.subscribe(Duration::ZERO, id, &topic(name), Start::Live).unwrap();
    }
    let unreadable = topic("e");
    hub.subscribe(Duration::ZERO, id, &unreadable, Start::Unknown).unwrap();
    for number in 1..=3 {
        for name in ["a", "b"] {
            publish(&mut hub, name, number);
        }
    }
    publish(&mut hub, "c", 7);
    let told: Vec<_> = hub
        .take_gaps(Duration::ZERO, id)
        .into_iter()
        .map(|gap| (gap.topic.to_string(), gap.reason, gap.to.offset))
        .collect();
    assert_eq!(
        told,
        [
            ("a".to_owned(), GapReason::Evicted, 1),
            ("b".to_owned(), GapReason::Evicted, 1),
            ("e".to_owned(), GapReason::Unknown, 0),
        ]
    );
    assert_eq!(hub.take_gaps(Duration::ZERO, id), []);
    // What is held comes all the same, and what is published later wakes the subscriber.
    let mut numbers: Vec<_> =
        std::iter::from_fn(|| hub.pull(Duration::ZERO, id).map(|delivery| format!("{delivery:?}"))).collect();
    numbers.sort();
    assert_eq!(numbers.len(), 5, "{numbers:?}");
    assert!(numbers.iter().all(|delivery| !delivery.contains("Gap")), "{numbers:?}");
    while hub.poll_ready().is_some() {}
    publish(&mut hub, "e", 8);
    assert_eq!(hub.poll_ready(), Some(id));
    hub.disconnect(Duration::ZERO, id);
    assert_eq!(hub.take_gaps(Duration::ZERO, id), []);
}

#[test]
fn taking_gaps_ahead_takes_nobody_s_turn_to_be_named() {
    let mut hub = hub_with(|limits| limits.max_messages_per_topic = 2);
    publish(&mut hub, "a", 1);
    let id = follow(&mut hub, "a", Start::Earliest);
    assert_eq!(hub.take_gaps(Duration::ZERO, id), []);
    publish(&mut hub, "a", 2);
    assert_eq!(ready(&mut hub), [id]);
    assert_eq!(numbers(&mut hub, id), [1, 2]);
    let foreign = connect(&mut hub, 2);
    hub.subscribe(Duration::ZERO, foreign, &topic("blank"), Start::Unknown).unwrap();
    assert_eq!(hub.take_gaps(Duration::ZERO, foreign).len(), 1);
    assert_eq!(ready(&mut hub), [], "there is nothing but the gap");
    publish(&mut hub, "blank", 1);
    assert_eq!(ready(&mut hub), [foreign]);
    assert!(hub.pause(foreign, &topic("blank")));
    for number in 2..=4 {
        publish(&mut hub, "blank", number);
    }
    assert_eq!(hub.take_gaps(Duration::ZERO, foreign), [], "of a topic that pauses nothing comes");
    assert!(hub.resume(foreign, &topic("blank")));
    assert_eq!(hub.take_gaps(Duration::ZERO, foreign).len(), 1);
    assert_eq!(numbers(&mut hub, foreign), [3, 4]);
}

#[test]
fn progress_that_takes_each_delivery_says_where_the_hub_is() {
    let mut hub = hub_with(|limits| limits.max_messages_per_topic = 2);
    let id = connect(&mut hub, 1);
    let mut progress = Progress::new(HUB);
    for (name, start) in [("a", Start::Live), ("b", Start::Unknown)] {
        hub.subscribe(Duration::ZERO, id, &topic(name), start).unwrap();
        hub.note_progress(id, &mut progress);
    }
    assert_eq!(progress.cursor(), hub.cursor(id));
    hub.send_to(id, Note(9, 0)).unwrap();
    for number in 1..=3 {
        publish(&mut hub, "a", number);
    }
    assert_eq!(ready(&mut hub), [id]);
    let mut tokens = Vec::new();
    for delivery in hub.batch(Duration::ZERO, id, Budget::default()) {
        progress.advance(&delivery);
        tokens.push(progress.cursor());
    }
    assert_eq!(progress.cursor(), hub.cursor(id));
    let starts = |token: &Cursor| (token.start(&topic("a")), token.start(&topic("b")));
    let expected = [
        (Start::After(at(0)), Start::Unknown),
        (Start::After(at(0)), Start::After(at(0))),
        (Start::After(at(1)), Start::After(at(0))),
        (Start::After(at(2)), Start::After(at(0))),
        (Start::After(at(3)), Start::After(at(0))),
    ];
    assert_eq!(tokens.iter().map(starts).collect::<Vec<_>>(), expected);
}
