//! One reader: batches, wake-ups, cursors, pauses, and its end.

use std::time::{Duration, SystemTime};

use tidewire_tokio::hub::{
    Budget, Config, ConnectionId, Delivered, OnLag, Policy, PublishOptions, SendError, SharedHub, Start,
    SubscribeError,
};

use super::{Text, hub, reader_of, texts, topic, topics};

#[tokio::test]
async fn a_waiting_subscriber_wakes_for_a_burst_and_takes_it_in_one_batch() {
    let hub = hub(7);
    let mut subscriber = hub.subscriber(ConnectionId::new(1)).unwrap();
    subscriber.subscribe(&topic("a"), Start::Live).unwrap();
    let publisher = hub.clone();
    let waiting = tokio::spawn(async move {
        let mut batch = Vec::new();
        subscriber.batch(Budget::default(), &mut batch).await;
        texts(&batch).iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()
    });
    tokio::task::yield_now().await;
    for text in ["one", "two", "three"] {
        publisher.publish(&topic("a"), text.into(), &PublishOptions::new()).unwrap();
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
        hub.publish(&a, format!("a{text}").into(), &PublishOptions::new()).unwrap();
        hub.publish(&b, format!("b{text}").into(), &PublishOptions::new()).unwrap();
    }
    let mut batch = Vec::new();
    assert_eq!(both.try_batch(Budget::default(), &mut batch), 6);
    let all = texts(&batch);
    for (index, delivered) in batch.iter().enumerate() {
        let cursor = both.cursor_after(delivered);
        let mut again = hub.subscriber(ConnectionId::new(2)).unwrap();
        for name in [&a, &b] {
            again.subscribe(name, cursor.start(name)).unwrap();
        }
        let mut rest = Vec::new();
        again.try_batch(Budget::default(), &mut rest);
        let (mut rest, mut expected) = (texts(&rest), all[index + 1..].to_vec());
        rest.sort_unstable();
        expected.sort_unstable();
        assert_eq!(rest, expected);
    }
}

#[tokio::test]
async fn what_comes_behind_a_cursor_that_nobody_asked_for_comes_again() {
    let (hub, names) = (hub(7), topics());
    let mut reader = reader_of(&hub, &names[..2]);
    for name in &names[..2] {
        hub.publish(name, name.as_str().into(), &PublishOptions::new()).unwrap();
    }
    let mut batch = Vec::new();
    assert_eq!(reader.try_batch(Budget::default(), &mut batch), 2);
    let cursor = reader.cursor_after(&batch[1]);
    let mut again = hub.subscriber(ConnectionId::new(2)).unwrap();
    for name in &names[..2] {
        again.subscribe(name, cursor.start(name)).unwrap();
    }
    // What is followed later changes nothing about what was not asked for.
    reader.subscribe(&names[2], Start::Live).unwrap();
    assert_eq!(reader.progress().cursor().start(&names[0]), cursor.start(&names[0]));
    let mut rest = Vec::new();
    assert_eq!(again.try_batch(Budget::default(), &mut rest), 1);
    assert_eq!(texts(&rest), texts(&batch[..1]));
    reader.reach(&batch[0]);
    assert_eq!(reader.progress().cursor(), reader.cursor());
}

#[tokio::test(start_paused = true)]
async fn a_message_comes_with_all_that_it_was_published_with() {
    let before = SystemTime::now();
    let (hub, name) = (hub(2), topic("a"));
    let mut reader = reader_of(&hub, std::slice::from_ref(&name));
    tokio::time::sleep(Duration::from_secs(60)).await;
    let options = PublishOptions::new().event("price").key("EUR");
    let published = hub.publish(&name, "1.1".into(), &options).unwrap();
    hub.publish(&name, "plain".into(), &PublishOptions::new()).unwrap();
    let mut batch = Vec::new();
    assert_eq!(reader.batch(Budget::default(), &mut batch).await, 2);
    let kept = batch[0].message().unwrap();
    assert_eq!((&kept.topic, kept.position, &*kept.message), (&name, published.position(), "1.1"));
    assert_eq!((kept.event.as_deref(), kept.key.as_deref()), (Some("price"), Some("EUR")));
    // A minute of paused time, and what the test itself took.
    let since = kept.published_at.duration_since(before).unwrap();
    assert!((60..180).contains(&since.as_secs()), "{since:?}");
    let plain = batch[1].message().unwrap();
    assert_eq!((plain.event.as_deref(), plain.key.as_deref()), (None, None));
    assert_eq!(plain.published_at, kept.published_at);
}

