//! One reader, in as many shards as its topics are at home in.

use std::{
    fmt,
    future::poll_fn,
    sync::atomic::Ordering,
    task::{Context, Poll},
};

use tidewire_hub::{
    ConnectError, ConnectionId, Cursor, Gap, Hub, Message, Policy, Position, Progress, Start, SubscribeError,
    SubscriberId, TopicName,
};

use super::{Address, Budget, Delivered, SharedHub, shard::State};

/// One reader of the hub. Dropping it ends its subscriptions.
///
/// What it takes is its own from then on: no lock is held while that is written. Whoever writes it has the token that
/// resumes behind each piece from [`cursor_after`](Self::cursor_after), and pays for those that are asked for.
pub struct Subscriber<M: Message> {
    hub: SharedHub<M>,
    connection: ConnectionId,
    /// Where it is known, in the order of its first topics.
    shards: Vec<Place>,
    /// The place that the next batch begins with: each has its turn, whatever waits in the others.
    turn: usize,
    /// How far the owner is with what it was handed.
    progress: Progress,
    standing: Standing,
    /// The shard that has its inbox, once it has one.
    inbox: Option<usize>,
}

/// Whether a subscriber is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Served,
    Dismissed,
}

/// A shard that a subscriber reads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) shard: usize,
    pub(super) id: SubscriberId,
}

impl<M: Message> Subscriber<M> {
    /// One that was counted already.
    pub(super) fn new(hub: SharedHub<M>, connection: ConnectionId) -> Self {
        let progress = Progress::new(hub.shared.incarnation);
        Self {
            hub,
            connection,
            shards: Vec::new(),
            turn: 0,
            progress,
            standing: Standing::Served,
            inbox: None,
        }
    }

    /// Follows a topic from `start`; answers with the position after which it goes on.
    ///
    /// # Errors
    /// As [`Hub::subscribe`](tidewire_hub::Hub::subscribe).
    pub fn subscribe(&mut self, topic: &TopicName, start: Start) -> Result<Position, SubscribeError> {
        self.subscribe_with(topic, start, Policy::default())
    }

    /// The same under a policy for when it does not keep up.
    ///
    /// # Errors
    /// As [`Hub::subscribe_with`](tidewire_hub::Hub::subscribe_with).
    pub fn subscribe_with(
        &mut self,
        topic: &TopicName,
        start: Start,
        policy: Policy,
    ) -> Result<Position, SubscribeError> {
        if self.is_dismissed() {
            return Err(SubscribeError::UnknownSubscriber);
        }
        let shared = &self.hub.shared;
        let (index, shard) = shared.home(topic);
        let now = shared.clock.now();
        let mut state = shard.lock();
        let known = self.place_in(index);
        let id = match known {
            Some(place) => place.id,
            // A shard may serve as many as the hub, and this one is counted already: it is not refused.
            None => state.connect(self.connection).map_err(|_| SubscribeError::TooManySubscriptions)?,
        };
        // A shard counts the topics that are at home there.
        let is_full = self.progress.topics() >= shared.max_topics_per_subscriber;
        let subscribed = if is_full && !self.progress.has(topic) {
            Err(SubscribeError::TooManyTopicsOfSubscriber)
        } else {
            state.hub.subscribe_with(now, id, topic, start, policy)
        };
        match (known, &subscribed) {
            (_, Ok(_)) => state.hub.note_progress_in(id, topic, &mut self.progress),
            // Nobody waits by an id that was never told.
            (None, Err(_)) => drop(state.disconnect(now, id)),
            (Some(_), Err(_)) => {}
        }
        drop(state);
        if known.is_none() && subscribed.is_ok() {
            self.shards.push(Place { shard: index, id });
        }
        subscribed
    }

    /// Follows a topic no longer; answers whether it was followed.
    pub fn unsubscribe(&mut self, topic: &TopicName) -> bool {
        let (index, shard) = self.hub.shared.home(topic);
        let Some(at) = self.shards.iter().position(|place| place.shard == index) else { return false };
        let (id, now) = (self.shards[at].id, self.hub.shared.clock.now());
        let mut state = shard.lock();
        if !state.hub.unsubscribe(now, id, topic) {
            return false;
        }
        self.progress.forget(topic);
        let waker = if state.hub.topics_of(id) == 0 && self.inbox != Some(index) {
            self.shards.remove(at);
            state.disconnect(now, id)
        } else {
            None
        };
        drop(state);
        drop(waker);
        true
    }

    /// Hands out nothing of a topic until [`resume`](Self::resume); answers whether it is followed.
    pub fn pause(&mut self, topic: &TopicName) -> bool {
        self.in_shard_of(topic, |hub, id| hub.pause(id, topic))
    }

