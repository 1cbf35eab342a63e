//! Fan-out: everyone publishes to and follows one topic of a shared hub, whose messages are frames that are encoded once.

use std::{
    future::poll_fn,
    hash::Hasher,
    sync::atomic::{AtomicU64, Ordering},
    task::{Context, Poll},
};

use tidewire_tokio::{
    accept::Acceptor,
    drain::Drain,
    hub::{Budget, Config, ConnectionId, Delivered, PublishOptions, SharedHub, Start, Subscriber, TopicName},
    listener::Stream,
    server::Server,
    websocket::{Message, WebSocket},
};
use tidewire_ws::frame::EncodedFrame;

use super::listen;
use crate::Failed;

/// What is taken from the hub at a time.
const BATCH: Budget = Budget { max_messages: 256, max_bytes: 64 * 1024 };

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

pub(super) async fn serve() -> Result<(), Failed> {
    let hub = SharedHub::<Shared>::new(Config::default());
    let topic = TopicName::new("room")?;
    let connections = AtomicU64::new(0);
    Server::new(Acceptor::default())
        .run(listen()?, &Drain::new(), move |websocket, _| {
            let connection = ConnectionId::new(connections.fetch_add(1, Ordering::Relaxed) + 1);
            let (hub, topic) = (hub.clone(), topic.clone());
            async move {
                let Ok(mut reader) = hub.subscriber(connection) else { return };
                if reader.subscribe(&topic, Start::Live).is_ok() {
                    Session { websocket, reader, hub, topic }.run().await;
                }
            }
        })
        .await;
    Ok(())
}

struct Session {
    websocket: WebSocket<Stream>,
    reader: Subscriber<Shared>,
    hub: SharedHub<Shared>,
    topic: TopicName,
}

enum Turn {
    Received(Message),
    Delivered,
    Over,
}

impl Session {
    async fn run(mut self) {
        let mut batch = Vec::new();
        loop {
            match poll_fn(|cx| self.poll_turn(cx, &mut batch)).await {
                Turn::Received(message) => {
                    let frame = match &message {
                        Message::Text(text) => EncodedFrame::text(text),
                        Message::Binary(payload) => EncodedFrame::binary(payload),
                    };
                    if self.hub.publish(&self.topic, Shared(frame), &PublishOptions::new()).is_err() {
                        return;
                    }
                }
                Turn::Delivered => {
                    for delivered in std::mem::take(&mut batch) {
                        match delivered {
                            Delivered::Message(kept) => {
                                let _ = self.websocket.feed_encoded(&kept.message.0);
                            }
                            Delivered::Direct(_) => {}
                            Delivered::Gap(_) | Delivered::Dismissed(_) => return,
                        }
                    }
                }
                Turn::Over => return,
            }
        }
    }

    fn poll_turn(&mut self, cx: &mut Context<'_>, batch: &mut Vec<Delivered<Shared>>) -> Poll<Turn> {
        if let Poll::Ready(message) = self.websocket.poll_message(cx) {
            return Poll::Ready(message.map_or(Turn::Over, Turn::Received));
        }
        // Nothing is taken for a socket that is full.
        if self.websocket.output_len() == 0 {
            return self.reader.poll_batch(cx, BATCH, batch).map(|_| Turn::Delivered);
        }
        Poll::Pending
    }
}
