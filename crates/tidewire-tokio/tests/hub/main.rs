//! The shared hub: batches and wake-ups, one shard or several, and many threads at once.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{num::NonZeroUsize, sync::Arc};

use tidewire_tokio::hub::{Config, ConnectionId, Delivered, Kept, SharedHub, Start, Subscriber, TopicName};

mod reading;
mod shards;

fn hub(shards: usize) -> SharedHub<Text> {
    SharedHub::with_shards(Config::default(), NonZeroUsize::new(shards).unwrap())
}

/// Enough topics that every shard has one.
fn topics() -> Vec<TopicName> {
    (0..40).map(|index| topic(&format!("topic {index}"))).collect()
}

type Text = Arc<str>;

fn topic(name: &str) -> TopicName {
    TopicName::new(name).unwrap()
}

fn texts(batch: &[Delivered<Text>]) -> Vec<&str> {
    batch
        .iter()
        .map(|delivered| match delivered {
            Delivered::Message(Kept { message, .. }) | Delivered::Direct(message) => &**message,
            Delivered::Gap(_) | Delivered::Dismissed(_) => "no text",
        })
        .collect()
}

/// One that follows all topics from their beginning.
fn reader_of(hub: &SharedHub<Text>, topics: &[TopicName]) -> Subscriber<Text> {
    let mut subscriber = hub.subscriber(ConnectionId::new(1)).unwrap();
    for topic in topics {
        subscriber.subscribe(topic, Start::Earliest).unwrap();
    }
    subscriber
}
