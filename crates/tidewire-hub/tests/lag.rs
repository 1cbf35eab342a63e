//! What counts as lag: what a reader is to be handed, and nothing else.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::time::Duration;

use common::*;
use tidewire_hub::{Budget, ConnectionId, GapReason, Hub, MAX_LOOKS, OnLag, Policy, Start, SubscriberId};

/// A subscriber of "a" under a policy.
fn under(hub: &mut Hub<Note>, start: Start, set: impl FnOnce(&mut Policy)) -> SubscriberId {
    let mut policy = Policy::default();
    set(&mut policy);
    let id = connect(hub, 1);
    hub.subscribe_with(Duration::ZERO, id, &topic("a"), start, policy).unwrap();
    id
}

/// Messages of the connection that these tests read by.
fn publish_own(hub: &mut Hub<Note>, count: u64) {
    for number in 0..count {
        publish_without(hub, "a", number, ConnectionId::new(1));
    }
}

/// One's own messages, and what else one is not handed, are no lag: neither before the others' nor between.
#[test]
fn what_a_reader_is_not_handed_is_no_lag() {
    for on_lag in [OnLag::Disconnect, OnLag::SkipToLimit, OnLag::SkipToNewest] {
        let limits = |policy: &mut Policy| (policy.max_lag_messages, policy.on_lag) = (3, on_lag);
        let bytes = |policy: &mut Policy| (policy.max_lag_bytes, policy.on_lag) = (3 * 64, on_lag);
        let mut hub = hub();
        let ids = [under(&mut hub, Start::Live, limits), under(&mut hub, Start::Live, bytes)];
        publish_own(&mut hub, 20);
        let mut batches = hub.ready_batches(Duration::ZERO, Budget::default());
        assert_eq!(batches.next().unwrap().count(), 0);
        drop(batches);
        assert!(ids.iter().all(|id| pull(&mut hub, *id).is_none()));
        for number in [24, 28, 32] {
            publish_own(&mut hub, 3);
            publish(&mut hub, "a", number);
        }
        assert_eq!(ready(&mut hub), ids);
        assert!(ids.iter().all(|id| numbers(&mut hub, *id) == [24, 28, 32]));
        publish_own(&mut hub, 8);
        (41..=44).for_each(|number| _ = publish(&mut hub, "a", number));
        let lagged = |to| Got::Gap("a".to_owned(), GapReason::Lagged, Some(at(40)), to);
        let expected = match on_lag {
            OnLag::Disconnect => Got::Dismissed("a".to_owned(), 40, 4, 4 * 64),
            OnLag::SkipToLimit => lagged(41),
            OnLag::SkipToNewest => lagged(43),
        };
        assert!(ids.iter().all(|id| pull(&mut hub, *id).as_ref() == Some(&expected)));
    }
}

#[test]
fn a_verdict_looks_at_so_many_and_takes_the_rest_as_lag() {
    for (own, is_dismissed) in [(MAX_LOOKS as u64 - 1, false), (MAX_LOOKS as u64 + 1, true)] {
        let mut hub = hub();
        let id = under(&mut hub, Start::Live, |policy| {
            (policy.max_lag_messages, policy.on_lag) = (2, OnLag::Disconnect);
        });
        publish(&mut hub, "a", 1);
        publish_own(&mut hub, own);
        publish(&mut hub, "a", 1);
        let dismissed = matches!(pull(&mut hub, id), Some(Got::Dismissed(..)));
        assert_eq!(dismissed, is_dismissed, "{own}");
    }
}

/// What is skipped ahead is passed in more than one batch before anything is said of a lag.
#[test]
fn a_verdict_waits_until_what_is_skipped_is_passed() {
    let mut hub = hub();
    let id = under(&mut hub, Start::Live, |policy| policy.max_lag_messages = 2);
    publish_own(&mut hub, 2 * MAX_LOOKS as u64);
    publish(&mut hub, "a", 2);
    let mut given = Vec::new();
    for _ in 0..3 {
        given.extend(batch(&mut hub, id, 9, 9));
    }
    assert_eq!((given, hub.wants_batch(id)), (vec![note("a", 2)], false));
}

/// The first that counts may be one that is not handed out, where history stands before it; what it counts is left
/// out to the byte.
#[test]
fn what_a_reader_is_not_handed_behind_its_history_is_no_lag() {
    for (max_lag_bytes, is_dismissed) in [(3 * 64, false), (3 * 64 - 1, true)] {
        let mut hub = hub();
        publish(&mut hub, "a", 1);
        let id = under(&mut hub, Start::Earliest, |policy| {
            (policy.max_lag_bytes, policy.on_lag) = (max_lag_bytes, OnLag::Disconnect);
        });
        publish_own(&mut hub, 1);
        (2..=4).for_each(|number| _ = publish(&mut hub, "a", number));
        let first = pull(&mut hub, id);
        assert_eq!(matches!(first, Some(Got::Dismissed(..))), is_dismissed, "{first:?}");
        if !is_dismissed {
            assert_eq!((first, numbers(&mut hub, id)), (Some(note("a", 1)), vec![2, 3, 4]));
        }
    }
}
