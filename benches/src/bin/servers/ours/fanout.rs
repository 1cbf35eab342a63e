//! Fan-out: everyone publishes to and follows one topic of a shared hub, whose messages are frames that are encoded once.

use std::{
    hash::Hasher,
    sync::atomic::{AtomicU64, Ordering},
};

use tidewire_tokio::{
    accept::Acceptor,
    drain::Drain,
    hub::{Config, ConnectionId, Delivered, PublishOptions, SharedHub, Start, Subscriber, TopicName},
    listener::Stream,
    runtime::Workers,
    server::Server,
    websocket::{Message, WebSocket},
};
use tidewire_ws::frame::{CloseCode, EncodedFrame};

use super::listen;
use crate::Failed;

/// A message as it goes to everyone.
#[derive(Clone)]
struct Shared(EncodedFrame);

impl tidewire_hub::Message for Shared {
    fn len_bytes(&self) -> usize {
        self.0.len_bytes()
    }

    fn hash_body(&self, hasher: &mut dyn Hasher) {
        hasher.write(self.0.bytes());
    }
}

pub(super) async fn serve(workers: Workers) -> Result<(), Failed> {
    let hub = SharedHub::<Shared>::new(Config::default());
    let topic = TopicName::new("room")?;
    let connections = AtomicU64::new(0);
    Server::new(Acceptor::default())
        .on(workers)
        .run(listen()?, &Drain::new(), move |websocket, _| {
            let connection = ConnectionId::new(connections.fetch_add(1, Ordering::Relaxed) + 1);
            let (hub, topic) = (hub.clone(), topic.clone());
            async move {
                let Ok(mut reader) = hub.subscriber(connection) else { return };
                if reader.subscribe(&topic, Start::Live).is_ok() {
                    talk(websocket, reader, hub, topic).await;
                }
            }
        })
        .await;
    Ok(())
}

/// Publishes what comes. What is published goes from the hub straight to the socket.
async fn talk(
    websocket: WebSocket<Stream>,
    reader: Subscriber<Shared>,
    hub: SharedHub<Shared>,
    topic: TopicName,
) {
    let (mut read, write) = websocket.split();
    let _delivering = write.deliver(reader, |_, delivered, outbox| match delivered {
        Delivered::Message(kept) => drop(outbox.feed_encoded(&kept.message.0)),
        Delivered::Direct(_) => {}
        Delivered::Gap(_) | Delivered::Dismissed(_) => {
            let _ = outbox.start_close(CloseCode::TRY_AGAIN_LATER, "too slow");
        }
    });
    while let Some(message) = read.next().await {
        let frame = match &message {
            Message::Text(text) => EncodedFrame::text(text),
            Message::Binary(payload) => EncodedFrame::binary(payload),
        };
        if hub.publish(&topic, Shared(frame), &PublishOptions::new()).is_err() {
            return;
        }
    }
}
