//! Churn, slow sockets, several shards, several threads: all of it in order and once, and nothing is left behind.

use std::time::Duration;

use tidewire_tokio::hub::{Config as HubConfig, Start, TopicName};
use tokio::{
    io::{AsyncReadExt, duplex},
    runtime::{Builder, Handle},
    task::{JoinHandle, yield_now},
    time::{sleep, timeout},
};

use super::{Hub, follow, halves, name, publish};

const TOPICS: usize = 8;
const LINES: usize = 300;
const FOLLOWERS: u64 = 60;
const PASSERS_BY: u64 = 400;

/// One who follows all topics on a socket that is slow or fast, and asks its reader now and then. It ends with how many lines
/// were handed on, each of which was the next of its topic.
fn follower(hub: &Hub, number: u64, topics: &[TopicName]) -> JoinHandle<usize> {
    let (mut client, io) = duplex(if number % 2 == 0 { 37 } else { 1 << 14 });
    let (mut read, write) = halves(io);
    let reader = follow(hub, number, &topics.iter().collect::<Vec<_>>(), Start::Live);
    let (told, mut tell) = tokio::sync::watch::channel(0);
    let mut next = [0_usize; TOPICS];
    let delivering = write.deliver(reader, move |_, delivered, outbox| {
        let kept = delivered.message().expect("no gap");
        let at: usize = kept.topic.as_str().parse().unwrap();
        assert_eq!(*kept.message, *next[at].to_string(), "topic {at}");
        next[at] += 1;
        outbox.feed_text(&kept.message).unwrap();
        told.send_modify(|all| *all += 1);
    });
    tokio::spawn(async move { while read.next().await.is_some() {} });
    let reads = tokio::spawn(async move {
        let mut piece = vec![0; 1 + number as usize * 7 % 300];
        while client.read(&mut piece).await.unwrap_or(0) > 0 {
            if number % 3 == 0 {
                yield_now().await;
            }
        }
    });
    tokio::spawn(async move {
        let all = async {
            for question in 0.. {
                if *tell.borrow_and_update() == TOPICS * LINES {
                    return;
                }
                tell.changed().await.expect("a hand panicked");
                if number % 5 == 0 && question % 16 == 0 {
                    delivering.reader(|reader| reader.cursor().to_string()).expect("it lives");
                }
            }
        };
        // What came is counted where it did not all come.
        let _ = timeout(Duration::from_secs(60), all).await;
        drop((write, delivering));
        reads.abort();
        *tell.borrow()
    })
}

/// Others come, are handed something perhaps, and go in any order.
async fn pass_by(hub: Hub, topics: Vec<TopicName>) {
    for number in 0..PASSERS_BY {
        let (client, io) = duplex(16);
        let (read, write) = halves(io);
        let followed: Vec<_> = topics.iter().take(1 + number as usize % 4).collect();
        let reader = follow(&hub, FOLLOWERS + 1 + number, &followed, Start::Last(3));
        let goes = write.deliver(reader, |_, delivered, outbox| {
            if let Some(kept) = delivered.message() {
                let _ = outbox.feed_text(&kept.message);
            }
        });
        yield_now().await;
        match number % 3 {
            0 => drop((goes, client, read, write)),
            1 => drop((client, read, write, goes)),
            _ => drop((read, client, goes, write)),
        }
    }
}

#[test]
fn all_of_it_comes_in_order_and_once() {
    let runtime = Builder::new_multi_thread().worker_threads(3).enable_all().build().unwrap();
    runtime.block_on(async {
        let hub = Hub::with_shards(HubConfig::default(), 4.try_into().unwrap());
        let topics: Vec<_> = (0..TOPICS).map(|number| name(&number.to_string())).collect();
        let followers: Vec<_> = (1..=FOLLOWERS).map(|number| follower(&hub, number, &topics)).collect();
        let passing = tokio::spawn(pass_by(hub.clone(), topics.clone()));
        for line in 0..LINES {
            topics.iter().for_each(|topic| publish(&hub, topic, &line.to_string()));
            if line % 8 == 0 {
                sleep(Duration::from_millis(1)).await;
            }
        }
        for follower in followers {
            assert_eq!(follower.await.unwrap(), TOPICS * LINES);
        }
        passing.await.unwrap();
        // A hand that is at work ends its outlet behind that.
        let everybody_left = async {
            while hub.usage().subscribers > 0 {
                sleep(Duration::from_millis(10)).await;
            }
        };
        assert!(timeout(Duration::from_secs(30), everybody_left).await.is_ok());
        drop(hub);
        // The hub's upkeep has a task, and so have the alarms.
        let alive = || Handle::current().metrics().num_alive_tasks();
        let ended = async {
            while alive() > 1 {
                sleep(Duration::from_millis(10)).await;
            }
        };
        let ended = timeout(Duration::from_secs(30), ended).await;
        assert!(ended.is_ok(), "the couriers end with their hub, and {} tasks are alive", alive());
    });
}
