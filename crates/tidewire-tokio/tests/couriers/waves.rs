//! Waves of a crowd: nobody is starved by it, and nobody in it is forgotten.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tidewire_tokio::hub::{Config as HubConfig, ConnectionId, PublishOptions, SharedHub, Start};
use tokio::{
    io::{AsyncReadExt, duplex},
    task::yield_now,
};

use super::{Hub, apart, follow, halves, name, publish, settle};

/// Those who have been served are ready again before the last has had its turn.
#[tokio::test(start_paused = true)]
async fn a_crowd_that_is_always_ready_starves_nobody() {
    let (hub, crowded, other) = apart();
    let handed = Arc::new(AtomicUsize::new(0));
    let mut kept = Vec::new();
    for number in 1..=1000 {
        let (client, io) = duplex(1 << 16);
        let (read, write) = halves(io);
        let counted = Arc::clone(&handed);
        let delivering = write.deliver(follow(&hub, number, &[&crowded], Start::Live), move |_, _, _| {
            counted.fetch_add(1, Ordering::Relaxed);
        });
        kept.push((client, read, write, delivering));
    }
    settle().await;
    let (client, io) = duplex(1 << 16);
    let (read, write) = halves(io);
    let heard = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&heard);
    let mut late = None;
    for turn in 1..=500 {
        publish(&hub, &crowded, "again");
        yield_now().await;
        if turn == 100 {
            // Who comes, and what is in another shard, waits for no end of that.
            let counted = Arc::clone(&counted);
            late = Some(write.deliver(follow(&hub, 2000, &[&other], Start::Live), move |_, _, _| {
                counted.fetch_add(1, Ordering::Relaxed);
            }));
            publish(&hub, &other, "once");
        }
        if turn == 110 {
            assert_eq!(heard.load(Ordering::Relaxed), 1);
        }
    }
    settle().await;
    assert_eq!(handed.load(Ordering::Relaxed), 500 * 1000, "nobody misses anything");
    drop((client, read, late));
}

/// A wave goes by those whose sockets are full, or gone, and none of them is forgotten.
#[tokio::test(start_paused = true)]
async fn a_wave_goes_by_who_cannot_take() {
    let (hub, topic) = (Hub::new(HubConfig::default()), name("room"));
    let mut kept = Vec::new();
    for number in 1..=300 {
        // Every third takes next to nothing at a time.
        let (client, io) = duplex(if number % 3 == 0 { 4 } else { 1 << 16 });
        let (read, write) = halves(io);
        let delivering =
            write.deliver(follow(&hub, number, &[&topic], Start::Live), |_, delivered, outbox| {
                outbox.feed_text(&delivered.message().unwrap().message).unwrap();
            });
        kept.push((client, read, write, delivering));
    }
    for line in ["one", "two", "three", "four"] {
        publish(&hub, &topic, line);
        settle().await;
        if line == "two" {
            // Some of each kind go.
            kept.retain(|(_, _, _, delivering)| delivering.reader(|reader| reader.cursor()).is_some());
            kept.drain(..100);
        }
    }
    assert_eq!(hub.usage().subscribers, 200);
    for (client, ..) in &mut kept {
        let mut all = [0; 4 * 2 + 15];
        tokio::time::timeout(Duration::from_secs(1), client.read_exact(&mut all)).await.unwrap().unwrap();
        assert_eq!(&all, b"\x81\x03one\x81\x03two\x81\x05three\x81\x04four");
    }
}

/// A message that cannot be cloned for the first time.
struct Fragile(Arc<AtomicUsize>);

impl Clone for Fragile {
    fn clone(&self) -> Self {
        assert!(self.0.fetch_add(1, Ordering::Relaxed) > 0, "a message that panics");
        Self(Arc::clone(&self.0))
    }
}

impl tidewire_tokio::hub::Message for Fragile {
    fn len_bytes(&self) -> usize {
        1
    }

    fn hash_body(&self, _: &mut dyn std::hash::Hasher) {}
}

/// As none should; the next wave comes all the same.
#[tokio::test(start_paused = true)]
async fn a_message_that_panics_stops_nobody_for_good() {
    let hub = SharedHub::<Fragile>::new(HubConfig::default());
    let (topic, handed) = (name("room"), Arc::new(AtomicUsize::new(0)));
    let mut kept = Vec::new();
    for number in 1..=200 {
        let (client, io) = duplex(64);
        let (read, write) = halves(io);
        let mut reader = hub.subscriber(ConnectionId::new(number)).unwrap();
        reader.subscribe(&topic, Start::Live).unwrap();
        let counted = Arc::clone(&handed);
        let delivering = write.deliver(reader, move |_, _, _| {
            counted.fetch_add(1, Ordering::Relaxed);
        });
        kept.push((client, read, write, delivering));
    }
    settle().await;
    let publish = |clones| {
        hub.publish(&topic, Fragile(Arc::new(AtomicUsize::new(clones))), &PublishOptions::new()).unwrap();
    };
    publish(0);
    settle().await;
    assert!(handed.swap(0, Ordering::Relaxed) < 200, "one has lost it");
    publish(1);
    settle().await;
    assert_eq!(handed.load(Ordering::Relaxed), 200);
}
