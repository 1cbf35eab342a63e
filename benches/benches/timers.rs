//! Deadlines of many connections: moved later, which is what every message does, and moved and fired; beside tokio's
//! `DelayQueue` (feature `peers`).
#![allow(missing_docs)]

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tidewire_lifecycle::timer_queue::{TimerKey, TimerQueue};

const COUNTS: [u32; 3] = [1_000, 30_000, 1_000_000];
const HEARTBEAT: Duration = Duration::from_secs(25);

/// Timers whose deadlines lie within one interval.
fn queue(count: u32) -> (TimerQueue<u32>, Vec<TimerKey>) {
    let mut queue = TimerQueue::new(Duration::ZERO);
    let keys = (0..count).map(|index| queue.insert(Some(first_deadline(index, count)), index)).collect();
    (queue, keys)
}

fn first_deadline(index: u32, count: u32) -> Duration {
    HEARTBEAT + HEARTBEAT * index / count
}

/// The order in which connections speak: one after the other, or as it comes.
fn order(count: u32, stride: u32) -> Vec<u32> {
    (0..u64::from(count)).map(|turn| (turn * u64::from(stride) % u64::from(count)) as u32).collect()
}

/// Each timer is moved to an interval from now, and time goes on by a microsecond.
fn moved_later(bench: &mut Criterion) {
    for (name, stride) in [("timers moved later, in turn", 1), ("timers moved later, at random", 15_485_863)]
    {
        let mut group = bench.benchmark_group(name);
        for count in COUNTS {
            let order = order(count, stride);
            group.throughput(Throughput::Elements(1000));
            let (mut timers, keys) = queue(count);
            let (mut now, mut turn) = (Duration::ZERO, 0);
            group.bench_function(BenchmarkId::new("tidewire", count), |bench| {
                bench.iter(|| {
                    for _ in 0..1000 {
                        now += Duration::from_micros(1);
                        timers.set(&keys[order[turn] as usize], Some(now + 2 * HEARTBEAT));
                        turn = if turn + 1 == order.len() { 0 } else { turn + 1 };
                    }
                    black_box(timers.poll_timeout())
                });
            });
            #[cfg(feature = "peers")]
            peers::moved_later(&mut group, count, &order);
        }
        group.finish();
    }
}

/// Each timer fires and is set again, an interval later.
fn fired(bench: &mut Criterion) {
    let mut group = bench.benchmark_group("timers fired and set again");
    for count in COUNTS {
        group.throughput(Throughput::Elements(u64::from(count)));
        group.sample_size(10);
        let (mut timers, keys) = queue(count);
        let mut now = Duration::ZERO;
        group.bench_function(BenchmarkId::new("tidewire", count), |bench| {
            bench.iter(|| {
                let mut fired = 0;
                while fired < count {
                    now += Duration::from_millis(1);
                    while let Some(index) = timers.pop(now).copied() {
                        timers.set(&keys[index as usize], Some(now + HEARTBEAT));
                        fired += 1;
                    }
                }
            });
        });
    }
    group.finish();
}

#[cfg(feature = "peers")]
mod peers {
    use super::{HEARTBEAT, first_deadline};
    use criterion::{BenchmarkGroup, BenchmarkId, measurement::WallTime};
    use std::hint::black_box;
    use std::time::Duration;
    use tokio::time::Instant;
    use tokio_util::time::DelayQueue;

    pub(super) fn moved_later(group: &mut BenchmarkGroup<'_, WallTime>, count: u32, order: &[u32]) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let _inside = runtime.enter();
        let mut timers = DelayQueue::new();
        let start = Instant::now();
        let keys: Vec<_> =
            (0..count).map(|index| timers.insert_at(index, start + first_deadline(index, count))).collect();
        let (mut now, mut turn) = (start, 0);
        group.bench_function(BenchmarkId::new("DelayQueue", count), |bench| {
            bench.iter(|| {
                for _ in 0..1000 {
                    now += Duration::from_micros(1);
                    timers.reset_at(&keys[order[turn] as usize], now + 2 * HEARTBEAT);
                    turn = if turn + 1 == order.len() { 0 } else { turn + 1 };
                }
                black_box(timers.len())
            });
        });
    }
}

criterion_group!(benches, moved_later, fired);
criterion_main!(benches);
