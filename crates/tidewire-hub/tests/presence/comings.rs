//! Presence: who joins and leaves when, what the diffs say, what lists and counts show.

use std::time::Duration;

use tidewire_hub::presence::{Change, Changes, Diff, Info, Presence, PresenceDue, Status};
use tidewire_hub::{ConnectionId, TopicName};

use super::{A, B, info, topic, user};

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn presence() -> Presence {
    Presence::default()
}

/// Alice with these connections, told of.
fn alice_with(connections: &[ConnectionId]) -> Presence {
    let mut presence = presence();
    for connection in connections {
        presence.join(at(0), &topic(), &user("alice"), *connection, Info::default()).unwrap();
    }
    assert_eq!(told(&mut presence, at(1)), ["+alice"]);
    presence
}

/// Alice, who polled and has no connection, told of.
fn alice_polling() -> Presence {
    let mut presence = presence();
    presence.refresh(at(0), &topic(), &user("alice"), None).unwrap();
    assert_eq!(told(&mut presence, at(1)), ["+alice"]);
    presence
}

fn diffs(presence: &mut Presence, now: Duration) -> Vec<Diff> {
    presence.handle_timeout(now);
    std::iter::from_fn(|| presence.poll_diff()).collect()
}

/// The diffs that are due by then in short, all of one topic.
fn told(presence: &mut Presence, now: Duration) -> Vec<String> {
    let mut all = Vec::new();
    for diff in diffs(presence, now) {
        match diff.changes {
            Changes::TooMany => all.push("too many".to_owned()),
            Changes::Listed(changes) => all.extend(changes.iter().map(short)),
        }
    }
    all
}

fn short(change: &Change) -> String {
    let text = |info: &Info| String::from_utf8(info.as_bytes().to_vec()).unwrap();
    match change {
        Change::Joined { user, info } => format!("+{user}{}", text(info)),
        Change::Updated { user, info } => format!("~{user}{}", text(info)),
        Change::Left { user } => format!("-{user}"),
    }
}

fn status(presence: &Presence) -> Option<Status> {
    presence.member(&topic(), &user("alice")).map(|member| member.status)
}

fn counted(presence: &Presence) -> (usize, usize) {
    let count = presence.count(&topic());
    (count.users, count.connections)
}

#[test]
fn a_user_joins_with_the_first_connection_and_leaves_with_the_last() {
    let mut presence = alice_with(&[A]);
    presence.join(at(2), &topic(), &user("alice"), B, Info::default()).unwrap();
    assert_eq!(counted(&presence), (1, 2));
    assert!(presence.leave(at(3), &topic(), &user("alice"), A));
    assert_eq!((counted(&presence), status(&presence)), ((1, 1), Some(Status::Connected)));
    assert_eq!(told(&mut presence, at(4)), [""; 0], "one connection more or less is no change");
    assert!(presence.leave(at(5), &topic(), &user("alice"), B));
    assert_eq!((counted(&presence), status(&presence)), ((0, 0), None));
    assert_eq!(told(&mut presence, at(6)), ["-alice"]);
    assert_eq!(presence.usage(), presence_usage_of_nobody());
}

fn presence_usage_of_nobody() -> tidewire_hub::presence::PresenceUsage {
    presence().usage()
}

#[test]
fn a_connection_counts_once_and_leaves_once() {
    let mut presence = alice_with(&[A, A]);
    assert_eq!(counted(&presence), (1, 1));
    assert!(!presence.leave(at(2), &topic(), &user("alice"), B));
    assert!(!presence.leave(at(2), &topic(), &user("bob"), A));
    assert!(!presence.lose(at(2), &topic(), &user("alice"), B));
    assert!(presence.leave(at(2), &topic(), &user("alice"), A));
    assert!(!presence.leave(at(2), &topic(), &user("alice"), A));
    assert!(!presence.leave(at(2), &TopicName::new("other").unwrap(), &user("alice"), A));
}

#[test]
fn an_open_connection_needs_no_refresh() {
    let mut presence = alice_with(&[A]);
    assert_eq!(presence.poll_timeout(), None);
    assert_eq!(told(&mut presence, at(1_000_000)), [""; 0]);
    assert_eq!(counted(&presence), (1, 1));
}

