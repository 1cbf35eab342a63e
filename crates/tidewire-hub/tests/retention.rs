//! What time does: messages that expire or grow too old, topics that are forgotten, and lives that never come
//! back.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::time::Duration;

use common::*;
use tidewire_hub::{
    Config, Cursor, Due, ENTRY_OVERHEAD_BYTES, EXTRAS_OVERHEAD_BYTES, GapReason, Hub, Position, PublishError,
    PublishOptions, Replay, Start, SubscriberId,
};

const MS: Duration = Duration::from_millis(1);

fn send(hub: &mut Hub<Note>, now: Duration, number: u64, options: &PublishOptions<'_>) -> u64 {
    hub.publish(now, &topic("a"), Note(number, 0), options).unwrap().position().offset
}

/// The numbers that a pull at that time gives, and whether there was a gap among them.
fn take(hub: &mut Hub<Note>, now: Duration, id: SubscriberId) -> (Vec<u64>, bool) {
    let (mut numbers, mut gap) = (Vec::new(), false);
    for delivery in hub.batch(now, id, tidewire_hub::Budget::default()) {
        match delivery {
            tidewire_hub::Delivery::Message(lent) => numbers.push(lent.message().0),
            tidewire_hub::Delivery::Gap(_) => gap = true,
            tidewire_hub::Delivery::Dismissed(_) | tidewire_hub::Delivery::Direct(_) => {
                panic!("{delivery:?}")
            }
        }
    }
    (numbers, gap)
}

#[test]
fn ephemeral_messages_are_for_those_who_are_there() {
    let mut hub = hub_with(|limits| limits.max_messages_per_topic = 3);
    let there = follow(&mut hub, "a", Start::Live);
    let ephemeral = PublishOptions::new().replay(Replay::Ephemeral);
    send(&mut hub, MS, 1, &PublishOptions::new());
    send(&mut hub, MS, 2, &ephemeral);
    let later = follow(&mut hub, "a", Start::Earliest);
    send(&mut hub, MS, 3, &ephemeral);
    assert_eq!(take(&mut hub, MS, there), (vec![1, 2, 3], false));
    assert_eq!(take(&mut hub, MS, later), (vec![1, 3], false));
    let last = follow(&mut hub, "a", Start::Last(1));
    assert_eq!(take(&mut hub, MS, last), (vec![1], false), "what a resume skips is not counted");
    for number in 4..9 {
        send(&mut hub, MS, number, &ephemeral);
    }
    assert_eq!(take(&mut hub, MS, later), (vec![7, 8], false), "only ephemeral ones are gone");
    ready(&mut hub);
    let resumed = follow(&mut hub, "a", Start::After(at(3)));
    assert!(!hub.wants_batch(resumed));
    assert_eq!((take(&mut hub, MS, resumed), hub.poll_ready()), ((vec![], false), None));
}

#[test]
fn typing_notices_do_not_push_out_the_history_of_a_chat() {
    let notice = PublishOptions::new().expires_in(Duration::from_secs(3));
    for notice in [notice, notice.replay(Replay::Ephemeral), PublishOptions::new().replay(Replay::Ephemeral)]
    {
        let mut hub = hub();
        let live = follow(&mut hub, "a", Start::Live);
        for number in 1..=10 {
            send(&mut hub, Duration::ZERO, number, &PublishOptions::new());
        }
        // One each 250 ms, for 42 minutes: more than a topic holds, in bytes.
        let mut now = Duration::ZERO;
        for number in 11..=10_010 {
            now += Duration::from_millis(250);
            hub.publish(now, &topic("a"), Note(number, 100), &notice).unwrap();
        }
        assert!(hub.usage().bytes <= Config::default().max_bytes_per_topic);
        let later = follow(&mut hub, "a", Start::Earliest);
        let (history, gap) = take(&mut hub, now, later);
        assert_eq!((&history[..10], gap), (&(1..=10).collect::<Vec<_>>()[..], false));
        assert!(history.len() <= 10 + 12, "those that are not expired yet");
        let mut rest = Vec::new();
        while rest.last() != Some(&10_010) {
            let (more, gap) = take(&mut hub, now, live);
            assert!(!gap && (!more.is_empty() || hub.wants_batch(live)));
            rest.extend(more);
        }
        assert!(rest.is_sorted() && rest.starts_with(&history[..10]));
        hub.handle_timeout(now + Duration::from_secs(3));
        let last = follow(&mut hub, "a", Start::Last(10));
        assert_eq!(take(&mut hub, now, last), ((1..=10).collect(), false));
    }
}

