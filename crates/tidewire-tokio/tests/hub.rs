//! The shared hub: batches and wake-ups, one shard or several, and many threads at once.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{
    num::NonZeroUsize,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use tidewire_hub::{
    Config, ConnectError, ConnectionId, Message, OnLag, Policy, PublishOptions, SendError, Start,
    SubscribeError, TopicName,
};
use tidewire_tokio::hub::{BatchBudget, Delivered, SharedHub, Subscriber};

const SHARDS: [usize; 3] = [1, 2, 7];

fn hub(shards: usize) -> SharedHub<Text> {
    SharedHub::with_shards(Config::default(), NonZeroUsize::new(shards).unwrap())
}

/// Enough topics that every shard has one.
fn topics() -> Vec<TopicName> {
    (0..40).map(|index| topic(&format!("topic {index}"))).collect()
}

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
            Delivered::Message { message, .. } | Delivered::Direct { message } => &*message.0,
            Delivered::Gap { .. } | Delivered::Dismissed { .. } => "no text",
        })
        .collect()
}

#[tokio::test]
async fn a_waiting_subscriber_wakes_for_a_burst_and_takes_it_in_one_batch() {
    let hub = hub(7);
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
    let hub = hub(7);
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
    let hub = hub(7);
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
    let hub = hub(7);
    let mut subscriber = hub.subscriber(ConnectionId::new(1)).unwrap();
    subscriber.subscribe(&topic("a"), Start::Live).unwrap();
    drop(subscriber);
    let usage = hub.usage();
    assert_eq!((usage.subscribers, usage.subscriptions), (0, 0));
}

/// One that follows all topics from their beginning.
fn reader_of(hub: &SharedHub<Text>, topics: &[TopicName]) -> Subscriber<Text> {
    let mut subscriber = hub.subscriber(ConnectionId::new(1)).unwrap();
    for topic in topics {
        subscriber.subscribe(topic, Start::Earliest).unwrap();
    }
    subscriber
}

#[tokio::test]
async fn a_reader_of_many_topics_gets_all_of_them_from_all_shards_in_their_orders() {
    for shards in SHARDS {
        let (hub, topics) = (hub(shards), topics());
        for number in 0..10 {
            for topic in &topics {
                hub.publish(topic, Text(number.to_string().into()), &PublishOptions::new()).unwrap();
            }
        }
        let mut subscriber = reader_of(&hub, &topics);
        let mut batch = Vec::new();
        while subscriber.try_batch(BatchBudget { max_messages: 7, max_bytes: 1000 }, &mut batch) > 0 {}
        assert_eq!(batch.len(), 400);
        for wanted in &topics {
            let numbers: Vec<_> = batch
                .iter()
                .filter_map(|delivered| match delivered {
                    Delivered::Message { topic, message, .. } if topic == wanted => message.0.parse().ok(),
                    Delivered::Message { .. }
                    | Delivered::Gap { .. }
                    | Delivered::Direct { .. }
                    | Delivered::Dismissed { .. } => None,
                })
                .collect::<Vec<u32>>();
            assert_eq!(numbers, (0..10).collect::<Vec<_>>());
        }
        let Some(Delivered::Message { cursor, .. }) = batch.last() else { panic!("a message") };
        assert_eq!((cursor, cursor.topics()), (&subscriber.cursor(), 40));
        assert_eq!((hub.usage().topics, hub.usage().messages, hub.usage().subscribers), (40, 400, 1));
    }
}

