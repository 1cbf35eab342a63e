//! What a reader is not handed although the log holds it, without that being a loss.

use core::time::Duration;

use crate::log::Entry;
use crate::names::ConnectionId;
use crate::publish::Replay;

/// One reader of one topic at one time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Filter {
    pub(crate) connection: ConnectionId,
    pub(crate) live_from: u64,
    pub(crate) now: Duration,
}

impl Filter {
    /// Whether the entry at that offset is skipped: the reader's own, ephemeral and of before its time, or expired.
    #[inline]
    pub(crate) fn skips<M>(&self, entry: &Entry<M>, offset: u64) -> bool {
        if entry.is_for_everybody() {
            return false;
        }
        let missed = match entry.replay {
            Replay::Kept => false,
            Replay::Ephemeral => offset <= self.live_from,
        };
        missed || entry.exclude == Some(self.connection) || entry.is_expired(self.now)
    }
}
