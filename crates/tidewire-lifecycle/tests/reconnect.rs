//! The schedule of a client that comes back: windows, limits, hints and budgets.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::ms;
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;
use tidewire_lifecycle::reconnect::{Config, Jitter, Reconnect};

fn schedule(change: impl FnOnce(&mut Config)) -> Reconnect {
    let mut config = Config::default();
    change(&mut config);
    Reconnect::new(Arc::new(config))
}

/// The earliest and the latest delay of the next attempt.
fn bounds(reconnect: &Reconnect) -> (Duration, Duration) {
    let delay = |entropy| reconnect.clone().next_delay(entropy).unwrap();
    (delay(0), delay(u64::MAX))
}

fn skip(reconnect: &mut Reconnect, attempts: u32) {
    for _ in 0..attempts {
        assert!(reconnect.next_delay(0).is_some());
    }
}

#[test]
fn windows_double_up_to_the_limit_and_delays_lie_anywhere_in_them() {
    let mut reconnect = schedule(|_| {});
    for window in [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000] {
        assert_eq!(bounds(&reconnect), (ms(100), ms(window)));
        assert_eq!(reconnect.next_delay(u64::MAX / 2), Some(ms(100) + ms(window - 100) / 2));
    }
    skip(&mut reconnect, 100);
    assert_eq!((reconnect.attempts(), bounds(&reconnect).1), (107, ms(30_000)));
    reconnect.handle_progress();
    assert_eq!((reconnect.attempts(), bounds(&reconnect).1), (0, ms(1000)));
}

//= https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
//= type=test
//# set the event stream's reconnection time to that integer.
#[test]
fn an_event_stream_is_never_asked_for_earlier_than_its_server_wants() {
    let mut reconnect = Reconnect::new(Arc::new(Config::event_stream()));
    assert_eq!(bounds(&reconnect), (ms(3000), ms(3750)));
    reconnect.handle_reconnection_time(ms(10_000));
    for latest in [12_500, 20_000, 30_000, 30_000] {
        assert_eq!(bounds(&reconnect), (ms(10_000), ms(latest)));
        skip(&mut reconnect, 1);
    }
    // What the server names is not cut to the limit of what grows by itself.
    reconnect.handle_reconnection_time(ms(60_000));
    assert_eq!(bounds(&reconnect), (ms(60_000), ms(75_000)));
}

#[test]
fn a_server_cannot_make_its_clients_hammer_nor_wait_for_ever() {
    for jitter in [Jitter::Full, Jitter::AboveReconnectionTime] {
        let mut reconnect = schedule(|config| config.jitter = jitter);
        reconnect.handle_reconnection_time(Duration::ZERO);
        let (earliest, latest) = bounds(&reconnect);
        assert!(earliest == ms(100) && latest <= ms(125), "{earliest:?} {latest:?}");
        skip(&mut reconnect, 8);
        assert_eq!(bounds(&reconnect).1, ms(25_600), "it backs off all the same");
        let hour = Duration::from_secs(3600);
        for (named, counted) in [(hour - ms(1), hour - ms(1)), (hour, hour), (Duration::MAX, hour)] {
            let mut reconnect = schedule(|config| config.jitter = Jitter::AboveReconnectionTime);
            reconnect.handle_reconnection_time(named);
            assert_eq!(bounds(&reconnect).0, counted);
            reconnect.handle_reconnection_time(ms(1000));
            reconnect.handle_retry_after(named);
            assert_eq!(bounds(&reconnect).0, counted);
        }
    }
}

#[test]
fn a_retry_after_holds_for_one_attempt() {
    let mut reconnect = schedule(|_| {});
    reconnect.handle_retry_after(ms(5000));
    assert_eq!(bounds(&reconnect), (ms(5000), ms(5000)));
    skip(&mut reconnect, 1);
    assert_eq!(bounds(&reconnect), (ms(100), ms(2000)));
    // One within the window only moves its beginning.
    reconnect.handle_retry_after(ms(500));
    assert_eq!(bounds(&reconnect), (ms(500), ms(2000)));
}

#[test]
fn after_the_last_attempt_without_progress_there_is_no_other() {
    let mut reconnect = schedule(|config| config.max_attempts = Some(3));
    skip(&mut reconnect, 2);
    reconnect.handle_progress();
    skip(&mut reconnect, 3);
    assert_eq!(reconnect.next_delay(0), None);
    assert_eq!((reconnect.next_delay(7), reconnect.attempts()), (None, 3));
    reconnect.handle_progress();
    assert!(reconnect.next_delay(0).is_some());
    assert_eq!(schedule(|config| config.max_attempts = Some(0)).next_delay(0), None);
}

#[test]
fn who_is_dismissed_does_not_come_back() {
    let mut reconnect = schedule(|_| {});
    assert!(reconnect.next_delay(0).is_some());
    reconnect.handle_dismissed();
    reconnect.handle_progress();
    assert_eq!(reconnect.next_delay(0), None);
}

#[test]
fn settings_at_their_ends_are_no_panic() {
    let mut reconnect = schedule(|config| {
        config.reconnection_time = Duration::MAX;
        config.max_delay = Duration::MAX;
        config.jitter = Jitter::AboveReconnectionTime;
    });
    for _ in 0..70 {
        assert_eq!(reconnect.next_delay(u64::MAX), Some(Duration::MAX));
    }
}

proptest! {
    #[test]
    fn a_delay_lies_in_its_window_and_grows_with_the_draw(
        first in 0u64..100_000, attempts in 0u32..40, low in any::<u64>(), high in any::<u64>(), full in any::<bool>(),
    ) {
        let mut reconnect = schedule(|config| {
            config.jitter = if full { Jitter::Full } else { Jitter::AboveReconnectionTime };
        });
        reconnect.handle_reconnection_time(ms(first));
        skip(&mut reconnect, attempts);
        let (earliest, latest) = bounds(&reconnect);
        let delay = |entropy| reconnect.clone().next_delay(entropy).unwrap();
        let (low, high) = (low.min(high), low.max(high));
        prop_assert!(earliest <= delay(low) && delay(low) <= delay(high) && delay(high) <= latest);
        prop_assert!(earliest >= ms(100) && latest <= (ms(first.max(100)) * 5 / 4).max(ms(30_000)));
    }
}
