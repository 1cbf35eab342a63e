//! Couriers under hostile conditions: who goes while others come, halves that are dropped, backlogs, questions on and on, and
//! hands that meddle with one another.
#![allow(clippy::unwrap_used, missing_docs)]

mod random;
mod stress;
mod turns;
mod waves;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use tidewire_tokio::{
    hub::{
        Config as HubConfig, ConnectionId, Delivered, OnLag, Policy, PublishOptions, SharedHub, Start,
        Subscriber, TopicName,
    },
    websocket::{Config, Delivering, ReadHalf, WebSocket, WriteHalf},
};
use tokio::{
    io::{AsyncReadExt, DuplexStream, duplex},
    task::yield_now,
};

type Line = Arc<str>;
type Hub = SharedHub<Line>;
type Halves = (ReadHalf<DuplexStream>, WriteHalf<DuplexStream>);

fn name(name: &str) -> TopicName {
    TopicName::new(name).unwrap()
}

fn publish(hub: &Hub, topic: &TopicName, line: &str) {
    hub.publish(topic, line.into(), &PublishOptions::new()).unwrap();
}

fn halves(io: DuplexStream) -> Halves {
    WebSocket::accepted(io, b"", &Config::default()).split()
}

fn follow(hub: &Hub, number: u64, topics: &[&TopicName], start: Start) -> Subscriber<Line> {
    let mut reader = hub.subscriber(ConnectionId::new(number)).unwrap();
    for topic in topics {
        reader.subscribe(topic, start).unwrap();
    }
    reader
}

async fn settle() {
    for _ in 0..20 {
        yield_now().await;
    }
}

/// A hub of two shards, and a topic of each: the first of the first.
fn apart() -> (Hub, TopicName, TopicName) {
    let hub = Hub::with_shards(HubConfig::default(), 2.try_into().unwrap());
    for number in 0..64 {
        publish(&hub, &name(&number.to_string()), "there");
    }
    let mut names = Vec::new();
    hub.topics(|info| names.push(info.name.clone()));
    let (first, last) = (names[0].clone(), names[names.len() - 1].clone());
    (hub, first, last)
}

/// Whoever has the number behind it is somebody else.
#[tokio::test]
async fn what_is_for_one_who_goes_is_handed_to_nobody_else() {
    let (hub, first, second) = apart();
    let (_client, io) = duplex(1 << 16);
    let (_read, write) = halves(io);
    let goes = write.deliver(follow(&hub, 1, &[&first, &second], Start::Live), |_, _, _| {});
    settle().await;
    // Somebody else has the first shard for a while.
    let (locked, is_locked) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let (other_hub, other_topic) = (hub.clone(), first.clone());
    let holds = thread::spawn(move || {
        other_hub.topic(&other_topic, |_| {
            locked.send(()).unwrap();
            let _ = may_go_on.recv();
        });
    });
    is_locked.recv().unwrap();
    let ends = thread::spawn(move || drop(goes));
    thread::sleep(Duration::from_millis(200));
    settle().await;
    // One who follows nothing gets the key.
    let mine = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&mine);
    let (_other_client, other_io) = duplex(1 << 16);
    let (_other_read, other_write) = halves(other_io);
    let reader = hub.subscriber(ConnectionId::new(2)).unwrap();
    let _stays = other_write.deliver(reader, move |_, delivered, _| {
        noted.lock().unwrap().push(delivered.message().map(|kept| kept.message.to_string()));
    });
    settle().await;
    publish(&hub, &second, "private");
    settle().await;
    let mine = mine.lock().unwrap().clone();
    drop(go_on);
    holds.join().unwrap();
    ends.join().unwrap();
    assert!(mine.is_empty(), "who follows nothing was handed {mine:?}");
}

/// What comes for it next finds that its socket is gone.
#[tokio::test(start_paused = true)]
async fn halves_that_are_dropped_while_the_socket_is_full_end_the_subscription() {
    let hub = Hub::new(HubConfig::default());
    let topic = name("room");
    let (_client, io) = duplex(4);
    let (read, write) = halves(io);
    let delivering = write.deliver(follow(&hub, 1, &[&topic], Start::Live), |_, delivered, outbox| {
        outbox.feed_text(&delivered.message().unwrap().message).unwrap();
    });
    publish(&hub, &topic, "more than it takes");
    settle().await;
    // The client would see the end, and need not go for it.
    drop((read, write));
    for _ in 0..10 {
        publish(&hub, &topic, "x");
        settle().await;
    }
    assert_eq!((hub.usage().subscribers, delivering.reader(|_| ())), (0, None));
}

