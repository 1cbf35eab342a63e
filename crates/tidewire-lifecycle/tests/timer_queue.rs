//! The timer queue against a sorted map: what is due when, whatever was inserted, moved and removed.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::ms;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;
use tidewire_lifecycle::timer_queue::{TimerKey, TimerQueue};

#[derive(Clone, Debug)]
enum Step {
    Insert(Option<u64>),
    Set(usize, Option<u64>),
    Remove(usize),
    Advance(u64),
}

/// Distances in time of every size, the edges of the wheel's slots among them.
fn span() -> impl Strategy<Value = u64> {
    prop_oneof![
        0..4u64,
        0..300u64,
        0..70_000u64,
        (0..5u32, 0..3u64).prop_map(|(level, by)| (1 << (8 * level)) + by - 1),
        0..2_000_000_000u64,
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let at = || proptest::option::weighted(0.9, span());
    let step = prop_oneof![
        at().prop_map(Step::Insert),
        (any::<usize>(), at()).prop_map(|(index, at)| Step::Set(index, at)),
        any::<usize>().prop_map(Step::Remove),
        span().prop_map(Step::Advance),
    ];
    proptest::collection::vec(step, 1..200)
}

/// What each timer is due at, by its number.
type Model = BTreeMap<usize, Option<u64>>;

/// Lets both come from `before` to `now`: each timer that is due comes once, the earlier ones first.
fn advance(
    queue: &mut TimerQueue<usize>,
    model: &mut Model,
    before: u64,
    now: u64,
) -> Result<(), TestCaseError> {
    let mut last = before;
    while let Some(number) = queue.pop(ms(now)).copied() {
        let Some(at) = model.insert(number, None).flatten() else {
            return Err(TestCaseError::fail(format!("{number} came without a deadline")));
        };
        prop_assert!(at <= now, "{} came at {}, it was due at {}", number, now, at);
        prop_assert!(at.max(before) >= last, "{} came behind one of {}, it was due at {}", number, last, at);
        last = at.max(before);
    }
    let missed = model.values().flatten().find(|at| **at <= now);
    prop_assert_eq!(missed, None, "missed at {}", now);
    Ok(())
}

proptest! {
    #[test]
    fn each_timer_comes_once_and_in_time(origin in span(), steps in steps()) {
        let (mut queue, mut model) = (TimerQueue::new(ms(origin)), Model::new());
        let mut keys: Vec<(usize, TimerKey)> = Vec::new();
        let (mut now, mut count) = (origin, 0);
        for step in steps {
            match step {
                Step::Insert(after) => {
                    let at = after.map(|after| now + after);
                    keys.push((count, queue.insert(at.map(ms), count)));
                    model.insert(count, at);
                    count += 1;
                }
                Step::Set(index, after) if !keys.is_empty() => {
                    let (number, key) = &keys[index % keys.len()];
                    let at = after.map(|after| now + after);
                    queue.set(key, at.map(ms));
                    model.insert(*number, at);
                }
                Step::Remove(index) if !keys.is_empty() => {
                    let (number, key) = keys.swap_remove(index % keys.len());
                    prop_assert_eq!(queue.remove(key), number);
                    model.remove(&number);
                }
                Step::Set(..) | Step::Remove(_) => {}
                Step::Advance(by) => {
                    advance(&mut queue, &mut model, now, now + by)?;
                    now += by;
                }
            }
            prop_assert_eq!(queue.len(), model.len());
            let first = model.values().flatten().min().copied();
            let asked = queue.poll_timeout();
            if let Some(first) = first {
                prop_assert!(asked.is_some_and(|asked| asked <= ms(first)), "{asked:?} {first}");
            }
            for (number, key) in &keys {
                prop_assert_eq!(queue.deadline(key), model[number].map(ms));
            }
        }
        // By its own answers alone it comes to the end.
        while let Some(at) = queue.poll_timeout() {
            let next = now.max(u64::try_from(at.as_millis()).unwrap());
            advance(&mut queue, &mut model, now, next)?;
            now = next;
        }
        prop_assert!(model.values().all(Option::is_none));
    }
}

#[test]
fn none_is_early_and_none_is_late() {
    let mut queue = TimerQueue::new(ms(0));
    let nanos = |nanos| Duration::from_nanos(nanos);
    let _key = queue.insert(Some(nanos(1_000_001)), ());
    assert_eq!(queue.poll_timeout(), Some(ms(2)), "rounded up to the millisecond");
    assert_eq!(queue.pop(nanos(1_999_999)), None);
    assert_eq!(queue.pop(ms(2)), Some(&mut ()));
    assert_eq!(queue.pop(ms(2)), None);
    assert_eq!(queue.poll_timeout(), None);
}

#[test]
fn a_deadline_that_has_passed_is_due_at_once() {
    let mut queue = TimerQueue::new(ms(500));
    assert_eq!(queue.pop(ms(90_000)), None);
    let key = queue.insert(Some(ms(7)), 'a');
    assert!(queue.poll_timeout() <= Some(ms(90_000)));
    assert_eq!(queue.pop(ms(90_000)), Some(&mut 'a'));
    queue.set(&key, Some(ms(0)));
    assert_eq!(queue.pop(ms(0)), Some(&mut 'a'), "time that goes back stands still");
}

#[test]
fn moved_later_it_is_not_touched_until_the_old_deadline_passes() {
    let mut queue = TimerQueue::new(ms(0));
    let key = queue.insert(Some(ms(100)), 'a');
    for later in 1..1000 {
        queue.set(&key, Some(ms(100 + later)));
    }
    assert_eq!(queue.poll_timeout(), Some(ms(100)), "the owner may come back in vain");
    assert_eq!(queue.pop(ms(100)), None);
    assert!(queue.poll_timeout() > Some(ms(100)));
    assert_eq!(queue.pop(ms(1098)), None);
    assert_eq!(queue.pop(ms(1099)), Some(&mut 'a'));
}

#[test]
fn what_is_due_together_comes_in_the_order_of_its_insertion() {
    for at in [0, 1, 255, 256, 70_000] {
        let mut queue = TimerQueue::new(ms(0));
        let keys: Vec<TimerKey> = (0..100).map(|number| queue.insert(Some(ms(at)), number)).collect();
        let popped: Vec<u64> = std::iter::from_fn(|| queue.pop(ms(at)).copied()).collect();
        assert_eq!(popped, (0..100).collect::<Vec<_>>(), "{at}");
        drop(keys);
    }
}

#[test]
fn a_value_may_be_changed_in_its_place() {
    let mut queue = TimerQueue::new(ms(0));
    let (a, b) = (queue.insert(Some(ms(1)), 1), queue.insert(None, 2));
    *queue.value_mut(&a) += 10;
    *queue.value_mut(&b) += 20;
    *queue.pop(ms(1)).unwrap() += 100;
    assert_eq!((queue.remove(a), queue.remove(b)), (111, 22));
}

#[test]
fn places_are_used_again_and_given_back_with_the_last() {
    let mut queue = TimerQueue::new(ms(0));
    let empty = queue.held_len_bytes();
    assert_eq!(empty, 5 * 256 * 8, "the slots of five levels");
    let first = queue.insert(Some(ms(5)), 0);
    assert!(!queue.is_empty());
    for _ in 0..3 {
        let mut held = 0;
        for _ in 0..2 {
            let keys: Vec<TimerKey> =
                (0..1000).map(|number| queue.insert(Some(ms(number)), number)).collect();
            assert!(held == 0 || held == queue.held_len_bytes());
            held = queue.held_len_bytes();
            let each = (held - empty) / 1001;
            assert!((24..=96).contains(&each), "{each} bytes for each, and room for as many again");
            for key in keys {
                queue.remove(key);
            }
        }
        assert_eq!((queue.held_len_bytes(), queue.len()), (held, 1));
    }
    assert_eq!(queue.remove(first), 0);
    assert!(queue.is_empty() && queue.poll_timeout().is_none());
    assert_eq!(queue.held_len_bytes(), empty);
    let again = queue.insert(Some(ms(5)), 7);
    assert_eq!(queue.pop(ms(5)), Some(&mut 7));
    queue.remove(again);
}

#[test]
fn a_deadline_beyond_all_time_is_kept() {
    let mut queue = TimerQueue::new(ms(0));
    let years = |years: u64| Duration::from_secs(years * 365 * 86_400);
    let key = queue.insert(Some(Duration::MAX), 'a');
    assert_eq!(queue.pop(years(34)), None);
    assert!(queue.deadline(&key).unwrap() > years(34));
    assert_eq!(queue.pop(years(35)), Some(&mut 'a'), "it counts as the last moment there is");
}
