//! What is delivered, in what order, in how many writes, and to whom not.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tidewire_sse::{Encoded, Event};
use tidewire_tokio::hub::{OnLag, Policy, PublishOptions, TopicName};
use tokio::{io::duplex, task::yield_now, time::Instant};

use crate::{
    counted::Counted,
    served::{ASK, Served, Wanted, hub, publish, settle},
};

#[tokio::test(start_paused = true)]
async fn a_burst_reaches_each_of_very_many_in_one_chunk_and_one_write() {
    let (hub, writes) = (hub(), Arc::new(AtomicUsize::new(0)));
    let mut streams = Vec::new();
    for _ in 0..300 {
        let (client, server) = duplex(1024);
        let io = Counted::new(server, &writes);
        streams.push(Served::over(&hub, client, io, ASK, Wanted::default()).await);
    }
    for stream in &mut streams {
        let head = stream.head().await;
        assert!(head.contains("\r\ncontent-type: text/event-stream\r\n"), "{head}");
        assert!(head.contains("\r\ntransfer-encoding: chunked\r\n"), "{head}");
    }
    assert_eq!(writes.swap(0, Ordering::Relaxed), 300);
    for number in 0..8 {
        publish(&hub, &number.to_string());
    }
    let burst: String = (0..8).map(|number| format!("data: {number}\n\n")).collect();
    for stream in &mut streams {
        assert_eq!(stream.chunk().await, burst);
    }
    assert_eq!(writes.load(Ordering::Relaxed), 300);
}

#[tokio::test(start_paused = true)]
async fn it_begins_with_what_it_is_told_to_in_the_write_of_its_head() {
    let (hub, writes) = (hub(), Arc::new(AtomicUsize::new(0)));
    let (client, server) = duplex(1024);
    let first = vec![Encoded::retry(Duration::from_secs(3)), Event::new().id("token").encoded().unwrap()];
    let wanted = Wanted { first, ..Wanted::default() };
    let mut stream = Served::over(&hub, client, Counted::new(server, &writes), ASK, wanted).await;
    stream.head().await;
    assert_eq!(stream.chunk().await, "retry: 3000\nid: token\n\n");
    assert_eq!(writes.load(Ordering::Relaxed), 1);
    publish(&hub, "one");
    assert_eq!(stream.chunk().await, "data: one\n\n");
}

#[tokio::test(start_paused = true)]
async fn a_hand_makes_of_it_what_it_wants() {
    let hub = hub();
    let mut stream = Served::new(&hub, 1 << 16).await;
    stream.head().await;
    for line in ["silence", "inject"] {
        publish(&hub, line);
        settle().await;
    }
    for line in ["one", "inject", "silence", "own"] {
        publish(&hub, line);
    }
    let chunk = stream.chunk().await;
    assert!(chunk.starts_with("data: one\n\nid: ") && chunk.ends_with("\ndata: own\n\n"), "{chunk}");
    // Long ones go beside the short ones, in their order.
    let long = "x".repeat(5000);
    for line in ["short", &long, "short"] {
        publish(&hub, line);
    }
    assert_eq!(stream.lines(3).await, ["short", &long, "short"]);
}

#[tokio::test(start_paused = true)]
async fn what_a_hand_follows_from_its_past_comes_at_once() {
    let hub = hub();
    let past = TopicName::new("past").unwrap();
    for line in ["1", "2"] {
        hub.publish(&past, line.into(), &PublishOptions::new()).unwrap();
    }
    let mut stream = Served::new(&hub, 1 << 16).await;
    stream.head().await;
    publish(&hub, "follow");
    let start = Instant::now();
    assert_eq!(stream.lines(2).await, ["1", "2"]);
    assert_eq!(start.elapsed().as_secs(), 0);
}

#[tokio::test(start_paused = true)]
async fn to_http_1_0_it_is_no_chunks() {
    let hub = hub();
    let (client, server) = duplex(1024);
    let ask = "GET / HTTP/1.0\r\n\r\n";
    let mut stream = Served::over(&hub, client, server, ask, Wanted::default()).await;
    let head = stream.head().await;
    assert!(!head.contains("chunked"), "{head}");
    for line in ["one", "two", "end"] {
        publish(&hub, line);
    }
    assert_eq!(stream.rest().await, "data: one\n\ndata: two\n\ndata: bye\n\n");
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_is_full_is_handed_nothing_and_then_everything() {
    let hub = hub();
    let (mut slow, mut fast) = (Served::new(&hub, 8).await, Served::new(&hub, 1 << 17).await);
    fast.head().await;
    slow.head().await;
    for number in 0..500 {
        publish(&hub, &format!("line {number}"));
        settle().await;
    }
    let expected: Vec<String> = (0..500).map(|number| format!("line {number}")).collect();
    assert_eq!(fast.lines(500).await, expected, "the others feel nothing");
    assert_eq!(slow.lines(500).await, expected);
}

#[tokio::test(start_paused = true)]
async fn a_slow_one_gets_what_its_policy_says() {
    let hub = hub();
    let wanted = |on_lag| {
        let mut policy = Policy::default();
        (policy.max_lag_messages, policy.on_lag) = (3, on_lag);
        Wanted { policy, ..Wanted::default() }
    };
    let mut dismissed = Served::with(&hub, 4, wanted(OnLag::Disconnect)).await;
    let mut skips = Served::with(&hub, 4, wanted(OnLag::SkipToNewest)).await;
    dismissed.head().await;
    skips.head().await;
    for number in 0..10 {
        publish(&hub, &format!("line {number}"));
        settle().await;
    }
    assert_eq!(dismissed.lines(1).await, ["line 0"]);
    assert_eq!(dismissed.rest().await, "10\r\ndata: too slow\n\n\r\n0\r\n\r\n", "it is told, and ends");
    let lines = skips.lines(2).await;
    assert_eq!(lines[..2], ["line 0", "!"]);
    drop((dismissed.client, skips.client));
    for task in [dismissed.task, skips.task] {
        task.await.unwrap();
    }
    assert_eq!(hub.usage().subscribers, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threads_deliver_everything_once_and_in_order() {
    let hub = hub();
    let mut reading = Vec::new();
    for _ in 0..40 {
        let mut stream = Served::new(&hub, 64).await;
        stream.head().await;
        reading.push(tokio::spawn(async move {
            let expected: Vec<String> = (0..500).map(|number| number.to_string()).collect();
            assert_eq!(stream.lines(500).await, expected);
            drop(stream.client);
            stream.task.await.unwrap();
        }));
    }
    for number in 0..500 {
        publish(&hub, &number.to_string());
        if number % 7 == 0 {
            yield_now().await;
        }
    }
    for client in reading {
        client.await.unwrap();
    }
    assert_eq!(hub.usage().subscribers, 0);
}
