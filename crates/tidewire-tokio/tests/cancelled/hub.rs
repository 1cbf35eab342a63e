//! `Subscriber::batch`.

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use tidewire_tokio::hub::{
    Budget, Config, ConnectionId, Delivered, PublishOptions, SharedHub, Start, TopicName,
};
use tokio::time::sleep;

use crate::cut::everywhere;

#[tokio::test(start_paused = true)]
async fn batch_hands_out_each_message_once() {
    const MESSAGES: usize = 12;
    for shards in [1, 3] {
        let points = everywhere(async |cut| {
            let hub =
                SharedHub::<Arc<str>>::with_shards(Config::default(), NonZeroUsize::new(shards).unwrap());
            let topics = ["a", "b", "c"].map(|name| TopicName::new(name).unwrap());
            let mut reader = hub.subscriber(ConnectionId::new(1)).unwrap();
            for topic in &topics {
                reader.subscribe(topic, Start::Live).unwrap();
            }
            let publishing = tokio::spawn(async move {
                for number in 0..MESSAGES {
                    let text = number.to_string().into();
                    hub.publish(&topics[number % 3], text, &PublishOptions::new()).unwrap();
                    sleep(Duration::from_millis(2)).await;
                }
            });
            let mut numbers = Vec::new();
            while numbers.len() < MESSAGES {
                let mut batch = Vec::new();
                cut.again(async || reader.batch(Budget::default(), &mut batch).await).await;
                numbers.extend(batch.iter().map(|delivered| match delivered {
                    Delivered::Message(kept) => kept.message.parse::<usize>().unwrap(),
                    Delivered::Direct(_) | Delivered::Gap(_) | Delivered::Dismissed(_) => {
                        panic!("{delivered:?}")
                    }
                }));
            }
            numbers.sort_unstable();
            assert!(numbers.into_iter().eq(0..MESSAGES), "{cut:?}");
            publishing.await.unwrap();
        })
        .await;
        assert!(points >= MESSAGES, "{points}");
    }
}
