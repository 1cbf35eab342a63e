//! What many idle connections cost: `cargo run --release -p tidewire-bench --bin heartbeats [-- CONNECTIONS]`.
//!
//! Simulates connections (1,000,000 by default) with a heartbeat every 25 s, whose replies come 40 ms later, all on one timer
//! queue that is asked each millisecond. Prints the share of one core that they take, with no I/O, and the memory of each.

use std::collections::VecDeque;
use std::env;
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tidewire_lifecycle::timer_queue::{TimerKey, TimerQueue};
use tidewire_lifecycle::{Action, Config, Lifecycle};

/// The ping or the pong of a WebSocket, with the number of the probe, in bytes.
const HEARTBEAT_LEN: usize = 6;
const ROUND_TRIP: Duration = Duration::from_millis(40);
const INTERVAL_MS: u64 = 25_000;
/// A prime, so that every connection has a turn of its own.
const STRIDE: u64 = 15_485_863;
/// The first intervals bring the timers to where they stay.
const WARM_UP: u64 = 2;
const MEASURED: u64 = 4;

/// What a server holds of each connection, beside its protocol and its socket.
struct Connection {
    life: Lifecycle,
    timer: TimerKey,
}

struct World {
    connections: Vec<Connection>,
    timers: TimerQueue<u32>,
    /// Replies on their way: when they come, and whose they are.
    replies: VecDeque<(Duration, u32)>,
    heartbeats: u64,
}

impl World {
    /// Connections that opened evenly over one interval, those that follow each other far apart in memory.
    fn new(count: u32) -> Self {
        let config = Arc::new(Config::default());
        let mut timers = TimerQueue::new(Duration::ZERO);
        let connections = (0..count)
            .map(|index| {
                let turn = u64::from(index) * STRIDE % u64::from(count);
                let opened = Duration::from_micros(turn * INTERVAL_MS * 1000 / u64::from(count));
                let mut life = Lifecycle::new(config.clone(), opened);
                life.handle_opened(opened);
                let timer = timers.insert(life.poll_timeout().map(|(at, _)| at), index);
                Connection { life, timer }
            })
            .collect();
        Self { connections, timers, replies: VecDeque::new(), heartbeats: 0 }
    }

    fn run(&mut self, now: Duration) {
        while self.replies.front().is_some_and(|(at, _)| *at <= now) {
            let Some((_, index)) = self.replies.pop_front() else { break };
            let connection = &mut self.connections[index as usize];
            connection.life.handle_received(now, HEARTBEAT_LEN);
            connection.life.handle_heartbeat_reply(now);
            self.timers.set(&connection.timer, connection.life.poll_timeout().map(|(at, _)| at));
        }
        while let Some(index) = self.timers.pop(now).copied() {
            let connection = &mut self.connections[index as usize];
            while let Some(action) = connection.life.handle_timeout(now) {
                match action {
                    Action::SendHeartbeat => {
                        connection.life.handle_sent(now, HEARTBEAT_LEN);
                        self.heartbeats += 1;
                        self.replies.push_back((now + ROUND_TRIP, index));
                    }
                    Action::Close(_) | Action::Abort(_) => {
                        unreachable!("every heartbeat has its reply")
                    }
                }
            }
            self.timers.set(&connection.timer, connection.life.poll_timeout().map(|(at, _)| at));
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "what it takes is measured")]
fn main() -> Result<(), Box<dyn Error>> {
    let count: u32 = env::args().nth(1).map_or(Ok(1_000_000), |count| count.parse())?;
    let mut world = World::new(count);
    let first = INTERVAL_MS * (1 + WARM_UP);
    for ms in 0..first {
        world.run(Duration::from_millis(ms));
    }
    let (before, start) = (world.heartbeats, Instant::now());
    for ms in first..first + INTERVAL_MS * MEASURED {
        world.run(Duration::from_millis(ms));
    }
    let took = start.elapsed();
    let heartbeats = world.heartbeats - before;
    let simulated = Duration::from_millis(INTERVAL_MS * MEASURED);
    let held = world.connections.len() * size_of::<Connection>() + world.timers.held_len_bytes();
    println!(
        "{count} idle connections, {heartbeats} heartbeats in {} simulated seconds",
        simulated.as_secs()
    );
    println!("{:.2} % of one core", 100.0 * took.as_secs_f64() / simulated.as_secs_f64());
    println!("{:.0} ns for each heartbeat and its reply", took.as_nanos() as f64 / heartbeats as f64);
    println!("{} bytes of each in its lifecycle and its timer", held / world.connections.len());
    Ok(())
}