/// Who was not served in a round comes first in the next.
#[tokio::test(start_paused = true)]
async fn a_backlog_in_one_shard_starves_no_other() {
    let (hub, low, high) = apart();
    (0..10_000).for_each(|_| publish(&hub, &low, "old"));
    let handed = Arc::new(AtomicUsize::new(0));
    let mut kept = Vec::new();
    for number in 1..=4 {
        let (client, io) = duplex(1 << 20);
        let (read, write) = halves(io);
        let handed = Arc::clone(&handed);
        let count = write.deliver(follow(&hub, number, &[&low], Start::Earliest), move |_, _, outbox| {
            handed.fetch_add(1, Ordering::Relaxed);
            outbox.feed_text("old").unwrap();
        });
        kept.push((client, read, write, count));
    }
    let (_client, io) = duplex(1 << 16);
    let (_read, write) = halves(io);
    let seen_at = Arc::new(AtomicUsize::new(usize::MAX));
    let (at, all) = (Arc::clone(&seen_at), Arc::clone(&handed));
    let _live = write.deliver(follow(&hub, 9, &[&high], Start::Live), move |_, _, _| {
        at.store(all.load(Ordering::Relaxed), Ordering::Relaxed);
    });
    publish(&hub, &high, "live");
    for _ in 0..200 {
        settle().await;
    }
    let (seen_at, all) = (seen_at.load(Ordering::Relaxed), handed.load(Ordering::Relaxed));
    assert!(seen_at <= 4096, "its turn came after {seen_at} of {all} of others");
}

/// A question has the courier look for what is followed from its past: once, however many there were.
#[tokio::test(start_paused = true)]
async fn a_socket_that_is_full_is_fed_no_more_however_often_its_reader_is_asked() {
    let hub = Hub::with_shards(HubConfig::default(), 1.try_into().unwrap());
    let topic = name("room");
    let long = "x".repeat(32 * 1024);
    (0..100).for_each(|_| publish(&hub, &topic, &long));
    let held = |questions: usize| {
        let (hub, topic) = (hub.clone(), topic.clone());
        async move {
            let (client, io) = duplex(64);
            let (read, write) = halves(io);
            let most = Arc::new(AtomicUsize::new(0));
            let fed = Arc::clone(&most);
            let reader = follow(&hub, 1, &[&topic], Start::Earliest);
            let delivering = write.deliver(reader, move |_, delivered, outbox| {
                if let Some(kept) = delivered.message() {
                    outbox.feed_text(&kept.message).unwrap();
                }
                fed.fetch_max(outbox.output_len(), Ordering::Relaxed);
            });
            for _ in 0..questions {
                delivering.reader(|reader| reader.progress().topics()).unwrap();
            }
            settle().await;
            drop((client, read, write));
            most.load(Ordering::Relaxed)
        }
    };
    let (unasked, asked) = (held(0).await, held(50).await);
    assert!(asked <= 2 * unasked, "{asked} octets wait for a socket that is full, and {unasked} unasked");
}

#[tokio::test(start_paused = true)]
async fn what_was_missed_is_a_place_once() {
    let mut config = HubConfig::default();
    config.max_bytes_per_topic = 1 << 26;
    let hub = Hub::with_shards(config, 1.try_into().unwrap());
    let topic = name("room");
    let (mut client, io) = duplex(64);
    let (_read, write) = halves(io);
    let most = Arc::new(AtomicUsize::new(0));
    let fed = Arc::clone(&most);
    let reader = follow(&hub, 1, &[&topic], Start::Live);
    let delivering = write.deliver(reader, move |_, delivered, outbox| {
        outbox.feed_text(&delivered.message().unwrap().message).unwrap();
        fed.fetch_max(outbox.output_len(), Ordering::Relaxed);
    });
    publish(&hub, &topic, &"x".repeat(100));
    settle().await;
    let long = "x".repeat(64 * 1024);
    (0..100).for_each(|_| publish(&hub, &topic, &long));
    for _ in 0..1000 {
        delivering.reader(|_| ()).unwrap();
    }
    settle().await;
    assert!(most.load(Ordering::Relaxed) < 1024);
    // The first goes, and no more.
    client.read_exact(&mut [0; 102]).await.unwrap();
    settle().await;
    let most = most.load(Ordering::Relaxed);
    assert!(most <= 2 * 64 * 1024, "{most} octets wait for a socket that takes 64");
}

#[tokio::test(start_paused = true)]
async fn what_a_hand_follows_from_its_past_comes() {
    let hub = Hub::new(HubConfig::default());
    let (topic, other) = (name("room"), name("other"));
    publish(&hub, &other, "past");
    let (_client, io) = duplex(1 << 16);
    let (_read, write) = halves(io);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&seen);
    let _delivering = write.deliver(follow(&hub, 1, &[&topic], Start::Live), move |reader, delivered, _| {
        let line = delivered.message().unwrap().message.to_string();
        if line == "join" {
            reader.subscribe(&name("other"), Start::Earliest).unwrap();
        }
        noted.lock().unwrap().push(line);
    });
    publish(&hub, &topic, "join");
    settle().await;
    assert_eq!(*seen.lock().unwrap(), ["join", "past"]);
}