#[test]
fn who_polls_is_seen_for_30_s_and_has_a_record_for_60() {
    let mut presence = alice_polling();
    assert_eq!(presence.poll_timeout(), Some((at(30), PresenceDue::Unseen)));
    presence.handle_timeout(at(30) - Duration::from_nanos(1));
    assert_eq!((counted(&presence), status(&presence)), ((1, 0), Some(Status::Refreshed { at: at(0) })));
    presence.handle_timeout(at(30));
    assert_eq!((counted(&presence), status(&presence)), ((0, 0), Some(Status::Unseen { at: at(0) })));
    assert_eq!(presence.poll_timeout(), Some((at(31), PresenceDue::Diff)));
    assert_eq!(told(&mut presence, at(31)), ["-alice"]);
    assert_eq!(presence.poll_timeout(), Some((at(60), PresenceDue::Record)));
    presence.handle_timeout(at(60) - Duration::from_nanos(1));
    assert_eq!(presence.usage().members, 1);
    presence.handle_timeout(at(60));
    assert_eq!((status(&presence), presence.poll_timeout()), (None, None));
    assert_eq!(told(&mut presence, at(100)), [""; 0]);
    assert_eq!(presence.usage(), presence_usage_of_nobody());
}

#[test]
fn each_poll_counts_anew() {
    let mut presence = alice_polling();
    for seconds in [20, 49, 78] {
        presence.refresh(at(seconds), &topic(), &user("alice"), None).unwrap();
        assert_eq!(told(&mut presence, at(seconds + 1)), [""; 0]);
    }
    assert_eq!(presence.poll_timeout(), Some((at(108), PresenceDue::Unseen)));
}

#[test]
fn who_comes_back_is_told_with_the_info_of_the_record() {
    let mut presence = presence();
    presence.refresh(at(0), &topic(), &user("alice"), Some(info("A"))).unwrap();
    assert_eq!(told(&mut presence, at(1)), ["+aliceA"]);
    assert_eq!(told(&mut presence, at(30)), [""; 0]);
    assert_eq!(told(&mut presence, at(31)), ["-alice"]);
    presence.refresh(at(59), &topic(), &user("alice"), None).unwrap();
    assert_eq!(told(&mut presence, at(60)), ["+aliceA"]);
    assert_eq!(told(&mut presence, at(89)), [""; 0]);
    assert_eq!(told(&mut presence, at(90)), ["-alice"]);
    presence.refresh(at(119), &topic(), &user("alice"), None).unwrap();
    assert_eq!(told(&mut presence, at(120)), ["+alice"], "the record was gone");
}

#[test]
fn a_lost_connection_is_seen_for_30_s() {
    let mut presence = alice_with(&[A]);
    assert!(presence.lose(at(10), &topic(), &user("alice"), A));
    assert_eq!(counted(&presence), (1, 0));
    assert_eq!(status(&presence), Some(Status::Refreshed { at: at(10) }));
    presence.join(at(39), &topic(), &user("alice"), B, Info::default()).unwrap();
    assert_eq!(told(&mut presence, at(40)), [""; 0], "back in time: nobody is told");
    assert_eq!(status(&presence), Some(Status::Connected));
    presence.lose(at(50), &topic(), &user("alice"), B);
    assert_eq!(told(&mut presence, at(79)), [""; 0]);
    presence.handle_timeout(at(80));
    assert_eq!(told(&mut presence, at(81)), ["-alice"]);
}

#[test]
fn who_polls_too_stays_when_the_last_connection_leaves() {
    let mut presence = alice_with(&[A]);
    presence.refresh(at(10), &topic(), &user("alice"), None).unwrap();
    presence.leave(at(20), &topic(), &user("alice"), A);
    assert_eq!(status(&presence), Some(Status::Refreshed { at: at(10) }));
    presence.handle_timeout(at(40));
    assert_eq!(status(&presence), Some(Status::Unseen { at: at(10) }));
}

#[test]
fn a_poll_that_is_long_over_holds_nobody_whose_connection_leaves() {
    let mut presence = alice_with(&[A]);
    presence.refresh(at(10), &topic(), &user("alice"), None).unwrap();
    presence.handle_timeout(at(40));
    assert_eq!((status(&presence), presence.poll_timeout()), (Some(Status::Connected), None));
    presence.leave(at(41), &topic(), &user("alice"), A);
    assert_eq!(status(&presence), None);
}

