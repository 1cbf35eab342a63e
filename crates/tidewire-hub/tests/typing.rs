//! Typing: who started, who stopped, and who forgot to.
#![allow(clippy::unwrap_used, missing_docs)]

use std::time::Duration;

use tidewire_hub::TopicName;
use tidewire_hub::presence::{Change, Changes, Info, PresenceDue, Typing, UserId};

fn at(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn user(id: &str) -> UserId {
    UserId::new(id).unwrap()
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
