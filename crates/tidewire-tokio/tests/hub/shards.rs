//! One hub in several shards, and many threads at it.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use tidewire_tokio::hub::{
    Budget, Config, ConnectError, ConnectionId, Delivered, PublishOptions, SharedHub, Start, SubscribeError,
    Subscriber,
};

use super::{Text, hub, reader_of, texts, topic, topics};

const SHARDS: [usize; 3] = [1, 2, 7];

#[tokio::test]
async fn a_reader_of_many_topics_gets_all_of_them_from_all_shards_in_their_orders() {
    for shards in SHARDS {
        let (hub, topics) = (hub(shards), topics());
        for number in 0..10 {
            for topic in &topics {
                hub.publish(topic, number.to_string().into(), &PublishOptions::new()).unwrap();
            }
        }
        let mut subscriber = reader_of(&hub, &topics);
        let mut batch = Vec::new();
        while subscriber.try_batch(Budget { max_messages: 7, max_bytes: 1000 }, &mut batch) > 0 {}
        assert_eq!(batch.len(), 400);
        for wanted in &topics {
            let numbers: Vec<_> = batch
                .iter()
                .filter_map(Delivered::message)
                .filter(|kept| kept.topic == *wanted)
                .map(|kept| kept.message.parse().unwrap())
                .collect::<Vec<u32>>();
            assert_eq!(numbers, (0..10).collect::<Vec<_>>());
        }
        batch.iter().for_each(|delivered| subscriber.reach(delivered));
        let cursor = subscriber.progress().cursor();
        assert_eq!((&cursor, cursor.topics()), (&subscriber.cursor(), 40));
        assert_eq!((hub.usage().topics, hub.usage().messages, hub.usage().subscribers), (40, 400, 1));
    }
}

/// A shard with any backlog holds up another for one batch at most.
#[tokio::test]
async fn shards_take_turns() {
    let (hub, topics) = (hub(7), topics());
    let mut subscriber = reader_of(&hub, &topics);
    for _ in 0..1000 {
        hub.publish(&topics[0], "much".into(), &PublishOptions::new()).unwrap();
    }
    for topic in &topics[1..] {
        hub.publish(topic, "little".into(), &PublishOptions::new()).unwrap();
    }
    let mut batch = Vec::new();
    for _ in 0..7 * 40 {
        subscriber.try_batch(Budget { max_messages: 1, max_bytes: 1000 }, &mut batch);
    }
    assert_eq!(texts(&batch).iter().filter(|text| **text == "little").count(), 39);
}

#[tokio::test]
async fn limits_hold_over_all_shards() {
    let mut config = Config::default();
    (config.max_subscribers, config.max_topics_per_subscriber) = (2, 3);
    let hub = SharedHub::<Text>::with_shards(config, NonZeroUsize::new(7).unwrap());
    let topics = topics();
    let mut one = reader_of(&hub, &topics[..3]);
    assert_eq!(one.subscribe(&topics[3], Start::Live), Err(SubscribeError::TooManyTopicsOfSubscriber));
    assert_eq!(one.subscribe(&topics[0], Start::Live), Err(SubscribeError::AlreadySubscribed));
    assert!(one.unsubscribe(&topics[1]) && !one.unsubscribe(&topics[1]) && !one.unsubscribe(&topics[9]));
    one.subscribe(&topics[3], Start::Live).unwrap();
    assert_eq!(one.cursor().topics(), 3);
    let two = hub.subscriber(ConnectionId::new(2)).unwrap();
    assert_eq!(hub.subscriber(ConnectionId::new(3)).unwrap_err(), ConnectError::TooManySubscribers);
    drop((one, two));
    let usage = hub.usage();
    assert_eq!((usage.subscribers, usage.subscriptions), (0, 0));
    hub.subscriber(ConnectionId::new(3)).unwrap();
}

