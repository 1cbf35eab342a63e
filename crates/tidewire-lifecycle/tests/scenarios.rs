//! Each rule of a connection's life, at its deadline and one tick before, under a hand-moved clock.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::{opened, second};
use std::{sync::Arc, time::Duration};
use tidewire_lifecycle::{Action, Config, Heartbeat, Lifecycle, Phase, Timer};

const TICK: Duration = Duration::from_millis(1);

/// The next deadline is exactly `at`: nothing happens one tick before it, and `action` at it.
fn expect(life: &mut Lifecycle, at: Duration, action: Action) {
    let (deadline, _) = life.poll_timeout().expect("a deadline");
    assert_eq!(deadline, at);
    assert_eq!(life.handle_timeout(at - TICK), None, "one tick early");
    assert_eq!(life.handle_timeout(at), Some(action));
}

fn off(config: &mut Config) {
    config.heartbeat = Heartbeat::Off;
}

#[test]
fn an_opening_that_takes_too_long_is_aborted() {
    let mut life = Lifecycle::new(Arc::new(Config::default()), second(100));
    life.handle_received(second(104), 1);
    expect(&mut life, second(105), Action::Abort(Timer::Opening));
    assert_eq!((life.phase(), life.poll_timeout()), (Phase::Closed, None));
}

#[test]
fn without_heartbeats_five_minutes_of_silence_close() {
    let mut life = opened(off);
    expect(&mut life, second(300), Action::Close(Timer::Idle));
    assert_eq!(life.phase(), Phase::Closing);
    expect(&mut life, second(305), Action::Abort(Timer::Closing));
}

#[test]
fn bytes_in_either_direction_postpone_the_idle_rule() {
    let mut life = opened(off);
    life.handle_received(second(200), 1);
    assert_eq!(life.poll_timeout(), Some((second(500), Timer::Idle)));
    life.handle_sent(second(400), 1);
    expect(&mut life, second(700), Action::Close(Timer::Idle));
}

#[test]
fn an_empty_read_or_write_is_no_traffic() {
    let mut life = opened(off);
    life.handle_received(second(200), 0);
    life.handle_sent(second(200), 0);
    assert_eq!(life.poll_timeout(), Some((second(300), Timer::Idle)));
}

#[test]
fn heartbeats_that_are_answered_keep_a_quiet_connection_for_ever() {
    let mut life = opened(|_| {});
    for round in 1..1_000_u64 {
        let at = second(25) * u32::try_from(round).unwrap();
        expect(&mut life, at, Action::SendHeartbeat);
        life.handle_sent(at, 6);
        life.handle_received(at, 6);
        life.handle_heartbeat_reply(at);
    }
    assert_eq!(life.phase(), Phase::Open);
}

#[test]
fn a_missing_reply_closes_after_eight_seconds() {
    let mut life = opened(|_| {});
    expect(&mut life, second(25), Action::SendHeartbeat);
    assert_eq!(life.handle_timeout(second(25)), None, "one probe at a time");
    expect(&mut life, second(33), Action::Close(Timer::HeartbeatReply));
    expect(&mut life, second(38), Action::Abort(Timer::Closing));
}

#[test]
fn bytes_while_a_probe_waits_prove_life_but_are_no_reply() {
    let mut life = opened(|_| {});
    expect(&mut life, second(25), Action::SendHeartbeat);
    life.handle_received(second(30), 1000);
    assert_eq!(life.poll_timeout(), Some((second(38), Timer::HeartbeatReply)));
    expect(&mut life, second(38), Action::Close(Timer::HeartbeatReply));
}

#[test]
fn a_peer_that_talks_but_never_replies_is_closed_all_the_same() {
    let mut life = opened(|_| {});
    expect(&mut life, second(25), Action::SendHeartbeat);
    for at in (26..58).step_by(4) {
        life.handle_received(second(at), 1);
        assert_eq!(life.handle_timeout(second(at)), None);
    }
    life.handle_received(second(57), 1);
    expect(&mut life, second(58), Action::Close(Timer::HeartbeatReply));
}

#[test]
fn a_probe_behind_a_slow_but_moving_backlog_is_waited_for() {
    let mut life = opened(|_| {});
    life.handle_blocked(second(24));
    expect(&mut life, second(25), Action::SendHeartbeat);
    for at in 26..60 {
        life.handle_sent(second(at), 50_000);
        assert_eq!(life.handle_timeout(second(at)), None);
    }
    expect(&mut life, second(69), Action::Abort(Timer::WriteStall));
}

