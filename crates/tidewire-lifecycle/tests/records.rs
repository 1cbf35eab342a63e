//! What is known of a connection: usage that adds up, quiet time, last seen, round trips; and the ends that are set from
//! outside.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{sync::Arc, time::Duration};
use tidewire_lifecycle::{
    Action, Config, Deployment, Heartbeat, Lifecycle, Share, Timer, Usage,
    drain::{self, Drain},
};

const fn second(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn opened(change: impl FnOnce(&mut Config)) -> Lifecycle {
    let mut config = Config::default();
    change(&mut config);
    let mut life = Lifecycle::new(Arc::new(config), second(0));
    life.handle_opened(second(0));
    life
}

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
fn the_end_counts_the_last_fraction_of_a_tick_once() {
    let mut life = opened(|_| {});
    let end = second(100) + Duration::from_micros(700);
    let before = life.usage(end);
    assert_eq!(before.quiet, second(40) + Duration::from_micros(700));
    life.handle_closed(end);
    assert_eq!(life.usage(second(999)), before);
}

#[test]
fn a_quiet_connection_may_be_closed_though_heartbeats_go_on() {
    let mut life = opened(|config| config.quiet_timeout = Some(second(100)));
    for at in [25, 50, 75, 100, 125] {
        assert_eq!(life.handle_timeout(second(at)), Some(Action::SendHeartbeat));
        life.handle_received(second(at), 6);
        life.handle_heartbeat_reply(second(at));
        if at == 50 {
            life.handle_message_sent(second(50));
        }
    }
    assert_eq!(life.poll_timeout(), Some((second(150), Timer::Quiet)));
    assert_eq!(life.handle_timeout(second(150)), Some(Action::Close(Timer::Quiet)));
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
fn while_reading_is_paused_no_reply_is_missed_and_the_peer_still_hears_us() {
    let mut life = opened(|_| {});
    assert_eq!(life.handle_timeout(second(25)), Some(Action::SendHeartbeat));
    life.handle_read_paused(second(26));
    for at in [50, 75, 100] {
        assert_eq!(life.poll_timeout(), Some((second(at), Timer::Heartbeat)));
        assert_eq!(life.handle_timeout(second(at)), Some(Action::SendHeartbeat));
        assert_eq!(life.handle_timeout(second(at)), None);
    }
    life.handle_read_resumed(second(101));
    life.handle_read_resumed(second(105));
    assert_eq!(life.poll_timeout(), Some((second(109), Timer::HeartbeatReply)));
    life.handle_received(second(102), 6);
    life.handle_heartbeat_reply(second(102));
    assert_eq!(life.round_trip_time(), None, "it waited unread");
    // With output stuck as well nothing can be sent: the stall decides.
    life.handle_read_paused(second(103));
    life.handle_blocked(second(104));
    assert_eq!(life.poll_timeout(), Some((second(114), Timer::WriteStall)));
}

#[test]
fn a_peer_that_is_gone_when_reading_resumes_is_missed_then() {
    let mut life = opened(|_| {});
    life.handle_read_paused(second(1));
    assert_eq!(life.handle_timeout(second(25)), Some(Action::SendHeartbeat));
    assert_eq!(life.poll_timeout(), Some((second(50), Timer::Heartbeat)), "no reply is awaited");
    life.handle_read_resumed(second(30));
    assert_eq!(life.poll_timeout(), Some((second(50), Timer::Heartbeat)), "25 s behind what we said last");
    assert_eq!(life.handle_timeout(second(50)), Some(Action::SendHeartbeat));
    assert_eq!(life.handle_timeout(second(58)), Some(Action::Close(Timer::HeartbeatReply)));
}

#[test]
fn whether_the_owner_reads_is_what_it_said_last() {
    let mut life = opened(|_| {});
    assert!(life.is_reading());
    life.handle_read_paused(second(1));
    life.handle_read_paused(second(2));
    assert!(!life.is_reading());
    life.handle_read_resumed(second(3));
    assert!(life.is_reading());
    // Behind the end nothing changes it.
    life.handle_closed(second(4));
    life.handle_read_paused(second(5));
    assert!(life.is_reading());
}

#[test]
fn a_connection_tells_the_settings_that_it_shares() {
    let config = Arc::new(Config::event_stream());
    let life = Lifecycle::new(Arc::clone(&config), second(0));
    assert!(std::ptr::eq(life.config(), &*config));
    assert_eq!(life.config().heartbeat, Heartbeat::KeepAlive { interval: second(15) });
}

#[test]
fn credentials_expire_and_may_be_renewed() {
    let mut life = opened(|config| config.heartbeat = Heartbeat::Off);
    life.set_credential_expiry(second(1), Some(second(60)));
    assert_eq!(life.poll_timeout(), Some((second(60), Timer::CredentialExpiry)));
    life.set_credential_expiry(second(50), Some(second(120)));
    assert_eq!(life.poll_timeout(), Some((second(120), Timer::CredentialExpiry)));
    life.set_credential_expiry(second(60), None);
    assert_eq!(life.poll_timeout(), Some((second(300), Timer::Idle)));
    life.set_credential_expiry(second(70), Some(second(60)));
    assert_eq!(
        life.handle_timeout(second(70)),
        Some(Action::Close(Timer::CredentialExpiry)),
        "expired already"
    );
}

#[test]
fn an_expiry_far_away_counts_as_the_longest_limit() {
    let year = second(365 * 86_400);
    let mut life = opened(|config| {
        config.heartbeat = Heartbeat::Off;
        config.idle_timeout = None;
    });
    life.set_credential_expiry(second(1), Some(year));
    assert_eq!(life.poll_timeout(), Some((second(1) + Config::MAX_TIMEOUT, Timer::CredentialExpiry)));
    life.set_credential_expiry(second(2), Some(Duration::MAX));
    assert_eq!(life.poll_timeout(), Some((second(2) + Config::MAX_TIMEOUT, Timer::CredentialExpiry)));
}

#[test]
fn no_connection_gets_older_than_it_may_whatever_its_credentials() {
    let aged = |config: &mut Config| {
        config.heartbeat = Heartbeat::Off;
        config.max_age = Some(second(100));
    };
    let mut life = opened(aged);
    assert_eq!(life.poll_timeout(), Some((second(100), Timer::MaxAge)));
    life.set_credential_expiry(second(1), Some(second(200)));
    assert_eq!(life.poll_timeout(), Some((second(100), Timer::MaxAge)));
    life.set_credential_expiry(second(1), Some(second(50)));
    assert_eq!(life.poll_timeout(), Some((second(50), Timer::CredentialExpiry)));
    life.set_credential_expiry(second(2), None);
    assert_eq!(life.handle_timeout(second(100)), Some(Action::Close(Timer::MaxAge)));
    // One that took a month to open is too old at once.
    let mut config = Config::default();
    aged(&mut config);
    config.opening_timeout = None;
    let mut slow = Lifecycle::new(Arc::new(config), second(0));
    slow.handle_opened(second(30 * 86_400));
    assert_eq!(slow.handle_timeout(second(30 * 86_400)), Some(Action::Close(Timer::MaxAge)));
}

#[test]
fn what_ends_a_connection_before_a_drain_would_is_told_as_what_it_is() {
    let quiet = |config: &mut Config| config.heartbeat = Heartbeat::Off;
    let aged = |config: &mut Config| config.max_age = Some(second(15));
    let expire = |life: &mut Lifecycle, at: u64| life.set_credential_expiry(second(10), Some(second(at)));
    let drain = |life: &mut Lifecycle| life.begin_drain(second(10), second(20));
    let mut life = opened(quiet);
    expire(&mut life, 15);
    drain(&mut life);
    assert_eq!(life.poll_timeout(), Some((second(15), Timer::CredentialExpiry)));
    expire(&mut life, 15);
    assert_eq!(life.poll_timeout(), Some((second(15), Timer::CredentialExpiry)));
    expire(&mut life, 100);
    assert_eq!(life.poll_timeout(), Some((second(15), Timer::Drain)), "they expire no more");
    let mut life = opened(quiet);
    drain(&mut life);
    expire(&mut life, 15);
    assert_eq!(life.poll_timeout(), Some((second(15), Timer::CredentialExpiry)));
    let mut life = opened(aged);
    drain(&mut life);
    assert_eq!(life.poll_timeout(), Some((second(15), Timer::MaxAge)));
    expire(&mut life, 100);
    assert_eq!(life.poll_timeout(), Some((second(15), Timer::MaxAge)), "it only comes nearer");
    life.begin_drain(second(11), second(12));
    assert_eq!(life.poll_timeout(), Some((second(12), Timer::Drain)));
}

#[test]
fn of_a_drain_and_another_end_at_the_same_time_the_first_of_the_list_is_told() {
    let quiet = |config: &mut Config| config.heartbeat = Heartbeat::Off;
    let expire = |life: &mut Lifecycle| life.set_credential_expiry(second(1), Some(second(20)));
    let drain = |life: &mut Lifecycle| life.begin_drain(second(1), second(20));
    // Whichever was said first, and however often.
    let orders: [&[fn(&mut Lifecycle)]; 4] =
        [&[expire, drain], &[drain, expire], &[drain, expire, drain], &[expire, drain, expire]];
    for calls in orders {
        let mut life = opened(quiet);
        calls.iter().for_each(|call| call(&mut life));
        assert_eq!(life.poll_timeout(), Some((second(20), Timer::CredentialExpiry)));
    }
    let aged = |config: &mut Config| config.max_age = Some(second(20));
    let mut life = opened(aged);
    drain(&mut life);
    assert_eq!(life.handle_timeout(second(20)), Some(Action::Close(Timer::Drain)));
    let mut life = opened(aged);
    expire(&mut life);
    assert_eq!(life.handle_timeout(second(20)), Some(Action::Close(Timer::CredentialExpiry)));
}

#[test]
fn once_a_drain_began_the_end_only_comes_nearer() {
    let quiet = |config: &mut Config| config.heartbeat = Heartbeat::Off;
    let mut life = opened(quiet);
    life.begin_drain(second(10), second(20));
    life.set_credential_expiry(second(11), Some(second(100)));
    assert_eq!(life.poll_timeout(), Some((second(20), Timer::Drain)));
    life.set_credential_expiry(second(11), Some(second(15)));
    life.set_credential_expiry(second(12), None);
    assert_eq!(life.poll_timeout(), Some((second(15), Timer::Drain)));
    let mut life = opened(quiet);
    life.set_credential_expiry(second(1), Some(second(15)));
    life.begin_drain(second(10), second(20));
    life.set_credential_expiry(second(11), Some(second(100)));
    assert_eq!(life.handle_timeout(second(15)), Some(Action::Close(Timer::Drain)));
}

#[test]
fn ten_thousand_are_told_evenly() {
    let drain = Drain::new(&drain::Config::default(), second(100));
    let mut told = [0; 10];
    for index in 0..10_000 {
        let at = drain.told_at(index, 10_000);
        assert!(at >= second(100) && at < second(110));
        told[(at.as_secs() - 100) as usize] += 1;
    }
    assert_eq!(told, [1000; 10]);
    assert_eq!((drain.told_at(7, 0), drain.told_at(8, 7)), (second(100), second(110)));
    let mut config = drain::Config::default();
    (config.spread, config.deadline) = (second(60), second(30));
    let drain = Drain::new(&config, second(0));
    assert_eq!((drain.told_at(1, 1), drain.deadline()), (second(30), second(30)), "not beyond the deadline");
    let end = Drain::new(&drain::Config::default(), Duration::MAX);
    assert_eq!((end.told_at(5, 9), end.deadline()), (Duration::MAX, Duration::MAX));
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
fn of_a_close_and_a_linger_that_end_together_the_close_is_told() {
    let mut life = opened(|_| {});
    life.begin_closing(second(8));
    life.begin_linger(second(11));
    assert_eq!(life.poll_timeout(), Some((second(13), Timer::Closing)));
    let mut life = opened(|_| {});
    life.handle_closed(second(8));
    life.begin_linger(second(1));
    assert_eq!(life.usage(second(9)).open, second(8), "nothing changes behind the end");
}

#[test]
fn timers_say_what_they_watch() {
    let said: Vec<String> = Timer::ALL.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "opening handshake",
            "write stalled",
            "closing handshake",
            "linger",
            "credentials expired",
            "going away",
            "maximum age",
            "no reply to a heartbeat",
            "idle",
            "no messages",
            "heartbeat"
        ]
    );
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

#[test]
fn at_the_end_of_time_deadlines_are_due_and_nothing_overflows() {
    let mut life = opened(|_| {});
    assert_eq!(life.handle_timeout(Duration::MAX), Some(Action::SendHeartbeat));
    assert_eq!(life.handle_timeout(Duration::MAX), Some(Action::Close(Timer::HeartbeatReply)));
    assert_eq!(life.handle_timeout(Duration::MAX), Some(Action::Abort(Timer::Closing)));
    let mut config = drain::Config::default();
    (config.spread, config.deadline) = (Duration::MAX, Duration::MAX);
    let drain = Drain::new(&config, second(0));
    assert!(drain.told_at(1 << 40, (1 << 40) + 1) > second(1));
}

#[test]
fn a_probe_that_is_stuck_is_the_stalls_to_decide() {
    let mut life = opened(|_| {});
    life.handle_blocked(second(24));
    assert_eq!(life.handle_timeout(second(25)), Some(Action::SendHeartbeat));
    assert_eq!(
        life.poll_timeout(),
        Some((second(34), Timer::WriteStall)),
        "no reply is missed of what was not sent"
    );
    life.handle_sent(second(33), 1);
    assert_eq!(life.poll_timeout(), Some((second(43), Timer::WriteStall)));
    life.handle_sent(second(40), 1000);
    life.handle_unblocked(second(40));
    assert_eq!(life.poll_timeout(), Some((second(48), Timer::HeartbeatReply)), "now it is out");
    // With no limit for a stall, the reply's is the one there is.
    let mut life = opened(|config| config.write_stall_timeout = None);
    life.handle_blocked(second(24));
    assert_eq!(life.handle_timeout(second(25)), Some(Action::SendHeartbeat));
    assert_eq!(life.poll_timeout(), Some((second(33), Timer::HeartbeatReply)));
}
