//! What a run draws for its hub, its topics, its publishers and its readers.

use std::time::Duration;

use tidewire_hub::presence::UserId;
use tidewire_hub::{Config, OnLag, Policy, Reads, TopicName};

use crate::pipe::Path;
use crate::random::Random;
use crate::time::{MINUTE, Nanos, SECOND};

/// Who publishes, and who reads.
pub(crate) const PUBLISHERS: u16 = 6;
pub(crate) const READERS: u16 = 36;

/// The most topics that a reader follows.
pub(crate) const MAX_FOLLOWED: usize = 8;

/// The hashes of the first two share the four bytes that a token has of each.
const NAMES: [&str; 24] = [
    "room/25453",
    "room/69747",
    "chat",
    "a",
    "b",
    "news",
    "orders/7",
    "é",
    "ticker",
    "lobby",
    "dm",
    "feed",
    "jobs",
    "log",
    "q/0",
    "q/1",
    "q/2",
    "q/3",
    "q/4",
    "q/5",
    "q/6",
    "q/7",
    "q/8",
    "q/9",
];

/// Users who have topics of their own.
const USERS: [&str; 2] = ["7", "ann"];

/// What one turn of a reader takes at most, and what waits for its transport by that: the adapter's own bounds.
pub(crate) const TURN_MESSAGES: usize = 16;
pub(crate) const TURN_BYTES: usize = 16 * 1024;

/// What a protocol has to say of its own while that waits: heads, pings and keep-alives.
pub(crate) const CONTROL_LEN: usize = 512;

/// Every so often all faults pause, and everybody has time to catch up.
pub(crate) const CALM_EVERY: Nanos = 15 * MINUTE;
/// From the last fault to the last message.
pub(crate) const CALM_SETTLES: Nanos = 75 * SECOND;
/// From the last message until everybody has it.
pub(crate) const CALM_LASTS: Nanos = 30 * SECOND;

/// Half of the longest that a fault of a reader lasts; calm is longer than the longest.
pub(crate) const LONG: Nanos = 60 * SECOND;

pub(crate) fn names() -> Vec<TopicName> {
    let named = NAMES.iter().filter_map(|name| TopicName::new(name).ok());
    let users = USERS.iter().filter_map(|user| UserId::new(user).ok());
    named.chain(users.map(|user| TopicName::user(&user))).collect()
}

/// A hub that is always short of room.
pub(crate) fn hub(random: &mut Random) -> Config {
    let mut config = Config::default();
    config.max_messages_per_topic = random.between(8, 250) as usize;
    config.max_bytes_per_topic = random.between(110, 160) as usize * 1024;
    config.max_bytes = random.between(120, 400) as usize * 1024;
    config.max_age = Duration::from_nanos(random.between(10 * SECOND, 300 * SECOND));
    config.topic_expiry = Duration::from_nanos(random.between(2 * SECOND, 40 * SECOND));
    config.max_inbox_messages = random.between(1, 8) as usize;
    config.max_inbox_bytes = random.between(512, 16 * 1024) as usize;
    config.max_inboxes_bytes = random.between(8 * 1024, 64 * 1024) as usize;
    config.max_idempotency_keys = random.between(2, 40) as usize;
    config.idempotency_window = Duration::from_nanos(random.between(5 * SECOND, 60 * SECOND));
    config.max_turn_messages = random.between(1, 8) as usize;
    config.max_turn_bytes = random.between(64, 8 * 1024) as usize;
    config
}

/// How subscriptions are served that do not keep up: half of them as if nothing was said.
pub(crate) fn policies(random: &mut Random) -> Vec<Policy> {
    let drawn = |random: &mut Random, index: usize| {
        let mut policy = Policy::default();
        if random.once_in(2) {
            policy.max_lag_messages = random.between(1, 60);
        }
        if random.once_in(2) {
            policy.max_lag_bytes = random.between(100, 32 * 1024);
        }
        policy.on_lag = [OnLag::SkipToLimit, OnLag::SkipToNewest, OnLag::Disconnect][index % 3];
        policy.reads = if random.once_in(2) { Reads::Every } else { Reads::Latest };
        policy
    };
    (0..12).map(|index| if index < 6 { Policy::default() } else { drawn(random, index) }).collect()
}

/// How long a publisher waits between two messages.
pub(crate) fn publishes_every(random: &mut Random) -> Nanos {
    random.between(SECOND, 6 * SECOND)
}

/// After so much time without an acknowledgement a transport gives up.
pub(crate) fn retransmission(random: &mut Random) -> Nanos {
    random.between(8 * SECOND, 40 * SECOND)
}

/// How long a reader waits before it comes back: mostly not at all, now and then longer than the hub remembers.
pub(crate) fn away(random: &mut Random) -> Nanos {
    match random.below(20) {
        0 => random.between(10 * SECOND, LONG),
        1..=4 => random.between(SECOND, 8 * SECOND),
        _ => random.between(1, SECOND),
    }
}

/// A path with a window that a burst fills.
pub(crate) fn path(random: &mut Random) -> Path {
    let mut path = crate::settings::path(random);
    path.window = path.window.min(random.between(4, 48) as usize * 1024);
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidewire_hub::{Cursor, Epoch, Incarnation, Position, Start};

    #[test]
    fn two_names_share_what_a_token_has_of_them() {
        let names = names();
        assert_eq!(names.len(), NAMES.len() + USERS.len());
        let epoch = Epoch { incarnation: Incarnation::new(1), life: 0 };
        let at = Position { epoch, offset: 7 };
        let cursor = Cursor::for_position(&names[0], at);
        assert_eq!(cursor.start(&names[1]), Start::After(at));
        assert_eq!(cursor.start(&names[2]), Start::Live);
    }
}
