//! Fan-out: everyone publishes to and follows one topic of a shared hub, whose messages are frames that are encoded once.

use std::{
    future::poll_fn,
    hash::Hasher,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
};

use tidewire_tokio::{
    accept::Acceptor,
    drain::Drain,
    hub::{Budget, Config, ConnectionId, Delivered, PublishOptions, SharedHub, Start, Subscriber, TopicName},
    websocket::{Message, WebSocket},
};
use tidewire_ws::frame::{CloseCode, EncodedFrame};
use tokio::net::TcpStream;

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
    let acceptor = Arc::new(Acceptor::default());
    let listener = listen()?;
    let drain = Drain::new();
    let mut connections = 0;
    loop {
        let (stream, _, permit) = listener.accept().await;
        let (hub, topic, acceptor) = (hub.clone(), topic.clone(), Arc::clone(&acceptor));
        connections += 1;
        let connection = ConnectionId::new(connections);
        let end = drain.clone();
        drain.spawn(async move {
            let Ok(websocket) = acceptor.accept(stream).await else { return };
            let Ok(mut reader) = hub.subscriber(connection) else { return };
            if reader.subscribe(&topic, Start::Live).is_ok() {
                Session { websocket, reader, hub, topic }.run(end).await;
            }
            drop(permit);
        });
    }
}

struct Session {
    websocket: WebSocket<TcpStream>,
    reader: Subscriber<Shared>,
    hub: SharedHub<Shared>,
    topic: TopicName,
}

enum Turn {
    Closing,
    Received(Message),
    Delivered,
    Over,
}

impl Session {
    async fn run(mut self, drain: Drain) {
        let mut end = pin!(drain.begun());
        let mut batch = Vec::new();
        loop {
            match poll_fn(|cx| self.poll_turn(cx, end.as_mut(), &mut batch)).await {
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
                Turn::Closing => {
                    let _ = self.websocket.close(CloseCode::GOING_AWAY, "shutting down").await;
                    return;
                }
                Turn::Over => return,
            }
        }
    }

    fn poll_turn(
        &mut self,
        cx: &mut Context<'_>,
        end: Pin<&mut impl Future<Output = ()>>,
        batch: &mut Vec<Delivered<Shared>>,
    ) -> Poll<Turn> {
        if end.poll(cx).is_ready() {
            return Poll::Ready(Turn::Closing);
        }
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
