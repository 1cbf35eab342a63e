//! Presence and typing: every limit at its value and one past it.

use std::time::Duration;

use tidewire_hub::presence::{
    AdmissionError, CHANGE_OVERHEAD_BYTES, CONNECTION_OVERHEAD_BYTES, Changes, Info, MEMBER_OVERHEAD_BYTES,
    Presence, PresenceConfig, PresenceDue, Status, TypingConfig, UserId,
};
use tidewire_hub::{ConnectionId, TopicName};

use super::user;

const NOW: Duration = Duration::from_secs(1);

fn with(limits: impl FnOnce(&mut PresenceConfig)) -> Presence {
    let mut config = PresenceConfig::default();
    limits(&mut config);
    Presence::new(config)
}

fn topic(name: &str) -> TopicName {
    TopicName::new(name).unwrap()
}

fn poll(presence: &mut Presence, name: &str, id: &str) -> Result<(), AdmissionError> {
    presence.refresh(NOW, &topic(name), &user(id), None)
}

fn join(presence: &mut Presence, name: &str, id: &str, connection: u64) -> Result<(), AdmissionError> {
    presence.join(NOW, &topic(name), &user(id), ConnectionId::new(connection), Info::default())
}

/// Where the limits are documented.
const PAGE: &str = include_str!("../../src/presence/mod.rs");

#[test]
fn the_defaults_are_those_of_the_documentation() {
    let time = |time: Duration| match time.subsec_millis() {
        0 => format!("{} s", time.as_secs()),
        _ => format!("{} ms", time.as_millis()),
    };
    let count = |count: usize| match count {
        1_000.. => format!("{},{:03}", count / 1_000, count % 1_000),
        _ => count.to_string(),
    };
    let bytes = |bytes: usize| format!("{} MiB", bytes >> 20);
    let (all, typing) = (PresenceConfig::default(), TypingConfig::default());
    let limits = [
        ("UserId::MAX_LEN", format!("{0} bytes | {0} bytes", count(UserId::MAX_LEN))),
        ("Info::MAX_LEN", format!("{} bytes | –", count(Info::MAX_LEN))),
        ("PresenceConfig::seen_ttl`], [`TypingConfig::ttl", both(time, all.seen_ttl, typing.ttl)),
        ("PresenceConfig::record_ttl", format!("{} | –", time(all.record_ttl))),
        ("PresenceConfig::diff_interval", both(time, all.diff_interval, typing.diff_interval)),
        ("PresenceConfig::max_diff_interval", both(time, all.max_diff_interval, typing.max_diff_interval)),
        ("PresenceConfig::max_diff_entries", both(count, all.max_diff_entries, typing.max_diff_entries)),
        ("PresenceConfig::max_page_len", both(count, all.max_page_len, typing.max_page_len)),
        ("PresenceConfig::max_topics", both(count, all.max_topics, typing.max_topics)),
        ("PresenceConfig::max_empty_topics", both(count, all.max_empty_topics, typing.max_empty_topics)),
        (
            "PresenceConfig::max_members_per_topic",
            both(count, all.max_members_per_topic, typing.max_users_per_topic),
        ),
        ("PresenceConfig::max_connections_per_member", format!("{} | –", all.max_connections_per_member)),
        ("PresenceConfig::max_bytes", both(bytes, all.max_bytes, typing.max_bytes)),
        (
            "PresenceConfig::max_expiries_per_call",
            both(count, all.max_expiries_per_call, typing.max_expiries_per_call),
        ),
    ];
    for (name, values) in &limits {
        assert!(PAGE.contains(&format!("\n//! | [`{name}`] | {values} | ")), "{name}: {values}");
    }
    let rows = PAGE.lines().filter(|line| line.starts_with("//! | [`"));
    let rows = rows.filter(|line| line.contains("Config::") || line.contains("MAX_LEN"));
    assert_eq!(rows.count(), limits.len(), "each limit has a row, and each row a limit");
    assert_eq!((MEMBER_OVERHEAD_BYTES, CONNECTION_OVERHEAD_BYTES, CHANGE_OVERHEAD_BYTES), (256, 48, 128));
}

/// Two cells of the table.
fn both<T>(text: impl Fn(T) -> String, presence: T, typing: T) -> String {
    format!("{} | {}", text(presence), text(typing))
}

#[test]
fn max_topics() {
    let mut presence = with(|limits| limits.max_topics = 2);
    poll(&mut presence, "a", "x").unwrap();
    poll(&mut presence, "b", "x").unwrap();
    assert_eq!(poll(&mut presence, "c", "x"), Err(AdmissionError::TooManyTopics));
    assert_eq!(join(&mut presence, "c", "x", 1), Err(AdmissionError::TooManyTopics));
    poll(&mut presence, "b", "y").unwrap();
    presence.withdraw(NOW, &topic("a"), &user("x"));
    poll(&mut presence, "c", "x").unwrap();
    assert_eq!(poll(&mut presence, "a", "x"), Err(AdmissionError::TooManyTopics));
}

