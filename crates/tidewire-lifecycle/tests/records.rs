//! What is known of a connection: usage that adds up, quiet time, last seen, round trips, shares of a deployment.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::{ms, opened, second};
use std::{sync::Arc, time::Duration};
use tidewire_lifecycle::{Action, Config, Deployment, Heartbeat, Lifecycle, Share, Usage};

#[test]
fn quiet_and_active_time_add_up() {
    let mut life = opened(|_| {});
    assert_eq!(life.usage(second(60)).quiet, second(0));
    assert_eq!(life.usage(second(61)).quiet, second(1));
    assert_eq!((life.quiet_since(ms(59_999)), life.quiet_since(second(60))), (None, Some(second(0))));
    // Heartbeats are traffic, and no messages.
    life.handle_sent(second(70), 6);
    life.handle_received(second(70), 6);
    assert_eq!(life.quiet_since(second(70)), Some(second(0)));
    life.handle_message_received(second(100));
    assert_eq!(life.quiet_since(second(101)), None);
    life.handle_message_sent(second(130));
    assert_eq!((life.quiet_since(second(189)), life.quiet_since(second(190))), (None, Some(second(130))));
    let usage = life.usage(second(200));
    assert_eq!((usage.open, usage.quiet, usage.active()), (second(200), second(50), second(150)));
    life.handle_closed(second(230));
    let last = life.usage(second(9999));
    assert_eq!((last.open, last.quiet, last.active()), (second(230), second(80), second(150)));
    assert_eq!((last.requests, life.quiet_since(second(9999))), (1, None));
}

#[test]
fn many_at_a_time_count_as_one_by_one() {
    for at in [second(100), second(100) + Duration::from_micros(700)] {
        let (mut told, mut counted) = (opened(|_| {}), opened(|_| {}));
        told.handle_message_received(at);
        counted.handle_message_received(at);
        for _ in 0..3 {
            told.handle_message_received(at);
            told.handle_message_sent(at);
            counted.count_message_received();
            counted.count_message_sent();
        }
        assert_eq!((told.usage(second(300)), told.quiet_since(second(300))), {
            (counted.usage(second(300)), counted.quiet_since(second(300)))
        });
        counted.handle_closed(second(301));
        let last = counted.usage(second(302));
        assert_eq!((last.received_messages, last.sent_messages), (4, 3));
        counted.count_message_received();
        counted.count_message_sent();
        assert_eq!(counted.usage(second(303)), last, "nothing counts behind the end");
    }
}

#[test]
fn the_end_counts_the_last_fraction_of_a_tick_once() {
    let mut life = opened(|_| {});
    let end = second(100) + Duration::from_micros(700);
    let before = life.usage(end);
    assert_eq!(before.quiet, second(40) + Duration::from_micros(700));
    life.handle_closed(end);
    assert_eq!(life.usage(second(999)), before);
}

#[test]
fn quiet_time_is_counted_at_any_age() {
    let day = 86_400;
    let mut life = opened(|config| {
        config.heartbeat = Heartbeat::Off;
        config.idle_timeout = None;
    });
    // A year in steps of a day, with one message in the middle: the origin of the ticks moves 29 times.
    for passed in 1..=365 {
        life.handle_received(second(passed * day), 1);
        if passed == 180 {
            life.handle_message_received(second(passed * day));
        }
    }
    let usage = life.usage(second(365 * day));
    assert_eq!((usage.open, usage.active()), (second(365 * day), second(120)));
    assert!(life.quiet_since(second(365 * day)).unwrap() >= second(180 * day));
    assert_eq!(life.last_seen(), second(365 * day));
    life.handle_closed(second(365 * day));
    assert_eq!(life.usage(second(400 * day)), usage);
}

#[test]
fn no_counter_ever_goes_back() {
    let mut life = Lifecycle::new(Arc::new(Config::default()), Duration::from_nanos(1_234_567));
    let mut last = Usage::default();
    for step in 1..2000u64 {
        let now = Duration::from_nanos(1_234_567 + step * 98_765_432);
        match step {
            1 => life.handle_opened(now),
            700 | 1500 => life.handle_message_received(now),
            1999 => life.handle_closed(now),
            _ => life.handle_received(now, 1),
        }
        let usage = life.usage(now);
        assert!(usage.open >= last.open && usage.quiet >= last.quiet, "{usage:?} {last:?}");
        assert!(usage.active() >= last.active(), "{usage:?} {last:?}");
        assert_eq!(usage.quiet + usage.active(), usage.open);
        assert!(usage.received_bytes >= last.received_bytes);
        last = usage;
    }
    assert_eq!(last.open.as_micros(), u128::from(1999 * 98_765_432u64 / 1000));
}

