//! One topic of the naive hub: all that it ever took, and what of it is gone.

use core::time::Duration;
use std::collections::BTreeMap;

use tidewire_hub::{ConnectionId, OnLag, Policy, Reads};

use super::Subscription;
use super::message::Kept;

/// What a topic ever took, and what of it is gone.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Topic {
    pub(super) life: u64,
    pub(super) notes: Vec<Kept>,
    /// The newest of those that are gone and that who reads everything, or the latest, would have been
    /// handed.
    pub(super) lost: u64,
    pub(super) lost_latest: u64,
    /// By key, whether they are kept, and whether they are for all: the places of those that nothing has taken the
    /// place of, as far as they are found one by one from the newest on.
    pub(super) rows: BTreeMap<(String, bool, bool), Vec<usize>>,
    /// How many messages there were when what is expired was looked for.
    pub(super) swept_at: u64,
    /// When it last came to the end of the line of those that pay.
    pub(super) in_line_since: u64,
    /// When the hub looks at its oldest message.
    pub(super) looked_at: Option<Duration>,
    /// Since when it has neither followers nor messages, and the order of becoming so.
    pub(super) idle: Option<(Duration, u64)>,
}

impl Topic {
    pub(in super::super) fn head(&self) -> u64 {
        self.notes.len() as u64
    }

    /// The messages held behind an offset.
    fn behind(&self, offset: u64) -> impl Iterator<Item = &Kept> {
        self.notes[(offset as usize).min(self.notes.len())..].iter().filter(|kept| kept.is_held())
    }

    /// A message goes. In its row those before it are found no more, unless it was the newest.
    pub(super) fn go(&mut self, place: usize, now: Duration) {
        let kept = &mut self.notes[place];
        kept.go(now);
        let Some(key) = &kept.said.key else { return };
        let Some(row) = self.rows.get_mut(&kept.said.row(key)) else { return };
        match row.iter().position(|found| *found == place) {
            Some(found) if found + 1 == row.len() => drop(row.pop()),
            Some(found) => drop(row.drain(..=found)),
            None => {}
        }
    }

    pub(super) fn oldest(&self) -> Option<usize> {
        self.notes.iter().position(Kept::is_held)
    }

    pub(in super::super) fn before_earliest(&self) -> u64 {
        self.oldest().map_or(self.head(), |place| place as u64)
    }

    pub(in super::super) fn len(&self) -> usize {
        self.behind(0).count()
    }

    pub(in super::super) fn bytes(&self) -> usize {
        self.behind(0).map(Kept::len_bytes).sum()
    }

    pub(super) fn lost_for(&self, cursor: &Subscription) -> u64 {
        if cursor.policy.reads == Reads::Latest { self.lost_latest } else { self.lost }
    }

    /// Messages and bytes that are held behind an offset.
    fn lag(&self, offset: u64) -> (u64, u64) {
        (self.behind(offset).count() as u64, self.behind(offset).map(|kept| kept.len_bytes() as u64).sum())
    }

    /// Whether what that reader is to be handed behind an offset is beyond its limits.
    pub(super) fn exceeds(
        &self,
        offset: u64,
        cursor: &Subscription,
        connection: ConnectionId,
        now: Duration,
    ) -> bool {
        let live = offset.max(cursor.live_from) + 1..=self.head();
        let is_lag = |offset: &u64| {
            self.notes[*offset as usize - 1].is_held() && !self.is_skipped(*offset, cursor, connection, now)
        };
        let lag: Vec<u64> = live.filter(is_lag).collect();
        let len_bytes = |offset: &u64| self.notes[*offset as usize - 1].len_bytes() as u64;
        let (messages, bytes) = (lag.len() as u64, lag.iter().map(len_bytes).sum::<u64>());
        messages > 1 && (messages > cursor.policy.max_lag_messages || bytes > cursor.policy.max_lag_bytes)
    }

    /// Where who was too slow goes on.
    pub(super) fn goes_on_after(&self, from: u64, policy: &Policy) -> u64 {
        let newest = self.notes.iter().rposition(Kept::is_held).map_or(self.head(), |place| place as u64);
        let fits = |offset: u64| {
            let (messages, bytes) = self.lag(offset);
            messages <= policy.max_lag_messages && bytes <= policy.max_lag_bytes
        };
        let from = from.max(self.before_earliest());
        match policy.on_lag {
            OnLag::SkipToNewest => newest.max(from),
            OnLag::SkipToLimit | OnLag::Disconnect => {
                (from..=newest).find(|offset| fits(*offset)).unwrap_or(newest.max(from))
            }
        }
    }

    pub(super) fn age_of_oldest(&self, max_age: Duration) -> Option<Duration> {
        self.notes[self.oldest()?].at.checked_add(max_age)
    }

    /// Whether that reader is not handed the message at `offset`, without a loss.
    pub(super) fn is_skipped(
        &self,
        offset: u64,
        cursor: &Subscription,
        connection: ConnectionId,
        now: Duration,
    ) -> bool {
        let kept = &self.notes[offset as usize - 1];
        let missed = kept.is_ephemeral() && offset <= cursor.live_from;
        let conflated = cursor.policy.reads == Reads::Latest && kept.superseded;
        missed || conflated || kept.said.exclude == Some(connection) || kept.is_expired(now)
    }

    /// The offset behind which this reader is handed the last few.
    pub(super) fn before_last(
        &self,
        count: u64,
        cursor: &Subscription,
        all_but: ConnectionId,
        now: Duration,
    ) -> u64 {
        let mut offset = self.head();
        let mut found = 0;
        for place in (0..self.notes.len()).rev().filter(|place| self.notes[*place].is_held()) {
            if found == count {
                break;
            }
            offset = place as u64;
            found += u64::from(!self.is_skipped(offset + 1, cursor, all_but, now));
        }
        offset
    }
}