/// Who joins and leaves before anybody was told leaves nothing behind, under however many names.
#[test]
fn topics_that_were_never_told_of_keep_nobody_out() {
    let mut presence = with(|limits| (limits.max_topics, limits.max_empty_topics) = (1, 0));
    for name in ["a", "b", "c"] {
        join(&mut presence, name, "x", 1).unwrap();
        assert!(presence.leave(NOW, &topic(name), &user("x"), ConnectionId::new(1)));
    }
    assert_eq!((presence.usage(), presence.poll_timeout()), (Presence::default().usage(), None));
}

#[test]
fn max_empty_topics() {
    let mut presence = with(|limits| (limits.max_topics, limits.max_empty_topics) = (2, 1));
    let later = |presence: &mut Presence, seconds| {
        presence.handle_timeout(NOW + Duration::from_secs(seconds));
        std::iter::from_fn(|| presence.poll_diff()).count()
    };
    poll(&mut presence, "a", "x").unwrap();
    poll(&mut presence, "b", "x").unwrap();
    assert_eq!(later(&mut presence, 1), 2);
    for name in ["a", "b"] {
        presence.withdraw(NOW, &topic(name), &user("x"));
    }
    assert_eq!((presence.usage().topics, presence.usage().empty_topics), (0, 2));
    poll(&mut presence, "c", "x").unwrap();
    assert_eq!(poll(&mut presence, "d", "x"), Err(AdmissionError::TooManyEmptyTopics));
    assert_eq!((presence.usage().topics, presence.usage().empty_topics), (1, 2));
    poll(&mut presence, "a", "x").unwrap();
    assert_eq!(poll(&mut presence, "b", "x"), Err(AdmissionError::TooManyTopics), "two have somebody");
    presence.withdraw(NOW, &topic("a"), &user("x"));
    assert_eq!(later(&mut presence, 2), 3, "a, b and c");
    poll(&mut presence, "d", "x").unwrap();
}

#[test]
fn max_members_per_topic() {
    let mut presence = with(|limits| limits.max_members_per_topic = 2);
    poll(&mut presence, "a", "x").unwrap();
    join(&mut presence, "a", "y", 1).unwrap();
    assert_eq!(poll(&mut presence, "a", "z"), Err(AdmissionError::TooManyMembers));
    poll(&mut presence, "a", "y").unwrap();
    poll(&mut presence, "b", "z").unwrap();
    presence.handle_timeout(NOW + Duration::from_secs(30));
    assert_eq!(poll(&mut presence, "a", "z"), Err(AdmissionError::TooManyMembers), "a record counts");
    presence.handle_timeout(NOW + Duration::from_secs(60));
    poll(&mut presence, "a", "z").unwrap();
    let mut none = with(|limits| limits.max_members_per_topic = 0);
    assert_eq!(poll(&mut none, "a", "x"), Err(AdmissionError::TooManyMembers));
    assert_eq!(none.usage(), Presence::default().usage(), "what is refused makes no topic");
}

#[test]
fn max_connections_per_member() {
    let mut presence = with(|limits| limits.max_connections_per_member = 2);
    join(&mut presence, "a", "x", 1).unwrap();
    join(&mut presence, "a", "x", 2).unwrap();
    assert_eq!(join(&mut presence, "a", "x", 3), Err(AdmissionError::TooManyConnections));
    join(&mut presence, "a", "x", 2).unwrap();
    join(&mut presence, "a", "y", 3).unwrap();
    poll(&mut presence, "a", "x").unwrap();
    presence.lose(NOW, &topic("a"), &user("x"), ConnectionId::new(1));
    join(&mut presence, "a", "x", 3).unwrap();
    assert_eq!(presence.usage().connections, 3);
    let mut none = with(|limits| limits.max_connections_per_member = 0);
    assert_eq!(join(&mut none, "a", "x", 1), Err(AdmissionError::TooManyConnections));
    poll(&mut none, "a", "x").unwrap();
}

