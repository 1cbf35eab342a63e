//! Ends that are set from outside, those that come together, and what reading that pauses does to them.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::{opened, second};
use std::{sync::Arc, time::Duration};
use tidewire_lifecycle::{
    Action, Config, Heartbeat, Lifecycle, Timer,
    drain::{self, Drain},
};

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
