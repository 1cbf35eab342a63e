//! The hub shared between tasks: one lock, a waker per subscriber, batches out of one lock hold.

use rand::random;
use std::{
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};
use tidewire_hub::{
    Config, ConnectError, ConnectionId, Cursor, Delivery, Gap, Hub, Incarnation, Message, Position,
    PublishError, PublishOptions, Published, Start, SubscribeError, SubscriberId, TopicName,
};

/// What one batch may take.
pub use tidewire_hub::Budget as BatchBudget;

use crate::clock::Clock;

/// A hub that tasks on any thread publish to and subscribe at. Clones share one hub.
///
/// The lock is held for one publish or one batch, and never while a socket is written.
#[derive(Debug)]
pub struct SharedHub<M> {
    shared: Arc<Shared<M>>,
}

#[derive(Debug)]
struct Shared<M> {
    state: Mutex<State<M>>,
    clock: Clock,
}

#[derive(Debug)]
struct State<M> {
    hub: Hub<M>,
    /// By [`SubscriberId::index`]: who to wake when the subscriber is ready.
    wakers: Vec<Option<Waker>>,
}

/// What a subscriber was handed, with the cursor that resumes after it.
#[derive(Clone, Debug)]
pub enum Delivered<M> {
    /// A message.
    Message {
        /// Its topic.
        topic: TopicName,
        /// Where it stands in the topic.
        position: Position,
        /// The message itself, shared with the log.
        message: M,
        /// The subscriber's cursor after it, over all its topics.
        cursor: Cursor,
    },
    /// Messages are lost.
    Gap {
        /// Which, and why.
        gap: Gap,
        /// The subscriber's cursor after it.
        cursor: Cursor,
    },
}

impl<M: Clone> Delivered<M> {
    /// With the cursor of the one topic. `None` for what does not come here: under the default policy nobody is
    /// dismissed, and nobody is sent to.
    fn of(delivery: Delivery<'_, M>) -> Option<Self> {
        match delivery {
            Delivery::Message(lent) => {
                let (topic, position) = (lent.topic().clone(), lent.position());
                let cursor = Cursor::for_position(&topic, position);
                Some(Self::Message { topic, position, message: lent.message().clone(), cursor })
            }
            Delivery::Gap(gap) => {
                let cursor = Cursor::for_position(&gap.topic, gap.to);
                Some(Self::Gap { gap: *gap, cursor })
            }
            Delivery::Dismissed(_) | Delivery::Direct(_) => None,
        }
    }

    fn cursor_mut(&mut self) -> &mut Cursor {
        match self {
            Self::Message { cursor, .. } | Self::Gap { cursor, .. } => cursor,
        }
    }
}

impl<M> Clone for SharedHub<M> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<M> Shared<M> {
    fn lock(&self) -> MutexGuard<'_, State<M>> {
        // A panic under the lock is a bug in the hub; its invariants are checked by its own tests, and to go on
        // serving the other topics is better than to poison every connection.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M: Message> SharedHub<M> {
    /// An empty hub, with an incarnation and a hash seed drawn from the operating system's entropy.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let hub = Hub::new(config, Incarnation::new(random()), random());
        let state = Mutex::new(State { hub, wakers: Vec::new() });
        Self { shared: Arc::new(Shared { state, clock: Clock::start() }) }
    }

    /// Appends a message to a topic and wakes the subscribers that waited for it.
    ///
    /// # Errors
    /// As [`Hub::publish`]; nothing has changed then.
    pub fn publish(
        &self,
        topic: &TopicName,
        message: M,
        options: &PublishOptions<'_>,
    ) -> Result<Published, PublishError> {
        let mut ready = Vec::new();
        let published = {
            let mut state = self.shared.lock();
            let published = state.hub.publish(self.shared.clock.now(), topic, message, options)?;
            while let Some(subscriber) = state.hub.poll_ready() {
                ready.extend(state.wakers.get_mut(subscriber.index()).and_then(Option::take));
            }
            published
        };
        // Outside the lock: whoever wakes wants it.
        ready.into_iter().for_each(Waker::wake);
        Ok(published)
    }

    /// A subscriber that follows nothing yet. `connection` is what publishers exclude it by.
    ///
    /// # Errors
    /// As [`Hub::connect`].
    pub fn subscriber(&self, connection: ConnectionId) -> Result<Subscriber<M>, ConnectError> {
        let mut state = self.shared.lock();
        let id = state.hub.connect(connection)?;
        if state.wakers.len() <= id.index() {
            state.wakers.resize_with(id.index() + 1, || None);
        }
        Ok(Subscriber { hub: self.clone(), id })
    }

    /// Looks at the hub under its lock, for as short as possible: everybody waits meanwhile.
    pub fn with<R>(&self, look: impl FnOnce(&Hub<M>) -> R) -> R {
        look(&self.shared.lock().hub)
    }
}