#[test]
fn what_is_refused_leaves_even_a_record_as_it_was() {
    let mut presence = with(|limits| {
        limits.max_connections_per_member = 0;
        limits.max_bytes = MEMBER_OVERHEAD_BYTES + 1;
    });
    poll(&mut presence, "a", "x").unwrap();
    presence.handle_timeout(NOW + Duration::from_secs(30));
    let before = presence.usage();
    assert_eq!(join(&mut presence, "a", "x", 1), Err(AdmissionError::TooManyConnections));
    let large = Some(Info::new(b"1").unwrap());
    let refused = presence.refresh(NOW, &topic("a"), &user("x"), large);
    assert_eq!(refused, Err(AdmissionError::TooManyBytes));
    let member = presence.member(&topic("a"), &user("x")).unwrap();
    assert_eq!((member.status, member.info), (Status::Unseen { at: NOW }, &Info::default()));
    assert_eq!(presence.usage(), before);
    poll(&mut presence, "a", "x").unwrap();
}

#[test]
fn max_bytes() {
    let two = 2 * MEMBER_OVERHEAD_BYTES + 2 + CONNECTION_OVERHEAD_BYTES;
    let mut presence = with(|limits| limits.max_bytes = two + 10);
    poll(&mut presence, "a", "x").unwrap();
    join(&mut presence, "b", "y", 1).unwrap();
    assert_eq!(presence.usage().bytes, two);
    let tell = |presence: &mut Presence, len| {
        let info = Info::new(&[0; 100][..len]).unwrap();
        presence.refresh(NOW, &topic("a"), &user("x"), Some(info))
    };
    assert_eq!(tell(&mut presence, 11), Err(AdmissionError::TooManyBytes));
    assert_eq!((tell(&mut presence, 10), presence.usage().bytes), (Ok(()), two + 10), "exactly full");
    assert_eq!(join(&mut presence, "b", "y", 2), Err(AdmissionError::TooManyBytes));
    assert_eq!(poll(&mut presence, "a", "z"), Err(AdmissionError::TooManyBytes));
    assert_eq!((tell(&mut presence, 3), presence.usage().bytes), (Ok(()), two + 3));
    presence.leave(NOW, &topic("b"), &user("y"), ConnectionId::new(1));
    assert_eq!(presence.usage().bytes, MEMBER_OVERHEAD_BYTES + 4);
    assert_eq!(
        poll(&mut presence, "b", &"z".repeat(9 + CONNECTION_OVERHEAD_BYTES)),
        Err(AdmissionError::TooManyBytes)
    );
    assert_eq!(poll(&mut presence, "b", &"z".repeat(8 + CONNECTION_OVERHEAD_BYTES)), Ok(()));
    assert_eq!(presence.usage().bytes, two + 10, "exactly full");
}

/// What diffs under way hold counts, and gives way.
#[test]
fn max_bytes_with_what_is_to_be_told() {
    let member = MEMBER_OVERHEAD_BYTES + 1;
    let change = CHANGE_OVERHEAD_BYTES + 1;
    for (bytes, is_listed) in
        [(2 * member + 2 * change, [true, true]), (2 * member + 2 * change - 1, [false, true])]
    {
        let mut presence = with(|limits| limits.max_bytes = bytes);
        poll(&mut presence, "a", "x").unwrap();
        assert_eq!((presence.usage().bytes, presence.usage().diffs_bytes), (member + change, change));
        poll(&mut presence, "b", "y").unwrap();
        let listed = is_listed.iter().filter(|is_listed| **is_listed).count();
        assert_eq!(
            (presence.usage().bytes, presence.usage().diffs_bytes),
            (2 * member + listed * change, listed * change)
        );
        presence.handle_timeout(NOW + Duration::from_secs(1));
        for (name, is_listed) in ["a", "b"].into_iter().zip(is_listed) {
            let diff = presence.poll_diff().unwrap();
            assert_eq!((diff.topic, diff.changes != Changes::TooMany), (topic(name), is_listed));
        }
        assert_eq!((presence.usage().bytes, presence.usage().diffs_bytes), (2 * member, 0));
    }
}

#[test]
fn nobody_is_refused_for_what_is_to_be_told() {
    let info = Info::new(&[7; 100]).unwrap();
    let member = MEMBER_OVERHEAD_BYTES + 1;
    let mut presence = with(|limits| limits.max_bytes = 2 * member + 100);
    presence.refresh(NOW, &topic("a"), &user("x"), Some(info.clone())).unwrap();
    presence.handle_timeout(NOW + Duration::from_secs(1));
    assert!(presence.poll_diff().is_some());
    // The old info is kept to tell of the new one, until somebody else needs the room.
    presence.refresh(NOW, &topic("a"), &user("x"), Some(Info::default())).unwrap();
    assert_eq!(presence.usage().diffs_bytes, CHANGE_OVERHEAD_BYTES + 101);
    poll(&mut presence, "a", "y").unwrap();
    assert_eq!((presence.usage().diffs_bytes, presence.usage().bytes), (0, 2 * member));
    let refused = presence.refresh(NOW, &topic("a"), &user("x"), Some(Info::new(&[7; 101]).unwrap()));
    assert_eq!(refused, Err(AdmissionError::TooManyBytes));
    presence.refresh(NOW, &topic("a"), &user("x"), Some(info)).unwrap();
    presence.handle_timeout(NOW + Duration::from_secs(2));
    assert_eq!(presence.poll_diff().unwrap().changes, Changes::TooMany);
}