#[test]
fn withdrawing_takes_back_a_poll_and_leaves_connections_alone() {
    let mut polling = alice_polling();
    assert!(polling.withdraw(at(2), &topic(), &user("alice")));
    assert!(!polling.withdraw(at(2), &topic(), &user("alice")));
    assert_eq!(told(&mut polling, at(3)), ["-alice"]);
    assert_eq!(polling.usage(), presence_usage_of_nobody());

    let mut connected = alice_with(&[A]);
    assert!(!connected.withdraw(at(2), &topic(), &user("alice")));
    connected.refresh(at(2), &topic(), &user("alice"), None).unwrap();
    assert!(connected.withdraw(at(2), &topic(), &user("alice")));
    assert_eq!((counted(&connected), connected.poll_timeout()), ((1, 1), None));

    let mut unseen = alice_polling();
    assert_eq!(told(&mut unseen, at(30)), [""; 0]);
    assert_eq!(told(&mut unseen, at(31)), ["-alice"]);
    assert!(unseen.withdraw(at(32), &topic(), &user("alice")));
    assert_eq!((told(&mut unseen, at(33)), unseen.usage()), (vec![], presence_usage_of_nobody()));
}

#[test]
fn changes_of_one_interval_are_one_diff_in_the_order_of_the_ids() {
    let mut presence = alice_with(&[A]);
    presence.join(at(10), &topic(), &user("carol"), A, Info::default()).unwrap();
    presence.join(at(10), &topic(), &user("bob"), A, info("B")).unwrap();
    let late = at(11) - Duration::from_nanos(1);
    presence.leave(late, &topic(), &user("alice"), A);
    assert_eq!(presence.poll_diff(), None);
    assert_eq!(presence.poll_timeout(), Some((at(11), PresenceDue::Diff)));
    let diffs = diffs(&mut presence, at(11));
    assert_eq!(diffs.len(), 1);
    assert_eq!((&diffs[0].topic, diffs[0].users, diffs[0].connections), (&topic(), 2, 2));
    let expected = vec![
        Change::Left { user: user("alice") },
        Change::Joined { user: user("bob"), info: info("B") },
        Change::Joined { user: user("carol"), info: Info::default() },
    ];
    assert_eq!(expected[1].user(), &user("bob"));
    assert_eq!(diffs[0].changes, Changes::Listed(expected));
}

#[test]
fn who_left_and_came_back_within_a_batch_is_not_told() {
    let mut presence = alice_with(&[A]);
    presence.leave(at(2), &topic(), &user("alice"), A);
    presence.join(at(2), &topic(), &user("alice"), B, Info::default()).unwrap();
    presence.join(at(2), &topic(), &user("bob"), A, Info::default()).unwrap();
    presence.leave(at(2), &topic(), &user("bob"), A);
    assert_eq!(told(&mut presence, at(3)), [""; 0]);
    assert_eq!(presence.poll_timeout(), None);
    presence.leave(at(4), &topic(), &user("alice"), B);
    assert_eq!(told(&mut presence, at(5)), ["-alice"]);
    presence.join(at(6), &topic(), &user("alice"), B, Info::default()).unwrap();
    assert_eq!(told(&mut presence, at(7)), ["+alice"], "the next batch is another");
}

#[test]
fn another_info_is_told_and_the_same_is_not() {
    let mut presence = alice_with(&[A]);
    presence.join(at(2), &topic(), &user("alice"), B, info("B")).unwrap();
    assert_eq!(told(&mut presence, at(3)), ["~aliceB"]);
    presence.refresh(at(4), &topic(), &user("alice"), Some(info("B"))).unwrap();
    presence.refresh(at(4), &topic(), &user("alice"), None).unwrap();
    assert_eq!(presence.poll_timeout(), Some((at(34), PresenceDue::Unseen)), "no batch is open");
    presence.refresh(at(5), &topic(), &user("alice"), Some(info("C"))).unwrap();
    presence.refresh(at(5), &topic(), &user("alice"), Some(info("B"))).unwrap();
    assert_eq!(told(&mut presence, at(6)), [""; 0], "back within the batch");
    assert_eq!(presence.member(&topic(), &user("alice")).unwrap().info, &info("B"));
}

#[test]
fn topics_have_their_own_users_and_their_own_batches() {
    let mut presence = presence();
    let (one, two) = (TopicName::new("one").unwrap(), TopicName::new("two").unwrap());
    presence.join(at(1), &one, &user("alice"), A, Info::default()).unwrap();
    presence.join(at(2), &two, &user("alice"), A, Info::default()).unwrap();
    presence.join(at(2), &one, &user("bob"), A, Info::default()).unwrap();
    let first = diffs(&mut presence, at(2));
    assert_eq!((first.len(), &first[0].topic, first[0].users), (1, &one, 2));
    let second = diffs(&mut presence, at(3));
    assert_eq!((second.len(), &second[0].topic, second[0].users), (1, &two, 1));
    presence.leave(at(4), &one, &user("alice"), A);
    assert_eq!((presence.count(&one).users, presence.count(&two).users), (1, 1));
    assert_eq!((presence.usage().topics, presence.usage().connections), (2, 2));
}