/// What a waker keeps alive may be the reader itself.
#[test]
fn a_waker_that_owns_a_reader_is_dropped_without_a_lock() {
    #[expect(dead_code, reason = "it is kept alive, and no more")]
    struct Owner(Mutex<Option<Subscriber<Text>>>);
    impl Wake for Owner {
        fn wake(self: Arc<Self>) {}
    }
    let (hub, topics) = (hub(2), topics());
    let (mut reader, owned) = (reader_of(&hub, &topics), reader_of(&hub, &topics));
    let owner = Waker::from(Arc::new(Owner(Mutex::new(Some(owned)))));
    let mut batch = Vec::new();
    let poll = |reader: &mut Subscriber<Text>, waker: &Waker, batch: &mut _| {
        reader.poll_batch(&mut Context::from_waker(waker), Budget::default(), batch)
    };
    assert_eq!(poll(&mut reader, &owner, &mut batch), Poll::Pending);
    drop(owner);
    // Another task takes the reader over: of the first waker nothing is left but in the hub.
    assert_eq!(poll(&mut reader, Waker::noop(), &mut batch), Poll::Pending);
    assert_eq!(hub.usage().subscribers, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_lost_or_reordered_between_threads() {
    for shards in SHARDS {
        let (hub, topics) = (hub(shards), topics());
        let delivered = Arc::new(AtomicUsize::new(0));
        let readers: Vec<_> = (0..8)
            .map(|reader| {
                // Each follows another part of the topics.
                let followed: Vec<_> = topics.iter().skip(reader).step_by(3).cloned().collect();
                let (mut subscriber, delivered) = (reader_of(&hub, &followed), delivered.clone());
                tokio::spawn(async move {
                    let (mut next, mut batch) = (vec![1; followed.len()], Vec::new());
                    while next.iter().sum::<u64>() < 101 * followed.len() as u64 {
                        subscriber.batch(Budget { max_messages: 5, max_bytes: 64 }, &mut batch).await;
                        for delivered in batch.drain(..) {
                            let Delivered::Message(kept) = delivered else { panic!("{delivered:?}") };
                            let index = followed.iter().position(|known| *known == kept.topic).unwrap();
                            assert_eq!(kept.position.offset, next[index]);
                            next[index] += 1;
                        }
                    }
                    delivered.fetch_add(next.len() * 100, Ordering::Relaxed);
                })
            })
            .collect();
        let publishers: Vec<_> = (0..4)
            .map(|part| {
                let (hub, topics) = (hub.clone(), topics.clone());
                tokio::spawn(async move {
                    for number in 0..25 {
                        for topic in &topics {
                            hub.publish(topic, format!("{part} {number}").into(), &PublishOptions::new())
                                .unwrap();
                        }
                        tokio::task::yield_now().await;
                    }
                })
            })
            .collect();
        for task in publishers.into_iter().chain(readers) {
            tokio::time::timeout(Duration::from_secs(60), task).await.unwrap().unwrap();
        }
        let expected: usize = (0..8).map(|reader| topics.iter().skip(reader).step_by(3).count() * 100).sum();
        assert_eq!(delivered.load(Ordering::Relaxed), expected);
    }
}

/// Counts how often it is woken.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// More than are looked up in one lock hold.
#[test]
fn everybody_who_waits_is_woken_once_however_many_they_are() {
    let (hub, name) = (hub(1), topic("a"));
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(woken.clone());
    let mut readers: Vec<_> = (0..1000).map(|_| reader_of(&hub, std::slice::from_ref(&name))).collect();
    for reader in &mut readers {
        let polled = reader.poll_batch(&mut Context::from_waker(&waker), Budget::default(), &mut Vec::new());
        assert_eq!(polled, Poll::Pending);
    }
    for _ in 0..3 {
        hub.publish(&name, "a burst".into(), &PublishOptions::new()).unwrap();
    }
    assert_eq!(woken.0.load(Ordering::Relaxed), 1000);
    for reader in &mut readers {
        assert_eq!(reader.try_batch(Budget::default(), &mut Vec::new()), 3);
    }
}

/// Drops all readers as soon as one is woken.
struct Gone {
    readers: Mutex<Vec<Subscriber<Text>>>,
    woken: AtomicUsize,
}

impl Wake for Gone {
    fn wake(self: Arc<Self>) {
        self.woken.fetch_add(1, Ordering::Relaxed);
        let readers = std::mem::take(&mut *self.readers.lock().unwrap());
        drop(readers);
    }
}

/// The lock is given back in between: otherwise all of them would have been looked up by then.
#[test]
fn who_is_woken_first_is_woken_before_the_last_are_looked_up() {
    let (hub, name) = (hub(1), topic("a"));
    let gone = Arc::new(Gone { readers: Mutex::new(Vec::new()), woken: AtomicUsize::new(0) });
    let waker = Waker::from(gone.clone());
    let mut readers: Vec<_> = (0..1000).map(|_| reader_of(&hub, std::slice::from_ref(&name))).collect();
    for reader in &mut readers {
        let polled = reader.poll_batch(&mut Context::from_waker(&waker), Budget::default(), &mut Vec::new());
        assert_eq!(polled, Poll::Pending);
    }
    *gone.readers.lock().unwrap() = readers;
    hub.publish(&name, "hello".into(), &PublishOptions::new()).unwrap();
    assert_eq!((gone.woken.load(Ordering::Relaxed), hub.usage().subscribers), (256, 0));
}

#[tokio::test]
async fn what_a_hub_holds_is_the_sum_of_what_its_shards_hold() {
    let (hub, topics) = (hub(7), topics());
    let mut reader = reader_of(&hub, &topics);
    for name in &topics {
        hub.publish(name, "12345".into(), &PublishOptions::new()).unwrap();
    }
    reader.address().unwrap().send("for you".into()).unwrap();
    let usage = hub.usage();
    assert_eq!((usage.topics, usage.subscribers, usage.subscriptions, usage.messages), (40, 1, 40, 40));
    let (mut names, mut bytes) = (Vec::new(), 0);
    hub.topics(|topic| {
        names.push(topic.name.clone());
        bytes += topic.bytes;
    });
    names.sort_unstable();
    let mut expected = topics.clone();
    expected.sort_unstable();
    assert_eq!((names, bytes), (expected, usage.bytes));
    assert!(usage.inboxes_bytes > "for you".len());
    assert_eq!(hub.topic(&topics[0], |topic| (topic.messages, topic.subscribers)), Some((1, 1)));
    assert_eq!(hub.topic(&topic("none"), |_| ()), None);
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_nobody_calls_gives_back_what_grew_too_old() {
    let mut config = Config::default();
    (config.max_age, config.topic_expiry) = (Duration::from_secs(60), Duration::from_secs(300));
    let hub = SharedHub::<Text>::with_shards(config, NonZeroUsize::new(2).unwrap());
    // More than one call does.
    for _ in 0..100 {
        for topic in topics() {
            hub.publish(&topic, "old".into(), &PublishOptions::new()).unwrap();
        }
    }
    let held = || (hub.usage().topics, hub.usage().messages);
    tokio::time::sleep(Duration::from_secs(59)).await;
    assert_eq!(held(), (40, 4000));
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(held(), (40, 0));
    tokio::time::sleep(Duration::from_secs(302)).await;
    assert_eq!(held(), (0, 0));
}

/// Made where nothing looks after it.
#[test]
fn a_hub_without_a_runtime_is_looked_after_by_whoever_spawns_its_upkeep() {
    let mut config = Config::default();
    config.max_age = Duration::from_secs(60);
    let hub = SharedHub::<Text>::new(config);
    hub.publish(&topic("a"), "old".into(), &PublishOptions::new()).unwrap();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let upkeep = tokio::spawn(hub.upkeep());
        tokio::time::sleep(Duration::from_secs(62)).await;
        assert_eq!(hub.usage().messages, 0);
        drop(hub);
        upkeep.await.unwrap();
    });
}
