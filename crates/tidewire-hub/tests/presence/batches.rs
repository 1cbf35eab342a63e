//! Presence: who stays in a batch, and how far apart the diffs of a topic are in which too many change.

use std::time::Duration;

use tidewire_hub::presence::{Change, Changes, Diff, Info, Presence, PresenceConfig, PresenceDue};

use super::{A, topic, user};

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A diff lists two, and spaces out to 4 s.
fn presence() -> Presence {
    let mut config = PresenceConfig::default();
    (config.max_diff_entries, config.max_diff_interval) = (2, at(4));
    Presence::new(config)
}

fn join(presence: &mut Presence, now: Duration, id: &str) {
    presence.join(now, &topic(), &user(id), A, Info::default()).unwrap();
}

fn leave(presence: &mut Presence, now: Duration, id: &str) {
    assert!(presence.leave(now, &topic(), &user(id), A));
}

/// The diff that is due by then.
fn told(presence: &mut Presence, now: Duration) -> Option<Diff> {
    presence.handle_timeout(now);
    let diff = presence.poll_diff();
    assert_eq!(presence.poll_diff(), None);
    diff
}

/// Three come at 0 s, which is told at 1 s.
fn crowded() -> Presence {
    let mut presence = presence();
    for id in ["a", "b", "c"] {
        join(&mut presence, at(0), id);
    }
    let diff = told(&mut presence, at(1)).unwrap();
    assert_eq!((diff.users, diff.changes), (3, Changes::TooMany));
    presence
}

#[test]
fn who_comes_and_goes_within_a_batch_leaves_its_place_to_others() {
    let mut presence = presence();
    join(&mut presence, at(0), "alice");
    for index in 0..1000 {
        join(&mut presence, at(0), &format!("x{index}"));
        leave(&mut presence, at(0), &format!("x{index}"));
    }
    join(&mut presence, at(0), "bob");
    let joined = |id| Change::Joined { user: user(id), info: Info::default() };
    let diff = told(&mut presence, at(1)).unwrap();
    assert_eq!(diff.changes, Changes::Listed(vec![joined("alice"), joined("bob")]));
}

#[test]
fn a_batch_that_is_back_to_what_was_told_is_over() {
    let mut presence = presence();
    join(&mut presence, at(0), "alice");
    assert!(told(&mut presence, at(1)).is_some());
    leave(&mut presence, at(2), "alice");
    assert_eq!(presence.poll_timeout(), Some((at(3), PresenceDue::Diff)));
    assert!(presence.usage().diffs_bytes > 0);
    join(&mut presence, at(2), "alice");
    assert_eq!((presence.poll_timeout(), presence.usage().diffs_bytes), (None, 0));
    // What comes next waits its own interval.
    join(&mut presence, at(2) + Duration::from_millis(500), "bob");
    assert_eq!(told(&mut presence, at(3)), None);
    assert!(told(&mut presence, at(3) + Duration::from_millis(500)).is_some());
}

#[test]
fn a_crowd_that_came_and_went_untold_is_nothing() {
    let mut presence = presence();
    for id in ["a", "b", "c"] {
        join(&mut presence, at(0), id);
    }
    for id in ["a", "b", "c"] {
        assert_eq!(presence.poll_timeout(), Some((at(1), PresenceDue::Diff)));
        leave(&mut presence, at(0), id);
    }
    assert_eq!((presence.poll_timeout(), presence.usage()), (None, Presence::default().usage()));
}

/// Who was in the topic when it was told is not known then.
#[test]
fn a_crowd_of_which_others_were_told_is_told() {
    let mut presence = presence();
    join(&mut presence, at(0), "alice");
    assert!(told(&mut presence, at(1)).is_some());
    for id in ["a", "b", "c"] {
        join(&mut presence, at(2), id);
    }
    for id in ["a", "b", "c"] {
        leave(&mut presence, at(2), id);
    }
    let diff = told(&mut presence, at(3)).unwrap();
    assert_eq!((diff.users, diff.changes), (1, Changes::TooMany));
}

#[test]
fn after_too_many_changes_the_next_diff_waits_twice_as_long() {
    let mut presence = crowded();
    assert_eq!(presence.poll_timeout(), Some((at(5), PresenceDue::Calm)));
    join(&mut presence, at(1), "d");
    assert_eq!(presence.poll_timeout(), Some((at(3), PresenceDue::Diff)));
    leave(&mut presence, at(2), "d");
    assert_eq!(presence.poll_timeout(), Some((at(5), PresenceDue::Calm)), "as told, and still to wait");
    for id in ["d", "e", "f"] {
        join(&mut presence, at(2), id);
    }
    assert_eq!(told(&mut presence, at(3) - Duration::from_nanos(1)), None);
    assert_eq!(told(&mut presence, at(3)).unwrap().changes, Changes::TooMany);
    for id in ["d", "e", "f"] {
        leave(&mut presence, at(3), id);
    }
    assert_eq!(told(&mut presence, at(7)).unwrap().changes, Changes::TooMany);
    join(&mut presence, at(7), "d");
    assert_eq!(presence.poll_timeout(), Some((at(11), PresenceDue::Diff)), "no longer than the limit");
}

