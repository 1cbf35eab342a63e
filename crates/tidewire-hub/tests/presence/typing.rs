//! Typing: who started, who stopped, and who forgot to.

use std::time::Duration;

use tidewire_hub::TopicName;
use tidewire_hub::presence::{
    AdmissionError, Change, Changes, Info, MEMBER_OVERHEAD_BYTES, PresenceDue, Typing, TypingConfig, UserId,
};

use super::user;

fn at(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn told(typing: &mut Typing, now: Duration) -> Option<Vec<Change>> {
    typing.handle_timeout(now);
    typing.poll_diff().map(|diff| match diff.changes {
        Changes::Listed(changes) => changes,
        Changes::TooMany => panic!("too many"),
    })
}

#[test]
fn who_types_is_told_and_who_stops_or_falls_silent() {
    let mut typing = Typing::default();
    let (chat, alice, bob) = (TopicName::new("chat").unwrap(), user("alice"), user("bob"));
    typing.start(at(0), &chat, &alice).unwrap();
    typing.start(at(100), &chat, &bob).unwrap();
    assert_eq!((typing.count(&chat), typing.poll_timeout()), (2, Some((at(250), PresenceDue::Diff))));
    let joined = |user: &UserId| Change::Joined { user: user.clone(), info: Info::default() };
    assert_eq!(told(&mut typing, at(250)), Some(vec![joined(&alice), joined(&bob)]));

    // Alice goes on, and tells so every two seconds; Bob sends his message.
    typing.start(at(2000), &chat, &alice).unwrap();
    assert!(typing.stop(at(2000), &chat, &bob));
    assert!(!typing.stop(at(2000), &chat, &bob));
    assert_eq!(told(&mut typing, at(2250)), Some(vec![Change::Left { user: bob }]));
    assert_eq!(typing.list(&chat, None, 10).members[0].user, &alice);

    // She stops without a word.
    assert_eq!(typing.poll_timeout(), Some((at(5000), PresenceDue::Unseen)));
    assert_eq!(told(&mut typing, at(5000)), None);
    assert_eq!((typing.count(&chat), typing.usage().members), (0, 0));
    assert_eq!(told(&mut typing, at(5250)), Some(vec![Change::Left { user: alice }]));
    assert_eq!((typing.usage().topics, typing.poll_timeout()), (0, None));
}

/// Whether so many can type: one more than may is refused.
fn refused(limits: impl FnOnce(&mut TypingConfig), signals: &[(&str, &str)]) -> Vec<AdmissionError> {
    let mut config = TypingConfig::default();
    limits(&mut config);
    let mut typing = Typing::new(config);
    let mut start = |topic, id| typing.start(at(0), &TopicName::new(topic).unwrap(), &user(id));
    signals.iter().filter_map(|(topic, id)| start(topic, id).err()).collect()
}

#[test]
fn each_limit_is_that_of_typing() {
    let one_topic = [("a", "x"), ("a", "y"), ("a", "z")];
    let topics = [("a", "x"), ("b", "x"), ("c", "x")];
    assert_eq!(
        refused(|limits| limits.max_users_per_topic = 2, &one_topic),
        [AdmissionError::TooManyMembers]
    );
    assert_eq!(refused(|limits| limits.max_topics = 2, &topics), [AdmissionError::TooManyTopics]);
    let two = 2 * (MEMBER_OVERHEAD_BYTES + 1);
    assert_eq!(refused(|limits| limits.max_bytes = two, &topics), [AdmissionError::TooManyBytes]);
    assert_eq!(refused(|limits| limits.max_bytes = two - 1, &topics), [AdmissionError::TooManyBytes; 2]);
}

#[test]
fn each_time_and_size_is_that_of_typing() {
    let mut config = TypingConfig::default();
    config.ttl = at(700);
    (config.diff_interval, config.max_diff_interval) = (at(100), at(300));
    (config.max_diff_entries, config.max_page_len, config.max_expiries_per_call) = (1, 2, 2);
    (config.max_topics, config.max_empty_topics) = (1, 0);
    let mut typing = Typing::new(config);
    let chat = TopicName::new("chat").unwrap();
    for id in ["a", "b", "c"] {
        typing.start(at(0), &chat, &user(id)).unwrap();
    }
    assert_eq!(typing.list(&chat, None, 100).members.len(), 2);
    assert_eq!(typing.poll_timeout(), Some((at(100), PresenceDue::Diff)));
    typing.handle_timeout(at(100));
    assert_eq!(typing.poll_diff().unwrap().changes, Changes::TooMany);
    assert_eq!(typing.poll_timeout(), Some((at(400), PresenceDue::Calm)));
    typing.start(at(100), &chat, &user("d")).unwrap();
    typing.start(at(100), &chat, &user("e")).unwrap();
    typing.handle_timeout(at(300));
    assert_eq!(typing.poll_diff().unwrap().changes, Changes::TooMany);
    assert_eq!(typing.poll_timeout(), Some((at(600), PresenceDue::Calm)), "not four times as long");
    typing.handle_timeout(at(600));
    // Two at a time, and the record goes with the user: each is met twice.
    let mut calls = 0;
    while typing.usage().members > 0 {
        typing.handle_timeout(at(800));
        calls += 1;
    }
    assert_eq!((calls, typing.usage().topics, typing.usage().empty_topics), (5, 0, 1));
    let elsewhere = TopicName::new("elsewhere").unwrap();
    let start = typing.start(at(800), &elsewhere, &user("a"));
    assert_eq!(start, Err(AdmissionError::TooManyEmptyTopics), "a diff is to come");
}