#[test]
fn what_is_sent_behind_a_probe_that_is_out_does_not_postpone_its_reply() {
    let mut life = opened(|_| {});
    expect(&mut life, second(25), Action::SendHeartbeat);
    life.handle_sent(second(25), 6);
    life.handle_unblocked(second(25));
    // The peer is gone; its transport still takes what we say, in pieces.
    for at in 26..33 {
        life.handle_sent(second(at), 10);
        life.handle_blocked(second(at));
        life.handle_sent(second(at), 10);
        life.handle_unblocked(second(at));
        assert_eq!(life.poll_timeout(), Some((second(33), Timer::HeartbeatReply)));
    }
    expect(&mut life, second(33), Action::Close(Timer::HeartbeatReply));
}

#[test]
fn an_interval_of_nothing_still_lets_time_pass() {
    let nothing = Heartbeat::KeepAlive { interval: Duration::ZERO };
    let mut life = opened(|config| config.heartbeat = nothing);
    assert_eq!(life.handle_timeout(second(1)), Some(Action::SendHeartbeat));
    assert_eq!(life.handle_timeout(second(1)), None);
}

#[test]
fn a_keep_alive_is_not_asked_for_while_output_is_stuck() {
    let mut life = opened(|config| {
        *config = Config::event_stream();
        config.write_stall_timeout = None;
    });
    life.handle_blocked(second(1));
    expect(&mut life, second(300), Action::Close(Timer::Idle));
}

#[test]
fn a_limit_beyond_the_longest_counts_as_the_longest() {
    let mut life = opened(|config| {
        off(config);
        config.idle_timeout = Some(Config::MAX_TIMEOUT + second(1_000_000));
    });
    life.handle_received(second(1_000_000), 1);
    expect(&mut life, second(1_000_000) + Config::MAX_TIMEOUT, Action::Close(Timer::Idle));
}

#[test]
fn an_unsolicited_reply_is_only_traffic() {
    let mut life = opened(|_| {});
    life.handle_heartbeat_reply(second(10));
    assert_eq!(life.poll_timeout(), Some((second(25), Timer::Heartbeat)));
}

#[test]
fn the_quieter_direction_decides_when_to_probe() {
    let mut life = opened(|_| {});
    life.handle_received(second(20), 1);
    assert_eq!(life.poll_timeout(), Some((second(25), Timer::Heartbeat)), "we said nothing");
    life.handle_sent(second(24), 1);
    expect(&mut life, second(45), Action::SendHeartbeat);
}

#[test]
fn a_keep_alive_fills_only_our_own_silence() {
    let mut life = opened(|config| *config = Config::event_stream());
    life.handle_received(second(14), 1);
    expect(&mut life, second(15), Action::SendHeartbeat);
    assert_eq!(life.handle_timeout(second(15)), None);
    life.handle_sent(second(20), 1);
    expect(&mut life, second(35), Action::SendHeartbeat);
}

#[test]
fn a_writer_that_stalls_is_aborted_though_the_peer_keeps_sending() {
    let mut life = opened(|_| {});
    life.handle_blocked(second(1));
    for at in 2..11 {
        life.handle_received(second(at), 100);
        life.handle_blocked(second(at));
    }
    expect(&mut life, second(11), Action::Abort(Timer::WriteStall));
}

#[test]
fn progress_and_drained_output_end_a_stall() {
    let mut life = opened(off);
    life.handle_blocked(second(1));
    life.handle_sent(second(9), 1);
    assert_eq!(life.poll_timeout(), Some((second(19), Timer::WriteStall)));
    life.handle_unblocked(second(10));
    assert_eq!(life.poll_timeout(), Some((second(309), Timer::Idle)));
}

#[test]
fn the_close_deadline_and_the_stall_run_while_bytes_wait() {
    let mut life = opened(off);
    life.handle_blocked(second(1));
    life.begin_closing(second(8));
    life.begin_closing(second(9));
    expect(&mut life, second(11), Action::Abort(Timer::WriteStall));
    let mut life = opened(off);
    life.handle_blocked(second(7));
    life.begin_closing(second(8));
    life.handle_received(second(12), 1);
    expect(&mut life, second(13), Action::Abort(Timer::Closing));
}

#[test]
fn lingering_is_bounded_by_time() {
    let mut life = opened(off);
    life.begin_closing(second(8));
    life.begin_linger(second(9));
    life.begin_linger(second(10));
    expect(&mut life, second(11), Action::Abort(Timer::Linger));
    let mut life = opened(off);
    life.begin_closing(second(8));
    life.begin_linger(second(12));
    expect(&mut life, second(13), Action::Abort(Timer::Closing));
}