#[test]
fn history_that_fills_a_topic_gives_way_to_the_last_few_notices_only() {
    let mut hub = hub_with(|limits| limits.max_messages_per_topic = 80);
    for number in 1..=80 {
        send(&mut hub, MS, number, &PublishOptions::new());
    }
    for number in 81..=1_000 {
        send(&mut hub, MS, number, &PublishOptions::new().replay(Replay::Ephemeral));
    }
    let later = follow(&mut hub, "a", Start::Earliest);
    let (history, gap) = take(&mut hub, MS, later);
    assert_eq!((history, gap), ((11..=80).collect(), false), "an eighth has gone");
    let token = Position { offset: 5, ..at(0) };
    let behind = follow(&mut hub, "a", Start::After(token));
    assert_eq!(take(&mut hub, MS, behind), ((11..=80).collect(), true));
    let after = follow(&mut hub, "a", Start::After(at(500)));
    assert_eq!(take(&mut hub, MS, after), (vec![], false), "what is swept out is no loss");
}

#[test]
fn who_takes_each_turn_gets_each_ephemeral_message_however_full_the_topic_is() {
    let mut hub = hub_with(|limits| limits.max_bytes_per_topic = 100_000);
    for number in 0..1_000 {
        hub.publish(MS, &topic("a"), Note(number, 100), &PublishOptions::new()).unwrap();
    }
    let id = follow(&mut hub, "a", Start::Live);
    let ephemeral = PublishOptions::new().replay(Replay::Ephemeral);
    for number in 1_000..1_100 {
        hub.publish(MS, &topic("a"), Note(number, 20_000), &ephemeral).unwrap();
        hub.publish(MS, &topic("a"), Note(number, 100), &PublishOptions::new()).unwrap();
        assert_eq!(take(&mut hub, MS, id), (vec![number, number], false));
    }
}

#[test]
fn what_expires_is_history_until_it_does() {
    let mut hub = hub_with(|limits| limits.max_messages_per_topic = 4);
    send(&mut hub, MS, 1, &PublishOptions::new());
    for number in 2..=5 {
        send(&mut hub, MS, number, &PublishOptions::new().expires_in(10 * MS));
    }
    let behind = follow(&mut hub, "a", Start::After(at(0)));
    assert_eq!(take(&mut hub, MS, behind), (vec![2, 3, 4, 5], true), "the oldest went");
    send(&mut hub, 20 * MS, 6, &PublishOptions::new());
    assert_eq!(hub.usage().messages, 1, "and then those that are expired");
    assert_eq!(take(&mut hub, 20 * MS, behind), (vec![6], false));
}

#[test]
fn an_expired_message_is_skipped_from_its_time_on() {
    let mut hub = hub();
    let (soon, late) = (follow(&mut hub, "a", Start::Live), follow(&mut hub, "a", Start::Live));
    send(&mut hub, MS, 1, &PublishOptions::new().expires_in(5 * MS));
    send(&mut hub, MS, 2, &PublishOptions::new());
    assert_eq!(take(&mut hub, 6 * MS - Duration::from_nanos(1), soon), (vec![1, 2], false));
    assert_eq!(take(&mut hub, 6 * MS, late), (vec![2], false));
    send(&mut hub, 7 * MS, 3, &PublishOptions::new().expires_in(Duration::ZERO));
    assert_eq!(hub.poll_ready(), None, "nobody is woken for it");
    send(&mut hub, 7 * MS, 4, &PublishOptions::new().expires_in(Duration::MAX));
    assert_eq!(take(&mut hub, Duration::MAX / 2, soon), (vec![], true), "its age ends it");
}

#[test]
fn an_event_name_comes_with_the_message_and_has_a_limit() {
    let mut hub = hub();
    let id = follow(&mut hub, "a", Start::Live);
    let (longest, longer) = ("e".repeat(255), "e".repeat(256));
    send(&mut hub, MS, 1, &PublishOptions::new().event(&longest));
    let refused = hub.publish(MS, &topic("b"), Note(2, 0), &PublishOptions::new().event(&longer));
    assert_eq!(refused, Err(PublishError::EventTooLong));
    assert_eq!(hub.usage().topics, 1);
    assert_eq!(hub.usage().bytes, ENTRY_OVERHEAD_BYTES + EXTRAS_OVERHEAD_BYTES + 255);
    let Some(tidewire_hub::Delivery::Message(lent)) = hub.pull(MS, id) else { panic!("a message") };
    assert_eq!((lent.event(), lent.published_at()), (Some(&*longest), MS));
}

