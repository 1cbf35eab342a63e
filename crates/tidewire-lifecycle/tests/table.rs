//! The machine does what its committed table says: every input in every phase, and every timer wherever it can be made
//! to run.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::second;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tidewire_lifecycle::{Action, Config, Heartbeat, Lifecycle, Phase, Timer};

/// A life at 10 s, in a phase.
fn life(config: &Config, phase: Phase) -> Lifecycle {
    let mut life = Lifecycle::new(Arc::new(config.clone()), second(0));
    match phase {
        Phase::Opening => {}
        Phase::Open => life.handle_opened(second(10)),
        Phase::Closing => life.begin_closing(second(10)),
        Phase::Closed => life.handle_closed(second(10)),
    }
    assert_eq!(life.phase(), phase);
    life
}

/// What one call does at 11 s, in the words of the table.
fn effect(before: &Lifecycle, call: impl FnOnce(&mut Lifecycle)) -> String {
    let mut after = before.clone();
    call(&mut after);
    if after.phase() != before.phase() {
        format!("> {:?}", after.phase())
    } else if after == *before {
        "-".into()
    } else {
        "noted".into()
    }
}

/// The committed table: what an input does, by its name, in each phase.
fn table() -> BTreeMap<String, [String; 4]> {
    let text = include_str!("table.txt");
    let row = |line: &str| {
        let mut cells = line.split('|').map(|cell| cell.trim().to_owned());
        (cells.next().unwrap(), [(); 4].map(|()| cells.next().unwrap()))
    };
    text.lines().skip(1).map(row).collect()
}

fn endless() -> Config {
    let mut config = Config::default();
    config.heartbeat = Heartbeat::Off;
    (config.opening_timeout, config.idle_timeout, config.write_stall_timeout) = (None, None, None);
    (config.closing_timeout, config.linger_timeout) = (None, None);
    config
}

#[test]
fn each_input_does_what_the_table_says() {
    let at = second(11);
    let table = table();
    let mut config = endless();
    config.linger_timeout = Some(second(2));
    for (column, phase) in Phase::ALL.into_iter().enumerate() {
        let mut probed = config.clone();
        probed.heartbeat = Heartbeat::Probe { interval: second(1), timeout: second(8) };
        let idle = life(&config, phase);
        let mut blocked = idle.clone();
        blocked.handle_blocked(second(10));
        let mut paused = idle.clone();
        paused.handle_read_paused(second(10));
        let mut awaits = life(&probed, phase);
        let heartbeat = awaits.handle_timeout(at);
        assert_eq!(heartbeat.is_some(), phase == Phase::Open);
        let does = |name: &str, before: &Lifecycle, call: fn(&mut Lifecycle)| {
            assert_eq!(effect(before, call), table[name][column], "{name} in {phase:?}");
        };
        does("Opened", &idle, |life| life.handle_opened(second(11)));
        does("Received", &idle, |life| life.handle_received(second(11), 1));
        does("Sent", &idle, |life| life.handle_sent(second(11), 1));
        does("Message", &idle, |life| life.handle_message_received(second(11)));
        does("Message", &idle, |life| life.handle_message_sent(second(11)));
        does("Blocked", &idle, |life| life.handle_blocked(second(11)));
        does("Unblocked", &blocked, |life| life.handle_unblocked(second(11)));
        does("ReadPaused", &idle, |life| life.handle_read_paused(second(11)));
        does("ReadResumed", &paused, |life| life.handle_read_resumed(second(11)));
        does("HeartbeatReply", &awaits, |life| life.handle_heartbeat_reply(second(11)));
        does("Expiry", &idle, |life| life.set_credential_expiry(second(11), Some(second(20))));
        does("Drain", &idle, |life| life.begin_drain(second(11), second(20)));
        does("Close", &idle, |life| life.begin_closing(second(11)));
        does("Linger", &idle, |life| life.begin_linger(second(11)));
        does("Discarded", &idle, |life| assert_eq!(life.handle_discarded(second(11), 1), None));
        does("Closed", &idle, |life| life.handle_closed(second(11)));
    }
    assert_eq!(table.len(), 15 + Timer::ALL.len(), "no input is left out");
}

/// A configuration in which one timer runs and no other, and what makes it run.
fn alone(timer: Timer) -> (Config, fn(&mut Lifecycle)) {
    let mut config = endless();
    let limit = Some(second(3));
    let mut start: fn(&mut Lifecycle) = |_| {};
    match timer {
        Timer::Opening => config.opening_timeout = Some(second(13)),
        Timer::WriteStall => {
            config.write_stall_timeout = limit;
            start = |life| life.handle_blocked(second(10));
        }
        Timer::Closing => config.closing_timeout = limit,
        Timer::Linger => {
            config.linger_timeout = limit;
            start = |life| {
                if life.phase() == Phase::Closing {
                    life.begin_linger(second(10));
                }
            };
        }
        Timer::CredentialExpiry => {
            start = |life| life.set_credential_expiry(second(10), Some(second(13)));
        }
        Timer::Drain => start = |life| life.begin_drain(second(10), second(13)),
        Timer::MaxAge => config.max_age = Some(second(13)),
        Timer::HeartbeatReply => {
            config.heartbeat = Heartbeat::Probe { interval: second(1), timeout: second(2) };
            start = |life| _ = life.handle_timeout(second(11));
        }
        Timer::Idle => config.idle_timeout = limit,
        Timer::Quiet => config.quiet_timeout = limit,
        Timer::Heartbeat => config.heartbeat = Heartbeat::KeepAlive { interval: second(3) },
        _ => unreachable!("a timer that the table has not"),
    }
    (config, start)
}

#[test]
fn each_timer_runs_where_the_table_says_and_fires_at_its_time() {
    let table = table();
    for timer in Timer::ALL {
        for (column, phase) in Phase::ALL.into_iter().enumerate() {
            let (config, start) = alone(timer);
            let mut life = life(&config, phase);
            start(&mut life);
            let expected = match table[&format!("{timer:?} due")][column].as_str() {
                "-" => None,
                "heartbeat" => Some((Action::SendHeartbeat, phase)),
                "close" => Some((Action::Close(timer), Phase::Closing)),
                "abort" => Some((Action::Abort(timer), Phase::Closed)),
                other => panic!("{other}"),
            };
            let context = format!("{timer:?} in {phase:?}");
            assert_eq!(life.poll_timeout(), expected.map(|_| (second(13), timer)), "{context}");
            assert_eq!(life.handle_timeout(second(13) - Duration::from_millis(1)), None, "{context}, early");
            assert_eq!(life.handle_timeout(second(13)), expected.map(|(action, _)| action), "{context}");
            assert_eq!(life.phase(), expected.map_or(phase, |(_, phase)| phase), "{context}");
            assert_eq!(life.handle_timeout(second(13)), None, "{context}, once");
        }
    }
}

#[test]
fn of_two_that_are_due_together_the_first_of_the_list_acts() {
    for (index, first) in Timer::ALL.into_iter().enumerate() {
        for second_one in &Timer::ALL[index + 1..] {
            assert!(first < *second_one, "{first:?} {second_one:?}");
        }
    }
    let mut config = endless();
    (config.idle_timeout, config.quiet_timeout, config.max_age) =
        (Some(second(3)), Some(second(3)), Some(second(13)));
    let mut life = life(&config, Phase::Open);
    assert_eq!(life.handle_timeout(second(13)), Some(Action::Close(Timer::MaxAge)));
}