#[test]
fn lingering_is_bounded_by_bytes() {
    let mut life = opened(|config| config.linger_max_bytes = 1000);
    life.begin_linger(second(8));
    assert_eq!(life.handle_discarded(second(8), 600), None);
    assert_eq!(life.handle_discarded(second(8), 400), None, "at the limit");
    assert_eq!(life.handle_discarded(second(8), 1), Some(Action::Abort(Timer::Linger)));
    assert_eq!(life.handle_discarded(second(8), 1), None);
    assert_eq!(life.phase(), Phase::Closed);
    assert_eq!(life.usage(second(9)).received_bytes, 1001);
}

#[test]
fn what_is_none_is_off() {
    let mut life = opened(|config| {
        off(config);
        config.idle_timeout = None;
        config.write_stall_timeout = None;
        config.closing_timeout = None;
        config.linger_timeout = None;
    });
    life.handle_blocked(second(1));
    assert_eq!(life.poll_timeout(), None);
    life.begin_closing(second(2));
    assert_eq!(life.poll_timeout(), None);
    life.begin_linger(second(3));
    assert_eq!((life.poll_timeout(), life.handle_timeout(second(1 << 30))), (None, None));
}

#[test]
fn nothing_happens_after_the_end_and_usage_is_final() {
    let mut life = opened(|_| {});
    life.handle_received(second(1), 10);
    life.handle_sent(second(2), 20);
    life.handle_message_received(second(2));
    life.handle_message_sent(second(2));
    life.handle_closed(second(60));
    let last = life.usage(second(60));
    life.handle_opened(second(61));
    life.handle_received(second(61), 1);
    life.handle_sent(second(61), 1);
    life.handle_message_received(second(61));
    life.handle_message_sent(second(61));
    life.handle_blocked(second(61));
    life.begin_linger(second(61));
    assert_eq!(life.handle_timeout(second(1000)), None);
    assert_eq!((life.phase(), life.usage(second(1000))), (Phase::Closed, last));
    assert_eq!((last.open, last.received_bytes, last.sent_bytes), (second(60), 10, 20));
    assert_eq!((last.received_messages, last.sent_messages), (1, 1));
}

#[test]
fn deadlines_hold_at_any_age() {
    let year = second(365 * 86_400);
    let mut life = opened(|_| {});
    let mut now = second(0);
    while now < year * 3 {
        let (deadline, timer) = life.poll_timeout().unwrap();
        assert_eq!((deadline, timer), (now + second(25), Timer::Heartbeat));
        assert_eq!(life.handle_timeout(deadline), Some(Action::SendHeartbeat));
        life.handle_received(deadline, 6);
        life.handle_heartbeat_reply(deadline);
        now = deadline;
        // Most of the time passes in long steps, so that the test is short.
        if now < year * 2 {
            now += second(86_400);
            life.handle_sent(now, 1);
            life.handle_received(now, 1);
        } else {
            now += second(1_000_000);
            life.handle_sent(now, 1);
            life.handle_received(now, 1);
        }
    }
    assert_eq!(life.usage(now).open, now);
    life.handle_closed(now);
    assert_eq!(life.usage(now).open, now);
}

#[test]
fn traffic_moves_deadlines_later_and_what_moves_one_sooner_tells() {
    let mut life = opened(|config| {
        config.heartbeat = Heartbeat::Probe { interval: second(20), timeout: second(60) };
    });
    assert!(life.take_sooner(), "nobody has asked yet");
    life.handle_received(second(1), 100);
    life.handle_message_received(second(1));
    life.handle_message_sent(second(1));
    life.handle_sent(second(1), 100);
    life.handle_unblocked(second(1));
    assert!(!life.take_sooner());

    life.handle_blocked(second(2));
    assert_eq!((life.take_sooner(), life.poll_timeout()), (true, Some((second(12), Timer::WriteStall))));
    life.handle_blocked(second(3));
    life.handle_sent(second(3), 100);
    assert!(!life.take_sooner());
    life.handle_unblocked(second(3));
    assert_eq!((life.take_sooner(), life.poll_timeout()), (true, Some((second(21), Timer::Heartbeat))));

    // Its reply is due long behind the next keep-alive of who does not read.
    assert_eq!(life.handle_timeout(second(21)), Some(Action::SendHeartbeat));
    assert_eq!(life.poll_timeout(), Some((second(81), Timer::HeartbeatReply)));
    assert!(!life.take_sooner());
    life.handle_read_paused(second(22));
    assert_eq!((life.take_sooner(), life.poll_timeout()), (true, Some((second(41), Timer::Heartbeat))));
    life.handle_read_paused(second(23));
    assert!(!life.take_sooner());
    life.begin_closing(second(23));
    assert!(life.take_sooner());
}

#[test]
fn the_state_is_small() {
    assert!(size_of::<Lifecycle>() <= 104, "{} bytes", size_of::<Lifecycle>());
}