#[test]
fn max_age() {
    let mut hub = hub_with(|limits| limits.max_age = 10 * MS);
    let (one, two) = (follow(&mut hub, "a", Start::Live), follow(&mut hub, "a", Start::Live));
    send(&mut hub, MS, 1, &PublishOptions::new());
    send(&mut hub, 3 * MS, 2, &PublishOptions::new());
    assert_eq!(hub.poll_timeout(), Some((11 * MS, Due::MessageAge)));
    assert_eq!(take(&mut hub, 11 * MS - Duration::from_nanos(1), one), (vec![1, 2], false));
    assert_eq!(take(&mut hub, 11 * MS, two), (vec![2], true), "gone without a timeout being handled");
    assert_eq!(hub.usage().messages, 1);
    assert_eq!(hub.poll_timeout(), Some((13 * MS, Due::MessageAge)));
    hub.handle_timeout(13 * MS);
    assert_eq!((hub.usage().messages, hub.usage().bytes), (0, 0));
    assert_eq!(hub.poll_timeout(), None, "it is followed");
    let mut hub = hub_with(|limits| limits.max_age = Duration::MAX);
    send(&mut hub, MS, 1, &PublishOptions::new());
    assert_eq!(hub.poll_timeout(), None);
}

#[test]
fn time_does_not_go_back() {
    let mut hub = hub_with(|limits| limits.max_age = 10 * MS);
    send(&mut hub, 100 * MS, 1, &PublishOptions::new());
    send(&mut hub, MS, 2, &PublishOptions::new());
    hub.handle_timeout(109 * MS);
    assert_eq!(hub.usage().messages, 2);
    hub.handle_timeout(110 * MS);
    assert_eq!(hub.usage().messages, 0);
}

#[test]
fn topic_expiry() {
    let mut hub = hub_with(|limits| limits.topic_expiry = 10 * MS);
    hub.handle_timeout(5 * MS);
    let id = follow(&mut hub, "a", Start::Live);
    let token = hub.cursor(id);
    hub.disconnect(Duration::ZERO, id);
    assert_eq!(hub.poll_timeout(), Some((15 * MS, Due::TopicExpiry)));
    hub.handle_timeout(15 * MS - Duration::from_nanos(1));
    let again = follow(&mut hub, "a", token.start(&topic("a")));
    assert_eq!((take(&mut hub, 15 * MS, again), hub.poll_timeout()), ((vec![], false), None));
    hub.disconnect(Duration::ZERO, again);
    hub.handle_timeout(25 * MS);
    assert_eq!(hub.usage().topics, 0);
    let last = follow(&mut hub, "a", token.start(&topic("a")));
    assert_eq!(take(&mut hub, 25 * MS, last), (vec![], false), "it never had a message");
}

#[test]
fn a_topic_that_comes_back_has_another_life() {
    let mut hub = hub_with(|limits| {
        limits.max_age = MS;
        limits.topic_expiry = MS;
    });
    let mut positions: Vec<Position> = Vec::new();
    for turn in 0..4 {
        let now = 100 * MS * turn;
        for name in ["a", "b"] {
            let published = hub.publish(now, &topic(name), Note(1, 0), &PublishOptions::new()).unwrap();
            assert!(!positions.contains(&published.position()) || name == "b");
            positions.push(published.position());
        }
        hub.handle_timeout(now + MS);
        assert_eq!(hub.usage().topics, 2, "without messages, and not yet forgotten");
        hub.handle_timeout(now + 2 * MS);
        assert_eq!(hub.usage().topics, 0);
    }
    let lives: Vec<u64> = positions.iter().map(|position| position.epoch.life).collect();
    assert_eq!(lives, [0, 0, 1, 1, 2, 2, 3, 3], "one more for all that are gone together");
    let cursor = Cursor::for_position(&topic("a"), positions[0]);
    let id = follow(&mut hub, "a", Cursor::parse(&cursor.encode()).unwrap().start(&topic("a")));
    let Some(tidewire_hub::Delivery::Gap(gap)) = hub.pull(Duration::ZERO, id) else { panic!("a gap") };
    assert_eq!((gap.reason, gap.from), (GapReason::Epoch, Some(positions[0])));
}