    /// Goes on with a topic where it was paused, as far as that is still held; answers whether it is followed. The task
    /// that waits for a batch is woken.
    pub fn resume(&mut self, topic: &TopicName) -> bool {
        self.in_shard_of(topic, |hub, id| hub.resume(id, topic))
    }

    fn in_shard_of(&self, topic: &TopicName, change: impl FnOnce(&mut Hub<M>, SubscriberId) -> bool) -> bool {
        let (index, shard) = self.hub.shared.home(topic);
        let place = self.place_in(index);
        place.is_some_and(|place| shard.change(|hub| change(hub, place.id)))
    }

    fn place_in(&self, shard: usize) -> Option<Place> {
        self.shards.iter().find(|place| place.shard == shard).copied()
    }

    /// Where this connection alone can be sent to, by whoever is given the address.
    ///
    /// # Errors
    /// [`ConnectError`]: the shard that would have the inbox serves as many as it may.
    pub fn address(&mut self) -> Result<Address<M>, ConnectError> {
        // One that follows nothing yet has its inbox in any shard, as long as all are used alike.
        let any = (self.connection.as_u64() % self.hub.shared.shards.len() as u64) as usize;
        let index = self.inbox.or_else(|| self.shards.first().map(|place| place.shard)).unwrap_or(any);
        let place = match self.place_in(index) {
            Some(place) => place,
            None => {
                let id = self.hub.shared.shards[index].lock().connect(self.connection)?;
                let place = Place { shard: index, id };
                self.shards.push(place);
                place
            }
        };
        self.inbox = Some(index);
        Ok(Address::new(self.hub.clone(), place))
    }

    /// Whether it was told to go, with [`Delivered::Dismissed`]: nothing more comes.
    #[must_use]
    pub fn is_dismissed(&self) -> bool {
        self.standing == Standing::Dismissed
    }

    /// The token that resumes behind `delivered`, in all topics: call it for one thing after the other in the order of
    /// their coming, and send it along. What came before and was not asked for comes again to who resumes by it.
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
    /// [`Hub::take_gaps`](tidewire_hub::Hub::take_gaps).
    pub fn take_gaps(&mut self) -> Vec<Gap> {
        let (mut gaps, now) = (Vec::new(), self.hub.shared.clock.now());
        for place in &self.shards {
            gaps.extend(self.state(*place).hub.take_gaps(now, place.id));
        }
        for gap in &gaps {
            self.progress.reach(&gap.topic, gap.to);
        }
        gaps
    }

    fn state(&self, place: Place) -> std::sync::MutexGuard<'_, State<M>> {
        self.hub.shared.shards[place.shard].lock()
    }
}

impl<M: Message + Clone> Subscriber<M> {
    /// Appends what is there, within the budget, and says how many it was. Topics take turns, and so do shards; of each
    /// shard the first message is taken whatever its length. A budget of no messages counts as one of one.
    pub fn try_batch(&mut self, budget: Budget, batch: &mut Vec<Delivered<M>>) -> usize {
        self.take(None, budget, batch)
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
        match self.take(Some(cx), budget, batch) {
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
        budget: Budget,
        batch: &mut Vec<Delivered<M>>,
    ) -> usize {
        if self.is_dismissed() {
            return 0;
        }
        let (already, mut left) = (batch.len(), budget);
        left.max_messages = left.max_messages.max(1);
        let places = self.shards.len();
        let shared = &self.hub.shared;
        let now = shared.clock.now();
        for step in 0..places {
            let place = self.shards[(self.turn + step) % places];
            let mut state = shared.shards[place.shard].lock();
            let begun = batch.len();
            for delivery in state.hub.batch(now, place.id, left) {
                batch.push(Delivered::keep(delivery, shared.origin));
            }
            let nothing = batch.len() == begun;
            let before =
                waits.as_ref().filter(|_| nothing).and_then(|cx| state.wake_by(place.id, cx.waker()));
            drop(state);
            drop(before);
            if let Some(Delivered::Dismissed(_)) = batch.last() {
                self.standing = Standing::Dismissed;
                break;
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
        batch.len() - already
    }
}

impl<M: Message> Drop for Subscriber<M> {
    fn drop(&mut self) {
        let now = self.hub.shared.clock.now();
        for place in &self.shards {
            let waker = self.state(*place).disconnect(now, place.id);
            drop(waker);
        }
        self.hub.shared.subscribers.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<M: Message> fmt::Debug for Subscriber<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriber").field("connection", &self.connection).finish_non_exhaustive()
    }
}
