//! One reader, in as many shards as its topics are at home in: what it follows. (What it takes is in `reading`.)

use std::{
    fmt, mem,
    sync::{MutexGuard, atomic::Ordering},
};

use tidewire_hub::{
    ConnectError, ConnectionId, Hub, Message, Policy, Position, Progress, Start, SubscribeError,
    SubscriberId, TopicName,
};

use super::{
    Address, Delivered, SharedHub,
    courier::{Call, Stand, Stop},
    shard::State,
};

/// One reader of the hub. Dropping it ends its subscriptions.
///
/// What it takes is its own from then on: no lock is held while that is written. Whoever writes it has the token that
/// resumes behind each piece from [`cursor_after`](Self::cursor_after), and pays for those that are asked for.
pub struct Subscriber<M: Message> {
    pub(super) hub: SharedHub<M>,
    connection: ConnectionId,
    /// Where it is known, in the order of its first topics.
    pub(super) shards: Vec<Place>,
    /// The place that the next batch begins with: each has its turn, whatever waits in the others.
    pub(super) turn: usize,
    /// How far the owner is with what it was handed.
    pub(super) progress: Progress,
    standing: Standing,
    /// The shard that has its inbox, once it has one.
    inbox: Option<usize>,
    /// The outlet that hands on what comes, in place of a task that waits.
    outlet: Option<Stop>,
}

/// Whether a subscriber is served.
#[derive(Clone, Copy, Debug)]
enum Standing {
    Served,
    /// By the shard where it was known as this.
    Dismissed(Place),
}

/// A shard that a subscriber reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
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
            outlet: None,
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
            self.join(Place { shard: index, id });
        }
        if let (Some(stop), Ok(_)) = (self.outlet, &subscribed) {
            // What it has from its past, nobody publishes again.
            let shared = &self.hub.shared;
            match known {
                // To come for what waits there already would not find that as well.
                Some(_) => shared.shards[index].change(|_| ()),
                None => shared.couriers.call(&mut vec![Call::Take(stop, Place { shard: index, id })]),
            }
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

    /// Goes on with a topic where it was paused, as far as that is still held; answers whether it is followed. The
    /// task that waits for a batch is woken.
    pub fn resume(&mut self, topic: &TopicName) -> bool {
        self.in_shard_of(topic, |hub, id| hub.resume(id, topic))
    }

    fn in_shard_of(&self, topic: &TopicName, change: impl FnOnce(&mut Hub<M>, SubscriberId) -> bool) -> bool {
        let (index, shard) = self.hub.shared.home(topic);
        let place = self.place_in(index);
        place.is_some_and(|place| shard.change(|hub| change(hub, place.id)))
    }

    /// It is known in another shard.
    fn join(&mut self, place: Place) {
        if let Some(outlet) = self.outlet {
            let before = self.state(place).call_by(place.id, outlet);
            drop(before);
        }
        if self.shards.is_empty() {
            // Most readers have one.
            self.shards.reserve_exact(1);
        }
        self.shards.push(place);
    }

    fn place_in(&self, shard: usize) -> Option<Place> {
        self.shards.iter().find(|place| place.shard == shard).copied()
    }

    /// Where this connection alone can be sent to, by whoever is given the address.
    ///
    /// # Errors
    /// [`ConnectError`]: the shard that would have the inbox serves as many as it may.
    pub fn address(&mut self) -> Result<Address<M>, ConnectError> {
        if let Standing::Dismissed(place) = self.standing {
            // Where nobody is at home any more.
            return Ok(Address::new(self.hub.clone(), place));
        }
        // One that follows nothing yet has its inbox in any shard, as long as all are used alike.
        let any = (self.connection.as_u64() % self.hub.shared.shards.len() as u64) as usize;
        let index = self.inbox.or_else(|| self.shards.first().map(|place| place.shard)).unwrap_or(any);
        let place = match self.place_in(index) {
            Some(place) => place,
            None => {
                let id = self.hub.shared.shards[index].lock().connect(self.connection)?;
                let place = Place { shard: index, id };
                self.join(place);
                place
            }
        };
        self.inbox = Some(index);
        Ok(Address::new(self.hub.clone(), place))
    }

    /// The hub that it reads.
    #[must_use]
    pub fn hub(&self) -> &SharedHub<M> {
        &self.hub
    }

    /// Whether it was told to go, with [`Delivered::Dismissed`](super::Delivered::Dismissed): nothing more comes.
    #[must_use]
    pub fn is_dismissed(&self) -> bool {
        matches!(self.standing, Standing::Dismissed(_))
    }

    /// What was taken for it from a place is handed on. The last may tell it to go.
    pub(crate) fn note_taken(&mut self, place: Place, taken: &[Delivered<M>]) {
        if let Some(Delivered::Dismissed(_)) = taken.last() {
            self.leave(place);
        }
    }

    /// One shard has dismissed it, and so it leaves all of them.
    pub(super) fn leave(&mut self, dismissed: Place) {
        self.standing = Standing::Dismissed(dismissed);
        let now = self.hub.shared.clock.now();
        for place in mem::take(&mut self.shards) {
            let waker = self.state(place).disconnect(now, place.id);
            drop(waker);
        }
    }

    pub(super) fn state(&self, place: Place) -> MutexGuard<'_, State<M>> {
        self.hub.shared.shards[place.shard].lock()
    }
}

impl<M: Message + Clone + Send + 'static> Subscriber<M> {
    /// A place for an outlet at one of the hub's couriers, which is called whenever something is there from here on.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub(crate) fn stand(&mut self) -> Stand<M> {
        let stand = Stand::at(self.hub.shared.courier());
        for place in &self.shards {
            let before = self.state(*place).call_by(place.id, stand.stop());
            drop(before);
        }
        self.outlet = Some(stand.stop());
        stand
    }

    /// Where something may be there for it.
    pub(crate) fn places(&self) -> &[Place] {
        &self.shards
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