#[test]
fn the_topic_that_is_unused_for_longest_makes_room() {
    let mut hub = hub_with(|limits| limits.max_topics = 3);
    let ids = ["a", "b", "c"].map(|name| follow(&mut hub, name, Start::Live));
    hub.disconnect(Duration::ZERO, ids[1]);
    hub.disconnect(Duration::ZERO, ids[0]);
    let names = |hub: &Hub<Note>| hub.topics().map(|info| info.name.to_string()).collect::<Vec<_>>();
    publish(&mut hub, "d", 1);
    assert_eq!(names(&hub), ["a", "d", "c"]);
    publish(&mut hub, "e", 1);
    assert_eq!(names(&hub), ["e", "d", "c"]);
    let refused = hub.publish(MS, &topic("f"), Note(1, 0), &PublishOptions::new());
    assert_eq!(refused, Err(PublishError::TooManyTopics), "the others are followed, or hold messages");
}

#[test]
fn the_defaults_of_time_are_those_of_the_documentation() {
    let config = Config::default();
    assert_eq!(config.max_age, Duration::from_secs(86_400));
    assert_eq!(config.topic_expiry, Duration::from_secs(300));
    assert_eq!((config.max_turn_messages, config.max_turn_bytes), (32, 16_384));
}

#[test]
fn a_topic_is_remembered_from_when_its_last_follower_left() {
    let second = Duration::from_secs;
    for leaves in [true, false] {
        let mut hub = hub_with(|limits| (limits.max_age, limits.topic_expiry) = (second(10), second(300)));
        let id = follow(&mut hub, "a", Start::Live);
        publish(&mut hub, "a", 1);
        assert_eq!(pull_all(&mut hub, id).len(), 1);
        let cursor = hub.cursor(id);
        hub.handle_timeout(second(11));
        assert_eq!(hub.poll_timeout(), None, "nobody has to tell the time");
        if leaves {
            assert!(hub.unsubscribe(second(1000), id, &topic("a")));
        } else {
            hub.disconnect(second(1000), id);
        }
        hub.handle_timeout(second(1299));
        let again = connect(&mut hub, 2);
        hub.subscribe(second(1299), again, &topic("a"), cursor.start(&topic("a"))).unwrap();
        assert_eq!(pull_all(&mut hub, again), [], "no gap: nothing was missed");
    }
}

#[test]
fn the_last_few_are_counted_at_the_present_time() {
    let mut hub = hub();
    publish(&mut hub, "a", 1);
    let passing = PublishOptions::new().expires_in(Duration::from_secs(5));
    hub.publish(Duration::from_secs(1), &topic("a"), Note(2, 0), &passing).unwrap();
    let id = connect(&mut hub, 1);
    hub.subscribe(Duration::from_secs(100), id, &topic("a"), Start::Last(1)).unwrap();
    assert_eq!(pull_all(&mut hub, id), [note("a", 1)]);
}

#[test]
fn one_call_does_so_much_of_what_is_due_and_says_when_there_is_more() {
    let second = Duration::from_secs;
    let mut hub = hub_with(|limits| {
        (limits.max_age, limits.topic_expiry, limits.idempotency_window) =
            (second(10), second(10), second(30));
    });
    for number in 0..2_500_u64 {
        let (name, key) = (format!("t{}", number % 1_250), number.to_string());
        let options = PublishOptions::new().idempotency("p", &key);
        hub.publish(Duration::ZERO, &topic(&name), Note(number, 0), &options).unwrap();
    }
    let mut calls = |at: Duration, due: Due| {
        let mut left = vec![hub.usage().messages + hub.usage().topics];
        while let Some((found, Due::MessageAge | Due::TopicExpiry | Due::IdempotencyWindow)) =
            hub.poll_timeout().filter(|(found, _)| *found <= at)
        {
            assert_eq!(hub.poll_timeout(), Some((found, due)));
            hub.handle_timeout(at);
            left.push(hub.usage().messages + hub.usage().topics);
        }
        left
    };
    // Each topic has two messages, and is looked at once beside.
    assert_eq!(calls(second(10), Due::MessageAge), [3_750, 3_068, 2_386, 1_704, 1_250]);
    assert_eq!(calls(second(20), Due::TopicExpiry), [1_250, 226, 0]);
    assert_eq!(calls(second(30), Due::IdempotencyWindow), [0, 0, 0, 0]);
    assert_eq!((hub.poll_timeout(), tidewire_hub::MAX_TIMEOUT_WORK), (None, 1_024));
    let again = PublishOptions::new().idempotency("p", "2499");
    hub.publish(second(30), &topic("t0"), Note(0, 1), &again).unwrap();
}