#[tokio::test]
async fn a_budget_bounds_the_batch_and_the_rest_comes_next() {
    let hub = hub(7);
    let mut subscriber = hub.subscriber(ConnectionId::new(1)).unwrap();
    subscriber.subscribe(&topic("a"), Start::Live).unwrap();
    for _ in 0..5 {
        hub.publish(&topic("a"), "12345".into(), &PublishOptions::new()).unwrap();
    }
    let mut batch = Vec::new();
    let budget = |max_messages, max_bytes| Budget { max_messages, max_bytes };
    assert_eq!(subscriber.try_batch(budget(2, 1000), &mut batch), 2);
    assert_eq!(subscriber.try_batch(budget(100, 1), &mut batch), 1);
    assert_eq!(subscriber.batch(budget(100, 1000), &mut batch).await, 2);
    hub.publish(&topic("a"), "12345".into(), &PublishOptions::new()).unwrap();
    assert_eq!(subscriber.batch(budget(0, 0), &mut batch).await, 1, "nothing is no budget");
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

#[tokio::test]
async fn who_lags_too_far_is_told_to_go_and_comes_back_with_its_cursor() {
    let (hub, topics) = (hub(7), topics());
    let mut policy = Policy::default();
    (policy.max_lag_messages, policy.on_lag) = (5, OnLag::Disconnect);
    let mut subscriber = hub.subscriber(ConnectionId::new(1)).unwrap();
    for topic in &topics {
        subscriber.subscribe_with(topic, Start::Live, policy).unwrap();
    }
    let address = subscriber.address().unwrap();
    let before = subscriber.cursor();
    for number in 0..6 {
        hub.publish(&topics[3], number.to_string().into(), &PublishOptions::new()).unwrap();
    }
    let mut batch = Vec::new();
    assert_eq!(subscriber.batch(Budget::default(), &mut batch).await, 1);
    let cursor = subscriber.cursor_after(&batch[0]);
    let Some(Delivered::Dismissed(dismissal)) = batch.pop() else { panic!("{batch:?}") };
    assert_eq!((&dismissal.topic, dismissal.lag_messages, &cursor), (&topics[3], 6, &before));
    assert!(subscriber.is_dismissed());
    hub.publish(&topics[4], "another".into(), &PublishOptions::new()).unwrap();
    assert_eq!(subscriber.try_batch(Budget::default(), &mut batch), 0);
    // It ends, and does not wait for what never comes.
    assert_eq!(subscriber.batch(Budget::default(), &mut batch).await, 0);
    assert_eq!(subscriber.subscribe(&topic("new"), Start::Live), Err(SubscribeError::UnknownSubscriber));
    // It has left all shards, whichever has its inbox.
    for address in [address, subscriber.address().unwrap()] {
        assert_eq!(address.send("nobody".into()), Err(SendError::UnknownSubscriber));
    }
    assert!(subscriber.take_gaps().is_empty() && !subscriber.unsubscribe(&topics[0]));
    assert_eq!((hub.usage().subscriptions, hub.usage().inboxes_bytes), (0, 0));
    let mut again = hub.subscriber(ConnectionId::new(1)).unwrap();
    again.subscribe(&topics[3], cursor.start(&topics[3])).unwrap();
    assert_eq!(again.try_batch(Budget::default(), &mut batch), 6);
}

/// The batch is the caller's, and may hold what another was handed.
#[tokio::test]
async fn what_another_was_told_is_not_ones_own() {
    let hub = hub(1);
    let mut policy = Policy::default();
    (policy.max_lag_messages, policy.on_lag) = (1, OnLag::Disconnect);
    let mut slow = hub.subscriber(ConnectionId::new(1)).unwrap();
    slow.subscribe_with(&topic("a"), Start::Live, policy).unwrap();
    let mut other = reader_of(&hub, &[topic("b")]);
    for _ in 0..2 {
        hub.publish(&topic("a"), "much".into(), &PublishOptions::new()).unwrap();
    }
    let mut batch = Vec::new();
    assert_eq!((slow.try_batch(Budget::default(), &mut batch), slow.is_dismissed()), (1, true));
    assert_eq!((other.try_batch(Budget::default(), &mut batch), other.is_dismissed()), (0, false));
}

#[tokio::test]
async fn a_gap_told_ahead_begins_where_the_owner_is() {
    let mut config = Config::default();
    config.max_messages_per_topic = 3;
    let hub = SharedHub::<Text>::with_shards(config, std::num::NonZeroUsize::MIN);
    let mut reader = reader_of(&hub, &[topic("a")]);
    for _ in 0..3 {
        hub.publish(&topic("a"), "in hand".into(), &PublishOptions::new()).unwrap();
    }
    let mut batch = Vec::new();
    assert_eq!(reader.try_batch(Budget::default(), &mut batch), 3);
    reader.reach(&batch[0]);
    for _ in 0..5 {
        hub.publish(&topic("a"), "more".into(), &PublishOptions::new()).unwrap();
    }
    let gaps = reader.take_gaps();
    let [gap] = &gaps[..] else { panic!("{gaps:?}") };
    assert_eq!((gap.from.map(|from| from.offset), gap.to.offset), (Some(1), 5));
    assert_eq!(reader.progress().cursor(), reader.cursor());
}

#[tokio::test]
async fn a_topic_that_is_paused_waits_while_the_others_go_on() {
    let (hub, topics) = (hub(7), topics());
    let mut subscriber = reader_of(&hub, &topics);
    assert!(subscriber.pause(&topics[0]) && !subscriber.pause(&topic("not followed")));
    for topic in &topics[..2] {
        hub.publish(topic, topic.as_str().into(), &PublishOptions::new()).unwrap();
    }
    let mut batch = Vec::new();
    assert_eq!(subscriber.try_batch(Budget::default(), &mut batch), 1);
    assert_eq!(texts(&batch), ["topic 1"]);
    batch.clear();
    assert!(subscriber.resume(&topics[0]));
    assert_eq!(subscriber.batch(Budget::default(), &mut batch).await, 1);
    assert_eq!(texts(&batch), ["topic 0"]);
}

#[tokio::test]
async fn one_connection_is_sent_to_ahead_of_its_topics_and_woken() {
    let (hub, topics) = (hub(7), topics());
    let mut subscriber = hub.subscriber(ConnectionId::new(3)).unwrap();
    let address = subscriber.address().unwrap();
    let waiting = tokio::spawn(async move {
        let mut batch = Vec::new();
        subscriber.batch(Budget::default(), &mut batch).await;
        (subscriber, batch)
    });
    tokio::task::yield_now().await;
    address.send("for you".into()).unwrap();
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
    hub.publish(&topics[0], "for all".into(), &PublishOptions::new()).unwrap();
    address.clone().send("again".into()).unwrap();
    batch.clear();
    while subscriber.try_batch(Budget::default(), &mut batch) > 0 {}
    let mut all = texts(&batch);
    all.sort_unstable();
    assert_eq!(all, ["again", "for all"]);
    assert_eq!(subscriber.cursor().topics(), 1);
    for _ in 0..Config::default().max_inbox_messages {
        address.send("more".into()).unwrap();
    }
    assert_eq!(address.send("too much".into()), Err(SendError::InboxFull));
    drop(subscriber);
    assert_eq!(address.send("nobody".into()), Err(SendError::UnknownSubscriber));
}

/// What is in hand of topics that are followed no longer brings none of them back, nor makes the token grow.
#[tokio::test]
async fn what_is_in_hand_of_a_topic_that_is_followed_no_longer_is_no_progress() {
    let (hub, mut batch) = (hub(4), Vec::new());
    let stays = topic("stays");
    let mut reader = reader_of(&hub, std::slice::from_ref(&stays));
    let of_one = reader.progress().cursor();
    for name in topics() {
        reader.subscribe(&name, Start::Live).unwrap();
        hub.publish(&name, "text".into(), &PublishOptions::new()).unwrap();
        while reader.try_batch(Budget::default(), &mut batch) > 0 {}
        assert!(reader.unsubscribe(&name));
    }
    assert_eq!(batch.len(), topics().len());
    for delivered in &batch {
        assert_eq!(reader.cursor_after(delivered), of_one);
    }
    assert_eq!(reader.progress().topics(), 1);
}

/// More than one look into the shard at messages that the reader is not handed is one batch to it.
#[tokio::test]
async fn a_batch_passes_however_much_is_skipped() {
    let (hub, name) = (hub(1), topic("a"));
    let own = PublishOptions::new().exclude(ConnectionId::new(1));
    for _ in 0..5_000 {
        hub.publish(&name, "own".into(), &own).unwrap();
    }
    let mut reader = reader_of(&hub, std::slice::from_ref(&name));
    let mut batch = Vec::new();
    assert_eq!(reader.try_batch(Budget::default(), &mut batch), 0);
    hub.publish(&name, "of another".into(), &PublishOptions::new()).unwrap();
    let mut again = reader_of(&hub, std::slice::from_ref(&name));
    for reader in [&mut reader, &mut again] {
        batch.clear();
        let taken =
            tokio::time::timeout(Duration::from_secs(60), reader.batch(Budget::default(), &mut batch));
        assert_eq!((taken.await, texts(&batch)), (Ok(1), vec!["of another"]));
    }
}