/// One reader of the hub. Dropping it ends its subscriptions.
#[derive(Debug)]
pub struct Subscriber<M: Message> {
    hub: SharedHub<M>,
    id: SubscriberId,
}

impl<M: Message> Subscriber<M> {
    /// Follows a topic from `start`; answers with the position after which it goes on.
    ///
    /// # Errors
    /// As [`Hub::subscribe`].
    pub fn subscribe(&mut self, topic: &TopicName, start: Start) -> Result<Position, SubscribeError> {
        self.hub.shared.lock().hub.subscribe(self.id, topic, start)
    }

    /// Follows a topic no longer; answers whether it was followed.
    pub fn unsubscribe(&mut self, topic: &TopicName) -> bool {
        self.hub.shared.lock().hub.unsubscribe(self.id, topic)
    }

    /// Where the subscriber stands in all its topics.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        self.hub.shared.lock().hub.cursor(self.id)
    }
}

impl<M: Message + Clone> Subscriber<M> {
    /// Appends what is there, within the budget, and says how many it was.
    pub fn try_batch(&mut self, budget: BatchBudget, batch: &mut Vec<Delivered<M>>) -> usize {
        let now = self.hub.shared.clock.now();
        self.hub.shared.lock().pull(now, self.id, budget, batch)
    }

    /// Appends what is there, within the budget; `Pending` when nothing is, and then the task is woken once
    /// something is.
    pub fn poll_batch(
        &mut self,
        cx: &mut Context<'_>,
        budget: BatchBudget,
        batch: &mut Vec<Delivered<M>>,
    ) -> Poll<usize> {
        let mut state = self.hub.shared.lock();
        match state.pull(self.hub.shared.clock.now(), self.id, budget, batch) {
            0 => {
                let slot = &mut state.wakers[self.id.index()];
                match slot {
                    Some(waker) => waker.clone_from(cx.waker()),
                    None => *slot = Some(cx.waker().clone()),
                }
                Poll::Pending
            }
            taken => Poll::Ready(taken),
        }
    }

    /// Waits for something and appends what is there, within the budget. Cancel safe: what was taken is in `batch`.
    pub async fn batch(&mut self, budget: BatchBudget, batch: &mut Vec<Delivered<M>>) -> usize {
        poll_fn(|cx| self.poll_batch(cx, budget, batch)).await
    }
}

impl<M: Message> Drop for Subscriber<M> {
    fn drop(&mut self) {
        let mut state = self.hub.shared.lock();
        state.hub.disconnect(self.id);
        if let Some(slot) = state.wakers.get_mut(self.id.index()) {
            *slot = None;
        }
    }
}

