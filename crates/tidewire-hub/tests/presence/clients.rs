//! Presence: who reads the list, whenever that is, and then applies every diff ends with who is there.

use std::collections::BTreeMap;
use std::time::Duration;

use tidewire_hub::presence::{
    Change, Changes, Diff, Info, Page, Presence, PresenceConfig, Typing, TypingConfig, UserId,
};

use super::{A, info, topic, user};

fn at(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A diff lists two.
fn presence() -> Presence {
    let mut config = PresenceConfig::default();
    config.max_diff_entries = 2;
    Presence::new(config)
}

fn join(presence: &mut Presence, now: Duration, id: &str, text: &str) {
    presence.join(now, &topic(), &user(id), A, info(text)).unwrap();
}

fn leave(presence: &mut Presence, now: Duration, id: &str) {
    assert!(presence.leave(now, &topic(), &user(id), A));
}

/// Who is there, as a client knows it.
type Known = BTreeMap<UserId, Info>;

fn listed(page: &Page<'_>) -> Known {
    assert_eq!(page.next, None);
    page.members.iter().map(|member| (member.user.clone(), member.info.clone())).collect()
}

/// Answers whether the diff told who changed.
fn apply(known: &mut Known, diff: Diff) -> bool {
    let Changes::Listed(changes) = diff.changes else { return false };
    for change in changes {
        match change {
            Change::Joined { user, info } | Change::Updated { user, info } => known.insert(user, info),
            Change::Left { user } => known.remove(&user),
        };
    }
    true
}

/// The diff that is due by then.
fn told(presence: &mut Presence, now: Duration) -> Option<Diff> {
    presence.handle_timeout(now);
    presence.poll_diff()
}

/// One client reads the list between the first change and the second, one knew all before; of both the one
/// diff makes the same.
fn read_between(first: fn(&mut Presence), second: fn(&mut Presence)) -> Vec<Change> {
    let mut presence = presence();
    join(&mut presence, at(0), "alice", "free");
    assert!(told(&mut presence, at(1_000)).is_some());
    let mut before = listed(&presence.list(&topic(), None, 100));
    first(&mut presence);
    let mut between = listed(&presence.list(&topic(), None, 100));
    assert_ne!(between, before);
    second(&mut presence);
    let diff = told(&mut presence, at(10_000)).unwrap();
    assert!(apply(&mut before, diff.clone()) && apply(&mut between, diff.clone()));
    let there = listed(&presence.list(&topic(), None, 100));
    assert_eq!((&before, &between), (&there, &there));
    assert_eq!((told(&mut presence, at(20_000)), presence.poll_timeout()), (None, None), "and that is all");
    let Changes::Listed(changes) = diff.changes else { panic!("one is not too many") };
    changes
}

#[test]
fn who_reloads_the_page_is_there() {
    let changes = read_between(
        |presence| leave(presence, at(2_000), "alice"),
        |presence| join(presence, at(2_300), "alice", "free"),
    );
    assert_eq!(changes, [Change::Updated { user: user("alice"), info: info("free") }]);
}

#[test]
fn who_looked_in_for_a_moment_is_not() {
    let changes = read_between(
        |presence| join(presence, at(2_000), "bob", ""),
        |presence| leave(presence, at(2_300), "bob"),
    );
    assert_eq!(changes, [Change::Left { user: user("bob") }]);
}

#[test]
fn an_info_that_was_another_for_a_moment_is_told() {
    let changes = read_between(
        |presence| join(presence, at(2_000), "alice", "busy"),
        |presence| join(presence, at(2_300), "alice", "free"),
    );
    assert_eq!(changes, [Change::Updated { user: user("alice"), info: info("free") }]);
}

#[test]
fn who_has_changed_by_the_end_is_told_as_to_everybody() {
    let changes = read_between(
        |presence| join(presence, at(2_000), "bob", "B"),
        |presence| {
            leave(presence, at(2_100), "alice");
            join(presence, at(2_200), "bob", "C");
        },
    );
    let expected =
        [Change::Left { user: user("alice") }, Change::Joined { user: user("bob"), info: info("C") }];
    assert_eq!(changes, expected);
}

/// What changes after the list was read, and changes back, is known to nobody.
#[test]
fn who_is_as_told_again_is_kept_for_a_list_in_between_alone() {
    let mut presence = presence();
    join(&mut presence, at(0), "alice", "");
    assert!(told(&mut presence, at(1_000)).is_some());
    for (id, is_read) in [("x", false), ("y", true), ("z", false)] {
        join(&mut presence, at(2_000), id, "");
        if is_read {
            let _ = presence.list(&topic(), None, 1);
        }
        leave(&mut presence, at(2_000), id);
    }
    let diff = told(&mut presence, at(3_000)).unwrap();
    assert_eq!(diff.changes, Changes::Listed(vec![Change::Left { user: user("y") }]));
}

/// Many who flicker are nothing to tell, and no lists but those between make it so.
#[test]
fn lists_that_are_read_while_all_is_told_keep_nobody() {
    let mut presence = Presence::default();
    join(&mut presence, at(0), "alice", "");
    assert!(told(&mut presence, at(1_000)).is_some());
    for round in 0..1_000 {
        let id = format!("x{round}");
        assert_eq!(presence.list(&topic(), None, 100).members.len(), 1);
        join(&mut presence, at(2_000), &id, "");
        leave(&mut presence, at(2_000), &id);
        assert_eq!(presence.poll_timeout(), None);
    }
}

/// Of a crowd nobody knows how each was told, nor who was on the list.
#[test]
fn a_crowd_that_was_on_a_list_is_told() {
    let mut presence = presence();
    for id in ["a", "b", "c"] {
        join(&mut presence, at(0), id, "");
    }
    assert_eq!(presence.list(&topic(), None, 100).members.len(), 3);
    for id in ["a", "b", "c"] {
        leave(&mut presence, at(0), id);
    }
    assert_eq!((presence.usage().topics, presence.usage().empty_topics), (0, 1));
    let diff = told(&mut presence, at(1_000)).unwrap();
    assert_eq!((diff.users, diff.changes), (0, Changes::TooMany));
}

/// All read the list after too many changes, while some of the crowd come and go.
#[test]
fn after_too_many_changes_everybody_who_reads_ends_right() {
    let mut config = PresenceConfig::default();
    config.max_diff_entries = 20;
    let mut presence = Presence::new(config);
    for index in 0..50 {
        join(&mut presence, at(0), &format!("u{index:02}"), "");
    }
    assert_eq!(told(&mut presence, at(1_000)).unwrap().changes, Changes::TooMany);
    let mut clients = Vec::new();
    for step in 0..60 {
        let now = at(1_000 + 40 * step);
        let id = format!("u{:02}", step / 6);
        match step % 6 {
            0 => leave(&mut presence, now, &id),
            4 => join(&mut presence, now, &id, ""),
            _ => clients.push(listed(&presence.list(&topic(), None, 100))),
        }
        if let Some(diff) = told(&mut presence, now) {
            clients.iter_mut().for_each(|known| assert!(apply(known, diff.clone())));
        }
    }
    let diff = told(&mut presence, at(10_000)).unwrap();
    clients.iter_mut().for_each(|known| assert!(apply(known, diff.clone())));
    let there = listed(&presence.list(&topic(), None, 100));
    assert_eq!((there.len(), clients.len()), (50, 40));
    assert!(clients.iter().all(|known| *known == there));
}

#[test]
fn the_same_for_who_types() {
    let mut typing = Typing::new(TypingConfig::default());
    typing.start(at(0), &topic(), &user("alice")).unwrap();
    let mut known = listed(&typing.list(&topic(), None, 100));
    assert_eq!(known.len(), 1);
    assert!(typing.stop(at(100), &topic(), &user("alice")));
    typing.handle_timeout(at(250));
    assert!(apply(&mut known, typing.poll_diff().unwrap()));
    assert!(known.is_empty());
}
