//! Properties of tidewire-lifecycle: any bytes as what happens to a connection, and to a queue of timers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tidewire_lifecycle::timer_queue::{TimerKey, TimerQueue};
use tidewire_lifecycle::{Action, Config, Heartbeat, Lifecycle, Phase};

/// Numbers out of bytes, small ones more often than large ones.
struct Script<'a>(&'a [u8]);

impl Script<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// Up to 2^40, spread over the orders of magnitude.
    fn number(&mut self) -> Option<u64> {
        let [bits, low, high] = [self.byte()?, self.byte()?, self.byte()?];
        let mantissa = u64::from(u16::from_le_bytes([low, high]));
        Some((mantissa << (bits % 25)) >> (bits / 25))
    }

    fn span(&mut self) -> Option<Duration> {
        self.number().map(Duration::from_micros)
    }

    fn limit(&mut self) -> Option<Option<Duration>> {
        let limit = self.span()?;
        Some((limit > Duration::from_millis(1)).then_some(limit))
    }
}

fn config(script: &mut Script<'_>) -> Option<Config> {
    let mut config = Config::default();
    let (interval, timeout) = (script.span()?, script.span()?);
    config.heartbeat = match script.byte()? % 3 {
        0 => Heartbeat::Off,
        1 => Heartbeat::KeepAlive { interval },
        _ => Heartbeat::Probe { interval, timeout },
    };
    config.opening_timeout = script.limit()?;
    config.idle_timeout = script.limit()?;
    config.quiet_timeout = script.limit()?;
    config.active_window = script.span()?;
    config.write_stall_timeout = script.limit()?;
    config.max_age = script.limit()?;
    config.closing_timeout = script.limit()?;
    config.linger_timeout = script.limit()?;
    Some(config)
}

/// One thing that happens. Time goes on, but for a clock that stumbles.
fn happen(life: &mut Lifecycle, now: Duration, script: &mut Script<'_>) -> Option<()> {
    match script.byte()? % 16 {
        0 | 1 => life.handle_opened(now),
        2 => life.handle_received(now, usize::from(script.byte()?)),
        3 => life.handle_sent(now, usize::from(script.byte()?)),
        4 => life.handle_blocked(now),
        5 => life.handle_unblocked(now),
        6 => life.handle_read_paused(now),
        7 => life.handle_read_resumed(now),
        8 => life.handle_message_received(now),
        9 => life.handle_message_sent(now),
        10 => life.handle_heartbeat_reply(now),
        11 => life.set_credential_expiry(now, script.limit()?.map(|after| now + after)),
        12 => life.begin_drain(now, now + script.span()?),
        13 => life.begin_closing(now),
        14 => life.begin_linger(now),
        _ => _ = life.handle_discarded(now, usize::from(script.byte()?) << 12),
    }
    Some(())
}

/// An owner's timer, which is set anew when a deadline may come sooner and when it rings, and not else.
#[derive(Default)]
struct Timer(Option<Duration>);

impl Timer {
    fn look(&mut self, life: &mut Lifecycle, now: Duration) {
        let next = life.poll_timeout().map(|(at, _)| at);
        if life.take_sooner() || self.0.is_some_and(|at| at <= now) {
            self.0 = next;
        }
        let is_in_time = next.is_none_or(|next| self.0.is_some_and(|at| at <= next));
        assert!(is_in_time, "a deadline at {next:?} came sooner than {:?}, and nothing told", self.0);
    }
}

