//! Random lives: deadlines lie ahead, one that comes sooner is told of, each phase follows from the last, nothing happens after the end, usage adds up.
#![allow(clippy::unwrap_used, missing_docs)]

use proptest::prelude::*;
use std::{sync::Arc, time::Duration};
use tidewire_lifecycle::{Action, Config, Heartbeat, Lifecycle, Phase, Timer};

#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    Opened,
    Received(usize),
    Sent(usize),
    Blocked,
    Unblocked,
    Reply,
    Message,
    ReadPaused,
    ReadResumed,
    Expiry(Option<u64>),
    Drain(u64),
    Close,
    Linger,
    Discarded(usize),
    Closed,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0u64..40_000).prop_map(Step::Wait),
        2 => Just(Step::Opened),
        4 => (0usize..5_000).prop_map(Step::Received),
        4 => (0usize..5_000).prop_map(Step::Sent),
        2 => Just(Step::Blocked),
        2 => Just(Step::Unblocked),
        2 => Just(Step::Reply),
        3 => Just(Step::Message),
        1 => Just(Step::ReadPaused),
        2 => Just(Step::ReadResumed),
        1 => prop::option::of(0u64..200_000).prop_map(Step::Expiry),
        1 => (0u64..200_000).prop_map(Step::Drain),
        1 => Just(Step::Close),
        1 => Just(Step::Linger),
        1 => (0usize..200_000).prop_map(Step::Discarded),
        1 => Just(Step::Closed),
    ]
}

fn heartbeat() -> impl Strategy<Value = Heartbeat> {
    let millis = Duration::from_millis;
    prop_oneof![
        Just(Heartbeat::Off),
        (0u64..60_000).prop_map(move |interval| Heartbeat::KeepAlive { interval: millis(interval) }),
        (0u64..60_000, 0u64..20_000).prop_map(move |(interval, timeout)| Heartbeat::Probe {
            interval: millis(interval),
            timeout: millis(timeout)
        }),
    ]
}

fn limit() -> impl Strategy<Value = Option<Duration>> {
    prop::option::of((0u64..300_000).prop_map(Duration::from_millis))
}

/// The phases in the order of a life.
fn rank(phase: Phase) -> usize {
    Phase::ALL.iter().position(|known| *known == phase).unwrap()
}

proptest! {
    #[test]
    fn any_life_keeps_its_rules(
        heartbeat in heartbeat(),
        quiet_timeout in limit(),
        max_age in limit(),
        active_window in 0u64..100_000,
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let mut config = Config::default();
        (config.heartbeat, config.quiet_timeout, config.max_age) = (heartbeat, quiet_timeout, max_age);
        config.active_window = Duration::from_millis(active_window);
        let mut now = Duration::from_secs(1_000);
        let start = now;
        let mut life = Lifecycle::new(Arc::new(config), now);
        let (mut received, mut sent, mut messages, mut end) = (0u64, 0u64, 0u64, None);
        let mut last = life.usage(now);
        let mut latest: Option<Duration> = None;
        // That of an owner who asks when a deadline may come sooner, and when it rings.
        let mut timer: Option<Duration> = None;
        for step in steps {
            let before = life.phase();
            let counts = before != Phase::Closed;
            match step.clone() {
                Step::Wait(millis) => {
                    let until = now + Duration::from_millis(millis);
                    // Every deadline on the way is met at its time.
                    while let Some((at, timer)) = life.poll_timeout().filter(|(at, _)| *at <= until) {
                        now = now.max(at);
                        let phase = life.phase();
                        let action = life.handle_timeout(now);
                        prop_assert!(action.is_some(), "{timer:?} was announced and did not come");
                        match action.unwrap() {
                            Action::SendHeartbeat => prop_assert_eq!((timer, phase), (Timer::Heartbeat, Phase::Open)),
                            Action::Close(why) => {
                                prop_assert_eq!((why, life.phase()), (timer, Phase::Closing));
                            }
                            Action::Abort(why) => {
                                prop_assert_eq!((why, life.phase()), (timer, Phase::Closed));
                            }
                        }
                        if life.phase() == Phase::Closed {
                            end.get_or_insert(now);
                        }
                    }
                    now = until;
                    prop_assert_eq!(life.handle_timeout(now), None);
                }
                Step::Opened => life.handle_opened(now),
                Step::Received(len) => {
                    life.handle_received(now, len);
                    received += if counts { len as u64 } else { 0 };
                }
                Step::Sent(len) => {
                    life.handle_sent(now, len);
                    sent += if counts { len as u64 } else { 0 };
                }
                Step::Blocked => life.handle_blocked(now),
                Step::Unblocked => life.handle_unblocked(now),
                Step::Reply => life.handle_heartbeat_reply(now),
                Step::Message => {
                    life.handle_message_received(now);
                    life.handle_message_sent(now);
                    messages += u64::from(counts);
                }
                Step::ReadPaused => life.handle_read_paused(now),
                Step::ReadResumed => life.handle_read_resumed(now),
                Step::Expiry(after) => {
                    life.set_credential_expiry(now, after.map(|after| now + Duration::from_millis(after)));
                }
                Step::Drain(after) => {
                    let at = now + Duration::from_millis(after);
                    life.begin_drain(now, at);
                    if before == Phase::Open {
                        latest = Some(latest.map_or(at, |latest| latest.min(at)));
                    }
                }
                Step::Close => life.begin_closing(now),
                Step::Linger => life.begin_linger(now),
                Step::Discarded(len) => {
                    let ended = life.handle_discarded(now, len);
                    received += if counts { len as u64 } else { 0 };
                    prop_assert_eq!(ended.is_some(), counts && life.phase() == Phase::Closed);
                }
                Step::Closed => life.handle_closed(now),
            }
            let next = life.poll_timeout().map(|(at, _)| at);
            if life.take_sooner() || timer.is_some_and(|at| at <= now) {
                timer = next;
            }
            let rings = next.is_none_or(|next| timer.is_some_and(|at| at <= next));
            prop_assert!(rings, "{step:?} let a deadline come at {next:?}, sooner than {timer:?}");
            prop_assert!(rank(life.phase()) >= rank(before), "back from {before:?} to {:?}", life.phase());
            if life.phase() == Phase::Closed {
                let end = *end.get_or_insert(now);
                prop_assert_eq!(life.poll_timeout(), None);
                prop_assert_eq!(life.usage(now).open, end - start);
            } else {
                prop_assert_eq!(life.usage(now).open, now - start);
            }
            let usage = life.usage(now);
            prop_assert_eq!((usage.received_bytes, usage.sent_bytes), (received, sent));
            prop_assert_eq!((usage.received_messages, usage.sent_messages), (messages, messages));
            prop_assert_eq!(usage.active() + usage.quiet, usage.open);
            prop_assert!(usage.active() >= last.active() && usage.quiet >= last.quiet, "{usage:?} {last:?}");
            last = usage;
            // Whoever drains is closing in time.
            let overdue = latest.is_some_and(|latest| now > latest);
            prop_assert!(!overdue || life.phase() != Phase::Open, "open at {now:?}, told to go by {latest:?}");
        }
    }
}
