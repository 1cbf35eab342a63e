//! One reader, in as many shards as its topics are at home in.

use std::{
    fmt,
    future::poll_fn,
    sync::atomic::Ordering,
    task::{Context, Poll},
};

use tidewire_hub::{
    ConnectError, ConnectionId, Cursor, Gap, Hub, Message, Policy, Position, Progress, SendError, Start,
    SubscribeError, SubscriberId, TopicName,
};

use super::{BatchBudget, Delivered, SharedHub, shard::State};

/// One reader of the hub. Dropping it ends its subscriptions.
pub struct Subscriber<M: Message> {
    hub: SharedHub<M>,
    connection: ConnectionId,
    /// Where it is known, in the order of its first topics.
    shards: Vec<Place>,
    /// The place that the next batch begins with: each has its turn, whatever waits in the others.
    turn: usize,
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
struct Place {
    shard: usize,
    id: SubscriberId,
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
            (_, Ok(_)) => state.hub.note_progress(id, &mut self.progress),
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
        Ok(Address { hub: self.hub.clone(), place })
    }

    /// Whether it was told to go, with [`Delivered::Dismissed`]: nothing more comes.
    #[must_use]
    pub fn is_dismissed(&self) -> bool {
        self.standing == Standing::Dismissed
    }

    /// Where the subscriber stands in all its topics.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        // What was skipped since the last message counts, too.
        let mut progress = self.progress.clone();
        for place in &self.shards {
            self.state(*place).hub.note_progress(place.id, &mut progress);
        }
        progress.cursor()
    }

    /// The gaps in all topics, told at once and ahead of any message; see [`Hub::take_gaps`](tidewire_hub::Hub::take_gaps).
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
    /// shard the first message is taken whatever its length.
    pub fn try_batch(&mut self, budget: BatchBudget, batch: &mut Vec<Delivered<M>>) -> usize {
        self.take(None, budget, batch)
    }

    /// Appends what is there, within the budget; `Pending` when nothing is, and then the task is woken once
    /// something is.
    pub fn poll_batch(
        &mut self,
        cx: &mut Context<'_>,
        budget: BatchBudget,
        batch: &mut Vec<Delivered<M>>,
    ) -> Poll<usize> {
        match self.take(Some(cx), budget, batch) {
            0 => Poll::Pending,
            taken => Poll::Ready(taken),
        }
    }

    /// Waits for something and appends what is there, within the budget. Cancel safe: what was taken is in `batch`.
    pub async fn batch(&mut self, budget: BatchBudget, batch: &mut Vec<Delivered<M>>) -> usize {
        poll_fn(|cx| self.poll_batch(cx, budget, batch)).await
    }

    /// Goes round the shards once. Whoever waits is known to each that had nothing, from the same lock hold on.
    fn take(
        &mut self,
        waits: Option<&mut Context<'_>>,
        budget: BatchBudget,
        batch: &mut Vec<Delivered<M>>,
    ) -> usize {
        if self.is_dismissed() {
            return 0;
        }
        let (already, mut left) = (batch.len(), budget);
        let places = self.shards.len();
        let now = self.hub.shared.clock.now();
        for step in 0..places {
            let place = self.shards[(self.turn + step) % places];
            let mut state = self.hub.shared.shards[place.shard].lock();
            let begun = batch.len();
            for delivery in state.hub.batch(now, place.id, left) {
                batch.push(Delivered::keep(delivery, &mut self.progress));
            }
            let nothing = batch.len() == begun;
            let before =
                waits.as_ref().filter(|_| nothing).and_then(|cx| state.wake_by(place.id, cx.waker()));
            drop(state);
            drop(before);
            if let Some(Delivered::Dismissed { .. }) = batch.last() {
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

/// Where one connection can be sent to. It keeps the hub, and not the subscriber.
pub struct Address<M> {
    hub: SharedHub<M>,
    place: Place,
}

impl<M: Message> Address<M> {
    /// Sends a message to the connection, ahead of what waits for it in its topics, and wakes it. There is no resume: what
    /// it has not taken when it ends is gone.
    ///
    /// # Errors
    /// As [`Hub::send_to`]: the inbox is full, or the connection has ended.
    pub fn send(&self, message: M) -> Result<(), SendError> {
        self.hub.shared.shards[self.place.shard].change(|hub| hub.send_to(self.place.id, message))
    }
}

impl<M> Clone for Address<M> {
    fn clone(&self) -> Self {
        Self { hub: self.hub.clone(), place: self.place }
    }
}

impl<M> fmt::Debug for Address<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Address").field("place", &self.place).finish_non_exhaustive()
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
