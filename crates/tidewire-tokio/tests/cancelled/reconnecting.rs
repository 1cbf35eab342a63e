//! `Connector::connect_over`, and `ReconnectingWebSocket`.

use std::sync::{Arc, Mutex};

use tidewire_tokio::{
    accept::Acceptor,
    connect::{Connector, Request},
    reconnect::{Preparing, ReconnectingWebSocket, Resume, Update},
    websocket::Message,
};
use tidewire_ws::{frame::CloseCode, handshake::Response};
use tokio::io::{DuplexStream, duplex};

use crate::cut::everywhere;

#[tokio::test(start_paused = true)]
async fn connect_drops_the_transport_and_leaves_nothing_behind() {
    let points = everywhere(async |cut| {
        let (client, server) = duplex(1);
        let server = tokio::spawn(async move {
            let mut websocket = Acceptor::default().accept(server).await.ok()?;
            websocket.send(Message::text("hello")).await.ok()?;
            // The end comes, whether the client got as far as this or not.
            assert_eq!(websocket.next().await, None);
            Some(())
        });
        if let Some(connected) = cut.once(Connector::default().connect_over(client, "ws://a/")).await {
            let (mut websocket, _) = connected.unwrap();
            assert_eq!(websocket.next().await, Some(Message::text("hello")));
            drop(websocket);
            assert_eq!(server.await.unwrap(), Some(()));
        } else {
            // It may have been as good as open.
            let _ = server.await.unwrap();
        }
    })
    .await;
    assert!(points > 100, "{points}");
}

/// Goes on behind so many messages.
#[derive(Debug, Default)]
struct Place(usize);

impl Resume for Place {
    fn request(&mut self, request: Request) -> Preparing {
        let request = request.query("after", &self.0.to_string());
        Box::pin(async {
            tokio::task::yield_now().await;
            Ok(request)
        })
    }

    fn received(&mut self, _: &Message) {
        self.0 += 1;
    }
}

/// Says `1` to `4` from where it is asked to, two a connection, and then whether what comes back is all of it.
async fn serve(io: DuplexStream, heard: Arc<Mutex<Vec<Message>>>) {
    let mut after = 0;
    let answer = |request: &tidewire_ws::handshake::Request<'_>| {
        after = request.query().and_then(|query| query.strip_prefix("after=")?.parse().ok()).unwrap();
        Ok(Response::new())
    };
    let Ok(mut websocket) = Acceptor::default().accept_with(io, answer).await else { return };
    for number in (after + 1..=4).take(2) {
        if websocket.send(Message::Text(number.to_string())).await.is_err() {
            return;
        }
    }
    if after >= 4 {
        while let Some(message) = websocket.next().await {
            heard.lock().unwrap().push(message);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_comes_back_loses_nothing() {
    let points = everywhere(async |cut| {
        let (connector, heard) = (Arc::new(Connector::default()), Arc::<Mutex<Vec<Message>>>::default());
        let server_heard = Arc::clone(&heard);
        let builder = ReconnectingWebSocket::builder("ws://a/").connect_by(move |request| {
            // Short, and of more than a byte: each run has some hundred points.
            let (client, server) = duplex(16);
            tokio::spawn(serve(server, server_heard.clone()));
            let connector = connector.clone();
            async move { connector.connect_over(client, request).await }
        });
        let mut client = builder.entropy(3).resume(Place::default()).connect().unwrap();
        for number in 1..=4 {
            let message = cut.again(async || client.next().await).await.unwrap().unwrap();
            assert_eq!(message, Message::Text(number.to_string()), "{cut:?}");
        }
        while !matches!(cut.again(async || client.next_update().await).await, Some(Ok(Update::Open(_)))) {}
        let _ = cut.once(client.send(Message::text("hello"))).await;
        cut.again(async || client.flush().await).await;
        cut.again(async || client.close(CloseCode::NORMAL, "").await).await.unwrap();
        assert!(cut.again(async || client.next().await).await.is_none());
        assert_eq!(*heard.lock().unwrap(), [Message::text("hello")], "{cut:?}");
    })
    .await;
    assert!(points > 50, "{points}");
}