/// Each is at work while it ends the other.
fn each_meddles_with_the_other(meddle: fn(&Mutex<Option<Delivering<Line>>>)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let hub = runtime.block_on(async { Hub::with_shards(HubConfig::default(), 1.try_into().unwrap()) });
    let topic = name("room");
    type Slot = Arc<Mutex<Option<Delivering<Line>>>>;
    let slots: [Slot; 2] = Default::default();
    let (begun, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut kept = Vec::new();
    for number in 0..2 {
        let (client, io) = duplex(1 << 16);
        let (begun, done, other) = (Arc::clone(&begun), Arc::clone(&done), Arc::clone(&slots[1 - number]));
        let _entered = runtime.enter();
        let (read, write) = halves(io);
        let reader = follow(&hub, number as u64 + 1, &[&topic], Start::Live);
        let delivering = write.deliver(reader, move |_, _, _| {
            begun.fetch_add(1, Ordering::SeqCst);
            let since = Instant::now();
            while begun.load(Ordering::SeqCst) < 2 && since.elapsed() < Duration::from_secs(2) {
                thread::yield_now();
            }
            meddle(&other);
            done.fetch_add(1, Ordering::SeqCst);
        });
        *slots[number].lock().unwrap() = Some(delivering);
        kept.push((client, read, write));
    }
    thread::sleep(Duration::from_millis(100));
    publish(&hub, &topic, "x");
    let since = Instant::now();
    while done.load(Ordering::SeqCst) < 2 && since.elapsed() < Duration::from_secs(30) {
        thread::sleep(Duration::from_millis(10));
    }
    let (begun, done) = (begun.load(Ordering::SeqCst), done.load(Ordering::SeqCst));
    runtime.shutdown_background();
    std::mem::forget((kept, slots));
    assert_eq!((begun, done), (2, 2), "hands that began, and that came to their end");
}

#[test]
fn two_hands_that_drop_each_others_delivery_come_to_their_end() {
    each_meddles_with_the_other(|other| {
        let delivering = other.lock().unwrap().take();
        drop(delivering);
    });
}

#[tokio::test(start_paused = true)]
async fn nothing_comes_behind_a_dismissal() {
    let (hub, low, high) = apart();
    let mut policy = Policy::default();
    (policy.max_lag_messages, policy.on_lag) = (3, OnLag::Disconnect);
    let mut reader = hub.subscriber(ConnectionId::new(1)).unwrap();
    reader.subscribe_with(&low, Start::Live, policy).unwrap();
    reader.subscribe(&high, Start::Live).unwrap();
    let (_client, io) = duplex(1 << 16);
    let (_read, write) = halves(io);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&seen);
    // It says so, and leaves the close to whoever serves the connection.
    let _delivering = write.deliver(reader, move |reader, delivered, outbox| {
        let is_last = matches!(delivered, Delivered::Dismissed(_));
        if is_last {
            outbox.feed_text("come back").unwrap();
        }
        noted.lock().unwrap().push((is_last, reader.is_dismissed()));
    });
    settle().await;
    (0..10).for_each(|_| publish(&hub, &low, "x"));
    publish(&hub, &high, "x");
    settle().await;
    let seen = seen.lock().unwrap().clone();
    assert!(seen.last().unwrap().0, "{seen:?}: the first is whether it is the dismissal");
}

#[tokio::test(start_paused = true)]
async fn a_round_ends_though_it_only_writes() {
    let hub = Hub::new(HubConfig::default());
    let topic = name("room");
    let mut kept = Vec::new();
    for number in 1..=1000 {
        let (client, io) = duplex(16);
        let (read, write) = halves(io);
        let delivering =
            write.deliver(follow(&hub, number, &[&topic], Start::Live), |_, delivered, outbox| {
                outbox.feed_text(&delivered.message().unwrap().message).unwrap();
            });
        kept.push((client, read, write, delivering));
    }
    publish(&hub, &topic, &"x".repeat(100));
    for _ in 0..10 {
        settle().await;
    }
    // Each takes 16 octets of 102, and is full again.
    let waiting = |kept: &Vec<(DuplexStream, _, WriteHalf<DuplexStream>, _)>| -> Vec<usize> {
        kept.iter().map(|(_, _, write, _)| write.output_len()).collect()
    };
    let before = waiting(&kept);
    for (client, ..) in &mut kept {
        client.read_exact(&mut [0; 16]).await.unwrap();
    }
    let mut most = 0;
    let mut last = before;
    for _ in 0..100 {
        yield_now().await;
        let now = waiting(&kept);
        most = most.max(now.iter().zip(&last).filter(|(now, last)| now != last).count());
        last = now;
    }
    assert!(most <= 512, "{most} were written to between two turns of another task");
}