/// Any life: a deadline that is announced has an action at its time and none before, one that comes sooner is told of,
/// the phases go one way, nothing happens
/// behind the end, and usage adds up and never goes back.
///
/// # Panics
/// When it does not.
pub fn life(data: &[u8]) {
    let mut script = Script(data);
    let Some(config) = config(&mut script) else { return };
    let mut now = Duration::from_secs(7);
    let mut life = Lifecycle::new(Arc::new(config), now);
    let (mut phase, mut usage) = (life.phase(), life.usage(now));
    let (mut end, mut timer) = (None, Timer::default());
    while happen(&mut life, now, &mut script).is_some() {
        timer.look(&mut life, now);
        let Some(wait) = script.span() else { break };
        let until = now + wait;
        // A heartbeat may be due each millisecond: some of them are enough.
        for _ in 0..100 {
            let Some((at, due)) = life.poll_timeout().filter(|(at, _)| *at <= until) else { break };
            if at > now {
                let early = at.saturating_sub(Duration::from_micros(1)).max(now);
                assert!(at == early || life.handle_timeout(early).is_none(), "{due} came early");
            }
            now = now.max(at);
            match life.handle_timeout(now) {
                Some(Action::SendHeartbeat) => assert_eq!(life.phase(), Phase::Open),
                Some(Action::Close(_)) => assert_eq!(life.phase(), Phase::Closing),
                Some(Action::Abort(_)) => assert_eq!(life.phase(), Phase::Closed),
                None => panic!("{due} was announced and did not come"),
            }
        }
        now = until;
        while life.handle_timeout(now).is_some() {}
        timer.look(&mut life, now);
        let rank = |phase| Phase::ALL.iter().position(|known| *known == phase);
        assert!(rank(life.phase()) >= rank(phase), "back from {phase:?} to {:?}", life.phase());
        phase = life.phase();
        let used = life.usage(now);
        assert_eq!(used.active() + used.quiet, used.open);
        assert!(used.open >= usage.open && used.quiet >= usage.quiet && used.active() >= usage.active());
        assert!(used.received_bytes >= usage.received_bytes && used.sent_bytes >= usage.sent_bytes);
        usage = used;
        if phase == Phase::Closed {
            assert_eq!(*end.get_or_insert(used), used, "the record is final");
            assert_eq!(life.poll_timeout(), None);
        }
    }
}

/// Any operations on a queue of timers, beside a map of them: each comes once, in time, the earlier ones first.
///
/// # Panics
/// When one does not.
pub fn timers(data: &[u8]) {
    let mut script = Script(data);
    let mut now = Duration::from_secs(7);
    let mut queue = TimerQueue::new(now);
    let mut keys: Vec<(u32, TimerKey)> = Vec::new();
    let mut model: BTreeMap<u32, Option<Duration>> = BTreeMap::new();
    let mut count = 0;
    while let (Some(kind), Some(number)) = (script.byte(), script.number()) {
        let at = (kind & 0x80 == 0).then(|| now.saturating_add(Duration::from_micros(number)));
        match kind % 4 {
            0 => {
                keys.push((count, queue.insert(at, count)));
                model.insert(count, at);
                count += 1;
            }
            1 if !keys.is_empty() => {
                let (number, key) = &keys[number as usize % keys.len()];
                queue.set(key, at);
                model.insert(*number, at);
            }
            2 if !keys.is_empty() => {
                let (number, key) = keys.swap_remove(number as usize % keys.len());
                assert_eq!(queue.remove(key), number);
                model.remove(&number);
            }
            _ => {
                now += Duration::from_micros(number);
                pop_due(&mut queue, &mut model, now);
            }
        }
        assert_eq!(queue.len(), model.len());
        let first = model.values().flatten().min();
        assert!(first.is_none_or(|first| queue.poll_timeout().is_some_and(|asked| asked <= ceil(*first))));
    }
}

/// A deadline, as the queue keeps it: in whole milliseconds behind its origin.
fn ceil(at: Duration) -> Duration {
    let millis = (at - Duration::from_secs(7)).as_nanos().div_ceil(1_000_000);
    Duration::from_secs(7) + Duration::from_millis(millis as u64)
}

fn pop_due(queue: &mut TimerQueue<u32>, model: &mut BTreeMap<u32, Option<Duration>>, now: Duration) {
    while let Some(number) = queue.pop(now).copied() {
        let at = model.insert(number, None).flatten();
        assert!(at.is_some_and(|at| at <= now), "{number} came at {now:?}, it was due at {at:?}");
    }
    let missed = model.values().flatten().find(|at| ceil(**at) <= now);
    assert_eq!(missed, None, "missed at {now:?}");
}