#[test]
fn messages_that_are_sent_at_a_time_count_as_one_after_the_other() {
    for count in [0, 1, 2, 1000] {
        let (mut one, mut all) = (opened(|_| {}), opened(|_| {}));
        (0..count).for_each(|_| one.handle_message_sent(second(30)));
        all.handle_messages_sent(second(30), count);
        assert_eq!(all.usage(second(200)).sent_messages, count as u64);
        assert_eq!(all, one);
        all.handle_closed(second(200));
        all.handle_messages_sent(second(201), count);
        assert_eq!(all.usage(second(202)).sent_messages, count as u64);
    }
}

#[test]
fn two_records_make_one() {
    let mut one = opened(|_| {});
    one.handle_received(second(1), 10);
    one.handle_sent(second(1), 20);
    one.handle_message_sent(second(1));
    one.handle_message_received(second(1));
    one.handle_closed(second(70));
    let usage = one.usage(second(70));
    let both = usage.plus(usage);
    assert_eq!((both.requests, both.open, both.quiet), (2, second(140), second(18)));
    assert_eq!((both.received_bytes, both.sent_bytes), (20, 40));
    assert_eq!((both.received_messages, both.sent_messages), (2, 2));
    // A tenth of a gigabyte for 140 s.
    assert!((both.gigabyte_hours(100_000_000) - 0.1 * 140.0 / 3600.0).abs() < 1e-12);
}

#[test]
fn round_trips_are_smoothed_as_those_of_tcp() {
    let mut life = opened(|_| {});
    assert_eq!(life.round_trip_time(), None);
    let probe = |life: &mut Lifecycle, reply_after: Duration| {
        let (at, _) = life.poll_timeout().unwrap();
        let at = at + Duration::from_micros(300);
        assert_eq!(life.handle_timeout(at), Some(Action::SendHeartbeat));
        life.handle_sent(at, 6);
        life.handle_received(at + reply_after, 6);
        life.handle_heartbeat_reply(at + reply_after);
        life.round_trip_time().unwrap()
    };
    assert_eq!(probe(&mut life, Duration::from_micros(250)), Duration::from_micros(250));
    // 7/8 of what was, and 1/8 of what came.
    assert_eq!(probe(&mut life, Duration::from_micros(80_250)), Duration::from_micros(250 - 31 + 10_031));
    for _ in 0..100 {
        probe(&mut life, Duration::from_micros(800));
    }
    let settled = life.round_trip_time().unwrap();
    assert!((Duration::from_micros(795)..=Duration::from_micros(810)).contains(&settled), "{settled:?}");
}

#[test]
fn what_waited_says_nothing_of_the_round_trip() {
    // Output waits when the probe is made.
    let mut life = opened(|_| {});
    life.handle_blocked(second(24));
    assert_eq!(life.handle_timeout(second(25)), Some(Action::SendHeartbeat));
    life.handle_unblocked(second(29));
    life.handle_received(second(30), 6);
    life.handle_heartbeat_reply(second(30));
    assert_eq!(life.round_trip_time(), None);
    // It is stuck behind the probe.
    assert_eq!(life.handle_timeout(second(54)), Some(Action::SendHeartbeat));
    life.handle_blocked(second(54));
    life.handle_unblocked(second(55));
    life.handle_heartbeat_reply(second(56));
    assert_eq!(life.round_trip_time(), None);
    // An unsolicited reply is none.
    life.handle_heartbeat_reply(second(57));
    assert_eq!(life.round_trip_time(), None);
}

#[test]
fn a_connection_tells_the_settings_that_it_shares() {
    let config = Arc::new(Config::event_stream());
    let life = Lifecycle::new(Arc::clone(&config), second(0));
    assert!(std::ptr::eq(life.config(), &*config));
    assert_eq!(life.config().heartbeat, Heartbeat::KeepAlive { interval: second(15) });
}

#[test]
fn the_shares_of_all_are_the_whole_to_the_nanosecond() {
    let mut deployment = Deployment::default();
    let mut shares: Vec<Share> = Vec::new();
    let (mut now, mut sum, mut seed) = (second(5), Duration::ZERO, 7u64);
    for _ in 0..10_000 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        now += Duration::from_nanos(seed >> 34);
        if (seed >> 20) % 16 < 8 && !shares.is_empty() {
            let index = (seed >> 40) as usize % shares.len();
            sum += deployment.handle_closed(now, shares.swap_remove(index));
        } else {
            shares.push(deployment.handle_opened(now));
        }
        assert_eq!(deployment.open(), shares.len() as u64);
    }
    assert!(sum <= deployment.busy(now));
    for share in shares {
        sum += deployment.handle_closed(now, share);
    }
    assert_eq!(sum, deployment.busy(now + second(1000)));
    assert_eq!(deployment.last_closed(), Some(now));
}

