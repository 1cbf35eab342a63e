//! Turns: who always has more keeps nobody waiting, and what is taken in a turn is handed on in it.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tidewire_tokio::hub::{Config as HubConfig, ConnectionId, Message, PublishOptions, SharedHub, Start};
use tokio::io::{AsyncReadExt, duplex};

use super::{Hub, follow, halves, name, publish, settle};

/// One of them has a backlog that grows as fast as it takes.
#[tokio::test(start_paused = true)]
async fn who_always_has_more_starves_nobody() {
    let hub = Hub::with_shards(HubConfig::default(), 1.try_into().unwrap());
    let (endless, room) = (name("endless"), name("room"));
    (0..600).for_each(|_| publish(&hub, &endless, "again"));
    let (_client, io) = duplex(1 << 16);
    let (_read, write) = halves(io);
    let (again, topic) = (hub.clone(), endless.clone());
    let reader = follow(&hub, 1, &[&endless], Start::Earliest);
    let _endless = write.deliver(reader, move |_, _, _| publish(&again, &topic, "again"));
    let (_other_client, io) = duplex(1 << 16);
    let (_other_read, write) = halves(io);
    let heard = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&heard);
    settle().await;
    let _other = write.deliver(follow(&hub, 2, &[&room], Start::Live), move |_, _, _| {
        counted.fetch_add(1, Ordering::Relaxed);
    });
    settle().await;
    publish(&hub, &room, "once");
    settle().await;
    assert_eq!(heard.load(Ordering::Relaxed), 1);
}

/// What it missed in one topic is there already.
#[tokio::test(start_paused = true)]
async fn what_is_followed_from_its_past_while_the_socket_is_full_comes() {
    let hub = Hub::with_shards(HubConfig::default(), 1.try_into().unwrap());
    let (room, past) = (name("room"), name("past"));
    publish(&hub, &past, "past");
    let (mut client, io) = duplex(4);
    let (_read, write) = halves(io);
    let delivering = write.deliver(follow(&hub, 1, &[&room], Start::Live), |_, delivered, outbox| {
        outbox.feed_text(&delivered.message().unwrap().message).unwrap();
    });
    settle().await;
    for line in ["first", "second"] {
        publish(&hub, &room, line);
        settle().await;
    }
    delivering.reader(|reader| reader.subscribe(&past, Start::Earliest)).unwrap().unwrap();
    settle().await;
    let mut all = [0; 7 + 8 + 6];
    let read = tokio::time::timeout(Duration::from_secs(1), client.read_exact(&mut all)).await;
    read.unwrap().unwrap();
    assert_eq!(&all, b"\x81\x05first\x81\x06second\x81\x04past");
}

/// A message that may be one that cannot be cloned.
#[derive(Debug)]
struct Fragile(&'static str);

impl Clone for Fragile {
    fn clone(&self) -> Self {
        assert!(self.0 != "breaks", "a message that panics");
        Self(self.0)
    }
}

impl Message for Fragile {
    fn len_bytes(&self) -> usize {
        1
    }

    fn hash_body(&self, _: &mut dyn std::hash::Hasher) {}
}

/// As none should; that one is lost, and nothing else, and nobody waits for what comes behind it.
#[tokio::test(start_paused = true)]
async fn a_message_that_panics_is_lost_alone() {
    let hub = SharedHub::<Fragile>::with_shards(HubConfig::default(), 1.try_into().unwrap());
    let handed = Arc::new(Mutex::new(Vec::new()));
    let mut kept = Vec::new();
    for (number, topic) in [(1, "good"), (2, "bad")] {
        let (client, io) = duplex(64);
        let (read, write) = halves(io);
        let mut reader = hub.subscriber(ConnectionId::new(number)).unwrap();
        reader.subscribe(&name(topic), Start::Live).unwrap();
        let noted = Arc::clone(&handed);
        let delivering = write.deliver(reader, move |_, delivered, _| {
            noted.lock().unwrap().push(delivered.message().unwrap().message.0);
        });
        kept.push((client, read, write, delivering));
    }
    settle().await;
    let publish = |topic, line| {
        hub.publish(&name(topic), Fragile(line), &PublishOptions::new()).unwrap();
    };
    publish("good", "first");
    for line in ["before", "breaks", "behind"] {
        publish("bad", line);
    }
    settle().await;
    publish("good", "second");
    publish("bad", "whole");
    settle().await;
    assert_eq!(*handed.lock().unwrap(), ["first", "before", "behind", "second", "whole"]);
}