#[test]
fn a_diff_that_lists_who_changed_leaves_the_pace_as_it_is() {
    let mut presence = crowded();
    join(&mut presence, at(1), "d");
    assert!(matches!(told(&mut presence, at(3)).unwrap().changes, Changes::Listed(_)));
    assert_eq!(presence.poll_timeout(), Some((at(5), PresenceDue::Calm)));
    // The next one comes as anywhere.
    for id in ["e", "f", "g"] {
        join(&mut presence, at(3), id);
    }
    assert_eq!(told(&mut presence, at(4)).unwrap().changes, Changes::TooMany);
    join(&mut presence, at(4), "h");
    assert_eq!(presence.poll_timeout(), Some((at(8), PresenceDue::Diff)), "four times as long");
}

#[test]
fn each_longest_wait_without_too_many_changes_halves_the_interval() {
    let mut presence = crowded();
    for id in ["d", "e", "f"] {
        join(&mut presence, at(1), id);
    }
    assert_eq!(told(&mut presence, at(3)).unwrap().changes, Changes::TooMany);
    assert_eq!(presence.poll_timeout(), Some((at(7), PresenceDue::Calm)), "4 s");
    presence.handle_timeout(at(7));
    assert_eq!(presence.poll_timeout(), Some((at(11), PresenceDue::Calm)), "2 s");
    let mut late = crowded();
    presence.handle_timeout(at(11));
    assert_eq!(presence.poll_timeout(), None, "1 s, as everywhere");
    for id in ["g", "h", "i"] {
        join(&mut presence, at(20), id);
        join(&mut late, at(20), id);
    }
    for mut presence in [presence, late] {
        assert_eq!(told(&mut presence, at(21)).unwrap().changes, Changes::TooMany);
        assert_eq!(presence.poll_timeout(), Some((at(25), PresenceDue::Calm)), "from the beginning");
    }
}

/// Each time that nothing is under way, and so long after: a few who come and go are told as too many no more
/// often for their rests.
#[test]
fn no_rests_make_more_of_too_many_changes() {
    for rest in [0, 1, 2, 3, 5, 9, 15, 16, 17, 33] {
        let mut presence = Presence::new({
            let mut config = PresenceConfig::default();
            config.max_diff_entries = 2;
            config
        });
        join(&mut presence, at(0), "somebody else");
        assert!(told(&mut presence, at(1)).is_some());
        let (mut times, mut quiet_at, mut are_in) = (0, Some(1), false);
        for second in 1..1_000 {
            if quiet_at.is_some_and(|quiet_at| second >= quiet_at + rest) {
                for id in ["x", "y", "z"] {
                    if are_in {
                        leave(&mut presence, at(second), id);
                    } else {
                        join(&mut presence, at(second), id);
                    }
                }
                (are_in, quiet_at) = (!are_in, None);
            }
            if told(&mut presence, at(second)).is_some_and(|diff| diff.changes == Changes::TooMany) {
                (times, quiet_at) = (times + 1, Some(second));
            }
        }
        assert!(times <= 1_000 / 16 + 5, "{rest} s of rest: {times} times");
    }
}

/// The pace is kept where everybody left, so that to leave does not reset it.
#[test]
fn an_empty_topic_is_remembered_until_it_is_calm() {
    let mut presence = crowded();
    for id in ["a", "b", "c"] {
        leave(&mut presence, at(1), id);
    }
    assert_eq!(told(&mut presence, at(3)).unwrap().users, 0);
    assert_eq!((presence.usage().topics, presence.usage().empty_topics), (0, 1));
    for id in ["a", "b", "c"] {
        join(&mut presence, at(3), id);
    }
    assert_eq!(presence.poll_timeout(), Some((at(7), PresenceDue::Diff)));
    for id in ["a", "b", "c"] {
        leave(&mut presence, at(3), id);
    }
    assert_eq!(presence.poll_timeout(), Some((at(7), PresenceDue::Calm)));
    presence.handle_timeout(at(7));
    assert_eq!(presence.poll_timeout(), Some((at(11), PresenceDue::Calm)));
    presence.handle_timeout(at(11));
    assert_eq!((presence.poll_timeout(), presence.usage()), (None, Presence::default().usage()));
}

/// A diff that is taken late says how long the next one waits from then.
#[test]
fn the_wait_counts_from_when_the_diff_was_taken() {
    let mut presence = presence();
    for id in ["a", "b", "c"] {
        join(&mut presence, at(0), id);
    }
    assert!(told(&mut presence, at(10)).is_some());
    leave(&mut presence, at(11), "a");
    assert_eq!(presence.poll_timeout(), Some((at(12), PresenceDue::Diff)));
    // Due and not taken: what is as it was told is over at once.
    join(&mut presence, at(12), "a");
    assert_eq!((presence.poll_timeout(), presence.poll_diff()), (Some((at(14), PresenceDue::Calm)), None));
}
