//! What the bytes of a tape stand for.

use core::time::Duration;

use tidewire_hub::{OnLag, Policy, Reads, TopicName};

/// More than the limit on topics, so that it is met.
pub(super) const NAMES: [&str; 7] =
    ["a", "b", "chat/1", "chat/2", "$user:1", "\u{e9}", "long name with spaces in it"];

pub(super) struct Tape<'a>(pub(super) &'a [u8]);

impl Tape<'_> {
    /// The next byte, 0 behind the end.
    pub(super) fn byte(&mut self) -> u8 {
        let Some((byte, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *byte
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        usize::from(self.byte()) % bound
    }

    /// Some milliseconds, or for ever.
    pub(super) fn span(&mut self) -> Duration {
        match self.byte() {
            0..64 => Duration::MAX,
            ms => Duration::from_millis(u64::from(ms - 64)),
        }
    }

    pub(super) fn policy(&mut self) -> Policy {
        let mut policy = Policy::default();
        let kind = self.byte();
        if kind & 1 == 0 {
            return policy;
        }
        policy.on_lag = [OnLag::SkipToLimit, OnLag::SkipToNewest, OnLag::Disconnect][self.below(3)];
        policy.reads = if kind & 2 == 0 { Reads::Every } else { Reads::Latest };
        if kind & 4 == 0 {
            policy.max_lag_messages = self.below(6) as u64;
        }
        if kind & 8 == 0 {
            policy.max_lag_bytes = self.below(16) as u64 * 32;
        }
        policy
    }

    pub(super) fn topic(&mut self) -> TopicName {
        let name = NAMES[self.below(NAMES.len())];
        let made = if name.starts_with('$') { TopicName::reserved(name) } else { TopicName::new(name) };
        made.expect("a valid name")
    }
}