#[test]
fn a_diff_that_is_taken_late_tells_of_all_until_then() {
    let mut presence = alice_with(&[A]);
    presence.join(at(2), &topic(), &user("bob"), A, Info::default()).unwrap();
    presence.join(at(60), &topic(), &user("carol"), A, Info::default()).unwrap();
    presence.leave(at(60), &topic(), &user("bob"), A);
    assert_eq!(presence.poll_timeout(), Some((at(3), PresenceDue::Diff)), "overdue until it is taken");
    assert_eq!(told(&mut presence, at(60)), ["+carol"]);
    assert_eq!(presence.poll_timeout(), None);
}

#[test]
fn a_time_before_the_last_counts_as_the_last() {
    let mut presence = presence();
    presence.handle_timeout(at(100));
    presence.refresh(at(0), &topic(), &user("alice"), None).unwrap();
    assert_eq!(status(&presence), Some(Status::Refreshed { at: at(100) }));
    assert_eq!(presence.poll_timeout(), Some((at(101), PresenceDue::Diff)));
    presence.handle_timeout(Duration::MAX);
    presence.refresh(Duration::MAX, &topic(), &user("alice"), None).unwrap();
    assert_eq!(told(&mut presence, Duration::MAX), [""; 0]);
}

#[test]
fn a_list_comes_in_pages_and_goes_on_behind_somebody_who_left() {
    let mut presence = presence();
    for id in ["d", "a", "e", "c", "b"] {
        presence.join(at(0), &topic(), &user(id), A, info(id)).unwrap();
    }
    presence.refresh(at(0), &topic(), &user("bb"), None).unwrap();
    presence.handle_timeout(at(30));
    let ids = |presence: &mut Presence, after: Option<&str>, limit| {
        let after = after.map(user);
        let page = presence.list(&topic(), after.as_ref(), limit);
        let ids: Vec<String> = page.members.iter().map(|member| member.user.to_string()).collect();
        (ids.concat(), page.next.map(ToString::to_string))
    };
    assert_eq!(ids(&mut presence, None, 2), ("ab".to_owned(), Some("b".to_owned())), "bb is not seen");
    presence.leave(at(31), &topic(), &user("b"), A);
    assert_eq!(ids(&mut presence, Some("b"), 2), ("cd".to_owned(), Some("d".to_owned())));
    assert_eq!(ids(&mut presence, Some("d"), 2), ("e".to_owned(), None));
    assert_eq!(ids(&mut presence, Some("c"), 2), ("de".to_owned(), None), "exactly full, and the last");
    assert_eq!(ids(&mut presence, Some("e"), 2), (String::new(), None));
    assert_eq!(ids(&mut presence, None, 0), ("a".to_owned(), Some("a".to_owned())));
    let page = presence.list(&topic(), None, 1);
    assert_eq!((page.members[0].info, page.members[0].connections), (&info("a"), 1));
    let nowhere = TopicName::new("nowhere").unwrap();
    assert_eq!((presence.list(&nowhere, None, 9).members.len(), presence.count(&nowhere).users), (0, 0));
}

/// What a server calls when a socket goes, which need not remember where it was.
#[test]
fn a_connection_leaves_or_loses_all_its_topics_at_once() {
    let topics = ["one", "two", "three"].map(|name| TopicName::new(name).unwrap());
    let here = |presence: &Presence| topics.each_ref().map(|topic| presence.count(topic).users);
    let everywhere = || {
        let mut presence = presence();
        for topic in &topics {
            presence.join(at(0), topic, &user("alice"), A, Info::default()).unwrap();
        }
        presence.join(at(0), &topics[0], &user("bob"), A, Info::default()).unwrap();
        presence.join(at(0), &topics[1], &user("alice"), B, Info::default()).unwrap();
        presence.refresh(at(0), &topics[2], &user("carol"), None).unwrap();
        assert_eq!((here(&presence), presence.usage().connections), ([2, 1, 2], 5));
        presence
    };
    let mut left = everywhere();
    assert_eq!(left.leave_all(at(1), A), 4);
    assert_eq!((here(&left), left.usage().connections), ([0, 1, 1], 1), "B is open, carol polled");
    assert_eq!((left.leave_all(at(1), A), left.lose_all(at(1), A)), (0, 0));

    let mut lost = everywhere();
    assert_eq!(lost.lose_all(at(1), A), 4);
    assert_eq!((here(&lost), lost.usage().connections), ([2, 1, 2], 1), "seen for a while");
    lost.handle_timeout(at(31));
    assert_eq!(here(&lost), [0, 1, 0]);
}