/// A shard with any backlog holds up another for one batch at most.
#[tokio::test]
async fn shards_take_turns() {
    let (hub, topics) = (hub(7), topics());
    let mut subscriber = reader_of(&hub, &topics);
    for _ in 0..1000 {
        hub.publish(&topics[0], Text("much".into()), &PublishOptions::new()).unwrap();
    }
    for topic in &topics[1..] {
        hub.publish(topic, Text("little".into()), &PublishOptions::new()).unwrap();
    }
    let mut batch = Vec::new();
    for _ in 0..7 * 40 {
        subscriber.try_batch(BatchBudget { max_messages: 1, max_bytes: 1000 }, &mut batch);
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
        reader.poll_batch(&mut Context::from_waker(waker), BatchBudget::default(), batch)
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
                        subscriber.batch(BatchBudget { max_messages: 5, max_bytes: 64 }, &mut batch).await;
                        for delivered in batch.drain(..) {
                            let Delivered::Message { topic, position, .. } = delivered else {
                                panic!("{delivered:?}")
                            };
                            let index = followed.iter().position(|known| *known == topic).unwrap();
                            assert_eq!(position.offset, next[index]);
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
                            hub.publish(
                                topic,
                                Text(format!("{part} {number}").into()),
                                &PublishOptions::new(),
                            )
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

#[tokio::test(start_paused = true)]
async fn a_hub_that_nobody_calls_gives_back_what_grew_too_old() {
    let mut config = Config::default();
    (config.max_age, config.topic_expiry) = (Duration::from_secs(60), Duration::from_secs(300));
    let hub = SharedHub::with_shards(config, NonZeroUsize::new(2).unwrap());
    for topic in topics() {
        hub.publish(&topic, Text("old".into()), &PublishOptions::new()).unwrap();
    }
    let held = || (hub.usage().topics, hub.usage().messages);
    tokio::time::sleep(Duration::from_secs(59)).await;
    assert_eq!(held(), (40, 40));
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(held(), (40, 0));
    tokio::time::sleep(Duration::from_secs(302)).await;
    assert_eq!(held(), (0, 0));
}

#[tokio::test]
async fn who_lags_too_far_is_told_to_go_and_comes_back_with_its_cursor() {
    let (hub, topics) = (hub(7), topics());
    let mut policy = Policy::default();
    (policy.max_lag_messages, policy.on_lag) = (5, OnLag::Disconnect);
    let mut subscriber = hub.subscriber(ConnectionId::new(1)).unwrap();
    for topic in &topics {
        subscriber.subscribe_with(topic, Start::Live, policy).unwrap();
    }
    let before = subscriber.cursor();
    for number in 0..6 {
        hub.publish(&topics[3], Text(number.to_string().into()), &PublishOptions::new()).unwrap();
    }
    let mut batch = Vec::new();
    assert_eq!(subscriber.batch(BatchBudget::default(), &mut batch).await, 1);
    let Some(Delivered::Dismissed { dismissal, cursor }) = batch.pop() else { panic!("{batch:?}") };
    assert_eq!((&dismissal.topic, dismissal.lag_messages, &cursor), (&topics[3], 6, &before));
    assert!(subscriber.is_dismissed());
    hub.publish(&topics[4], Text("another".into()), &PublishOptions::new()).unwrap();
    assert_eq!(subscriber.try_batch(BatchBudget::default(), &mut batch), 0);
    let mut again = hub.subscriber(ConnectionId::new(1)).unwrap();
    again.subscribe(&topics[3], cursor.start(&topics[3])).unwrap();
    assert_eq!(again.try_batch(BatchBudget::default(), &mut batch), 6);
}

#[tokio::test]
async fn a_topic_that_is_paused_waits_while_the_others_go_on() {
    let (hub, topics) = (hub(7), topics());
    let mut subscriber = reader_of(&hub, &topics);
    assert!(subscriber.pause(&topics[0]) && !subscriber.pause(&topic("not followed")));
    for topic in &topics[..2] {
        hub.publish(topic, Text(topic.as_str().into()), &PublishOptions::new()).unwrap();
    }
    let mut batch = Vec::new();
    assert_eq!(subscriber.try_batch(BatchBudget::default(), &mut batch), 1);
    assert_eq!(texts(&batch), ["topic 1"]);
    batch.clear();
    assert!(subscriber.resume(&topics[0]));
    assert_eq!(subscriber.batch(BatchBudget::default(), &mut batch).await, 1);
    assert_eq!(texts(&batch), ["topic 0"]);
}

#[tokio::test]
async fn one_connection_is_sent_to_ahead_of_its_topics_and_woken() {
    let (hub, topics) = (hub(7), topics());
    let mut subscriber = hub.subscriber(ConnectionId::new(3)).unwrap();
    let address = subscriber.address().unwrap();
    let waiting = tokio::spawn(async move {
        let mut batch = Vec::new();
        subscriber.batch(BatchBudget::default(), &mut batch).await;
        (subscriber, batch)
    });
    tokio::task::yield_now().await;
    address.send(Text("for you".into())).unwrap();
    let (mut subscriber, mut batch) = waiting.await.unwrap();
    assert_eq!(texts(&batch), ["for you"]);
    // Its inbox stays where it is, whatever it follows and leaves.
    for topic in &topics {
        subscriber.subscribe(topic, Start::Live).unwrap();
    }
    for topic in &topics {
        assert!(subscriber.unsubscribe(topic));
    }
    subscriber.subscribe(&topics[0], Start::Live).unwrap();
    hub.publish(&topics[0], Text("for all".into()), &PublishOptions::new()).unwrap();
    address.clone().send(Text("again".into())).unwrap();
    batch.clear();
    while subscriber.try_batch(BatchBudget::default(), &mut batch) > 0 {}
    let mut all = texts(&batch);
    all.sort_unstable();
    assert_eq!(all, ["again", "for all"]);
    assert_eq!(subscriber.cursor().topics(), 1);
    for _ in 0..Config::default().max_inbox_messages {
        address.send(Text("more".into())).unwrap();
    }
    assert_eq!(address.send(Text("too much".into())), Err(SendError::InboxFull));
    drop(subscriber);
    assert_eq!(address.send(Text("nobody".into())), Err(SendError::UnknownSubscriber));
}
