//! What a stream does by itself, beside what is delivered.

use std::{sync::Arc, time::Duration};

use tidewire_lifecycle::{Config, Heartbeat};
use tidewire_tokio::drain::Drain;
use tokio::time::{Instant, sleep};

use crate::served::{Hub, KEEP_ALIVE, Served, Wanted, hub, publish, settle};

async fn with_config(hub: &Hub, change: impl FnOnce(&mut Config)) -> Served {
    let mut config = Config::event_stream();
    change(&mut config);
    let wanted = Wanted { lifecycle: Some(Arc::new(config)), ..Wanted::default() };
    let mut stream = Served::with(hub, 1 << 16, wanted).await;
    stream.head().await;
    stream
}

#[tokio::test(start_paused = true)]
async fn silence_is_broken_by_keep_alives_and_events_put_them_off() {
    let hub = hub();
    let mut stream = Served::new(&hub, 1 << 16).await;
    stream.head().await;
    let start = Instant::now();
    assert_eq!(stream.chunk().await, KEEP_ALIVE);
    assert_eq!(start.elapsed().as_secs(), 15);
    for number in 0..10 {
        sleep(Duration::from_millis(14_900)).await;
        publish(&hub, "late");
        assert_eq!(stream.chunk().await, "data: late\n\n", "{number}");
    }
    let event = Instant::now();
    for number in 1..=100 {
        assert_eq!(stream.chunk().await, KEEP_ALIVE);
        assert_eq!(event.elapsed().as_secs(), 15 * number);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_full_is_sent_no_keep_alives() {
    let hub = hub();
    let mut wanted = Wanted::default();
    wanted.limits.write_stall_timeout = Duration::from_secs(1000);
    let mut stream = Served::with(&hub, 16, wanted).await;
    stream.head().await;
    publish(&hub, "more than the socket takes");
    sleep(Duration::from_secs(100)).await;
    assert_eq!(stream.chunk().await, "data: more than the socket takes\n\n");
    assert_eq!(stream.chunk().await, KEEP_ALIVE);
}

#[tokio::test(start_paused = true)]
async fn without_keep_alives_the_idle_rule_ends_it() {
    let hub = hub();
    let mut stream = with_config(&hub, |config| config.heartbeat = Heartbeat::Off).await;
    sleep(Duration::from_secs(200)).await;
    publish(&hub, "one");
    assert_eq!(stream.chunk().await, "data: one\n\n");
    let start = Instant::now();
    assert_eq!(stream.rest().await, "0\r\n\r\n");
    assert_eq!(start.elapsed().as_secs(), 300);
    assert_eq!(hub.usage().subscribers, 0);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_never_pauses_gets_no_older_than_it_may() {
    let hub = hub();
    let mut stream = with_config(&hub, |config| config.max_age = Some(Duration::from_secs(10))).await;
    let start = Instant::now();
    let publisher = hub.clone();
    let publishing = tokio::spawn(async move {
        loop {
            publish(&publisher, "tick");
            sleep(Duration::from_millis(100)).await;
        }
    });
    let whole = stream.rest().await;
    assert_eq!(start.elapsed().as_secs(), 10);
    assert!(whole.ends_with("\r\ndata: tick\n\n\r\n0\r\n\r\n"));
    assert!((99..=101).contains(&whole.matches("tick").count()));
    publishing.abort();
}

/// Ten silent streams, told over the drain's ten seconds; events go on meanwhile.
#[tokio::test(start_paused = true)]
async fn a_drain_ends_them_in_their_turns() {
    let (hub, drain) = (hub(), Drain::new());
    let mut ends = Vec::new();
    for _ in 0..10 {
        let wanted = Wanted { drain: Some(drain.clone()), ..Wanted::default() };
        let mut stream = Served::with(&hub, 1 << 16, wanted).await;
        stream.head().await;
        ends.push(tokio::spawn(async move {
            let rest = stream.rest().await;
            assert!(rest.ends_with("0\r\n\r\n"), "{rest}");
            (Instant::now(), rest.matches("while it drains").count())
        }));
    }
    sleep(Duration::from_secs(60)).await;
    let start = Instant::now();
    drain.begin();
    settle().await;
    for _ in 0..10 {
        sleep(Duration::from_millis(499)).await;
        publish(&hub, "while it drains");
        sleep(Duration::from_millis(501)).await;
    }
    let mut found = Vec::new();
    for end in ends {
        let (at, events) = end.await.unwrap();
        found.push(((at - start).as_secs(), events));
    }
    found.sort_unstable();
    assert_eq!(found, (0..10).map(|second| (second, second as usize)).collect::<Vec<_>>());
    assert_eq!(hub.usage().subscribers, 0);
}
