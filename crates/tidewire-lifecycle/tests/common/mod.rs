//! What the tests of a life have in common: a clock moved by hand, and a connection that is open.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::{sync::Arc, time::Duration};

use tidewire_lifecycle::{Config, Lifecycle};

pub(crate) const fn second(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A connection that opened at 0 s.
pub(crate) fn opened(change: impl FnOnce(&mut Config)) -> Lifecycle {
    let mut config = Config::default();
    change(&mut config);
    let mut life = Lifecycle::new(Arc::new(config), second(0));
    life.handle_opened(second(0));
    life
}
