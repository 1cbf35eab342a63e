//! What a reader takes: batches out of its shards in turns, and the tokens that go with them.

use std::{
    future::poll_fn,
    task::{Context, Poll},
    time::Duration,
};

use super::{Budget, Delivered, Subscriber};
use tidewire_hub::{Cursor, Gap, Message, Progress, Start};

impl<M: Message> Subscriber<M> {
    /// The token that resumes behind `delivered`, in all topics: call it for one thing after the other in the order
    /// of their coming, and send it along. What came before and was not asked for comes again to who resumes by it.
    ///
    /// # Cost
    /// O(n) in the subscriber's topics, and no lock.
    pub fn cursor_after(&mut self, delivered: &Delivered<M>) -> Cursor {
        self.reach(delivered);
        self.progress.cursor()
    }

    /// Notes that `delivered` is dealt with, for a [`cursor_after`](Self::cursor_after) of later or the
    /// [`progress`](Self::progress). O(log n) in the subscriber's topics, and no lock.
    pub fn reach(&mut self, delivered: &Delivered<M>) {
        if let Some((topic, position)) = delivered.up_to() {
            self.progress.reach(topic, position);
        }
    }

    /// How far the owner is, by what it asked a cursor after, or [reached](Self::reach).
    #[must_use]
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Where the subscriber stands in all its topics, behind everything that it has taken, and everything that is
    /// skipped by what it follows. Takes one lock after the other, of the shards that it reads.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        // What was skipped since the last message counts, too.
        let mut progress = self.progress.clone();
        for place in &self.shards {
            self.state(*place).hub.note_progress(place.id, &mut progress);
        }
        progress.cursor()
    }

    /// The gaps in all topics, told at once and ahead of any message, and [reached](Self::reach); see
    /// [`Hub::take_gaps`](tidewire_hub::Hub::take_gaps). A gap begins where the owner is: what was taken of its topic
    /// and is not reached yet counts as lost with it, and is not to be handed on.
    #[must_use = "a gap is told once"]
    pub fn take_gaps(&mut self) -> Vec<Gap> {
        let (mut gaps, now) = (Vec::new(), self.hub.shared.clock.now());
        for place in &self.shards {
            gaps.extend(self.state(*place).hub.take_gaps(now, place.id));
        }
        let stood_at = self.progress.cursor();
        for gap in &mut gaps {
            if let (Some(from), Start::After(reached)) = (&mut gap.from, stood_at.start(&gap.topic)) {
                *from = reached;
            }
            self.progress.reach(&gap.topic, gap.to);
        }
        gaps
    }
}

impl<M: Message + Clone> Subscriber<M> {
    /// Appends what is there, within the budget, and says how many it was. Topics take turns, and so do shards; of
    /// each shard the first message is taken whatever its length. A budget of no messages counts as one of one.
    pub fn try_batch(&mut self, budget: Budget, batch: &mut Vec<Delivered<M>>) -> usize {
        let already = batch.len();
        self.take(None, self.hub.shared.clock.now(), budget, batch);
        batch.len() - already
    }

    /// Appends what is there, within the budget; `Pending` when nothing is, and then the task is woken once
    /// something is. Ready with 0 when nothing more comes, because the subscriber [is
    /// dismissed](Self::is_dismissed).
    pub fn poll_batch(
        &mut self,
        cx: &mut Context<'_>,
        budget: Budget,
        batch: &mut Vec<Delivered<M>>,
    ) -> Poll<usize> {
        let already = batch.len();
        self.take(Some(cx), self.hub.shared.clock.now(), budget, batch);
        match batch.len() - already {
            0 if self.is_dismissed() => Poll::Ready(0),
            0 => Poll::Pending,
            taken => Poll::Ready(taken),
        }
    }

    /// Waits for something and appends what is there, within the budget; says how many it was. 0 when nothing more
    /// comes, because the subscriber [is dismissed](Self::is_dismissed). (One that follows nothing waits: it may be
    /// told to follow something by whoever else its task listens to.)
    ///
    /// Cancel safe: what was taken is in `batch`.
    pub async fn batch(&mut self, budget: Budget, batch: &mut Vec<Delivered<M>>) -> usize {
        poll_fn(|cx| self.poll_batch(cx, budget, batch)).await
    }

    /// Goes round the shards once. Whoever waits is known to each that had nothing, from the same lock hold on.
    fn take(
        &mut self,
        waits: Option<&mut Context<'_>>,
        now: Duration,
        budget: Budget,
        batch: &mut Vec<Delivered<M>>,
    ) {
        if self.is_dismissed() {
            return;
        }
        let (already, mut left) = (batch.len(), budget);
        left.max_messages = left.max_messages.max(1);
        let places = self.shards.len();
        let shared = &self.hub.shared;
        for step in 0..places {
            let place = self.shards[(self.turn + step) % places];
            let begun = batch.len();
            let mut state = loop {
                let mut state = shared.shards[place.shard].lock();
                for delivery in state.hub.batch(now, place.id, left) {
                    batch.push(Delivered::keep(delivery, shared.origin));
                }
                // An empty one with more to come has passed what is skipped; others may have the shard between.
                if batch.len() > begun || !state.hub.wants_batch(place.id) {
                    break state;
                }
            };
            let nothing = batch.len() == begun;
            let before =
                waits.as_ref().filter(|_| nothing).and_then(|cx| state.wake_by(place.id, cx.waker()));
            drop(state);
            drop(before);
            if let Some(Delivered::Dismissed(_)) = batch[begun..].last() {
                self.leave(place);
                return;
            }
            left.max_messages -= batch.len() - begun;
            let taken = batch[begun..].iter().map(Delivered::len_bytes).sum();
            left.max_bytes = left.max_bytes.saturating_sub(taken);
            let is_used_up = left.max_messages == 0 || left.max_bytes == 0;
            if is_used_up && batch.len() > already {
                break;
            }
        }
        if places > 0 {
            self.turn = (self.turn + 1) % places;
        }
    }
}