#[test]
fn each_pays_for_the_time_it_was_open_by_the_number_that_shared_it() {
    let mut deployment = Deployment::default();
    let a = deployment.handle_opened(second(100));
    let b = deployment.handle_opened(second(106));
    let c = deployment.handle_opened(second(112));
    assert_eq!((deployment.open(), deployment.busy(second(115))), (3, second(15)));
    // 6 s alone, 6 s for two, 9 s for three.
    assert_eq!(deployment.handle_closed(second(121), a), second(6 + 3 + 3));
    assert_eq!(deployment.last_closed(), Some(second(121)));
    assert_eq!(deployment.handle_closed(second(125), c), second(3 + 2));
    assert_eq!(deployment.handle_closed(second(126), b), second(3 + 3 + 2 + 1));
    // Asleep for a while, and alone again.
    let d = deployment.handle_opened(second(200));
    assert_eq!((deployment.open(), deployment.busy(second(203))), (1, second(29)));
    assert_eq!(deployment.handle_closed(second(204), d), second(4));
    // Time that goes back stands still.
    let e = deployment.handle_opened(second(150));
    assert_eq!(deployment.busy(second(160)), second(30));
    assert_eq!(deployment.handle_closed(second(205), e), second(1));
    // 2 GB for 31 s.
    let gigabyte_hours = deployment.gigabyte_hours(second(300), 2_000_000_000);
    assert!((gigabyte_hours - 2.0 * 31.0 / 3600.0).abs() < 1e-12, "{gigabyte_hours}");
}

#[test]
fn only_the_reply_to_a_probe_that_is_out_says_how_far_the_peer_is() {
    let mut life = opened(|_| {});
    life.handle_heartbeat_reply(Duration::from_micros(10_000_500));
    assert_eq!(life.round_trip_time(), None);
    assert_eq!(life.handle_timeout(second(25)), Some(Action::SendHeartbeat));
    life.begin_closing(second(26));
    let before = life.clone();
    life.handle_heartbeat_reply(second(27));
    assert!(life == before, "nothing counts in the close");
}

#[test]
fn the_longest_round_trip_is_one() {
    let mut life = opened(|config| {
        config.heartbeat = Heartbeat::Probe { interval: second(25), timeout: Config::MAX_TIMEOUT };
        config.idle_timeout = None;
    });
    assert_eq!(life.handle_timeout(second(25)), Some(Action::SendHeartbeat));
    life.handle_heartbeat_reply(second(86_400));
    assert_eq!(life.round_trip_time(), Some(Duration::from_micros(u64::from(u32::MAX - 1))));
}

#[test]
fn quiet_time_is_never_more_than_open_time_to_the_microsecond() {
    for (window, nanos) in [(0, 999_000), (0, 99_999), (1, 1_234_567), (60_000, 999_999)] {
        let mut config = Config::default();
        (config.active_window, config.heartbeat) = (ms(window), Heartbeat::Off);
        let mut life = Lifecycle::new(Arc::new(config), Duration::from_nanos(777));
        life.handle_opened(Duration::from_nanos(777));
        let mut last = life.usage(Duration::from_nanos(777));
        for turn in 1..10_000u64 {
            let now = Duration::from_nanos(777 + turn * nanos);
            if turn % 3 != 0 {
                life.handle_message_received(now);
            }
            if turn == 9_999 {
                life.handle_closed(now);
            }
            let usage = life.usage(now);
            assert!(usage.quiet <= usage.open && usage.active() + usage.quiet == usage.open, "{usage:?}");
            assert!(usage.quiet >= last.quiet && usage.active() >= last.active(), "{usage:?} {last:?}");
            last = usage;
        }
        assert_eq!(last.open, Duration::from_micros(9_999 * nanos / 1000));
    }
}

#[test]
fn what_is_asked_of_a_life_that_nothing_happened_to_is_right_at_any_age() {
    let mut config = Config::default();
    (config.heartbeat, config.idle_timeout, config.opening_timeout) = (Heartbeat::Off, None, None);
    let mut life = Lifecycle::new(Arc::new(config), second(0));
    life.handle_opened(second(0));
    let day = second(86_400);
    for days in [1, 24, 25, 49, 50, 60, 3650] {
        let usage = life.usage(day * days);
        assert_eq!((usage.open, usage.active()), (day * days, second(60)), "{days} days");
    }
    life.handle_closed(day * 60);
    assert_eq!(life.usage(day * 60).open, day * 60);
}