#[test]
fn max_diff_entries() {
    for (given, users, expected) in
        [(3, 3, Some(3)), (3, 4, None), (3, 1000, None), (0, 1, None), (1, 1, Some(1))]
    {
        let mut presence = with(|limits| limits.max_diff_entries = given);
        for index in 0..users {
            poll(&mut presence, "a", &format!("u{index}")).unwrap();
        }
        presence.handle_timeout(NOW + Duration::from_secs(1));
        let diff = presence.poll_diff().unwrap();
        let listed = match &diff.changes {
            Changes::Listed(changes) => Some(changes.len()),
            Changes::TooMany => None,
        };
        assert_eq!((diff.users, listed), (users, expected), "{users} of {given}");
        poll(&mut presence, "a", "another").unwrap();
        presence.handle_timeout(NOW + Duration::from_secs(3));
        assert_eq!(presence.poll_diff().unwrap().users, users + 1, "the next batch starts anew");
        assert_eq!(presence.poll_diff(), None);
    }
}

#[test]
fn max_diff_interval() {
    for (given, expected) in [(4, [1, 3, 7, 11, 15]), (3, [1, 3, 6, 9, 12]), (0, [1, 2, 3, 4, 5])] {
        let mut presence = with(|limits| {
            limits.max_diff_entries = 0;
            limits.max_diff_interval = Duration::from_secs(given);
        });
        let mut told = Vec::new();
        for tenths in 0..160 {
            let now = NOW + Duration::from_millis(100 * tenths);
            presence.refresh(now, &topic("a"), &user(&format!("u{tenths}")), None).unwrap();
            told.extend(presence.poll_diff().map(|_| tenths / 10));
        }
        assert_eq!(told[..5], expected, "at most {given} s");
    }
}

#[test]
fn max_expiries_per_call() {
    for (given, at_once) in [(3, 3), (1, 1), (0, 1)] {
        let mut presence = with(|limits| limits.max_expiries_per_call = given);
        for index in 0..7 {
            poll(&mut presence, "a", &format!("u{index}")).unwrap();
        }
        presence.handle_timeout(NOW + Duration::from_secs(1));
        assert!(presence.poll_diff().is_some());
        let after = |seconds| NOW + Duration::from_secs(seconds);
        let rests = || std::iter::successors(Some(7_usize), |left| Some(left.saturating_sub(at_once)));
        for left in rests().take_while(|left| *left > 0) {
            assert_eq!(
                presence.count(&topic("a")).users,
                left,
                "{given} a call, the others are as they were"
            );
            assert_eq!(presence.poll_timeout(), Some((after(30), PresenceDue::Unseen)));
            presence.handle_timeout(after(60));
        }
        for left in rests().take_while(|left| *left > 0) {
            // What is left of the last call went on with the first records.
            assert!(presence.usage().members <= left, "{given}");
            presence.handle_timeout(after(60));
        }
        assert_eq!(
            (presence.usage().members, presence.poll_timeout()),
            (0, Some((after(61), PresenceDue::Diff)))
        );
    }
}

#[test]
fn max_page_len() {
    let mut presence = with(|limits| limits.max_page_len = 2);
    for id in ["x", "y", "z"] {
        poll(&mut presence, "a", id).unwrap();
    }
    assert_eq!(presence.list(&topic("a"), None, 2).members.len(), 2);
    assert_eq!(presence.list(&topic("a"), None, 3).members.len(), 2);
    let mut least = with(|limits| limits.max_page_len = 0);
    poll(&mut least, "a", "x").unwrap();
    assert_eq!(least.list(&topic("a"), None, 3).members.len(), 1);
}

#[test]
fn times_that_contradict_each_other_mean_something() {
    let mut presence = with(|limits| {
        limits.seen_ttl = Duration::from_secs(5);
        limits.record_ttl = Duration::ZERO;
        limits.diff_interval = Duration::ZERO;
    });
    poll(&mut presence, "a", "x").unwrap();
    assert_eq!(presence.poll_diff().unwrap().users, 1, "told at once");
    presence.handle_timeout(NOW + Duration::from_secs(5));
    assert_eq!(presence.member(&topic("a"), &user("x")), None, "the record goes with the user");
    assert_eq!(presence.poll_diff().unwrap().users, 0);
}
