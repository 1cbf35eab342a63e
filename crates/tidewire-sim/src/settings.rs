//! What a run draws for its hosts, paths and connections.

use std::sync::Arc;
use std::time::Duration;

use tidewire_connection::{event_source, websocket};
use tidewire_lifecycle::{Config, Heartbeat, reconnect};
use tidewire_ws::message;

use crate::application::{HIGH_WATER, MAX_MESSAGE_LEN};
use crate::pipe::Path;
use crate::random::Random;
use crate::time::{MICRO, MILLI, Nanos, SECOND, nanos};

/// Hosts with servers.
pub(crate) const SERVERS: u16 = 3;

/// Hosts with clients, and the clients on each.
pub(crate) const CLIENT_HOSTS: u16 = 10;
pub(crate) const CLIENTS_EACH: u16 = 7;

/// Every third client reads an event stream, the others have a WebSocket.
pub(crate) const STREAM_EVERY: u16 = 3;

/// An application speaks so often, give or take a half.
pub(crate) const SPEAKS_EVERY: Nanos = SECOND;

/// The longest message that a WebSocket takes; none that is sent is as long.
const MAX_LEN: usize = 2 * MAX_MESSAGE_LEN;

fn seconds(random: &mut Random, first: u64, last: u64) -> Duration {
    Duration::from_nanos(random.between(first * SECOND, last * SECOND))
}

/// A path: of one room, of a town, of a telephone.
pub(crate) fn path(random: &mut Random) -> Path {
    let kib = 1024;
    match random.below(3) {
        0 => Path {
            latency: random.between(100 * MICRO, 2 * MILLI),
            jitter: 200 * MICRO,
            nanos_per_kib: 20 * MICRO,
            window: random.between(4, 256) as usize * kib,
        },
        1 => Path {
            latency: random.between(5 * MILLI, 40 * MILLI),
            jitter: 5 * MILLI,
            nanos_per_kib: 200 * MICRO,
            window: random.between(32, 128) as usize * kib,
        },
        _ => Path {
            latency: random.between(40 * MILLI, 120 * MILLI),
            jitter: 40 * MILLI,
            nanos_per_kib: 2 * MILLI,
            window: random.between(32, 64) as usize * kib,
        },
    }
}

/// In so much time, with nothing in the way, all that waits on one side of a path is on the other.
pub(crate) fn grace(path: &Path) -> Nanos {
    let bytes = HIGH_WATER + MAX_MESSAGE_LEN + 8 * 1024;
    // A sender that filled the window waits for a quarter of it to be told of.
    let rounds = (4 * bytes / path.window + 2) as u64;
    let sent = bytes as u64 / 1024 * path.nanos_per_kib;
    rounds * (path.latency + path.jitter) * 2 + sent * 5 / 4 + 100 * MILLI
}

/// Limits that both kinds of connection draw alike.
fn common(random: &mut Random, grace: Nanos) -> Config {
    let mut config = Config::default();
    let least_stall = grace / SECOND + 2;
    config.write_stall_timeout = match random.below(8) {
        0 => None,
        1..=4 => Some(Duration::from_secs(10.max(least_stall))),
        _ => Some(seconds(random, least_stall, least_stall + 15)),
    };
    config.idle_timeout = match random.below(3) {
        0 => Some(seconds(random, 40, 200)),
        _ => config.idle_timeout,
    };
    config.quiet_timeout = (random.once_in(6)).then(|| seconds(random, 20, 200));
    config.max_age = (random.once_in(8)).then(|| seconds(random, 60, 1800));
    config.active_window = seconds(random, 1, 60);
    config.closing_timeout = Some(seconds(random, 2, 8));
    config.linger_timeout = Some(seconds(random, 1, 4));
    config
}

/// One end of a WebSocket.
pub(crate) fn websocket(random: &mut Random, grace: Nanos) -> websocket::Config {
    let mut lifecycle = common(random, grace);
    // A ping may wait behind all that is to be sent, and its pong likewise.
    let least = 2 * grace + SECOND / 2;
    let default = Duration::from_secs(8).max(Duration::from_nanos(least));
    lifecycle.heartbeat = match random.below(4) {
        0 | 1 => Heartbeat::Probe { interval: Duration::from_secs(25), timeout: default },
        2 => Heartbeat::Probe {
            interval: seconds(random, 2, 12),
            timeout: Duration::from_nanos(least + random.below(3 * SECOND)),
        },
        _ => Heartbeat::Off,
    };
    let mut messages = message::Config::default();
    messages.max_message_len = MAX_LEN;
    websocket::Config::new(messages, lifecycle)
}

/// The server's side of an event stream whose keep-alives are to come as often.
pub(crate) fn stream(random: &mut Random, grace: Nanos, keep_alive: Duration) -> Arc<Config> {
    let mut config = common(random, grace);
    config.heartbeat = Heartbeat::KeepAlive { interval: keep_alive };
    Arc::new(config)
}

/// How often a client of event streams is to hear something.
pub(crate) fn keep_alive(random: &mut Random) -> Duration {
    seconds(random, 3, 15)
}

/// The client's side of event streams that send keep-alives as often.
pub(crate) fn source(random: &mut Random, keep_alive: Duration) -> Arc<event_source::Config> {
    let mut config = event_source::Config::default();
    let mut lifecycle = (*config.lifecycle).clone();
    lifecycle.opening_timeout = Some(seconds(random, 4, 20));
    lifecycle.idle_timeout = Some(keep_alive + seconds(random, 12, 40));
    lifecycle.active_window = seconds(random, 1, 60);
    config.lifecycle = Arc::new(lifecycle);
    config.server_trouble = event_source::ServerTrouble::Retry;
    config.parser.max_data_len = MAX_LEN;
    config.parser.max_line_len = MAX_LEN;
    Arc::new(config)
}

/// When a WebSocket's client comes back.
pub(crate) fn reconnect(random: &mut Random) -> Arc<reconnect::Config> {
    let mut config = reconnect::Config::default();
    config.max_delay = seconds(random, 8, 30);
    config.max_attempts = random.once_in(4).then_some(8);
    Arc::new(config)
}

/// After so much time without an acknowledgement a transport gives up.
pub(crate) fn retransmission(random: &mut Random) -> Nanos {
    nanos(seconds(random, 30, 240))
}
