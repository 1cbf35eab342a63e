//! What a reader is not handed although the log holds it, without that being a loss.

use core::time::Duration;

use crate::entry::{Entry, Standing};
use crate::names::ConnectionId;
use crate::policy::Reads;
use crate::publish::Replay;

/// One reader of one topic at one time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Filter {
    pub(crate) connection: ConnectionId,
    pub(crate) live_from: u64,
    pub(crate) now: Duration,
    pub(crate) reads: Reads,
}

impl Filter {
    /// Whether the entry at that offset is skipped: the reader's own, ephemeral and of before its time,
    /// conflated, or expired.
    #[inline]
    pub(crate) fn skips<M>(&self, entry: &Entry<M>, offset: u64) -> bool {
        !entry.is_for_everybody() && self.is_left_out(entry, offset)
    }

    #[cold]
    fn is_left_out<M>(&self, entry: &Entry<M>, offset: u64) -> bool {
        let missed = match entry.replay {
            Replay::Kept => false,
            Replay::Ephemeral => offset <= self.live_from,
        };
        let conflated = match self.reads {
            Reads::Every => false,
            Reads::Latest => entry.standing == Standing::Superseded,
        };
        missed || conflated || entry.exclude() == Some(self.connection) || entry.is_expired(self.now)
    }
}