impl<M: Message + Clone> State<M> {
    fn pull(
        &mut self,
        now: Duration,
        id: SubscriberId,
        budget: BatchBudget,
        batch: &mut Vec<Delivered<M>>,
    ) -> usize {
        let before = batch.len();
        // With one topic each cursor follows from the position; with several it is the hub's to compose, one by one.
        if self.hub.topics_of(id) == 1 {
            batch.extend(self.hub.batch(now, id, budget).filter_map(Delivered::of));
            return batch.len() - before;
        }
        let mut bytes = 0;
        while batch.len() - before < budget.max_messages && bytes < budget.max_bytes {
            let Some(mut delivered) = self.hub.pull(now, id).and_then(Delivered::of) else { break };
            if let Delivered::Message { message, .. } = &delivered {
                bytes += message.len_bytes();
            }
            *delivered.cursor_mut() = self.hub.cursor(id);
            batch.push(delivered);
        }
        batch.len() - before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug)]
    struct Text(Arc<str>);

    impl Message for Text {
        fn len_bytes(&self) -> usize {
            self.0.len()
        }

        fn hash_body(&self, hasher: &mut dyn std::hash::Hasher) {
            hasher.write(self.0.as_bytes());
        }
    }

    fn topic(name: &str) -> TopicName {
        TopicName::new(name).unwrap()
    }

    fn texts(batch: &[Delivered<Text>]) -> Vec<&str> {
        batch
            .iter()
            .map(|delivered| match delivered {
                Delivered::Message { message, .. } => &*message.0,
                Delivered::Gap { .. } => "gap",
            })
            .collect()
    }

    #[tokio::test]
    async fn a_waiting_subscriber_wakes_for_a_burst_and_takes_it_in_one_batch() {
        let hub = SharedHub::new(Config::default());
        let mut subscriber = hub.subscriber(ConnectionId::new(1)).unwrap();
        subscriber.subscribe(&topic("a"), Start::Live).unwrap();
        let publisher = hub.clone();
        let waiting = tokio::spawn(async move {
            let mut batch = Vec::new();
            subscriber.batch(BatchBudget::default(), &mut batch).await;
            texts(&batch).iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()
        });
        tokio::task::yield_now().await;
        for text in ["one", "two", "three"] {
            publisher.publish(&topic("a"), Text(text.into()), &PublishOptions::new()).unwrap();
        }
        assert_eq!(waiting.await.unwrap(), ["one", "two", "three"]);
    }

    #[tokio::test]
    async fn the_cursor_of_each_message_resumes_right_after_it() {
        let hub = SharedHub::new(Config::default());
        let (a, b) = (topic("a"), topic("b"));
        let mut both = hub.subscriber(ConnectionId::new(1)).unwrap();
        for name in [&a, &b] {
            both.subscribe(name, Start::Live).unwrap();
        }
        for text in ["1", "2", "3"] {
            hub.publish(&a, Text(format!("a{text}").into()), &PublishOptions::new()).unwrap();
            hub.publish(&b, Text(format!("b{text}").into()), &PublishOptions::new()).unwrap();
        }
        let mut batch = Vec::new();
        assert_eq!(both.try_batch(BatchBudget::default(), &mut batch), 6);
        let all = texts(&batch);
        for (index, delivered) in batch.iter().enumerate() {
            let Delivered::Message { cursor, .. } = delivered else { panic!("{delivered:?}") };
            let mut again = hub.subscriber(ConnectionId::new(2)).unwrap();
            for name in [&a, &b] {
                again.subscribe(name, cursor.start(name)).unwrap();
            }
            let mut rest = Vec::new();
            again.try_batch(BatchBudget::default(), &mut rest);
            let (mut rest, mut expected) = (texts(&rest), all[index + 1..].to_vec());
            rest.sort_unstable();
            expected.sort_unstable();
            assert_eq!(rest, expected);
        }
    }

    #[tokio::test]
    async fn a_budget_bounds_the_batch_and_the_rest_comes_next() {
        let hub = SharedHub::new(Config::default());
        let mut subscriber = hub.subscriber(ConnectionId::new(1)).unwrap();
        subscriber.subscribe(&topic("a"), Start::Live).unwrap();
        for _ in 0..5 {
            hub.publish(&topic("a"), Text("12345".into()), &PublishOptions::new()).unwrap();
        }
        let mut batch = Vec::new();
        let budget = |max_messages, max_bytes| BatchBudget { max_messages, max_bytes };
        assert_eq!(subscriber.try_batch(budget(2, 1000), &mut batch), 2);
        assert_eq!(subscriber.try_batch(budget(100, 1), &mut batch), 1);
        assert_eq!(subscriber.batch(budget(100, 1000), &mut batch).await, 2);
        let more = subscriber.batch(budget(100, 1000), &mut batch);
        assert!(tokio::time::timeout(Duration::from_millis(5), more).await.is_err());
    }

    #[tokio::test]
    async fn a_dropped_subscriber_leaves_nothing_behind() {
        let hub = SharedHub::<Text>::new(Config::default());
        let mut subscriber = hub.subscriber(ConnectionId::new(1)).unwrap();
        subscriber.subscribe(&topic("a"), Start::Live).unwrap();
        drop(subscriber);
        let usage = hub.with(Hub::usage);
        assert_eq!((usage.subscribers, usage.subscriptions), (0, 0));
    }
}
